//! Legs written down, and carried on by another endpoint: after a restart, or in another process.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::keys::Key;
use super::layer::{Client, Server};
use super::leg::{Leg, LocalOffer, OfferState, PendingInvite, Phase};
use super::{Endpoint, LegId};
use crate::dialog::Unacknowledged;
use crate::message::{Message, Via};

/// A leg as it stood at one moment, with the transactions that it waits for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LegSnapshot {
    leg: Leg,
    servers: Vec<StoredServer>,
    clients: Vec<StoredClient>,
}

/// A server transaction, and the Via that names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredServer {
    via: Via,
    server: Server,
}

/// A client transaction, and the key that the leg knew it by.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredClient {
    key: Key,
    client: Client,
}

/// Why a leg cannot be carried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// This endpoint has a leg with the same Call-ID and tag: it was restored already.
    #[error("the leg is here already")]
    Duplicate,
    /// No socket can reach the peer.
    #[error("no socket for the peer's protocol and address family")]
    NoSocket,
}

impl Endpoint {
    /// Writes a leg down, whatever its state. `None` when there is none.
    ///
    /// Held with the leg: its open offers, its 2xx without ACK, and the transactions of both. Finished transactions
    /// that only absorb retransmissions stay behind, and so do transactions with peers of RFC 2543.
    #[must_use]
    pub fn snapshot(&self, id: LegId) -> Option<LegSnapshot> {
        let leg = self.legs.get(&id)?;
        let servers = server_vias(leg).filter_map(|via| {
            let key = self.layer.keys.server_answered(&via)?;
            Some(StoredServer {
                server: self.layer.server(key)?.clone(),
                via,
            })
        });
        let clients = client_keys(leg).filter_map(|key| {
            Some(StoredClient {
                key,
                client: self.layer.client(key)?.clone(),
            })
        });
        Some(LegSnapshot {
            leg: (**leg).clone(),
            servers: servers.collect(),
            clients: clients.collect(),
        })
    }

    /// Carries a leg on under a new name. Deadlines that have passed meanwhile fall due at once.
    ///
    /// The leg counts for its trunk, whatever the limits say. The process that wrote it down must not touch it again.
    ///
    /// # Errors
    /// The leg is here already, or its peer cannot be reached from here.
    pub fn restore(&mut self, snapshot: LegSnapshot) -> Result<LegId, RestoreError> {
        let LegSnapshot {
            mut leg,
            servers,
            clients,
        } = snapshot;
        let dialog = self
            .layer
            .keys
            .leg(leg.dialog.call_id(), leg.dialog.local_tag());
        if self.by_dialog.contains_key(&dialog) {
            return Err(RestoreError::Duplicate);
        }
        if !self.layer.can_reach(&leg.path) {
            return Err(RestoreError::NoSocket);
        }
        let id = self.new_leg_id();
        leg.id = id;
        leg.scheduled = None;
        for StoredServer { via, mut server } in servers {
            if let Some(key) = self.layer.keys.server_answered(&via) {
                server.leg = Some(id);
                self.layer.restore_server(key, server);
            }
        }
        for pending in pending_invites(&mut leg) {
            if let Ok(via) = pending.request.headers.via() {
                pending.key = self.layer.keys.server(&pending.request, &via);
            }
        }
        for StoredClient {
            key: old,
            mut client,
        } in clients
        {
            client.leg = id;
            if let Some(new) = self.layer.restore_client(client) {
                rename_client(&mut leg, old, new);
            }
        }
        if let (Some(trunk), super::Told::Not) = (&leg.trunk, leg.told) {
            self.usage.readmit(trunk);
        }
        let counters = &mut self.layer.counters;
        counters.unacknowledged += leg.unacknowledged.len() as u64;
        counters.dialogs += u64::from(leg.is_confirmed());
        self.adopt(leg);
        self.settle(id);
        Ok(id)
    }
}

/// The INVITEs of the peer that wait for an answer of ours.
fn pending_invites(leg: &mut Leg) -> impl Iterator<Item = &mut PendingInvite> {
    let ringing = match &mut leg.phase {
        Phase::Ringing { pending, .. } => Some(pending),
        _ => None,
    };
    ringing.into_iter().chain(leg.remote_offer.as_mut())
}

/// The Vias that name the INVITE server transactions of a leg: of what waits for an answer, and of what waits for ACK.
fn server_vias(leg: &Leg) -> impl Iterator<Item = Via> {
    let ringing = match &leg.phase {
        Phase::Ringing { pending, .. } => Some(pending),
        _ => None,
    };
    let pending = ringing.into_iter().chain(leg.remote_offer.as_ref());
    let pending = pending.filter_map(|pending| pending.request.headers.via().ok());
    pending.chain(leg.unacknowledged.iter().filter_map(via_of))
}

fn via_of(waiting: &Unacknowledged) -> Option<Via> {
    Message::parse(&waiting.answer.response)
        .ok()?
        .headers()
        .via()
        .ok()
}

/// The client transactions that a leg waits for, or still hears of.
fn client_keys(leg: &Leg) -> impl Iterator<Item = Key> {
    let reinvite = match &leg.local_offer {
        Some(LocalOffer {
            state: OfferState::Sent(key),
            ..
        }) => Some(*key),
        _ => None,
    };
    leg.outbound
        .iter()
        .map(|outbound| outbound.invite)
        .chain(reinvite)
        .chain(leg.bye)
}

fn rename_client(leg: &mut Leg, old: Key, new: Key) {
    let invite = match &mut leg.phase {
        Phase::Calling { invite, .. } => Some(invite),
        _ => None,
    };
    let first = leg.outbound.as_mut().map(|outbound| &mut outbound.invite);
    let reinvite = match &mut leg.local_offer {
        Some(LocalOffer {
            state: OfferState::Sent(key),
            ..
        }) => Some(key),
        _ => None,
    };
    for key in invite
        .into_iter()
        .chain(first)
        .chain(reinvite)
        .chain(leg.bye.as_mut())
    {
        if *key == old {
            *key = new;
        }
    }
}
