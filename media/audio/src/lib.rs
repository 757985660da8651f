//! Everything Vireo does to sound that needs neither network nor call: the G.711 codecs, tones,
//! in-band DTMF, loss concealment, voice activity, WAV files, the prompt library and the recorder.
//!
//! All signals are 16-bit linear samples at [`SAMPLE_RATE`], mono unless a type says otherwise.
//! Nothing here blocks except the functions that name a file, and the recorder's own thread.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod codec;
pub mod compare;
mod double;
pub mod dtmf;
pub mod g711;
mod level;
pub mod plc;
pub mod prompt;
pub mod recorder;
mod resample;
mod sums;
pub mod tone;
pub mod vad;
pub mod wav;
pub mod word;

pub use codec::Codec;
pub use double::Doubler;
pub use level::{SILENCE_DBM0, level_dbm0, peak_of_sine};

/// Samples a second of every signal in this crate, unless a type says otherwise.
pub const SAMPLE_RATE: u32 = 8000;

/// Samples in one millisecond.
pub const SAMPLES_PER_MS: usize = 8;
