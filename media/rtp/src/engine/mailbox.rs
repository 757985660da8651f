//! The way of commands to a media thread.
//!
//! The thread may run under SCHED_FIFO on a core that ordinary threads share: it preempts them
//! anywhere, also in the middle of handing over a command, and they go on only when it sleeps. So
//! taking a command must not depend on a sender that is half done, as it does in the queues of the
//! standard library, which spin in that case. Here the taking end is wait-free, and the lock is one
//! among senders only.

use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

/// The senders' end.
pub(crate) struct Outbox<T> {
    ring: Mutex<Producer<T>>,
    thread: Thread,
}

/// The media thread's end.
pub(crate) struct Inbox<T> {
    ring: Consumer<T>,
}

/// An outbox whose thread is not known yet.
pub(crate) struct Unaddressed<T>(Producer<T>);

/// A mailbox for at most `capacity` messages.
pub(crate) fn mailbox<T>(capacity: usize) -> (Unaddressed<T>, Inbox<T>) {
    let (producer, consumer) = RingBuffer::new(capacity);
    (Unaddressed(producer), Inbox { ring: consumer })
}

/// The mailbox is full, or its thread has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl<T> Unaddressed<T> {
    /// Messages wake `thread`, should it be in [`Inbox::wait`].
    pub fn to(self, thread: Thread) -> Outbox<T> {
        Outbox {
            ring: Mutex::new(self.0),
            thread,
        }
    }
}

impl<T> Outbox<T> {
    /// Hands over a message; never waits for the media thread.
    pub fn send(&self, message: T) -> Result<(), Refused> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.is_abandoned() {
            return Err(Refused);
        }
        let pushed = ring.push(message);
        drop(ring);
        self.wake();
        pushed.map_err(|_| Refused)
    }

    /// Ends [`Inbox::wait`]. Costs no system call while the thread does not wait there.
    pub fn wake(&self) {
        self.thread.unpark();
    }
}

impl<T> Inbox<T> {
    /// The next message, if there is one; wait-free.
    pub fn take(&mut self) -> Option<T> {
        self.ring.pop().ok()
    }

    /// Waits until there may be a message, or until `limit` has passed; only the thread that the
    /// outbox was addressed to may wait.
    pub fn wait(&self, limit: Duration) {
        if self.ring.is_empty() {
            std::thread::park_timeout(limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_order_and_a_full_box_refuses() {
        let (outbox, mut inbox) = mailbox(2);
        let outbox = outbox.to(std::thread::current());
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
        let (outbox, mut inbox) = mailbox(16);
        let taker = std::thread::spawn(move || {
            let mut taken = [0; 4];
            while taken.iter().sum::<usize>() < 4 * EACH {
                match inbox.take() {
                    Some((sender, number)) => {
                        let sender: usize = sender;
                        assert_eq!(taken[sender], number, "in the order of each sender");
                        taken[sender] += 1;
                    }
                    None => inbox.wait(Duration::from_secs(600)),
                }
            }
            taken
        });
        let outbox = outbox.to(taker.thread().clone());
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
}
