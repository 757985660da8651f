//! Which versions a flow name serves, and in what shares.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::version::Version;

/// A version and its share of the calls, percent.
pub type Weighted = (Arc<Version>, u8);

/// What each flow name serves. Reading takes no lock; a call keeps the version it picked, so a
/// change never touches it.
#[derive(Default)]
pub struct Table {
    flows: ArcSwap<HashMap<String, Arc<[Weighted]>>>,
}

/// Why a deployment was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The shares are not a hundred percent.
    #[error("the shares of the versions are {0} percent together, not 100")]
    NotHundred(u32),
}

impl Table {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The version for a new call. `sample` is a number evenly spread over all `u32`: it decides
    /// between versions that share a name. None: the name serves nothing.
    pub fn pick(&self, flow: &str, sample: u32) -> Option<Arc<Version>> {
        let flows = self.flows.load();
        let versions = flows.get(flow)?;
        let mut point = (u64::from(sample) * 100) >> 32;
        for (version, percent) in versions.iter() {
            match point.checked_sub(u64::from(*percent)) {
                Some(rest) => point = rest,
                None => return Some(version.clone()),
            }
        }
        None
    }

    /// Sets what a name serves, from the next `pick` on. No versions: the name serves nothing.
    ///
    /// # Errors
    /// The shares are not 100 together.
    pub fn set(&self, flow: &str, versions: Vec<Weighted>) -> Result<(), TableError> {
        let total: u32 = versions
            .iter()
            .map(|(_, percent)| u32::from(*percent))
            .sum();
        if !versions.is_empty() && total != 100 {
            return Err(TableError::NotHundred(total));
        }
        let versions: Arc<[Weighted]> = versions.into();
        self.flows.rcu(|flows| {
            let mut flows = HashMap::clone(flows);
            match versions.is_empty() {
                true => flows.remove(flow),
                false => flows.insert(flow.to_owned(), versions.clone()),
            };
            flows
        });
        Ok(())
    }

    /// What a name serves.
    pub fn get(&self, flow: &str) -> Vec<Weighted> {
        let flows = self.flows.load();
        flows
            .get(flow)
            .map(|versions| versions.to_vec())
            .unwrap_or_default()
    }

    /// The names that serve something, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.flows.load().keys().cloned().collect();
        names.sort_unstable();
        names
    }
}
