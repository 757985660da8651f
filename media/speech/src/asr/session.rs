//! Where speech begins and ends, and what its words mean: sound and words in, actions out. Time is that of
//! the sound.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use vireo_audio::vad::{Activity, Detector};

use super::grammar::Rules;
use super::{Alternative, Answer, Event, Hypothesis, Options, Output, Recognition};

/// Samples of a frame: 20 ms.
const FRAME: usize = 160;
/// Its length, ms.
const FRAME_MS: u32 = 20;
/// Sound before the beginning of speech that the engine hears too: soft beginnings, and what it needs to
/// know of the line.
const BEFORE: usize = 400 * 8;
/// Sound that is kept while the engine says whether it has heard an answer.
const MEANWHILE: usize = 2_000 * 8;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// The engine is to hear this.
    Audio(Vec<i16>),
    /// That was no speech.
    Restart,
    /// No more comes.
    Finish,
    /// The one who asked is told; [`Event::Done`] is the last.
    Tell(Event),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody speaks.
    Silent,
    /// Somebody may: it has not been long enough.
    Perhaps,
    /// It was short: the engine says whether it was an answer.
    Asking,
    /// The caller speaks.
    Speaking,
    /// The engine has heard everything.
    Finishing,
    Over,
}

/// One recognition.
#[derive(Debug)]
pub(super) struct Session {
    rules: Rules,
    options: Options,
    detector: Detector,
    state: State,
    /// Sound that is not a whole frame yet.
    rest: Vec<i16>,
    /// The last sound, while nobody speaks.
    before: VecDeque<i16>,
    /// Since the engine began to hear, ms.
    elapsed_ms: u32,
    /// Since speech began, pauses shorter than the detector's hangover included, ms.
    run_ms: u32,
    segments: Vec<Vec<Hypothesis>>,
    partial: String,
    actions: VecDeque<Action>,
}

