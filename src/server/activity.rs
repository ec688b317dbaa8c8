//! What a connection does, as it looks from outside: busy, idle, in the middle of a head, or taking requests back.
//!
//! Requests only count. The worker looks at all of its connections now and then, and tells those that have taken too
//! long to end: a look at ten thousand of them costs less than a timer at each request, and no request pays for it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::connections::Peer;
use crate::config::Connections;

/// What a connection is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    GoOn,
    /// To take no more requests, and to end when those in flight are answered.
    Drain,
    /// To end.
    Cut,
}

/// The counts of one connection. All of them change on its worker's thread, so nobody waits for them.
#[derive(Debug)]
pub struct Activity {
    begun: AtomicU32,
    /// Requests whose answer has not ended.
    open: AtomicU32,
    /// Requests that the client did not wait for, since a second began.
    taken_back: AtomicU32,
    taken_back_max: u32,
    /// Bytes have arrived since the last request began.
    is_reading: AtomicBool,
    /// The client does not take what is there for it.
    is_blocked: AtomicBool,
    is_found_idle: AtomicBool,
    /// Streams come and go on it; bytes between requests mean nothing.
    is_multiplexed: AtomicBool,
    order: AtomicU8,
    waker: OnceLock<Waker>,
}

/// A request, from its head to the last byte of its answer.
pub struct Open {
    peer: Arc<Peer>,
    is_answered: bool,
}

/// A connection as its worker saw it last.
pub struct Watched {
    peer: Weak<Peer>,
    begun: u32,
    was_reading: bool,
    /// Since when nothing happens.
    since: Instant,
    is_told: bool,
    is_parked: bool,
}

/// How long nothing happens before a connection gives back what it holds for the next request.
const PARK_AFTER: Duration = Duration::from_secs(2);

// === impl Activity ===

impl Activity {
    pub fn new(limits: &Connections) -> Activity {
        Activity {
            begun: AtomicU32::new(0),
            open: AtomicU32::new(0),
            taken_back: AtomicU32::new(0),
            taken_back_max: limits.resets_max,
            is_reading: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            is_found_idle: AtomicBool::new(false),
            is_multiplexed: AtomicBool::new(false),
            order: AtomicU8::new(Order::GoOn as u8),
            waker: OnceLock::new(),
        }
    }

    /// Bytes have arrived.
    pub fn has_read(&self) {
        self.is_reading.store(true, Ordering::Relaxed);
    }

    /// The client has taken bytes, or does not.
    pub fn has_written(&self, is_taken: bool) {
        self.is_blocked.store(!is_taken, Ordering::Relaxed);
    }

    /// It is one of HTTP/2.
    pub fn is_http2(&self) {
        self.is_multiplexed.store(true, Ordering::Relaxed);
    }

    /// Whether its worker has found it idle, and nothing has happened since: nothing is being asked, and nothing is
    /// left to be sent.
    pub fn may_park(&self) -> bool {
        self.is_found_idle.swap(false, Ordering::Relaxed)
            && self.open.load(Ordering::Relaxed) == 0
            && !self.is_reading.load(Ordering::Relaxed)
            && !self.is_blocked.load(Ordering::Relaxed)
    }

    fn park(&self) {
        self.is_found_idle.store(true, Ordering::Relaxed);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// What the connection's task has been told. It is woken by [`Activity::tell`] from the first call on.
    pub fn order(&self, context: &Context<'_>) -> Order {
        self.waker.get_or_init(|| context.waker().clone());
        match self.order.load(Ordering::Acquire) {
            0 => Order::GoOn,
            1 => Order::Drain,
            _ => Order::Cut,
        }
    }

    /// Tells it something, unless it has been told worse.
    pub fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    fn is_in_a_head(&self) -> bool {
        self.is_reading.load(Ordering::Relaxed) && !self.is_multiplexed.load(Ordering::Relaxed)
    }
}

// === impl Open ===

impl Open {
    pub fn begin(peer: Arc<Peer>) -> Open {
        let activity = &peer.activity;
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.open.fetch_add(1, Ordering::Relaxed);
        activity.is_reading.store(false, Ordering::Relaxed);
        Open { peer, is_answered: false }
    }

    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// The answer is complete, or needs nothing more than to be sent.
    pub fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let activity = &self.peer.activity;
        activity.open.fetch_sub(1, Ordering::Relaxed);
        // The rest of a body is no head.
        activity.is_reading.store(false, Ordering::Relaxed);
        if self.is_answered {
            return;
        }
        // Each costs a statement that has to be cancelled: a client that does nothing else attacks.
        let taken_back = activity.taken_back.fetch_add(1, Ordering::Relaxed) + 1;
        if taken_back > activity.taken_back_max {
            if taken_back == activity.taken_back_max + 1 {
                let address = self.peer.address;
                tracing::warn!(%address, "a client took back {taken_back} requests in a second; its connection ends");
            }
            activity.tell(Order::Cut);
        }
    }
}

// === impl Watched ===

impl Watched {
    pub fn new(peer: &Arc<Peer>, now: Instant) -> Watched {
        Watched {
            peer: Arc::downgrade(peer),
            begun: 0,
            was_reading: false,
            since: now,
            is_told: false,
            is_parked: true,
        }
    }

    /// Looks at it and tells it what follows; false when it has ended. `is_new_second` begins to count anew what the
    /// client takes back.
    pub fn look(&mut self, limits: &Connections, now: Instant, is_new_second: bool) -> bool {
        let Some(peer) = self.peer.upgrade() else { return false };
        let activity = &peer.activity;
        if is_new_second {
            activity.taken_back.store(0, Ordering::Relaxed);
        }
        let (begun, is_reading) = (activity.begun.load(Ordering::Relaxed), activity.is_in_a_head());
        if activity.open.load(Ordering::Relaxed) > 0 || begun != self.begun || is_reading != self.was_reading {
            // What is held is there from the first request on.
            self.is_parked &= begun == self.begun;
            (self.begun, self.was_reading, self.since) = (begun, is_reading, now);
            return true;
        }
        // One that was told to end has as long for that as for a head.
        if !self.is_parked && now.duration_since(self.since) >= PARK_AFTER {
            self.is_parked = true;
            activity.park();
        }
        let is_short = is_reading || self.is_told || peer.is_surplus;
        let limit = if is_short { limits.header_timeout } else { limits.idle_timeout };
        if now.duration_since(self.since) >= limit {
            activity.tell(if is_reading || self.is_told { Order::Cut } else { Order::Drain });
            (self.is_told, self.since) = (true, now);
        }
        true
    }

    /// Tells it, if it is still there.
    pub fn tell(&self, order: Order) {
        if let Some(peer) = self.peer.upgrade() {
            peer.activity.tell(order);
        }
    }
}

/// How often connections have to be looked at for these limits to hold, about.
pub fn look_interval(limits: &Connections) -> Duration {
    (limits.header_timeout.min(limits.idle_timeout) / 4).min(Duration::from_secs(1))
}
