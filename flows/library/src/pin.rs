//! PIN checks that lock a caller out who guesses.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use vireo_sdk::{Gathered, Result, clock, info, kv, settings};

use crate::line::Line;
use crate::list::Files;
use crate::plan::Asking;

/// What a caller has to enter before going on.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pin {
    /// The granted secret that holds the PIN. Either this or `kv`.
    pub secret: Option<String>,
    /// The key of the store that holds the PIN's digest; `{caller}` is the calling number.
    pub kv: Option<String>,
    /// The question.
    #[serde(default = "Prompts::enter")]
    pub prompt: Files,
    /// Heard when it was wrong and may be tried again.
    #[serde(default = "Prompts::wrong")]
    pub wrong: Files,
    /// Heard when the caller is locked out.
    #[serde(default = "Prompts::locked")]
    pub locked: Files,
    /// The fewest digits that a PIN has.
    #[serde(default = "Pin::least")]
    pub least_digits: u8,
    /// The most digits that a PIN has; so many are taken without `#`.
    #[serde(default = "Pin::most")]
    pub most_digits: u8,
    /// Wrong PINs, over all calls of the caller, that lock out.
    #[serde(default = "Pin::attempts")]
    pub attempts: u8,
    /// How long the caller is locked out, minutes. Wrong PINs are forgotten after the same time.
    #[serde(default = "Pin::lock_out")]
    pub lock_out_min: u32,
}

/// Prompts where the plan names none.
struct Prompts;

impl Prompts {
    fn enter() -> Files {
        Files::one("ready/enter-pin")
    }
    fn wrong() -> Files {
        Files::one("ready/wrong-pin")
    }
    fn locked() -> Files {
        Files::one("ready/locked-out")
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The PIN was right.
    Passed,
    /// The caller entered nothing, or is locked out.
    Refused,
}

impl Pin {
    fn least() -> u8 {
        4
    }
    fn most() -> u8 {
        8
    }
    fn attempts() -> u8 {
        3
    }
    fn lock_out() -> u32 {
        15
    }

    /// What is wrong with it.
    pub fn check(&self, name: &str, problems: &mut Vec<String>) {
        let mut wrong = |what: &str| problems.push(format!("pin `{name}`: {what}"));
        match (&self.secret, &self.kv) {
            (Some(_), Some(_)) | (None, None) => {
                wrong("exactly one of `secret` and `kv` must be there");
            }
            (None, Some(key)) if key.is_empty() => wrong("`kv` is empty"),
            _ => {}
        }
        if !(1..=32).contains(&self.least_digits)
            || !(self.least_digits..=32).contains(&self.most_digits)
        {
            wrong("`least-digits` and `most-digits` must be 1 to 32, the least at most the most");
        }
        if !(1..=10).contains(&self.attempts) {
            wrong("`attempts` must be 1 to 10");
        }
        if !(1..=100_000).contains(&self.lock_out_min) {
            wrong("`lock-out-min` must be 1 to 100000");
        }
    }

    /// Asks for the PIN until it is right, the caller enters nothing, or is locked out.
    ///
    /// An attempt is counted before it is judged, so that calls at the same time have no more
    /// attempts than one. Callers who withhold their number are counted together.
    ///
    /// # Errors
    ///
    /// Those of asking, of the store and of the secret.
    pub fn ask(&self, name: &str, line: &Line<'_>, asking: &Asking) -> Result<Verdict> {
        let guard = Guard::new(name, line.call.caller(), self);
        loop {
            if guard.is_locked()? {
                line.play(&self.locked)?;
                return Ok(Verdict::Refused);
            }
            let entered = line
                .ask(&self.prompt, asking)
                .attempts(1)
                .min_digits(self.least_digits)
                .max_digits(self.most_digits)
                .terminators("#")
                .collect()?;
            let right = match entered {
                Gathered::NoInput => return Ok(Verdict::Refused),
                _ if guard.count()? > self.attempts.into() => {
                    guard.lock()?;
                    continue;
                }
                Gathered::Digits(digits) => self.is_right(&digits, line.call.caller())?,
                Gathered::NoMatch(_) => false,
            };
            if right {
                guard.forget()?;
                return Ok(Verdict::Passed);
            }
            info!("wrong PIN for {name}");
            if guard.attempts()? >= self.attempts.into() {
                guard.lock()?;
            } else {
                line.play(&self.wrong)?;
            }
        }
    }

