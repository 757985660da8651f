//! The statistics, in thousands of simulated canaries. Every number here is seeded.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

const RULES: Rules = Rules {
    margin: 0.005,
    hangup_margin: 0.05,
    confidence: 0.99,
    min_calls: 5,
};

fn failed(failed: u64, calls: u64) -> Counts {
    Counts {
        calls,
        failed,
        drawn: calls,
        ..Counts::default()
    }
}

/// How a simulated canary ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Withdrawn, after so many of its calls had failed.
    Withdrawn { hurt: u64 },
    /// Still serving when the simulation was over.
    Serving,
}

/// What a canary is like, and how long it is watched.
#[derive(Clone, Copy)]
struct Trial {
    canary_rate: f64,
    version_rate: f64,
    /// The canary's share of the calls.
    share: f64,
    /// Calls of the canary that are watched.
    calls: u64,
}

impl Trial {
    /// One life of the canary; `decide` is asked whenever one of its calls has ended.
    fn run(self, rng: &mut StdRng, decide: &dyn Fn(&Counts, &Counts) -> bool) -> End {
        let (mut canary, mut version) = (Counts::default(), Counts::default());
        while canary.calls < self.calls {
            if rng.random_bool(self.share) {
                canary = canary.and(failed(u64::from(rng.random_bool(self.canary_rate)), 1));
                if decide(&canary, &version) {
                    return End::Withdrawn {
                        hurt: canary.hurt(),
                    };
                }
            } else {
                version = version.and(failed(u64::from(rng.random_bool(self.version_rate)), 1));
            }
        }
        End::Serving
    }

    fn many(self, times: usize, seed: u64, decide: &dyn Fn(&Counts, &Counts) -> bool) -> Vec<End> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..times).map(|_| self.run(&mut rng, decide)).collect()
    }
}

fn withdrawn(ends: &[End]) -> Vec<u64> {
    (ends.iter())
        .filter_map(|end| match end {
            End::Withdrawn { hurt } => Some(*hurt),
            End::Serving => None,
        })
        .collect()
}

#[test]
fn a_canary_that_is_no_worse_is_withdrawn_as_seldom_as_promised() {
    let times = 2_000;
    // A confidence low enough that a broken rule would show; the margin is used up to its edge.
    for (confidence, version_rate, margin) in [
        (0.9, 0.02, 0.0),
        (0.9, 0.3, 0.0),
        (0.9, 0.02, 0.02),
        (0.99, 0.1, 0.0),
    ] {
        let rules = Rules {
            confidence,
            margin,
            min_calls: 1,
            ..RULES
        };
        for share in [0.1, 0.5] {
            let trial = Trial {
                canary_rate: version_rate + margin,
                version_rate,
                share,
                calls: 300,
            };
            let decide =
                |canary: &Counts, version: &Counts| judge(canary, version, &rules).is_some();
            let wrong = withdrawn(&trial.many(times, 1, &decide)).len();
            println!(
                "rate {version_rate}, margin {margin}, share {share}, confidence {confidence}: {wrong} of {times} withdrawn"
            );
            // Only one of the three rates can go wrong here.
            assert!(wrong as f64 <= (1.0 - confidence) / 3.0 * times as f64);
        }
    }
}

/// What the rule is there for: a test that is meant for one look, asked after every call, condemns
/// far more than it promises. It also shows that the simulation can see such a thing.
#[test]
fn looking_after_every_call_at_a_test_for_one_look_is_not_enough() {
    let naive = |canary: &Counts, version: &Counts| {
        if canary.calls < 10 || version.calls < 10 {
            return false;
        }
        let (x, n) = (canary.failed as f64, canary.calls as f64);
        let (y, m) = (version.failed as f64, version.calls as f64);
        let pooled = (x + y) / (n + m);
        let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        // One-sided, 90 %.
        (x / n - y / m) > 1.2816 * deviation
    };
    let trial = Trial {
        canary_rate: 0.3,
        version_rate: 0.3,
        share: 0.5,
        calls: 500,
    };
    let times = 1_000;
    let wrong = withdrawn(&trial.many(times, 2, &naive)).len();
    assert!(wrong > 3 * times / 10, "{wrong} of {times}");
}

/// The calls that a bad canary hurts before it is withdrawn, as the operator's guide states them.
#[test]
fn a_bad_canary_hurts_few_calls() {
    for (canary_rate, times, calls, mean_at_most, most) in [
        (1.0, 500, 100, 6.0, 8),
        (0.5, 500, 500, 6.0, 12),
        (0.1, 200, 5_000, 10.0, 20),
        (0.01, 20, 60_000, 120.0, 200),
    ] {
        let trial = Trial {
            canary_rate,
            version_rate: 0.0,
            share: 0.1,
            calls,
        };
        let decide = |canary: &Counts, version: &Counts| judge(canary, version, &RULES).is_some();
        let hurt = withdrawn(&trial.many(times, 3, &decide));
        assert_eq!(hurt.len(), times, "all of them are found");
        let mean = hurt.iter().sum::<u64>() as f64 / times as f64;
        let worst = hurt.iter().max().copied().unwrap_or(0);
        println!("failing {canary_rate}: {mean:.1} calls hurt in the mean, {worst} at the most");
        assert!(mean <= mean_at_most && worst <= most);
    }
}

