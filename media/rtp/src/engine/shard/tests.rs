//! A media thread's work in virtual time, with real sockets: counts and order, never times.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use tokio::sync::mpsc::Receiver;
use vireo_audio::Codec;

use super::*;
use crate::config::{Repeat, Segment, TelephoneEvent};
use crate::engine::mailbox::mailbox;
use crate::engine::ports::{Pool, Quota};
use crate::engine::wheel::SHARED;
use crate::packet::{MAX_PACKET_OUT, Packet};
use crate::reports::NtpOrigin;
use crate::stream::Identity;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A packet that came to the peer.
#[derive(Debug, Clone, Copy)]
struct Heard {
    position: u64,
    source: SocketAddr,
    marker: bool,
    timestamp: u32,
}

struct Stage {
    shard: Shard,
    cells: Arc<Cells>,
    /// Where the first stream receives.
    local: SocketAddr,
    /// The streams; the first is the one that orders go to unless another is named.
    indices: Vec<u32>,
    position: u64,
    begin: Time,
    peer: UdpSocket,
    /// Of the first stream.
    events: Receiver<MediaEvent>,
    others: Vec<Receiver<MediaEvent>>,
    heard: Vec<Heard>,
    pool: Pool,
}

/// A test takes this many; a pair for each of `SHARED` streams and some more.
const PORTS: u16 = 400;

impl Stage {
    /// A thread with one stream that is not configured.
    fn new(first_port: u16) -> Stage {
        let ports: Vec<u16> = (first_port..first_port + PORTS).step_by(2).collect();
        let watch = Arc::new(Watch::new().unwrap());
        let quota = Arc::new(Quota::new(ports.len()));
        let places = ports.len();
        let (pool, returns) = Pool::new(ADDRESS, ports, quota, Arc::clone(&watch));
        let (_, commands) = mailbox(1, Arc::clone(&watch), None);
        let cells = Arc::<Cells>::default();
        let shard = Shard::new(Given {
            places,
            commands,
            returns,
            watch,
            raw: None,
            open: Arc::default(),
            cells: Arc::clone(&cells),
            stop: Arc::default(),
        });
        let begin = shard.origin;
        let peer = UdpSocket::bind((ADDRESS, 0)).unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut stage = Stage {
            shard,
            cells,
            local: SocketAddr::new(ADDRESS, 0),
            indices: Vec::new(),
            position: 0,
            begin,
            peer,
            events: events::channel(1).1,
            others: Vec::new(),
            heard: Vec::new(),
            pool,
        };
        let (port, events) = stage.open();
        stage.local.set_port(port);
        stage.events = events;
        stage
    }

