//! What a media thread costs: many streams over loopback, packets both ways.
//!
//! ```text
//! cargo run --release -p vireo-rtp --example pacing -- [streams] [seconds] [plain|inband|record]
//! ```
//!
//! Prints the CPU time of the one media thread per 1,000 streams, what was sent and received on both
//! sides, and how even the packets were, as seen by the peer (whose own scheduling is in that
//! figure: run it as `chrt -f 20 cargo run ...` on a busy machine).

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vireo_audio::Codec;
use vireo_audio::recorder::{Format, Layout, Recorder, RecorderConfig, Spec};
use vireo_rtp::packet::Packet;
use vireo_rtp::{
    Engine, EngineConfig, InbandDtmf, MediaEvent, Play, Realtime, RecordLimits, RecordSlot,
    RecordStart, Repeat, Segment, Stream, StreamConfig,
};

type Events = tokio::sync::mpsc::Receiver<MediaEvent>;

/// Peers share so many sockets.
const SOCKETS: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Plain,
    Inband,
    Record,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let streams: usize = arguments.next().map_or(Ok(1000), |a| a.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |a| a.parse())?;
    let mode = match arguments.next().as_deref() {
        None | Some("plain") => Mode::Plain,
        Some("inband") => Mode::Inband,
        Some("record") => Mode::Record,
        Some(other) => return Err(format!("{other} is none of plain, inband, record").into()),
    };
    let directory = tempfile::tempdir()?;
    let engine = Engine::start(
        EngineConfig {
            threads: 1,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: 20_000..=49_999,
            realtime: Realtime::Try,
            max_streams: streams,
        },
        Recorder::start(RecorderConfig::new(directory.path()))?,
    )?;
    let sockets = (0..SOCKETS)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    let calls = open(&engine, &sockets, streams, mode)?;
    let mut load = Load::new(&sockets, &calls);
    load.run(Duration::from_secs(2));
    let before = engine.counters();
    load.reset();
    load.run(Duration::from_secs(seconds));
    let after = engine.counters();
    let cpu = (after.cpu[0] - before.cpu[0]).as_secs_f64() / seconds as f64 * 100.0;
    println!(
        "streams {streams}, CPU {cpu:.1} % of a core, {:.1} % per 1,000 streams",
        cpu * 1000.0 / streams as f64
    );
    println!(
        "engine: out {}, in {}, late slots {}, skipped slots {}, send failures {}, dropped events {}",
        after.packets_out - before.packets_out,
        after.packets_in - before.packets_in,
        after.late_slots - before.late_slots,
        after.skipped_slots - before.skipped_slots,
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

fn open(
    engine: &Engine,
    sockets: &[UdpSocket],
    streams: usize,
    mode: Mode,
) -> Result<Vec<(Stream, Events)>, Box<dyn Error>> {
    let prompt: Arc<[i16]> = (0..80_000)
        .map(|i| ((i * 7919) % 16_000) as i16 - 8000)
        .collect();
    let prompt = Arc::new(vireo_audio::prompt::Prompt::from_samples(
        "noise",
        prompt.to_vec(),
    ));
    let mut calls = Vec::with_capacity(streams);
    for i in 0..streams {
        let (stream, events) = engine.open()?;
        let remote = sockets[i % SOCKETS].local_addr()?;
        let mut config = StreamConfig::new(Some(remote), Codec::Pcmu, 0);
        if mode == Mode::Inband {
            config.inband_dtmf = InbandDtmf::On;
        }
        stream.configure(config);
        let segments = vec![Segment::Prompt(Arc::clone(&prompt))];
        stream.play(Play {
            id: 1,
            segments,
            repeat: Repeat::Forever,
        });
        if mode == Mode::Record {
            let spec = Spec {
                id: format!("r{i}"),
                layout: Layout::Stereo,
                format: Format::Mulaw,
                on_finished: None,
            };
            let track = engine.recorder().open(spec)?;
            stream.record(RecordStart {
                track,
                slot: RecordSlot::Call,
                limits: RecordLimits::default(),
            });
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
    fn new(sockets: &'a [UdpSocket], calls: &[(Stream, Events)]) -> Load<'a> {
        let targets = calls.iter().map(|(stream, _)| stream.local()).collect();
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
    fn run(&mut self, length: Duration) {
        let start = Instant::now();
        let mut slot = 0u32;
        while start.elapsed() < length {
            while start.elapsed() >= Duration::from_millis(u64::from(slot)) {
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
