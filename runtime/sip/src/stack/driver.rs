//! The task that owns the endpoint and its sockets.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Shared;
use super::alarm::Alarm;
use super::events::{self, EventWriter, NotQueued};
use super::leg::{IncomingCall, Leg};
use crate::endpoint::{
    Admission, Endpoint, IdMap, Incoming, Invite, LegError, LegEvent, LegId, Rejection, TrunkLoad,
};
use crate::message::{Reason, phrase};
use crate::time::Time;
use crate::transport::{Impairment, Packet, Transports};
use crate::trunk::Trunks;

/// Commands taken up in one go, so that sockets and timers get their turn.
const COMMANDS_AT_ONCE: usize = 256;

/// Tables are not made larger than this at the start.
const MAX_PRESIZED: usize = 1 << 20;

/// What the handles ask the task for.
pub(super) enum Command {
    Leg(u64, LegCommand),
    Dropped(u64),
    Invite {
        handle: u64,
        invite: Box<Invite>,
        events: EventWriter,
    },
    Admission(Admission),
    Shed(u16),
    Trunks(Box<Trunks>),
    TrunkLoads(oneshot::Sender<Vec<TrunkLoad>>),
    Impairment(Impairment),
    Shutdown {
        patience: Duration,
        reply: oneshot::Sender<u64>,
    },
}

/// What a leg's handle asks for.
#[derive(Debug)]
pub(super) enum LegCommand {
    Provisional(u16, Option<Vec<u8>>),
    Answer(Vec<u8>),
    Reject(Box<Rejection>),
    Cancel(Option<Reason>),
    Bye(Option<Reason>),
    Reinvite(Vec<u8>),
    AcceptOffer(Vec<u8>),
    RefuseOffer(u16),
    Info(String, Vec<u8>),
}

/// The task's end of a leg's handle.
struct Outlet {
    handle: u64,
    events: EventWriter,
}

/// Wall-clock time that never runs backwards: the clock is read once, and counted on from there.
struct Clock {
    base: Time,
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let base = Time::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX));
        Self {
            base,
            start: Instant::now(),
        }
    }

    fn now(&self) -> Time {
        // Rounded down: a timer that fires a fraction early is asked again.
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.base + Duration::from_millis(elapsed)
    }

    fn instant(&self, time: Time) -> Instant {
        self.start + time.since(self.base)
    }
}

/// A shutdown under way.
struct Closing {
    until: Instant,
    reply: oneshot::Sender<u64>,
}

pub(super) struct Driver {
    endpoint: Endpoint,
    transports: Transports,
    clock: Clock,
    commands: mpsc::UnboundedReceiver<Command>,
    /// For the handles of inbound legs; weak, so that the task ends when all handles are gone.
    handles_commands: mpsc::WeakUnboundedSender<Command>,
    incoming: mpsc::Sender<IncomingCall>,
    outlets: IdMap<LegId, Outlet>,
    by_handle: IdMap<u64, LegId>,
    shared: Arc<Shared>,
    leg_queue: usize,
    closing: Option<Closing>,
}

impl Driver {
    pub(super) fn new(
        endpoint: Endpoint,
        transports: Transports,
        commands: mpsc::UnboundedReceiver<Command>,
        handles_commands: mpsc::WeakUnboundedSender<Command>,
        incoming: mpsc::Sender<IncomingCall>,
        shared: Arc<Shared>,
        leg_queue: usize,
    ) -> Self {
        let calls = endpoint.max_calls().min(MAX_PRESIZED);
        Self {
            endpoint,
            transports,
            clock: Clock::new(),
            commands,
            handles_commands,
            incoming,
            // As large as they may become, so that no growing table ever stalls a call.
            outlets: IdMap::with_capacity_and_hasher(calls, Default::default()),
            by_handle: IdMap::with_capacity_and_hasher(calls, Default::default()),
            shared,
            leg_queue,
            closing: None,
        }
    }

