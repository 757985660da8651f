//! The wheel: 20 slots of 1 ms, the streams in them, and when each slot has something to do.

/// Slots of the wheel, 1 ms each.
pub(crate) const SLOTS: usize = 20;

/// Half a turn, in slots.
const HALF: usize = SLOTS / 2;

/// Slots between reading a stream's socket and sending its packet.
pub(crate) const LEAD: usize = 2;

/// Streams that share a slot before another is opened. Few streams in few slots let the thread sleep;
/// so many packets are sent in a sixth of a slot. With more, commands find the thread asleep more often and
/// must wake it, which takes what the fewer slots save.
pub(crate) const SHARED: usize = 64;

#[derive(Default)]
struct Slot {
    streams: Vec<u32>,
    /// Streams that want one more visit.
    extra: Vec<u32>,
    /// None of its streams has a turn before this position.
    due: u64,
    /// Streams whose sockets are read once a turn.
    readers: usize,
}

/// Which streams are due in which slot.
pub(crate) struct Wheel {
    slots: [Slot; SLOTS],
}

impl Wheel {
    pub fn new() -> Wheel {
        Wheel {
            slots: Default::default(),
        }
    }

    /// Finds a slot for a stream, which has its first turn there.
    pub fn add(&mut self, stream: u32) -> usize {
        let slot = self.place();
        self.slots[slot].streams.push(stream);
        self.slots[slot].due = 0;
        slot
    }

    /// The fullest slot that has room to share; else an empty one; else the emptiest. Slots are opened
    /// [`LEAD`] after each other: then one's sockets are read when another's packets are sent.
    fn place(&self) -> usize {
        let streams = |slot: &usize| self.slots[*slot].streams.len();
        let in_use = (0..SLOTS).filter(|slot| (1..SHARED).contains(&streams(slot)));
        let order = (0..LEAD).flat_map(|first| (first..SLOTS).step_by(LEAD));
        in_use
            .max_by_key(streams)
            .or_else(|| order.min_by_key(streams))
            .unwrap_or_default()
    }

    /// The position from `from` on of a slot in which a stream of slot `own` has its turn soonest; `None`:
    /// in its own. Slots that are not in use stay so, and none gets more than its share of the streams
    /// and a quarter.
    pub fn soonest(&self, from: u64, own: usize) -> Option<u64> {
        let all: usize = self.slots.iter().map(|slot| slot.streams.len()).sum();
        let share = (all / SLOTS * 5 / 4).max(SHARED);
        let ahead = (0..SLOTS as u64).map_while(|slots| from.checked_add(slots));
        ahead
            .take_while(|position| Wheel::index(*position) != own)
            .find(|position| {
                let streams = self.slots[Wheel::index(*position)].streams.len();
                (1..share).contains(&streams)
            })
    }

    /// Moves a stream to the slot at `position`, which it returns; it has a turn there.
    pub fn move_to(&mut self, stream: u32, slot: usize, position: u64) -> usize {
        self.remove(stream, slot);
        let to = Wheel::index(position);
        self.slots[to].streams.push(stream);
        self.slots[to].due = 0;
        to
    }

    /// Takes a stream out.
    pub fn remove(&mut self, stream: u32, slot: usize) {
        let streams = &mut self.slots[slot % SLOTS].streams;
        if let Some(at) = streams.iter().position(|s| *s == stream) {
            streams.swap_remove(at);
        }
    }

    /// A stream of this slot has a turn again, the next time that the slot comes.
    pub fn rouse(&mut self, slot: usize) {
        self.slots[slot % SLOTS].due = 0;
    }

    /// The streams of the slot at `position` had their turns; the first that has another has it at `due`.
    pub fn turned(&mut self, position: u64, due: u64) {
        self.slots[Wheel::index(position)].due = due;
    }

    /// The socket of one more stream of this slot is read once a turn.
    pub fn begin_reading(&mut self, slot: usize) {
        self.slots[slot % SLOTS].readers += 1;
    }

    /// The socket of a stream is not read any more.
    pub fn end_reading(&mut self, slot: usize) {
        let slot = &mut self.slots[slot % SLOTS];
        slot.readers = slot.readers.saturating_sub(1);
    }

    /// Asks for one more visit half a turn after `position`.
    pub fn visit_again(&mut self, stream: u32, position: u64) {
        self.slots[(Wheel::index(position) + HALF) % SLOTS]
            .extra
            .push(stream);
    }

    /// The first position from `from` on with something to do; `None` when nothing lies ahead.
    pub fn next_work(&self, from: u64) -> Option<u64> {
        let within_a_turn = (from..from + SLOTS as u64).find(|position| self.has_work(*position));
        within_a_turn.or_else(|| {
            let slots = self.slots.iter().filter(|slot| !slot.streams.is_empty());
            slots.map(|slot| slot.due).min()
        })
    }

    /// Is there something to do at `position`?
    pub fn has_work(&self, position: u64) -> bool {
        self.has_turns(position)
            || self.has_readers(position)
            || !self.slots[Wheel::index(position)].extra.is_empty()
    }

    /// Has any stream a turn at `position`?
    pub fn has_turns(&self, position: u64) -> bool {
        let slot = &self.slots[Wheel::index(position)];
        !slot.streams.is_empty() && slot.due <= position
    }

