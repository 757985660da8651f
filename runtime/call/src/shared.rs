//! What all calls of a server share.

use std::sync::Arc;

use vireo_audio::prompt::Library;
use vireo_audio::recorder::Recorder;
use vireo_rtp::Engine;
use vireo_speech::asr::Recognizers;
use vireo_speech::tts::Speech;
use vireo_store::{Cdrs, Kv, Store};

use crate::deploy::Deployer;
use crate::http::HttpClient;
use crate::journal::JournalWriter;
use crate::live::LiveCalls;
use crate::unknown_words::UnknownWords;

/// What all calls of a server share. Each of these may be used from any task.
pub struct Shared {
    /// Which flow name serves which versions.
    pub deployer: Arc<Deployer>,
    /// The media engine.
    pub engine: Engine,
    pub library: Library,
    pub recorder: Recorder,
    /// What speaks texts, if anything does.
    pub speech: Option<Arc<Speech>>,
    /// What understands callers, if anything does.
    pub recognizers: Option<Recognizers>,
    /// What they do not understand.
    pub unknown_words: UnknownWords,
    pub store: Arc<dyn Store>,
    pub kv: Kv,
    pub cdrs: Cdrs,
    pub journal: JournalWriter,
    pub http: HttpClient,
    pub live: Arc<LiveCalls>,
}
