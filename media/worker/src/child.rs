//! The worker's side: plain threads, no runtime.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

use crate::frame::{Decoder, Frame, Kind, greeting};

/// What the server wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A new exchange.
    Open(u64, Vec<u8>),
    /// More of its input.
    Input(u64, Vec<u8>),
    /// The end of its input.
    Finish(u64),
    /// Nobody waits for its answer. Comes after [`Replies::cancelled`] says so already.
    Cancel(u64),
}

/// Answers; may be used from several threads.
#[derive(Clone, Debug)]
pub struct Replies {
    socket: Arc<Mutex<UnixStream>>,
    cancelled: Arc<Mutex<HashSet<u64>>>,
}

impl Replies {
    /// Sends a piece of the answer.
    pub fn part(&self, exchange: u64, body: impl Into<Vec<u8>>) {
        self.send(&Frame::new(Kind::Part, exchange, body));
    }

    /// Sends the last piece. Each exchange ends with this or with [`Replies::failed`], once.
    pub fn end(&self, exchange: u64, body: impl Into<Vec<u8>>) {
        self.send(&Frame::new(Kind::End, exchange, body));
        self.forget(exchange);
    }

    /// Says why there is no answer.
    pub fn failed(&self, exchange: u64, why: &str) {
        self.send(&Frame::new(Kind::Failed, exchange, why));
        self.forget(exchange);
    }

    /// Does nobody wait for this answer any more? To be asked between pieces of work.
    pub fn cancelled(&self, exchange: u64) -> bool {
        lock(&self.cancelled).contains(&exchange)
    }

    fn forget(&self, exchange: u64) {
        lock(&self.cancelled).remove(&exchange);
    }

    fn send(&self, frame: &Frame) {
        let mut bytes = Vec::new();
        if let Err(error) = frame.write(&mut bytes) {
            bytes.clear();
            let told = Frame::new(Kind::Failed, frame.exchange, error.to_string());
            if told.write(&mut bytes).is_err() {
                return;
            }
        }
        if lock(&self.socket).write_all(&bytes).is_err() {
            // The server is gone, and with it whoever waits.
            std::process::exit(0);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Greets the server at the other end of standard input, and hands out what it wants. The process
/// ends when the server does.
///
/// # Errors
/// Standard input is no socket: this program is started by a server, not by hand.
pub fn connect(name: &str) -> std::io::Result<(Receiver<Wish>, Replies)> {
    normal_priority();
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr()?;
    let replies = Replies {
        socket: Arc::new(Mutex::new(socket.try_clone()?)),
        cancelled: Arc::default(),
    };
    let (wishes, taken) = mpsc::channel();
    let cancelled = Arc::clone(&replies.cancelled);
    replies.send(&Frame::new(Kind::Hello, 0, greeting(name)));
    std::thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || {
            read(socket, &wishes, &cancelled);
            // Native code in another thread may never come back.
            std::process::exit(0);
        })?;
    Ok((taken, replies))
}

/// Reads until the server is gone, or is not understood.
fn read(mut socket: UnixStream, wishes: &mpsc::Sender<Wish>, cancelled: &Mutex<HashSet<u64>>) {
    let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 64 << 10]);
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        decoder.push(buffer.get(..count).unwrap_or_default());
        while let Ok(Some(frame)) = decoder.next_frame() {
            let Frame { exchange, body, .. } = frame;
            let wish = match frame.kind {
                Kind::Open => Wish::Open(exchange, body),
                Kind::Input => Wish::Input(exchange, body),
                Kind::Finish => Wish::Finish(exchange),
                Kind::Cancel => {
                    lock(cancelled).insert(exchange);
                    Wish::Cancel(exchange)
                }
                Kind::Hello | Kind::Part | Kind::End | Kind::Failed => return,
            };
            if wishes.send(wish).is_err() {
                return;
            }
        }
    }
}

/// A server may run under a real-time policy; what it starts must not take the packet clock's time.
#[allow(unsafe_code)]
fn normal_priority() {
    let normal = libc::sched_param { sched_priority: 0 };
    // SAFETY: `normal` outlives the call, which only reads it; 0 is this process.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const normal) } != 0 {
        eprintln!(
            "the normal priority could not be set: {}",
            std::io::Error::last_os_error()
        );
    }
}
