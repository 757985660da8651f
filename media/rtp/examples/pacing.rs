//! What media threads cost: many streams over loopback, and beside them the floor, which is a bare
//! program that moves the same packets and does nothing else.
//!
//! ```text
//! cargo run --release -p vireo-rtp --example pacing -- \
//!     [--streams 1000] [--seconds 5] [--threads 1] [--peer silent|talking] [--listen plain|inband|record|speech]
//!     [--raw-socket try|off] [--floor]
//! ```
//!
//! Every stream plays; a talking peer sends 50 packets a second to each as well. With `--listen speech` a
//! task of tokio takes each stream's sound, as a recognizer does. Prints CPU time per
//! 1,000 streams and per packet, memory per stream, what both sides counted, and how even the packets
//! were, as seen by the peer. One media thread is kept on the first core and the peer on the last, both
//! under SCHED_FIFO where that is allowed.

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use vireo_audio::Codec;
use vireo_audio::recorder::{Format, Layout, Recorder, RecorderConfig, Spec};
use vireo_rtp::packet::Packet;
use vireo_rtp::{
    Engine, EngineConfig, InbandDtmf, Listener, MediaEvent, Play, RawSocket, Realtime,
    RecordLimits, RecordSlot, RecordStart, Repeat, Segment, Stream, StreamConfig, Wake,
};

type Events = tokio::sync::mpsc::Receiver<MediaEvent>;
type Failure = Box<dyn Error>;

/// Peers share so many sockets.
const SOCKETS: usize = 8;

/// Octets of a packet of 20 ms.
const PACKET: usize = 172;

#[derive(Clone, Copy, PartialEq)]
enum Listen {
    Plain,
    Inband,
    Record,
    Speech,
}

/// Hands a stream's sound to a task, in the way of the recognizers.
struct Ears(tokio::sync::mpsc::Sender<Vec<i16>>);

impl Listener for Ears {
    fn hear(&mut self, samples: &[i16]) {
        // Sound that finds no room is left out.
        let _ = self.0.try_send(samples.to_vec());
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Peer {
    Silent,
    Talking,
}

#[derive(Clone, Copy, PartialEq)]
enum Subject {
    Engine,
    Floor,
}

struct Options {
    streams: usize,
    seconds: u64,
    threads: usize,
    peer: Peer,
    listen: Listen,
    raw_socket: RawSocket,
    subject: Subject,
}

fn options() -> Result<Options, Failure> {
    let mut options = Options {
        streams: 1000,
        seconds: 5,
        threads: 1,
        peer: Peer::Talking,
        listen: Listen::Plain,
        raw_socket: RawSocket::Try,
        subject: Subject::Engine,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--floor" {
            options.subject = Subject::Floor;
            continue;
        }
        let value = arguments.next().ok_or("a value is missing")?;
        match (name.as_str(), value.as_str()) {
            ("--streams", n) => options.streams = n.parse()?,
            ("--seconds", n) => options.seconds = n.parse()?,
            ("--threads", n) => options.threads = n.parse()?,
            ("--peer", "silent") => options.peer = Peer::Silent,
            ("--peer", "talking") => options.peer = Peer::Talking,
            ("--raw-socket", "try") => options.raw_socket = RawSocket::Try,
            ("--raw-socket", "off") => options.raw_socket = RawSocket::Off,
            ("--listen", "plain") => options.listen = Listen::Plain,
            ("--listen", "inband") => options.listen = Listen::Inband,
            ("--listen", "record") => options.listen = Listen::Record,
            ("--listen", "speech") => options.listen = Listen::Speech,
            (name, value) => return Err(format!("{name} {value} is not understood").into()),
        }
    }
    Ok(options)
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    match options.subject {
        Subject::Engine => engine(&options),
        Subject::Floor => floor(&options),
    }
}

fn engine(options: &Options) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let recorder = Recorder::start(RecorderConfig::new(directory.path()))?;
    let config = EngineConfig {
        threads: options.threads,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: 20_000..=49_999,
        realtime: Realtime::Try,
        raw_socket: options.raw_socket,
        wake: Wake::AtOnce,
        max_streams: options.streams,
    };
    if options.threads == 1 {
        system::stay_on(system::Core::First);
    }
    let engine = Engine::start(config, recorder)?;
    system::stay_on(system::Core::Last);
    system::hurry(20);
    let sockets = peers()?;
    let resident = system::resident_kib();
    let listeners = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()?;
    let _entered = listeners.enter();
    let calls = open(&engine, &sockets, options)?;
    let mut load = Load::new(
        &sockets,
        calls.iter().map(|(stream, _)| stream.local()).collect(),
    );
    load.run(Duration::from_secs(2), options.peer);
    let resident = system::resident_kib().saturating_sub(resident);
    let before = engine.counters();
    load.reset();
    load.run(Duration::from_secs(options.seconds), options.peer);
    let after = engine.counters();
    let cpu: Vec<Duration> = after
        .cpu
        .iter()
        .zip(&before.cpu)
        .map(|(a, b)| *a - *b)
        .collect();
    let packets = after.packets_out - before.packets_out;
    print_cost(options, &cpu, packets);
    println!(
        "engine: {:.1} KiB resident per stream; out {packets}, in {}, wakes {}, late slots {}, skipped slots {}, greatest delay {:?}, send failures {}, dropped events {}",
        resident as f64 / options.streams as f64,
        after.packets_in - before.packets_in,
        after.slots + after.early_wakes - before.slots - before.early_wakes,
        after.late_slots - before.late_slots,
        after.skipped_slots - before.skipped_slots,
        after.max_late,
        after.send_failures,
        after.events_dropped,
    );
    load.print();
    for (stream, _) in calls {
        stream.close();
    }
    engine.shutdown();
    Ok(())
}

