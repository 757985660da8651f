//! What callers may say to a flow, before anybody does: is there a model that understands it?

use std::collections::{BTreeMap, BTreeSet};

use vireo_speech::asr::{AsrError, Grammar, Phrase, Recognizers};

use crate::config::Flow;

/// The most of a flow's phrases that are told of.
const MOST_TOLD: usize = 20;

/// What a flow is known to listen for.
#[derive(Debug, Default)]
pub(crate) struct Phrases(BTreeMap<String, OfLanguage>);

#[derive(Debug, Default)]
struct OfLanguage {
    phrases: BTreeSet<String>,
    /// All but phrases, each once.
    others: Vec<Grammar>,
}

/// What nobody is going to be understood with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotUnderstood {
    /// The language, or the phrase in it.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub advice: &'static str,
}

impl Phrases {
    /// Those that the configuration declares.
    pub fn declared(flow: &Flow) -> Self {
        let mut all = Phrases::default();
        for (language, phrases) in &flow.phrases {
            let phrases = phrases.iter().map(|text| Phrase::new(text)).collect();
            all.add(language, [Grammar::Phrases(phrases)]);
        }
        all
    }

    /// Adds what a gather listens for.
    pub fn add(&mut self, language: &str, grammars: impl IntoIterator<Item = Grammar>) {
        let own = self.0.entry(language.to_owned()).or_default();
        for grammar in grammars {
            match grammar {
                Grammar::Phrases(phrases) => {
                    own.phrases
                        .extend(phrases.into_iter().map(|phrase| phrase.text));
                }
                other if own.others.contains(&other) => {}
                other => own.others.push(other),
            }
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Phrases) {
        for (language, OfLanguage { phrases, others }) in other.0 {
            let phrases = phrases.iter().map(|text| Phrase::new(text)).collect();
            self.add(&language, others);
            self.add(&language, [Grammar::Phrases(phrases)]);
        }
    }

    /// Those that no model understands. Reads models from the disk.
    pub fn not_understood(&self, recognizers: Option<&Recognizers>) -> Vec<NotUnderstood> {
        let mut found = Vec::new();
        for (language, own) in &self.0 {
            own.not_understood(language, recognizers, &mut found);
        }
        found.truncate(MOST_TOLD);
        found
    }
}

impl OfLanguage {
    fn not_understood(
        &self,
        language: &str,
        recognizers: Option<&Recognizers>,
        found: &mut Vec<NotUnderstood>,
    ) {
        let Some(recognizers) = recognizers else {
            found.push(NotUnderstood {
                what: format!("speech in {language:?}"),
                why: "this server recognises no speech".to_owned(),
                advice: "add [[asr.models]] to its configuration",
            });
            return;
        };
        let phrases = self.phrases.iter().map(|text| {
            let phrase = Grammar::Phrases(vec![Phrase::new(text)]);
            (format!("{text:?} in {language:?}"), phrase)
        });
        let others =
            (self.others.iter()).map(|grammar| (named(grammar, language), grammar.clone()));
        for (what, grammar) in others.chain(phrases) {
            let Err(error) = recognizers.check(language, &[grammar]) else {
                continue;
            };
            let why = error.to_string();
            match error {
                AsrError::UnknownWords { .. } => found.push(NotUnderstood {
                    what,
                    why,
                    advice: "spell it otherwise, say it in other words, or take a larger model",
                }),
                AsrError::Grammar { .. } | AsrError::NoGrammar { .. } => {
                    found.push(NotUnderstood {
                        what,
                        why,
                        advice: "docs/understanding-callers.md tells what may be said",
                    })
                }
                // So is everything else in this language.
                _ => {
                    return found.push(NotUnderstood {
                        what: format!("speech in {language:?}"),
                        why,
                        advice: "correct [[asr.models]]; `vireo explain VR0201` tells more",
                    });
                }
            }
        }
    }
}

fn named(grammar: &Grammar, language: &str) -> String {
    let name = match grammar {
        Grammar::Phrases(_) => "phrases",
        Grammar::Digits { .. } => "digits",
        Grammar::Number => "a number",
        Grammar::YesNo => "yes and no",
        Grammar::Date => "a date",
        Grammar::Dictation => "dictation",
    };
    format!("{name} in {language:?}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vireo_speech::asr::{Model, Scripted};

    use super::*;

    fn recognizers() -> Recognizers {
        let engine = Scripted::new("script", 1).knowing(["yes", "no", "main", "menu"]);
        let model = |language: &str| Model {
            language: language.to_owned(),
            engine: "script".to_owned(),
            directory: None,
        };
        Recognizers::new(vec![model("en")], vec![Arc::new(Arc::new(engine))]).unwrap()
    }

    fn told(phrases: &Phrases, recognizers: Option<&Recognizers>) -> Vec<String> {
        let found = phrases.not_understood(recognizers).into_iter();
        found
            .map(|one| format!("{}: {} ({})", one.what, one.why, one.advice))
            .collect()
    }

    #[test]
    fn each_phrase_that_no_model_knows_is_told() {
        let flow = Flow {
            phrases: BTreeMap::from([
                (
                    "en".to_owned(),
                    ["main menu", "moon menu", "!"].map(str::to_owned).into(),
                ),
                ("fr".to_owned(), ["oui", "non"].map(str::to_owned).into()),
            ]),
            ..Flow::default()
        };
        let mut phrases = Phrases::declared(&flow);
        let again = Grammar::Phrases(vec![Phrase::new("moon menu")]);
        phrases.add("en", [Grammar::YesNo, Grammar::Date, Grammar::Date, again]);
        let recognizers = recognizers();
        let told = told(&phrases, Some(&recognizers));
        let [date, mark, moon, french] = told.as_slice() else {
            panic!("{told:#?}");
        };
        assert!(
            date.starts_with("a date in \"en\": the model of script for \"en\" does not know "),
            "{date}"
        );
        assert!(
            mark.starts_with("\"!\" in \"en\": grammar 1: \"!\" has no words"),
            "{mark}"
        );
        assert!(
            moon.starts_with(
                "\"moon menu\" in \"en\": the model of script for \"en\" does not know \"moon\";"
            ),
            "{moon}"
        );
        assert!(
            french.starts_with(
                "speech in \"fr\": no model is configured for the language \"fr\"; there are en"
            ),
            "{french}"
        );
    }

    #[test]
    fn a_server_that_listens_to_nobody_is_told_once_for_a_language() {
        let mut phrases = Phrases::default();
        assert_eq!(told(&phrases, None), Vec::<String>::new());
        phrases.add(
            "en",
            ["a", "b"].map(|text| Grammar::Phrases(vec![Phrase::new(text)])),
        );
        let told = told(&phrases, None);
        assert_eq!(
            told,
            [
                "speech in \"en\": this server recognises no speech (add [[asr.models]] to its configuration)"
            ]
        );
    }

    #[test]
    fn two_that_are_merged_have_what_each_had() {
        let mut first = Phrases::default();
        first.add(
            "en",
            [Grammar::YesNo, Grammar::Phrases(vec![Phrase::new("moon")])],
        );
        let mut second = Phrases::default();
        second.add(
            "en",
            [Grammar::Date, Grammar::Phrases(vec![Phrase::new("sun")])],
        );
        first.merge(second);
        let told = told(&first, Some(&recognizers()));
        for (told, start) in told.iter().zip(["a date", "\"moon\"", "\"sun\""]) {
            assert!(told.starts_with(start), "{told}");
        }
        assert_eq!(told.len(), 3);
    }
}
