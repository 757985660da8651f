//! The verbs of `media`: what is heard, pressed and recorded.

use std::time::Duration;

use super::speech;
use super::state::{Background, CallRecording, Deed, Kept, State, wrong_state};
use crate::contract::vireo::flow::media::{
    BargeIn, GatherOptions, GatherResult, Message, Part, PlayEnd, PlayOptions, RecordEnd,
    RecordOptions, SpeechOptions, TypeAhead, Unheard, UnheardReason,
};
use crate::contract::vireo::flow::types::Error;

impl State {
    pub fn play(&mut self, prompt: &[Part], options: &PlayOptions) -> Result<PlayEnd, Error> {
        self.media()?;
        let interrupts = |key: &&char| options.interrupt_keys.contains(**key);
        if let Some(key) = self.keys.iter().find(interrupts) {
            // The caller answered before the prompt began.
            return Ok(PlayEnd::Interrupted(*key));
        }
        self.hear(prompt)?;
        Ok(match self.keys.iter().find(interrupts) {
            Some(key) => PlayEnd::Interrupted(*key),
            None => PlayEnd::Finished,
        })
    }

    /// A prompt plays, and the caller may do something meanwhile.
    fn hear(&mut self, prompt: &[Part]) -> Result<(), Error> {
        if prompt.is_empty() {
            return Ok(());
        }
        self.background = None;
        self.heard.extend(prompt.iter().filter_map(name));
        loop {
            match self.deeds.front() {
                Some(Deed::PressWhilePlaying(_)) => self.press(),
                Some(Deed::Hold) => self.hold(),
                Some(Deed::HangUp) => {
                    self.deeds.pop_front();
                    return Err(self.gone());
                }
                _ => return Ok(()),
            }
        }
    }

    /// The table of `gather-options` in `sdk/wit/media.wit`.
    pub fn gather(&mut self, options: &GatherOptions) -> Result<GatherResult, Error> {
        self.media()?;
        if matches!(options.type_ahead, TypeAhead::Flush) {
            self.keys.clear();
        }
        let mut before: &[Part] = &[];
        let mut result = GatherResult::NoInput;
        for _ in 0..options.attempts {
            self.ask(&[before, &options.prompt].concat(), options.barge_in)?;
            result = self.entry(options)?;
            if let (Some(_), Some(reason)) = (&options.speech, self.unheard) {
                // Row 26.
                result = unheard(reason, result);
            }
            before = match &result {
                GatherResult::Digits(_) | GatherResult::Speech(_) | GatherResult::Unheard(_) => {
                    break;
                }
                GatherResult::NoInput => &options.no_input_prompt,
                GatherResult::NoMatch(_) | GatherResult::Misheard(_) => &options.no_match_prompt,
            };
        }
        Ok(result)
    }

    /// Rows 2 to 5.
    fn ask(&mut self, prompt: &[Part], barge_in: BargeIn) -> Result<(), Error> {
        match barge_in {
            BargeIn::On if !self.keys.is_empty() => return Ok(()),
            BargeIn::On | BargeIn::Off => self.hear(prompt)?,
            BargeIn::Deaf => {
                let before = self.keys.len();
                self.hear(prompt)?;
                self.keys.truncate(before);
            }
        }
        Ok(())
    }

    /// Rows 6 to 13 and 19 to 23: one attempt, after its prompt.
    fn entry(&mut self, options: &GatherOptions) -> Result<GatherResult, Error> {
        let least = usize::from(options.min_digits);
        let mut entry = String::new();
        loop {
            let Some(key) = self.keys.pop_front() else {
                if !entry.is_empty() {
                    self.services.passes(options.inter_digit_timeout_ms);
                    break;
                }
                let listens = options.speech.as_ref().filter(|_| self.unheard.is_none());
                match self.does(listens)? {
                    Does::Presses => continue,
                    Does::Says(result) => return Ok(result),
                    Does::Nothing => {}
                }
                self.services.passes(options.first_digit_timeout_ms);
                return Ok(GatherResult::NoInput);
            };
            if options.terminators.contains(key) {
                if entry.is_empty() && least > 0 {
                    return Ok(GatherResult::NoInput);
                }
                break;
            }
            entry.push(key);
            if entry.len() >= usize::from(options.max_digits) {
                // A terminator behind a full entry is no part of the next.
                self.keys
                    .pop_front_if(|next| options.terminators.contains(*next));
                break;
            }
        }
        let accepted = options.accept.is_empty()
            || (options.accept.iter()).any(|pattern| is_accepted(pattern, &entry));
        Ok(match entry.len() >= least && accepted {
            true => GatherResult::Digits(entry),
            false => GatherResult::NoMatch(entry),
        })
    }

    /// What the caller does now, where the flow collects keys and may listen.
    fn does(&mut self, listens: Option<&SpeechOptions>) -> Result<Does, Error> {
        loop {
            match self.deeds.front() {
                Some(Deed::Press(_) | Deed::PressWhilePlaying(_)) => {
                    self.press();
                    return Ok(Does::Presses);
                }
                Some(Deed::Say(said)) => {
                    let result = listens.map(|options| speech::understood(options, said));
                    self.deeds.pop_front();
                    if let Some(result) = result {
                        return Ok(Does::Says(result));
                    }
                }
                Some(Deed::Silence) => {
                    self.deeds.pop_front();
                    return Ok(Does::Nothing);
                }
                Some(Deed::Hold) => self.hold(),
                Some(Deed::Speak(_)) => drop(self.deeds.pop_front()),
                Some(Deed::HangUp) | None => {
                    self.deeds.pop_front();
                    return Err(self.gone());
                }
            }
        }
    }

