//! What the server reads of a model's directory itself: so that what is wrong is known before a call, and
//! by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::super::{AsrError, Output, Vocabulary};
use super::symbols::output_symbols;

/// Of the models that can be used, Hz: that of a call, and what the worker makes of it.
const RATES: [u32; 2] = [8000, 16_000];
/// Kaldi's, where a model's configuration does not say one.
const USUAL_RATE: u32 = 16_000;

/// A model.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    /// Of the speech that it was made for, Hz.
    pub rate: u32,
    pub vocabulary: Arc<Vocabulary>,
    /// The engine's confidence, and how likely the answer is right then; none: the engine's is told.
    confidence: Vec<(f32, f32)>,
}

/// `vireo.json`: media/speech/models/README.md.
#[derive(Debug, Default, Deserialize)]
struct About {
    rate: Option<u32>,
    #[serde(default)]
    confidence: Vec<(f32, f32)>,
}

impl Files {
    /// Reads what is needed of it.
    pub fn read(directory: &Path) -> Result<Self, AsrError> {
        let wrong = |problem: String| AsrError::Model {
            directory: directory.to_owned(),
            problem,
        };
        if !directory.is_dir() {
            return Err(wrong("there is no such directory".to_owned()));
        }
        // Models have one of two layouts.
        let one_of = |deep: &str, flat: &str| {
            [deep, flat]
                .map(|file| directory.join(file))
                .into_iter()
                .find(|file| file.is_file())
                .ok_or_else(|| wrong(format!("{deep} is missing; it is not a model for Vosk")))
        };
        let text = |file: &Path| {
            fs::read_to_string(file)
                .map_err(|error| wrong(format!("{} cannot be read: {error}", file.display())))
        };
        one_of("am/final.mdl", "final.mdl")?;
        // As libvosk does it: the words in the grammar come before those beside it.
        let grammar = one_of("graph/Gr.fst", "Gr.fst").ok();
        let embedded = grammar.map(|file| {
            output_symbols(&file)
                .map_err(|error| wrong(format!("{} cannot be read: {error}", file.display())))
        });
        let words = match embedded.transpose()?.flatten() {
            Some(words) => Vocabulary::of(words.iter().filter_map(|word| spoken(word))),
            None => {
                let words = text(&one_of("graph/words.txt", "words.txt")?)?;
                Vocabulary::of(words.lines().filter_map(spoken))
            }
        };
        let features = text(&one_of("conf/mfcc.conf", "mfcc.conf")?)?;
        let about = match directory.join("vireo.json") {
            file if file.exists() => serde_json::from_str(&text(&file)?)
                .map_err(|error| wrong(format!("vireo.json is not understood: {error}")))?,
            _ => About::default(),
        };
        // libvosk goes by the features.
        let rate = rate(&features);
        if let Some(other) = about.rate.filter(|other| *other != rate) {
            return Err(wrong(format!(
                "it is for speech of {rate} Hz by mfcc.conf, and of {other} Hz by vireo.json"
            )));
        }
        if !RATES.contains(&rate) {
            let directory = directory.to_owned();
            return Err(AsrError::Rate { directory, rate });
        }
        if !about
            .confidence
            .is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1)
        {
            return Err(wrong(
                "vireo.json: the points of confidence must rise".to_owned(),
            ));
        }
        Ok(Files {
            directory: directory.to_owned(),
            rate,
            vocabulary: Arc::new(words),
            confidence: about.confidence,
        })
    }

    /// An error of this model.
    pub fn wrong(&self, problem: String) -> AsrError {
        AsrError::Model {
            directory: self.directory.clone(),
            problem,
        }
    }

    /// The engine's confidence as the probability that it is right.
    pub fn calibrated(&self, mut output: Output) -> Output {
        if let Output::Segment(hypotheses) = &mut output {
            let words = hypotheses.iter_mut().flat_map(|one| &mut one.words);
            words.for_each(|word| word.confidence = self.probability(word.confidence));
        }
        output
    }

    fn probability(&self, confidence: f32) -> f32 {
        let after = self.confidence.partition_point(|(at, _)| *at < confidence);
        let before = after.checked_sub(1).and_then(|at| self.confidence.get(at));
        match (before, self.confidence.get(after)) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (confidence - x0) / (x1 - x0),
            (Some((_, y)), None) | (None, Some((_, y))) => *y,
            (None, None) => confidence,
        }
        .clamp(0.0, 1.0)
    }
}

/// The word of a line or a symbol, unless it stands for something that nobody says.
fn spoken(symbol: &str) -> Option<&str> {
    let word = symbol.split_whitespace().next()?;
    (!word.starts_with(['<', '[', '#', '!'])).then_some(word)
}

/// The rate of a Kaldi configuration, Hz.
fn rate(features: &str) -> u32 {
    let rate = (features.lines()).find_map(|line| {
        let value = line.trim().strip_prefix("--sample-frequency=")?;
        value.trim().parse::<f32>().ok()
    });
    rate.map_or(USUAL_RATE, |rate| rate as u32)
}

