//! The script of a caller: what is done, in order.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// One thing that the caller does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Lets time pass.
    Wait(Duration),
    /// Listens until there is silence for so long; keeps what was heard as a file of its own.
    Listen(Duration),
    /// Presses keys, 100 ms each.
    Press(String),
    /// Speaks a WAV file.
    Say(PathBuf),
    /// Waits until the other side hangs up.
    ExpectHangup,
    /// Hangs up.
    Hangup,
}

/// A word of the script that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "step {0:?}: write listen, listen:1500ms, press:12#, say:file.wav, wait:2s, expect-hangup or hangup"
)]
pub struct StepError(String);

/// Silence that ends a `listen` when none is given: longer than the pauses inside a prompt.
const SILENCE: Duration = Duration::from_millis(1200);

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let bad = || StepError(text.to_owned());
        let (verb, argument) = text
            .split_once(':')
            .map_or((text, None), |(verb, argument)| (verb, Some(argument)));
        match (verb, argument) {
            ("listen", None) => Ok(Step::Listen(SILENCE)),
            ("listen", Some(silence)) => Ok(Step::Listen(duration(silence).ok_or_else(bad)?)),
            ("wait", Some(time)) => Ok(Step::Wait(duration(time).ok_or_else(bad)?)),
            ("press", Some(keys))
                if !keys.is_empty()
                    && keys.chars().all(|key| "0123456789*#ABCD,".contains(key)) =>
            {
                Ok(Step::Press(keys.to_owned()))
            }
            ("say", Some(file)) if !file.is_empty() => Ok(Step::Say(file.into())),
            ("expect-hangup", None) => Ok(Step::ExpectHangup),
            ("hangup", None) => Ok(Step::Hangup),
            _ => Err(bad()),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s')?, 1000),
    };
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(scale)?,
    ))
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Wait(time) => write!(f, "wait:{}ms", time.as_millis()),
            Step::Listen(silence) => write!(f, "listen:{}ms", silence.as_millis()),
            Step::Press(keys) => write!(f, "press:{keys}"),
            Step::Say(file) => write!(f, "say:{}", file.display()),
            Step::ExpectHangup => f.write_str("expect-hangup"),
            Step::Hangup => f.write_str("hangup"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_and_written() {
        let table = [
            ("listen", Some(Step::Listen(SILENCE))),
            (
                "listen:1500ms",
                Some(Step::Listen(Duration::from_millis(1500))),
            ),
            ("wait:2s", Some(Step::Wait(Duration::from_secs(2)))),
            ("press:12#", Some(Step::Press("12#".into()))),
            ("say:a:b.wav", Some(Step::Say("a:b.wav".into()))),
            ("expect-hangup", Some(Step::ExpectHangup)),
            ("hangup", Some(Step::Hangup)),
            ("press:", None),
            ("press:x", None),
            ("wait:2", None),
            ("wait", None),
            ("hangup:1s", None),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Step>().ok(), expected, "{text}");
            if let Some(step) = expected {
                assert_eq!(step.to_string().parse::<Step>(), Ok(step), "{text}");
            }
        }
    }
}
