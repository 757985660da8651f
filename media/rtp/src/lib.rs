//! RTP for an IVR: packets, telephone-event, jitter buffer, RTCP, symmetric RTP, and the engine
//! that paces thousands of streams.
//!
//! The crate knows nothing of SIP and flows. Its layers:
//!
//! * formats: [`packet`], [`telephone_event`], [`rtcp`];
//! * one stream without sockets, in a time that is handed in: [`stream`], built of [`latch`],
//!   [`reception`], [`jitter`], [`player`];
//! * the engine: threads that own sockets and streams and keep the packet clock: [`Engine`] and
//!   its handle [`Stream`]. Only its thin layer of system calls has `unsafe` code.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod capture;
mod config;
mod engine;
mod event;
mod inbound;
pub mod jitter;
pub mod latch;
mod late;
pub mod packet;
pub mod player;
pub mod reception;
mod reports;
pub mod rtcp;
mod sender;
pub mod stats;
pub mod stream;
mod tap;
pub mod telephone_event;
mod time;

pub use config::{
    CUT, DigitOut, Direction, HANG_OVER, InbandDtmf, JitterConfig, KEEP_ALIVE, Latch, OPENING,
    Play, RecordLimits, RecordSlot, RecordStart, Repeat, Segment, Silence, StreamConfig,
    TelephoneEvent,
};
pub use engine::{
    Counters, Engine, EngineConfig, EngineError, OpenError, RawSocket, Realtime, Stream, Wake,
};
pub use event::{DigitSource, MediaEvent, PlayEnd, RecordEnd};
pub use inbound::Received;
pub use late::{Come, Late, Promise};
pub use reports::NtpOrigin;
pub use sender::MAX_DEBT;
pub use stats::StreamStats;
pub use tap::Listener;
pub use time::Time;
