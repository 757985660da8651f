//! When a route is open: days, times, dates and holidays in a time zone.
//!
//! A span of time belongs to the date on which it begins, also when it runs over midnight, and its ends
//! are moments, not readings of a clock. So on the day when the clock is set forward, an end that the
//! clock skips is the moment of the change; and on the day when it is set back, a span begins with the
//! first of the two moments that the clock shows its beginning, and ends with the second of those that
//! show its end: it opens and closes once.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A stretch of time that comes again.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) zone: TimeZone,
    pub(super) days: Option<Days>,
    /// Never empty.
    pub(super) times: Vec<Span>,
    pub(super) dates: Option<Vec<Dates>>,
    pub(super) except: Vec<Dates>,
    pub(super) only: Option<Vec<Dates>>,
}

impl Window {
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let today = self.zone.to_datetime(at).date();
        // No span is longer than a day, so none that began before yesterday is still running.
        [Some(today), today.yesterday().ok()]
            .into_iter()
            .flatten()
            .any(|date| {
                self.is_on(date)
                    && self
                        .times
                        .iter()
                        .any(|span| span.covers(&self.zone, date, at))
            })
    }

    /// Whether spans begin on this date.
    fn is_on(&self, date: Date) -> bool {
        let contains = |dates: &[Dates]| dates.iter().any(|dates| dates.contain(date));
        self.days.is_none_or(|days| days.contain(date.weekday()))
            && self.dates.as_deref().is_none_or(contains)
            && self.only.as_deref().is_none_or(contains)
            && !contains(&self.except)
    }
}

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Days(u8);

impl Days {
    /// Adds a day ("sat") or several ("mon-fri", "sat-mon").
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (weekday(first)?, weekday(last)?);
        let mut day = first;
        loop {
            self.0 |= bit(day);
            if day == last {
                return Ok(());
            }
            day = day.next();
        }
    }

    fn contain(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

fn weekday(text: &str) -> Result<Weekday, String> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let name = text.trim().to_ascii_lowercase();
    NAMES
        .iter()
        .find(|(long, _)| *long == name || long.get(..3) == Some(&name))
        .map(|(_, day)| *day)
        .ok_or_else(|| {
            format!("{text:?} is no day of the week: write mon, tue, wed, thu, fri, sat or sun")
        })
}

/// A span of the day; it runs into the next day if it does not end after it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: Time,
    /// None: midnight at the end of the day.
    end: Option<Time>,
}

impl Span {
    pub(super) const WHOLE_DAY: Self = Self {
        start: Time::midnight(),
        end: None,
    };

    /// Reads "09:00-18:00".
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is no span of time: write it as 09:00-18:00");
        let (start, end) = text.split_once('-').ok_or_else(problem)?;
        let (start, end) = (start.trim(), end.trim());
        let start = time(start).ok_or_else(problem)?;
        let end = if end == "24:00" {
            None
        } else {
            Some(time(end).ok_or_else(problem)?)
        };
        if end == Some(start) {
            return Err(format!(
                "{text:?} begins when it ends: write 00:00-24:00 for the whole day"
            ));
        }
        Ok(Self { start, end })
    }

    /// Whether the span that begins on `date` covers `at`.
    fn covers(self, zone: &TimeZone, date: Date, at: Timestamp) -> bool {
        let begin = moment(zone, date.to_datetime(self.start), Edge::Begin);
        let end_date = match self.end {
            Some(end) if end > self.start => Ok(date),
            _ => date.tomorrow(),
        };
        let end = end_date.ok().and_then(|date| {
            moment(
                zone,
                date.to_datetime(self.end.unwrap_or(Time::midnight())),
                Edge::End,
            )
        });
        // At the ends of the calendar, in the years -9999 and 9999, nothing is open.
        begin
            .zip(end)
            .is_some_and(|(begin, end)| (begin..end).contains(&at))
    }
}

