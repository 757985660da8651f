//! A message box: callers leave messages, get a number for each, and ask later what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use vireo_sdk::{Call, Message, Prompt, Result, info, kv, recording, warn};

use crate::line::Line;
use crate::list::{Files, spelled};
use crate::plan::{self, Asking, Plan, check_name};
use crate::results::{Caller, Record};

/// The plan of a message box.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MessageBox {
    /// The name of its results and of its numbers.
    pub name: String,
    /// What a caller gets.
    pub start: Start,
    /// How questions are asked.
    pub asking: Asking,
    /// The digits of a number, 4 to 12; the last is a check digit.
    pub digits: u8,
    /// The longest message, seconds.
    pub longest_s: u16,
    /// The shortest message, seconds; what is shorter is recorded again.
    pub shortest_s: u16,
    /// So much silence ends a message, seconds.
    pub silence_s: u16,
    /// What callers hear.
    pub prompts: Prompts,
    /// What callers hear of a state, by state. `received` is that of a new message.
    pub states: BTreeMap<String, Files>,
}

/// What a caller of a message box gets.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The choice between the two.
    Menu,
    /// Leaving a message.
    Leave,
    /// The state of a message.
    State,
}

/// What callers of a message box hear.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Prompts {
    /// Heard first.
    pub welcome: Files,
    /// 1 leaves a message, 2 asks for the state of one.
    pub menu: Files,
    /// Heard before the tone.
    pub leave: Files,
    /// Heard when a message is too short.
    pub too_short: Files,
    /// 1 keeps the message, 2 plays it, 3 records it again.
    pub review: Files,
    /// Heard before the message is played.
    pub you_said: Files,
    /// Heard before the number.
    pub number: Files,
    /// 1 says the number again.
    pub number_again: Files,
    /// Asks for the number of a message.
    pub enter_number: Files,
    /// Heard when there is no such number.
    pub unknown_number: Files,
    /// Heard for a state that `states` does not have.
    pub other_state: Files,
    /// Heard at the end.
    pub goodbye: Files,
}

impl Default for Prompts {
    fn default() -> Self {
        let file = |name: &str| Files::one(&format!("message-box/{name}"));
        Self {
            welcome: Files::default(),
            menu: file("menu"),
            leave: file("leave"),
            too_short: file("too-short"),
            review: file("review"),
            you_said: file("you-said"),
            number: file("number"),
            number_again: file("number-again"),
            enter_number: file("enter-number"),
            unknown_number: file("unknown-number"),
            other_state: file("state/other"),
            goodbye: Files::one("ready/goodbye"),
        }
    }
}

/// The state of a new message.
const RECEIVED: &str = "received";

impl Default for MessageBox {
    fn default() -> Self {
        let state = |name: &str| {
            (
                name.to_owned(),
                Files::one(&format!("message-box/state/{name}")),
            )
        };
        Self {
            name: "messages".to_owned(),
            start: Start::Menu,
            asking: Asking::default(),
            digits: 6,
            longest_s: 120,
            shortest_s: 1,
            silence_s: 4,
            prompts: Prompts::default(),
            states: [RECEIVED, "in-progress", "done"].map(state).into(),
        }
    }
}

/// A caller who records again and again is content at the latest with this one.
const MOST_RECORDINGS: u8 = 5;

impl MessageBox {
    /// Takes a message, and says its number.
    ///
    /// # Errors
    ///
    /// Those of the call and of the store.
    pub fn leave(&self, line: &Line<'_>) -> Result<()> {
        let Some(mut taken) = self.take(line, None)? else {
            return Ok(());
        };
        for _ in 1..MOST_RECORDINGS {
            if self.review(line, &taken.message)? == Review::Keep {
                break;
            }
            // The earlier one is kept until there is another.
            match self.take(line, Some(&taken.number))? {
                Some(again) => {
                    line.call.discard(&taken.message)?;
                    taken = again;
                }
                None => break,
            }
        }
        taken.record.complete();
        taken.record.save()?;
        let number = self.prompts.number.prompt().then(spelled(&taken.number));
        line.play(number.clone())?;
        for _ in 0..self.asking.attempts {
            let again = line
                .ask(&self.prompts.number_again, &self.asking)
                .attempts(1)
                .accept(["1"])
                .collect()?;
            if again.digits().is_none() {
                break;
            }
            line.play(number.clone())?;
        }
        Ok(())
    }

