//! A media thread: it owns its sockets and streams, and keeps their packet clock.
//!
//! Each millisecond is one slot of the wheel. In it the thread takes commands, sends the packets of
//! the slot's streams, and reads the sockets of the streams whose slot is [`LEAD`] ahead: what comes
//! in has the shortest wait before it can be answered, and a reply to a digit that comes back within
//! those 2 ms makes that very packet. A caller who talks costs one receive and one send a turn; one who
//! does not costs the send alone, because its socket is not read until epoll tells of it. A stream that
//! neither sends nor receives is passed over until it has something to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc as events;

use super::counters::{Cells, add};
use super::io::{self as sys, Batch};
use super::mailbox::Inbox;
use super::ports::{Pair, Returns};
use super::rest::Rests;
use super::watch::{Ready, Watch, Which};
use super::wheel::{SLOTS, Wheel};
use super::wire::{Burst, Drain, count, send, send_rtcp};
use crate::config::{DigitOut, Play, RecordSlot, RecordStart, StreamConfig};
use crate::event::MediaEvent;
use crate::inbound::Received;
use crate::rtcp::MAX_COMPOUND_OUT;
use crate::stream::{StreamState, TURN};
use crate::time::Time;

/// Slots between reading a stream's socket and sending its packet.
const LEAD: u64 = 2;

const SLOT: Duration = Duration::from_millis(1);

/// A slot that begins so late is counted.
const LATE: Duration = Duration::from_millis(5);

/// Our reports, and what else can wait, are looked at once in so many turns.
const RTCP_TURNS: u64 = 10;

/// A stream that brought no packet for so many turns is left to epoll.
const QUIET_TURNS: u8 = 10;

/// Commands that are taken in one slot.
const MAX_COMMANDS: usize = 512;

/// How long a thread without streams sleeps at a time.
const IDLE: Duration = Duration::from_millis(500);

/// Places that expendable events leave free in a stream's event queue.
const RESERVED_EVENTS: usize = 32;

/// What the handle and the thread share of one stream.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The handle is gone, or a command could not be delivered.
    pub closed: AtomicBool,
    /// Index of the codec in `Codec::ALL`.
    pub codec: AtomicU8,
}

/// What a handle asks for.
pub(crate) enum Order {
    Configure(Box<StreamConfig>),
    Play(Play),
    Stop,
    SendDigits(u64, Vec<DigitOut>),
    Record(Box<RecordStart>),
    PauseRecord(RecordSlot),
    ResumeRecord(RecordSlot),
    StopRecord(RecordSlot, u32),
    Close,
}

/// A command to a media thread.
pub(crate) enum Command {
    Open(Box<Entry>),
    /// To the stream with this index and number; streams take their indices from each other.
    Order(u32, u64, Order),
}

/// A stream and its sockets.
pub(crate) struct Entry {
    pub index: u32,
    /// Unlike any other stream's.
    pub number: u64,
    pub state: StreamState,
    pub pair: Pair,
    pub events: events::Sender<MediaEvent>,
    pub shared: Arc<Shared>,
    pub connected: Option<SocketAddr>,
    pub slot: usize,
    pub send_failures: u64,
}

/// What becomes of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    /// Its handle is gone, and the command that says so was lost.
    Closed,
}

/// How a stream's RTP socket is listened to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ear {
    /// Epoll tells when something comes.
    Watched,
    /// It is read every turn. So many turns brought nothing.
    Read(u8),
}

/// A media thread's own.
pub(crate) struct Shard {
    streams: Vec<Option<Box<Entry>>>,
    /// Of each place, whether it has a stream or not.
    ears: Vec<Ear>,
    rests: Rests,
    count: usize,
    wheel: Wheel,
    commands: Inbox<Command>,
    returns: Returns,
    watch: Arc<Watch>,
    ready: Ready,
    /// Streams of the whole engine.
    open: Arc<AtomicUsize>,
    cells: Arc<Cells>,
    stop: Arc<AtomicBool>,
    batch: Batch,
    burst: Burst,
    wall_offset: i64,
}

/// What a media thread is given.
pub(crate) struct Given {
    pub places: usize,
    pub commands: Inbox<Command>,
    pub returns: Returns,
    pub watch: Arc<Watch>,
    pub open: Arc<AtomicUsize>,
    pub cells: Arc<Cells>,
    pub stop: Arc<AtomicBool>,
}

