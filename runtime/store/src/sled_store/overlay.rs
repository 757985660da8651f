//! What was written and is not in sled yet, in memory and in order.
//!
//! ```text
//! reads look here, from top to bottom:     passing   keys that are soon deleted again; never in sled
//!                                          recent    since the last merge began
//!                                          merging   on its way into sled
//!                                          sled
//! ```

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use super::commit_log::Frame;
use super::engine;
use crate::{Direction, Operation, Pair, Range, Result};

/// Keys and what they are now; `None`: deleted.
pub(super) type Writes = BTreeMap<Box<[u8]>, Option<Box<[u8]>>>;

/// Where keys lie that live for the length of a call: writing them into sled, to delete them soon
/// after, would cost more than everything else that is kept of a call.
const PASSING: &[&[u8]] = &[crate::cdr::OPEN.as_bytes(), crate::journal::OPEN.as_bytes()];

fn is_passing(key: &[u8]) -> bool {
    PASSING.iter().any(|prefix| key.starts_with(prefix))
}

/// Do both ends lie in one stretch of passing keys?
fn is_all_passing(range: (Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    let (
        Bound::Included(start) | Bound::Excluded(start),
        Bound::Included(end) | Bound::Excluded(end),
    ) = range
    else {
        return false;
    };
    PASSING.iter().any(|prefix| {
        // The end of a prefix's range is the prefix with its last byte counted up.
        let within = end.starts_with(prefix)
            || matches!((end.split_last(), prefix.split_last()), (Some((e, end)), Some((p, rest))) if end == rest && *e == p + 1);
        start.starts_with(prefix) && within
    })
}

#[derive(Debug)]
pub(super) struct Overlay {
    passing: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// Bytes of keys and values in `passing`.
    passing_bytes: usize,
    recent: Writes,
    /// Bytes of keys and values that `recent` was given.
    recent_bytes: usize,
    merging: Option<Arc<Writes>>,
    /// Writes that are not in the log yet.
    pub frame: Frame,
}

impl Overlay {
    pub fn new() -> Self {
        Self {
            passing: BTreeMap::new(),
            passing_bytes: 0,
            recent: Writes::new(),
            recent_bytes: 0,
            merging: None,
            frame: Frame::new(),
        }
    }

    /// Writes, and leaves it to the log.
    pub fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.frame.push(key, value);
        self.take(key, value);
    }

    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Put { key, value } => self.write(key, Some(value)),
            Operation::Delete { key } => self.write(key, None),
        }
    }

    /// Takes what the log has already.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        match (is_passing(key), value) {
            (true, value) => {
                let before = match value {
                    Some(value) => self.passing.insert(key.into(), value.into()),
                    None => self.passing.remove(key),
                };
                self.passing_bytes += value.map_or(0, |value| key.len() + value.len());
                self.passing_bytes -= before.map_or(0, |before| key.len() + before.len());
            }
            (false, value) => {
                self.recent_bytes += key.len() + value.map_or(0, <[u8]>::len);
                self.recent.insert(key.into(), value.map(Into::into));
            }
        }
    }

    /// Is there enough for a merge of so many bytes? What stays here is written into each new log, so
    /// with many calls up a merge is to be larger.
    pub fn is_merge_due(&self, merge_bytes: usize) -> bool {
        self.merging.is_none() && self.recent_bytes >= merge_bytes.max(2 * self.passing_bytes)
    }

    pub fn has_passing(&self) -> bool {
        !self.passing.is_empty()
    }

    /// Begins a merge, and has what stays here written to the log once more: the log of before goes
    /// when the merge is done.
    pub fn begin_merge(&mut self) -> Arc<Writes> {
        let writes = Arc::new(std::mem::take(&mut self.recent));
        self.recent_bytes = 0;
        self.merging = Some(Arc::clone(&writes));
        let mut frame = Frame::new();
        for (key, value) in &self.passing {
            frame.push(key, Some(value));
        }
        // These were made after the last flush; some are in the merge as well, which changes nothing.
        frame.append(&self.frame);
        self.frame = frame;
        writes
    }

    pub fn end_merge(&mut self) {
        self.merging = None;
    }

    pub fn get(&self, tree: &sled::Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if is_passing(key) {
            return Ok(self.passing.get(key).map(|value| value.to_vec()));
        }
        let layers = [Some(&self.recent), self.merging.as_deref()];
        for layer in layers.into_iter().flatten() {
            if let Some(value) = layer.get(key) {
                return Ok(value.as_ref().map(|value| value.to_vec()));
            }
        }
        let value = tree.get(key).map_err(|error| engine("reading", error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// The pairs of a range in its direction, without its limit.
    pub fn range<'a>(&'a self, tree: &sled::Tree, range: &'a Range) -> Merged<'a> {
        let direction = range.direction();
        let mut layers = Vec::with_capacity(4);
        if !range.is_empty() {
            let bounds = range.bounds();
            let passing = self
                .passing
                .range::<[u8], _>(bounds)
                .map(|(key, value)| Ok((key.to_vec(), Some(value.to_vec()))));
            layers.push(turned(passing, direction));
            if is_all_passing(bounds) {
                return Merged { layers, direction };
            }
            for layer in [Some(&self.recent), self.merging.as_deref()]
                .into_iter()
                .flatten()
            {
                let writes = layer.range::<[u8], _>(bounds);
                let writes = writes.map(|(key, value)| {
                    Ok((key.to_vec(), value.as_ref().map(|value| value.to_vec())))
                });
                layers.push(turned(writes, direction));
            }
            let pairs = tree.range::<&[u8], _>(bounds).map(|pair| match pair {
                Ok((key, value)) => Ok((key.to_vec(), Some(value.to_vec()))),
                Err(error) => Err(engine("reading", error)),
            });
            layers.push(turned(pairs, direction));
        }
        Merged { layers, direction }
    }
}

/// A key, and its value in one layer (`None`: deleted there).
type Layered = Result<(Vec<u8>, Option<Vec<u8>>)>;
type Layer<'a> = Peekable<Box<dyn Iterator<Item = Layered> + 'a>>;

fn turned<'a>(
    layer: impl DoubleEndedIterator<Item = Layered> + 'a,
    direction: Direction,
) -> Layer<'a> {
    let layer: Box<dyn Iterator<Item = Layered> + 'a> = match direction {
        Direction::Backward => Box::new(layer.rev()),
        Direction::Forward => Box::new(layer),
    };
    layer.peekable()
}

