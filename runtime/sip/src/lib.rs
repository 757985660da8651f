//! SIP: messages, transactions, dialogs, offer/answer (sans-IO), and the sockets beside them. See docs/architecture.md.
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod message;
pub mod offer_answer;
pub mod sdp;
pub mod transport;