/// Sends one packet per stream and turn on connected sockets, spread over the slots of a turn; takes
/// one packet per stream and turn when the peer talks.
fn floor(options: &Options) -> Result<(), Failure> {
    let sockets = peers()?;
    let streams = (0..options.streams)
        .map(|i| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_nonblocking(true)?;
            socket.connect(sockets[i % SOCKETS].local_addr()?)?;
            Ok(socket)
        })
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    let targets = streams
        .iter()
        .map(UdpSocket::local_addr)
        .collect::<Result<_, _>>()?;
    let (stop, sent, cpu) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            system::stay_on(system::Core::First);
            system::hurry(40);
            let mut packet = [0x80; PACKET];
            let start = Instant::now();
            for slot in 0u32.. {
                let due = Duration::from_millis(u64::from(slot));
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                for socket in streams.iter().skip(slot as usize % 20).step_by(20) {
                    if options.peer == Peer::Talking {
                        let _ = socket.recv(&mut [0; 1500]);
                    }
                    packet[2..4].copy_from_slice(&((slot / 20) as u16).to_be_bytes());
                    sent.fetch_add(u64::from(socket.send(&packet).is_ok()), Ordering::Relaxed);
                }
                cpu.store(system::thread_cpu_nanos(), Ordering::Relaxed);
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        system::stay_on(system::Core::Last);
        system::hurry(20);
        let mut load = Load::new(&sockets, targets);
        load.run(Duration::from_secs(2), options.peer);
        let before = (cpu.load(Ordering::Relaxed), sent.load(Ordering::Relaxed));
        load.reset();
        load.run(Duration::from_secs(options.seconds), options.peer);
        let used = Duration::from_nanos(cpu.load(Ordering::Relaxed) - before.0);
        print_cost(options, &[used], sent.load(Ordering::Relaxed) - before.1);
        load.print();
        stop.store(true, Ordering::Relaxed);
    });
    Ok(())
}

fn print_cost(options: &Options, cpu: &[Duration], packets: u64) {
    let total: Duration = cpu.iter().sum();
    let share = |used: &Duration| used.as_secs_f64() / options.seconds as f64 * 100.0;
    println!(
        "{} streams: CPU {} % of a core by thread; {:.2} % per 1,000 streams; {:.2} us per packet sent",
        options.streams,
        cpu.iter()
            .map(|used| format!("{:.1}", share(used)))
            .collect::<Vec<_>>()
            .join(" + "),
        share(&total) * 1000.0 / options.streams as f64,
        total.as_secs_f64() * 1e6 / packets.max(1) as f64,
    );
}

fn peers() -> Result<Vec<UdpSocket>, std::io::Error> {
    (0..SOCKETS)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .collect()
}

fn open(
    engine: &Engine,
    sockets: &[UdpSocket],
    options: &Options,
) -> Result<Vec<(Stream, Events)>, Failure> {
    let noise = (0..80_000).map(|i| ((i * 7919) % 16_000) as i16 - 8000);
    let prompt = vireo_audio::prompt::Prompt::from_samples("noise", noise.collect());
    let prompt = Arc::new(prompt);
    let mut calls = Vec::with_capacity(options.streams);
    for i in 0..options.streams {
        let (stream, events) = engine.open()?;
        let remote = sockets[i % SOCKETS].local_addr()?;
        let mut config = StreamConfig::new(Some(remote), Codec::Pcmu, 0);
        if options.listen == Listen::Inband {
            config.inband_dtmf = InbandDtmf::On;
        }
        stream.configure(config);
        stream.play(Play {
            id: 1,
            segments: vec![Segment::Prompt(Arc::clone(&prompt))],
            repeat: Repeat::Forever,
        });
        if options.listen == Listen::Record {
            let spec = Spec {
                id: format!("r{i}"),
                layout: Layout::Stereo,
                format: Format::Mulaw,
                on_finished: None,
            };
            stream.record(RecordStart {
                track: engine.recorder().open(spec)?,
                slot: RecordSlot::Call,
                limits: RecordLimits::default(),
            });
        }
        if options.listen == Listen::Speech {
            let (sound, mut incoming) = tokio::sync::mpsc::channel(16);
            tokio::spawn(async move { while incoming.recv().await.is_some() {} });
            stream.listen(Box::new(Ears(sound)));
        }
        calls.push((stream, events));
    }
    Ok(calls)
}

