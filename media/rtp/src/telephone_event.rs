//! Telephone-event (RFC 4733): digits in packets, received and sent.
//!
//! # Receiving: a digit is reported once
//!
//! An event is named by its SSRC and RTP timestamp (2.2.3, 2.3.3), and that is nearly enough:
//!
//! | what comes | what is done |
//! | --- | --- |
//! | end packets sent again, with a new or with the same sequence number | the event is among the last ended: ignored |
//! | a packet of an ended event that was overtaken by the next | the same |
//! | no end packet at all | the event ends [`LOST_END`] after its last packet |
//! | only an end packet | start and end at once |
//! | a press longer than 65,535 timestamp units (2.5.1.3) | the segment that begins where the last one ended carries it on |
//! | a timestamp that moves while the key is down (a known defect) | the same digit whose duration goes on growing, without a marker, is the same event |
//! | an end packet sent again under a moved timestamp | the digit that just ended, with the same duration: ignored |
//! | another SSRC for each digit, sequence numbers that jump | sequence numbers are not looked at; another SSRC is another event |

use std::time::Duration;

use crate::time::Time;

/// An event whose end packets were all lost ends so long after its last packet.
pub const LOST_END: Duration = Duration::from_millis(140);

/// Two packets of one event are at most so far apart, when only their likeness joins them.
const DRIFT_WINDOW: Duration = Duration::from_millis(100);

/// Packets of an event that ended so long ago are a key pressed anew, if they say that it is down.
const PLAYED_AGAIN: Duration = Duration::from_secs(1);

/// A duration field at or above this may be the end of a full segment.
const SEGMENT_FULL: u16 = 0xFF00;

/// Ended events that are remembered.
const REMEMBERED: usize = 4;

const DIGITS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

/// The event code of a digit (RFC 4733, 3.2).
#[must_use]
pub fn code_of(digit: char) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    DIGITS
        .iter()
        .position(|d| *d == digit)
        .and_then(|i| u8::try_from(i).ok())
}

/// The four octets of a telephone-event (RFC 4733, 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// 0 to 15 are the digits.
    pub event: u8,
    /// The E bit.
    pub end: bool,
    /// -dBm0, 0 to 63.
    pub volume: u8,
    /// In timestamp units, from the packet's timestamp.
    pub duration: u16,
}

impl Payload {
    /// Parses the first event of a payload; `None` when it is shorter than four octets.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Payload> {
        let [event, flags, high, low, ..] = *bytes else {
            return None;
        };
        Some(Payload {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The four octets.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [
            self.event,
            u8::from(self.end) << 7 | self.volume & 0x3F,
            high,
            low,
        ]
    }

    /// Does a payload of a type that was not negotiated look like a digit? It must be four octets
    /// long, name a digit, have the reserved bit at zero, and a volume or a duration: SIPp's
    /// `play_dtmf` leads with filler of four zero octets, which would be a "0" otherwise.
    #[must_use]
    pub fn looks_like_a_digit(bytes: &[u8]) -> bool {
        matches!(*bytes, [event, flags, high, low]
            if event < 16 && flags & 0x40 == 0 && (flags & 0x3f, high, low) != (0, 0, 0))
    }

    /// The digit, when the event is one.
    #[must_use]
    pub fn digit(self) -> Option<char> {
        DIGITS.get(usize::from(self.event)).copied()
    }
}

/// What a received packet, or the passing of time, means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A key went down.
    Started(char),
    /// A key came up after so many timestamp units.
    Ended(char, u32),
}

#[derive(Debug, Clone, Copy)]
struct Active {
    digit: char,
    ssrc: u32,
    /// Of the last packet; it moves with segments and with drift.
    timestamp: u32,
    duration: u16,
    /// Units of the full segments before this one.
    before: u32,
    last: Time,
}

impl Active {
    fn total(&self) -> u32 {
        self.before.saturating_add(u32::from(self.duration))
    }
}

#[derive(Debug, Clone, Copy)]
struct Ended {
    digit: char,
    ssrc: u32,
    timestamp: u32,
    duration: u16,
    last: Time,
}

/// Puts received event packets together.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    active: Option<Active>,
    ended: [Option<Ended>; REMEMBERED],
    next_slot: usize,
}

/// One packet makes at most this: the end of the event before, a start, and an end.
pub type Reports = [Option<Heard>; 3];

impl Receiver {
    /// A receiver that heard nothing yet.
    #[must_use]
    pub fn new() -> Receiver {
        Receiver::default()
    }

    /// Is a key down?
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Takes one event packet.
    pub fn receive(
        &mut self,
        ssrc: u32,
        timestamp: u32,
        marker: bool,
        payload: Payload,
        now: Time,
    ) -> Reports {
        let Some(digit) = payload.digit() else {
            return [None; 3];
        };
        if let Some(active) = &mut self.active
            && active.continues_with(ssrc, timestamp, marker, digit, payload.duration, now)
        {
            active.last = now;
            if !payload.end {
                return [None; 3];
            }
            return [None, None, self.finish()];
        }
        if self.is_repetition(ssrc, timestamp, marker, digit, payload, now) {
            return [None; 3];
        }
        let before = self.finish();
        self.active = Some(Active {
            digit,
            ssrc,
            timestamp,
            duration: payload.duration,
            before: 0,
            last: now,
        });
        let ended = if payload.end { self.finish() } else { None };
        [before, Some(Heard::Started(digit)), ended]
    }

