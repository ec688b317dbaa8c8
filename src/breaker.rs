//! Circuit breakers: what keeps failing is left alone for a while, and then tried carefully.
//!
//! A breaker is a pure state machine and time is an argument. Closed, it counts failures in a row; open,
//! it refuses until its time is over; half open, it lets one probe through at a time. A probe that nobody
//! reports about is given back, so that a breaker is never stuck.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Thresholds;

/// One breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    thresholds: Thresholds,
    state: State,
    /// Counts changes of the state: what was let through before one says nothing about what came after.
    epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { successes: u32, is_probing: bool },
}

/// The state of a breaker as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Closed,
    Open,
    HalfOpen,
}

/// Why nothing is let through, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub left: Duration,
}

/// How long a caller waits who comes while a probe is under way.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// Breakers by name: those of one configuration, none of which is ever added or removed.
#[derive(Debug, Default)]
pub struct Breakers {
    all: HashMap<Arc<str>, Mutex<Breaker>>,
    /// How many are not closed.
    unwell: AtomicUsize,
}

/// The right to try. To drop it without a word gives it back.
#[derive(Debug)]
#[must_use]
pub struct Permit<'b> {
    /// `None` where nothing is guarded.
    breaker: Option<&'b Mutex<Breaker>>,
    epoch: u64,
    unwell: &'b AtomicUsize,
}

// === impl Breaker ===

impl Breaker {
    pub fn new(thresholds: Thresholds) -> Breaker {
        Breaker { thresholds, state: State::Closed { failures: 0 }, epoch: 0 }
    }

    /// Asks to be let through; the answer is the epoch to report with.
    pub fn admit(&mut self, now: Instant) -> Result<u64, Refused> {
        if let Some(refused) = self.open(now) {
            return Err(refused);
        }
        match self.state {
            State::Closed { .. } => Ok(self.epoch),
            State::Open { .. } => {
                self.become_state(State::HalfOpen { successes: 0, is_probing: true });
                Ok(self.epoch)
            }
            State::HalfOpen { is_probing: true, .. } => Err(Refused { left: PROBE_PATIENCE }),
            State::HalfOpen { successes, is_probing: false } => {
                self.become_state(State::HalfOpen { successes, is_probing: true });
                Ok(self.epoch)
            }
        }
    }

