//! When something is open: days, times, dates and holidays, written as in the routes of the server.

use std::collections::BTreeMap;

use serde::Deserialize;
use vireo_sdk::clock::LocalTime;

use crate::list::List;

/// A stretch of time that comes again. Every key that is given must hold.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Window {
    /// Days of the week: `"mon-fri"`, `["sat", "sun"]`.
    pub days: Option<List<Days>>,
    /// Times of the day: `"09:00-18:00"`. A span that ends before it begins runs over midnight and
    /// belongs to the day on which it begins.
    pub times: Option<List<Span>>,
    /// Dates: `"2026-11-22"`, `"2026-11-01..2026-11-30"`, every year `"12-25"`, `"12-24..01-06"`.
    pub dates: Option<List<Dates>>,
    /// Not on the days of these calendars.
    pub except: List<String>,
    /// Only on the days of these calendars.
    pub only: Option<List<String>>,
}

/// Days by name: holidays, mostly.
pub type Calendars = BTreeMap<String, List<Dates>>;

impl Window {
    /// Is it open?
    #[must_use]
    pub fn holds(&self, now: &LocalTime, calendars: &Calendars) -> bool {
        let today = Day::of(now);
        let minute = u16::from(now.hour) * 60 + u16::from(now.minute);
        let whole = [Span::WHOLE_DAY];
        let spans = self.times.as_ref().map_or(&whole[..], |times| &times.0);
        // No span is longer than a day: none that began before yesterday is still running.
        let began_today = |span: &Span| minute >= span.start && minute < span.end;
        let began_yesterday = |span: &Span| minute + MINUTES < span.end;
        (self.is_on(today, calendars) && spans.iter().any(began_today))
            || (self.is_on(today.before(), calendars) && spans.iter().any(began_yesterday))
    }

    fn is_on(&self, day: Day, calendars: &Calendars) -> bool {
        let among = |dates: &List<Dates>| dates.0.iter().any(|dates| dates.contain(day));
        let marked = |names: &List<String>| {
            let mut named = names.0.iter().filter_map(|name| calendars.get(name));
            named.any(among)
        };
        let has = |days: &List<Days>| days.0.iter().any(|days| days.contain(day.weekday));
        self.days.as_ref().is_none_or(has)
            && self.dates.as_ref().is_none_or(among)
            && self.only.as_ref().is_none_or(marked)
            && !marked(&self.except)
    }

    /// Names of calendars that are not there.
    pub fn check(&self, of: &str, calendars: &Calendars, problems: &mut Vec<String>) {
        let named = self.except.0.iter();
        for name in named.chain(self.only.iter().flat_map(|only| &only.0)) {
            if !calendars.contains_key(name) {
                problems.push(format!("{of}: there is no calendar `{name}`"));
            }
        }
    }
}

/// Minutes of a day.
const MINUTES: u16 = 24 * 60;

/// A date with its weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    date: (i16, u8, u8),
    /// 0 is Monday.
    weekday: u8,
}

impl Day {
    fn of(now: &LocalTime) -> Self {
        Self {
            date: (now.year, now.month, now.day),
            weekday: now.weekday.saturating_sub(1) % 7,
        }
    }

    fn before(self) -> Self {
        let date = match self.date {
            (year, 1, 1) => (year - 1, 12, 31),
            (year, month, 1) => (year, month - 1, month_length(year, month - 1)),
            (year, month, day) => (year, month, day - 1),
        };
        Self {
            date,
            weekday: (self.weekday + 6) % 7,
        }
    }
}

