//! A notice: an announcement that is confirmed with a key.

use serde::Deserialize;
use vireo_sdk::{Call, Result, kv};

use crate::language::is_entry;
use crate::line::Line;
use crate::list::Files;
use crate::plan::{self, Asking, Plan, check_name};
use crate::results::{Caller, Record};

/// The plan of a notice.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Notice {
    /// The name of its results.
    #[serde(default = "Notice::default_name")]
    pub name: String,
    /// The announcement.
    pub message: Files,
    /// How to confirm, to hear it again, and to hear no more.
    #[serde(default = "Notice::default_menu")]
    pub menu: Files,
    /// Confirms.
    #[serde(default = "Notice::default_confirm")]
    pub confirm_key: String,
    /// Plays the announcement again; none when empty.
    #[serde(default = "Notice::default_repeat")]
    pub repeat_key: String,
    /// Wants no notices any more; none when empty.
    #[serde(default)]
    pub opt_out_key: String,
    /// Heard after the confirmation.
    #[serde(default = "Notice::default_confirmed")]
    pub confirmed: Files,
    /// Heard by who wants no notices, instead of them.
    #[serde(default = "Notice::default_opted_out")]
    pub opted_out: Files,
    /// Heard by who did not confirm.
    #[serde(default = "Notice::default_unconfirmed")]
    pub unconfirmed: Files,
    /// How the question is asked.
    #[serde(default)]
    pub asking: Asking,
}

/// So often the announcement is played at the request of one caller.
const MOST_REPEATS: u8 = 5;

impl Notice {
    fn default_name() -> String {
        "notice".to_owned()
    }
    fn default_menu() -> Files {
        Files::one("notice/menu")
    }
    fn default_confirm() -> String {
        "1".to_owned()
    }
    fn default_repeat() -> String {
        "2".to_owned()
    }
    fn default_confirmed() -> Files {
        Files::one("notice/confirmed")
    }
    fn default_opted_out() -> Files {
        Files::one("notice/opted-out")
    }
    fn default_unconfirmed() -> Files {
        Files::one("notice/unconfirmed")
    }

    /// Announces, and notes what became of it. What is noted first holds when the caller hangs up.
    ///
    /// # Errors
    ///
    /// Those of the call and of the store.
    pub fn run(&self, line: &Line<'_>) -> Result<()> {
        let info = line.call.info();
        let mut record = Record::new(
            &self.name,
            line,
            info.started_at,
            &info.call_id,
            Caller::Named,
        );
        let opt_out = (!info.caller.is_empty()).then(|| format!("opt-out/{}", info.caller));
        let wants_none = match &opt_out {
            Some(key) => kv::get(key)?.is_some(),
            None => false,
        };
        let (result, last) = if wants_none {
            ("opted-out-before", &self.opted_out)
        } else {
            record.answer("result", "unconfirmed");
            record.save()?;
            match self.announce(line, opt_out.is_some())? {
                Heard::Confirmed => ("confirmed", &self.confirmed),
                Heard::OptedOut => {
                    if let Some(key) = &opt_out {
                        kv::set(key, &self.name)?;
                    }
                    ("opted-out", &self.opted_out)
                }
                Heard::Nothing => ("unconfirmed", &self.unconfirmed),
            }
        };
        record.answer("result", result);
        record.complete();
        record.save()?;
        line.play(last)
    }

    fn announce(&self, line: &Line<'_>, may_opt_out: bool) -> Result<Heard> {
        let mut keys = vec![self.confirm_key.as_str()];
        keys.extend(Some(self.repeat_key.as_str()).filter(|key| !key.is_empty()));
        let opt_out = Some(self.opt_out_key.as_str()).filter(|key| may_opt_out && !key.is_empty());
        keys.extend(opt_out);
        for _ in 0..=MOST_REPEATS {
            let prompt = self.message.prompt().then(&self.menu);
            match line.choose(prompt, &keys, &self.asking)?.as_deref() {
                Some(key) if key == self.confirm_key => return Ok(Heard::Confirmed),
                Some(key) if Some(key) == opt_out => return Ok(Heard::OptedOut),
                Some(_) => {}
                None => break,
            }
        }
        Ok(Heard::Nothing)
    }
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Confirmed,
    OptedOut,
    Nothing,
}

impl Plan for Notice {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        check_name(&self.name, &mut problems);
        self.asking.check("asking: ", &mut problems);
        if self.message.0.is_empty() {
            problems.push("`message` is empty".to_owned());
        }
        let keys = [
            ("confirm-key", &self.confirm_key),
            ("repeat-key", &self.repeat_key),
            ("opt-out-key", &self.opt_out_key),
        ];
        for (at, (name, key)) in keys.iter().enumerate() {
            let missing = key.is_empty() && *name == "confirm-key";
            if missing || (!key.is_empty() && !is_entry(key)) {
                problems.push(format!("`{name}` is {key:?}, which cannot be pressed"));
            }
            let others = keys.iter().take(at).find(|(_, other)| other == key);
            if let Some((other, _)) = others.filter(|_| !key.is_empty()) {
                problems.push(format!("`{other}` and `{name}` are the same key"));
            }
        }
        problems
    }
}

/// The flow: the notice of the setting that the route's parameter `notice` names, or of `notice`.
///
/// # Errors
///
/// Those of the plan, of the call and of the store.
pub fn run(call: &Call) -> Result<()> {
    let notice: Notice = plan::from_setting(call.parameter("notice").unwrap_or("notice"))?;
    notice.run(&Line::new(call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told() {
        for (text, told) in [
            ("", "missing field `message`"),
            ("message = []", "`message` is empty"),
            ("message = 'a'\nconfirm-key = ''", "`confirm-key` is \"\""),
            ("message = 'a'\nrepeat-key = 'x'", "`repeat-key` is \"x\""),
            (
                "message = 'a'\nopt-out-key = '1'",
                "`confirm-key` and `opt-out-key` are the same key",
            ),
        ] {
            let why = plan::parse::<Notice>("notice", text).unwrap_err();
            assert!(why.to_string().contains(told), "{text}: {why}");
        }
        assert!(plan::parse::<Notice>("notice", "message = 'a'\nrepeat-key = ''").is_ok());
    }
}
