//! Replicas: which of them may be read, and whose failure is their own.
//!
//! A watcher compares, twice a second, how far each has come with where the primary was. A replica is read while
//! it answers and has reached what the primary had `replica_max_lag_ms` ago. Positions are compared, and not the
//! time of the last transaction that was replayed: that one grows old while nobody writes, and stays young where
//! nothing arrives any more. While the primary does not answer its last position stands, so reads go on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio_postgres::Client;
use tokio_util::task::AbortOnDropHandle;

use super::pool::{Connections, Pools};
use super::{Options, sqlstate};
use crate::error::{Code, Error, Result, Stage};

/// How often every server is asked for its position, and how long it may take to answer.
const ASK_EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);

/// A standby says how far it has replayed, a primary how far it has written; both in bytes.
const POSITION: &str = "\
    SELECT pg_is_in_recovery(), \
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::int8";

/// The replicas of a configuration.
#[derive(Debug)]
pub(super) struct Replicas {
    all: Vec<Arc<Replica>>,
    lag_max: Duration,
}

#[derive(Debug)]
pub(super) struct Replica {
    pub pools: Pools,
    is_fit: AtomicBool,
    /// Bytes that the primary has written and this one has not replayed, when it was asked last; or `UNKNOWN`.
    lag: AtomicI64,
    /// Tells who waits for its answer that there will be none.
    lost: Notify,
}

/// How a replica stands, for who watches it.
#[derive(Debug)]
pub struct Standing {
    /// Its hosts and ports.
    pub place: String,
    /// Whether it is read.
    pub is_fit: bool,
    /// `None` while it, or the primary, has not said where it is.
    pub lag_bytes: Option<i64>,
    pub connections: Connections,
}

const UNKNOWN: i64 = -1;

/// Where the primary was, and when; the oldest first.
#[derive(Debug, Default)]
struct Positions(VecDeque<(Instant, i64)>);

/// A connection that is kept to ask for positions.
#[derive(Default)]
struct Watched(Option<(Client, AbortOnDropHandle<()>)>);

struct Answer {
    is_standby: bool,
    /// Unknown where nothing has been replayed.
    position: Option<i64>,
}

// === impl Replicas ===

impl Replicas {
    pub fn new(options: &Options) -> Result<Replicas, String> {
        let replica = |url: &str| {
            let pools = Pools::new(options, url)?;
            let (is_fit, lag) = (AtomicBool::new(false), AtomicI64::new(UNKNOWN));
            Ok(Arc::new(Replica { pools, is_fit, lag, lost: Notify::new() }))
        };
        let all = options.database.replica_urls.iter().map(|url| replica(url.reveal()));
        Ok(Replicas { all: all.collect::<Result<_, String>>()?, lag_max: options.database.replica_max_lag })
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn pools(&self) -> impl Iterator<Item = &Pools> {
        self.all.iter().map(|replica| &replica.pools)
    }

    /// How each of them stands.
    pub fn standing(&self) -> impl Iterator<Item = Standing> {
        self.all.iter().map(|replica| Standing {
            place: replica.pools.place(),
            is_fit: replica.is_fit(),
            lag_bytes: Some(replica.lag.load(Ordering::Relaxed)).filter(|lag| *lag != UNKNOWN),
            connections: replica.pools.connections(),
        })
    }

    /// The next one in turn that may be read.
    pub fn next(&self) -> Option<&Arc<Replica>> {
        // Each thread takes turns by itself: a counter that all change would wander between the cores.
        thread_local! {
            static TURN: Cell<usize> = const { Cell::new(0) };
        }
        if self.all.is_empty() {
            return None;
        }
        let turn = TURN.get();
        TURN.set(turn.wrapping_add(1));
        let from = turn % self.all.len();
        let (before, after) = self.all.split_at(from);
        after.iter().chain(before).find(|replica| replica.is_fit())
    }

    /// Keeps knowing which of them may be read; ends never.
    pub async fn watch(&self, primary: &Pools) {
        let mut asked = Watched::default();
        let mut watched: Vec<Watched> = self.all.iter().map(|_| Watched::default()).collect();
        let mut positions = Positions::default();
        let mut ticks = tokio::time::interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let answers =
                join_all(self.all.iter().zip(&mut watched).map(|(replica, watched)| watched.ask(&replica.pools)));
            let (of_primary, answers) = tokio::join!(asked.ask(primary), answers);
            if let Ok(Answer { position: Some(position), .. }) = of_primary {
                positions.add(now, position);
            }
            let wanted = positions.wanted(now, self.lag_max);
            for (replica, answer) in self.all.iter().zip(answers) {
                replica.lag.store(lag(&answer, positions.last()).unwrap_or(UNKNOWN), Ordering::Relaxed);
                match fit(answer, wanted, self.lag_max) {
                    Ok(()) => replica.find(),
                    Err(reason) => replica.lose(&reason),
                }
            }
        }
    }
}