/// Reads "09:00" or "09:00:30", nothing shorter and nothing else.
fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(|part| {
        let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            part.parse::<i8>().ok()
        } else {
            None
        }
    });
    let (hour, minute, second) = (
        parts.next()??,
        parts.next()??,
        parts.next().unwrap_or(Some(0))?,
    );
    if parts.next().is_some() {
        None
    } else {
        Time::new(hour, minute, second, 0).ok()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

/// The moment that the clock of a zone shows `datetime`; see the module's text for the days on which
/// that is none or two.
fn moment(zone: &TimeZone, datetime: DateTime, edge: Edge) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(datetime).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(datetime).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // With the later offset a skipped reading lies before the change.
            let before = after.to_timestamp(datetime).ok()?;
            zone.following(before)
                .next()
                .map(|transition| transition.timestamp())
        }
        AmbiguousOffset::Fold { before, after } => {
            let offset = if edge == Edge::Begin { before } else { after };
            offset.to_timestamp(datetime).ok()
        }
    }
}

/// Dates of one year, or of every year; both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dates {
    Once(Date, Date),
    /// Month and day; over the end of the year if the second comes before the first.
    Yearly((i8, i8), (i8, i8)),
}

impl Dates {
    /// Reads "2026-11-22", "2026-11-01..2026-11-30", "12-25" or "12-24..01-06".
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (first.trim(), last.trim());
        if let (Some(first), Some(last)) = (month_and_day(first), month_and_day(last)) {
            return Ok(Self::Yearly(first, last));
        }
        let (Some(first), Some(last)) = (date(first), date(last)) else {
            return Err(format!(
                "{text:?} is no date: write 2026-11-22, 2026-11-01..2026-11-30, or for every year 12-25, 12-24..01-06"
            ));
        };
        if last < first {
            return Err(format!(
                "{text:?} ends before it begins: exchange its dates"
            ));
        }
        Ok(Self::Once(first, last))
    }

    fn contain(self, date: Date) -> bool {
        match self {
            Self::Once(first, last) => (first..=last).contains(&date),
            Self::Yearly(first, last) => {
                let day = (date.month(), date.day());
                if first <= last {
                    (first..=last).contains(&day)
                } else {
                    day >= first || day <= last
                }
            }
        }
    }
}

/// Reads "2026-11-22"; jiff alone would take more, a time behind it for example.
fn date(text: &str) -> Option<Date> {
    if text.len() == 10 {
        text.parse().ok()
    } else {
        None
    }
}

fn month_and_day(text: &str) -> Option<(i8, i8)> {
    // 2024 has a 29th of February.
    let date = if text.len() == 5 {
        date(&format!("2024-{text}"))?
    } else {
        return None;
    };
    Some((date.month(), date.day()))
}

/// A time that [`parse_time`] cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no time: write 2026-11-22T20:00, or with an offset 2026-11-22T20:00:00+02:00")]
pub struct ParseTimeError {
    text: String,
}

/// Reads the time of `vireo route test --at`: with an offset or `Z` (RFC 3339), or without one, as the
/// clock of `zone` shows it. Of a reading that the clock shows twice it is the first; one that it
/// skips is as much later as it was set forward.
///
/// # Errors
/// [`ParseTimeError`].
pub fn parse_time(text: &str, zone: &TimeZone) -> Result<Timestamp, ParseTimeError> {
    let error = || ParseTimeError {
        text: text.chars().take(80).collect(),
    };
    let trimmed = text.trim();
    if let Ok(timestamp) = trimmed.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    // A civil time would also be read from "2026-11-22T20:00+02:99", whose offset is wrong.
    let has_offset = trimmed
        .get(10..)
        .is_some_and(|time| time.contains(['+', '-', 'Z', 'z', '[']));
    let datetime = trimmed
        .parse::<DateTime>()
        .ok()
        .filter(|_| !has_offset)
        .ok_or_else(error)?;
    zone.to_ambiguous_timestamp(datetime)
        .compatible()
        .map_err(|_| error())
}