    pub fn record(&mut self, options: &RecordOptions) -> Result<Message, Error> {
        self.media()?;
        self.hear(&options.prompt)?;
        let longest = Duration::from_millis(options.max_duration_ms.into());
        let mut length = Duration::ZERO;
        while let Some(Deed::Speak(more)) = self.deeds.front() {
            length += *more;
            self.deeds.pop_front();
        }
        let ended_by = match length >= longest {
            true => RecordEnd::MaxDuration,
            false => self.end_of_message(options),
        };
        let length = match ended_by {
            RecordEnd::MaxDuration => longest,
            _ => length,
        };
        self.recordings += 1;
        let id = format!("test-message-{}", self.recordings);
        let kept = Kept {
            id: id.clone(),
            length,
        };
        self.messages.push(kept);
        Ok(Message {
            id,
            duration_ms: u32::try_from(length.as_millis()).unwrap_or(u32::MAX),
            ended_by,
        })
    }

    /// What ends a message that is not full.
    fn end_of_message(&mut self, options: &RecordOptions) -> RecordEnd {
        loop {
            match self.deeds.front_mut() {
                Some(Deed::Press(keys)) => {
                    // Keys that end nothing are ignored; those behind the end are typed ahead.
                    let end = keys.find(|key| options.terminators.contains(key));
                    let rest = end.map(|end| keys[end..].chars().skip(1).collect::<Vec<_>>());
                    self.deeds.pop_front();
                    if let Some(rest) = rest {
                        self.keys.extend(rest);
                        return RecordEnd::Terminator;
                    }
                }
                Some(Deed::Silence) => {
                    self.deeds.pop_front();
                    break;
                }
                Some(Deed::HangUp) | None => {
                    self.deeds.pop_front();
                    self.gone();
                    return RecordEnd::HungUp;
                }
                Some(Deed::Hold) => self.hold(),
                Some(Deed::PressWhilePlaying(_) | Deed::Speak(_) | Deed::Say(_)) => break,
            }
        }
        match options.silence_ms {
            0 => RecordEnd::MaxDuration,
            _ => RecordEnd::Silence,
        }
    }

    pub fn start_playing(
        &mut self,
        prompt: &[Part],
        _language: Option<&str>,
        repeat: bool,
    ) -> Result<(), Error> {
        self.media()?;
        self.heard.extend(prompt.iter().filter_map(name));
        self.background = Some(match repeat {
            true => Background::Repeated,
            false => Background::Once,
        });
        Ok(())
    }

    pub fn stop_playing(&mut self) -> Result<(), Error> {
        self.up()?;
        self.background = None;
        Ok(())
    }

    pub fn flush_digits(&mut self) -> Result<(), Error> {
        self.up()?;
        self.keys.clear();
        Ok(())
    }

    pub fn send_digits(&mut self, digits: &str) -> Result<(), Error> {
        self.media()?;
        self.sent.push_str(digits);
        Ok(())
    }

    pub fn start_recording(&mut self) -> Result<String, Error> {
        self.media()?;
        if self.recording != CallRecording::Off {
            return Err(wrong_state("the call is already recorded"));
        }
        self.recording = CallRecording::On;
        self.recordings += 1;
        Ok(format!("test-call-{}", self.recordings))
    }

    pub fn pause_recording(&mut self) -> Result<(), Error> {
        self.turn_recording(CallRecording::Paused)
    }

    pub fn resume_recording(&mut self) -> Result<(), Error> {
        self.turn_recording(CallRecording::On)
    }

    pub fn stop_recording(&mut self) -> Result<(), Error> {
        self.turn_recording(CallRecording::Off)
    }

    fn turn_recording(&mut self, to: CallRecording) -> Result<(), Error> {
        self.up()?;
        if self.recording == CallRecording::Off {
            return Err(wrong_state("the call is not recorded"));
        }
        self.recording = to;
        Ok(())
    }

    pub fn discard_recording(&mut self, id: &str) -> Result<(), Error> {
        let before = self.messages.len();
        self.messages.retain(|kept| kept.id != id);
        match self.messages.len() < before || id.starts_with("test-call-") {
            true => Ok(()),
            false => Err(Error::NotFound(format!(
                "recording {id:?}: this call made none of that name"
            ))),
        }
    }
}

/// What the caller does where the flow collects.
enum Does {
    Presses,
    Says(GatherResult),
    Nothing,
}

/// What becomes of an attempt in which the recognizer could not listen.
fn unheard(reason: UnheardReason, result: GatherResult) -> GatherResult {
    let digits = match result {
        GatherResult::NoInput => String::new(),
        GatherResult::NoMatch(digits) => digits,
        other => return other,
    };
    GatherResult::Unheard(Unheard {
        reason,
        text: "the test says so".to_owned(),
        digits,
    })
}

/// What a part is called among what was heard.
fn name(part: &Part) -> Option<String> {
    match part {
        Part::File(name) => Some(name.clone()),
        Part::Recording(_) => Some("recording".to_owned()),
        Part::Silence(_) | Part::Tone(_) => None,
        Part::Say(value) => Some(crate::say::written(value)),
        Part::Text(text) => Some(text.clone()),
    }
}

/// `x` stands for one of 0-9, a last `.` for any further keys, every other character for itself.
fn is_accepted(pattern: &str, entry: &str) -> bool {
    let (head, is_open) = match pattern.strip_suffix('.') {
        Some(head) => (head, true),
        None => (pattern, false),
    };
    let fits = |(expected, key): (char, char)| match expected {
        'x' | 'X' => key.is_ascii_digit(),
        other => other == key,
    };
    let (least, given) = (head.chars().count(), entry.chars().count());
    (given == least || is_open && given > least) && head.chars().zip(entry.chars()).all(fits)
}
