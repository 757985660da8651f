//! The call as a flow sees it.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::contract::Error;
use crate::outcome::Divergence;
use crate::request::{Answer, Request};

/// The call as a flow sees it: performs what the flow asks, and journals it.
///
/// Nothing reaches a flow but through this trait, so that a flow's run is a function of the
/// answers: the same answers give the same requests.
///
/// ```
/// use vireo_host::{Answer, Control, Reply, Request};
///
/// struct Polite;
///
/// impl Control for Polite {
///     async fn perform(&mut self, request: Request) -> Answer {
///         match request {
///             Request::Now => Ok(Reply::Millis(0)),
///             _ => Ok(Reply::Done),
///         }
///     }
/// }
/// ```
pub trait Control: Send + 'static {
    /// Does what the flow asks. A reply that does not belong to the request ends the flow as
    /// [`TrapKind::Host`](crate::TrapKind::Host).
    ///
    /// The future is dropped when the flow is cancelled.
    fn perform(&mut self, request: Request) -> impl Future<Output = Answer> + Send;

    /// The value of a secret, after [`Request::Secret`] was answered by `Ok`. It is not to be
    /// journaled, nor logged. A control without secrets keeps this default.
    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        Err(Error::NotFound(format!("there is no secret `{name}`")))
    }

    /// Asked after every `perform`: a divergence ends the flow before it sees the answer. Only a
    /// control that answers from a journal, such as [`Replay`](crate::Replay), has reason to answer
    /// anything but none.
    fn divergence(&mut self) -> Option<Divergence> {
        None
    }
}

/// The value of a secret. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// The value; for the flow only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// `Control` behind a pointer: wasmtime links a component for one type of store data, and one
/// version serves the call, the simulator and the replay.
pub(crate) trait AnyControl: Send + 'static {
    fn perform<'a>(
        &'a mut self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
    fn reveal(&mut self, name: &str) -> Result<Secret, Error>;
    fn divergence(&mut self) -> Option<Divergence>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<C: Control> AnyControl for C {
    fn perform<'a>(
        &'a mut self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(Control::perform(self, request))
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        Control::reveal(self, name)
    }

    fn divergence(&mut self) -> Option<Divergence> {
        Control::divergence(self)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
