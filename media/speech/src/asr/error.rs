use std::path::PathBuf;

/// Why speech is not recognised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AsrError {
    /// No model is configured for this language.
    #[error("no model is configured for the language {language:?}; there are {}", list(.known))]
    NoModel {
        /// The language.
        language: String,
        /// Those that have one.
        known: Vec<String>,
    },
    /// A model names an engine that there is not.
    #[error("the model for {language:?} names the engine {engine:?}, which there is not")]
    NoEngine {
        /// The model's language.
        language: String,
        /// The engine.
        engine: String,
    },
    /// The built-in grammar does not exist in this language.
    #[error(
        "there is no grammar {grammar} in the language {language:?}; there is one in en and zh"
    )]
    NoGrammar {
        /// Its name.
        grammar: &'static str,
        /// The language.
        language: String,
    },
    /// A grammar that nothing can fit.
    #[error("grammar {at}: {problem}")]
    Grammar {
        /// Its place, from 1.
        at: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The model does not know words of a grammar, so nobody could say them.
    #[error("the model {model} for {language:?} does not know {}; use other words, or a larger model", quoted(.words))]
    UnknownWords {
        /// Which one, for people.
        model: String,
        /// The language.
        language: String,
        /// The words.
        words: Vec<String>,
    },
    /// As many recognitions run as are allowed to.
    #[error("recognizer {engine} is busy: {streams} recognitions run already")]
    Busy {
        /// The engine.
        engine: String,
        /// How many run.
        streams: usize,
    },
    /// The engine does not keep up with the caller.
    #[error("recognizer {engine} is too slow: {problem}")]
    TooSlow {
        /// The engine.
        engine: String,
        /// What came too late.
        problem: &'static str,
    },
    /// The engine failed.
    #[error("recognizer {engine}: {reason}")]
    Engine {
        /// Its name.
        engine: String,
        /// What happened.
        reason: String,
    },
    /// The model is missing or broken.
    #[error("the model {}: {problem}", .directory.display())]
    Model {
        /// Its directory.
        directory: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The model was made for another rate.
    #[error("the model {} is for speech of {rate} Hz; models for 8000 and 16000 Hz can be used", .directory.display())]
    Rate {
        /// Its directory.
        directory: PathBuf,
        /// Its rate.
        rate: u32,
    },
    /// The server stops.
    #[error("the recognizer has been stopped")]
    Stopped,
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn quoted(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    quoted.join(", ")
}
