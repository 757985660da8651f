//! From the end of a digit to the first packet of the prompt that answers it, as the peer sees it.
//!
//! ```text
//! cargo run --release -p vireo-rtp --example digit_latency -- [trials]
//! ```
//!
//! A press of 80 ms is sent as telephones do, a packet each 20 ms. The answer is given by a thread that waits for the event and plays at once: what is measured is the
//! engine, the wait for the stream's slot above all.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vireo_audio::Codec;
use vireo_audio::recorder::{Recorder, RecorderConfig};
use vireo_rtp::packet::Packet;
use vireo_rtp::{
    Engine, EngineConfig, MediaEvent, Play, RawSocket, Realtime, Repeat, Segment, StreamConfig,
    TelephoneEvent, Wake,
};

fn main() -> Result<(), Box<dyn Error>> {
    let trials: u32 = std::env::args().nth(1).map_or(Ok(200), |a| a.parse())?;
    let directory = tempfile::tempdir()?;
    let config = EngineConfig {
        threads: 1,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: 20_000..=20_009,
        realtime: Realtime::Try,
        raw_socket: RawSocket::Try,
        wake: Wake::AtOnce,
        max_streams: 1,
    };
    let engine = Engine::start(
        config,
        Recorder::start(RecorderConfig::new(directory.path()))?,
    )?;
    let (stream, mut events) = engine.open()?;
    let peer = UdpSocket::bind("127.0.0.1:0")?;
    peer.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.configure(StreamConfig {
        telephone_event: Some(TelephoneEvent {
            send_pt: 101,
            receive_pt: 101,
            clock_rate: 8000,
        }),
        ..StreamConfig::new(Some(peer.local_addr()?), Codec::Pcmu, 0)
    });
    let local = stream.local();
    let answerer = std::thread::spawn(move || {
        let prompt: Arc<[i16]> = vec![8000; 160].into();
        while let Some(event) = events.blocking_recv() {
            if let MediaEvent::Digit { .. } = event {
                let segments = vec![Segment::Samples(Arc::clone(&prompt))];
                stream.play(Play {
                    id: 1,
                    segments,
                    repeat: Repeat::Once,
                });
            }
        }
    });
    let mut waits = Vec::new();
    let mut buffer = [0; 400];
    for trial in 0..trials {
        // Anywhere within a turn of the wheel: 20 ms and an irrational share of it.
        std::thread::sleep(Duration::from_micros(
            20_000 + u64::from(trial) * 12_361 % 20_000,
        ));
        let mut start = Instant::now();
        for update in 0..4u8 {
            let (end, duration) = if update == 3 {
                (0x80, 640)
            } else {
                (0, 160 * (u16::from(update) + 1))
            };
            let [high, low] = duration.to_be_bytes();
            let packet = Packet {
                marker: update == 0,
                payload_type: 101,
                sequence: (trial * 4) as u16 + u16::from(update),
                timestamp: trial * 1600,
                ssrc: 1,
                payload: &[1, end | 10, high, low],
            };
            if update > 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
            peer.set_nonblocking(true)?;
            while peer.recv(&mut buffer).is_ok() {}
            peer.set_nonblocking(false)?;
            let length = packet.write(&mut buffer).ok_or("too long")?;
            start = Instant::now();
            peer.send_to(&buffer[..length], local)?;
        }
        loop {
            let length = peer.recv(&mut buffer)?;
            if buffer[..length].get(20) != Some(&Codec::Pcmu.silence()) {
                break;
            }
        }
        waits.push(start.elapsed());
    }
    // Ends the events, and with them the answering thread.
    engine.shutdown();
    answerer
        .join()
        .map_err(|_| "the answering thread panicked")?;
    waits.sort_unstable();
    let at = |q: f64| waits[((waits.len() - 1) as f64 * q) as usize].as_secs_f64() * 1000.0;
    println!(
        "digit end to first packet: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({trials} trials)",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}
