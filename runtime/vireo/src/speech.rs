//! Text to speech: from the configuration to voices and the engines that they belong to.

pub(crate) mod engines;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vireo_audio::prompt::Prompt;
use vireo_speech::say::Language;
use vireo_speech::tts::{
    Engine, EngineError, Passage, Speech, SpeechConfig, SpeechError, Utterance, Voice,
};
use vireo_speech_remote::RemoteError;
use vireo_worker::Pool;

use crate::config::{Config, Flow, SecretError, Tts, TtsEngine};
use crate::explain::{Code, Coded};

/// How long an engine gets at the start to say a word; it may have to read its data first.
const FIRST_WORD: Duration = Duration::from_secs(20);

/// Why there are no voices.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VoicesError {
    /// The directory of what is kept.
    #[error(transparent)]
    Speech(#[from] SpeechError),
    /// What an engine is to be told.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// How an engine is to be reached.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl Coded for VoicesError {
    fn code(&self) -> Code {
        match self {
            VoicesError::Speech(_) => Code::FileUnusable,
            VoicesError::Secret(error) => error.code(),
            VoicesError::Remote(_) => Code::EngineStart,
        }
    }
}

/// What speaks texts.
pub(crate) struct Voices {
    /// The speech that calls use.
    pub speech: Arc<Speech>,
    engines: Vec<Started>,
}

/// An engine that a voice names.
struct Started {
    name: String,
    engine: Arc<dyn Engine>,
    /// Its processes, if it has any.
    pool: Option<Pool>,
    /// One of its voices, to try it with.
    voice: Voice,
}

/// How an engine's processes do.
pub(crate) struct Workers<'a> {
    /// The engine.
    pub engine: &'a str,
    /// What has happened since the start.
    pub counters: vireo_worker::Counters,
    /// Sentences that are being made or wait.
    pub open: usize,
}

impl Voices {
    /// Reads what was kept; processes start when they are first asked. Needs a tokio runtime, and blocks.
    ///
    /// # Errors
    /// The directory of what is kept cannot be used, or a secret not be read.
    pub fn start(config: &Config) -> Result<Self, VoicesError> {
        let tts = &config.tts;
        let voices = voices(tts);
        let mut engines: Vec<Started> = Vec::new();
        for voice in &voices {
            let known = engines.iter().any(|engine| engine.name == voice.engine);
            if let (false, Some(kind)) = (known, tts.engine(&voice.engine)) {
                engines.push(started(&kind, voice.clone())?);
            }
        }
        let mib = |mib: u32| u64::from(mib) << 20;
        let disk =
            (tts.cache_disk_mib > 0).then(|| (config.speech_directory(), mib(tts.cache_disk_mib)));
        let speech = Speech::new(SpeechConfig {
            voices,
            engines: engines.iter().map(|one| Arc::clone(&one.engine)).collect(),
            time: Duration::from_millis(tts.timeout_ms.into()),
            memory_bytes: mib(tts.cache_memory_mib),
            disk,
        })?;
        Ok(Voices {
            speech: Arc::new(speech),
            engines,
        })
    }

    /// Lets each engine say a word, so that the first caller does not wait for it to start, and tells of
    /// those that cannot.
    pub async fn try_out(&self) {
        for Started {
            name,
            engine,
            voice,
            ..
        } in &self.engines
        {
            let word = Utterance {
                text: "1".to_owned(),
                phonemes: None,
                language: voice.language.clone(),
                voice: voice.voice.clone(),
                rate: 100,
            };
            match engine.speak(word, FIRST_WORD).await {
                Ok(_) => tracing::info!(engine = name, "texts can be spoken"),
                Err(error) => report(name, &error),
            }
        }
    }

    /// Speaks what flows are going to ask for, one after the other, and keeps it.
    pub async fn prefetch(&self, flows: &BTreeMap<String, Flow>) {
        for (flow, settings) in flows {
            for (language, texts) in &settings.prefetch {
                for text in texts {
                    if let Err(error) = self.whole(text, language).await {
                        tracing::warn!(flow, language, text, %error, "a text could not be spoken ahead");
                    }
                }
            }
        }
    }

