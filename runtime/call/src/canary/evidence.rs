//! Is a canary worse than the version beside it? Numbers in, a decision out.
//!
//! Three rates are compared: calls whose flow failed, calls that heard the apology, calls that their
//! caller ended soon after the answer. For a rate of unknown value *p*, of which *x* in *n* calls were
//! seen, the ratio
//!
//! ```text
//!            B(x + ½, n − x + ½) / B(½, ½)
//! M(p)  =  ---------------------------------         B: Euler's beta function
//!               p^x · (1 − p)^(n − x)
//! ```
//!
//! is, at the true *p*, a martingale of mean 1: the likelihood under Jeffreys' mixture of all rates over
//! the likelihood of *p*. So is the product of the canary's ratio and the version's, at their true rates,
//! in whatever order their calls end. By Ville's inequality it ever reaches 1/α with a probability of α
//! at the most, however often one looks.
//!
//! The *evidence* is the least that this product is for any two rates of which the canary's does not
//! exceed the version's by more than the margin: how much worse the most fitting of these explains what
//! was seen. If the true rates are such a pair, the evidence never exceeds the product at them. So a
//! canary is condemned when the evidence of one of the three rates reaches 3/α, where α is what the
//! confidence leaves; one that deserves it by no rate is condemned with a probability of α at the most,
//! whether one looks after every call or once a day.

use std::fmt;

/// What became of the calls of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that have ended.
    pub calls: u64,
    /// Those whose flow failed: a trap, a limit, an error of its own.
    pub failed: u64,
    /// Those of them whose caller heard the apology.
    pub apologies: u64,
    /// Calls whose version was drawn by share; the others were chosen by a route or a caller list.
    pub drawn: u64,
    /// Calls drawn by share that their caller ended soon after the answer, though the flow did not fail.
    pub early_hangups: u64,
    /// The same among the calls that were not drawn. They are not compared: whom a route or a list
    /// chooses may differ from everybody else in this.
    pub early_hangups_chosen: u64,
}

impl Counts {
    /// Calls that went wrong in one way or another.
    pub fn hurt(&self) -> u64 {
        self.failed + self.early_hangups + self.early_hangups_chosen
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            failed: self.failed + other.failed,
            apologies: self.apologies + other.apologies,
            drawn: self.drawn + other.drawn,
            early_hangups: self.early_hangups + other.early_hangups,
            early_hangups_chosen: self.early_hangups_chosen + other.early_hangups_chosen,
        }
    }
}

/// When a canary is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Failures and apologies: by how much the canary's rate must exceed the version's, as a share
    /// of all calls.
    pub margin: f64,
    /// The same for early hang-ups.
    pub hangup_margin: f64,
    /// 1 less the probability of withdrawing a canary that deserves it by no rate.
    pub confidence: f64,
    /// Nothing is decided before so many calls of the canary have ended.
    pub min_calls: u64,
}

/// One of the rates that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Calls whose flow failed.
    Failed,
    /// Calls that heard the apology.
    Apologies,
    /// Calls that their caller ended soon after the answer.
    EarlyHangups,
}

impl Rate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Apologies, Self::EarlyHangups];

    /// Its name, as the admin API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Apologies => "apologies",
            Self::EarlyHangups => "early-hangups",
        }
    }

    fn of(self, counts: &Counts) -> Seen {
        let (bad, calls) = match self {
            Self::Failed => (counts.failed, counts.calls),
            Self::Apologies => (counts.apologies, counts.calls),
            Self::EarlyHangups => (counts.early_hangups, counts.drawn),
        };
        Seen { bad, calls }
    }

    fn margin(self, rules: &Rules) -> f64 {
        match self {
            Self::Failed | Self::Apologies => rules.margin,
            Self::EarlyHangups => rules.hangup_margin,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed flows",
            Self::Apologies => "apologies",
            Self::EarlyHangups => "early hang-ups",
        })
    }
}

/// So many of so many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Calls that went wrong in this way.
    pub bad: u64,
    /// All calls that could.
    pub calls: u64,
}

impl Seen {
    fn rate(self) -> f64 {
        match self.calls {
            0 => 0.0,
            calls => self.bad as f64 / calls as f64,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.rate();
        write!(f, "{} of {} calls ({percent:.1} %)", self.bad, self.calls)
    }
}

/// One rate of the canary beside that of the version.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Which rate.
    pub rate: Rate,
    /// What was seen of the canary.
    pub canary: Seen,
    /// What was seen of the version.
    pub version: Seen,
    /// By how much the canary's rate may exceed the version's.
    pub margin: f64,
    /// How many times worse what was seen is explained by rates that differ by the margin at the most;
    /// at 1 and below there is none.
    pub evidence: f64,
    /// The evidence that condemns a canary.
    pub needed: f64,
}

