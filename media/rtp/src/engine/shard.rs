//! A media thread: it owns its sockets and streams, and keeps their packet clock.
//!
//! Each millisecond is one slot of the wheel. In it the thread takes commands, sends the packets of
//! the slot's streams, and reads the sockets of the streams whose slot is [`LEAD`] ahead: what comes
//! in has the shortest wait before it can be answered, and a reply to a digit that comes back within
//! those 2 ms makes that very packet. A caller who talks costs one receive and one send a turn; one who
//! does not costs the send alone, because its socket is not read until epoll tells of it. A stream that
//! neither sends nor receives is passed over until it has something to do.
//!
//! Slots in which nothing is due are slept through. A command or a datagram that epoll tells of ends
//! that sleep, unless the next slot is less than a millisecond away.

mod hearing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc as events;

use super::counters::{Cells, add};
use super::io::{self as sys, Batch};
use super::mailbox::{Inbox, Woken};
use super::ports::{Pair, Returns};
use super::raw::RawSender;
use super::rest::Rests;
use super::watch::{Ready, Watch};
use super::wheel::{LEAD, SLOTS, Wheel};
use super::wire::{BURST, Burst, Way, send, send_rtcp};
use crate::config::{DigitOut, Play, RecordSlot, RecordStart, StreamConfig};
use crate::event::MediaEvent;
use crate::rtcp::MAX_COMPOUND_OUT;
use crate::stream::{StreamState, TURN};
use crate::tap::Listener;
use crate::time::Time;
use hearing::{Ear, follow};

const SLOT: Duration = Duration::from_millis(1);

/// A slot that begins so late is counted.
const LATE: Duration = Duration::from_millis(5);

/// Our reports, and what else can wait, are looked at once in so many turns.
const RTCP_TURNS: u64 = 10;

/// Packets do not wait longer for commands; what is left of them is taken in the next slot.
const COMMAND_TIME: Duration = Duration::from_micros(300);

/// Commands between two looks at the clock.
const COMMANDS_AT_ONCE: usize = 8;

/// The CPU clock is read once in so many slots.
const ACCOUNT_SLOTS: u64 = 1000;

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
    Listen(Box<dyn Listener>),
    StopListening,
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

/// A media thread's own.
pub(crate) struct Shard {
    streams: Vec<Option<Box<Entry>>>,
    /// Of each place, whether it has a stream or not.
    ears: Vec<Ear>,
    rests: Rests,
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
    raw: Option<RawSender>,
    wall_offset: i64,
    /// When position 0 was.
    origin: Time,
    /// Where there is something left to do.
    position: u64,
    /// Where the CPU clock is read next.
    account_at: u64,
}

