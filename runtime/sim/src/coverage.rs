//! What of a flow its tests have reached, as far as calls show it.

use std::collections::{BTreeMap, BTreeSet};

use vireo_host::contract::{GatherOptions, GatherResult, Grammar, Part};
use vireo_host::{Inspection, Reply, Request};

use crate::log::{Happened, HeardKind, Record};

/// What of a flow calls have reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Prompts that were heard.
    pub prompts: BTreeSet<String>,
    /// Functions of the contract that were called, as `media.play`.
    pub functions: BTreeSet<String>,
    /// What came of each gather, by its prompt.
    pub gathers: BTreeMap<String, Gathered>,
}

/// What came of one gather of the flow, in all calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Entries that it accepts; empty: any.
    pub accepts: BTreeSet<String>,
    /// Those of them that were entered.
    pub entered: BTreeSet<String>,
    /// How often something was entered, nothing was, or something that is not accepted.
    pub results: [usize; 3],
}

impl Gathered {
    /// What never came of it: entries, "no input", "no match". Any entry counts where all are
    /// accepted.
    #[must_use]
    pub fn never(&self) -> Vec<String> {
        let [digits, no_input, no_match] = self.results;
        let mut never: Vec<String> = self.accepts.difference(&self.entered).cloned().collect();
        for (count, name) in [(no_input, "no input"), (no_match, "no match")] {
            if count == 0 {
                never.push(name.to_owned());
            }
        }
        if self.accepts.is_empty() && digits == 0 {
            never.insert(0, "an entry".to_owned());
        }
        never
    }
}

impl Coverage {
    /// Adds a call.
    pub fn add(&mut self, log: &[Record]) {
        for record in log {
            match &record.what {
                Happened::Starts { parts, .. } => {
                    let files = parts.iter().filter(|part| part.kind == HeardKind::File);
                    self.prompts.extend(files.map(|part| part.text.clone()));
                }
                Happened::Verb {
                    request, answer, ..
                } => {
                    if !self.functions.contains(request.verb()) {
                        self.functions.insert(request.verb().to_owned());
                    }
                    if let (Request::Gather(options), Ok(Reply::Gather(result))) =
                        (&**request, &**answer)
                    {
                        self.gathered(options, result);
                    }
                }
                _ => {}
            }
        }
    }

    fn gathered(&mut self, options: &GatherOptions, result: &GatherResult) {
        let names = options.prompt.iter().filter_map(|part| match part {
            Part::File(name) => Some(name.as_str()),
            _ => None,
        });
        let prompt = names.collect::<Vec<_>>().join(", ");
        let gathered = self.gathers.entry(prompt).or_default();
        gathered.accepts.extend(options.accept.iter().cloned());
        gathered.accepts.extend(phrases(options));
        match result {
            GatherResult::Digits(digits) => {
                gathered.results[0] += 1;
                gathered.entered.insert(digits.clone());
            }
            GatherResult::Speech(said) => {
                gathered.results[0] += 1;
                gathered.entered.insert(said.value.clone());
            }
            GatherResult::NoInput => gathered.results[1] += 1,
            GatherResult::NoMatch(_) | GatherResult::Misheard(_) => gathered.results[2] += 1,
            GatherResult::Unheard(_) => {}
        }
    }

    /// Adds what other calls have reached.
    pub fn merge(&mut self, other: Coverage) {
        self.prompts.extend(other.prompts);
        self.functions.extend(other.functions);
        for (prompt, gathered) in other.gathers {
            let own = self.gathers.entry(prompt).or_default();
            own.accepts.extend(gathered.accepts);
            own.entered.extend(gathered.entered);
            for (own, other) in own.results.iter_mut().zip(gathered.results) {
                *own += other;
            }
        }
    }

    /// Functions that the component imports and that were never called.
    #[must_use]
    pub fn functions_left(&self, inspection: &Inspection) -> Vec<String> {
        let all = inspection.imports.iter().flat_map(|import| {
            let interface = import.interface.rsplit('/').next().unwrap_or_default();
            let interface = interface.split('@').next().unwrap_or_default();
            let functions = import.functions.iter();
            functions.map(move |function| format!("{interface}.{function}"))
        });
        all.filter(|name| !self.functions.contains(name)).collect()
    }

    /// Prompts that were never heard: those of `existing` whose names stand in the component.
    #[must_use]
    pub fn prompts_left<'p>(&self, existing: &'p [String], wasm: &[u8]) -> Vec<&'p str> {
        let text = String::from_utf8_lossy(wasm);
        // Functions and sentences stand in a component too: neither "main_menu" nor "not on the
        // menu" means "menu".
        let count = |name: &str| {
            let all = text.match_indices(name).filter(|(at, _)| {
                let before = text[..*at].chars().next_back();
                let after = text[at + name.len()..].chars().next();
                !matches!(before, Some('_' | ':' | ' ')) && !matches!(after, Some('_' | ' '))
            });
            all.count()
        };
        let left = existing.iter().filter(|name| {
            !self.prompts.contains(*name) && {
                // Nor does "demo/menu".
                let longer = (existing.iter())
                    .filter(|other| other.len() > name.len() && other.contains(name.as_str()));
                let hidden: usize = longer
                    .map(|other| text.matches(other.as_str()).count())
                    .sum();
                count(name) > hidden
            }
        });
        left.map(String::as_str).collect()
    }
}

/// The values of the phrases that may be said.
fn phrases(options: &GatherOptions) -> impl Iterator<Item = String> {
    let grammars = options.speech.iter().flat_map(|speech| &speech.grammars);
    let phrases = grammars.filter_map(|grammar| match grammar {
        Grammar::Phrases(phrases) => Some(phrases),
        _ => None,
    });
    let values = phrases.flatten();
    values.map(|phrase| phrase.value.as_ref().unwrap_or(&phrase.text).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_found_by_their_names_in_the_component() {
        let existing = ["menu", "demo/menu", "welcome", "demo/bye", "sorry"].map(str::to_owned);
        let mut coverage = Coverage::default();
        coverage.prompts.insert("demo/menu".to_owned());
        let wasm = b"\0asm demo/menudemo/byewelcome\xffmain_menu::sorry_for is not on the menu";
        assert_eq!(
            coverage.prompts_left(&existing, wasm),
            ["welcome", "demo/bye"]
        );
    }

    #[test]
    fn what_never_came_of_a_gather() {
        let all = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let mut gathered = Gathered {
            accepts: all(&["1", "2"]),
            entered: all(&["2"]),
            results: [3, 1, 0],
        };
        assert_eq!(gathered.never(), ["1", "no match"]);
        gathered.accepts = all(&[]);
        gathered.results = [0, 1, 1];
        assert_eq!(gathered.never(), ["an entry"]);
    }
}
