//! The caller at the keyboard.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use vireo_sim::{Act, Caller, Happened, HeardKind, Notice, Record, Saying, Turn, World};

use super::transcript::show;
use crate::cli::Output;

/// How long a key is down.
const PRESS: Duration = Duration::from_millis(100);

/// How long a caller whose keys come from a pipe takes to answer.
const REACTION: Duration = Duration::from_millis(500);

/// How long `s` speaks.
const SPEECH: Duration = Duration::from_secs(2);

/// How the time of the call goes by.
#[derive(Debug)]
pub(super) enum Pace {
    /// As the clock does; a key makes it jump.
    Clock {
        started: Instant,
        /// What was jumped over.
        ahead: Duration,
    },
    /// From one thing to the next. Keys are pressed when nothing plays.
    Jumps,
}

impl Pace {
    /// As the clock does, from now on.
    pub fn clock() -> Self {
        Pace::Clock {
            started: Instant::now(),
            ahead: Duration::ZERO,
        }
    }
}

/// What prompts say, by their names.
#[derive(Debug, Default)]
pub(super) struct Texts(HashMap<String, String>);

impl Texts {
    /// Reads a table of four columns with tabs between: language, name, length, text.
    pub fn read(table: &str, language: &str) -> Self {
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        let rows = rows.filter_map(|line| {
            let mut columns = line.split('\t');
            let (of, name) = (columns.next()?, columns.next()?);
            let text = columns.nth(1)?;
            (of == language || of.starts_with('-')).then(|| (name.to_owned(), text.to_owned()))
        });
        Texts(rows.collect())
    }
}

/// The caller at the keyboard: shows what happens, and presses what is typed.
#[derive(Debug)]
pub(super) struct Keyboard {
    typed: mpsc::Receiver<u8>,
    pace: Pace,
    texts: Texts,
    output: Output,
    /// Records that were shown.
    shown: usize,
    /// Does a prompt play that has an end?
    plays: Plays,
    /// What was begun and is not done.
    acts: VecDeque<(Duration, Act)>,
    /// Until when the caller speaks.
    busy: Duration,
    /// What was typed of a sentence.
    saying: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plays {
    ToItsEnd,
    Nothing,
}

/// What a typed character means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Typed {
    Key(char),
    /// What was typed behind a `"`.
    Say(String),
    Speak,
    Skip,
    HangUp,
    Nothing,
}

