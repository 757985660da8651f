//! Writing journals and CDRs: calls hand over what they have, one thread puts it into the store in
//! batches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use vireo_host::{Answer, Request};
use vireo_store::cdr::{Cdr, Mark, OpenCall};
use vireo_store::journal::Lines;
use vireo_store::{Cdrs, DurableCallback, Journal};

/// Pieces of journals on their way to the store. A call that finds no room drops its entries and
/// counts them: a stalled disk must not stall a caller.
const QUEUE: usize = 16_384;

/// What comes within so long is written together: a burst of a call costs one record, and the thread
/// wakes up twenty times a second however many calls there are.
const WINDOW: Duration = Duration::from_millis(50);

/// What a call hands over.
enum Message {
    Began(Mark),
    Lines(Arc<str>, Lines),
    Ended(Box<Ended>),
}

/// A call's end: its record, and the rest of its journal.
struct Ended {
    call_id: Arc<str>,
    lines: Lines,
    cdr: Cdr,
    done: DurableCallback,
}

/// The thread that writes journals and CDRs.
#[derive(Debug)]
pub struct JournalWriter {
    queue: Mutex<Option<SyncSender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    cdrs: Cdrs,
    counts: Arc<Counts>,
}

/// What calls and the thread count together.
#[derive(Debug, Default)]
struct Counts {
    /// Messages in the queue.
    queued: AtomicUsize,
    /// Entries that found no room, or that the store did not take.
    dropped: AtomicU64,
}

impl Counts {
    fn lost(&self, lines: &Lines) {
        self.dropped
            .fetch_add(lines.len().into(), Ordering::Relaxed);
    }
}

