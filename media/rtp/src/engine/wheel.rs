//! The wheel: 20 slots of 1 ms, with the streams spread over them.

/// Slots of the wheel, 1 ms each.
pub(crate) const SLOTS: usize = 20;

/// Half a turn, in slots.
const HALF: usize = SLOTS / 2;

/// Which streams are due in which slot.
pub(crate) struct Wheel {
    slots: [Vec<u32>; SLOTS],
    /// Streams that want one more visit in this slot.
    extra: [Vec<u32>; SLOTS],
}

impl Wheel {
    pub fn new() -> Wheel {
        Wheel {
            slots: Default::default(),
            extra: Default::default(),
        }
    }

    /// Puts a stream into the emptiest slot.
    pub fn add(&mut self, stream: u32) -> usize {
        let slot = (0..SLOTS)
            .min_by_key(|slot| self.slots[*slot].len())
            .unwrap_or(0);
        self.slots[slot].push(stream);
        slot
    }

    /// Takes a stream out.
    pub fn remove(&mut self, stream: u32, slot: usize) {
        let slot = &mut self.slots[slot % SLOTS];
        if let Some(at) = slot.iter().position(|s| *s == stream) {
            slot.swap_remove(at);
        }
    }

    /// Asks for one more visit half a turn after `position`.
    pub fn visit_again(&mut self, stream: u32, position: u64) {
        self.extra[(Wheel::index(position) + HALF) % SLOTS].push(stream);
    }

    /// The `i`th stream of the slot at `position`.
    pub fn get(&self, position: u64, i: usize) -> Option<u32> {
        self.slots[Wheel::index(position)].get(i).copied()
    }

    /// A stream that asked for one more visit at `position`.
    pub fn take_extra(&mut self, position: u64) -> Option<u32> {
        self.extra[Wheel::index(position)].pop()
    }

    fn index(position: u64) -> usize {
        (position % SLOTS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_spread_evenly() {
        let mut wheel = Wheel::new();
        let slots: Vec<usize> = (0..60).map(|stream| wheel.add(stream)).collect();
        for slot in 0..SLOTS {
            assert_eq!(slots.iter().filter(|s| **s == slot).count(), 3);
        }
        wheel.remove(7, slots[7]);
        assert_eq!(wheel.add(99), slots[7], "the emptiest");
    }

    #[test]
    fn extra_visits_are_half_a_turn_later_and_once() {
        let mut wheel = Wheel::new();
        wheel.visit_again(5, 1013);
        assert_eq!(wheel.take_extra(1013), None);
        assert_eq!(wheel.take_extra(1023), Some(5));
        assert_eq!(wheel.take_extra(1043), None);
    }
}