impl Shard {
    pub fn new(given: Given) -> Shard {
        let mut streams = Vec::new();
        streams.resize_with(given.places, || None);
        Shard {
            streams,
            ears: vec![Ear::Watched; given.places],
            rests: Rests::new(given.places),
            count: 0,
            wheel: Wheel::new(),
            commands: given.commands,
            returns: given.returns,
            watch: given.watch,
            ready: Ready::new(),
            open: given.open,
            cells: given.cells,
            stop: given.stop,
            batch: Batch::new(),
            burst: Burst::new(),
            wall_offset: sys::wall_offset(),
        }
    }

    /// Runs until the engine stops.
    pub fn run(mut self) {
        let origin = sys::now();
        let mut position: u64 = 0;
        while !self.stop.load(Ordering::Relaxed) {
            if self.count == 0 {
                self.wait_for_work();
                if self.count == 0 {
                    continue;
                }
                position = position_at(origin, sys::now()) + 1;
            }
            let nominal = origin
                + SLOT * u32::try_from(position % HOUR).unwrap_or(0)
                + HOUR_LENGTH * hours(position);
            sys::sleep_until(nominal);
            let now = sys::now();
            self.note_lateness(now.since(nominal));
            self.slot(position, nominal, now);
            position += 1;
            // A whole turn late: each stream is visited once, and catches up by itself.
            let current = position_at(origin, sys::now());
            let oldest = current.saturating_sub(SLOTS as u64 - 1);
            if position < oldest {
                add(&self.cells.skipped_slots, oldest - position);
                position = oldest;
            }
        }
        // Streams that were just opened end with all their events, too.
        while let Some(command) = self.commands.take() {
            self.obey(command);
        }
        for index in 0..self.streams.len() {
            self.close(index);
        }
    }

    /// Sleeps while there is no stream.
    fn wait_for_work(&mut self) {
        match self.commands.take() {
            Some(command) => self.obey(command),
            None => self.commands.wait(IDLE),
        }
    }

    fn note_lateness(&self, late: Duration) {
        add(&self.cells.slots, 1);
        if late > LATE {
            add(&self.cells.late_slots, 1);
        }
        let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        if nanos > self.cells.max_late_nanos.load(Ordering::Relaxed) {
            self.cells.max_late_nanos.store(nanos, Ordering::Relaxed);
        }
    }

    /// The work of one millisecond.
    fn slot(&mut self, position: u64, nominal: Time, now: Time) {
        for _ in 0..MAX_COMMANDS {
            let Some(command) = self.commands.take() else {
                break;
            };
            self.obey(command);
        }
        while let Some(index) = self.wheel.take_extra(position) {
            // One that stopped sending meanwhile begins again in its own slot.
            if self.is_sending(index) {
                self.play_out(index, position, nominal, now);
            }
        }
        let mut i = 0;
        while let Some(index) = self.wheel.get(position, i) {
            if self.rests.is_visited(index, position) {
                self.play_out(index, position, nominal, now);
                self.let_rest(index, position, nominal, now);
            }
            i += 1;
        }
        self.send_burst();
        self.wall_offset = sys::wall_offset();
        self.read_ready(now);
        let mut i = 0;
        while let Some(index) = self.wheel.get(position + LEAD, i) {
            // A closed stream leaves its place to another.
            if self.read(index, position, now) == Fate::Closed {
                self.close(index as usize);
            } else {
                i += 1;
            }
        }
        if position.is_multiple_of(1000) {
            self.cells
                .cpu_nanos
                .store(sys::thread_cpu(), Ordering::Relaxed);
        }
    }

    fn is_sending(&self, index: u32) -> bool {
        let entry = self.streams.get(index as usize).and_then(Option::as_ref);
        entry.is_some_and(|entry| entry.state.due().is_some())
    }

    /// Decides whether a stream whose turn it was is passed over in those that follow.
    fn let_rest(&mut self, index: u32, position: u64, nominal: Time, now: Time) {
        let place = index as usize;
        let watched = self.ears.get(place) == Some(&Ear::Watched);
        if !self.rests.may_rest(index) || !watched {
            return;
        }
        let Some(Some(entry)) = self.streams.get_mut(place) else {
            return;
        };
        let state = &mut entry.state;
        if state.due().is_some() || state.connection(now) != entry.connected {
            return;
        }
        if let Some(until) = state.rest(nominal) {
            let turns = until.since(nominal).as_nanos().div_ceil(TURN.as_nanos());
            let turns = u64::try_from(turns).unwrap_or(u64::MAX);
            let slots = turns.saturating_mul(SLOTS as u64);
            self.rests.rest(index, position.saturating_add(slots));
        }
    }

