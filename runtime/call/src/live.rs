//! The calls that are up now, for those who watch and steer them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::mpsc;

/// What an operator may ask of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// End it, because an operator wants so.
    Hangup,
    /// End it, because the server ends.
    Shutdown,
}

/// A call as `vireo calls` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveCall {
    /// The server's identifier of the call.
    pub call_id: String,
    /// The trunk that it came in on.
    pub trunk: String,
    /// The route that chose its flow.
    pub route: String,
    /// Calling number; empty when withheld.
    pub caller: String,
    /// Called number.
    pub called: String,
    /// The flow that runs it.
    pub flow: String,
    /// The SHA-256 digest of the flow's version.
    pub version: String,
    /// When the INVITE came, milliseconds since the Unix epoch.
    pub started_at: u64,
    /// When it was answered, likewise.
    pub answered_at: Option<u64>,
    /// The verb that the flow is in.
    pub doing: String,
}

#[derive(Debug)]
struct Entry {
    call: LiveCall,
    commands: mpsc::Sender<Command>,
}

/// All live calls of this process. Touched when a call starts, is answered, enters a verb or ends;
/// never by the media path.
#[derive(Debug, Default)]
pub struct LiveCalls {
    // One lock a shard, so that a listing holds up a sixteenth of the calls for a moment.
    shards: [Mutex<HashMap<String, Entry>>; 16],
}

impl LiveCalls {
    /// Adds a call; what comes back takes it out again when it is dropped.
    pub fn add(self: &Arc<Self>, call: LiveCall) -> (Registration, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(4);
        let call_id = call.call_id.clone();
        self.with(&call_id, |calls| {
            calls.insert(call_id.clone(), Entry { call, commands })
        });
        (
            Registration {
                calls: Arc::clone(self),
                call_id,
            },
            receiver,
        )
    }

    /// How many calls are up.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Is there no call at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All calls, the oldest first.
    pub fn list(&self) -> Vec<LiveCall> {
        let mut all: Vec<LiveCall> = self
            .shards
            .iter()
            .flat_map(|shard| {
                lock(shard)
                    .values()
                    .map(|entry| entry.call.clone())
                    .collect::<Vec<_>>()
            })
            .collect();
        all.sort_by(|a, b| (a.started_at, &a.call_id).cmp(&(b.started_at, &b.call_id)));
        all
    }

    /// One call.
    pub fn get(&self, call_id: &str) -> Option<LiveCall> {
        self.with(call_id, |calls| {
            calls.get(call_id).map(|entry| entry.call.clone())
        })
    }

    /// Hands a command to a call; false when there is no such call, or it is deaf.
    pub fn command(&self, call_id: &str, command: Command) -> bool {
        self.with(call_id, |calls| {
            calls
                .get(call_id)
                .is_some_and(|entry| entry.commands.try_send(command).is_ok())
        })
    }

    fn with<R>(&self, call_id: &str, act: impl FnOnce(&mut HashMap<String, Entry>) -> R) -> R {
        // The identifier ends in random characters.
        let shard = call_id.bytes().next_back().map_or(0, usize::from) % self.shards.len();
        act(&mut lock(&self.shards[shard]))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The maps hold plain data: a panic elsewhere cannot have left them half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call's place in [`LiveCalls`].
#[derive(Debug)]
pub struct Registration {
    calls: Arc<LiveCalls>,
    call_id: String,
}

impl Registration {
    /// Changes what is shown of the call.
    pub fn update(&self, change: impl FnOnce(&mut LiveCall)) {
        self.calls.with(&self.call_id, |calls| {
            if let Some(entry) = calls.get_mut(&self.call_id) {
                change(&mut entry.call);
            }
        });
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.calls
            .with(&self.call_id, |calls| calls.remove(&self.call_id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, started_at: u64) -> LiveCall {
        LiveCall {
            call_id: id.into(),
            trunk: "carrier".into(),
            route: "hotline".into(),
            caller: "100".into(),
            called: "200".into(),
            flow: "demo".into(),
            version: "00".into(),
            started_at,
            answered_at: None,
            doing: "starting".into(),
        }
    }

    #[test]
    fn calls_come_and_go() {
        let calls = Arc::new(LiveCalls::default());
        let (second, _commands) = calls.add(call("b", 2));
        let (first, mut commands) = calls.add(call("a", 1));
        assert_eq!(
            calls
                .list()
                .iter()
                .map(|c| c.call_id.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(calls.command("a", Command::Hangup));
        assert_eq!(commands.try_recv(), Ok(Command::Hangup));
        assert!(!calls.command("c", Command::Hangup));
        first.update(|call| call.doing = "gather".into());
        assert_eq!(calls.get("a").unwrap().doing, "gather");
        drop(first);
        assert_eq!(calls.len(), 1);
        drop(second);
        assert!(calls.is_empty());
    }
}
