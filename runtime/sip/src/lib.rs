//! SIP: messages, transactions, dialogs, offer/answer (sans-IO), and the sockets beside them. See docs/architecture.md.
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod dialog;
pub mod endpoint;
pub mod message;
pub mod offer_answer;
pub mod sdp;
pub mod stack;
pub mod time;
pub mod transaction;
pub mod transport;
pub mod trunk;