#[test]
fn evidence_is_what_the_formula_says() {
    let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-9;
    let seen = |bad, calls| Seen { bad, calls };
    // B(3.5, ½)/π = 5/16 twice over, against the likelihood of the common rate, (1/2)^6.
    let three = evidence(seen(3, 3), seen(0, 3), 0.0);
    assert!(close(three, (5.0 / 16.0) * (5.0 / 16.0) * 64.0), "{three}");
    // The same with a margin, by trying every rate.
    for (canary, version, margin) in [
        (seen(4, 10), seen(3, 60), 0.1),
        (seen(9, 9), seen(0, 1), 0.05),
        (seen(700, 1_000), seen(2_000, 9_000), 0.01),
    ] {
        let least = (1..1_000_000)
            .map(|step| f64::from(step) / 1e6 * (1.0 - margin))
            .map(|rate| {
                canary.mixture() + version.mixture()
                    - canary.likelihood(rate + margin)
                    - version.likelihood(rate)
            })
            .fold(f64::INFINITY, f64::min);
        let found = evidence(canary, version, margin).ln();
        assert!((found - least).abs() < 1e-3, "{found} is not {least}");
    }
    // Nothing seen, or nothing to compare with, or no worse: no evidence.
    for (canary, version) in [
        (seen(0, 0), seen(0, 0)),
        (seen(0, 10), seen(0, 10)),
        (seen(1_000, 1_000), seen(0, 0)),
        (seen(1, 2), seen(500, 1_000)),
    ] {
        assert!(evidence(canary, version, 0.0) <= 1.0, "{canary}, {version}");
    }
    // Millions of calls are no trouble.
    let many = evidence(seen(1_000_000, 10_000_000), seen(0, 90_000_000), 0.005);
    assert!(many > 1e300);
}

#[test]
fn each_rate_can_condemn_alone() {
    let version = Counts {
        calls: 1_000,
        drawn: 1_000,
        ..Counts::default()
    };
    let canary = Counts {
        calls: 100,
        drawn: 100,
        ..Counts::default()
    };
    assert_eq!(judge(&canary, &version, &RULES), None);
    for (canary, rate) in [
        (
            Counts {
                failed: 50,
                ..canary
            },
            Rate::Failed,
        ),
        (
            Counts {
                early_hangups: 50,
                ..canary
            },
            Rate::EarlyHangups,
        ),
    ] {
        let judged = judge(&canary, &version, &RULES).unwrap();
        assert_eq!(judged.rate, rate);
        assert!(judged.condemns());
    }
    // Where both fail alike, only one of them so that the caller hears it.
    let judged = judge(
        &Counts {
            failed: 50,
            apologies: 50,
            ..canary
        },
        &Counts {
            failed: 500,
            ..version
        },
        &RULES,
    );
    assert_eq!(judged.unwrap().rate, Rate::Apologies);
    // Whom a route or a list chose is not compared by patience.
    let chosen = Counts {
        calls: 100,
        drawn: 0,
        early_hangups_chosen: 100,
        ..Counts::default()
    };
    assert_eq!(judge(&chosen, &version, &RULES), None);
    assert_eq!(chosen.hurt(), 100);
}

#[test]
fn too_few_calls_decide_nothing() {
    let version = failed(0, 1_000_000);
    assert_eq!(judge(&failed(4, 4), &version, &RULES), None);
    assert!(judge(&failed(5, 5), &version, &RULES).is_some());
    // Within the margin it may stay for ever.
    assert_eq!(
        judge(&failed(5_000, 1_000_000), &version, &RULES),
        None,
        "0.5 % more is what the margin allows"
    );
}

#[test]
fn the_way_to_a_decision_is_foretold() {
    let version = failed(0, 90);
    assert_eq!(calls_to_decision(&failed(0, 10), &version, &RULES), None);
    assert_eq!(
        calls_to_decision(&Counts::default(), &version, &RULES),
        None
    );
    let more = calls_to_decision(&failed(2, 10), &version, &RULES).unwrap();
    let grown = |calls: u64| {
        let (bad, others) = (calls as f64 * 0.2, calls * 9);
        judge(
            &failed(bad.round() as u64, calls),
            &failed(0, others),
            &RULES,
        )
        .is_some()
    };
    assert!((1..200).contains(&more) && grown(10 + more), "{more}");
    assert_eq!(
        calls_to_decision(&failed(20, 20), &failed(0, 180), &RULES),
        Some(0)
    );
}

#[test]
fn a_decision_is_told_in_numbers() {
    let judged = judge(&failed(12, 12), &failed(1, 100), &RULES).unwrap();
    let text = judged.to_string();
    assert!(
        text.starts_with("failed flows: canary 12 of 12 calls (100.0 %), version 1 of 100 calls (1.0 %); that it is worse by more than 0.5 points has evidence of "),
        "{text}"
    );
    assert!(text.ends_with(", and 300 is enough"), "{text}");
}