    /// Records until there is a message that is long enough, and keeps it under a number; none
    /// when the caller says nothing.
    fn take(&self, line: &Line<'_>, number: Option<&str>) -> Result<Option<Taken>> {
        let mut prompt = self.prompts.leave.prompt();
        for _ in 0..self.asking.attempts {
            let message = line
                .record(prompt)
                .max_duration(Duration::from_secs(self.longest_s.into()))
                .silence(Duration::from_secs(self.silence_s.into()))
                .start()?;
            if message.duration < Duration::from_secs(self.shortest_s.into()) {
                line.call.discard(&message)?;
                prompt = self.prompts.too_short.prompt();
                continue;
            }
            return self.keep(line, message, number).map(Some);
        }
        Ok(None)
    }

    /// Writes the message down at once: a caller may hang up after speaking.
    fn keep(&self, line: &Line<'_>, message: Message, number: Option<&str>) -> Result<Taken> {
        let number = match number {
            Some(number) => number.to_owned(),
            None => self.next_number()?,
        };
        let began = line.call.info().started_at;
        let mut record = Record::new(&self.name, line, began, &number, Caller::Named);
        record.answer("number", number.as_str());
        record.answer("recording", message.id.as_str());
        let ms = u64::try_from(message.duration.as_millis()).unwrap_or(u64::MAX);
        record.answer("ms", ms);
        record.save()?;
        kv::set(&self.state_key(&number), RECEIVED)?;
        info!("message {number} is recording {}", message.id);
        Ok(Taken {
            number,
            message,
            record,
        })
    }

    /// A caller who says nothing about the message is content with it.
    fn review(&self, line: &Line<'_>, message: &Message) -> Result<Review> {
        for _ in 0..MOST_RECORDINGS {
            let key = line.choose(&self.prompts.review, &["1", "2", "3"], &self.asking)?;
            match key.as_deref() {
                Some("2") => {
                    let said: Prompt = (self.prompts.you_said.prompt(), recording(message)).into();
                    line.play(said)?;
                }
                Some("3") => return Ok(Review::Again),
                _ => break,
            }
        }
        Ok(Review::Keep)
    }

    fn next_number(&self) -> Result<String> {
        let count = kv::increment(&format!("numbers/{}", self.name), 1)?;
        let plain = format!("{count:0width$}", width = usize::from(self.digits) - 1);
        if plain.len() >= self.digits.into() {
            return Err(format!(
                "all numbers of {} digits are used: raise `digits` of the message box",
                self.digits
            )
            .into());
        }
        Ok(format!("{plain}{}", check_digit(&plain)))
    }

    fn state_key(&self, number: &str) -> String {
        format!("states/{}/{number}", self.name)
    }

    /// Asks for a number and says the state of its message.
    ///
    /// # Errors
    ///
    /// Those of the call and of the store.
    pub fn state(&self, line: &Line<'_>) -> Result<()> {
        for _ in 0..self.asking.attempts {
            let entered = line
                .ask(&self.prompts.enter_number, &self.asking)
                .max_digits(self.digits)
                .terminators("#")
                .collect()?;
            let Some(number) = entered.digits() else {
                return Ok(());
            };
            let state = match is_number(&number) {
                true => kv::get_text(&self.state_key(&number))?,
                false => None,
            };
            let Some(state) = state else {
                line.play(&self.prompts.unknown_number)?;
                continue;
            };
            let heard = self.states.get(state.trim()).unwrap_or_else(|| {
                warn!("message {number} has the state {state:?}, for which there is no prompt");
                &self.prompts.other_state
            });
            return line.play(heard);
        }
        Ok(())
    }

