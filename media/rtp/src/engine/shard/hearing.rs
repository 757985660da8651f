//! What comes in: which sockets are read, when, and which are left to epoll.

use super::{Entry, Shard};
use crate::engine::counters::add;
use crate::engine::io as sys;
use crate::engine::watch::{Told, Which};
use crate::engine::wire::{Drain, count};
use crate::inbound::Received;
use crate::time::Time;

/// A stream that brought no packet for so many turns is left to epoll.
const QUIET_TURNS: u8 = 10;

/// How a stream's RTP socket is listened to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ear {
    /// Epoll tells when something comes.
    Watched,
    /// It is read every turn. So many turns brought nothing.
    Read(u8),
}

impl Shard {
    /// Reads the sockets that epoll tells of.
    pub(super) fn read_ready(&mut self, now: Time) {
        self.wall_offset = sys::wall_offset();
        self.watch.poll(&mut self.ready);
        let mut i = 0;
        while let Some(told) = self.ready.get(i) {
            i += 1;
            match told {
                Told::Socket(index, Which::Rtp) => {
                    self.set_ear(index, Ear::Read(0));
                    self.read_rtp(index, now);
                    self.listen(index, 0);
                }
                Told::Socket(index, Which::Rtcp) => self.read_rtcp(index, now),
                // The commands are taken in any case.
                Told::Called => {}
            }
        }
    }

    /// Reads the sockets of callers who talk, once a turn, shortly before their streams' packets go out.
    pub(super) fn read_talkers(&mut self, position: u64, now: Time) {
        let mut i = 0;
        while let Some(index) = self.wheel.get(position, i) {
            i += 1;
            if let Ear::Read(quiet) = self.ear(index) {
                let quiet = match self.read_rtp(index, now) {
                    0 => quiet + 1,
                    _ => 0,
                };
                self.listen(index, quiet);
            }
        }
    }

    /// Chooses how to listen after so many turns without a packet. While a key is down, its end is
    /// told of at once: what answers it has the more time until the stream's next packet.
    fn listen(&mut self, index: u32, quiet: u8) {
        let Some(Some(entry)) = self.streams.get(index as usize) else {
            return;
        };
        let wait = quiet >= QUIET_TURNS || entry.state.is_in_event();
        let ear = if wait && self.watch.rearm(index, &entry.pair.rtp).is_ok() {
            Ear::Watched
        } else {
            Ear::Read(quiet.min(QUIET_TURNS))
        };
        self.set_ear(index, ear);
    }

    /// How a place is listened to, whether it has a stream or not.
    pub(super) fn ear(&self, index: u32) -> Ear {
        let ear = self.ears.get(index as usize);
        ear.copied().unwrap_or(Ear::Watched)
    }

    fn set_ear(&mut self, index: u32, ear: Ear) {
        let Some(place) = self.ears.get_mut(index as usize) else {
            return;
        };
        let before = std::mem::replace(place, ear);
        let Some(Some(entry)) = self.streams.get(index as usize) else {
            return;
        };
        match (before, ear) {
            (Ear::Watched, Ear::Read(_)) => self.wheel.begin_reading(entry.slot),
            (Ear::Read(_), Ear::Watched) => self.wheel.end_reading(entry.slot),
            _ => {}
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
            entry.pair.heard.rtp = true;
            follow(entry, now);
            entry.report(&self.cells);
            if self.rests.disturb(index) {
                self.wheel.rouse(entry.slot);
            }
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
        entry.pair.heard.rtcp = true;
        drain.drain(&entry.pair.rtcp, |data, source, arrival| {
            match state.receive_rtcp(data, source, arrival) {
                Received::Taken => add(&cells.rtcp_in, 1),
                other => count(other, cells),
            }
        });
    }
}

/// Connects the socket to the latched source, or undoes that.
pub(super) fn follow(entry: &mut Entry, now: Time) {
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