    fn obey(&mut self, command: Command) {
        let (index, number, order) = match command {
            Command::Open(entry) => return self.open(entry),
            Command::Order(index, number, order) => (index, number, order),
        };
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
            return;
        };
        if entry.number != number {
            return;
        }
        if let Order::Close = order {
            return self.close(index as usize);
        }
        let state = &mut entry.state;
        match order {
            Order::Configure(config) => state.configure(*config),
            Order::Play(play) => state.play(play),
            Order::Stop => state.stop(),
            Order::SendDigits(id, digits) => state.send_digits(id, digits),
            Order::Record(start) => state.record(*start),
            Order::PauseRecord(slot) => state.pause_record(slot),
            Order::ResumeRecord(slot) => state.resume_record(slot),
            Order::StopRecord(slot, trim_ms) => state.stop_record(slot, trim_ms),
            Order::Close => {}
        }
        entry.report(&self.cells);
        self.rests.rouse(index);
    }

    fn open(&mut self, mut entry: Box<Entry>) {
        let Some(place) = self.streams.get_mut(entry.index as usize) else {
            return;
        };
        entry.slot = self.wheel.add(entry.index);
        let index = entry.index;
        *place = Some(entry);
        self.count += 1;
        self.rests.rouse(index);
    }

    /// Ends a stream: BYE, the last events, then its ports are free.
    fn close(&mut self, index: usize) {
        let Some(mut entry) = self.streams.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.count -= 1;
        self.wheel.remove(entry.index, entry.slot);
        let mut buffer = [0; MAX_COMPOUND_OUT];
        if let Some(bye) = entry.state.close(sys::now(), &mut buffer) {
            send_rtcp(&entry.pair.rtcp, bye, &buffer, &self.cells);
        }
        add(&self.cells.skipped_packets, entry.state.skipped());
        let Entry {
            mut state,
            pair,
            events,
            send_failures,
            ..
        } = *entry;
        // Nobody asks for it any more when the engine stops.
        if !self.stop.load(Ordering::Relaxed) {
            self.returns.give_back(pair);
        }
        self.cells.streams.fetch_sub(1, Ordering::Relaxed);
        self.open.fetch_sub(1, Ordering::Relaxed);
        // The last event says that the ports are free, so it comes last.
        report(&mut state, &events, send_failures, &self.cells);
    }

    fn play_out(&mut self, index: u32, position: u64, nominal: Time, now: Time) {
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
            return;
        };
        add(&self.cells.ticks, 1);
        let state = &mut entry.state;
        self.burst
            .build(index, |buffer| state.tick(nominal, now, buffer));
        let next_turn = nominal + SLOT * SLOTS as u32;
        if entry
            .state
            .due()
            .is_some_and(|due| due + SLOT / 2 < next_turn)
        {
            self.wheel.visit_again(index, position);
        }
        entry.report(&self.cells);
        if self.burst.is_full() {
            self.send_burst();
        }
    }

    fn send_burst(&mut self) {
        for (index, to, datagram) in self.burst.take() {
            let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
                continue;
            };
            let connected = entry.connected == Some(to);
            match send(&entry.pair.rtp, connected, to, datagram) {
                Ok(()) => add(&self.cells.packets_out, 1),
                Err(_) => {
                    entry.send_failures += 1;
                    add(&self.cells.send_failures, 1);
                }
            }
        }
    }

    /// Reads the sockets that epoll tells of.
    fn read_ready(&mut self, now: Time) {
        self.watch.poll(&mut self.ready);
        let mut i = 0;
        while let Some((index, which)) = self.ready.get(i) {
            i += 1;
            match which {
                Which::Rtp => {
                    if let Some(ear) = self.ears.get_mut(index as usize) {
                        *ear = Ear::Read(0);
                    }
                    self.read_rtp(index, now);
                    self.listen(index, 0);
                }
                Which::Rtcp => self.read_rtcp(index, now),
            }
        }
    }

    /// What is done for a stream once a turn, shortly before its packet goes out.
    fn read(&mut self, index: u32, position: u64, now: Time) -> Fate {
        if self.rests.is_resting(index) {
            return Fate::Lives;
        }
        if let Some(Ear::Read(quiet)) = self.ears.get(index as usize).copied() {
            let quiet = match self.read_rtp(index, now) {
                0 => quiet + 1,
                _ => 0,
            };
            self.listen(index, quiet);
        }
        let turn = position / SLOTS as u64 + u64::from(index);
        if self.rests.take_roused(index) || turn.is_multiple_of(RTCP_TURNS) {
            return self.look_after(index, now);
        }
        Fate::Lives
    }

    /// Chooses how to listen after so many turns without a packet. While a key is down, its end is
    /// told of at once: what answers it has the more time until the stream's next packet.
    fn listen(&mut self, index: u32, quiet: u8) {
        let entry = self.streams.get(index as usize).and_then(Option::as_ref);
        let (Some(entry), Some(ear)) = (entry, self.ears.get_mut(index as usize)) else {
            return;
        };
        *ear = Ear::Read(quiet.min(QUIET_TURNS));
        let wait = quiet >= QUIET_TURNS || entry.state.is_in_event();
        if wait && self.watch.rearm(index, &entry.pair.rtp).is_ok() {
            *ear = Ear::Watched;
        }
    }

    /// Reads a stream's RTP socket; how many datagrams there were.
    fn read_rtp(&mut self, index: u32, now: Time) -> usize {
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
            return 0;
        };
        let mut drain = Drain {
            batch: &mut self.batch,
            wall_offset: self.wall_offset,
            now,
        };
        let (state, cells) = (&mut entry.state, &self.cells);
        let mut taken = 0;
        drain.drain(&entry.pair.rtp, |data, source, arrival| {
            taken += 1;
            count(state.receive(data, source, arrival), cells);
        });
        if taken > 0 {
            follow(entry, now);
            entry.report(&self.cells);
            self.rests.disturb(index);
        }
        taken
    }

    fn read_rtcp(&mut self, index: u32, now: Time) {
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
            return;
        };
        let mut drain = Drain {
            batch: &mut self.batch,
            wall_offset: self.wall_offset,
            now,
        };
        let (state, cells) = (&mut entry.state, &self.cells);
        drain.drain(&entry.pair.rtcp, |data, source, arrival| {
            match state.receive_rtcp(data, source, arrival) {
                Received::Taken => add(&cells.rtcp_in, 1),
                other => count(other, cells),
            }
        });
    }

    /// What is done for a stream now and then: its reports, and what silence of the peer changes.
    fn look_after(&mut self, index: u32, now: Time) -> Fate {
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
            return Fate::Lives;
        };
        if entry.shared.closed.load(Ordering::Relaxed) {
            return Fate::Closed;
        }
        let mut buffer = [0; MAX_COMPOUND_OUT];
        if let Some(transmit) = entry.state.poll_rtcp(now, &mut buffer) {
            send_rtcp(&entry.pair.rtcp, transmit, &buffer, &self.cells);
        }
        follow(entry, now);
        Fate::Lives
    }
}

