//! Probe calls: what callers notice, measured from outside the server.
//!
//! A thread of the bench keeps some calls of its own in progress beside SIPp's load, through the
//! same scenario. Each datagram's time of arrival is the kernel's own, so it does not matter when
//! the thread gets to read it; a request's time of sending is taken just before the system call.

mod call;
mod log;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use vireo_tests::rtp::{receive_stamped, stamp};
use vireo_tests::sip::Message;

use crate::error::{Context, Result};
use crate::machine::{Machine, Rank};
use crate::usage::now_ns;
use call::Call;
pub use log::{Log, Outcome, Sizes, Summary};

/// How often the thread looks what came and what is due.
const TURN: Duration = Duration::from_millis(2);

/// What a probe call does. Times are from the 200.
#[derive(Debug, Clone)]
pub struct Script {
    /// The called number.
    pub service: &'static str,
    /// Keys, with the moment each is pressed; the prompt changes after each.
    pub digits: &'static [(Duration, char)],
    /// Hangs up then; otherwise the server does.
    pub hang_up: Option<Duration>,
    /// Length of the last prompt, packets; `None`: nobody plays it to its end.
    pub last_prompt: Option<u32>,
    /// A call that lasts longer has failed.
    pub limit: Duration,
}

/// INVITE, 200, ACK, one second, BYE.
pub const SIGNALLING: Script = Script {
    service: "sig",
    digits: &[],
    hang_up: Some(Duration::from_secs(1)),
    last_prompt: None,
    limit: Duration::from_secs(6),
};

/// As `tests/load/ivr-a.xml`.
pub const IVR_A: Script = Script {
    service: "ivra",
    digits: &[(Duration::from_secs(3), '1')],
    hang_up: None,
    last_prompt: Some(200),
    limit: Duration::from_secs(20),
};

/// As `tests/load/ivr-b.xml`, without the speech.
pub const IVR_B: Script = Script {
    service: "ivrb",
    digits: &[
        (Duration::from_secs(2), '1'),
        (Duration::from_secs(4), '2'),
        (Duration::from_secs(6), '3'),
    ],
    hang_up: None,
    last_prompt: None,
    limit: Duration::from_secs(40),
};

/// How many probe calls there are.
#[derive(Debug, Default)]
struct Wanted {
    concurrent: AtomicU32,
    /// A thousandth of a call a second.
    rate: AtomicU64,
    stop: AtomicBool,
}

impl Wanted {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn set(&self, concurrent: u32, per_second: f64) {
        self.concurrent.store(concurrent, Ordering::Relaxed);
        let rate = (per_second * 1e3) as u64;
        self.rate.store(rate.max(1), Ordering::Relaxed);
    }

    /// Between two calls, ns.
    fn pause_ns(&self) -> i64 {
        (1_000_000_000_000 / self.rate.load(Ordering::Relaxed)).cast_signed()
    }
}

/// Probe calls in progress.
#[derive(Debug)]
pub struct Probes {
    wanted: Arc<Wanted>,
    log: Arc<Mutex<Log>>,
    thread: Option<JoinHandle<()>>,
}

impl Probes {
    /// Begins at most `per_second` calls a second, at most `concurrent` at the same time.
    pub fn start(
        machine: &Machine,
        server: SocketAddr,
        script: &Script,
        concurrent: u32,
        per_second: f64,
    ) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").context(|| "the probes' SIP socket".into())?;
        socket.connect(server).context(|| format!("{server}"))?;
        socket
            .set_nonblocking(true)
            .context(|| "the probes' SIP socket".into())?;
        stamp(&socket);
        let wanted = Arc::new(Wanted::default());
        wanted.set(concurrent, per_second);
        let log = Arc::new(Mutex::new(Log::default()));
        let machine = machine.clone();
        let worker = Worker {
            socket,
            server,
            script: script.clone(),
            calls: Vec::new(),
            next: 0,
            wanted: Arc::clone(&wanted),
            log: Arc::clone(&log),
        };
        let thread = std::thread::Builder::new()
            .name("probes".into())
            .spawn(move || {
                machine.join_generator(Rank::Probe);
                worker.run();
            })
            .context(|| "the probes' thread".into())?;
        Ok(Self {
            wanted,
            log,
            thread: Some(thread),
        })
    }

    /// From now on so many at the same time and so many a second, at most.
    pub fn set(&self, concurrent: u32, per_second: f64) {
        self.wanted.set(concurrent, per_second);
    }

    /// What was seen between two moments, ns since 1970.
    pub fn summary(&self, from_ns: i64, to_ns: i64) -> Summary {
        lock(&self.log).summary(from_ns, to_ns)
    }

    /// Begins no more calls, and waits for those in progress.
    pub fn finish(mut self) -> Log {
        self.end();
        std::mem::take(&mut *lock(&self.log))
    }

    fn end(&mut self) {
        self.wanted.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by its thread; what was seen until then still counts.
            let _ = thread.join();
        }
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread owns.
struct Worker {
    socket: UdpSocket,
    server: SocketAddr,
    script: Script,
    calls: Vec<Call>,
    next: u32,
    wanted: Arc<Wanted>,
    log: Arc<Mutex<Log>>,
}

impl Worker {
    fn run(mut self) {
        let mut due = now_ns();
        let mut bytes = vec![0; 65_536];
        loop {
            let stop = self.wanted.stop.load(Ordering::Relaxed);
            if stop && self.calls.is_empty() {
                return;
            }
            let (now, pause_ns) = (now_ns(), self.wanted.pause_ns());
            // After a pause the calls that were not begun stay so: no burst. A higher rate holds
            // from now on, not from when the call that was next at the lower one is due.
            due = due.clamp(now - 10 * pause_ns, now + pause_ns);
            let mut begin = 0;
            while !stop && due <= now {
                due += pause_ns;
                begin += 1;
            }
            self.turn(begin, &mut bytes);
            std::thread::sleep(TURN);
        }
    }

    fn turn(&mut self, begin: u32, bytes: &mut [u8]) {
        let log = Arc::clone(&self.log);
        let mut log = lock(&log);
        self.receive(bytes, &mut log);
        let wanted = self.wanted.concurrent.load(Ordering::Relaxed) as usize;
        for _ in 0..begin {
            if self.calls.len() < wanted {
                self.begin(&mut log);
            }
        }
        for call in &mut self.calls {
            call.turn(&self.socket, &self.script, bytes, &mut log);
        }
        self.calls.retain(|call| !call.is_over());
    }

    fn begin(&mut self, log: &mut Log) {
        self.next += 1;
        match Call::begin(self.next, &self.socket, self.server, &self.script) {
            Ok(call) => self.calls.push(call),
            Err(error) => {
                eprintln!("probe call: {error}");
                log.ended(now_ns(), Outcome::Failed, 0.0);
            }
        }
    }

    fn receive(&mut self, bytes: &mut [u8], log: &mut Log) {
        while let Some((length, at_ns)) = receive_stamped(&self.socket, bytes) {
            let message = Message(String::from_utf8_lossy(&bytes[..length]).into_owned());
            let Some(id) = message.header("Call-ID").map(str::to_owned) else {
                continue;
            };
            match self.calls.iter_mut().find(|call| call.id() == id) {
                Some(call) => call.receive(&message, at_ns, &self.script, &self.socket, log),
                // The answer to its BYE came too late or twice, or ours to the server's was lost.
                None if message.method() == "BYE" => call::respond(&message, &self.socket),
                None => {}
            }
        }
    }
}