    pub(super) async fn run(mut self) {
        let mut packets = Vec::new();
        let mut alarm = Alarm::default();
        loop {
            let wake = self.wake();
            alarm.set(wake);
            tokio::select! {
                biased;
                () = self.transports.receive(&mut packets) => {}
                command = self.commands.recv() => match command {
                    Some(command) => {
                        let now = self.clock.now();
                        self.obey(command, now);
                        // Whom a task wakes, tokio runs next: that is after the first of the calls that have something
                        // to say. Once the others have run too, all of it leaves by one system call.
                        tokio::task::yield_now().await;
                    }
                    // Every handle is gone, and with them every leg.
                    None => break,
                },
                () = &mut alarm => {}
            }
            // Whatever the reason to wake: everything that waits is taken up, so that nothing is starved and messages
            // leave together.
            let now = self.clock.now();
            self.endpoint.set_room(self.incoming.capacity());
            self.take_in(&mut packets, now);
            self.obey_all(now);
            self.endpoint.handle_timeout(now);
            self.hand_out(now);
            if self.is_closed() {
                break;
            }
        }
    }

    fn wake(&mut self) -> Option<Instant> {
        let timer = self
            .endpoint
            .poll_timeout()
            .map(|at| self.clock.instant(at));
        let closing = self.closing.as_ref().map(|closing| closing.until);
        match (timer, closing) {
            (Some(timer), Some(closing)) => Some(timer.min(closing)),
            (timer, closing) => timer.or(closing),
        }
    }

    fn take_in(&mut self, packets: &mut Vec<Packet>, now: Time) {
        for packet in packets.drain(..) {
            self.endpoint.receive(packet, now);
        }
        for failure in self.transports.take_failures() {
            tracing::info!(protocol = %failure.protocol, destination = %failure.destination, error = %failure.error, "SIP connection failed");
            self.endpoint.transport_failed(&failure, now);
        }
    }

    /// Passes on what the endpoint has to say and to send.
    fn hand_out(&mut self, now: Time) {
        while let Some((leg, event)) = self.endpoint.poll_event() {
            match event {
                LegEvent::Incoming(invite) => self.announce(leg, invite, now),
                event => self.tell(leg, event, now),
            }
        }
        let endpoint = &mut self.endpoint;
        self.transports
            .send(std::iter::from_fn(|| endpoint.poll_transmit()));
        let counters = (self.endpoint.counters(), self.transports.counters());
        *self
            .shared
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = counters;
    }

    fn announce(&mut self, leg: LegId, invite: Box<Incoming>, now: Time) {
        let taken = self.handles_commands.upgrade().is_some_and(|commands| {
            let (events, reader) = events::queue(self.leg_queue);
            let handle = Leg::new(self.shared.new_handle(), commands, reader);
            let outlet = Outlet {
                handle: handle.handle(),
                events,
            };
            let number = outlet.handle;
            // Before the handle is given away, since its first command may come at once.
            self.by_handle.insert(number, leg);
            self.outlets.insert(leg, outlet);
            self.incoming
                .try_send(IncomingCall {
                    leg: handle,
                    invite,
                })
                .is_ok()
        });
        if !taken {
            tracing::warn!(%leg, "inbound call refused: nobody takes calls fast enough");
            self.forget(leg);
            let retry_after = Some(Duration::from_secs(5));
            // Fails only when the caller has given up meanwhile.
            let _ = self.endpoint.reject(
                leg,
                Rejection {
                    retry_after,
                    ..Rejection::new(503)
                },
                now,
            );
        }
    }

    fn tell(&mut self, leg: LegId, event: LegEvent, now: Time) {
        let Some(outlet) = self.outlets.get(&leg) else {
            return;
        };
        let terminal = event.is_terminal();
        match outlet.events.try_send(event) {
            Ok(()) => {}
            Err(NotQueued::Full) => {
                tracing::warn!(%leg, handle = outlet.handle, "leg ended: its events are not read");
                self.end(leg, now);
            }
            Err(NotQueued::Closed) => self.end(leg, now),
        }
        if terminal {
            self.forget(leg);
        }
    }

    /// Ends a leg that nobody holds any more.
    fn end(&mut self, leg: LegId, now: Time) {
        self.forget(leg);
        // Fails only when it has ended, or is being cancelled, already.
        let _ = self.endpoint.bye(leg, None, now);
    }

    fn forget(&mut self, leg: LegId) {
        if let Some(outlet) = self.outlets.remove(&leg) {
            self.by_handle.remove(&outlet.handle);
        }
    }

    fn obey_all(&mut self, now: Time) {
        for _ in 0..COMMANDS_AT_ONCE {
            let Ok(command) = self.commands.try_recv() else {
                break;
            };
            self.obey(command, now);
        }
    }