/// Slots of an hour: keeps the multiplication of durations within 32 bits.
const HOUR: u64 = 3_600_000;
const HOUR_LENGTH: Duration = Duration::from_secs(3600);

fn hours(position: u64) -> u32 {
    u32::try_from(position / HOUR).unwrap_or(u32::MAX)
}

fn position_at(origin: Time, now: Time) -> u64 {
    u64::try_from(now.since(origin).as_millis()).unwrap_or(u64::MAX)
}

/// Connects the socket to the latched source, or undoes that.
fn follow(entry: &mut Entry, now: Time) {
    let wanted = entry.state.connection(now);
    if wanted == entry.connected {
        return;
    }
    let done = match wanted {
        Some(peer) => entry.pair.rtp.connect(peer),
        None => sys::disconnect(&entry.pair.rtp),
    };
    if done.is_ok() {
        entry.connected = wanted;
    }
}

impl Entry {
    fn report(&mut self, cells: &Cells) {
        report(&mut self.state, &self.events, self.send_failures, cells);
    }
}

/// Hands over a stream's events; never waits.
fn report(
    state: &mut StreamState,
    events: &events::Sender<MediaEvent>,
    send_failures: u64,
    cells: &Cells,
) {
    while let Some(mut event) = state.poll_event() {
        if let MediaEvent::Closed(stats) = &mut event {
            stats.outbound.failed = send_failures;
            stats.outbound.packets = stats.outbound.packets.saturating_sub(send_failures);
        }
        let crowded = events.capacity() <= RESERVED_EVENTS;
        let dropped = crowded && event.is_expendable() || events.try_send(event).is_err();
        if dropped && !events.is_closed() {
            add(&cells.events_dropped, 1);
        }
    }
}

#[cfg(test)]
mod tests;