// === impl Replica ===

impl Replica {
    fn is_fit(&self) -> bool {
        self.is_fit.load(Ordering::Acquire)
    }

    fn find(&self) {
        if !self.is_fit.swap(true, Ordering::AcqRel) {
            tracing::info!("the replica {} is read", self.pools.place());
        }
    }

    /// Nobody is sent there until it has answered the watcher, and who waits there goes elsewhere.
    pub fn lose(&self, reason: &str) {
        if self.is_fit.swap(false, Ordering::AcqRel) {
            tracing::warn!("the replica {} is not read: {reason}", self.pools.place());
            self.lost.notify_waiters();
        }
    }

    /// Ends when the replica is lost.
    pub async fn lost(&self) {
        // It hears of what happens from here on, polled or not.
        let lost = self.lost.notified();
        if self.is_fit() {
            lost.await;
        }
    }

    /// What is said instead of an answer when it is lost.
    pub fn gone(&self) -> Error {
        let error = Error::new(Stage::Execute, Code::Unavailable, "the replica does not answer");
        Error { on_replica: true, ..error }
    }

    /// An error that happened here; one that may be this replica's own is marked so.
    pub fn blamed(&self, error: Error) -> Error {
        if error.lost_connection {
            self.lose(&error.to_string());
        }
        Error { on_replica: is_its_own(&error), ..error }
    }
}

/// Whether the primary may answer all the same: a standby that restarts, that cancels what stands in the way of
/// replaying, that has not heard of a change of the schema, that cannot write.
fn is_its_own(error: &Error) -> bool {
    match error.code {
        Code::Unavailable | Code::Conflict | Code::Internal => true,
        Code::InvalidArgument
        | Code::Unauthenticated
        | Code::Forbidden
        | Code::NotFound
        | Code::ValidationFailed
        | Code::TooComplex
        | Code::RateLimited
        | Code::CircuitBreakerOpen
        | Code::Timeout
        | Code::Cancelled
        | Code::Unimplemented
        | Code::MethodNotAllowed
        | Code::NotAcceptable
        | Code::PayloadTooLarge
        | Code::UnsupportedMediaType
        | Code::DataMismatch => false,
    }
}

/// Whether a replica with this answer may be read.
fn fit(answer: Result<Answer, String>, wanted: Option<i64>, lag_max: Duration) -> Result<(), String> {
    let answer = answer?;
    if !answer.is_standby {
        return Err("it is no standby of the primary".to_owned());
    }
    match (answer.position, wanted) {
        (_, None) => Err("the primary has not said where it is".to_owned()),
        (Some(position), Some(wanted)) if position >= wanted => Ok(()),
        (Some(_) | None, Some(_)) => Err(format!("it is more than {} ms behind", lag_max.as_millis())),
    }
}

/// How many bytes a replica with this answer is behind. It may have been asked a little later than the primary.
fn lag(answer: &Result<Answer, String>, primary: Option<i64>) -> Option<i64> {
    let position = answer.as_ref().ok()?.position?;
    Some(primary?.saturating_sub(position).max(0))
}

// === impl Watched ===

