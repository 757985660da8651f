//! Writing journals: calls hand entries over, one thread puts them into the store in batches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use vireo_host::{Answer, Request};
use vireo_store::Journal;
use vireo_store::journal::{Entry, Json};

/// Entries on their way to the store. A call that finds no room drops the entry and counts it: a
/// stalled disk must not stall a caller.
const QUEUE: usize = 16_384;

/// A call's identifier and an entry of its journal.
type Line = (Arc<str>, Entry);

/// The thread that writes journals.
#[derive(Debug)]
pub struct JournalWriter {
    queue: Mutex<Option<SyncSender<Line>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    dropped: Arc<AtomicU64>,
}

impl JournalWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(journal: Journal) -> std::io::Result<Self> {
        let (queue, entries) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("vireo-journal".into())
            .spawn(move || write(&journal, &entries, &lost))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
            dropped,
        })
    }

    /// The journal of a call that begins now.
    pub fn open(&self, call_id: &str) -> CallJournal {
        let queue = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        CallJournal {
            call_id: call_id.into(),
            next: 0,
            queue,
            dropped: Arc::clone(&self.dropped),
        }
    }

    /// Entries that could not be written.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is queued and stops. Calls that are still up write no more.
    pub fn shutdown(&self) {
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        if let Some(thread) = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            // It ends when the last call has let go of its sender; a panic was reported already.
            let _ = thread.join();
        }
    }
}

/// Takes what is there, a moment's worth at a time, and appends it call by call.
fn write(journal: &Journal, entries: &Receiver<Line>, lost: &AtomicU64) {
    let mut batch: HashMap<Arc<str>, Vec<Entry>> = HashMap::new();
    while let Ok((call, entry)) = entries.recv() {
        batch.entry(call).or_default().push(entry);
        while let Ok((call, entry)) = entries.try_recv() {
            batch.entry(call).or_default().push(entry);
        }
        for (call, entries) in batch.drain() {
            if let Err(error) = journal.append(&call, &entries) {
                lost.fetch_add(entries.len() as u64, Ordering::Relaxed);
                tracing::error!(call = &*call, %error, "the journal could not be written");
            }
        }
        // Entries of a call come in bursts; one record for a burst is cheaper than one for each.
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One call's end of the journal.
#[derive(Debug)]
pub struct CallJournal {
    call_id: Arc<str>,
    next: u32,
    queue: Option<SyncSender<Line>>,
    dropped: Arc<AtomicU64>,
}

impl CallJournal {
    /// A verb of the flow, asked at `asked` and answered at `at` (both since the call's start).
    /// The entry's place in time is when it was asked.
    pub fn verb(&mut self, asked: Duration, at: Duration, request: &Request, answer: &Answer) {
        let reply = VerbReply {
            took_ms: millis(at.saturating_sub(asked)),
            answer,
        };
        match (Json::of(request), Json::of(&reply)) {
            (Ok(request_json), Ok(reply)) => {
                let seq = self.sequence();
                self.push(Entry::verb(
                    seq,
                    millis(asked),
                    request.verb(),
                    request_json,
                    reply,
                ));
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(call = &*self.call_id, %error, "a journal entry could not be written");
            }
        }
    }

    /// Something else that happened on the call.
    pub fn event(&mut self, at: Duration, name: &'static str, detail: Value) {
        let seq = self.sequence();
        self.push(Entry::event(seq, millis(at), name, detail.into()));
    }

    fn sequence(&mut self) -> u32 {
        let seq = self.next;
        self.next = self.next.wrapping_add(1);
        seq
    }

    fn push(&self, entry: Entry) {
        let Some(queue) = &self.queue else {
            return;
        };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            queue.try_send((Arc::clone(&self.call_id), entry))
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(serde::Serialize)]
struct VerbReply<'a> {
    took_ms: u64,
    #[serde(flatten)]
    answer: &'a Answer,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use vireo_host::Reply;
    use vireo_host::contract::Error;
    use vireo_store::MemoryStore;
    use vireo_store::journal::Kind;

    use super::*;

    #[test]
    fn entries_arrive_in_order_and_whole() {
        let journal = Journal::new(Arc::new(MemoryStore::new()));
        let writer = JournalWriter::start(journal.clone()).unwrap();
        let mut call = writer.open("call");
        call.event(
            Duration::ZERO,
            "invite",
            serde_json::json!({ "caller": "100" }),
        );
        let asked = Duration::from_millis(5);
        call.verb(
            asked,
            Duration::from_millis(30),
            &Request::Answer,
            &Ok(Reply::Done),
        );
        call.verb(
            asked,
            asked,
            &Request::Ring,
            &Err(Error::WrongState("late".into())),
        );
        drop(call);
        writer.shutdown();
        let entries = journal.read("call").unwrap();
        assert_eq!(
            entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
            [0, 1, 2]
        );
        let Kind::Verb { name, reply, .. } = &entries[1].kind else {
            panic!("{entries:?}")
        };
        assert_eq!(
            (name.as_str(), reply.get()),
            ("call.answer", r#"{"took_ms":25,"Ok":"done"}"#)
        );
        let Kind::Verb { reply, .. } = &entries[2].kind else {
            panic!("{entries:?}")
        };
        assert_eq!(reply.get(), r#"{"took_ms":0,"Err":{"WrongState":"late"}}"#);
        assert_eq!(writer.dropped(), 0);
    }
}