fn month_length(year: i16, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A day of the week, or several in a row.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Days {
    /// 0 is Monday.
    first: u8,
    last: u8,
}

impl Days {
    fn contain(self, weekday: u8) -> bool {
        match self.first <= self.last {
            true => (self.first..=self.last).contains(&weekday),
            false => weekday >= self.first || weekday <= self.last,
        }
    }
}

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let day = |name: &str| {
            let name = name.trim().to_ascii_lowercase();
            let found = NAMES.iter().position(|known| *known == name);
            found.and_then(|day| u8::try_from(day).ok())
        };
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (day(first), day(last)) {
            (Some(first), Some(last)) => Ok(Self { first, last }),
            _ => Err(format!(
                "{text:?} is no day of the week: write \"mon\", or \"mon-fri\""
            )),
        }
    }
}

/// A span of the day, in minutes from its beginning; past midnight the end is more than a day.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Span {
    start: u16,
    end: u16,
}

impl Span {
    const WHOLE_DAY: Self = Self {
        start: 0,
        end: MINUTES,
    };
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no span of time: write it as \"09:00-18:00\"");
        let (start, end) = text.split_once('-').ok_or_else(wrong)?;
        let start = minutes(start).filter(|start| *start < MINUTES);
        let (start, end) = start.zip(minutes(end)).ok_or_else(wrong)?;
        match start == end {
            true => Err(format!(
                "{text:?} ends when it begins: write \"00:00-24:00\" for the whole day"
            )),
            false if end < start => Ok(Self {
                start,
                end: end + MINUTES,
            }),
            false => Ok(Self { start, end }),
        }
    }
}

/// Reads "09:00", up to "24:00".
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str, most: u16| {
        let two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u16>().ok().filter(|_| two)?;
        (number <= most).then_some(number)
    };
    let minutes = number(hour, 24)? * 60 + number(minute, 59)?;
    (minutes <= MINUTES).then_some(minutes)
}

/// Dates of one year, or of every year; both ends included.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Dates {
    /// Year, month and day.
    Once((i16, u8, u8), (i16, u8, u8)),
    /// Month and day; over the end of the year if the second comes before the first.
    Yearly((u8, u8), (u8, u8)),
}

impl Dates {
    fn contain(self, day: Day) -> bool {
        match self {
            Self::Once(first, last) => (first..=last).contains(&day.date),
            Self::Yearly(first, last) => {
                let (_, month, number) = day.date;
                let day = (month, number);
                match first <= last {
                    true => (first..=last).contains(&day),
                    false => day >= first || day <= last,
                }
            }
        }
    }
}

impl TryFrom<String> for Dates {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once("..").unwrap_or((&text, &text));
        let (first, last) = (first.trim(), last.trim());
        if let (Some(first), Some(last)) = (month_and_day(first), month_and_day(last)) {
            return Ok(Self::Yearly(first, last));
        }
        match (date(first), date(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self::Once(first, last)),
            (Some(_), Some(_)) => Err(format!("{text:?} ends before it begins")),
            _ => Err(format!(
                "{text:?} is no date: write \"2026-11-22\", \"2026-11-01..2026-11-30\", or for every year \
                 \"12-25\", \"12-24..01-06\""
            )),
        }
    }
}

fn date(text: &str) -> Option<(i16, u8, u8)> {
    let (year, rest) = text.split_once('-')?;
    let all_digits = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let year = year.parse::<i16>().ok().filter(|_| all_digits)?;
    let (month, day) = rest.split_once('-')?;
    let number = |text: &str| {
        let two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|_| two)
    };
    let (month, day) = (number(month)?, number(day)?);
    let exists = (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
    exists.then_some((year, month, day))
}

