//! Streams that are passed over while they have nothing to do.
//!
//! The notes lie beside each other, not in the streams: passing over a stream does not touch its memory.

use super::wheel::SLOTS;

/// Whether a stream is visited every turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is.
    Awake,
    /// It is, and is looked after in the next turn.
    Roused,
    /// Not before this position, unless an order or a datagram comes.
    Until(u64),
}

/// The rests of a thread's streams, by their index. A place without a stream may say anything.
pub(crate) struct Rests(Vec<Rest>);

impl Rests {
    pub fn new(places: usize) -> Rests {
        Rests(vec![Rest::Roused; places])
    }

    fn get(&self, index: u32) -> Rest {
        self.0.get(index as usize).copied().unwrap_or(Rest::Awake)
    }

    fn set(&mut self, index: u32, rest: Rest) {
        if let Some(place) = self.0.get_mut(index as usize) {
            *place = rest;
        }
    }

    /// Does the stream have a turn at `position`?
    pub fn is_visited(&self, index: u32, position: u64) -> bool {
        match self.get(index) {
            Rest::Until(end) => position >= end,
            Rest::Awake | Rest::Roused => true,
        }
    }

    /// An order came.
    pub fn rouse(&mut self, index: u32) {
        self.set(index, Rest::Roused);
    }

    /// A datagram came: did it end a rest?
    pub fn disturb(&mut self, index: u32) -> bool {
        let resting = matches!(self.get(index), Rest::Until(_));
        if resting {
            self.rouse(index);
        }
        resting
    }

    /// The stream has a turn: must it be looked after, because it was roused or its rest is over?
    pub fn begin_turn(&mut self, index: u32) -> bool {
        let awake = self.get(index) == Rest::Awake;
        self.set(index, Rest::Awake);
        !awake
    }

    /// The position of the turn that follows one at `position`.
    pub fn next_turn(&self, index: u32, position: u64) -> u64 {
        match self.get(index) {
            Rest::Until(end) => end,
            Rest::Awake | Rest::Roused => position + SLOTS as u64,
        }
    }

    /// Passes over the stream before `position`.
    pub fn rest(&mut self, index: u32, position: u64) {
        self.set(index, Rest::Until(position));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_rest_a_stream_is_looked_after_once() {
        let mut rests = Rests::new(2);
        assert!(rests.begin_turn(1), "it is new");
        assert!(!rests.begin_turn(1));
        assert_eq!(rests.next_turn(1, 20), 40);
        rests.rest(1, 80);
        assert_eq!(rests.next_turn(1, 20), 80);
        assert!(!rests.is_visited(1, 79) && rests.is_visited(1, 80));
        assert!(rests.begin_turn(1));
        assert!(!rests.begin_turn(1) && rests.is_visited(1, 100));
    }

    #[test]
    fn orders_rouse_at_any_time_and_datagrams_end_a_rest() {
        let mut rests = Rests::new(1);
        rests.begin_turn(0);
        assert!(!rests.disturb(0));
        assert!(!rests.begin_turn(0), "a talking caller changes nothing");
        rests.rest(0, 40);
        assert!(rests.disturb(0));
        assert!(rests.is_visited(0, 20) && rests.begin_turn(0));
        rests.rouse(0);
        assert!(rests.begin_turn(0));
    }
}
