//! One process: carries out what its [`Supervisor`] decides.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use crate::frame::Decoder;
use crate::pool::{Lane, Order, Waiters, WorkerConfig};
use crate::supervisor::{Action, Event, Supervisor};

/// The longest line of a worker's standard error that is logged, bytes.
const LONGEST_LINE: u64 = 1024;
/// Bytes that may wait for a worker to read them.
const MOST_UNREAD: usize = 16 << 20;
/// Lines of one process that are logged.
const MOST_LINES: usize = 200;

/// A worker's process. Dropped it is killed: one that stands still does not see that its server ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.0.kill();
    }
}

/// A process that runs.
struct Running {
    child: Process,
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    decoder: Decoder,
    /// Frames that the socket has not taken yet.
    out: Vec<u8>,
}

/// What woke the loop.
enum Woke {
    Order(Option<Order>),
    Read(std::io::Result<usize>),
    Written(std::io::Result<usize>),
    Late,
}

/// Runs one process until nobody can ask it any more.
pub(crate) async fn run(
    config: Arc<WorkerConfig>,
    lane: Weak<Lane>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut supervisor = Supervisor::new(&config.name, config.limits.clone());
    let mut waiters = Waiters::new();
    let mut running: Option<Running> = None;
    let mut buffer = vec![0; 64 << 10];
    loop {
        carry_out(&mut supervisor, &config, &mut running, &mut waiters).await;
        if let Some(lane) = lane.upgrade() {
            *lane.counters.lock().unwrap_or_else(PoisonError::into_inner) = supervisor.counters();
        }
        match wait(&supervisor, &mut orders, &mut running, &mut buffer).await {
            Woke::Order(None) => break,
            Woke::Order(Some(order)) => take(&mut supervisor, &mut waiters, order),
            Woke::Read(Ok(count)) if count > 0 => {
                let read = buffer.get(..count).unwrap_or_default();
                understand(&mut supervisor, &mut running, read);
            }
            Woke::Read(_) | Woke::Written(Err(_)) => end(&mut supervisor, &mut running).await,
            Woke::Written(Ok(count)) => {
                if let Some(running) = &mut running {
                    running.out.drain(..count.min(running.out.len()));
                }
            }
            Woke::Late => supervisor.expire(Instant::now()),
        }
    }
    supervisor.stop();
    carry_out(&mut supervisor, &config, &mut running, &mut waiters).await;
    if running.is_some() {
        end(&mut supervisor, &mut running).await;
    }
}

async fn wait(
    supervisor: &Supervisor,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    running: &mut Option<Running>,
    buffer: &mut [u8],
) -> Woke {
    let deadline = supervisor.deadline();
    let late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    let Some(running) = running else {
        return tokio::select! {
            order = orders.recv() => Woke::Order(order),
            () = late => Woke::Late,
        };
    };
    tokio::select! {
        order = orders.recv() => Woke::Order(order),
        read = running.read.read(buffer) => Woke::Read(read),
        written = running.write.write(&running.out), if !running.out.is_empty() => Woke::Written(written),
        () = late => Woke::Late,
    }
}

fn take(supervisor: &mut Supervisor, waiters: &mut Waiters, order: Order) {
    match order {
        Order::Open {
            id,
            body,
            deadline,
            events,
        } => {
            waiters.insert(id, events);
            supervisor.open(id, body, deadline);
        }
        Order::Input { id, kind, body } => supervisor.input(kind, id, body),
        Order::Cancel(id) => {
            waiters.remove(&id);
            supervisor.cancel(Instant::now(), id);
        }
    }
}

fn understand(supervisor: &mut Supervisor, running: &mut Option<Running>, bytes: &[u8]) {
    let Some(running) = running else {
        return;
    };
    running.decoder.push(bytes);
    loop {
        match running.decoder.next_frame() {
            Ok(Some(frame)) => supervisor.frame(Instant::now(), frame),
            Ok(None) => return,
            Err(error) => return supervisor.garbled(error.to_string()),
        }
    }
}

async fn carry_out(
    supervisor: &mut Supervisor,
    config: &Arc<WorkerConfig>,
    running: &mut Option<Running>,
    waiters: &mut Waiters,
) {
    while let Some(action) = supervisor.action() {
        match action {
            Action::Start => {
                let config = Arc::clone(config);
                // Reading an executable from a disk may take its time.
                let started = tokio::task::spawn_blocking(move || start(&config)).await;
                let now = Instant::now();
                match started
                    .map_err(std::io::Error::other)
                    .flatten()
                    .and_then(connected)
                {
                    Ok(made) => {
                        *running = Some(made);
                        supervisor.started(now);
                    }
                    Err(error) => {
                        supervisor.ended(now, format!("it could not be started: {error}"));
                    }
                }
            }
            Action::Kill => end(supervisor, running).await,
            Action::Send(frame) => {
                if let Some(running) = running
                    && let Err(error) = frame.write(&mut running.out)
                {
                    tracing::error!(worker = config.name, %error, "a frame was not sent");
                }
                let unread = running.as_ref().map_or(0, |running| running.out.len());
                if unread > MOST_UNREAD {
                    supervisor.deaf(unread);
                }
            }
            Action::Deliver(id, event) => {
                let last = !matches!(event, Event::Part(_));
                if let Some(waiter) = waiters.get(&id) {
                    // Whoever asked may be gone; its cancellation is on the way.
                    let _ = waiter.send(event);
                }
                if last {
                    waiters.remove(&id);
                }
            }
        }
    }
}

/// Ends the process, whatever it does, and says how it ended.
async fn end(supervisor: &mut Supervisor, running: &mut Option<Running>) {
    let Some(Running { mut child, .. }) = running.take() else {
        return;
    };
    let ended = tokio::task::spawn_blocking(move || {
        // It may have ended by itself, so its own exit comes first.
        let by_itself = child.0.try_wait().ok().flatten();
        let _ = child.0.kill();
        by_itself.map_or_else(|| child.0.wait(), Ok)
    })
    .await;
    let how = match ended.map_err(std::io::Error::other).flatten() {
        Ok(status) => describe(status),
        Err(error) => format!("its end is not known: {error}"),
    };
    supervisor.ended(Instant::now(), how);
    tracing::warn!(how = supervisor.reason(), "a worker has ended");
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

fn start(config: &WorkerConfig) -> std::io::Result<(Process, Socket)> {
    let (ours, theirs) = Socket::pair()?;
    let mut child = Command::new(&config.program)
        .args(&config.arguments)
        .envs(config.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take();
    let child = Process(child);
    if let Some(stderr) = stderr {
        let name = config.name.clone();
        std::thread::Builder::new()
            .name("vireo-worker-log".to_owned())
            .spawn(move || log(&name, stderr))?;
    }
    Ok((child, ours))
}

fn connected((child, socket): (Process, Socket)) -> std::io::Result<Running> {
    socket.set_nonblocking(true)?;
    let (read, write) = UnixStream::from_std(socket)?.into_split();
    Ok(Running {
        child,
        read,
        write,
        decoder: Decoder::default(),
        out: Vec::new(),
    })
}

/// Logs what a worker writes to its standard error: native libraries do so at will.
fn log(worker: &str, stderr: ChildStderr) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    for at in 0.. {
        line.clear();
        match lines
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) if at < MOST_LINES => {
                let text = String::from_utf8_lossy(&line);
                tracing::info!(worker, "{}", text.trim_end());
            }
            Ok(_) if at == MOST_LINES => tracing::warn!(worker, "it writes more than is logged"),
            Ok(_) => {}
        }
    }
}