    /// Are there sockets to be read at `position`, [`LEAD`] before their slot?
    pub fn has_readers(&self, position: u64) -> bool {
        self.slots[Wheel::index(position + LEAD as u64)].readers > 0
    }

    /// The `i`th stream of the slot at `position`.
    pub fn get(&self, position: u64, i: usize) -> Option<u32> {
        self.slots[Wheel::index(position)].streams.get(i).copied()
    }

    /// A stream that asked for one more visit at `position`.
    pub fn take_extra(&mut self, position: u64) -> Option<u32> {
        self.slots[Wheel::index(position)].extra.pop()
    }

    fn index(position: u64) -> usize {
        (position % SLOTS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams in each slot.
    fn counts(wheel: &Wheel) -> Vec<usize> {
        wheel.slots.iter().map(|slot| slot.streams.len()).collect()
    }

    #[test]
    fn few_streams_share_few_slots() {
        let mut wheel = Wheel::new();
        let slots: Vec<usize> = (0..SHARED as u32 * 2 + 1).map(|i| wheel.add(i)).collect();
        assert!(slots[..SHARED].iter().all(|slot| *slot == 0));
        assert!(slots[SHARED..SHARED * 2].iter().all(|slot| *slot == LEAD));
        assert_eq!(slots[SHARED * 2], 2 * LEAD);
        for stream in 0..3 {
            wheel.remove(stream, 0);
        }
        wheel.remove(SHARED as u32, LEAD);
        assert_eq!(wheel.add(900), LEAD, "the fullest with room");
        assert_eq!(wheel.add(901), 0);
    }

    #[test]
    fn many_streams_are_spread_evenly() {
        let mut wheel = Wheel::new();
        let slots: Vec<usize> = (0..4000).map(|stream| wheel.add(stream)).collect();
        assert_eq!(counts(&wheel), vec![200; SLOTS]);
        wheel.remove(7, slots[7]);
        assert_eq!(wheel.add(9999), slots[7], "the emptiest");
    }

    #[test]
    fn the_next_slot_in_use_that_has_room_is_soonest() {
        let mut wheel = Wheel::new();
        let mut slot = 0;
        for stream in 0..SHARED as u32 + 1 {
            slot = wheel.add(stream);
        }
        assert_eq!(wheel.soonest(20, 5), Some(22), "the first is full");
        assert_eq!(
            wheel.soonest(20, 0),
            None,
            "which does not matter to its own"
        );
        assert_eq!(wheel.soonest(21, 5), Some(22), "none is opened");
        assert_eq!(wheel.soonest(23, slot), None, "its own comes first");
        assert_eq!(wheel.move_to(0, 0, 42), slot);
        assert_eq!(wheel.soonest(60, 5), Some(60), "now there is room");
        assert_eq!(wheel.soonest(u64::MAX, 5), None);
        let mut wheel = Wheel::new();
        (0..4000).for_each(|stream| {
            wheel.add(stream);
        });
        let mut stream = 0;
        while wheel.soonest(7, 19) == Some(7) {
            // Calls that come and go leave the slots as they are.
            wheel.slots[19].streams.pop();
            wheel.slots[7].streams.push(4000 + stream);
            stream += 1;
        }
        assert_eq!(stream, 50, "a quarter above its share");
        assert_eq!(wheel.soonest(7, 19), Some(8));
    }

    #[test]
    fn streams_gather_again_when_most_have_gone() {
        let mut wheel = Wheel::new();
        let mut streams: Vec<(u32, usize)> = (0..4000).map(|i| (i, wheel.add(i))).collect();
        for (stream, slot) in streams.drain(..3900) {
            wheel.remove(stream, slot);
        }
        assert_eq!(counts(&wheel), vec![5; SLOTS]);
        // Calls come and go, the oldest first.
        for stream in 4000..4200 {
            let (oldest, slot) = streams.remove(0);
            wheel.remove(oldest, slot);
            streams.push((stream, wheel.add(stream)));
        }
        let used = counts(&wheel).iter().filter(|n| **n > 0).count();
        assert!(used <= 5, "{used} slots for 100 streams");
    }

    #[test]
    fn extra_visits_are_half_a_turn_later_and_once() {
        let mut wheel = Wheel::new();
        wheel.visit_again(5, 1013);
        assert_eq!(wheel.take_extra(1013), None);
        assert_eq!(wheel.next_work(1014), Some(1023));
        assert_eq!(wheel.take_extra(1023), Some(5));
        assert_eq!(wheel.take_extra(1043), None);
        assert_eq!(wheel.next_work(1024), None);
    }

    #[test]
    fn only_slots_with_something_to_do_have_work() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.next_work(7), None);
        let slot = wheel.add(1);
        assert_eq!(wheel.next_work(7), Some(20), "slot {slot}");
        wheel.turned(20, 40);
        assert_eq!(wheel.next_work(21), Some(40));
        wheel.turned(40, 1040);
        assert_eq!(wheel.next_work(41), Some(1040));
        wheel.begin_reading(slot);
        assert_eq!(wheel.next_work(41), Some(58), "its socket");
        assert!(wheel.has_readers(58) && !wheel.has_turns(60));
        wheel.end_reading(slot);
        wheel.rouse(slot);
        assert_eq!(wheel.next_work(41), Some(60));
        assert_eq!(wheel.next_work(1041), Some(1060), "whatever was missed");
        wheel.remove(1, slot);
        assert_eq!(wheel.next_work(41), None);
    }
}
