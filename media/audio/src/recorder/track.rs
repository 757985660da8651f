//! The end of a recording that lives in the media thread.

use std::sync::{Arc, OnceLock};

use super::writer::Message;
use super::{Failure, Format, Layout, Mark, Queue, Spec, frames_to_ms};
use crate::{SAMPLE_RATE, SAMPLES_PER_MS, g711};

/// Frames (samples of each channel) of a block.
const BLOCK_FRAMES: usize = SAMPLE_RATE as usize;
/// Tracks' first blocks differ by so many frames (20 ms)...
const STAGGER_FRAMES: usize = 20 * SAMPLES_PER_MS;
/// ...in so many steps.
const STAGGER_STEPS: u64 = 50;

/// A recording in progress. Dropping it ends the recording like [`Track::finish`].
///
/// No method blocks or touches the disk.
#[derive(Debug)]
pub struct Track {
    number: u64,
    id: String,
    layout: Layout,
    format: Format,
    queue: Queue,
    block: Vec<u8>,
    /// Length at which the block is handed over, octets.
    pub(super) block_full: usize,
    /// Frames so far, handed over or not.
    frames: u64,
    paused: bool,
    /// Set once, by this track or by the writer.
    failure: Arc<OnceLock<Failure>>,
}

impl Track {
    pub(super) fn open(number: u64, spec: Spec, queue: Queue) -> Result<Self, Failure> {
        let failure = Arc::new(OnceLock::new());
        queue.send(Message::Open {
            track: number,
            id: spec.id.clone(),
            layout: spec.layout,
            format: spec.format,
            failure: Arc::clone(&failure),
            on_finished: spec.on_finished,
        })?;
        // A multiplier coprime to the steps spreads neighbours far apart.
        let step = (number * 37 % STAGGER_STEPS + 1) as usize;
        let frame_size = super::file::frame_size(spec.layout, spec.format);
        Ok(Track {
            number,
            id: spec.id,
            layout: spec.layout,
            format: spec.format,
            queue,
            block: Vec::with_capacity(BLOCK_FRAMES * frame_size),
            block_full: step * STAGGER_FRAMES * frame_size,
            frames: 0,
            paused: false,
            failure,
        })
    }

    /// The recording's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Takes the next frame of both directions. `heard` is ignored by a mono track; where it is
    /// shorter than `caller` in a stereo track, silence is recorded. While paused, silence is
    /// recorded. After a failure nothing happens.
    pub fn push(&mut self, caller: &[i16], heard: &[i16]) {
        if self.failure.get().is_some() {
            return;
        }
        self.append(caller, heard);
        self.frames += caller.len() as u64;
        if self.block.len() >= self.block_full {
            self.hand_over();
        }
    }

    fn append(&mut self, caller: &[i16], heard: &[i16]) {
        let start = self.block.len();
        let size = caller.len() * super::file::frame_size(self.layout, self.format);
        let silence = match self.format {
            Format::Pcm16 => 0,
            Format::Mulaw => g711::ULAW_SILENCE,
        };
        self.block.resize(start + size, silence);
        if self.paused {
            return;
        }
        let out = &mut self.block[start..];
        match (self.format, self.layout) {
            (Format::Mulaw, Layout::Mono) => put_mulaw::<1>(out, 0, caller),
            (Format::Mulaw, Layout::Stereo) => {
                put_mulaw::<2>(out, 0, caller);
                put_mulaw::<2>(out, 1, heard);
            }
            (Format::Pcm16, Layout::Mono) => put_pcm16::<2>(out, 0, caller),
            (Format::Pcm16, Layout::Stereo) => {
                put_pcm16::<4>(out, 0, caller);
                put_pcm16::<4>(out, 2, heard);
            }
        }
    }

    /// Gives the block to the writer. Once a second and track a new buffer is allocated for the
    /// next one: far cheaper than passing buffers back.
    fn hand_over(&mut self) {
        let capacity = BLOCK_FRAMES * super::file::frame_size(self.layout, self.format);
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(capacity));
        self.block_full = capacity;
        if let Err(failure) = self.queue.send_block(self.number, block) {
            self.fail(failure);
        }
    }

    fn fail(&self, failure: Failure) {
        // Whoever came first knows the reason.
        let _ = self.failure.set(failure);
    }

    /// Notes that something happened here.
    pub fn mark(&mut self, mark: Mark) {
        let message = Message::Mark {
            track: self.number,
            mark,
            frame: self.frames,
        };
        if let Err(failure) = self.queue.send(message) {
            self.fail(failure);
        }
    }

    /// From here on silence is recorded, so that the file stays aligned with the call. Marked.
    /// Nothing happens when it is paused already.
    pub fn pause(&mut self) {
        if !self.paused {
            self.paused = true;
            self.mark(Mark::Pause);
        }
    }

    /// Ends a pause. Marked. Nothing happens when it is not paused.
    pub fn resume(&mut self) {
        if self.paused {
            self.paused = false;
            self.mark(Mark::Continue);
        }
    }

    /// Cuts off the last `ms` (all of it when the recording is shorter): the silence that ended a
    /// message, the digit that did.
    pub fn truncate_tail(&mut self, ms: u32) {
        let cut = (u64::from(ms) * SAMPLES_PER_MS as u64).min(self.frames);
        self.frames -= cut;
        let frame_size = super::file::frame_size(self.layout, self.format) as u64;
        let in_block = (self.block.len() as u64 / frame_size).min(cut);
        let keep = self.block.len() - (in_block * frame_size) as usize;
        self.block.truncate(keep);
        // What the block did not hold is with the writer already.
        if in_block < cut {
            let message = Message::Truncate {
                track: self.number,
                frames: cut - in_block,
            };
            if let Err(failure) = self.queue.send(message) {
                self.fail(failure);
            }
        }
    }

    /// Length so far, ms.
    #[must_use]
    pub fn position_ms(&self) -> u32 {
        frames_to_ms(self.frames)
    }

    /// Why this recording ended too early, if it did. What was written is kept.
    #[must_use]
    pub fn failed(&self) -> Option<Failure> {
        self.failure.get().cloned()
    }

    /// Ends the recording. The writer completes the file and then tells `Spec::on_finished`.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        if !self.block.is_empty() && self.failure.get().is_none() {
            self.hand_over();
        }
        // Fails only when the writer has ended, which has completed the file.
        let _ = self.queue.send(Message::Finish { track: self.number });
    }
}

/// Writes a channel that begins `at` octets into each frame of `FRAME` octets.
#[inline(always)]
fn put_mulaw<const FRAME: usize>(out: &mut [u8], at: usize, samples: &[i16]) {
    for (frame, sample) in out.as_chunks_mut::<FRAME>().0.iter_mut().zip(samples) {
        frame[at] = g711::ulaw_encode(*sample);
    }
}

/// Writes a channel that begins `at` octets into each frame of `FRAME` octets.
#[inline(always)]
fn put_pcm16<const FRAME: usize>(out: &mut [u8], at: usize, samples: &[i16]) {
    for (frame, sample) in out.as_chunks_mut::<FRAME>().0.iter_mut().zip(samples) {
        frame[at..at + 2].copy_from_slice(&sample.to_le_bytes());
    }
}
