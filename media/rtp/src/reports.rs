//! When RTCP goes out and what the peer's says (RFC 3550, 6.2 to 6.4).

use std::time::Duration;

use crate::reception::Reception;
use crate::rtcp::{self, Block, MAX_COMPOUND_OUT, Report, SenderInfo};
use crate::sender::Sender;
use crate::time::Time;

/// The mean interval between reports (6.2: the minimum of 5 s rules with two parties).
const INTERVAL: Duration = Duration::from_secs(5);

/// A sender that sent nothing for two intervals is a receiver only (6.4).
const SENDER_TIMEOUT: Duration = Duration::from_secs(10);

/// Wall clock at the origin of [`Time`], as NTP 32.32 fixed-point seconds since 1900.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NtpOrigin(pub u64);

impl NtpOrigin {
    fn at(self, now: Time) -> u64 {
        let nanos = now.as_nanos();
        let seconds = nanos / 1_000_000_000;
        let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
        self.0.wrapping_add(seconds << 32 | fraction)
    }
}

/// The middle 32 bits, in which round trips are measured (6.4.1).
fn middle(ntp: u64) -> u32 {
    (ntp >> 16 & 0xFFFF_FFFF) as u32
}

/// RTCP of one stream.
#[derive(Debug)]
pub(crate) struct Reports {
    origin: NtpOrigin,
    cname: String,
    /// State of the generator that spreads the reports (xorshift; never zero).
    random: u64,
    due: Option<Time>,
    /// The peer's last sender report: its SSRC, the middle of its NTP time, when it came.
    last_sr: Option<(u32, u32, Time)>,
    /// What the peer said last of our packets.
    pub remote: Option<Block>,
    pub max_fraction_lost: u8,
    pub round_trip: Option<Duration>,
    packets_at_last_report: u64,
    last_sending: Option<Time>,
}

impl Reports {
    pub fn new(origin: NtpOrigin, cname: String, seed: u64) -> Reports {
        Reports {
            origin,
            cname,
            random: seed | 1,
            due: None,
            last_sr: None,
            remote: None,
            max_fraction_lost: 0,
            round_trip: None,
            packets_at_last_report: 0,
            last_sending: None,
        }
    }

    /// Takes a compound packet; `false` when it is not one.
    pub fn receive(&mut self, datagram: &[u8], own_ssrc: u32, arrival: Time) -> bool {
        let Some(compound) = rtcp::parse(datagram, own_ssrc) else {
            return false;
        };
        if let Some((ssrc, info)) = compound.sender {
            self.last_sr = Some((ssrc, middle(info.ntp), arrival));
        }
        if let Some(block) = compound.report {
            self.remote = Some(block);
            self.max_fraction_lost = self.max_fraction_lost.max(block.fraction_lost);
            if block.last_sr != 0 {
                let round_trip = middle(self.origin.at(arrival))
                    .wrapping_sub(block.last_sr)
                    .wrapping_sub(block.delay_since_last_sr);
                // Half the range is time that runs backwards; ten seconds is nonsense.
                if round_trip < 10 << 16 {
                    self.round_trip = Some(Duration::from_micros(
                        (u64::from(round_trip) * 1_000_000) >> 16,
                    ));
                }
            }
        }
        true
    }

    /// When the next report is due; `None` before [`Reports::is_due`] was asked.
    pub fn due(&self) -> Option<Time> {
        self.due
    }

    /// Is a report due?
    pub fn is_due(&mut self, now: Time) -> bool {
        match self.due {
            // The first comes after half an interval (6.2).
            None => {
                self.due = Some(now + self.interval() / 2);
                false
            }
            Some(due) => now >= due,
        }
    }

    /// Writes a report, and plans the next.
    pub fn write(
        &mut self,
        sender: &Sender,
        reception: Option<&mut Reception>,
        now: Time,
        last: Last,
        buffer: &mut [u8; MAX_COMPOUND_OUT],
    ) -> usize {
        self.due = Some(now + self.interval());
        if sender.packets != self.packets_at_last_report {
            self.packets_at_last_report = sender.packets;
            self.last_sending = Some(now);
        }
        let sends = self
            .last_sending
            .is_some_and(|at| now.since(at) < SENDER_TIMEOUT);
        let info = sends.then(|| SenderInfo {
            ntp: self.origin.at(now),
            timestamp: sender.clock(now),
            packets: (sender.packets & 0xFFFF_FFFF) as u32,
            octets: (sender.octets & 0xFFFF_FFFF) as u32,
        });
        let report = Report {
            ssrc: sender.ssrc,
            sender: info,
            block: reception.map(|reception| self.block(reception, now)),
            cname: &self.cname,
            bye: last == Last::Bye,
        };
        report.write(buffer)
    }

    fn block(&self, reception: &mut Reception, now: Time) -> Block {
        let (last_sr, delay) = match self.last_sr {
            Some((ssrc, last_sr, at)) if ssrc == reception.ssrc => {
                let delay = now.since(at).as_nanos() * 65_536 / 1_000_000_000;
                (last_sr, u32::try_from(delay).unwrap_or(u32::MAX))
            }
            _ => (0, 0),
        };
        Block {
            ssrc: reception.ssrc,
            fraction_lost: reception.fraction_lost(),
            lost: i32::try_from(reception.lost()).unwrap_or(i32::MAX),
            highest: reception.extended_highest(),
            jitter: reception.jitter(),
            last_sr,
            delay_since_last_sr: delay,
        }
    }

    /// 0.5 to 1.5 intervals, divided by e - 3/2, which makes up for the reconsideration (6.3.1).
    fn interval(&mut self) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let share = (self.random >> 40) as f32 / (1u64 << 24) as f32;
        INTERVAL.mul_f32((0.5 + share) / 1.218_28)
    }
}

/// Does a report end the stream?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// Others follow.
    No,
    /// With BYE.
    Bye,
}
