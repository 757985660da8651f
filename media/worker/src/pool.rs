//! The server's side: starts workers, talks to them, starts them again.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::frame::{Kind, LARGEST_BODY};
use crate::process;
use crate::supervisor::{Counters, Event, ExchangeError, Limits};

/// A worker, and how many processes of it run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Its name in errors, logs and metrics; the child greets with it.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Added to the environment.
    pub environment: Vec<(OsString, OsString)>,
    /// How many of it run at the same time, at least 1.
    pub processes: u16,
    /// Limits of each of them.
    pub limits: Limits,
}

#[derive(Debug)]
pub(crate) enum Order {
    Open {
        id: u64,
        body: Vec<u8>,
        deadline: Instant,
        events: mpsc::UnboundedSender<Event>,
    },
    Input {
        id: u64,
        kind: Kind,
        body: Vec<u8>,
    },
    Cancel(u64),
}

/// One process, as the pool sees it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    /// Exchanges that are open.
    pub(crate) load: AtomicUsize,
    pub(crate) counters: Mutex<Counters>,
}

/// Workers of one kind. Dropping it, and every [`Exchange`], ends them.
#[derive(Clone, Debug)]
pub struct Pool {
    name: Arc<str>,
    lanes: Arc<[Arc<Lane>]>,
    ids: Arc<AtomicU64>,
}

impl Pool {
    /// Needs a tokio runtime. A process is started when it is first asked; one that cannot be started shows
    /// in the errors of its exchanges, and is tried again.
    pub fn start(config: WorkerConfig) -> Pool {
        let config = Arc::new(config);
        let lanes = (0..config.processes.max(1)).map(|_| {
            let (orders, incoming) = mpsc::unbounded_channel();
            let lane = Arc::new(Lane {
                orders,
                load: AtomicUsize::new(0),
                counters: Mutex::default(),
            });
            tokio::spawn(process::run(
                Arc::clone(&config),
                Arc::downgrade(&lane),
                incoming,
            ));
            lane
        });
        Pool {
            name: config.name.as_str().into(),
            lanes: lanes.collect(),
            ids: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Asks the process that has the least to do. The whole answer must be there within `time`.
    ///
    /// # Errors
    /// `body` is larger than a frame; everything else shows in [`Exchange::next`].
    pub fn ask(&self, body: Vec<u8>, time: Duration) -> Result<Exchange, ExchangeError> {
        let Some(lane) = self
            .lanes
            .iter()
            .min_by_key(|lane| lane.load.load(Ordering::Relaxed))
        else {
            return Err(ExchangeError::Stopped {
                worker: self.name.to_string(),
            });
        };
        fits(&self.name, &body)?;
        let (sender, events) = mpsc::unbounded_channel();
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        lane.load.fetch_add(1, Ordering::Relaxed);
        let exchange = Exchange {
            worker: Arc::clone(&self.name),
            lane: Arc::clone(lane),
            id,
            events,
            ended: false,
        };
        // A lane that has ended drops the sender, which `next` reports.
        let _ = lane.orders.send(Order::Open {
            id,
            body,
            deadline: Instant::now() + time,
            events: sender,
        });
        Ok(exchange)
    }

    /// What has happened since the start, all processes together.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for lane in self.lanes.iter() {
            let one = *lane.counters.lock().unwrap_or_else(PoisonError::into_inner);
            sum.started += one.started;
            sum.died += one.died;
            sum.answered += one.answered;
            sum.refused += one.refused;
            sum.timed_out += one.timed_out;
            sum.cancelled += one.cancelled;
            sum.busy += one.busy;
            sum.lost += one.lost;
        }
        sum
    }

    /// Exchanges that are open.
    pub fn open(&self) -> usize {
        let load = |lane: &Arc<Lane>| lane.load.load(Ordering::Relaxed);
        self.lanes.iter().map(load).sum()
    }
}

fn fits(worker: &str, body: &[u8]) -> Result<(), ExchangeError> {
    match body.len() {
        ..=LARGEST_BODY => Ok(()),
        bytes => Err(ExchangeError::Oversized {
            worker: worker.to_owned(),
            bytes,
        }),
    }
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// More follows.
    Part(Vec<u8>),
    /// That was all.
    End(Vec<u8>),
}

/// A question and its answer. Dropping it before its end cancels it.
#[derive(Debug)]
pub struct Exchange {
    worker: Arc<str>,
    lane: Arc<Lane>,
    id: u64,
    events: mpsc::UnboundedReceiver<Event>,
    ended: bool,
}

impl Exchange {
    /// Sends more input.
    ///
    /// # Errors
    /// It is larger than a frame.
    pub fn input(&self, body: Vec<u8>) -> Result<(), ExchangeError> {
        fits(&self.worker, &body)?;
        self.order(Kind::Input, body);
        Ok(())
    }

    /// Says that no more input comes.
    pub fn finish(&self) {
        self.order(Kind::Finish, Vec::new());
    }

    fn order(&self, kind: Kind, body: Vec<u8>) {
        // The lane has ended; `next` says so.
        let _ = self.lane.orders.send(Order::Input {
            id: self.id,
            kind,
            body,
        });
    }

    /// The next piece of the answer. May be dropped and called again.
    ///
    /// # Errors
    /// See [`ExchangeError`]; the exchange is over then.
    pub async fn next(&mut self) -> Result<Piece, ExchangeError> {
        let event = self.events.recv().await;
        self.ended |= !matches!(event, Some(Event::Part(_)));
        match event {
            Some(Event::Part(body)) => Ok(Piece::Part(body)),
            Some(Event::End(body)) => Ok(Piece::End(body)),
            Some(Event::Failed(error)) => Err(error),
            None => Err(ExchangeError::Stopped {
                worker: self.worker.to_string(),
            }),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.lane.load.fetch_sub(1, Ordering::Relaxed);
        if !self.ended {
            let _ = self.lane.orders.send(Order::Cancel(self.id));
        }
    }
}

/// Where the answers of a lane's exchanges go.
pub(crate) type Waiters = HashMap<u64, mpsc::UnboundedSender<Event>>;