    /// The whole message box.
    ///
    /// # Errors
    ///
    /// Those of the call and of the store.
    pub fn run(&self, line: &Line<'_>) -> Result<()> {
        line.play(&self.prompts.welcome)?;
        match self.start {
            Start::Leave => self.leave(line)?,
            Start::State => self.state(line)?,
            Start::Menu => {
                let key = line.choose(&self.prompts.menu, &["1", "2"], &self.asking)?;
                match key.as_deref() {
                    Some("1") => self.leave(line)?,
                    Some(_) => self.state(line)?,
                    None => {}
                }
            }
        }
        line.play(&self.prompts.goodbye)
    }
}

/// A message that was kept.
struct Taken {
    number: String,
    message: Message,
    record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Review {
    Keep,
    Again,
}

/// The digit that makes the sum of Luhn's method (ISO/IEC 7812-1, annex B) end in 0: a digit that
/// was mistyped, and most exchanges of two neighbours, are found.
fn check_digit(digits: &str) -> u32 {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .zip([2, 1].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    (10 - sum % 10) % 10
}

fn is_number(entered: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    entered.len() > 1
        && entered.chars().all(is_digit)
        && entered.split_at(entered.len() - 1).1
            == check_digit(&entered[..entered.len() - 1]).to_string()
}

impl Plan for MessageBox {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        check_name(&self.name, &mut problems);
        self.asking.check("asking: ", &mut problems);
        if !(4..=12).contains(&self.digits) {
            problems.push(format!("`digits` is {}; 4 to 12 is allowed", self.digits));
        }
        if !(1..=3600).contains(&self.longest_s) || self.shortest_s > self.longest_s {
            problems.push("`longest-s` must be 1 to 3600 and not below `shortest-s`".to_owned());
        }
        if self.silence_s > 60 {
            problems.push(format!(
                "`silence-s` is {}; 0 to 60 is allowed",
                self.silence_s
            ));
        }
        if !self.states.contains_key(RECEIVED) {
            problems.push(format!(
                "`states` has no `{RECEIVED}`, the state of a new message"
            ));
        }
        problems
    }
}

/// The flow: the message box of the setting that the route's parameter `message-box` names, or of
/// `message-box`. The parameter `start` comes before the plan's.
///
/// # Errors
///
/// Those of the plan, of the call and of the store.
pub fn run(call: &Call) -> Result<()> {
    let setting = call.parameter("message-box").unwrap_or("message-box");
    let mut plan: MessageBox = plan::from_setting(setting)?;
    if let Some(start) = call.parameter("start") {
        plan.start = match start {
            "menu" => Start::Menu,
            "leave" => Start::Leave,
            "state" => Start::State,
            other => {
                let why = format!(
                    "the route's parameter `start` is {other:?}; write \"menu\", \"leave\" or \"state\""
                );
                return Err(vireo_sdk::Error::Invalid(why));
            }
        };
    }
    plan.run(&Line::new(call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_check_digit() {
        // The example of ISO/IEC 7812-1: 7992739871 has the check digit 3.
        assert_eq!(check_digit("7992739871"), 3);
        assert_eq!((check_digit("00001"), check_digit("00000")), (8, 0));
        for (entered, right) in [
            ("000018", true),
            ("79927398713", true),
            ("000081", false),
            ("000017", false),
            ("100018", false),
            ("8", false),
            ("", false),
            ("00*018", false),
        ] {
            assert_eq!(is_number(entered), right, "{entered}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (text, told) in [
            ("digits = 3", "`digits` is 3"),
            ("longest-s = 0", "`longest-s`"),
            ("silence-s = 61", "`silence-s` is 61"),
            ("states = { done = 'a' }", "no `received`"),
            ("start = 'end'", "unknown variant `end`"),
            ("prompts = { menus = 'a' }", "unknown field `menus`"),
        ] {
            let why = plan::parse::<MessageBox>("message-box", text).unwrap_err();
            assert!(why.to_string().contains(told), "{text}: {why}");
        }
        assert!(plan::parse::<MessageBox>("message-box", "").is_ok());
    }
}
