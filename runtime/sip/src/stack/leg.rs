//! The handle of a leg.

use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::driver::{Command, LegCommand};
use super::events::LegEvents;
use crate::endpoint::{Incoming, LegError, Rejection};
use crate::message::Reason;

/// Commands of one leg that may wait for the task.
const MAX_WAITING: usize = 32;

/// An inbound call that waits to be answered, with 100 sent.
#[derive(Debug)]
pub struct IncomingCall {
    /// The handle.
    pub leg: Leg,
    /// The INVITE.
    pub invite: Box<Incoming>,
}

/// A leg of a call, inbound or outbound. Dropping it ends it: with BYE, CANCEL or 480, whichever is due.
///
/// Commands are queued for the stack's task and return at once; their outcome comes as an event. A command that is not
/// possible any more when its turn comes, for instance an answer that crossed a CANCEL, does nothing: the event that
/// made it impossible is in the queue already. [`LegError::Busy`] says that 32 commands of this leg are waiting, or that
/// the stack is gone; the command was not queued then.
#[derive(Debug)]
pub struct Leg {
    handle: u64,
    commands: mpsc::UnboundedSender<Command>,
    events: LegEvents,
}

impl Leg {
    pub(super) fn new(
        handle: u64,
        commands: mpsc::UnboundedSender<Command>,
        events: LegEvents,
    ) -> Self {
        Self {
            handle,
            commands,
            events,
        }
    }

    pub(super) fn handle(&self) -> u64 {
        self.handle
    }

    /// A number for logs, never used twice by one stack.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.handle
    }

    /// The leg's events, the last one terminal. The queue ends without a terminal event when it was not read and
    /// overflowed (the leg was ended then), or when the stack has shut down.
    pub fn events(&mut self) -> &mut LegEvents {
        &mut self.events
    }

    fn send(&self, command: LegCommand) -> Result<(), LegError> {
        let waiting = self.events.waiting();
        if waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(LegError::Busy);
        }
        self.commands
            .send(Command::Leg(self.handle, command))
            .map_err(|_| LegError::Busy)
    }

    /// Sends 101-199; see [`Endpoint::provisional`](crate::endpoint::Endpoint::provisional).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn provisional(&self, status: u16, sdp: Option<Vec<u8>>) -> Result<(), LegError> {
        self.send(LegCommand::Provisional(status, sdp))
    }

    /// Answers an inbound call; see [`Endpoint::answer`](crate::endpoint::Endpoint::answer).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn answer(&self, sdp: Vec<u8>) -> Result<(), LegError> {
        self.send(LegCommand::Answer(sdp))
    }

    /// Refuses an inbound call; see [`Endpoint::reject`](crate::endpoint::Endpoint::reject).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn reject(&self, rejection: Rejection) -> Result<(), LegError> {
        self.send(LegCommand::Reject(Box::new(rejection)))
    }

    /// Gives an outbound call up; see [`Endpoint::cancel`](crate::endpoint::Endpoint::cancel).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn cancel(&self, reason: Option<Reason>) -> Result<(), LegError> {
        self.send(LegCommand::Cancel(reason))
    }

    /// Ends the leg, whatever its state; see [`Endpoint::bye`](crate::endpoint::Endpoint::bye).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn bye(&self, reason: Option<Reason>) -> Result<(), LegError> {
        self.send(LegCommand::Bye(reason))
    }

    /// Offers a new session; see [`Endpoint::reinvite`](crate::endpoint::Endpoint::reinvite). When it cannot be sent,
    /// [`LegEvent::ReinviteFailed`] comes with 491.
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn reinvite(&self, sdp: Vec<u8>) -> Result<(), LegError> {
        self.send(LegCommand::Reinvite(sdp))
    }

    /// Accepts the peer's offer; see [`Endpoint::accept_offer`](crate::endpoint::Endpoint::accept_offer).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn accept_offer(&self, sdp: Vec<u8>) -> Result<(), LegError> {
        self.send(LegCommand::AcceptOffer(sdp))
    }

    /// Refuses the peer's offer; see [`Endpoint::refuse_offer`](crate::endpoint::Endpoint::refuse_offer).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn refuse_offer(&self, status: u16) -> Result<(), LegError> {
        self.send(LegCommand::RefuseOffer(status))
    }

    /// Sends INFO; see [`Endpoint::info`](crate::endpoint::Endpoint::info).
    ///
    /// # Errors
    /// [`LegError::Busy`]
    pub fn info(&self, content_type: impl Into<String>, body: Vec<u8>) -> Result<(), LegError> {
        self.send(LegCommand::Info(content_type.into(), body))
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        // Not counted as waiting: one at most comes from each leg, and it must get through.
        let _ = self.commands.send(Command::Dropped(self.handle));
    }
}
