//! Decides what happens to a worker and to what it is asked: input and time in, actions and the next
//! deadline out.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::frame::{Frame, Kind, greeting};

/// Failures one after the other that make new requests fail at once instead of waiting.
const DOWN_AFTER: u32 = 3;

/// How much a worker may do and take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Exchanges that it works on at the same time.
    pub at_once: usize,
    /// Exchanges that wait for it.
    pub waiting: usize,
    /// From its start to its greeting.
    pub start: Duration,
    /// From a cancellation to the end of the exchange; a worker that takes longer is killed.
    pub grace: Duration,
    /// The pause after its first failure, doubled with each that follows.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// So long after its greeting, earlier failures are forgotten.
    pub settled: Duration,
    /// Bytes of all parts of one answer.
    pub largest_answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            at_once: 1,
            waiting: 64,
            start: Duration::from_secs(10),
            grace: Duration::from_secs(5),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
            settled: Duration::from_secs(60),
            largest_answer: 64 << 20,
        }
    }
}

/// Why an exchange came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// As many exchanges wait as are allowed to.
    #[error("worker {worker} is busy: {waiting} requests wait for it already")]
    Busy {
        /// Its name.
        worker: String,
        /// How many wait.
        waiting: usize,
    },
    /// The answer did not come in time.
    #[error("worker {worker} did not answer in time")]
    TimedOut {
        /// Its name.
        worker: String,
    },
    /// It died with this exchange in its hands.
    #[error("worker {worker} died: {how}")]
    Died {
        /// Its name.
        worker: String,
        /// Exit code, signal, or what it was killed for.
        how: String,
    },
    /// It cannot be started, or dies again and again.
    #[error("worker {worker} is down: {how}")]
    Down {
        /// Its name.
        worker: String,
        /// What happened last.
        how: String,
    },
    /// It answered that it cannot.
    #[error("worker {worker}: {message}")]
    Refused {
        /// Its name.
        worker: String,
        /// In its own words.
        message: String,
    },
    /// The answer is larger than allowed.
    #[error("the answer of worker {worker} is larger than {allowed} bytes")]
    TooLarge {
        /// Its name.
        worker: String,
        /// Bytes.
        allowed: usize,
    },
    /// The question is larger than a frame.
    #[error("a message of {bytes} bytes is too large for worker {worker}")]
    Oversized {
        /// Its name.
        worker: String,
        /// Its bytes.
        bytes: usize,
    },
    /// The server stops.
    #[error("worker {worker} has been stopped")]
    Stopped {
        /// Its name.
        worker: String,
    },
}

/// What an exchange gets to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Part(Vec<u8>),
    End(Vec<u8>),
    Failed(ExchangeError),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Kill,
    Send(Frame),
    Deliver(u64, Event),
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Processes that were started.
    pub started: u64,
    /// Processes that died, or could not be started.
    pub died: u64,
    /// Exchanges that ended with an answer.
    pub answered: u64,
    /// Exchanges that the worker refused.
    pub refused: u64,
    /// Exchanges that were not answered in time.
    pub timed_out: u64,
    /// Exchanges that nobody waited for any more.
    pub cancelled: u64,
    /// Exchanges that found no room.
    pub busy: u64,
    /// Exchanges that ended because the worker died or was down.
    pub lost: u64,
}

#[derive(Debug)]
enum State {
    /// Nobody has asked it anything.
    Asleep,
    /// It failed; the pause after that.
    Resting {
        until: Instant,
    },
    /// It is being started.
    Born,
    Starting {
        until: Instant,
    },
    Ready {
        since: Instant,
    },
    /// Killed; it has not ended yet.
    Dying,
}

#[derive(Debug)]
enum Stage {
    /// What is to be sent, in order.
    Waiting(Vec<Frame>),
    Working,
    /// Nobody waits for it, but the worker has not ended it.
    Abandoned,
}

#[derive(Debug)]
struct Exchange {
    stage: Stage,
    deadline: Instant,
    received: usize,
}

/// One worker process and its exchanges.
#[derive(Debug)]
pub(crate) struct Supervisor {
    name: String,
    limits: Limits,
    state: State,
    failures: u32,
    /// Why it failed last, or what it is being killed for.
    reason: String,
    exchanges: HashMap<u64, Exchange>,
    /// Those that wait, the oldest first; ended ones are passed over.
    order: VecDeque<u64>,
    actions: VecDeque<Action>,
    counters: Counters,
}