    fn is_right(&self, entered: &str, caller: &str) -> Result<bool> {
        if let Some(secret) = &self.secret {
            return Ok(same(
                settings::secret(secret)?.expose().trim().as_bytes(),
                entered.as_bytes(),
            ));
        }
        let key = self.kv.as_deref().unwrap_or_default();
        let kept = kv::get_text(&key.replace("{caller}", caller))?;
        Ok(kept.is_some_and(|kept| digest_fits(&kept, entered)))
    }
}

/// Does a PIN fit a digest written as `sha256:SALT:HEX`, the SHA-256 of the salt and the PIN?
fn digest_fits(kept: &str, entered: &str) -> bool {
    let mut parts = kept.trim().splitn(3, ':');
    let (Some("sha256"), Some(salt), Some(hex)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digest = Sha256::new()
        .chain_update(salt)
        .chain_update(entered)
        .finalize();
    let written: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    same(hex.to_ascii_lowercase().as_bytes(), written.as_bytes())
}

/// Compares in a time that does not depend on where two texts differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// The wrong PINs of one caller.
struct Guard {
    failures: String,
    since: String,
    until: String,
    lock_out: Duration,
}

impl Guard {
    fn new(name: &str, caller: &str, pin: &Pin) -> Self {
        let caller = match caller {
            "" => "withheld",
            caller => caller,
        };
        let key = |what: &str| format!("pin-guard/{name}/{caller}/{what}");
        Self {
            failures: key("failures"),
            since: key("since"),
            until: key("until"),
            lock_out: Duration::from_secs(u64::from(pin.lock_out_min) * 60),
        }
    }

    /// Forgets what is older than the lock-out.
    fn is_locked(&self) -> Result<bool> {
        let now = clock::now();
        if let Some(until) = moment(&self.until)? {
            if now < until {
                return Ok(true);
            }
            self.forget()?;
        } else if moment(&self.since)?.is_some_and(|since| now >= since + self.lock_out) {
            self.forget()?;
        }
        Ok(false)
    }

    /// Counts an attempt and returns how many there are.
    fn count(&self) -> Result<i64> {
        let failures = kv::increment(&self.failures, 1)?;
        if failures == 1 {
            kv::set(&self.since, milliseconds(clock::now()).to_string())?;
        }
        Ok(failures)
    }

    fn attempts(&self) -> Result<i64> {
        Ok(kv::get_text(&self.failures)?.map_or(Ok(0), |count| count.parse())?)
    }

    fn lock(&self) -> Result<()> {
        let until = clock::now() + self.lock_out;
        kv::set(&self.until, milliseconds(until).to_string())
    }

    fn forget(&self) -> Result<()> {
        kv::delete(&self.failures)?;
        kv::delete(&self.since)?;
        kv::delete(&self.until)
    }
}

fn milliseconds(moment: SystemTime) -> u128 {
    let since = moment.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis())
}

fn moment(key: &str) -> Result<Option<SystemTime>> {
    let Some(text) = kv::get_text(key)? else {
        return Ok(None);
    };
    let milliseconds: u64 = text.parse()?;
    Ok(Some(UNIX_EPOCH + Duration::from_millis(milliseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf pepper1234 | sha256sum`
    const HEX: &str = "a93de70907c2603968c7aebde62602739040c14c79162be1536a26b89f0129b8";

    #[test]
    fn digests_are_compared() {
        assert!(digest_fits(&format!("sha256:pepper:{HEX}\n"), "1234"));
        assert!(digest_fits(
            &format!("sha256:pepper:{}", HEX.to_uppercase()),
            "1234"
        ));
        for (kept, entered) in [
            (format!("sha256:pepper:{HEX}").as_str(), "1235"),
            (format!("sha256:salt:{HEX}").as_str(), "1234"),
            (format!("md5:pepper:{HEX}").as_str(), "1234"),
            ("1234", "1234"),
            ("", ""),
        ] {
            assert!(!digest_fits(kept, entered), "{kept} {entered}");
        }
    }

    #[test]
    fn a_pin_stands_in_one_place() {
        for (text, problems) in [
            ("secret = 'a'", 0),
            ("kv = 'pin/{caller}'", 0),
            ("", 1),
            ("secret = 'a'\nkv = 'b'", 1),
            ("kv = ''", 1),
            (
                "secret = 'a'\nleast-digits = 9\nattempts = 0\nlock-out-min = 0",
                3,
            ),
        ] {
            let pin: Pin = toml::from_str(text).unwrap();
            let mut found = Vec::new();
            pin.check("staff", &mut found);
            assert_eq!(found.len(), problems, "{text}: {found:?}");
        }
    }
}