#[cfg(test)]
mod tests {
    use super::super::super::Step;
    use super::super::symbols;
    use super::*;

    fn model(features: &str, about: Option<&str>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (file, content) in [
            ("am/final.mdl", ""),
            ("graph/words.txt", "<eps> 0\n[unk] 1\nyes 2\nno 3\n#0 4\n"),
            ("conf/mfcc.conf", features),
        ] {
            let file = directory.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        if let Some(about) = about {
            fs::write(directory.path().join("vireo.json"), about).unwrap();
        }
        directory
    }

    const TELEPHONE: &str = "--use-energy=false\n--sample-frequency=8000\n";

    fn error(directory: &Path) -> String {
        let error = Files::read(directory).unwrap_err().to_string();
        error.replace(&directory.display().to_string(), "DIR")
    }

    #[test]
    fn the_words_of_a_model_are_known() {
        let directory = model(TELEPHONE, None);
        let files = Files::read(directory.path()).unwrap();
        assert_eq!(*files.vocabulary, Vocabulary::of(["yes", "no"]));
        let heard = Step::words(0, "yes", 0.9).output.unwrap();
        assert_eq!(files.calibrated(heard.clone()), heard);
    }

    #[test]
    fn the_words_may_be_in_the_grammar_itself() {
        let directory = model(TELEPHONE, None);
        let grammar = directory.path().join("graph/Gr.fst");
        let words = |directory: &Path| Files::read(directory).unwrap().vocabulary;
        fs::write(&grammar, symbols::tests::grammar(None, None)).unwrap();
        assert_eq!(*words(directory.path()), Vocabulary::of(["yes", "no"]));
        let other = ["<eps>", "[unk]", "operator", "#0"];
        fs::write(&grammar, symbols::tests::grammar(None, Some(&other))).unwrap();
        assert_eq!(*words(directory.path()), Vocabulary::of(["operator"]));
        fs::remove_file(directory.path().join("graph/words.txt")).unwrap();
        assert_eq!(*words(directory.path()), Vocabulary::of(["operator"]));
        fs::remove_file(grammar).unwrap();
        assert_eq!(
            error(directory.path()),
            "the model DIR: graph/words.txt is missing; it is not a model for Vosk"
        );
    }

    #[test]
    fn the_rate_is_the_models() {
        let wideband = Some(r#"{"rate": 16000}"#);
        for (features, about, rate) in [
            (TELEPHONE, None, 8000),
            ("--use-energy=false\n", None, 16_000),
            ("--sample-frequency=16000\n", wideband, 16_000),
        ] {
            let directory = model(features, about);
            assert_eq!(Files::read(directory.path()).unwrap().rate, rate);
        }
        assert_eq!(
            error(model(TELEPHONE, wideband).path()),
            "the model DIR: it is for speech of 8000 Hz by mfcc.conf, and of 16000 Hz by vireo.json"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let missing = Path::new("/does/not/exist");
        assert_eq!(error(missing), "the model DIR: there is no such directory");
        let directory = model(TELEPHONE, None);
        fs::remove_file(directory.path().join("am/final.mdl")).unwrap();
        assert_eq!(
            error(directory.path()),
            "the model DIR: am/final.mdl is missing; it is not a model for Vosk"
        );
        fs::create_dir_all(directory.path().join("am")).unwrap();
        fs::write(directory.path().join("am/final.mdl"), "").unwrap();
        fs::write(directory.path().join("graph/Gr.fst"), "no transducer").unwrap();
        assert_eq!(
            error(directory.path()),
            "the model DIR: DIR/graph/Gr.fst cannot be read: it is no transducer of OpenFST"
        );
        let other =
            "the model DIR is for speech of 44100 Hz; models for 8000 and 16000 Hz can be used";
        let features = "--sample-frequency=44100\n";
        assert_eq!(error(model(features, None).path()), other);
        let told = error(model(TELEPHONE, Some("{")).path());
        assert!(
            told.starts_with("the model DIR: vireo.json is not understood"),
            "{told}"
        );
        let falling = Some(r#"{"confidence": [[0, 0.5], [1, 0.2]]}"#);
        assert_eq!(
            error(model(TELEPHONE, falling).path()),
            "the model DIR: vireo.json: the points of confidence must rise"
        );
    }

    #[test]
    fn confidence_lies_between_the_points() {
        let about = r#"{"confidence": [[0.0, 0.0], [0.8, 0.2], [1.0, 0.9]]}"#;
        let directory = model(TELEPHONE, Some(about));
        let files = Files::read(directory.path()).unwrap();
        for (heard, told) in [
            (0.0, 0.0),
            (0.4, 0.1),
            (0.8, 0.2),
            (0.9, 0.55),
            (1.0, 0.9),
            (1.1, 0.9),
        ] {
            let probability = files.probability(heard);
            assert!((probability - told).abs() < 1e-6, "{heard}: {probability}");
        }
    }
}
