//! A media thread's work in virtual time, with real sockets: counts and order, never times.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use tokio::sync::mpsc::Receiver;
use vireo_audio::Codec;

use super::*;
use crate::config::{Repeat, Segment};
use crate::engine::mailbox::mailbox;
use crate::engine::ports::{Pool, Quota};
use crate::packet::{MAX_PACKET_OUT, Packet};
use crate::reports::NtpOrigin;
use crate::stream::Identity;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Stage {
    shard: Shard,
    cells: Arc<Cells>,
    local: SocketAddr,
    index: u32,
    position: u64,
    begin: Time,
    peer: UdpSocket,
    events: Receiver<MediaEvent>,
    /// Position, marker and timestamp of each packet that came to the peer.
    heard: Vec<(u64, bool, u32)>,
    _pool: Pool,
}

impl Stage {
    /// A thread with one stream that is not configured.
    fn new(first_port: u16) -> Stage {
        let ports: Vec<u16> = (first_port..first_port + 100).step_by(2).collect();
        let watch = Arc::new(Watch::new().unwrap());
        let quota = Arc::new(Quota::new(1));
        let places = ports.len();
        let (pool, returns) = Pool::new(ADDRESS, ports, quota, Arc::clone(&watch));
        let (_, commands) = mailbox(1);
        let cells = Arc::<Cells>::default();
        let mut shard = Shard::new(Given {
            places,
            commands,
            returns,
            watch,
            open: Arc::default(),
            cells: Arc::clone(&cells),
            stop: Arc::default(),
        });
        let pair = pool.take().unwrap();
        let (index, port) = (pool.index(pair.port), pair.port);
        let (sender, events) = events::channel(100);
        let identity = Identity {
            ssrc: 1,
            sequence: 1,
            timestamp: 1,
            cname: "0123456789abcdef".into(),
            seed: 7,
            ntp_origin: NtpOrigin(1),
        };
        let shared = Shared {
            closed: AtomicBool::new(false),
            codec: AtomicU8::new(0),
        };
        shard.obey(Command::Open(Box::new(Entry {
            index,
            number: 0,
            state: StreamState::new(identity),
            pair,
            events: sender,
            shared: Arc::new(shared),
            connected: None,
            slot: 0,
            send_failures: 0,
        })));
        let peer = UdpSocket::bind((ADDRESS, 0)).unwrap();
        peer.set_nonblocking(true).unwrap();
        Stage {
            shard,
            cells,
            local: SocketAddr::new(ADDRESS, port),
            index,
            position: 0,
            begin: sys::now(),
            peer,
            events,
            heard: Vec::new(),
            _pool: pool,
        }
    }

    fn order(&mut self, order: Order) {
        self.shard.obey(Command::Order(self.index, 0, order));
    }

    fn configure(&mut self) {
        let config = StreamConfig::new(Some(self.peer.local_addr().unwrap()), Codec::Pcmu, 0);
        self.order(Order::Configure(Box::new(config)));
    }

    /// Works on so many slots; the ticks of that time.
    fn run(&mut self, slots: u64) -> u64 {
        let before = self.cells.ticks.load(Ordering::Relaxed);
        for _ in 0..slots {
            let nominal = self.begin + SLOT * u32::try_from(self.position).unwrap();
            self.shard.slot(self.position, nominal, nominal);
            let mut buffer = [0; MAX_PACKET_OUT];
            while let Ok(length) = self.peer.recv(&mut buffer) {
                let packet = Packet::parse(&buffer[..length]).expect("only RTP comes here");
                let heard = (self.position, packet.marker, packet.timestamp);
                self.heard.push(heard);
            }
            self.position += 1;
        }
        self.cells.ticks.load(Ordering::Relaxed) - before
    }

    fn say(&self, sequence: u16) {
        let packet = Packet {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 9,
            payload: &[0xFF; 160],
        };
        let mut buffer = [0; MAX_PACKET_OUT];
        let length = packet.write(&mut buffer).unwrap();
        self.peer.send_to(&buffer[..length], self.local).unwrap();
    }
}

#[test]
fn a_silent_stream_is_passed_over_and_keeps_its_slot() {
    let mut stage = Stage::new(49_000);
    assert!(stage.run(3_007) <= 10, "it is not configured");
    stage.configure();
    // Once for the opening, then for what comes each second, the keep-alives and the reports.
    let ticks = stage.run(20_000);
    assert!(ticks <= 80, "{ticks} of 1,000");
    assert_eq!(stage.heard.len(), 4, "the opening and the keep-alives");
    assert!(stage.cells.rtcp_out.load(Ordering::Relaxed) >= 3);
    stage.run(333);
    stage.order(Order::Play(Play {
        id: 4,
        segments: vec![Segment::Samples(Arc::from(vec![8000i16; 800]))],
        repeat: Repeat::Once,
    }));
    let asleep = stage.heard.len();
    let ordered = stage.position;
    let ticks = stage.run(600);
    assert!((15..=20).contains(&ticks), "{ticks}");
    assert!(stage.run(1_000) <= 5);
    let spurt = &stage.heard[asleep..];
    assert_eq!(spurt.len(), 5 + 10);
    assert!(spurt[0].0 < ordered + SLOTS as u64, "in its next turn");
    let first = stage.heard[0];
    for (i, (position, marker, timestamp)) in spurt.iter().enumerate() {
        assert_eq!((position - first.0) % SLOTS as u64, 0, "its own slot");
        let elapsed = u32::try_from(position - first.0).unwrap();
        assert_eq!(timestamp.wrapping_sub(first.2), elapsed * 8);
        assert_eq!(*marker, i == 0);
    }
    let mut finished = 0;
    while let Ok(event) = stage.events.try_recv() {
        finished += u32::from(matches!(event, MediaEvent::PlayFinished { id: 4, .. }));
    }
    assert_eq!(finished, 1);
}

#[test]
fn a_datagram_ends_a_rest_and_a_quiet_peer_lets_it_begin_again() {
    let mut stage = Stage::new(49_200);
    stage.configure();
    stage.run(1_000);
    for sequence in 0..50 {
        stage.say(sequence);
        assert!(stage.run(20) <= 1);
    }
    let taken = stage.cells.packets_in.load(Ordering::Relaxed);
    assert_eq!(taken, 50);
    let entry = |stage: &Stage| {
        stage.shard.streams[stage.index as usize]
            .as_ref()
            .unwrap()
            .connected
    };
    assert_eq!(entry(&stage), Some(stage.peer.local_addr().unwrap()));
    let ticks = stage.run(10_000);
    assert!(ticks <= 60, "{ticks} of 500");
    assert_eq!(entry(&stage), None, "others may be heard again");
    stage.say(50);
    stage.run(1);
    assert_eq!(stage.cells.packets_in.load(Ordering::Relaxed), 51);
}

#[test]
fn a_stream_whose_close_was_lost_ends_its_rest_and_its_life() {
    let mut stage = Stage::new(49_400);
    stage.configure();
    stage.run(1_000);
    let shared = &stage.shard.streams[stage.index as usize]
        .as_ref()
        .unwrap()
        .shared;
    shared.closed.store(true, Ordering::Relaxed);
    stage.cells.streams.store(1, Ordering::Relaxed);
    stage.shard.open.store(1, Ordering::Relaxed);
    stage.run(1_100);
    assert_eq!(stage.shard.count, 0);
}
