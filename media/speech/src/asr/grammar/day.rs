//! Days, as people say them.

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

/// Years in which a 29th of February comes again, whatever the century.
const YEARS: i16 = 8;

/// Which of the days with the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first one after today.
    Coming,
    /// The one of this week; weeks begin on Monday.
    This,
    /// The one of the week after this.
    Next,
    /// The one of the week before this.
    Last,
}

/// A day, as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// So many days after today.
    After(i32),
    /// A day of a week.
    OfWeek(Which, Weekday),
    /// A day of a month.
    OfMonth {
        year: Option<i16>,
        month: Option<i8>,
        day: i8,
        weekday: Option<Weekday>,
    },
}

impl Day {
    /// The date, if there is such a day.
    pub fn date(self, today: Date) -> Option<Date> {
        match self {
            Day::After(days) => today.checked_add(days.days()).ok(),
            Day::OfWeek(which, weekday) => of_week(today, which, weekday),
            Day::OfMonth {
                year,
                month,
                day,
                weekday,
            } => {
                let date = match (year, month) {
                    (Some(year), Some(month)) => Date::new(year, month, day).ok(),
                    (None, Some(month)) => (today.year()..=today.year().saturating_add(YEARS))
                        .filter_map(|year| Date::new(year, month, day).ok())
                        .find(|date| *date >= today),
                    (None, None) => (0..12).find_map(|months| day_of_month(today, months, day)),
                    (Some(_), None) => None,
                };
                date.filter(|date| weekday.is_none_or(|weekday| weekday == date.weekday()))
            }
        }
    }
}

/// This day of the month that begins so many months after today's, if it is not over.
fn day_of_month(today: Date, months: i32, day: i8) -> Option<Date> {
    let month = today.first_of_month().checked_add(months.months()).ok()?;
    let date = Date::new(month.year(), month.month(), day).ok()?;
    (date >= today).then_some(date)
}

fn of_week(today: Date, which: Which, weekday: Weekday) -> Option<Date> {
    let at = i32::from(weekday.to_monday_zero_offset());
    let monday = -i32::from(today.weekday().to_monday_zero_offset());
    let this = monday + at;
    let days = match which {
        Which::Coming if this > 0 => this,
        Which::Coming | Which::Next => this + 7,
        Which::This => this,
        Which::Last => this - 7,
    };
    today.checked_add(Span::new().days(days)).ok()
}
