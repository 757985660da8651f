//! Which recorded calls are wanted, as it is typed: `flow=demo,since=yesterday,limit=500`.

use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::admin::CallRecord;
use crate::moment;

/// Calls that are taken from a server when the selector has no limit.
const MANY: usize = 10_000;

/// Which recorded calls are wanted. Empty: all of the server's, the newest 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Files and directories of exported journals; none: the server's.
    pub paths: Vec<PathBuf>,
    /// These calls; empty: every one that fits.
    pub calls: Vec<String>,
    pub(super) flow: Option<String>,
    pub(super) version: Option<String>,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    pub(super) caller: Option<String>,
    pub(super) called: Option<String>,
    pub(super) trunk: Option<String>,
    pub(super) outcome: Option<String>,
    limit: Option<usize>,
}

/// The keys, for messages.
const KEYS: &str = "flow, version, since, until, caller, called, trunk, outcome, limit";

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut selector = Selector::default();
        for term in text.split(',').map(str::trim) {
            match term.split_once('=') {
                _ if is_path(term) => selector.paths.push(term.into()),
                Some((key, value)) => selector.set(key.trim(), value.trim())?,
                None => match term {
                    "" => return Err("a term is empty; write `all` for every call".to_owned()),
                    "all" => {}
                    "today" => selector.since = Some(term.to_owned()),
                    "yesterday" => {
                        selector.since = Some(term.to_owned());
                        selector.until = Some("today".to_owned());
                    }
                    call => selector.calls.push(call.to_owned()),
                },
            }
        }
        Ok(selector)
    }
}

/// Exported journals, rather than the id of a call?
fn is_path(term: &str) -> bool {
    let looks = term.starts_with(['.', '/']) || term.ends_with(".jsonl");
    looks || (!term.is_empty() && !term.contains('=') && std::path::Path::new(term).exists())
}

impl Selector {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if value.is_empty() {
            return Err(format!("{key}= has no value"));
        }
        let place = match key {
            "flow" => &mut self.flow,
            "version" => &mut self.version,
            "since" | "until" => {
                moment::parse(value, Timestamp::now(), &TimeZone::UTC)
                    .map_err(|why| format!("{key}: {why}"))?;
                match key {
                    "since" => &mut self.since,
                    _ => &mut self.until,
                }
            }
            "caller" => &mut self.caller,
            "called" => &mut self.called,
            "trunk" => &mut self.trunk,
            "outcome" => &mut self.outcome,
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                self.limit = Some(limit.ok_or("limit is a number, 1 or more")?);
                return Ok(());
            }
            other => {
                return Err(format!(
                    "there is no {other:?}; a term is KEY=VALUE with {KEYS}; the id of a call; a file or directory of exported journals; today, yesterday or all"
                ));
            }
        };
        *place = Some(value.to_owned());
        Ok(())
    }

    /// The flow whose calls are wanted.
    #[must_use]
    pub fn flow(&self) -> Option<&str> {
        self.flow.as_deref()
    }

    /// At most so many calls.
    #[must_use]
    pub fn limit(&self) -> usize {
        match self.paths.is_empty() {
            true => self.limit.unwrap_or(MANY),
            false => self.limit.unwrap_or(usize::MAX),
        }
    }

    /// Was a limit written?
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Is this one of the wanted? For calls that no server has chosen; moments are in `zone`.
    #[must_use]
    pub fn wants(&self, record: &CallRecord, now: Timestamp, zone: &TimeZone) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        let ms = |text: &Option<String>| {
            let moment = moment::parse(text.as_deref()?, now, zone).ok()?;
            u64::try_from(moment.as_millisecond()).ok()
        };
        let version = record.version.as_deref().unwrap_or_default();
        let wanted_version = self.version.as_deref().unwrap_or_default();
        (self.calls.is_empty() || self.calls.contains(&record.call_id))
            && same(&self.flow, record.flow.as_deref())
            && same(&self.caller, Some(&record.caller))
            && same(&self.called, Some(&record.called))
            && same(&self.trunk, Some(&record.trunk))
            && same(&self.outcome, Some(&record.outcome))
            && version.starts_with(wanted_version)
            && ms(&self.since).is_none_or(|since| record.received_ms >= since)
            && ms(&self.until).is_none_or(|until| record.received_ms < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Selector>().unwrap();
        let all = read(
            "flow=demo, version=1f0a,since=2d,until=2026-11-22T20:00,outcome=completed,caller=1,called=2,trunk=t,limit=7",
        );
        assert_eq!(all.flow(), Some("demo"));
        assert_eq!((all.limit(), all.is_limited()), (7, true));
        assert_eq!(all.version.as_deref(), Some("1f0a"));
        assert_eq!(read("all"), Selector::default());
        assert_eq!(read("all").limit(), MANY);
        let yesterday = read("yesterday,flow=demo");
        assert_eq!(yesterday.since.as_deref(), Some("yesterday"));
        assert_eq!(yesterday.until.as_deref(), Some("today"));
        let files = read("./calls,more.jsonl,outcome=completed");
        assert_eq!(files.paths, [PathBuf::from("./calls"), "more.jsonl".into()]);
        assert_eq!(files.limit(), usize::MAX);
        let calls = read("01kaaa,01kbbb");
        assert_eq!(calls.calls, ["01kaaa", "01kbbb"]);
    }

    #[test]
    fn what_is_mistyped_is_said() {
        for (text, why) in [
            ("", "a term is empty"),
            ("flow=", "flow= has no value"),
            ("flwo=demo", "there is no \"flwo\""),
            ("since=tomorrow", "since: \"tomorrow\" is no moment"),
            ("limit=0", "limit is a number"),
        ] {
            let error = text.parse::<Selector>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