impl Supervisor {
    pub(crate) fn new(name: &str, limits: Limits) -> Self {
        Supervisor {
            name: name.to_owned(),
            limits,
            state: State::Asleep,
            failures: 0,
            reason: String::new(),
            exchanges: HashMap::new(),
            order: VecDeque::new(),
            actions: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// What is to be done next.
    pub(crate) fn action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Supervisor::expire`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let state = match self.state {
            State::Resting { until } | State::Starting { until } => Some(until),
            State::Asleep | State::Born | State::Ready { .. } | State::Dying => None,
        };
        let exchanges = self.exchanges.values().map(|exchange| exchange.deadline);
        exchanges.chain(state).min()
    }

    /// A new exchange. It starts the process, if that sleeps.
    pub(crate) fn open(&mut self, id: u64, body: Vec<u8>, deadline: Instant) {
        if self.failures >= DOWN_AFTER && matches!(self.state, State::Resting { .. }) {
            self.counters.lost += 1;
            let how = self.reason.clone();
            return self.fail(id, |worker| ExchangeError::Down { worker, how });
        }
        let waiting = self.waiting();
        if waiting >= self.limits.waiting {
            self.counters.busy += 1;
            return self.fail(id, |worker| ExchangeError::Busy { worker, waiting });
        }
        let exchange = Exchange {
            stage: Stage::Waiting(vec![Frame::new(Kind::Open, id, body)]),
            deadline,
            received: 0,
        };
        self.exchanges.insert(id, exchange);
        self.order.push_back(id);
        match self.state {
            State::Asleep => self.start(),
            _ => self.dispatch(),
        }
    }

    fn start(&mut self) {
        self.state = State::Born;
        self.actions.push_back(Action::Start);
    }

    /// More input for an exchange, or its end.
    pub(crate) fn input(&mut self, kind: Kind, id: u64, body: Vec<u8>) {
        match self
            .exchanges
            .get_mut(&id)
            .map(|exchange| &mut exchange.stage)
        {
            Some(Stage::Waiting(frames)) => frames.push(Frame::new(kind, id, body)),
            Some(Stage::Working) => self
                .actions
                .push_back(Action::Send(Frame::new(kind, id, body))),
            Some(Stage::Abandoned) | None => {}
        }
    }

    /// Nobody waits for this exchange any more.
    pub(crate) fn cancel(&mut self, now: Instant, id: u64) {
        let live = |exchange: &Exchange| !matches!(exchange.stage, Stage::Abandoned);
        if self.exchanges.get(&id).is_some_and(live) {
            self.counters.cancelled += 1;
            self.abandon(now, id);
        }
    }

    /// The process runs.
    pub(crate) fn started(&mut self, now: Instant) {
        self.counters.started += 1;
        self.state = State::Starting {
            until: now + self.limits.start,
        };
    }

    /// The process has ended, or could not be started.
    pub(crate) fn ended(&mut self, now: Instant, how: String) {
        if !matches!(self.state, State::Dying) {
            self.reason = how;
        }
        if let State::Ready { since } = self.state
            && now.duration_since(since) >= self.limits.settled
        {
            self.failures = 0;
        }
        self.counters.died += 1;
        self.failures = self.failures.saturating_add(1);
        let doubled = 1u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        let pause = self.limits.first_pause.saturating_mul(doubled);
        self.state = State::Resting {
            until: now + pause.min(self.limits.longest_pause),
        };
        let down = self.failures >= DOWN_AFTER;
        for id in self.ids(|stage| down || !matches!(stage, Stage::Waiting(_))) {
            let Some(exchange) = self.exchanges.remove(&id) else {
                continue;
            };
            if matches!(exchange.stage, Stage::Abandoned) {
                continue;
            }
            self.counters.lost += 1;
            let how = self.reason.clone();
            self.fail(id, |worker| match exchange.stage {
                Stage::Waiting(_) => ExchangeError::Down { worker, how },
                Stage::Working | Stage::Abandoned => ExchangeError::Died { worker, how },
            });
        }
    }

    /// The worker leaves what it is sent lying.
    pub(crate) fn deaf(&mut self, bytes: usize) {
        self.kill(format!(
            "it was killed, because {bytes} bytes waited for it to read them"
        ));
    }

    /// What the worker sent cannot be understood.
    pub(crate) fn garbled(&mut self, what: String) {
        self.kill(format!("it was killed, because it sent {what}"));
    }

    /// The worker sent this.
    pub(crate) fn frame(&mut self, now: Instant, frame: Frame) {
        match (frame.kind, &self.state) {
            (Kind::Hello, State::Starting { .. }) if frame.body == greeting(&self.name) => {
                self.state = State::Ready { since: now };
                self.dispatch();
            }
            (Kind::Hello, _) => {
                let text = String::from_utf8_lossy(&frame.body).into_owned();
                self.garbled(format!(
                    "the greeting {text:?}: it is not the worker of this server's version"
                ));
            }
            (Kind::Part | Kind::End | Kind::Failed, State::Ready { .. }) => self.answer(now, frame),
            (_, State::Dying) => {}
            (kind, _) => self.garbled(format!("{kind:?} out of turn")),
        }
    }

    fn answer(&mut self, now: Instant, frame: Frame) {
        let Some(exchange) = self.exchanges.get_mut(&frame.exchange) else {
            return self.garbled(format!("an answer to exchange {}", frame.exchange));
        };
        let live = matches!(exchange.stage, Stage::Working);
        exchange.received = exchange.received.saturating_add(frame.body.len());
        let (id, allowed) = (frame.exchange, self.limits.largest_answer);
        if live && exchange.received > allowed {
            self.abandon(now, id);
            return self.fail(id, |worker| ExchangeError::TooLarge { worker, allowed });
        }
        if frame.kind == Kind::Part {
            if live {
                let part = Event::Part(frame.body);
                self.actions.push_back(Action::Deliver(id, part));
            }
            return;
        }
        self.exchanges.remove(&id);
        if live && frame.kind == Kind::End {
            self.counters.answered += 1;
            let end = Event::End(frame.body);
            self.actions.push_back(Action::Deliver(id, end));
        } else if live {
            self.counters.refused += 1;
            let message = String::from_utf8_lossy(&frame.body).into_owned();
            self.fail(id, |worker| ExchangeError::Refused { worker, message });
        }
        self.dispatch();
    }

    /// Time has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        match self.state {
            State::Resting { until } if until <= now && self.exchanges.is_empty() => {
                self.state = State::Asleep;
            }
            State::Resting { until } if until <= now => self.start(),
            State::Starting { until } if until <= now => {
                self.kill(format!(
                    "it was killed, because it did not greet within {:?}",
                    self.limits.start
                ));
            }
            _ => {}
        }
        let late: Vec<u64> = (self.exchanges.iter())
            .filter(|(_, exchange)| exchange.deadline <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            match self.exchanges.get(&id).map(|exchange| &exchange.stage) {
                Some(Stage::Abandoned) => {
                    self.exchanges.remove(&id);
                    self.kill(format!(
                        "it was killed, because it did not end a cancelled request within {:?}",
                        self.limits.grace
                    ));
                }
                Some(_) => {
                    self.counters.timed_out += 1;
                    self.abandon(now, id);
                    self.fail(id, |worker| ExchangeError::TimedOut { worker });
                }
                None => {}
            }
        }
    }

    /// Ends everything.
    pub(crate) fn stop(&mut self) {
        for id in self.ids(|_| true) {
            let live = self.exchanges.remove(&id);
            if live.is_some_and(|exchange| !matches!(exchange.stage, Stage::Abandoned)) {
                self.fail(id, |worker| ExchangeError::Stopped { worker });
            }
        }
        self.kill("it was stopped".to_owned());
    }

    fn waiting(&self) -> usize {
        let waits = |exchange: &&Exchange| matches!(exchange.stage, Stage::Waiting(_));
        self.exchanges.values().filter(waits).count()
    }

    /// The exchanges in these stages, the oldest first.
    fn ids(&self, wanted: impl Fn(&Stage) -> bool) -> Vec<u64> {
        let mut ids: Vec<u64> = (self.exchanges.iter())
            .filter(|(_, exchange)| wanted(&exchange.stage))
            .map(|(id, _)| *id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Hands over what waits, as far as the worker takes it.
    fn dispatch(&mut self) {
        if !matches!(self.state, State::Ready { .. }) {
            return;
        }
        let mut working = self.exchanges.len() - self.waiting();
        while working < self.limits.at_once
            && let Some(id) = self.order.pop_front()
        {
            if let Some(exchange) = self.exchanges.get_mut(&id)
                && let Stage::Waiting(frames) =
                    std::mem::replace(&mut exchange.stage, Stage::Working)
            {
                self.actions.extend(frames.into_iter().map(Action::Send));
                working += 1;
            }
        }
    }

    /// Takes an exchange from whoever asked; what the worker works on must still be ended by it.
    fn abandon(&mut self, now: Instant, id: u64) {
        match self.exchanges.get_mut(&id) {
            Some(exchange) if matches!(exchange.stage, Stage::Working) => {
                exchange.stage = Stage::Abandoned;
                exchange.deadline = now + self.limits.grace;
                let cancel = Frame::new(Kind::Cancel, id, []);
                self.actions.push_back(Action::Send(cancel));
            }
            _ => {
                self.exchanges.remove(&id);
                self.order.retain(|waiting| *waiting != id);
            }
        }
    }

    fn kill(&mut self, why: String) {
        if matches!(self.state, State::Starting { .. } | State::Ready { .. }) {
            self.reason = why;
            self.state = State::Dying;
            self.actions.push_back(Action::Kill);
        }
    }

    fn fail(&mut self, id: u64, error: impl FnOnce(String) -> ExchangeError) {
        let failed = Event::Failed(error(self.name.clone()));
        self.actions.push_back(Action::Deliver(id, failed));
    }

    /// What it was killed for, or how it ended.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests;