    /// How the processes of the engines do.
    pub fn workers(&self) -> impl Iterator<Item = Workers<'_>> {
        self.engines.iter().filter_map(|engine| {
            let pool = engine.pool.as_ref()?;
            Some(Workers {
                engine: &engine.name,
                counters: pool.counters(),
                open: pool.open(),
            })
        })
    }

    /// The sound of a whole text.
    ///
    /// # Errors
    /// See [`SpeechError`].
    pub async fn whole(&self, text: &str, language: &str) -> Result<Vec<i16>, SpeechError> {
        let mut samples = Vec::new();
        for passage in self.speech.passages(text, language)? {
            match passage {
                Passage::Sentence(sentence) => {
                    let prompt: Arc<Prompt> = self.speech.speak(&sentence).await?;
                    samples.extend(prompt.samples());
                }
                Passage::Pause(ms) => samples.resize(samples.len() + ms as usize * 8, 0),
            }
        }
        Ok(samples)
    }
}

/// The server runs without; the flow is told when it asks for a text.
fn report(engine: &str, error: &EngineError) {
    let code = Code::SpeechEngine;
    tracing::error!(
        %code,
        engine,
        %error,
        "an engine cannot speak; texts in its voices fail. `vireo explain {code}` says what to install"
    );
}

fn started(kind: &TtsEngine, voice: Voice) -> Result<Started, VoicesError> {
    let name = voice.engine.clone();
    let (engine, pool) = engines::start(&name, kind)?;
    Ok(Started {
        name,
        engine,
        pool,
        voice,
    })
}

/// Workers are installed where the server is; without knowing where that is, the system looks for them.
pub(crate) fn beside_this_program(worker: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.with_file_name(worker)
}

/// The configured voices, or those of espeak-ng.
fn voices(tts: &Tts) -> Vec<Voice> {
    if !tts.voices.is_empty() {
        let voices = tts.voices.iter().map(|voice| Voice {
            language: voice.language.clone(),
            engine: voice.engine.clone(),
            voice: voice.voice.clone(),
            rate: voice.rate,
        });
        return voices.collect();
    }
    // Of Japanese espeak-ng reads Kana only, and spells out everything else.
    let spoken = Language::ALL
        .into_iter()
        .filter(|language| *language != Language::Japanese)
        .chain([Language::BritishEnglish]);
    let voices = spoken.map(|language| Voice {
        language: language.tag().to_owned(),
        engine: "espeak".to_owned(),
        voice: espeak_voice(language).to_owned(),
        rate: 100,
    });
    voices.collect()
}

/// The voice of espeak-ng that is easiest to understand on the telephone.
pub(crate) fn espeak_voice(language: Language) -> &'static str {
    match language {
        Language::English => "en-us",
        Language::BritishEnglish => "en-gb",
        Language::French => "fr-fr",
        Language::Portuguese => "pt-br",
        // Its "cmn" spells Hanzi in English.
        Language::Mandarin => "cmn-latn-pinyin",
        other => other.tag(),
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn the_codes_that_flows_are_told_have_pages() {
        for (code, page) in [
            (vireo_call::speech::ENGINE, Code::SpeechEngine),
            (vireo_call::speech::NO_VOICE, Code::NoVoice),
        ] {
            assert_eq!(Code::from_str(code).ok(), Some(page));
        }
    }

    #[test]
    fn without_configured_voices_espeak_speaks() {
        let all = voices(&Tts::default());
        let of = |tag: &str| all.iter().find(|voice| voice.language == tag);
        assert_eq!(of("zh").map(|voice| &*voice.voice), Some("cmn-latn-pinyin"));
        assert_eq!(of("en-GB").map(|voice| &*voice.voice), Some("en-gb"));
        assert!(of("ja").is_none());
        assert!(all.iter().all(|voice| voice.engine == "espeak"));
    }
}
