//! A version on trial: who gets it, what becomes of their calls, and when it is withdrawn.

pub mod evidence;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vireo_store::Digest;
use vireo_store::deployments::Canary;

use crate::route::{Routes, is_anonymous};
use evidence::{Comparison, Counts, Rules};

/// How canaries are watched.
#[derive(Debug, Clone)]
pub struct CanarySettings {
    /// Does the server withdraw a bad canary by itself?
    pub automatic_rollback: AutomaticRollback,
    /// When it does.
    pub rules: Rules,
    /// A caller who hangs up within so long after the answer has hung up early.
    pub early_hangup: Duration,
}

impl Default for CanarySettings {
    fn default() -> Self {
        Self {
            automatic_rollback: AutomaticRollback::On,
            rules: Rules {
                margin: 0.005,
                hangup_margin: 0.05,
                confidence: 0.99,
                min_calls: 5,
            },
            early_hangup: Duration::from_secs(10),
        }
    }
}

/// Does the server withdraw a bad canary by itself?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutomaticRollback {
    /// Yes.
    On,
    /// No: it only counts.
    Off,
}

/// A call that looks for its version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub flow: &'a str,
    pub route: &'a str,
    /// Calling number; empty when withheld.
    pub caller: &'a str,
    pub call_id: &'a str,
}

/// Why a call got the version that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lot {
    /// By share.
    Drawn,
    /// By a route or a caller list.
    Chosen,
}

/// How a call ended, as far as its version can be blamed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In no way that counts against the version.
    Well,
    /// The flow did not fail, but the caller hung up soon after the answer.
    EarlyHangup,
    /// The flow failed.
    Failed,
    /// The flow failed, and the caller heard the apology.
    Apologised,
}

/// What became of a version's calls. One short lock at the end of a call.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Counts>);

