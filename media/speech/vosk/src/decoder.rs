//! One caller's speech in libvosk.

use vireo_audio::Doubler;
use vireo_speech::asr::vosk::{Question, Refusal};
use vireo_speech::asr::{Hypothesis, Output, UNKNOWN, Word};
use vosk::{CompleteResult, DecodingState, Model, Recognizer};

/// The speech that a model was made for. The sound itself has always 8 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// 8 kHz.
    Telephone,
    /// 16 kHz.
    Wide,
}

impl Band {
    /// Of this rate, Hz.
    pub fn of(rate: u32) -> Option<Self> {
        match rate {
            8_000 => Some(Band::Telephone),
            16_000 => Some(Band::Wide),
            _ => None,
        }
    }

    /// Hz.
    fn rate(self) -> f32 {
        match self {
            Band::Telephone => 8_000.0,
            Band::Wide => 16_000.0,
        }
    }
}

/// A recognizer, and what it said last.
pub struct Decoder {
    recognizer: Recognizer,
    /// Where the model is for [`Band::Wide`].
    doubler: Option<Doubler>,
    partial: String,
}

impl Decoder {
    /// One for this question.
    pub fn new(model: Option<&Model>, band: Band, question: &Question) -> Result<Self, Refusal> {
        let refused = |why: &str| Refusal::Model(why.to_owned());
        let model = model.ok_or_else(|| refused("libvosk cannot load it"))?;
        let recognizer = match &question.phrases {
            Some(phrases) => {
                // The wrapper writes them between quotation marks as they are.
                if let Some(phrase) = phrases
                    .iter()
                    .find(|phrase| phrase.contains(['"', '\\', '\0']))
                {
                    return Err(Refusal::Other(format!("{phrase:?} is no phrase")));
                }
                let phrases: Vec<&str> = (phrases.iter().map(String::as_str))
                    .chain([UNKNOWN])
                    .collect();
                Recognizer::new_with_grammar(model, band.rate(), &phrases)
            }
            None => Recognizer::new(model, band.rate()),
        };
        let mut recognizer =
            recognizer.ok_or_else(|| refused("libvosk makes no recognizer of it"))?;
        recognizer.set_words(true);
        if question.alternatives > 0 {
            recognizer.set_max_alternatives(u16::from(question.alternatives) + 1);
        }
        Ok(Decoder {
            recognizer,
            doubler: (band == Band::Wide).then(Doubler::default),
            partial: String::new(),
        })
    }

    /// Some sound, and what is new after it.
    pub fn sound(&mut self, sound: &[u8]) -> Result<Option<Output>, Refusal> {
        let samples = sound.as_chunks().0.iter();
        let mut samples: Vec<i16> = samples.map(|sample| i16::from_le_bytes(*sample)).collect();
        if let Some(doubler) = &mut self.doubler {
            samples = doubler.double(&samples);
        }
        match self.recognizer.accept_waveform(&samples) {
            Ok(DecodingState::Running) => {
                let partial = self.recognizer.partial_result().partial;
                if partial == self.partial {
                    return Ok(None);
                }
                partial.clone_into(&mut self.partial);
                Ok(Some(Output::Partial(partial.to_owned())))
            }
            Ok(DecodingState::Finalized) => {
                self.partial.clear();
                Ok(Some(segment(self.recognizer.result())))
            }
            Ok(DecodingState::Failed) => Err(Refusal::Other("libvosk failed to decode".to_owned())),
            Err(error) => Err(Refusal::Other(error.to_string())),
        }
    }

    /// What was not told yet.
    pub fn finish(&mut self) -> Output {
        segment(self.recognizer.final_result())
    }
}

/// A shorter pause between two words is none, s.
const PAUSE: f32 = 0.06;

/// Words with when each begins and ends, s, and how certain it is.
fn words<'a>(heard: impl Iterator<Item = (&'a str, f32, f32, f32)>) -> Vec<Word> {
    let mut before = None;
    let words = heard.map(|(text, start, end, confidence)| Word {
        text: text.to_owned(),
        confidence,
        ms: ((end - start) * 1000.0).max(0.0) as u32,
        joined: (before.replace(end)).is_some_and(|before| start - before < PAUSE),
    });
    words.collect()
}

fn segment(result: CompleteResult<'_>) -> Output {
    let hypotheses = match result {
        CompleteResult::Single(single) => {
            let heard = single.result.iter();
            vec![Hypothesis {
                words: words(heard.map(|word| (word.word, word.start, word.end, word.conf))),
                weight: 1.0,
            }]
        }
        CompleteResult::Multiple(several) => {
            let scores: Vec<f32> = (several.alternatives.iter())
                .map(|alternative| alternative.confidence)
                .collect();
            let shares = shares(&scores);
            let hypotheses = several.alternatives.iter().zip(shares);
            let hypotheses = hypotheses.map(|(alternative, share)| {
                let heard = alternative.result.iter();
                Hypothesis {
                    words: words(heard.map(|word| (word.word, word.start, word.end, share))),
                    weight: 1.0,
                }
            });
            hypotheses.collect()
        }
    };
    Output::Segment(hypotheses)
}

/// libvosk scores alternatives by the logarithms of their likelihoods; these are their parts of the whole.
fn shares(scores: &[f32]) -> Vec<f32> {
    let best = scores.iter().copied().fold(f32::MIN, f32::max);
    let likelihoods: Vec<f32> = scores.iter().map(|score| (score - best).exp()).collect();
    let whole: f32 = likelihoods.iter().sum();
    likelihoods.iter().map(|one| one / whole).collect()
}