    /// Opens a stream; its port and events.
    fn open(&mut self) -> (u16, Receiver<MediaEvent>) {
        let pair = self.pool.take().unwrap();
        let (index, port) = (self.pool.index(pair.port), pair.port);
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
        self.shard.obey(Command::Open(Box::new(Entry {
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
        self.cells.streams.fetch_add(1, Ordering::Relaxed);
        self.shard.open.fetch_add(1, Ordering::Relaxed);
        self.indices.push(index);
        (port, events)
    }

    /// Opens streams until there are so many, and configures them all.
    fn fill(&mut self, streams: usize) {
        while self.indices.len() < streams {
            let (_, events) = self.open();
            self.others.push(events);
        }
        for index in self.indices.clone() {
            self.configure(index);
        }
    }

    fn order(&mut self, order: Order) {
        self.order_to(self.indices[0], order);
    }

    fn order_to(&mut self, index: u32, order: Order) {
        self.shard.position = self.position;
        self.shard.obey(Command::Order(index, 0, order));
    }

    fn configure(&mut self, index: u32) {
        let config = StreamConfig {
            telephone_event: Some(TelephoneEvent {
                send_pt: 101,
                receive_pt: 101,
                clock_rate: 8000,
            }),
            ..StreamConfig::new(Some(self.peer.local_addr().unwrap()), Codec::Pcmu, 0)
        };
        self.order_to(index, Order::Configure(Box::new(config)));
    }

    /// Works on so many slots as the thread does, those that have work; the ticks of that time.
    fn run(&mut self, slots: u64) -> u64 {
        let before = self.cells.ticks.load(Ordering::Relaxed);
        let end = self.position + slots;
        // What came meanwhile would have woken the thread.
        self.shard.attend(self.nominal(self.position));
        while let Some(next) = self.shard.wheel.next_work(self.position)
            && next < end
        {
            let nominal = self.nominal(next);
            self.shard.position = next;
            self.shard.slot(next, nominal, nominal);
            let mut buffer = [0; MAX_PACKET_OUT];
            while let Ok((length, source)) = self.peer.recv_from(&mut buffer) {
                let packet = Packet::parse(&buffer[..length]).expect("only RTP comes here");
                self.heard.push(Heard {
                    position: next,
                    source,
                    marker: packet.marker,
                    timestamp: packet.timestamp,
                });
            }
            self.position = next + 1;
        }
        self.position = end;
        self.cells.ticks.load(Ordering::Relaxed) - before
    }

    fn nominal(&self, position: u64) -> Time {
        self.begin + Duration::from_millis(position)
    }

    /// Slots that were worked on so far: as often, a thread wakes.
    fn slots(&self) -> u64 {
        self.cells.slots.load(Ordering::Relaxed)
    }

    /// The peer sends a packet of the first stream.
    fn send(&self, packet: &Packet<'_>) {
        let mut buffer = [0; MAX_PACKET_OUT];
        let length = packet.write(&mut buffer).unwrap();
        self.peer.send_to(&buffer[..length], self.local).unwrap();
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
        self.send(&packet);
    }

    /// A packet of a key that is pressed for so many samples.
    fn press(&self, sequence: u16, duration: u16, end: u8) {
        let [high, low] = duration.to_be_bytes();
        self.send(&Packet {
            marker: false,
            payload_type: 101,
            sequence,
            timestamp: 1600,
            ssrc: 9,
            payload: &[5, end | 10, high, low],
        });
    }
}

/// A sound of so many milliseconds.
fn sound(id: u64, ms: usize) -> Order {
    Order::Play(Play {
        id,
        segments: vec![Segment::Samples(Arc::from(vec![8000i16; ms * 8]))],
        repeat: Repeat::Once,
    })
}

#[test]
fn a_silent_stream_is_passed_over_and_keeps_its_slot() {
    let mut stage = Stage::new(24_000);
    assert!(stage.run(3_007) <= 10, "it is not configured");
    stage.fill(1);
    // Once for the opening, then for what comes each second, the keep-alives and the reports.
    let ticks = stage.run(20_000);
    assert!(ticks <= 80, "{ticks} of 1,000");
    assert_eq!(stage.heard.len(), 4, "the opening and the keep-alives");
    assert!(stage.cells.rtcp_out.load(Ordering::Relaxed) >= 3);
    stage.run(333);
    stage.order(sound(4, 100));
    let asleep = stage.heard.len();
    let ordered = stage.position;
    let ticks = stage.run(600);
    assert!((15..=20).contains(&ticks), "{ticks}");
    assert!(stage.run(1_000) <= 5);
    let spurt = &stage.heard[asleep..];
    assert_eq!(spurt.len(), 5 + 10);
    assert!(
        spurt[0].position < ordered + SLOTS as u64,
        "in its next turn"
    );
    let first = stage.heard[0];
    for (i, heard) in spurt.iter().enumerate() {
        let elapsed = u32::try_from(heard.position - first.position).unwrap();
        assert_eq!(elapsed % SLOTS as u32, 0, "its own slot");
        assert_eq!(heard.timestamp.wrapping_sub(first.timestamp), elapsed * 8);
        assert_eq!(heard.marker, i == 0);
    }
    let mut finished = 0;
    while let Ok(event) = stage.events.try_recv() {
        finished += u32::from(matches!(event, MediaEvent::PlayFinished { id: 4, .. }));
    }
    assert_eq!(finished, 1);
}

#[test]
fn a_datagram_ends_a_rest_and_a_quiet_peer_lets_it_begin_again() {
    let mut stage = Stage::new(24_400);
    stage.fill(1);
    stage.run(1_000);
    for sequence in 0..50 {
        stage.say(sequence);
        assert!(stage.run(20) <= 1);
    }
    let taken = stage.cells.packets_in.load(Ordering::Relaxed);
    assert_eq!(taken, 50);
    let entry = |stage: &Stage| {
        stage.shard.streams[stage.indices[0] as usize]
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
    let mut stage = Stage::new(24_800);
    stage.fill(1);
    stage.run(1_000);
    let shared = &stage.shard.streams[stage.indices[0] as usize]
        .as_ref()
        .unwrap()
        .shared;
    shared.closed.store(true, Ordering::Relaxed);
    stage.run(1_100);
    assert_eq!(stage.cells.streams.load(Ordering::Relaxed), 0);
    let slots = stage.slots();
    stage.run(10_000);
    assert_eq!(
        stage.slots(),
        slots,
        "without streams there is nothing to wake for"
    );
}

#[test]
fn few_streams_wake_the_thread_seldom_and_miss_no_packet() {
    for (first_port, streams) in [
        (25_200, 1),
        (25_600, 10),
        (26_000, SHARED),
        (26_400, SHARED + 1),
    ] {
        let mut stage = Stage::new(first_port);
        stage.fill(streams);
        for index in stage.indices.clone() {
            stage.order_to(index, sound(1, 60_000));
        }
        stage.run(40);
        stage.heard.clear();
        let (slots, ticks) = (stage.slots(), stage.run(1_000));
        assert_eq!(ticks, 50 * streams as u64);
        let used = streams.div_ceil(SHARED) as u64;
        assert_eq!(stage.slots() - slots, 50 * used, "{streams} streams");
        let mut last = HashMap::new();
        for heard in &stage.heard {
            if let Some(before) = last.insert(heard.source, heard.position) {
                assert_eq!(heard.position - before, 20, "neither early nor late");
            }
        }
        assert_eq!((last.len(), stage.heard.len()), (streams, 50 * streams));
    }
}

#[test]
fn callers_who_talk_are_read_while_others_are_sent_to() {
    let mut stage = Stage::new(26_800);
    stage.fill(SHARED + 1);
    for index in stage.indices.clone() {
        stage.order_to(index, sound(1, 60_000));
    }
    stage.run(40);
    let slots = stage.slots();
    for sequence in 0..50 {
        stage.say(sequence);
        stage.run(20);
    }
    // Two slots send; the first's talker is read in a third, 2 ms before.
    assert_eq!(stage.slots() - slots, 150);
    assert_eq!(stage.cells.packets_in.load(Ordering::Relaxed), 50);
}

#[test]
fn silent_streams_wake_the_thread_only_for_what_is_due() {
    let mut stage = Stage::new(27_200);
    stage.fill(10);
    stage.run(3_000);
    let slots = stage.slots();
    stage.run(20_000);
    // All were opened together, so their rests end together.
    let woken = stage.slots() - slots;
    assert!(woken <= 80, "{woken} of 20,000");
}

#[test]
fn the_end_of_a_key_is_heard_without_a_slot() {
    let mut stage = Stage::new(27_600);
    stage.fill(1);
    stage.run(1_000);
    let slots = stage.slots();
    stage.press(1, 160, 0);
    stage.shard.attend(stage.nominal(1_000));
    stage.press(2, 320, 0);
    stage.shard.attend(stage.nominal(1_001));
    stage.press(3, 480, 0x80);
    stage.shard.attend(stage.nominal(1_002));
    assert_eq!(stage.slots(), slots);
    let mut digits = 0;
    while let Ok(event) = stage.events.try_recv() {
        digits += u32::from(matches!(event, MediaEvent::Digit { digit: '5', .. }));
    }
    assert_eq!(digits, 1);
}

#[test]
fn an_order_to_a_stream_at_rest_brings_its_next_turn_forward() {
    let mut stage = Stage::new(28_000);
    stage.fill(1);
    stage.run(1_107);
    let far = stage.shard.wheel.next_work(stage.position).unwrap();
    assert!(far > stage.position + 20, "it rests until {far}");
    stage.order(sound(1, 100));
    let next = stage.shard.wheel.next_work(stage.position).unwrap();
    assert!(next < stage.position + 20 && next % 20 == far % 20);
    let heard = stage.heard.len();
    stage.run(20);
    assert_eq!(stage.heard.len() - heard, 1);
    assert_eq!(stage.heard[heard].position, next);
}

#[test]
fn what_answers_a_key_waits_for_the_next_slot_in_use() {
    let mut stage = Stage::new(28_400);
    stage.fill(SHARED + 1);
    let answered = stage.indices[SHARED];
    let port = |stage: &Stage, index: u32| {
        let entry = stage.shard.streams[index as usize].as_ref().unwrap();
        entry.pair.port
    };
    let port = port(&stage, answered);
    let of = |stage: &Stage| -> Vec<Heard> {
        let heard = stage.heard.iter();
        heard
            .filter(|heard| heard.source.port() == port)
            .copied()
            .collect()
    };
    // Its turns are in the second slot, which is the third millisecond of the wheel.
    stage.order_to(answered, sound(1, 60_000));
    stage.run(1_000);
    let before = of(&stage);
    assert!(before.iter().all(|heard| heard.position % 20 == 2));
    // A place in the first slot is free again, so there is room for it.
    stage.order_to(stage.indices[0], Order::Close);
    stage.order_to(answered, Order::Stop);
    stage.run(117);
    let cut = of(&stage);
    assert_eq!(cut.len() - before.len(), 2, "of silence");
    stage.order_to(answered, sound(2, 100));
    stage.run(600);
    let spurt = &of(&stage)[cut.len()..];
    assert_eq!(spurt.len(), 5 + 10);
    assert_eq!(spurt[0].position, 1_120, "not 1,122");
    let first = before[0];
    for (i, heard) in spurt.iter().enumerate() {
        assert_eq!(heard.position, 1_120 + 20 * i as u64);
        let elapsed = u32::try_from(heard.position - first.position).unwrap();
        assert_eq!(heard.timestamp.wrapping_sub(first.timestamp), elapsed * 8);
        assert_eq!(heard.marker, i == 0);
    }
    // While packets are sent, the pace is kept.
    stage.order_to(answered, sound(3, 100));
    let after = of(&stage).len();
    stage.run(300);
    assert!(
        of(&stage)[after..]
            .iter()
            .all(|heard| heard.position % 20 == 0)
    );
}
