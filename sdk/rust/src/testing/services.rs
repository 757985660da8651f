//! What flows have beside their call: keys, settings, the log, the clock, HTTP.

use std::collections::{BTreeMap, VecDeque};

use super::state::State;
use crate::contract::vireo::flow::clock::LocalTime;
use crate::contract::vireo::flow::http::{Request, Response};
use crate::contract::vireo::flow::log::Level;
use crate::contract::vireo::flow::types::Error;

const DAY_MS: u64 = 86_400_000;

/// 2026-01-05T10:00, a Monday.
const STARTED_MS: u64 = 1_767_607_200_000;

/// An HTTP server's status and body, or why there is none.
type HttpAnswer = Result<(u16, Vec<u8>), String>;

/// What surrounds the call.
#[derive(Debug)]
pub(super) struct Services {
    pub settings: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    pub store: Store,
    pub log: Vec<String>,
    /// Milliseconds since 1970-01-01T00:00.
    pub now_ms: u64,
    pub random: VecDeque<u64>,
    drawn: u64,
    pub answers: Vec<(String, HttpAnswer)>,
    pub requests: Vec<Request>,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            store: Store::default(),
            log: Vec::new(),
            now_ms: STARTED_MS,
            random: VecDeque::new(),
            drawn: 0,
            answers: Vec::new(),
            requests: Vec::new(),
        }
    }
}

impl Services {
    /// Time passes.
    pub fn passes(&mut self, ms: u32) {
        self.now_ms += u64::from(ms);
    }
}

/// The flow's keys.
#[derive(Debug, Default)]
pub(super) struct Store(BTreeMap<String, Value>);

#[derive(Debug)]
enum Value {
    Bytes(Vec<u8>),
    Counter(i64),
}

impl Store {
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        Some(match self.0.get(key)? {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Counter(count) => count.to_string().into_bytes(),
        })
    }

    pub fn set(&mut self, key: String, value: Vec<u8>) {
        self.0.insert(key, Value::Bytes(value));
    }

    pub fn set_counter(&mut self, key: String, count: i64) {
        self.0.insert(key, Value::Counter(count));
    }
}

impl State {
    pub fn kv_get(&mut self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.services.store.get(key))
    }

    pub fn kv_set(&mut self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.services.store.set(key.to_owned(), value.to_owned());
        Ok(())
    }

    pub fn kv_delete(&mut self, key: &str) -> Result<(), Error> {
        self.services.store.0.remove(key);
        Ok(())
    }

    pub fn kv_increment(&mut self, key: &str, by: i64) -> Result<i64, Error> {
        let count = match self.services.store.0.get(key) {
            None => 0,
            Some(Value::Counter(count)) => *count,
            Some(Value::Bytes(_)) => {
                return Err(Error::Invalid(format!(
                    "the value of {key:?} is no counter: it was not written by increment"
                )));
            }
        };
        let sum = count.checked_add(by).ok_or_else(|| {
            Error::Invalid(format!("the counter {key:?} leaves the range of 64 bits"))
        })?;
        self.services.store.set_counter(key.to_owned(), sum);
        Ok(sum)
    }

    pub fn kv_swap(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, Error> {
        if self.services.store.get(key).as_deref() != expected {
            return Ok(false);
        }
        match new {
            Some(value) => self.kv_set(key, value)?,
            None => self.kv_delete(key)?,
        }
        Ok(true)
    }

    pub fn kv_keys(&mut self, prefix: &str, limit: u32) -> Result<Vec<String>, Error> {
        let keys = self.services.store.0.keys();
        let keys = keys.filter(|key| key.starts_with(prefix)).cloned();
        Ok(keys.take(limit as usize).collect())
    }

    pub fn setting(&mut self, key: &str) -> Option<String> {
        self.services.settings.get(key).cloned()
    }

    pub fn secret(&mut self, name: &str) -> Result<String, Error> {
        let secret = self.services.secrets.get(name).cloned();
        secret.ok_or_else(|| Error::NotFound(format!("secret {name:?}: the test gives none")))
    }

    pub fn log(&mut self, _level: Level, message: &str) {
        self.services.log.push(message.to_owned());
    }

    pub fn now_ms(&mut self) -> u64 {
        self.services.now_ms
    }

    pub fn local(&mut self, _zone: Option<&str>) -> Result<LocalTime, Error> {
        Ok(local_time(self.services.now_ms))
    }

    /// The numbers of the test, then SplitMix64.
    pub fn random(&mut self) -> u64 {
        if let Some(number) = self.services.random.pop_front() {
            return number;
        }
        let drawn = self.services.drawn.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.services.drawn = drawn;
        let mixed = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn send(&mut self, request: &Request) -> Result<Response, Error> {
        self.services.requests.push(request.clone());
        let answers = &mut self.services.answers;
        let asked = |(url, _): &(String, HttpAnswer)| *url == request.url;
        let found = answers.iter().position(asked);
        let answer = match found {
            None => Err(format!("the test has no answer to {}", request.url)),
            // The last one stays.
            Some(at) if answers[at + 1..].iter().any(asked) => answers.remove(at).1,
            Some(at) => answers[at].1.clone(),
        };
        let (status, body) = answer.map_err(|why| Error::Failed(format!("http: {why}")))?;
        Ok(Response {
            status,
            headers: Vec::new(),
            body,
        })
    }
}

/// Days from 1970-01-01 to this day of the Gregorian calendar; 0 for those before. Years begin in
/// March here, so that the day that only some of them have is the last.
fn days_until(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = match month {
        3.. => (year, month - 3),
        _ => (year - 1, month + 9),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day.saturating_sub(1);
    // The same of 1970-01-01.
    days.saturating_sub(719_468)
}

/// Milliseconds from 1970-01-01T00:00 to this moment.
pub(super) fn milliseconds(year: u16, month: u8, day: u8, hour: u8, minute: u8) -> u64 {
    let days = days_until(year.max(1).into(), month.into(), day.into());
    days * DAY_MS + u64::from(hour) * 3_600_000 + u64::from(minute) * 60_000
}

fn local_time(now_ms: u64) -> LocalTime {
    let days = now_ms / DAY_MS;
    let seconds = now_ms % DAY_MS / 1_000;
    let year = (1970..).find(|year| days < days_until(year + 1, 1, 1));
    let year = year.unwrap_or_default();
    let month = (1..12).find(|month| days < days_until(year, month + 1, 1));
    let month = month.unwrap_or(12);
    let day = days - days_until(year, month, 1) + 1;
    // Each of these is far below its type's limit.
    #[allow(clippy::cast_possible_truncation)]
    LocalTime {
        year: year as i16,
        month: month as u8,
        day: day as u8,
        // The first of 1970 was a Thursday.
        weekday: ((days + 3) % 7 + 1) as u8,
        hour: (seconds / 3_600) as u8,
        minute: (seconds / 60 % 60) as u8,
        second: (seconds % 60) as u8,
        utc_offset_s: 0,
    }
}
