//! Words that flows want callers to say and that no model knows.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most words of a flow that are remembered; phrases may be made of anything.
const MOST_REMEMBERED: usize = 1_000;

/// What calls have met since the start. Touched only when a gather cannot listen because of such words.
#[derive(Debug, Default)]
pub struct UnknownWords(Mutex<BTreeMap<String, OfFlow>>);

#[derive(Debug, Default)]
struct OfFlow {
    /// Gathers that could not listen.
    gathers: u64,
    /// Versions, and words that they have met.
    met: HashSet<(String, String)>,
}

impl UnknownWords {
    /// A gather of a flow's version could not listen because of these words. Returns those that this
    /// version meets for the first time.
    pub fn meet(&self, flow: &str, version: &str, words: &[String]) -> Vec<String> {
        let mut flows = self.flows();
        let of_flow = flows.entry(flow.to_owned()).or_default();
        of_flow.gathers += 1;
        let mut new = Vec::new();
        for word in words {
            if of_flow.met.len() < MOST_REMEMBERED
                && (of_flow.met).insert((version.to_owned(), word.clone()))
            {
                new.push(word.clone());
            }
        }
        new
    }

    /// Gathers of each flow that could not listen.
    pub fn gathers(&self) -> Vec<(String, u64)> {
        let flows = self.flows();
        let all = flows.iter();
        all.map(|(flow, of_flow)| (flow.clone(), of_flow.gathers))
            .collect()
    }

    fn flows(&self) -> MutexGuard<'_, BTreeMap<String, OfFlow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_meets_a_word_for_the_first_time_once() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let unknown = UnknownWords::default();
        for (flow, version, met, new) in [
            ("menu", "aa", "moon sun", "moon sun"),
            ("menu", "aa", "moon sun", ""),
            ("menu", "aa", "sun star", "star"),
            ("menu", "bb", "moon", "moon"),
            ("other", "aa", "moon", "moon"),
        ] {
            let told = unknown.meet(flow, version, &words(met)).join(" ");
            assert_eq!(told, new, "{flow} {version} {met}");
        }
        let counts = [("menu".to_owned(), 4), ("other".to_owned(), 1)];
        assert_eq!(unknown.gathers(), counts);
    }

    #[test]
    fn words_without_end_are_not_all_remembered() {
        let unknown = UnknownWords::default();
        for n in 0..2 * MOST_REMEMBERED {
            unknown.meet("menu", "aa", &[n.to_string()]);
        }
        assert_eq!(unknown.flows()["menu"].met.len(), MOST_REMEMBERED);
    }
}