impl Session {
    pub fn new(rules: Rules, options: Options) -> Self {
        Session {
            rules,
            options,
            detector: Detector::for_unknown_line(),
            state: State::Silent,
            rest: Vec::new(),
            before: VecDeque::new(),
            elapsed_ms: 0,
            run_ms: 0,
            segments: Vec::new(),
            partial: String::new(),
            actions: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub fn action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// More sound.
    pub fn audio(&mut self, samples: &[i16]) {
        self.rest.extend_from_slice(samples);
        let rest = mem::take(&mut self.rest);
        let (frames, last) = rest.as_chunks::<FRAME>();
        for frame in frames {
            self.frame(frame);
        }
        self.rest = last.to_vec();
    }

    fn frame(&mut self, frame: &[i16]) {
        let activity = self.detector.feed(frame);
        match self.state {
            State::Silent => {
                self.keep(frame, BEFORE);
                if activity == Activity::Speech {
                    self.begin();
                }
            }
            State::Perhaps | State::Speaking => {
                self.actions.push_back(Action::Audio(frame.to_vec()));
                self.elapsed_ms = self.elapsed_ms.saturating_add(FRAME_MS);
                self.run_ms = match activity {
                    Activity::Speech => self.run_ms.saturating_add(FRAME_MS),
                    Activity::Silence => 0,
                };
                self.judge();
            }
            // What is said meanwhile is heard if that was no answer.
            State::Asking => self.keep(frame, MEANWHILE),
            State::Finishing | State::Over => {}
        }
    }

    fn keep(&mut self, frame: &[i16], most: usize) {
        self.before.extend(frame);
        let surplus = self.before.len().saturating_sub(most);
        self.before.drain(..surplus);
    }

    /// Somebody may speak: the engine hears it from its beginning.
    fn begin(&mut self) {
        self.state = State::Perhaps;
        self.elapsed_ms = 0;
        self.run_ms = FRAME_MS;
        let before = mem::take(&mut self.before);
        self.actions.push_back(Action::Audio(before.into()));
    }

    /// Has it become speech, or silence?
    fn judge(&mut self) {
        let silence_ms = self.detector.silence_ms();
        let spoken = self.run_ms.saturating_sub(silence_ms);
        if self.state == State::Perhaps && spoken >= ms(self.options.barge_in) {
            self.speech();
        }
        let ended = silence_ms >= ms(self.options.end_of_speech);
        match self.state {
            State::Perhaps if ended => {
                self.state = State::Asking;
                self.actions.push_back(Action::Finish);
            }
            State::Speaking if ended || self.elapsed_ms >= ms(self.options.longest) => {
                self.finish();
            }
            _ => {}
        }
    }

    fn speech(&mut self) {
        self.state = State::Speaking;
        self.actions.push_back(Action::Tell(Event::Speech));
    }

    /// No more sound comes.
    pub fn finish(&mut self) {
        match self.state {
            State::Perhaps | State::Speaking => {
                self.state = State::Finishing;
                self.actions.push_back(Action::Finish);
            }
            State::Silent => self.done(Recognition::NoMatch(Answer::default())),
            State::Asking => self.state = State::Finishing,
            State::Finishing | State::Over => {}
        }
    }

    /// Another engine, with these rules, hears the same from the beginning.
    pub fn begin_anew(&mut self, rules: Rules) {
        self.rules = rules;
        self.segments.clear();
        self.partial.clear();
    }

    /// The engine said something.
    pub fn output(&mut self, output: Output) {
        match output {
            Output::Partial(text) => {
                let changed = text != self.partial;
                self.partial = text;
                if changed && self.state == State::Speaking && self.options.partials {
                    self.tell_partial();
                }
            }
            Output::Segment(hypotheses) => {
                self.partial.clear();
                self.segments.push(hypotheses);
            }
            Output::End => self.ended(),
        }
    }

    /// The engine has said everything.
    fn ended(&mut self) {
        match (self.state, self.understand()) {
            (State::Over, _) => {}
            (State::Asking, Recognition::NoMatch(_)) => {
                self.state = State::Silent;
                self.segments.clear();
                self.partial.clear();
                self.actions.push_back(Action::Restart);
                if self.detector.activity() == Activity::Speech {
                    self.begin();
                }
            }
            (State::Asking, recognition) => {
                self.speech();
                self.done(recognition);
            }
            (_, recognition) => self.done(recognition),
        }
    }

    fn tell_partial(&mut self) {
        let segments = self.segments.iter().filter_map(|several| several.first());
        let words = segments.flat_map(|best| best.words.iter().map(|word| word.text.as_str()));
        let words: Vec<&str> = words.chain(self.partial.split_whitespace()).collect();
        let text = Rules::text(&words);
        self.actions.push_back(Action::Tell(Event::Partial(text)));
    }

    fn done(&mut self, recognition: Recognition) {
        self.state = State::Over;
        self.actions
            .push_back(Action::Tell(Event::Done(recognition)));
    }

    /// What was said, all of it, the likeliest first: the last segment's hypotheses after the best of those
    /// before.
    fn hypotheses(&self) -> Vec<Hypothesis> {
        let Some((last, earlier)) = self.segments.split_last() else {
            return Vec::new();
        };
        let earlier: Vec<_> = earlier
            .iter()
            .filter_map(|several| several.first())
            .collect();
        let whole = |end: &Hypothesis| {
            let parts = || earlier.iter().copied().chain([end]);
            Hypothesis {
                words: parts()
                    .flat_map(|part| part.words.iter().cloned())
                    .collect(),
                weight: parts().map(|part| part.weight).product(),
            }
        };
        last.iter().map(whole).collect()
    }

    fn understand(&self) -> Recognition {
        let hypotheses = self.hypotheses();
        let mut understood: Vec<Alternative> = Vec::new();
        for hypothesis in &hypotheses {
            if let Some((grammar, value)) = self.rules.meaning(&hypothesis.words)
                && !understood
                    .iter()
                    .any(|known| known.grammar == grammar && known.value == value)
            {
                understood.push(Alternative {
                    value,
                    grammar,
                    text: text(hypothesis),
                    confidence: confidence(hypothesis),
                });
            }
        }
        let mut understood = understood.into_iter();
        let Some(best) = understood.next() else {
            let best = hypotheses.first();
            return Recognition::NoMatch(Answer {
                text: best.map(text).unwrap_or_default(),
                confidence: best.map(confidence).unwrap_or_default(),
                ..Answer::default()
            });
        };
        let answer = Answer {
            value: best.value,
            text: best.text,
            confidence: best.confidence,
            grammar: best.grammar,
            alternatives: understood
                .take(usize::from(self.options.alternatives))
                .collect(),
        };
        match answer.confidence >= self.options.min_confidence {
            true => Recognition::Match(answer),
            false => Recognition::NoMatch(answer),
        }
    }
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn text(hypothesis: &Hypothesis) -> String {
    let words: Vec<&str> = (hypothesis.words.iter())
        .map(|word| word.text.as_str())
        .collect();
    Rules::text(&words)
}

/// That of the least certain word.
fn confidence(hypothesis: &Hypothesis) -> f32 {
    let words = hypothesis
        .words
        .iter()
        .filter(|word| word.text != super::UNKNOWN);
    let least = words.map(|word| word.confidence).reduce(f32::min);
    least.unwrap_or_default() * hypothesis.weight
}

#[cfg(test)]
mod tests;
