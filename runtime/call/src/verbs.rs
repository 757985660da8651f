//! From a flow's request to a verb of the call's machine.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use vireo_audio::tone;
use vireo_host::Request;
use vireo_host::contract::Error;
use vireo_rtp::{Repeat, Segment};

use crate::machine::{GatherPrompts, Verb};
use crate::message;
use crate::prompts::Resolve;

/// Rendered once: 1,600 samples take longer than the rest of a verb.
static BEEP: LazyLock<Arc<[i16]>> = LazyLock::new(|| tone::render(&tone::BEEP).into());

/// The verb with its prompts looked up; none for what the machine does not do.
///
/// # Errors
/// A part of a prompt that cannot be played.
pub fn verb(request: &Request, lookup: &impl Resolve) -> Result<Option<Verb>, Error> {
    Ok(Some(match request {
        Request::Ring => Verb::Ring,
        Request::EarlyMedia => Verb::EarlyMedia,
        Request::Answer => Verb::Answer,
        Request::Reject { why } => Verb::Reject(*why),
        Request::Hangup => Verb::Hangup,
        Request::Wait { timeout_ms } => Verb::Wait {
            timeout: Duration::from_millis((*timeout_ms).into()),
        },
        Request::Play { prompt, options } => Verb::Play {
            prompt: lookup.resolve(prompt)?,
            interrupt_keys: options.interrupt_keys.clone(),
        },
        Request::Gather(options) => {
            let prompts = GatherPrompts {
                prompt: lookup.resolve(&options.prompt)?,
                no_input: lookup.resolve(&options.no_input_prompt)?,
                no_match: lookup.resolve(&options.no_match_prompt)?,
            };
            Verb::Gather {
                options: Box::new(options.clone()),
                prompts,
            }
        }
        Request::Record(options) => {
            let mut prompt = lookup.resolve(&options.prompt)?;
            if options.beep {
                prompt.push(Segment::Samples(Arc::clone(&BEEP)));
            }
            Verb::Record(message::Spec {
                prompt,
                max_duration_ms: options.max_duration_ms,
                silence_ms: (options.silence_ms > 0).then_some(options.silence_ms),
                terminators: options.terminators.clone(),
            })
        }
        Request::StartPlaying { prompt, repeat, .. } => Verb::StartPlaying {
            prompt: lookup.resolve(prompt)?,
            repeat: if *repeat {
                Repeat::Forever
            } else {
                Repeat::Once
            },
        },
        Request::StopPlaying => Verb::StopPlaying,
        Request::FlushDigits => Verb::FlushDigits,
        Request::SendDigits { digits } => Verb::SendDigits(digits.clone()),
        Request::StartRecording => Verb::StartRecording,
        Request::PauseRecording => Verb::PauseRecording,
        Request::ResumeRecording => Verb::ResumeRecording,
        Request::StopRecording => Verb::StopRecording,
        Request::DiscardRecording { id } => Verb::Discard(id.clone()),
        _ => return Ok(None),
    }))
}