impl Comparison {
    fn of(rate: Rate, canary: Seen, version: Seen, rules: &Rules) -> Self {
        let margin = rate.margin(rules);
        Self {
            rate,
            canary,
            version,
            margin,
            evidence: evidence(canary, version, margin),
            needed: Rate::ALL.len() as f64 / (1.0 - rules.confidence),
        }
    }

    /// Is the canary worse, beyond the margin and beyond doubt?
    pub fn condemns(&self) -> bool {
        self.evidence >= self.needed
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: canary {}, version {}; that it is worse by more than {:.1} points has evidence of {:.0}, and {:.0} is enough",
            self.rate,
            self.canary,
            self.version,
            100.0 * self.margin,
            self.evidence.min(1e9),
            self.needed,
        )
    }
}

/// Compares every rate.
pub fn compare(canary: &Counts, version: &Counts, rules: &Rules) -> [Comparison; 3] {
    Rate::ALL.map(|rate| Comparison::of(rate, rate.of(canary), rate.of(version), rules))
}

/// The comparison that condemns the canary, if one does.
pub fn judge(canary: &Counts, version: &Counts, rules: &Rules) -> Option<Comparison> {
    if canary.calls < rules.min_calls {
        return None;
    }
    compare(canary, version, rules)
        .into_iter()
        .find(Comparison::condemns)
}

/// How many more calls of the canary a decision would take if everything went on at the rates and in
/// the proportion seen so far; none: it would never come, or not within a hundred million calls.
pub fn calls_to_decision(canary: &Counts, version: &Counts, rules: &Rules) -> Option<u64> {
    const PATIENCE: u64 = 100_000_000;
    if canary.calls == 0 {
        return None;
    }
    let grown = |calls: u64| {
        let factor = calls as f64 / canary.calls as f64;
        judge(&scaled(canary, factor), &scaled(version, factor), rules).is_some()
    };
    let mut enough = canary.calls;
    while !grown(enough) {
        enough = enough.saturating_mul(2);
        if enough > PATIENCE {
            return None;
        }
    }
    let mut too_few = enough / 2;
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        if grown(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some(enough.saturating_sub(canary.calls))
}

fn scaled(counts: &Counts, factor: f64) -> Counts {
    let by = |count: u64| (count as f64 * factor).round() as u64;
    Counts {
        calls: by(counts.calls),
        failed: by(counts.failed),
        apologies: by(counts.apologies),
        drawn: by(counts.drawn),
        early_hangups: by(counts.early_hangups),
        early_hangups_chosen: by(counts.early_hangups_chosen),
    }
}

/// The evidence that the canary's rate exceeds the version's by more than `margin`.
fn evidence(canary: Seen, version: Seen, margin: f64) -> f64 {
    let (of_canary, of_version) = (canary.rate(), version.rate());
    // The most likely rates of which the canary's is no worse: those seen, if they are such.
    if of_canary <= of_version + margin {
        return 0.0;
    }
    // Otherwise they differ by the margin exactly, and the version's lies where the logarithm of the
    // likelihood, which is concave, rises no more. Halving finds it.
    let slope = |rate: f64| canary.slope(rate + margin) + version.slope(rate);
    let (mut low, mut high) = (of_version, of_canary - margin);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if slope(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    let null = f64::midpoint(low, high);
    let likelihood = canary.likelihood(null + margin) + version.likelihood(null);
    (canary.mixture() + version.mixture() - likelihood).exp()
}

impl Seen {
    fn good(self) -> f64 {
        (self.calls - self.bad) as f64
    }

    /// Logarithm of the likelihood of `rate`.
    fn likelihood(self, rate: f64) -> f64 {
        let of = |count: f64, logarithm: f64| if count > 0.0 { count * logarithm } else { 0.0 };
        of(self.bad as f64, rate.ln()) + of(self.good(), (-rate).ln_1p())
    }

    /// Its derivative.
    fn slope(self, rate: f64) -> f64 {
        self.bad as f64 / rate - self.good() / (1.0 - rate)
    }

    /// Logarithm of the likelihood under Jeffreys' mixture; B(½, ½) is π.
    fn mixture(self) -> f64 {
        libm::lgamma(self.bad as f64 + 0.5) + libm::lgamma(self.good() + 0.5)
            - libm::lgamma(self.calls as f64 + 1.0)
            - std::f64::consts::PI.ln()
    }
}

#[cfg(test)]
mod tests;
