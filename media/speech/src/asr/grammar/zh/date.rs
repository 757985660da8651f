//! 明天, 下星期三, 二零二七年三月五号.

use jiff::civil::Weekday;

use super::super::builtin::Spoken;
use super::super::day::{Day, Which};
use super::{DIGITS, digit, number};

/// Days after today.
const RELATIVE: [(&str, i32); 7] = [
    ("今天", 0),
    ("明天", 1),
    ("后天", 2),
    ("大后天", 3),
    ("昨天", -1),
    ("前天", -2),
    ("大前天", -3),
];
const WEEKS: [&str; 3] = ["星期", "礼拜", "周"];
const WEEKDAYS: [&str; 8] = ["一", "二", "三", "四", "五", "六", "日", "天"];
const WHICH: [(&str, Which); 8] = [
    ("", Which::Coming),
    ("这", Which::This),
    ("这个", Which::This),
    ("本", Which::This),
    ("下", Which::Next),
    ("下个", Which::Next),
    ("上", Which::Last),
    ("上个", Which::Last),
];

/// The day.
pub fn day(letters: &[char]) -> Option<Day> {
    let text: String = letters.iter().collect();
    if let Some((_, days)) = RELATIVE.iter().find(|(name, _)| *name == text) {
        return Some(Day::After(*days));
    }
    of_week(&text).or_else(|| of_month(&text))
}

fn of_week(text: &str) -> Option<Day> {
    let (which, name) = WEEKS.iter().find_map(|week| text.split_once(week))?;
    let (_, which) = WHICH.iter().find(|(word, _)| *word == which)?;
    let at = WEEKDAYS.iter().position(|day| *day == name)?.min(6);
    let weekday = Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()?;
    Some(Day::OfWeek(*which, weekday))
}

/// "[year 年] [month 月] day 号".
fn of_month(text: &str) -> Option<Day> {
    let (year, rest) = match text.split_once('年') {
        Some((year, rest)) => (Some(self::year(year)?), rest),
        None => (None, text),
    };
    let (month, rest) = match rest.split_once('月') {
        Some((month, rest)) => (Some(small(month, 12)?), rest),
        None => (None, rest),
    };
    let day = match (rest.strip_suffix(['号', '日']), month) {
        (Some(day), _) => day,
        (None, Some(_)) => rest,
        (None, None) => return None,
    };
    Some(Day::OfMonth {
        year,
        month,
        day: small(day, 31)?,
        weekday: None,
    })
}

fn small(text: &str, most: u64) -> Option<i8> {
    let letters: Vec<char> = text.chars().collect();
    let number = number::cardinal(&letters).filter(|number| (1..=most).contains(number))?;
    i8::try_from(number).ok()
}

/// 二零二六, 两千零二十六.
fn year(text: &str) -> Option<i16> {
    let letters: Vec<char> = text.chars().collect();
    let digits: Option<Vec<u32>> = letters.iter().map(|c| digit(*c)).collect();
    let year = match digits.as_deref() {
        Some([a, b, c, d]) => u64::from(((a * 10 + b) * 10 + c) * 10 + d),
        Some([c, d]) => u64::from(2000 + c * 10 + d),
        _ => number::cardinal(&letters)?,
    };
    let year = i16::try_from(year).ok()?;
    (1900..=2199).contains(&year).then_some(year)
}

/// What may be said.
pub fn spoken() -> Spoken {
    let number = || DIGITS.into_iter().chain(['十', '两', '千']);
    let pairs = number().flat_map(|a| number().map(move |b| format!("{a}{b}")));
    let units = number().flat_map(|c| ['年', '月', '号', '日'].map(|unit| format!("{c}{unit}")));
    let after = number().flat_map(|c| [format!("年{c}"), format!("月{c}")]);
    let weeks = WEEKS.iter().flat_map(|week| {
        let named = WEEKDAYS.map(|day| format!("{week}{day}"));
        WHICH
            .iter()
            .flat_map(move |(which, _)| named.clone().map(|name| format!("{which}{name}")))
    });
    let relative = RELATIVE.iter().map(|(text, _)| (*text).to_owned());
    Spoken {
        needed: vec!["月".to_owned()],
        others: (pairs.chain(units).chain(after).chain(weeks).chain(relative)).collect(),
    }
}
