//! The way of commands to a media thread.
//!
//! The thread may run under SCHED_FIFO on a core that ordinary threads share: it preempts them
//! anywhere, also in the middle of handing over a command, and they go on only when it sleeps. So
//! taking a command must not depend on a sender that is half done, as it does in the queues of the
//! standard library, which spin in that case. Here the taking end is wait-free, and the lock is one
//! among senders only.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::watch::Watch;

/// What ends the thread's sleep.
struct Bell {
    /// The thread sleeps, or is about to, and nobody called it yet.
    asleep: AtomicBool,
    watch: Arc<Watch>,
    ringer: Option<Ringer>,
}

/// A task that rings for the senders of a runtime, after those of them that are ready have run. A thread that preempts
/// whoever calls it would else take one message, sleep again, and be called for the next.
pub(crate) struct Ringer {
    wanted: Arc<Notify>,
    task: AbortHandle,
}

impl Ringer {
    pub fn start(runtime: &Handle, watch: Arc<Watch>) -> Ringer {
        let wanted = Arc::new(Notify::new());
        let asked = Arc::clone(&wanted);
        let task = runtime.spawn(async move {
            loop {
                asked.notified().await;
                tokio::task::yield_now().await;
                watch.call();
            }
        });
        Ringer {
            wanted,
            task: task.abort_handle(),
        }
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The senders' end.
pub(crate) struct Outbox<T> {
    ring: Mutex<Producer<T>>,
    bell: Arc<Bell>,
}

/// The media thread's end.
pub(crate) struct Inbox<T> {
    ring: Consumer<T>,
    bell: Arc<Bell>,
}

/// A mailbox for at most `capacity` messages, whose taker also listens to `watch`, and is called by the senders
/// themselves where there is no `ringer`.
pub(crate) fn mailbox<T>(
    capacity: usize,
    watch: Arc<Watch>,
    ringer: Option<Ringer>,
) -> (Outbox<T>, Inbox<T>) {
    let (producer, consumer) = RingBuffer::new(capacity);
    let bell = Arc::new(Bell {
        asleep: AtomicBool::new(false),
        watch,
        ringer,
    });
    let outbox = Outbox {
        ring: Mutex::new(producer),
        bell: Arc::clone(&bell),
    };
    let inbox = Inbox {
        ring: consumer,
        bell,
    };
    (outbox, inbox)
}

/// The mailbox is full, or its thread has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// There may be messages, or something that the watch tells of.
    Called,
    /// Its time has passed.
    InTime,
}

impl<T> Outbox<T> {
    /// Hands over a message; never waits for the media thread. Costs no system call while that thread
    /// is awake, and one for all messages that are sent while it wakes.
    pub fn send(&self, message: T) -> Result<(), Refused> {
        let pushed = self.push(message);
        self.call();
        pushed
    }

    /// Hands over a message that nothing depends on before the next one: the thread is not woken for
    /// it.
    pub fn leave(&self, message: T) -> Result<(), Refused> {
        let pushed = self.push(message);
        if pushed.is_err() {
            // Nobody takes what is left here while the thread sleeps.
            self.call();
        }
        pushed
    }

    fn push(&self, message: T) -> Result<(), Refused> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.is_abandoned() {
            return Err(Refused);
        }
        ring.push(message).map_err(|_| Refused)
    }

    fn call(&self) {
        // Between the message and the flag, as in `Inbox::wait` between the flag and the look for
        // messages: one of the two sides sees what the other did.
        fence(Ordering::SeqCst);
        let asleep = &self.bell.asleep;
        if asleep.load(Ordering::Relaxed) && asleep.swap(false, Ordering::Relaxed) {
            match &self.bell.ringer {
                Some(ringer) => ringer.wanted.notify_one(),
                None => self.wake(),
            }
        }
    }

    /// Ends [`Inbox::wait`], or the next if the thread does not wait now.
    pub fn wake(&self) {
        self.bell.watch.call();
    }
}

impl<T> Inbox<T> {
    /// The next message, if there is one; wait-free.
    pub fn take(&mut self) -> Option<T> {
        self.ring.pop().ok()
    }

    /// Waits for messages and for what the watch tells of, at most until `limit` has passed; `None`:
    /// as long as it takes.
    pub fn wait(&self, limit: Option<Duration>) -> Woken {
        let Bell { asleep, watch, .. } = &*self.bell;
        asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let called = !self.ring.is_empty() || watch.wait(limit);
        asleep.store(false, Ordering::Relaxed);
        if called { Woken::Called } else { Woken::InTime }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::watch::Ready;

    /// Far more than any sender needs, however busy the machine is.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn new<T>(capacity: usize) -> (Outbox<T>, Inbox<T>) {
        mailbox(capacity, Arc::new(Watch::new().unwrap()), None)
    }