    fn obey(&mut self, command: Command, now: Time) {
        match command {
            Command::Leg(handle, command) => self.obey_leg(handle, command, now),
            Command::Dropped(handle) => {
                if let Some(leg) = self.by_handle.get(&handle).copied() {
                    self.end(leg, now);
                }
            }
            Command::Invite {
                handle,
                invite,
                events,
            } => {
                self.shared.waiting_invites.fetch_sub(1, Ordering::Relaxed);
                self.place(Outlet { handle, events }, *invite, now);
            }
            Command::Admission(admission) => self.endpoint.set_admission(admission),
            Command::Shed(thousandths) => self.endpoint.shed(thousandths),
            Command::Trunks(trunks) => self.endpoint.set_trunks(*trunks),
            Command::TrunkLoads(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.endpoint.trunk_loads());
            }
            Command::Impairment(impairment) => self.transports.set_impairment(impairment),
            Command::Shutdown { patience, reply } => self.close(patience, reply, now),
        }
    }

    fn place(&mut self, outlet: Outlet, invite: Invite, now: Time) {
        match self.endpoint.invite(invite, now) {
            Ok(leg) => {
                self.by_handle.insert(outlet.handle, leg);
                self.outlets.insert(leg, outlet);
            }
            Err(error) => {
                tracing::warn!(handle = outlet.handle, %error, "outbound call not placed");
                let status = if error == LegError::TooManyHops {
                    483
                } else {
                    503
                };
                let phrase = phrase(status).to_owned();
                // A queue that is new has room; the owner may have gone.
                let _ = outlet.events.try_send(LegEvent::Failed {
                    status,
                    phrase,
                    retry_after: None,
                    reason: None,
                });
            }
        }
    }

    fn obey_leg(&mut self, handle: u64, command: LegCommand, now: Time) {
        let Some(leg) = self.by_handle.get(&handle).copied() else {
            return;
        };
        if let Some(outlet) = self.outlets.get(&leg) {
            outlet.events.waiting().fetch_sub(1, Ordering::Relaxed);
        }
        let endpoint = &mut self.endpoint;
        let mut unsent_offer = false;
        let done = match command {
            LegCommand::Provisional(status, sdp) => endpoint.provisional(leg, status, sdp, now),
            LegCommand::Answer(sdp) => endpoint.answer(leg, sdp, now),
            LegCommand::Reject(rejection) => endpoint.reject(leg, *rejection, now),
            LegCommand::Cancel(reason) => endpoint.cancel(leg, reason, now),
            LegCommand::Bye(reason) => endpoint.bye(leg, reason, now),
            LegCommand::Reinvite(sdp) => {
                let sent = endpoint.reinvite(leg, sdp, now);
                unsent_offer = sent.is_err();
                sent
            }
            LegCommand::AcceptOffer(sdp) => endpoint.accept_offer(leg, sdp, now),
            LegCommand::RefuseOffer(status) => endpoint.refuse_offer(leg, status, now),
            LegCommand::Info(content_type, body) => endpoint.info(leg, &content_type, body, now),
        };
        if let Err(error) = done {
            tracing::debug!(%leg, handle, %error, "a command came too late or too early");
        }
        if unsent_offer {
            self.tell(leg, LegEvent::ReinviteFailed { status: 491 }, now);
        }
    }

    fn close(&mut self, patience: Duration, reply: oneshot::Sender<u64>, now: Time) {
        self.endpoint.set_admission(Admission::Draining);
        let legs: Vec<LegId> = self.endpoint.legs().collect();
        for leg in legs {
            // One that is being cancelled already needs no second push.
            let _ = self.endpoint.bye(leg, None, now);
        }
        self.closing = Some(Closing {
            until: Instant::now() + patience,
            reply,
        });
    }

    /// Whether a shutdown is complete, or has taken long enough.
    fn is_closed(&mut self) -> bool {
        if self.closing.is_none() {
            return false;
        }
        let left = self.endpoint.unfinished() as u64;
        let done = self
            .closing
            .take_if(|closing| left == 0 || closing.until <= Instant::now());
        let Some(closing) = done else { return false };
        // Whoever asked may have gone.
        let _ = closing.reply.send(left);
        true
    }
}