    /// Ends an event whose end packets were lost.
    pub fn tick(&mut self, now: Time) -> Option<Heard> {
        match self.active {
            Some(active) if now.since(active.last) >= LOST_END => self.finish(),
            _ => None,
        }
    }

    /// Ends the event in progress and remembers it.
    fn finish(&mut self) -> Option<Heard> {
        let active = self.active.take()?;
        let slot = self.next_slot % REMEMBERED;
        if let Some(place) = self.ended.get_mut(slot) {
            *place = Some(Ended {
                digit: active.digit,
                ssrc: active.ssrc,
                timestamp: active.timestamp,
                duration: active.duration,
                last: active.last,
            });
        }
        self.next_slot = (slot + 1) % REMEMBERED;
        Some(Heard::Ended(active.digit, active.total()))
    }

    /// Does the packet belong to an event that has ended?
    fn is_repetition(
        &mut self,
        ssrc: u32,
        timestamp: u32,
        marker: bool,
        digit: char,
        payload: Payload,
        now: Time,
    ) -> bool {
        for ended in self.ended.iter_mut().flatten() {
            if ended.ssrc != ssrc || ended.digit != digit {
                continue;
            }
            // A capture that is played again (SIPp's `play_pcap_audio`) brings the same timestamps;
            // the repetitions of one event are over long before.
            let again = !payload.end && now.since(ended.last) >= PLAYED_AGAIN;
            let same = ended.timestamp == timestamp && !again;
            let moved = payload.end
                && !marker
                && payload.duration == ended.duration
                && now.since(ended.last) <= DRIFT_WINDOW;
            if same || moved {
                ended.last = now;
                return true;
            }
        }
        false
    }
}

impl Active {
    /// Does the packet belong to this event? If so, what it says is taken over.
    fn continues_with(
        &mut self,
        ssrc: u32,
        timestamp: u32,
        marker: bool,
        digit: char,
        duration: u16,
        now: Time,
    ) -> bool {
        if self.ssrc != ssrc || self.digit != digit {
            return false;
        }
        if timestamp == self.timestamp {
            // Packets of one event may overtake each other: the duration only grows.
            self.duration = self.duration.max(duration);
            return true;
        }
        let ahead = timestamp.wrapping_sub(self.timestamp);
        if marker || ahead > u32::MAX / 2 {
            // An earlier segment's packet that comes late changes nothing; anything else is new.
            return !marker && self.before > 0 && ahead.wrapping_neg() <= self.before;
        }
        let next_segment =
            self.duration >= SEGMENT_FULL && ahead.abs_diff(u32::from(self.duration)) <= 0x100;
        if next_segment {
            self.before = self.before.saturating_add(u32::from(self.duration));
        } else if duration < self.duration || now.since(self.last) > DRIFT_WINDOW {
            return false;
        }
        self.timestamp = timestamp;
        self.duration = duration;
        true
    }
}

/// End packets of one event (RFC 4733, 2.5.1.4).
const END_PACKETS: u8 = 3;

/// -dBm0 of the digits that are sent.
const VOLUME: u8 = 10;

/// A packet of an event that is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// The packet's marker bit: the first packet of the event.
    pub marker: bool,
    /// When the event began: the same in all its packets.
    pub timestamp: u32,
    /// What it says.
    pub payload: Payload,
    /// This is the last packet of the event.
    pub last: bool,
}

/// One digit that is being sent.
#[derive(Debug, Clone, Copy)]
pub struct Sending {
    event: u8,
    timestamp: u32,
    target: u16,
    duration: u16,
    started: bool,
    ends_left: u8,
}

impl Sending {
    /// Begins an event at `timestamp` that lasts `duration` units.
    #[must_use]
    pub fn new(event: u8, timestamp: u32, duration: u16) -> Sending {
        Sending {
            event,
            timestamp,
            target: duration,
            duration: 0,
            started: false,
            ends_left: END_PACKETS,
        }
    }

    /// The next packet, `step` units after the one before.
    pub fn next(&mut self, step: u16) -> Outgoing {
        self.duration = self.duration.saturating_add(step).min(self.target);
        let marker = !self.started;
        self.started = true;
        // The update that would reach the target is the first end packet.
        let end = self.duration >= self.target && !marker;
        if end {
            self.ends_left = self.ends_left.saturating_sub(1);
        }
        Outgoing {
            marker,
            timestamp: self.timestamp,
            payload: Payload {
                event: self.event,
                end,
                volume: VOLUME,
                duration: self.duration,
            },
            last: self.ends_left == 0,
        }
    }
}

#[cfg(test)]
mod tests;
