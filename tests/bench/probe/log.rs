//! What the probes saw, with the moment of each, so that any part of a run can be summed up.

use crate::stats::Values;

/// How a probe call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As its script says.
    Completed,
    /// 503 with Retry-After.
    Refused,
    /// Any other way.
    Failed,
}

/// Sizes of the server's messages, bytes, so that the floor sends as many.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sizes {
    /// 200 of the INVITE.
    pub ok: usize,
    /// The server's BYE.
    pub bye: usize,
    /// 200 of our BYE.
    pub bye_ok: usize,
}

/// Values with their moments, ns since 1970.
#[derive(Debug, Default)]
struct Series(Vec<(i64, f32)>);

impl Series {
    #[allow(clippy::cast_possible_truncation)]
    fn add(&mut self, at_ns: i64, value: f64) {
        self.0.push((at_ns, value as f32));
    }

    /// Of a nanosecond difference, ms.
    #[allow(clippy::cast_precision_loss)]
    fn add_ms(&mut self, at_ns: i64, since_ns: i64) {
        self.add(at_ns, (at_ns - since_ns) as f64 / 1e6);
    }

    fn between(&self, from_ns: i64, to_ns: i64) -> Vec<f32> {
        (self.0.iter())
            .filter(|(at, _)| (from_ns..to_ns).contains(at))
            .map(|(_, value)| *value)
            .collect()
    }

    fn sum(&self, from_ns: i64, to_ns: i64) -> f64 {
        let values = self.between(from_ns, to_ns);
        values
            .into_iter()
            .fold(0.0, |sum, value| sum + f64::from(value))
    }
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Log {
    invites: Series,
    keys: Series,
    gaps: Series,
    lost: Series,
    packets: Series,
    disorder: Series,
    retransmissions: Series,
    completed: Series,
    refused: Series,
    failed: Series,
    /// Sizes of the server's messages.
    pub sizes: Sizes,
}

impl Log {
    pub(super) fn answered(&mut self, at_ns: i64, invite_ns: i64) {
        self.invites.add_ms(at_ns, invite_ns);
    }

    pub(super) fn prompt_after_key(&mut self, at_ns: i64, end_ns: i64) {
        self.keys.add_ms(at_ns, end_ns);
    }

    pub(super) fn gap(&mut self, at_ns: i64, last_ns: i64) {
        self.gaps.add_ms(at_ns, last_ns);
    }

    pub(super) fn lost(&mut self, at_ns: i64, packets: u32) {
        if packets > 0 {
            self.lost.add(at_ns, f64::from(packets));
        }
    }

    pub(super) fn packet(&mut self, at_ns: i64) {
        self.packets.add(at_ns, 1.0);
    }

    pub(super) fn disorder(&mut self, at_ns: i64) {
        self.disorder.add(at_ns, 1.0);
    }

    pub(super) fn retransmitted(&mut self, at_ns: i64) {
        self.retransmissions.add(at_ns, 1.0);
    }

    pub(super) fn ended(&mut self, at_ns: i64, outcome: Outcome, seconds: f64) {
        let series = match outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::Refused => &mut self.refused,
            Outcome::Failed => &mut self.failed,
        };
        series.add(at_ns, seconds);
    }

    /// What was seen between two moments.
    pub fn summary(&self, from_ns: i64, to_ns: i64) -> Summary {
        let values = |series: &Series| Values::new(series.between(from_ns, to_ns));
        let sum = |series: &Series| series.sum(from_ns, to_ns);
        Summary {
            completed: values(&self.completed),
            refused: values(&self.refused).len(),
            failed: values(&self.failed).len(),
            invite_ms: values(&self.invites),
            key_ms: values(&self.keys),
            gap_ms: values(&self.gaps),
            packets: sum(&self.packets),
            lost: sum(&self.lost),
            disorder: sum(&self.disorder),
            retransmissions: sum(&self.retransmissions),
        }
    }

    /// All of it.
    pub fn whole(&self) -> Summary {
        self.summary(i64::MIN, i64::MAX)
    }
}

/// What the probes saw in a part of a run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Lengths of the calls that ended as they should, s.
    pub completed: Values,
    /// Calls that got 503 with Retry-After.
    pub refused: usize,
    /// Calls that ended in any other way.
    pub failed: usize,
    /// INVITE sent to its 200 received, ms.
    pub invite_ms: Values,
    /// End of a key's event sent to the first packet of the next prompt, ms.
    pub key_ms: Values,
    /// Between two packets of one prompt, ms.
    pub gap_ms: Values,
    /// RTP packets received.
    pub packets: f64,
    /// RTP packets that are missing, by their numbers and at the end of the last prompt.
    pub lost: f64,
    /// RTP packets that came twice or late.
    pub disorder: f64,
    /// Messages sent again, by either side.
    pub retransmissions: f64,
}