/// The layers seen as one; of a key that several have, the first one's value counts.
pub(super) struct Merged<'a> {
    layers: Vec<Layer<'a>>,
    direction: Direction,
}

impl Merged<'_> {
    /// The layer whose next key comes first, the upper one of several; or the one with an error.
    fn first(&mut self) -> Option<usize> {
        let mut first: Option<(usize, Vec<u8>)> = None;
        for (number, layer) in self.layers.iter_mut().enumerate() {
            match layer.peek() {
                None => {}
                Some(Err(_)) => return Some(number),
                Some(Ok((key, _))) => {
                    let comes_first = first.as_ref().is_none_or(|(_, best)| match self.direction {
                        Direction::Backward => key > best,
                        Direction::Forward => key < best,
                    });
                    if comes_first {
                        first = Some((number, key.clone()));
                    }
                }
            }
        }
        first.map(|(number, _)| number)
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<Pair>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let number = self.first()?;
            let (key, value) = match self.layers.get_mut(number)?.next()? {
                Ok(pair) => pair,
                Err(error) => {
                    self.layers.clear();
                    return Some(Err(error));
                }
            };
            for layer in &mut self.layers {
                layer.next_if(|below| below.as_ref().is_ok_and(|(other, _)| *other == key));
            }
            if let Some(value) = value {
                return Some(Ok((key, value)));
            }
        }
    }
}