/// The peers of all streams.
struct Load<'a> {
    sockets: &'a [UdpSocket],
    targets: Vec<SocketAddr>,
    sequence: u16,
    sent: u64,
    received: u64,
    out_of_order: u64,
    last: HashMap<SocketAddr, (Instant, u16)>,
    /// Gaps between a stream's packets, in 0.1 ms.
    gaps: Vec<u64>,
}

impl<'a> Load<'a> {
    fn new(sockets: &'a [UdpSocket], targets: Vec<SocketAddr>) -> Load<'a> {
        Load {
            sockets,
            targets,
            sequence: 0,
            sent: 0,
            received: 0,
            out_of_order: 0,
            last: HashMap::new(),
            gaps: vec![0; 2000],
        }
    }

    fn reset(&mut self) {
        (self.sent, self.received, self.out_of_order) = (0, 0, 0);
        self.gaps.fill(0);
    }

    /// Sends a twentieth of the packets every millisecond, and reads whatever comes.
    fn run(&mut self, length: Duration, peer: Peer) {
        let start = Instant::now();
        let mut slot = 0u32;
        while start.elapsed() < length {
            while peer == Peer::Talking && start.elapsed() >= Duration::from_millis(slot.into()) {
                self.send(slot as usize % 20);
                slot += 1;
            }
            self.receive();
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn send(&mut self, slot: usize) {
        if slot == 0 {
            self.sequence = self.sequence.wrapping_add(1);
        }
        let mut buffer = [0; 200];
        for i in (slot..self.targets.len()).step_by(20) {
            let packet = Packet {
                marker: false,
                payload_type: 0,
                sequence: self.sequence,
                timestamp: u32::from(self.sequence).wrapping_mul(160),
                ssrc: i as u32,
                payload: &[0x55; 160],
            };
            let length = packet.write(&mut buffer).unwrap_or(0);
            if self.sockets[i % SOCKETS]
                .send_to(&buffer[..length], self.targets[i])
                .is_ok()
            {
                self.sent += 1;
            }
        }
    }

    fn receive(&mut self) {
        let mut buffer = [0; 400];
        for socket in self.sockets {
            loop {
                match socket.recv_from(&mut buffer) {
                    Ok((length, source)) => self.take(&buffer[..length], source),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => {}
                }
            }
        }
    }

    fn take(&mut self, datagram: &[u8], source: SocketAddr) {
        let Some(packet) = Packet::parse(datagram) else {
            return;
        };
        self.received += 1;
        let now = Instant::now();
        if let Some((last, sequence)) = self.last.insert(source, (now, packet.sequence)) {
            let gap = (now - last).as_micros() as usize / 100;
            self.gaps[gap.min(1999)] += 1;
            self.out_of_order += u64::from(packet.sequence != sequence.wrapping_add(1));
        }
    }

    fn print(&self) {
        let total: u64 = self.gaps.iter().sum();
        let quantile = |q: f64| {
            let mut left = (total as f64 * q) as u64;
            let at = self.gaps.iter().position(|n| {
                let found = *n > left;
                left = left.saturating_sub(*n);
                found
            });
            at.unwrap_or(self.gaps.len()) as f64 / 10.0
        };
        println!(
            "peer: sent {}, received {}, not in sequence {}; gaps p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms",
            self.sent,
            self.received,
            self.out_of_order,
            quantile(0.5),
            quantile(0.99),
            quantile(0.999)
        );
    }
}

/// What the standard library does not have.
mod system {
    use std::mem;

    #[derive(Clone, Copy, PartialEq)]
    pub enum Core {
        First,
        Last,
    }

    /// Keeps the calling thread, and those that it starts, on one core.
    pub fn stay_on(core: Core) {
        // SAFETY: the call takes a number and gives one.
        let online = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        let last = usize::try_from(online).unwrap_or(1).saturating_sub(1);
        // SAFETY: an all-zero cpu_set_t is an empty set; CPU_SET writes within it (the kernel's
        // number of cores is below CPU_SETSIZE here), and the call reads it with its size.
        unsafe {
            let mut set: libc::cpu_set_t = mem::zeroed();
            libc::CPU_SET(if core == Core::First { 0 } else { last }, &mut set);
            libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &set);
        }
    }

    /// Puts the calling thread under SCHED_FIFO, if that is allowed.
    pub fn hurry(priority: i32) {
        let parameter = libc::sched_param {
            sched_priority: priority,
        };
        // SAFETY: the parameter is valid and outlives the call; 0 is the calling thread.
        unsafe {
            libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameter)
        };
    }

    /// CPU time of the calling thread.
    pub fn thread_cpu_nanos() -> u64 {
        let mut ts = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `ts` is a valid, writable timespec.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut ts) };
        (ts.tv_sec * 1_000_000_000 + ts.tv_nsec).cast_unsigned()
    }

    /// Resident memory of this process, KiB.
    pub fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or(0)
    }
}