impl Typed {
    /// `saying` is what was typed of a sentence so far; none outside of one.
    fn of(byte: Option<u8>, saying: &mut Option<Vec<u8>>) -> Self {
        const END_OF_TEXT: u8 = 0x03;
        const END_OF_TRANSMISSION: u8 = 0x04;
        const BACKSPACE: u8 = 0x08;
        const DELETE: u8 = 0x7f;
        match (byte, &mut *saying) {
            (None | Some(END_OF_TEXT | END_OF_TRANSMISSION), _) => return Typed::HangUp,
            (Some(b'\n' | b'\r' | b'"'), Some(typed)) => {
                let text = String::from_utf8_lossy(typed).trim().to_owned();
                *saying = None;
                return Typed::Say(text);
            }
            (Some(BACKSPACE | DELETE), Some(typed)) => {
                typed.pop();
                return Typed::Nothing;
            }
            (Some(byte), Some(typed)) => {
                typed.push(byte);
                return Typed::Nothing;
            }
            (Some(b'"'), None) => {
                *saying = Some(Vec::new());
                return Typed::Nothing;
            }
            (Some(_), None) => {}
        }
        match byte {
            Some(b'h') => Typed::HangUp,
            Some(key @ (b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D')) => Typed::Key(key.into()),
            Some(b's') => Typed::Speak,
            Some(b' ') => Typed::Skip,
            Some(_) | None => Typed::Nothing,
        }
    }
}

impl Keyboard {
    pub fn new(typed: mpsc::Receiver<u8>, pace: Pace, texts: Texts, output: Output) -> Self {
        Keyboard {
            typed,
            pace,
            texts,
            output,
            shown: 0,
            plays: Plays::Nothing,
            acts: VecDeque::new(),
            busy: Duration::ZERO,
            saying: None,
        }
    }

    /// Shows what has happened since.
    pub fn show(&mut self, world: &World) {
        for record in world.log().iter().skip(self.shown) {
            let Some((who, text)) = show(record) else {
                continue;
            };
            let ms = record.at.as_millis();
            let time = format!("+{}.{:03}", ms / 1000, ms % 1000);
            self.output.line(&format!("{time:>10}  {who:<6}  {text}"));
            for said in self.said(record) {
                self.output.line(&format!("{:20}\"{said}\"", ""));
            }
        }
        self.shown = world.log().len();
    }

    fn said<'s>(&'s self, record: &'s Record) -> impl Iterator<Item = &'s String> {
        let parts = match &record.what {
            Happened::Starts { parts, .. } => parts.as_slice(),
            _ => &[],
        };
        let files = parts.iter().filter(|part| part.kind == HeardKind::File);
        files.filter_map(|part| self.texts.0.get(&part.text))
    }

    /// Begins what was typed at `at`; none when that is nothing to wait for.
    fn begin(&mut self, typed: Typed, at: Duration) {
        match typed {
            Typed::Key(key) => {
                let held_ms = PRESS.as_millis() as u32;
                self.acts.push_back((at, Act::KeyDown(key)));
                let up = Act::KeyUp { key, held_ms };
                self.acts.push_back((at + PRESS, up));
                self.busy = at + PRESS;
            }
            Typed::Say(text) => {
                let saying = Saying {
                    text,
                    confidence: 1.0,
                };
                self.busy = at + saying.length();
                self.acts.push_back((at, Act::Say(saying)));
            }
            Typed::Speak => {
                self.acts.push_back((at, Act::Speak(SPEECH)));
                self.busy = at + SPEECH;
            }
            Typed::HangUp => self.acts.push_back((at, Act::HangUp)),
            Typed::Skip | Typed::Nothing => {}
        }
    }

    /// What was begun and is due before `deadline`; nothing else is begun before it is done.
    fn due(&mut self, deadline: Duration) -> Option<Turn> {
        if self.acts.front()?.0 > deadline {
            return Some(Turn::Deadline);
        }
        let (at, act) = self.acts.pop_front()?;
        Some(Turn::Act { at, act })
    }

    async fn by_jumps(&mut self, now: Duration, deadline: Duration) -> Turn {
        loop {
            if let Some(turn) = self.due(deadline) {
                return turn;
            }
            if self.plays == Plays::ToItsEnd {
                return Turn::Deadline;
            }
            let byte = self.typed.recv().await;
            match Typed::of(byte, &mut self.saying) {
                Typed::Skip => return Turn::Deadline,
                Typed::HangUp => self.begin(Typed::HangUp, now.max(self.busy)),
                typed => self.begin(typed, now.max(self.busy) + REACTION),
            }
        }
    }

    async fn by_the_clock(&mut self, now: Duration, deadline: Duration) -> Turn {
        loop {
            let Pace::Clock { started, ahead } = &mut self.pace else {
                return Turn::Deadline;
            };
            let time = |started: &Instant, ahead: &Duration| started.elapsed() + *ahead;
            let next = self
                .acts
                .front()
                .map_or(deadline, |(at, _)| deadline.min(*at));
            let rest = next.saturating_sub(time(started, ahead));
            tokio::select! {
                biased;
                byte = self.typed.recv() => {
                    let at = time(started, ahead).clamp(now, deadline);
                    match Typed::of(byte, &mut self.saying) {
                        Typed::Skip => {
                            *ahead += next.saturating_sub(time(started, ahead));
                        }
                        typed => self.begin(typed, at.max(self.busy)),
                    }
                }
                () = tokio::time::sleep(rest) => {
                    return self.due(deadline).unwrap_or(Turn::Deadline);
                }
            }
        }
    }
}

impl Caller for Keyboard {
    fn notice(&mut self, _: Duration, _: &World, what: Notice<'_>) {
        match what {
            Notice::Starts { length, .. } => {
                self.plays = match length {
                    Some(_) => Plays::ToItsEnd,
                    None => Plays::Nothing,
                };
            }
            Notice::Stops => self.plays = Plays::Nothing,
            Notice::Verb { .. } | Notice::Ended(_) => {}
        }
    }

    async fn next(&mut self, world: &World, now: Duration, deadline: Duration) -> Turn {
        self.show(world);
        match self.pace {
            Pace::Clock { .. } => self.by_the_clock(now, deadline).await,
            Pace::Jumps => self.by_jumps(now, deadline).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_language_and_of_none() {
        let table = "# en\nen\twelcome\t-\tHello.\nzh\twelcome\t-\t欢迎。\n-\tx\t-\tX.\nbroken\n";
        let texts = Texts::read(table, "zh");
        assert_eq!(texts.0.len(), 2);
        assert_eq!(texts.0["welcome"], "欢迎。");
        assert_eq!(texts.0["x"], "X.");
    }
}