    /// For how long nothing will be let through, however often it is asked.
    pub fn open(&self, now: Instant) -> Option<Refused> {
        match self.state {
            State::Open { until } if now < until => Some(Refused { left: until - now }),
            State::Open { .. } | State::Closed { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// What was let through has come back well.
    pub fn succeeded(&mut self, epoch: u64) {
        if epoch != self.epoch {
            return;
        }
        match self.state {
            State::Closed { .. } => self.state = State::Closed { failures: 0 },
            State::Open { .. } => {}
            State::HalfOpen { successes, .. } if successes + 1 >= self.thresholds.success_threshold => {
                self.become_state(State::Closed { failures: 0 });
            }
            State::HalfOpen { successes, .. } => {
                self.become_state(State::HalfOpen { successes: successes + 1, is_probing: false });
            }
        }
    }

    /// What was let through has failed.
    pub fn failed(&mut self, epoch: u64, now: Instant) {
        if epoch != self.epoch {
            return;
        }
        match self.state {
            State::Closed { failures } if failures + 1 < self.thresholds.failure_threshold => {
                self.state = State::Closed { failures: failures + 1 };
            }
            State::Closed { .. } | State::HalfOpen { .. } => {
                self.become_state(State::Open { until: now + self.thresholds.recovery_timeout });
            }
            State::Open { .. } => {}
        }
    }

    /// What was let through will never be reported.
    pub fn returned(&mut self, epoch: u64) {
        if let State::HalfOpen { successes, is_probing: true } = self.state
            && epoch == self.epoch
        {
            self.become_state(State::HalfOpen { successes, is_probing: false });
        }
    }

    pub fn condition(&self) -> Condition {
        match self.state {
            State::Closed { .. } => Condition::Closed,
            State::Open { .. } => Condition::Open,
            State::HalfOpen { .. } => Condition::HalfOpen,
        }
    }

    fn become_state(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

// === impl Refused ===

impl Refused {
    /// Whole seconds, at least one, after which a retry makes sense.
    pub fn retry_after_secs(&self) -> u64 {
        let whole = self.left.as_secs() + u64::from(self.left.subsec_nanos() > 0);
        whole.max(1)
    }
}

// === impl Breakers ===

impl Breakers {
    pub fn new(all: impl IntoIterator<Item = (Arc<str>, Thresholds)>) -> Breakers {
        let all = all.into_iter().map(|(name, thresholds)| (name, Mutex::new(Breaker::new(thresholds))));
        Breakers { all: all.collect(), unwell: AtomicUsize::new(0) }
    }

    /// Asks to be let through; what has no breaker always is.
    pub fn admit(&self, name: &str, now: Instant) -> Result<Permit<'_>, Refused> {
        let unwell = &self.unwell;
        let Some(breaker) = self.all.get(name) else { return Ok(Permit { breaker: None, epoch: 0, unwell }) };
        let epoch = lock(breaker).admit(now)?;
        Ok(Permit { breaker: Some(breaker), epoch, unwell })
    }

    /// For how long nothing of this name will be let through.
    pub fn open(&self, name: &str, now: Instant) -> Option<Refused> {
        self.all.get(name).and_then(|breaker| lock(breaker).open(now))
    }

    /// Whether everything is let through; as it is nearly always, this is asked first.
    pub fn are_closed(&self) -> bool {
        self.unwell.load(Ordering::Relaxed) == 0
    }

    /// Every breaker with its state, in no order.
    pub fn conditions(&self) -> impl Iterator<Item = (&str, Condition)> {
        self.all.iter().map(|(name, breaker)| (&**name, lock(breaker).condition()))
    }
}

fn lock(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    // Nothing that can panic happens while it is held.
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Permit ===

impl Permit<'_> {
    /// Whether the breaker has closed by this.
    pub fn succeeded(self) -> bool {
        self.reported(Condition::Closed, Breaker::succeeded)
    }

    /// Whether the breaker has opened by this.
    pub fn failed(self, now: Instant) -> bool {
        self.reported(Condition::Open, |breaker, epoch| breaker.failed(epoch, now))
    }

    fn reported(mut self, expected: Condition, report: impl FnOnce(&mut Breaker, u64)) -> bool {
        let Some(breaker) = self.breaker.take() else { return false };
        let mut breaker = lock(breaker);
        let before = breaker.condition();
        report(&mut breaker, self.epoch);
        let after = breaker.condition();
        match (before == Condition::Closed, after == Condition::Closed) {
            (true, false) => drop(self.unwell.fetch_add(1, Ordering::Relaxed)),
            (false, true) => drop(self.unwell.fetch_sub(1, Ordering::Relaxed)),
            (true, true) | (false, false) => {}
        }
        after == expected && before != expected
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(breaker) = self.breaker.take() {
            lock(breaker).returned(self.epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds =
        Thresholds { failure_threshold: 3, recovery_timeout: Duration::from_secs(30), success_threshold: 2 };

    fn secs(start: Instant, secs: u64) -> Instant {
        start + Duration::from_secs(secs)
    }

    /// Opens a breaker at the start.
    fn open(start: Instant) -> Breaker {
        let mut breaker = Breaker::new(THRESHOLDS);
        for _ in 0..3 {
            let epoch = breaker.admit(start).unwrap();
            breaker.failed(epoch, start);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new(THRESHOLDS);
        for fails in [true, true, false, true, true, false, true, true] {
            let epoch = breaker.admit(now).unwrap();
            if fails { breaker.failed(epoch, now) } else { breaker.succeeded(epoch) }
        }
        assert_eq!(breaker.condition(), Condition::Closed);
        let epoch = breaker.admit(now).unwrap();
        breaker.failed(epoch, now);
        assert_eq!(breaker.condition(), Condition::Open);
        let refused = breaker.admit(now + Duration::from_millis(500)).unwrap_err();
        assert_eq!(refused.retry_after_secs(), 30);
        assert_eq!(breaker.open(now + Duration::from_millis(500)), Some(refused));
        assert_eq!(breaker.open(secs(now, 30)), None, "it is time for a probe");
        assert_eq!(breaker.admit(secs(now, 29)).unwrap_err().retry_after_secs(), 1);
    }

    #[test]
    fn what_is_not_closed_is_counted() {
        let breakers = Breakers::new([("one".into(), THRESHOLDS), ("other".into(), THRESHOLDS)]);
        let now = Instant::now();
        for name in ["one", "other"] {
            for left in (0..3).rev() {
                let opened = breakers.admit(name, now).unwrap().failed(now);
                assert_eq!((opened, breakers.open(name, now).is_some()), (left == 0, left == 0));
            }
            assert!(!breakers.are_closed());
        }
        // A probe that fails, and one that is given back.
        assert!(breakers.admit("one", secs(now, 30)).unwrap().failed(secs(now, 30)));
        drop(breakers.admit("other", secs(now, 30)).unwrap());
        for name in ["one", "other"] {
            assert!(!breakers.are_closed());
            let later = secs(now, 60);
            assert!(!breakers.admit(name, later).unwrap().succeeded());
            assert!(breakers.admit(name, later).unwrap().succeeded());
        }
        assert!(breakers.are_closed());
    }

    #[test]
    fn one_probe_at_a_time() {
        let now = Instant::now();
        let mut breaker = open(now);
        let first = breaker.admit(secs(now, 30)).unwrap();
        assert_eq!(breaker.condition(), Condition::HalfOpen);
        assert_eq!(breaker.admit(secs(now, 31)).unwrap_err().retry_after_secs(), 1);
        breaker.succeeded(first);
        let second = breaker.admit(secs(now, 31)).unwrap();
        assert!(breaker.admit(secs(now, 31)).is_err());
        breaker.succeeded(second);
        assert_eq!(breaker.condition(), Condition::Closed);
        assert!(breaker.admit(secs(now, 31)).is_ok());
    }

    #[test]
    fn a_failed_probe_opens_it_again() {
        let now = Instant::now();
        let mut breaker = open(now);
        let probe = breaker.admit(secs(now, 30)).unwrap();
        breaker.failed(probe, secs(now, 35));
        assert_eq!(breaker.condition(), Condition::Open);
        assert_eq!(breaker.admit(secs(now, 40)).unwrap_err().retry_after_secs(), 25);
    }

    #[test]
    fn a_probe_that_nobody_reports_is_given_back() {
        let now = Instant::now();
        let breakers = Breakers::new([(Arc::from("User"), THRESHOLDS)]);
        for _ in 0..3 {
            breakers.admit("User", now).unwrap().failed(now);
        }
        drop(breakers.admit("User", secs(now, 30)).unwrap());
        assert_eq!(breakers.conditions().collect::<Vec<_>>(), [("User", Condition::HalfOpen)]);
        let probe = breakers.admit("User", secs(now, 30)).unwrap();
        assert!(breakers.admit("User", secs(now, 30)).is_err());
        assert!(!probe.succeeded());
        assert!(breakers.admit("User", secs(now, 30)).unwrap().succeeded(), "it closes by the second");
        assert_eq!(breakers.conditions().collect::<Vec<_>>(), [("User", Condition::Closed)]);
        assert!(!breakers.admit("Other", now).unwrap().failed(now), "it has no breaker");
    }

    #[test]
    fn what_comes_late_says_nothing() {
        let now = Instant::now();
        let mut breaker = Breaker::new(THRESHOLDS);
        let slow = breaker.admit(now).unwrap();
        for _ in 0..3 {
            let epoch = breaker.admit(now).unwrap();
            breaker.failed(epoch, now);
        }
        breaker.succeeded(slow);
        assert_eq!(breaker.condition(), Condition::Open);
        let probe = breaker.admit(secs(now, 30)).unwrap();
        breaker.failed(slow, secs(now, 30));
        breaker.returned(slow);
        assert!(breaker.admit(secs(now, 30)).is_err(), "the probe is still under way");
        breaker.succeeded(probe);
        assert_eq!(breaker.condition(), Condition::HalfOpen);
    }

    /// Whatever happens, in whatever order: at most one probe is under way while it is half open, nothing is
    /// let through while it is open, and once everything is reported and time has passed, somebody is.
    #[test]
    fn random_walks() {
        for seed in 0..200u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut below = |max: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % max
            };
            let start = Instant::now();
            let mut now = start;
            let mut breaker = Breaker::new(THRESHOLDS);
            let mut under_way: Vec<(u64, bool)> = Vec::new();
            for step in 0..300 {
                match below(6) {
                    0 | 1 => {
                        let before = breaker.condition();
                        let is_due = matches!(breaker.state, State::Open { until } if now >= until);
                        match breaker.admit(now) {
                            Ok(epoch) => {
                                assert!(before != Condition::Open || is_due, "seed {seed}, step {step}");
                                under_way.push((epoch, before != Condition::Closed));
                            }
                            Err(refused) => {
                                assert!(before != Condition::Closed && !is_due, "seed {seed}, step {step}");
                                assert!((1..=30).contains(&refused.retry_after_secs()));
                            }
                        }
                    }
                    2 => now += Duration::from_secs(below(20)),
                    action if !under_way.is_empty() => {
                        let (epoch, _) = under_way.swap_remove(below(under_way.len() as u64) as usize);
                        match action {
                            3 => breaker.succeeded(epoch),
                            4 => breaker.failed(epoch, now),
                            _ => breaker.returned(epoch),
                        }
                    }
                    _ => {}
                }
                let probes = under_way.iter().filter(|(epoch, is_probe)| *is_probe && *epoch == breaker.epoch).count();
                let is_probing = matches!(breaker.state, State::HalfOpen { is_probing: true, .. });
                assert_eq!(probes, usize::from(is_probing), "seed {seed}, step {step}");
            }
            under_way.drain(..).for_each(|(epoch, _)| breaker.returned(epoch));
            assert!(breaker.admit(now + THRESHOLDS.recovery_timeout).is_ok(), "seed {seed}: stuck");
        }
    }
}
