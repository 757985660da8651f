//! Losing, doubling and delaying datagrams on purpose, for tests of what stands above.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Which way a datagram goes, as seen by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectionOfTravel {
    /// Towards us.
    In,
    /// Away from us.
    Out,
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Deliver,
    /// It is lost.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives after this time, and so after others.
    Delay(Duration),
}

/// Decides the fate of each datagram.
pub type Impairment = Box<dyn FnMut(&[u8], DirectionOfTravel) -> Fate + Send>;

/// The impairment shared by all sockets; none costs one atomic load for each datagram.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<OnceLock<Mutex<Impairment>>>);

impl Line {
    pub(super) fn set(&self, impairment: Impairment) {
        if let Err(impairment) = self.0.set(Mutex::new(impairment))
            && let Some(place) = self.0.get()
            && let Ok(impairment) = impairment.into_inner()
        {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = impairment;
        }
    }

    pub(super) fn fate(&self, datagram: &[u8], direction: DirectionOfTravel) -> Fate {
        match self.0.get() {
            None => Fate::Deliver,
            Some(impairment) => {
                impairment.lock().unwrap_or_else(PoisonError::into_inner)(datagram, direction)
            }
        }
    }
}