impl JournalWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(journal: Journal, cdrs: Cdrs) -> std::io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let counts = Arc::<Counts>::default();
        let writer = Writer {
            journal,
            cdrs: cdrs.clone(),
            counts: Arc::clone(&counts),
        };
        let thread = std::thread::Builder::new()
            .name("vireo-journal".into())
            .spawn(move || writer.run(&messages))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
            cdrs,
            counts,
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
            lines: Lines::default(),
            queue,
            cdrs: self.cdrs.clone(),
            counts: Arc::clone(&self.counts),
        }
    }

    /// Entries that could not be written.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// How full the queue is, from 0 to 1. Calls that find it full lose entries.
    pub fn queue_load(&self) -> f64 {
        self.counts.queued.load(Ordering::Relaxed) as f64 / QUEUE as f64
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

struct Writer {
    journal: Journal,
    cdrs: Cdrs,
    counts: Arc<Counts>,
}

impl Writer {
    /// Takes what is there, a moment's worth at a time, and writes it call by call. As long as each
    /// moment brings something the thread looks again by itself, and no call has to wake it.
    fn run(&self, messages: &Receiver<Message>) {
        let mut moment = Moment::default();
        while let Ok(first) = messages.recv() {
            let mut first = Some(first);
            loop {
                std::thread::sleep(WINDOW);
                let mut came = false;
                for message in first.take().into_iter().chain(messages.try_iter()) {
                    came = true;
                    self.counts.queued.fetch_sub(1, Ordering::Relaxed);
                    self.take(message, &mut moment);
                }
                if !came {
                    break;
                }
                self.write(&mut moment);
            }
        }
    }

    fn take(&self, message: Message, moment: &mut Moment) {
        match message {
            Message::Began(mark) => began(&self.cdrs, &mark),
            Message::Lines(call, lines) => moment.running.entry(call).or_default().append(lines),
            Message::Ended(end) => moment.ended.push(*end),
        }
    }

    fn write(&self, moment: &mut Moment) {
        for end in moment.ended.drain(..) {
            let before = moment.running.remove(&end.call_id);
            finish(&self.cdrs, end, before);
        }
        for (call, lines) in moment.running.drain() {
            if let Err(error) = self.journal.append_lines(&call, &lines) {
                self.counts.lost(&lines);
                tracing::error!(call = &*call, %error, "the journal could not be written");
            }
        }
    }
}

/// What calls handed over since the last writing.
#[derive(Default)]
struct Moment {
    running: HashMap<Arc<str>, Lines>,
    ended: Vec<Ended>,
}

fn began(cdrs: &Cdrs, mark: &Mark) {
    if let Err(error) = cdrs.mark(mark) {
        tracing::error!(?mark, %error, "the call could not be marked as open");
    }
}

fn finish(cdrs: &Cdrs, end: Ended, before: Option<Lines>) {
    let mut lines = before.unwrap_or_default();
    lines.append(end.lines);
    cdrs.finish_then(end.cdr, &lines, end.done);
}

/// One call's end of the journal.
#[derive(Debug)]
pub struct CallJournal {
    call_id: Arc<str>,
    next: u32,
    /// What was not handed over yet.
    lines: Lines,
    queue: Option<SyncSender<Message>>,
    cdrs: Cdrs,
    counts: Arc<Counts>,
}

impl CallJournal {
    /// Leaves a mark of the call, which after a crash becomes a CDR.
    pub fn began(&self, call: &OpenCall) {
        let mark = match Mark::of(call) {
            Ok(mark) => mark,
            Err(error) => {
                tracing::error!(call = call.call_id, %error, "the call has no mark");
                return;
            }
        };
        if self.queue.is_some()
            && let Err(Message::Began(mark)) = self.send(Message::Began(mark))
        {
            began(&self.cdrs, &mark);
        }
    }

    /// Queues a message; gives it back when there is no room, or nobody to take it.
    fn send(&self, message: Message) -> Result<(), Message> {
        let Some(queue) = &self.queue else {
            return Err(message);
        };
        // Before it can be taken: the count never falls below zero.
        self.counts.queued.fetch_add(1, Ordering::Relaxed);
        queue.try_send(message).map_err(|error| {
            self.counts.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
            }
        })
    }

    /// A verb of the flow, asked at `asked` and answered at `at` (both since the call's start).
    /// The entry's place in time is when it was asked.
    pub fn verb(&mut self, asked: Duration, at: Duration, request: &Request, answer: &Answer) {
        let reply = VerbReply {
            took_ms: millis(at.saturating_sub(asked)),
            answer,
        };
        let seq = self.sequence();
        let written = (self.lines).verb(seq, millis(asked), request.verb(), request, &reply);
        self.report(written);
        // The flow must not see what is not on its way.
        self.hand_over();
    }

    /// Something else that happened on the call. It is handed over with the verb that it ends, or when
    /// the call next waits.
    pub fn event(&mut self, at: Duration, name: &'static str, detail: &impl Serialize) {
        let seq = self.sequence();
        let written = self.lines.event(seq, millis(at), name, detail);
        self.report(written);
    }

    /// Hands over what was written since the last time.
    pub fn hand_over(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        if self.queue.is_none() {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        let message = Message::Lines(Arc::clone(&self.call_id), lines);
        if let Err(Message::Lines(_, lines)) = self.send(message) {
            self.counts.lost(&lines);
        }
    }

    /// The call's record, and the end of its journal. `done` is called when both are on disk or cannot
    /// get there.
    pub fn finish(mut self, cdr: Cdr, done: DurableCallback) {
        let end = Ended {
            call_id: Arc::clone(&self.call_id),
            lines: std::mem::take(&mut self.lines),
            cdr,
            done,
        };
        // No record is dropped for want of room: this call waits for the store itself.
        if let Err(Message::Ended(end)) = self.send(Message::Ended(Box::new(end))) {
            finish(&self.cdrs, *end, None);
        }
    }

    fn sequence(&mut self) -> u32 {
        let seq = self.next;
        self.next = self.next.wrapping_add(1);
        seq
    }

    fn report(&self, written: vireo_store::Result<()>) {
        if let Err(error) = written {
            tracing::error!(call = &*self.call_id, %error, "a journal entry could not be written");
        }
    }
}

impl Drop for CallJournal {
    fn drop(&mut self) {
        self.hand_over();
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
    use vireo_store::cdr::Outcome;
    use vireo_store::journal::Kind;
    use vireo_store::{MemoryStore, Store};

    use super::*;

    #[test]
    fn entries_arrive_in_order_and_whole() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let journal = Journal::new(Arc::clone(&store));
        let cdrs = Cdrs::new(Arc::clone(&store));
        let writer = JournalWriter::start(journal.clone(), cdrs.clone()).unwrap();
        let mut call = writer.open("call");
        call.event(
            Duration::ZERO,
            "invite",
            &serde_json::json!({ "caller": "100" }),
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
        let open = OpenCall {
            call_id: "call".into(),
            ..OpenCall::default()
        };
        call.began(&open);
        call.event(asked, "cdr", &());
        let (done, written) = std::sync::mpsc::channel();
        let cdr = Cdr::new(open, 9, Outcome::Completed);
        call.finish(cdr, Box::new(move |result| done.send(result).unwrap()));
        writer.shutdown();
        written.recv().unwrap().unwrap();
        assert_eq!(cdrs.open_calls().unwrap(), []);
        assert!(cdrs.get("call").unwrap().is_some());
        let entries = journal.read("call").unwrap();
        assert_eq!(
            entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
            [0, 1, 2, 3]
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
        assert_eq!((writer.dropped(), writer.queue_load()), (0, 0.0));
    }
}
