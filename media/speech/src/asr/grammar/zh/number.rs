//! 负一万二, 两百零五, 三点一四.

use super::super::builtin::Spoken;
use super::{DIGITS, digit};

/// Units within four digits.
const UNITS: [(char, u64); 3] = [('十', 10), ('百', 100), ('千', 1_000)];
/// Units of four digits each.
const GROUPS: [(char, u64); 2] = [('万', 10_000), ('亿', 100_000_000)];
/// Digits after the point.
const MOST_DIGITS: usize = 12;

/// The number in decimal.
pub fn value(letters: &[char]) -> Option<String> {
    let (sign, letters) = match letters {
        ['负', rest @ ..] => ("-", rest),
        letters => ("", letters),
    };
    let mut parts = letters.splitn(2, |c| *c == '点');
    let whole = cardinal(parts.next()?)?;
    let Some(fraction) = parts.next() else {
        return Some(match whole {
            0 => "0".to_owned(),
            whole => format!("{sign}{whole}"),
        });
    };
    let digits = fraction.iter().map(|c| char::from_digit(digit(*c)?, 10));
    let digits = digits.collect::<Option<String>>();
    let digits = digits.filter(|digits| (1..=MOST_DIGITS).contains(&digits.len()))?;
    Some(format!("{sign}{whole}.{digits}"))
}

/// A whole number.
pub fn cardinal(letters: &[char]) -> Option<u64> {
    if letters == ['零'] {
        return Some(0);
    }
    let (mut sum, mut rest, mut above) = (0, letters, 1_000_000_000_000);
    for (name, power) in GROUPS.into_iter().rev() {
        if let Some(at) = rest.iter().position(|c| *c == name) {
            let group = match rest.get(..at)? {
                group if sum == 0 => group,
                group => gap(group)?,
            };
            sum += below_ten_thousand(group)? * power;
            rest = rest.get(at + 1..)?;
            above = power;
        }
    }
    match rest {
        [] if sum > 0 => Some(sum),
        // 一万二 is 12 000.
        [c] if sum > 0 && *c != '零' => Some(sum + u64::from(digit(*c)?) * above / 10),
        rest if sum > 0 => Some(sum + below_ten_thousand(gap(rest)?)?),
        rest => below_ten_thousand(rest),
    }
}

/// What follows a group, without the 零 that stands for places which are left out.
fn gap(letters: &[char]) -> Option<&[char]> {
    let rest = letters.strip_prefix(&['零']).unwrap_or(letters);
    (!rest.is_empty()).then_some(rest)
}

/// Up to four digits with their units: 三千零五, 两百五, 十五.
fn below_ten_thousand(letters: &[char]) -> Option<u64> {
    let (mut sum, mut above, mut rest) = (0, 10_000, letters);
    loop {
        let zero = rest.first() == Some(&'零') && sum > 0;
        let after = if zero { rest.get(1..)? } else { rest };
        // 十五 has no 一 at its beginning.
        let (number, taken) = match after {
            ['十', ..] if sum == 0 || zero => (1, 0),
            [c, ..] => (u64::from(digit(*c).filter(|digit| *digit > 0)?), 1),
            [] => return None,
        };
        let unit = after
            .get(taken)
            .map(|c| UNITS.iter().find(|(name, _)| name == c));
        let Some(unit) = unit else {
            // The last digit: of the unit below the last, as in 两百五, unless 零 is before it.
            let unit = match sum {
                0 => 1,
                _ if zero => 1,
                _ => above / 10,
            };
            return Some(sum + number * unit);
        };
        let (_, unit) = *unit?;
        if unit >= above {
            return None;
        }
        sum += number * unit;
        above = unit;
        rest = after.get(taken + 1..)?;
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

/// What may be said.
pub fn spoken() -> Spoken {
    let digits = || DIGITS.into_iter().chain(['两']);
    let units = || UNITS.into_iter().chain(GROUPS).map(|(name, _)| name);
    let number = || digits().chain(units());
    let pairs = number().flat_map(|a| number().chain(['点']).map(move |b| format!("{a}{b}")));
    let around = (digits().chain(['十'])).flat_map(|c| [format!("点{c}"), format!("负{c}")]);
    Spoken {
        needed: (DIGITS.into_iter().chain(['十', '百', '千', '万']))
            .map(String::from)
            .collect(),
        others: pairs.chain(around).collect(),
    }
}
