//! Keys and the patterns they are compared with.

use std::collections::VecDeque;

/// Most keys that are kept for a flow that does not collect them. A caller who presses more has
/// long stopped following the prompts; the oldest are dropped.
const TYPE_AHEAD: usize = 64;

/// Does an entry match a pattern of `gather-options.accept`?
///
/// `x` stands for one of 0-9, a last `.` for any further keys (none included), every other
/// character for itself.
pub fn matches(pattern: &str, entry: &str) -> bool {
    let (head, open) = match pattern.strip_suffix('.') {
        Some(head) => (head, true),
        None => (pattern, false),
    };
    let mut keys = entry.chars();
    for expected in head.chars() {
        let Some(key) = keys.next() else {
            return false;
        };
        let same = match expected {
            'x' | 'X' => key.is_ascii_digit(),
            other => other == key,
        };
        if !same {
            return false;
        }
    }
    open || keys.next().is_none()
}

/// Keys that were pressed and not yet collected, oldest first.
#[derive(Debug, Default)]
pub struct TypeAhead {
    keys: VecDeque<char>,
}

impl TypeAhead {
    /// Adds a key; the oldest goes when there are already 64.
    pub fn push(&mut self, key: char) {
        if self.keys.len() == TYPE_AHEAD {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
    }

    /// Takes the oldest key.
    pub fn pop(&mut self) -> Option<char> {
        self.keys.pop_front()
    }

    /// Throws all keys away.
    pub fn clear(&mut self) {
        self.keys.clear();
    }

    /// Is no key waiting?
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The first waiting key that is one of `keys`, which stays where it is.
    pub fn find(&self, keys: &str) -> Option<char> {
        self.keys.iter().copied().find(|key| keys.contains(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let table = [
            ("1", "1", true),
            ("1", "2", false),
            ("1", "11", false),
            ("1", "", false),
            ("9xxx", "9123", true),
            ("9xxx", "912", false),
            ("9xxx", "9*23", false),
            ("00.", "00", true),
            ("00.", "0086*", true),
            ("00.", "0", false),
            (".", "", true),
            ("*#", "*#", true),
            ("A", "A", true),
        ];
        for (pattern, entry, expected) in table {
            assert_eq!(
                matches(pattern, entry),
                expected,
                "{pattern} against {entry}"
            );
        }
    }

    #[test]
    fn type_ahead_keeps_the_newest() {
        let mut buffer = TypeAhead::default();
        for key in "0123456789".chars().cycle().take(TYPE_AHEAD + 3) {
            buffer.push(key);
        }
        assert_eq!(buffer.pop(), Some('3'));
        assert_eq!(buffer.find("97"), Some('7'));
        buffer.clear();
        assert!(buffer.is_empty());
    }
}