    #[test]
    fn messages_keep_their_order_and_a_full_box_refuses() {
        let (outbox, mut inbox) = new(2);
        assert_eq!(outbox.send(1), Ok(()));
        assert_eq!(outbox.send(2), Ok(()));
        assert_eq!(outbox.send(3), Err(Refused));
        assert_eq!((inbox.take(), inbox.take()), (Some(1), Some(2)));
        assert_eq!(inbox.take(), None);
        assert_eq!(outbox.send(4), Ok(()));
        drop(inbox);
        assert_eq!(outbox.send(5), Err(Refused), "nobody takes it");
    }

    #[test]
    fn many_senders_reach_a_thread_that_waits() {
        const EACH: usize = 2000;
        let (outbox, mut inbox) = new(16);
        let taker = std::thread::spawn(move || {
            let mut taken = [0; 4];
            while taken.iter().sum::<usize>() < 4 * EACH {
                match inbox.take() {
                    Some((sender, number)) => {
                        let sender: usize = sender;
                        assert_eq!(taken[sender], number, "in the order of each sender");
                        taken[sender] += 1;
                    }
                    None => {
                        let woken = inbox.wait(Some(PATIENCE));
                        assert_eq!(woken, Woken::Called, "a message woke nobody");
                        inbox.bell.watch.poll(&mut Ready::new());
                    }
                }
            }
            taken
        });
        std::thread::scope(|scope| {
            for sender in 0..4 {
                let outbox = &outbox;
                scope.spawn(move || {
                    for number in 0..EACH {
                        while outbox.send((sender, number)).is_err() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
        });
        assert_eq!(taker.join().unwrap(), [EACH; 4]);
    }

    #[test]
    fn what_is_left_calls_nobody_and_is_taken_with_the_next_message() {
        let (outbox, mut inbox) = new(2);
        outbox.bell.asleep.store(true, Ordering::Relaxed);
        outbox.leave(1).unwrap();
        assert!(!inbox.bell.watch.wait(Some(Duration::ZERO)));
        outbox.send(2).unwrap();
        assert!(inbox.bell.watch.wait(Some(Duration::ZERO)));
        assert_eq!((inbox.take(), inbox.take()), (Some(1), Some(2)));
    }

    #[test]
    fn a_full_box_calls_whoever_is_to_empty_it() {
        let (outbox, inbox) = new(1);
        outbox.bell.asleep.store(true, Ordering::Relaxed);
        outbox.leave(1).unwrap();
        assert_eq!(outbox.leave(2), Err(Refused));
        assert!(inbox.bell.watch.wait(Some(Duration::ZERO)));
    }

    #[test]
    fn a_ringer_calls_after_the_senders_that_are_ready() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let watch = Arc::new(Watch::new().unwrap());
        let ringer = Ringer::start(runtime.handle(), Arc::clone(&watch));
        let (outbox, mut inbox) = mailbox(4, Arc::clone(&watch), Some(ringer));
        outbox.bell.asleep.store(true, Ordering::Relaxed);
        runtime.block_on(async {
            outbox.send(1).unwrap();
            // The ringer has heard of it, and lets others go first.
            tokio::task::yield_now().await;
            assert!(!watch.wait(Some(Duration::ZERO)), "it rang at once");
            outbox.send(2).unwrap();
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            assert!(watch.wait(Some(Duration::ZERO)), "it did not ring");
            watch.poll(&mut Ready::new());
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            assert!(!watch.wait(Some(Duration::ZERO)), "it rang twice");
        });
        assert_eq!((inbox.take(), inbox.take()), (Some(1), Some(2)));
    }

    #[test]
    fn a_message_to_a_thread_that_is_awake_calls_nobody() {
        let (outbox, mut inbox) = new(4);
        outbox.send(1).unwrap();
        assert!(!inbox.bell.watch.wait(Some(Duration::ZERO)));
        assert_eq!(
            inbox.wait(Some(PATIENCE)),
            Woken::Called,
            "it waits already"
        );
        assert_eq!(inbox.take(), Some(1));
        assert_eq!(inbox.wait(Some(Duration::ZERO)), Woken::InTime);
        outbox.wake();
        assert_eq!(
            inbox.wait(Some(PATIENCE)),
            Woken::Called,
            "it was called before"
        );
    }
}