/// What a media thread is given.
pub(crate) struct Given {
    pub places: usize,
    pub commands: Inbox<Command>,
    pub returns: Returns,
    pub watch: Arc<Watch>,
    /// Absent: packets leave through their streams' sockets.
    pub raw: Option<RawSender>,
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
            raw: given.raw,
            wall_offset: sys::wall_offset(),
            origin: sys::now(),
            position: 0,
            account_at: 0,
        }
    }

    /// Runs until the engine stops.
    pub fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let next = self.wheel.next_work(self.position);
            let nominal = next.map(|next| self.nominal(next));
            let woken = self.sleep(nominal);
            let now = sys::now();
            let (Some(next), Some(nominal), Woken::InTime) = (next, nominal, woken) else {
                let ahead = position_at(self.origin, now) + 1;
                self.position = next.map_or(ahead, |next| next.min(ahead));
                add(&self.cells.early_wakes, 1);
                self.attend(now);
                continue;
            };
            self.note_lateness(now.since(nominal));
            self.position = next;
            self.slot(next, nominal, now);
            self.position = next + 1;
            // A whole turn late: each stream is visited once, and catches up by itself.
            let current = position_at(self.origin, sys::now());
            let oldest = current.saturating_sub(SLOTS as u64 - 1);
            if self.position < oldest {
                let left_out = (self.position..oldest).filter(|at| self.wheel.has_work(*at));
                add(&self.cells.skipped_slots, left_out.count() as u64);
                self.position = oldest;
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

    fn nominal(&self, position: u64) -> Time {
        self.origin + Duration::from_millis(position)
    }

    /// Sleeps until a slot that has work, or until there is something to attend to. `None`: no slot has
    /// any.
    fn sleep(&mut self, until: Option<Time>) -> Woken {
        let Some(until) = until else {
            self.account();
            return self.commands.wait(None);
        };
        let left = until.since(sys::now());
        if left > SLOT {
            return self.commands.wait(Some(left));
        }
        // Whatever comes in so short a time is seen to in that slot.
        sys::sleep_until(until);
        Woken::InTime
    }

    fn account(&self) {
        let used = sys::thread_cpu();
        self.cells.cpu_nanos.store(used, Ordering::Relaxed);
    }

    fn note_lateness(&self, late: Duration) {
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
        add(&self.cells.slots, 1);
        self.take_commands();
        while let Some(index) = self.wheel.take_extra(position) {
            // One that stopped sending meanwhile begins again in its own slot.
            if self.is_sending(index) {
                self.play_out(index, position, nominal, now);
            }
        }
        if self.wheel.has_turns(position) {
            self.turns(position, nominal, now);
        }
        self.send_burst();
        self.read_ready(now);
        if self.wheel.has_readers(position) {
            self.read_talkers(position + LEAD as u64, now);
        }
        if position >= self.account_at {
            self.account();
            self.account_at = position + ACCOUNT_SLOTS;
        }
    }

    /// What cannot wait for the next slot with work: commands may make another slot the next.
    fn attend(&mut self, now: Time) {
        self.take_commands();
        self.read_ready(now);
    }

    /// Obeys commands, for a short time.
    fn take_commands(&mut self) {
        let end = sys::now() + COMMAND_TIME;
        loop {
            for _ in 0..COMMANDS_AT_ONCE {
                let Some(command) = self.commands.take() else {
                    return;
                };
                self.obey(command);
            }
            if sys::now() >= end {
                return;
            }
        }
    }

    /// The turns of a slot's streams.
    fn turns(&mut self, position: u64, nominal: Time, now: Time) {
        let mut due = u64::MAX;
        let mut i = 0;
        while let Some(index) = self.wheel.get(position, i) {
            if i.is_multiple_of(BURST) {
                self.fetch(position, i);
            }
            if self.rests.is_visited(index, position) {
                if self.begin_turn(index, position, now) == Fate::Closed {
                    // Its place in the slot is another's now.
                    self.close(index as usize);
                    continue;
                }
                self.play_out(index, position, nominal, now);
                self.let_rest(index, position, nominal, now);
            }
            due = due.min(self.rests.next_turn(index, position));
            i += 1;
        }
        self.wheel.turned(position, due);
    }

    /// Has the processor fetch what the next streams' packets are built from, all at once: each lies
    /// elsewhere in memory, and would be waited for in its turn.
    fn fetch(&self, position: u64, first: usize) {
        let mut sum = 0;
        for i in first..first + BURST {
            let Some(index) = self.wheel.get(position, i) else {
                break;
            };
            if self.rests.is_visited(index, position)
                && let Some(Some(entry)) = self.streams.get(index as usize)
            {
                sum ^= entry.state.touch();
            }
        }
        std::hint::black_box(sum);
    }

    /// Looks after a stream before its packet goes out, when it is time to.
    fn begin_turn(&mut self, index: u32, position: u64, now: Time) -> Fate {
        let turn = position / SLOTS as u64 + u64::from(index);
        if self.rests.begin_turn(index) || turn.is_multiple_of(RTCP_TURNS) {
            return self.look_after(index, now);
        }
        Fate::Lives
    }

    fn is_sending(&self, index: u32) -> bool {
        let entry = self.streams.get(index as usize).and_then(Option::as_ref);
        entry.is_some_and(|entry| entry.state.due().is_some())
    }

    /// Decides whether a stream whose turn it was is passed over in those that follow.
    fn let_rest(&mut self, index: u32, position: u64, nominal: Time, now: Time) {
        if self.ear(index) != Ear::Watched {
            return;
        }
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
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
        let plays = matches!(order, Order::Play(_));
        match order {
            Order::Configure(config) => state.configure(*config),
            Order::Play(play) => state.play(play),
            Order::Stop => state.stop(),
            Order::SendDigits(id, digits) => state.send_digits(id, digits),
            Order::Record(start) => state.record(*start),
            Order::PauseRecord(slot) => state.pause_record(slot),
            Order::ResumeRecord(slot) => state.resume_record(slot),
            Order::StopRecord(slot, trim_ms) => state.stop_record(slot, trim_ms),
            Order::Listen(listener) => state.listen(listener),
            Order::StopListening => state.stop_listening(),
            Order::Close => {}
        }
        entry.report(&self.cells);
        self.rests.rouse(index);
        self.wheel.rouse(entry.slot);
        if plays {
            self.move_forward(index);
        }
    }

    /// Gives a stream that is silent, and has something to play now, the next slot that has room:
    /// otherwise it would wait for its own, 10 ms in the mean.
    fn move_forward(&mut self, index: u32) {
        let (origin, position) = (self.origin, self.position);
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
            return;
        };
        let Some(earliest) = entry.state.may_move() else {
            return;
        };
        let earliest = earliest.since(origin).as_micros().div_ceil(1000);
        let from = position.max(u64::try_from(earliest).unwrap_or(u64::MAX));
        let Some(to) = self.wheel.soonest(from, entry.slot) else {
            return;
        };
        let read = self.ears.get(index as usize) != Some(&Ear::Watched);
        if read {
            self.wheel.end_reading(entry.slot);
        }
        entry.slot = self.wheel.move_to(index, entry.slot, to);
        if read {
            self.wheel.begin_reading(entry.slot);
        }
    }

    fn open(&mut self, mut entry: Box<Entry>) {
        let Some(place) = self.streams.get_mut(entry.index as usize) else {
            return;
        };
        entry.slot = self.wheel.add(entry.index);
        let (index, slot) = (entry.index, entry.slot);
        *place = Some(entry);
        self.rests.rouse(index);
        // What came before its opening may have been told of already.
        if self.ear(index) != Ear::Watched {
            self.wheel.begin_reading(slot);
        }
    }

    /// Ends a stream: BYE, the last events, then its ports are free.
    fn close(&mut self, index: usize) {
        let Some(mut entry) = self.streams.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.wheel.remove(entry.index, entry.slot);
        if self.ear(entry.index) != Ear::Watched {
            self.wheel.end_reading(entry.slot);
        }
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
        // The socket of a caller who talks is in the processor's caches, because it is read each turn.
        let way = match self.ear(index) {
            Ear::Watched => Way::Together,
            _ => Way::Alone,
        };
        let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
            return;
        };
        add(&self.cells.ticks, 1);
        let state = &mut entry.state;
        self.burst.build(index, way, entry.pair.port, |buffer| {
            state.tick(nominal, now, buffer)
        });
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
        let together = self.burst.send(self.raw.as_ref(), |index, to, datagram| {
            let Some(Some(entry)) = self.streams.get_mut(index as usize) else {
                return;
            };
            let connected = entry.connected == Some(to);
            match send(&entry.pair.rtp, connected, to, datagram) {
                Ok(()) => add(&self.cells.packets_out, 1),
                Err(_) => {
                    entry.send_failures += 1;
                    add(&self.cells.send_failures, 1);
                }
            }
        }) as u64;
        add(&self.cells.packets_out, together);
        add(&self.cells.packets_together, together);
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

fn position_at(origin: Time, now: Time) -> u64 {
    u64::try_from(now.since(origin).as_millis()).unwrap_or(u64::MAX)
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
        if matches!(event, MediaEvent::PlayFinished { gap_ms: 1.., .. }) {
            add(&cells.plays_with_gap, 1);
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