impl Watched {
    async fn ask(&mut self, pools: &Pools) -> Result<Answer, String> {
        let answer = tokio::time::timeout(PATIENCE, self.attempt(pools)).await;
        let late = || format!("no answer within {} ms", PATIENCE.as_millis());
        let answer = answer.map_err(|_| late()).and_then(|answer| answer.map_err(sqlstate::described));
        if answer.is_err() {
            self.0 = None;
        }
        answer
    }

    async fn attempt(&mut self, pools: &Pools) -> Result<Answer, tokio_postgres::Error> {
        let client = match &mut self.0 {
            Some((client, _)) => client,
            none => &mut none.insert(pools.connect().await?).0,
        };
        let row = client.query_typed_one(POSITION, &[]).await?;
        Ok(Answer { is_standby: row.get(0), position: row.get(1) })
    }
}

// === impl Positions ===

impl Positions {
    fn add(&mut self, at: Instant, position: i64) {
        self.0.push_back((at, position));
    }

    /// Where the primary was when it was heard last.
    fn last(&self) -> Option<i64> {
        self.0.back().map(|(_, position)| *position)
    }

    /// Where a replica has to be: where the primary was so long ago, or as long ago as is known.
    fn wanted(&mut self, now: Instant, lag_max: Duration) -> Option<i64> {
        let is_old = |(at, _): &(Instant, i64)| now.duration_since(*at) >= lag_max;
        while self.0.get(1).is_some_and(is_old) {
            self.0.pop_front();
        }
        self.0.front().map(|(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_has_to_be_where_the_primary_was() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let lag_max = Duration::from_millis(1000);
        let mut positions = Positions::default();
        assert_eq!(positions.wanted(at(0), lag_max), None);
        // At the start it is compared with the first position, which may be younger.
        positions.add(at(0), 10);
        assert_eq!(positions.wanted(at(0), lag_max), Some(10));
        positions.add(at(500), 20);
        positions.add(at(1000), 30);
        assert_eq!(positions.wanted(at(1000), lag_max), Some(10));
        assert_eq!(positions.wanted(at(1499), lag_max), Some(10));
        assert_eq!(positions.wanted(at(1500), lag_max), Some(20));
        // A primary that says nothing leaves its last word.
        assert_eq!(positions.wanted(at(60_000), lag_max), Some(30));
        assert_eq!(positions.0.len(), 1);
        assert_eq!(positions.last(), Some(30));
        // After a failover that lost something the new primary is the measure.
        positions.add(at(60_500), 25);
        assert_eq!(positions.wanted(at(61_500), lag_max), Some(25));
    }

    #[test]
    fn who_is_fit() {
        let lag_max = Duration::from_millis(1000);
        let check = |is_standby, position, wanted, expected: Result<(), &str>| {
            let found = fit(Ok(Answer { is_standby, position }), wanted, lag_max);
            assert_eq!(found, expected.map_err(str::to_owned), "{is_standby} {position:?} {wanted:?}");
        };
        check(true, Some(5), Some(5), Ok(()));
        check(true, Some(6), Some(5), Ok(()));
        check(true, Some(4), Some(5), Err("it is more than 1000 ms behind"));
        check(true, None, Some(5), Err("it is more than 1000 ms behind"));
        check(true, Some(4), None, Err("the primary has not said where it is"));
        check(false, Some(9), Some(5), Err("it is no standby of the primary"));
        assert_eq!(fit(Err("gone".to_owned()), Some(5), lag_max), Err("gone".to_owned()));
    }

    #[test]
    fn how_far_it_is_behind() {
        let at = |position| Ok(Answer { is_standby: true, position });
        assert_eq!(lag(&at(Some(5)), Some(8)), Some(3));
        assert_eq!(lag(&at(Some(9)), Some(8)), Some(0));
        assert_eq!(lag(&at(Some(9)), None), None);
        assert_eq!(lag(&at(None), Some(8)), None);
        assert_eq!(lag(&Err("gone".to_owned()), Some(8)), None);
    }
}
