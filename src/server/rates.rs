//! How often one caller may ask: an address, or the subject of a token.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

use crate::auth::{Caller, Refused};
use crate::config::{RateLimit, RateLimitKey};

/// Callers that are remembered; more than that, and those that were not heard of for longest start afresh.
const CALLERS_MAX: u64 = 100_000;
/// The part of an IPv6 address that one customer usually has for himself alone.
const IPV6_PREFIX_BITS: u32 = 64;

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock>;

/// The limits of `[rate_limit]`, and how much of them each caller has used.
pub struct Rates {
    key: RateLimitKey,
    quota: Quota,
    clock: MonotonicClock,
    callers: Cache<Who, Arc<Limiter>, ahash::RandomState>,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    Subject(String),
}

// === impl Rates ===

impl Rates {
    pub fn new(limit: &RateLimit) -> Rates {
        let per_second = NonZeroU32::new(limit.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(limit.burst).unwrap_or(per_second);
        // Whoever was silent for so long has his whole burst again, and need not be remembered.
        let refilled = Duration::from_secs(u64::from(burst.get().div_ceil(per_second.get())));
        let callers = Cache::builder().max_capacity(CALLERS_MAX).time_to_idle(refilled + Duration::from_secs(1));
        Rates {
            key: limit.key,
            quota: Quota::per_second(per_second).allow_burst(burst),
            clock: MonotonicClock,
            callers: callers.build_with_hasher(ahash::RandomState::new()),
        }
    }

    /// Counts a request of an address, where addresses are counted.
    pub fn admit_address(&self, peer: IpAddr) -> Result<(), Refused> {
        match self.key {
            RateLimitKey::Ip => self.admit(Who::of_address(peer)),
            RateLimitKey::Subject => Ok(()),
        }
    }

    /// Counts a request of a subject, where subjects are counted; whoever has none is his address.
    pub fn admit_subject(&self, peer: IpAddr, caller: &Caller) -> Result<(), Refused> {
        match self.key {
            RateLimitKey::Ip => Ok(()),
            RateLimitKey::Subject => {
                self.admit(caller.claim("sub").map_or_else(|| Who::of_address(peer), Who::Subject))
            }
        }
    }

    fn admit(&self, who: Who) -> Result<(), Refused> {
        let limiter =
            self.callers.get_with(who, || Arc::new(RateLimiter::direct_with_clock(self.quota, self.clock.clone())));
        limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Refused::TooMany { retry_after_secs: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) }
        })
    }
}

// === impl Who ===

impl Who {
    fn of_address(peer: IpAddr) -> Who {
        Who::Address(match peer.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() >> (128 - IPV6_PREFIX_BITS) << (128 - IPV6_PREFIX_BITS);
                IpAddr::V6(Ipv6Addr::from_bits(prefix))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_caller_and_a_mapped_ipv4_address_is_itself() {
        let who = |text: &str| Who::of_address(text.parse().unwrap());
        assert_eq!(who("2001:db8:1:2::1"), who("2001:db8:1:2:ffff::9"));
        assert_ne!(who("2001:db8:1:2::1"), who("2001:db8:1:3::1"));
        assert_eq!(who("::ffff:192.0.2.1"), who("192.0.2.1"));
        assert_ne!(who("192.0.2.1"), who("192.0.2.2"));
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_wait_is_told() {
        let rates = Rates::new(&RateLimit { requests_per_second: 1, burst: 3, key: RateLimitKey::Subject });
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        for _ in 0..3 {
            assert_eq!(rates.admit_subject(peer, &Caller::anonymous()), Ok(()));
        }
        let refused = rates.admit_subject(peer, &Caller::anonymous());
        assert_eq!(refused, Err(Refused::TooMany { retry_after_secs: 1 }));
        assert_eq!(rates.admit_subject(other, &Caller::anonymous()), Ok(()));
    }
}
