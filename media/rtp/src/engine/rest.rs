//! Streams that are passed over while they have nothing to do.
//!
//! The notes lie beside each other, not in the streams: passing over a stream does not touch its memory.

/// Whether a stream is visited every turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is.
    Awake,
    /// It is, and is looked after in the next turn, before it may rest.
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

    /// Does the stream rest? It does until its turn is over.
    pub fn is_resting(&self, index: u32) -> bool {
        matches!(self.get(index), Rest::Until(_))
    }

    /// An order came.
    pub fn rouse(&mut self, index: u32) {
        self.set(index, Rest::Roused);
    }

    /// A datagram came.
    pub fn disturb(&mut self, index: u32) {
        if self.is_resting(index) {
            self.rouse(index);
        }
    }

    /// Must the stream be looked after, because it was roused? Once.
    pub fn take_roused(&mut self, index: u32) -> bool {
        let roused = self.get(index) == Rest::Roused;
        if roused {
            self.set(index, Rest::Awake);
        }
        roused
    }

    /// The stream had its turn: may it rest now? One whose rest ends is looked after before.
    pub fn may_rest(&mut self, index: u32) -> bool {
        self.disturb(index);
        self.get(index) == Rest::Awake
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
    fn between_two_rests_a_stream_is_looked_after_once() {
        let mut rests = Rests::new(2);
        assert!(!rests.may_rest(1), "it is new");
        assert!(rests.take_roused(1));
        assert!(!rests.take_roused(1));
        assert!(rests.may_rest(1));
        rests.rest(1, 40);
        assert!(rests.is_resting(1) && !rests.is_visited(1, 39));
        assert!(rests.is_visited(1, 40));
        assert!(!rests.may_rest(1));
        assert!(!rests.is_resting(1) && rests.is_visited(1, 60));
        assert!(rests.take_roused(1));
        assert!(rests.may_rest(1));
    }

    #[test]
    fn orders_rouse_at_any_time_and_datagrams_end_a_rest() {
        let mut rests = Rests::new(1);
        rests.take_roused(0);
        rests.disturb(0);
        assert!(!rests.take_roused(0), "a talking caller changes nothing");
        rests.rest(0, 40);
        rests.disturb(0);
        assert!(rests.is_visited(0, 20) && rests.take_roused(0));
        rests.rouse(0);
        assert!(rests.take_roused(0));
    }
}
