//! How many requests are answered at the same time, how many wait for their turn, and who is sent away.
//!
//! A service that takes more than it can answer answers everybody late. So those beyond a number wait in a queue,
//! and those beyond its length, or its patience, are told at once to come back. Nobody holds a place while his body is
//! still arriving: clients that send slowly would keep everybody else out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};

use crate::config::Admission as Limits;
use crate::error::{Code, Error, Result, Stage};
use crate::observe::{Metrics, Shed};

/// What those that are sent away are told to wait.
const RETRY_AFTER_SECS: u64 = 1;

/// The places of one service, and its queue.
#[derive(Debug)]
pub struct Admission {
    places: Semaphore,
    queued: AtomicUsize,
    limits: Limits,
    /// Where those that are sent away are counted; outlives these places.
    metrics: Arc<Metrics>,
}

/// The right to be answered, until it is dropped.
#[derive(Debug)]
pub struct Admitted<'a> {
    _place: SemaphorePermit<'a>,
}

/// One that waits; it stops to be counted when it is dropped.
struct Queued<'a>(&'a AtomicUsize);

// === impl Admission ===

impl Admission {
    pub fn new(limits: Limits, metrics: Arc<Metrics>) -> Admission {
        let places = Semaphore::new(limits.running_max.min(Semaphore::MAX_PERMITS));
        Admission { places, queued: AtomicUsize::new(0), limits, metrics }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Requests that are being answered.
    pub fn running(&self) -> usize {
        self.limits.running_max.saturating_sub(self.places.available_permits())
    }

    /// Requests that wait for their turn.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whether it is of any use to look at a request at all; to be asked before anything is done for it.
    pub fn check(&self) -> Result<()> {
        match self.places.available_permits() == 0 && self.queued() >= self.limits.queued_max {
            true => Err(self.sent_away(Shed::QueueFull)),
            false => Ok(()),
        }
    }

    /// A place, at once or after a turn in the queue.
    pub async fn admit(&self) -> Result<Admitted<'_>> {
        match self.places.try_acquire() {
            Ok(place) => Ok(Admitted { _place: place }),
            // Apart: most requests do not wait, and would carry what waiting takes.
            Err(TryAcquireError::NoPermits) => Box::pin(self.queue()).await,
            // Nobody closes it.
            Err(TryAcquireError::Closed) => Err(overloaded()),
        }
    }

    async fn queue(&self) -> Result<Admitted<'_>> {
        let ahead = self.queued.fetch_add(1, Ordering::Relaxed);
        let _queued = Queued(&self.queued);
        if ahead >= self.limits.queued_max {
            return Err(self.sent_away(Shed::QueueFull));
        }
        match tokio::time::timeout(self.limits.queue_timeout, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(Admitted { _place: place }),
            Ok(Err(_)) | Err(_) => Err(self.sent_away(Shed::QueueTimeout)),
        }
    }

    /// A place for the next part of a stream, however long it takes. Who has begun to send is not sent away in the
    /// middle: he is held up, and reads nothing new from his client meanwhile. In the queue, whose length is that of
    /// requests that have arrived, he does not count.
    pub async fn turn(&self) -> Result<Admitted<'_>> {
        match self.places.acquire().await {
            Ok(place) => Ok(Admitted { _place: place }),
            // Nobody closes it.
            Err(_) => Err(overloaded()),
        }
    }

    fn sent_away(&self, why: Shed) -> Error {
        self.metrics.shed(why);
        overloaded()
    }
}

impl Default for Admission {
    /// Room for everybody.
    fn default() -> Admission {
        let running_max = Semaphore::MAX_PERMITS;
        Admission::new(Limits { running_max, queued_max: 0, queue_timeout: Duration::ZERO }, Arc::default())
    }
}

/// The refusal of a request that came when there were too many.
pub fn overloaded() -> Error {
    let message = format!("too many requests at the same time; try again in {RETRY_AFTER_SECS} s");
    let mut error = Error::new(Stage::Decode, Code::Unavailable, message);
    error.retry_after_secs = Some(RETRY_AFTER_SECS);
    error
}

// === impl Queued ===

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn admission(running_max: usize, queued_max: usize, queue_timeout: Duration) -> Admission {
        Admission::new(Limits { running_max, queued_max, queue_timeout }, Arc::default())
    }

    #[tokio::test]
    async fn some_run_some_wait_in_turn_and_the_rest_is_sent_away() {
        let admission = admission(2, 2, Duration::from_secs(600));
        let (one, two) = (admission.admit().await.unwrap(), admission.admit().await.unwrap());
        let mut first = Box::pin(admission.admit());
        let mut second = Box::pin(admission.admit());
        assert!(first.as_mut().now_or_never().is_none());
        admission.check().unwrap();
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!((admission.running(), admission.queued()), (2, 2));
        let refused = admission.admit().await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after_secs), (Code::Unavailable, Some(1)));
        assert!(admission.check().is_err());

        drop(one);
        assert!(second.as_mut().now_or_never().is_none(), "the first in the queue comes first");
        let three = first.await.unwrap();
        assert_eq!((admission.running(), admission.queued()), (2, 1));
        // One that goes away leaves the queue.
        drop(second);
        assert_eq!(admission.queued(), 0);
        admission.check().unwrap();
        drop((two, three));
        assert_eq!(admission.running(), 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let admission = admission(1, 10, Duration::from_millis(20));
        let _held = admission.admit().await.unwrap();
        assert_eq!(admission.admit().await.unwrap_err().code, Code::Unavailable);
        assert_eq!(admission.queued(), 0);
    }

    #[tokio::test]
    async fn a_stream_waits_for_its_turn() {
        let admission = admission(1, 0, Duration::ZERO);
        let held = admission.admit().await.unwrap();
        let mut turn = Box::pin(admission.turn());
        assert!(turn.as_mut().now_or_never().is_none());
        drop(held);
        let turn = turn.await.unwrap();
        assert_eq!((admission.running(), admission.queued()), (1, 0));
        drop(turn);
        assert_eq!(admission.running(), 0);
    }

    #[tokio::test]
    async fn without_a_queue_nobody_waits() {
        let admission = admission(1, 0, Duration::from_secs(600));
        let _held = admission.admit().await.unwrap();
        assert!(admission.check().is_err());
        assert!(admission.admit().now_or_never().unwrap().is_err());
    }
}