impl Counters {
    pub fn add(&self, lot: Lot, end: End) {
        let one = |holds| u64::from(holds);
        let early = end == End::EarlyHangup;
        let call = Counts {
            calls: 1,
            failed: one(matches!(end, End::Failed | End::Apologised)),
            apologies: one(end == End::Apologised),
            drawn: one(lot == Lot::Drawn),
            early_hangups: one(early && lot == Lot::Drawn),
            early_hangups_chosen: one(early && lot == Lot::Chosen),
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts = counts.and(call);
    }

    pub fn read(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A canary between two changes of its deployment.
///
/// Only calls that began under one and the same deployment are compared, those of the canary and those
/// of the version alike. Calls that fail are short and end first, so a version that has served for long
/// looks better than a canary whose good calls are still going on; calls that began in the same time
/// and in constant shares do not. That is why a larger share begins a new trial.
#[derive(Debug)]
pub(crate) struct Trial {
    pub canary: Canary,
    pub percent: u8,
    pub counters: Counters,
    /// Set once, by the call whose end condemned it: from then on no call gets it.
    withdrawn: AtomicBool,
    /// The same canary with a smaller share.
    earlier: Option<Arc<Trial>>,
}

impl Trial {
    pub fn new(canary: Canary, percent: u8, earlier: Option<Arc<Trial>>) -> Self {
        Self {
            canary,
            percent,
            counters: Counters::default(),
            withdrawn: AtomicBool::new(false),
            earlier,
        }
    }

    /// What became of all of the canary's calls, with whatever share.
    pub fn total(&self) -> Counts {
        let mut total = self.counters.read();
        let mut earlier = self.earlier.as_ref();
        while let Some(trial) = earlier {
            total = total.and(trial.counters.read());
            earlier = trial.earlier.as_ref();
        }
        total
    }

    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }

    /// Does a call get the canary, and why?
    pub fn takes(&self, call: &Candidate<'_>, routes: &Routes) -> Option<Lot> {
        if self.is_withdrawn() {
            return None;
        }
        let Canary {
            routes: by_route,
            callers,
            digest,
        } = &self.canary;
        if by_route.iter().any(|route| route == call.route)
            || (callers.iter()).any(|list| routes.list_holds(list, call.caller))
        {
            return Some(Lot::Chosen);
        }
        (percentile(call, *digest) < self.percent).then_some(Lot::Drawn)
    }

    /// Compares the canary with the version beside it; returns the comparison that condemns it, to one
    /// caller only.
    pub fn condemned(&self, version: &Counters, settings: &CanarySettings) -> Option<Comparison> {
        if settings.automatic_rollback == AutomaticRollback::Off || self.is_withdrawn() {
            return None;
        }
        let judged = evidence::judge(&self.counters.read(), &version.read(), &settings.rules)?;
        (!self.withdrawn.swap(true, Ordering::AcqRel)).then_some(judged)
    }
}

/// Where a caller stands among a hundred equal parts of all callers: the same for every call of theirs,
/// and another one for every canary, so that it is not always the same people who try things out.
/// Those who withhold their number stand somewhere else with every call.
fn percentile(call: &Candidate<'_>, canary: Digest) -> u8 {
    let who = match is_anonymous(call.caller) {
        true => call.call_id,
        false => call.caller,
    };
    let point = Digest::of(format!("{}\0{canary}\0{who}", call.flow).as_bytes());
    let [a, b, c, d, ..] = *point.bytes();
    // Below 100.
    ((u64::from(u32::from_be_bytes([a, b, c, d])) * 100) >> 32) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> Digest {
        Digest::of(b"canary")
    }

    fn trial(percent: u8) -> Trial {
        let canary = Canary {
            digest: digest(),
            routes: vec!["office".into()],
            callers: vec!["testers".into()],
        };
        Trial::new(canary, percent, None)
    }

    fn call<'a>(caller: &'a str, call_id: &'a str) -> Candidate<'a> {
        Candidate {
            flow: "menu",
            route: "everyone",
            caller,
            call_id,
        }
    }

    fn routes() -> Routes {
        let config = serde_json::json!({
            "caller-lists": { "testers": ["+4930*", "anonymous"] },
            "routes": [],
        });
        Routes::compile(&serde_json::from_value(config).unwrap()).unwrap()
    }

    #[test]
    fn a_caller_stays_where_he_is_when_the_share_grows() {
        let routes = Routes::default();
        let callers: Vec<String> = (0..20_000).map(|n| format!("+1555{n:05}")).collect();
        let mut before = 0;
        for percent in [1, 5, 20, 50, 99] {
            let (small, large) = (trial(percent), trial(percent + 1));
            let mut taken = 0;
            for caller in &callers {
                let lot = small.takes(&call(caller, "a"), &routes);
                assert_eq!(
                    lot,
                    small.takes(&call(caller, "b"), &routes),
                    "whichever call it is"
                );
                if lot.is_some() {
                    assert_eq!(lot, Some(Lot::Drawn));
                    assert!(large.takes(&call(caller, "a"), &routes).is_some());
                    taken += 1;
                }
            }
            let expected = 200 * i32::from(percent);
            // Six standard deviations of a fair draw at the most.
            assert!((taken - expected).abs() < 425, "{percent} %: {taken}");
            assert!(taken > before);
            before = taken;
        }
    }

    #[test]
    fn who_withholds_a_number_is_drawn_by_call() {
        let routes = Routes::default();
        let trial = trial(50);
        let taken = (0..10_000)
            .filter(|n| trial.takes(&call("", &n.to_string()), &routes).is_some())
            .count();
        assert!((4_700..5_300).contains(&taken), "{taken}");
        assert_eq!(
            percentile(&call("", "a"), digest()),
            percentile(&call("anonymous", "a"), digest())
        );
    }

    #[test]
    fn another_canary_meets_other_callers() {
        let others = (0..1_000).filter(|n| {
            let caller = n.to_string();
            percentile(&call(&caller, ""), digest())
                != percentile(&call(&caller, ""), Digest::of(b"b"))
        });
        assert!(others.count() > 900);
    }

    #[test]
    fn routes_and_lists_choose_beside_the_share() {
        let routes = routes();
        let none = trial(0);
        for (candidate, expected) in [
            (call("+49301234", ""), Some(Lot::Chosen)),
            (call("", ""), Some(Lot::Chosen)),
            (call("+49401234", ""), None),
            (
                Candidate {
                    route: "office",
                    ..call("+49401234", "")
                },
                Some(Lot::Chosen),
            ),
        ] {
            assert_eq!(none.takes(&candidate, &routes), expected, "{candidate:?}");
        }
        // A list that the configuration has no more chooses nobody.
        assert_eq!(none.takes(&call("+49301234", ""), &Routes::default()), None);
    }

    #[test]
    fn one_call_condemns_and_none_gets_it_after() {
        let (trial, version) = (trial(10), Counters::default());
        let settings = CanarySettings::default();
        for _ in 0..90 {
            version.add(Lot::Drawn, End::Well);
        }
        let mut condemned = 0;
        for _ in 0..20 {
            trial.counters.add(Lot::Drawn, End::Apologised);
            condemned += usize::from(trial.condemned(&version, &settings).is_some());
        }
        assert_eq!(condemned, 1);
        assert!(trial.is_withdrawn());
        assert_eq!(
            trial.takes(&call("+49301234", ""), &routes()),
            None,
            "not even a tester"
        );
        assert_eq!(trial.total().hurt(), 20, "late calls are counted, too");
    }

    #[test]
    fn without_automatic_rollback_it_only_counts() {
        let (trial, version) = (trial(10), Counters::default());
        let settings = CanarySettings {
            automatic_rollback: AutomaticRollback::Off,
            ..CanarySettings::default()
        };
        version.add(Lot::Drawn, End::Well);
        for _ in 0..100 {
            trial.counters.add(Lot::Drawn, End::Failed);
        }
        assert!(trial.condemned(&version, &settings).is_none() && !trial.is_withdrawn());
    }

    #[test]
    fn a_larger_share_is_a_new_trial_of_the_same_canary() {
        let first = Arc::new(trial(5));
        first.counters.add(Lot::Drawn, End::EarlyHangup);
        first.counters.add(Lot::Chosen, End::EarlyHangup);
        let second = Trial::new(first.canary.clone(), 20, Some(first.clone()));
        second.counters.add(Lot::Drawn, End::Failed);
        assert_eq!(second.counters.read().calls, 1);
        let total = second.total();
        assert_eq!((total.calls, total.hurt()), (3, 3));
        assert_eq!((total.early_hangups, total.early_hangups_chosen), (1, 1));
    }
}