fn month_and_day(text: &str) -> Option<(u8, u8)> {
    // 2024 has a 29th of February.
    let (_, month, day) = date(&format!("2024-{text}"))?;
    Some((month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: (i16, u8, u8), weekday: u8, time: (u8, u8)) -> LocalTime {
        LocalTime {
            year: date.0,
            month: date.1,
            day: date.2,
            weekday,
            hour: time.0,
            minute: time.1,
            second: 59,
            utc_offset_s: 0,
        }
    }

    #[test]
    fn windows_hold_when_they_should() {
        let calendars: Calendars =
            toml::from_str("holidays = ['01-01', '2026-05-01..2026-05-03']").unwrap();
        // 2026-01-05 is a Monday.
        for (window, date, weekday, time, open) in [
            ("", (2026, 1, 5), 1, (0, 0), true),
            (
                "days = 'mon-fri'\ntimes = '09:00-18:00'",
                (2026, 1, 5),
                1,
                (9, 0),
                true,
            ),
            (
                "days = 'mon-fri'\ntimes = '09:00-18:00'",
                (2026, 1, 5),
                1,
                (8, 59),
                false,
            ),
            (
                "days = 'mon-fri'\ntimes = '09:00-18:00'",
                (2026, 1, 5),
                1,
                (17, 59),
                true,
            ),
            (
                "days = 'mon-fri'\ntimes = '09:00-18:00'",
                (2026, 1, 5),
                1,
                (18, 0),
                false,
            ),
            ("days = 'mon-fri'", (2026, 1, 10), 6, (12, 0), false),
            ("days = ['sat', 'sun']", (2026, 1, 10), 6, (12, 0), true),
            ("days = 'sat-mon'", (2026, 1, 5), 1, (12, 0), true),
            ("days = 'sat-mon'", (2026, 1, 6), 2, (12, 0), false),
            // Over midnight: it belongs to the day on which it begins.
            (
                "days = 'fri'\ntimes = '22:00-06:00'",
                (2026, 1, 9),
                5,
                (23, 0),
                true,
            ),
            (
                "days = 'fri'\ntimes = '22:00-06:00'",
                (2026, 1, 10),
                6,
                (5, 59),
                true,
            ),
            (
                "days = 'fri'\ntimes = '22:00-06:00'",
                (2026, 1, 10),
                6,
                (6, 0),
                false,
            ),
            (
                "days = 'fri'\ntimes = '22:00-06:00'",
                (2026, 1, 9),
                5,
                (5, 0),
                false,
            ),
            (
                "dates = '12-31'\ntimes = '22:00-06:00'",
                (2027, 1, 1),
                5,
                (1, 0),
                true,
            ),
            (
                "dates = '2024-02-29'\ntimes = '22:00-06:00'",
                (2024, 3, 1),
                5,
                (1, 0),
                true,
            ),
            ("dates = '12-24..01-06'", (2026, 1, 6), 2, (12, 0), true),
            ("dates = '12-24..01-06'", (2026, 1, 7), 3, (12, 0), false),
            (
                "dates = '2026-01-05..2026-01-06'",
                (2026, 1, 7),
                3,
                (12, 0),
                false,
            ),
            ("except = 'holidays'", (2026, 1, 1), 4, (12, 0), false),
            ("except = 'holidays'", (2026, 1, 2), 5, (12, 0), true),
            ("only = 'holidays'", (2026, 5, 3), 7, (12, 0), true),
            ("only = 'holidays'", (2026, 5, 4), 1, (12, 0), false),
            ("times = '00:00-24:00'", (2026, 5, 4), 1, (23, 59), true),
        ] {
            let parsed: Window = toml::from_str(window).unwrap();
            let now = at(date, weekday, time);
            assert_eq!(parsed.holds(&now, &calendars), open, "{window} at {now:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "days = 'someday'",
            "days = 'mon-'",
            "times = '9-18'",
            "times = '09:00'",
            "times = '24:00-06:00'",
            "times = '09:00-24:01'",
            "times = '09:00-09:00'",
            "times = '+9:00-10:00'",
            "dates = '2026-02-29'",
            "dates = '13-01'",
            "dates = '2026-05-03..2026-05-01'",
            "dates = '2026-05-01..12-31'",
            "holidays = true",
        ] {
            assert!(toml::from_str::<Window>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_calendar_that_is_not_there_is_told() {
        let window: Window = toml::from_str("except = 'a'\nonly = 'b'").unwrap();
        let mut problems = Vec::new();
        window.check("hours `x`", &Calendars::new(), &mut problems);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
