//! Turns a play into frames.

use std::sync::Arc;

use vireo_audio::Codec;

use crate::config::{Play, Repeat, Segment};
use crate::event::{MediaEvent, PlayEnd};

/// Samples a millisecond; every codec is at 8 kHz.
const PER_MS: u64 = 8;

/// Samples that are encoded at a time.
const CHUNK: usize = 160;

/// What is playing.
#[derive(Debug, Default)]
pub struct Player {
    playing: Option<Playing>,
}

#[derive(Debug)]
struct Playing {
    play: Play,
    segment: usize,
    /// Samples of the segment that were sent.
    offset: usize,
    /// The current segment in the codec's encoding, when it is a prompt.
    encoded: Option<(Codec, Arc<[u8]>)>,
    sent: u64,
    /// There is not a single sample in it.
    empty: bool,
}

/// What a frame was filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Silence only: nothing plays.
    Silence,
    /// The play's first samples are in it.
    First(u64),
    /// Some of the play.
    More,
}

impl Player {
    /// Nothing plays.
    #[must_use]
    pub fn new() -> Player {
        Player::default()
    }

    /// Does anything play?
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// Reads a little of what the next frame is made from.
    pub(crate) fn touch(&self) -> u8 {
        let playing = self.playing.as_ref();
        let segment = playing.and_then(|playing| playing.play.segments.get(playing.segment));
        u8::from(matches!(segment, Some(Segment::Prompt(_))))
    }

    /// Starts a play; the end of the one that it replaces, if any.
    pub fn play(&mut self, play: Play) -> Option<MediaEvent> {
        let replaced = self.end(PlayEnd::Replaced);
        let empty = play.segments.iter().all(is_empty);
        self.playing = Some(Playing {
            play,
            segment: 0,
            offset: 0,
            encoded: None,
            sent: 0,
            empty,
        });
        replaced
    }

    /// Stops what plays.
    pub fn stop(&mut self) -> Option<MediaEvent> {
        self.end(PlayEnd::Stopped)
    }

    fn end(&mut self, end: PlayEnd) -> Option<MediaEvent> {
        let playing = self.playing.take()?;
        let heard_ms = u32::try_from(playing.sent / PER_MS).unwrap_or(u32::MAX);
        Some(MediaEvent::PlayFinished {
            id: playing.play.id,
            heard_ms,
            end,
        })
    }

    /// Fills a frame, one octet a sample; what the play does not fill is silence. The event is the
    /// end of the play, which is in this frame.
    pub fn fill(&mut self, codec: Codec, frame: &mut [u8]) -> (Filled, Option<MediaEvent>) {
        let Some(playing) = &mut self.playing else {
            frame.fill(codec.silence());
            return (Filled::Silence, None);
        };
        let first = playing.sent == 0;
        let filled = playing.fill(codec, frame);
        if let Some(rest) = frame.get_mut(filled..) {
            rest.fill(codec.silence());
        }
        playing.sent += filled as u64;
        let what = match (filled, first) {
            (0, _) => Filled::Silence,
            (_, true) => Filled::First(playing.play.id),
            (_, false) => Filled::More,
        };
        let ended = if playing.is_over() {
            self.end(PlayEnd::Finished)
        } else {
            None
        };
        (what, ended)
    }
}

impl Playing {
    /// Fills as much of the frame as there is; samples filled.
    fn fill(&mut self, codec: Codec, frame: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < frame.len() && !self.is_over() {
            if self.segment >= self.play.segments.len() {
                self.segment = 0;
            }
            filled += frame
                .get_mut(filled..)
                .map_or(0, |rest| self.take(codec, rest));
            self.pass_ended_segments(codec);
        }
        filled
    }

    /// Is everything sent?
    fn is_over(&self) -> bool {
        let at_end = self.segment >= self.play.segments.len();
        self.empty || at_end && self.play.repeat == Repeat::Once
    }

    /// Copies from the current segment.
    fn take(&mut self, codec: Codec, out: &mut [u8]) -> usize {
        let offset = self.offset;
        let taken = match self.play.segments.get(self.segment) {
            None => 0,
            Some(Segment::Prompt(prompt)) => {
                let encoded = match &self.encoded {
                    Some((of, encoded)) if *of == codec => encoded,
                    _ => &self.encoded.insert((codec, prompt.encoded(codec))).1,
                };
                copy(encoded.get(offset..).unwrap_or_default(), out)
            }
            Some(Segment::Samples(samples)) => {
                let rest = samples.get(offset..).unwrap_or_default();
                let length = rest.len().min(out.len()).min(CHUNK);
                match (rest.get(..length), out.get_mut(..length)) {
                    (Some(from), Some(to)) => codec.encode(from, to),
                    _ => 0,
                }
            }
            Some(Segment::Silence { ms }) => {
                let length = (*ms as usize * PER_MS as usize)
                    .saturating_sub(offset)
                    .min(out.len());
                if let Some(silent) = out.get_mut(..length) {
                    silent.fill(codec.silence());
                }
                length
            }
        };
        self.offset += taken;
        taken
    }

    /// Goes on to the next segment that has anything left.
    fn pass_ended_segments(&mut self, codec: Codec) {
        while let Some(segment) = self.play.segments.get(self.segment) {
            let length = match segment {
                Segment::Prompt(prompt) => match &self.encoded {
                    Some((of, encoded)) if *of == codec => encoded.len(),
                    _ => self.encoded.insert((codec, prompt.encoded(codec))).1.len(),
                },
                Segment::Samples(samples) => samples.len(),
                Segment::Silence { ms } => *ms as usize * PER_MS as usize,
            };
            if self.offset < length {
                return;
            }
            self.segment += 1;
            self.offset = 0;
            self.encoded = None;
        }
    }
}

fn is_empty(segment: &Segment) -> bool {
    match segment {
        Segment::Prompt(prompt) => prompt.length() == 0,
        Segment::Samples(samples) => samples.is_empty(),
        Segment::Silence { ms } => *ms == 0,
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let length = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..length), to.get_mut(..length)) {
        to.copy_from_slice(from);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(value: i16, n: usize) -> Segment {
        Segment::Samples(vec![value; n].into())
    }

    fn play(id: u64, segments: Vec<Segment>, repeat: Repeat) -> Play {
        Play {
            id,
            segments,
            repeat,
        }
    }

    fn finished(id: u64, heard_ms: u32, end: PlayEnd) -> Option<MediaEvent> {
        Some(MediaEvent::PlayFinished { id, heard_ms, end })
    }

    #[test]
    fn segments_follow_each_other_without_a_gap() {
        let mut player = Player::new();
        player.play(play(
            1,
            vec![
                samples(1000, 100),
                samples(0, 0),
                Segment::Silence { ms: 5 },
                samples(-1000, 100),
            ],
            Repeat::Once,
        ));
        let mut frame = [0; 160];
        assert_eq!(
            player.fill(Codec::Pcmu, &mut frame),
            (Filled::First(1), None)
        );
        let mut heard = [0; 160];
        Codec::Pcmu.decode(&frame, &mut heard);
        assert!(heard[..100].iter().all(|s| (900..1100).contains(s)));
        assert!(heard[100..140].iter().all(|s| *s == 0));
        assert!(heard[140..].iter().all(|s| (-1100..-900).contains(s)));
        assert_eq!(
            player.fill(Codec::Pcmu, &mut frame),
            (Filled::More, finished(1, 30, PlayEnd::Finished))
        );
        assert!(frame[80..].iter().all(|b| *b == Codec::Pcmu.silence()));
        assert_eq!(
            player.fill(Codec::Pcmu, &mut frame),
            (Filled::Silence, None)
        );
    }

    #[test]
    fn the_end_is_reported_with_the_last_sample() {
        let mut player = Player::new();
        player.play(play(1, vec![samples(1, 320)], Repeat::Once));
        let mut frame = [0; 160];
        assert_eq!(player.fill(Codec::Pcma, &mut frame).1, None);
        assert_eq!(
            player.fill(Codec::Pcma, &mut frame).1,
            finished(1, 40, PlayEnd::Finished)
        );
    }

    #[test]
    fn repeats_until_stopped() {
        let mut player = Player::new();
        player.play(play(
            7,
            vec![samples(1000, 60), samples(-1000, 60)],
            Repeat::Forever,
        ));
        let mut frame = [0; 160];
        for _ in 0..100 {
            assert_eq!(player.fill(Codec::Pcmu, &mut frame).1, None);
        }
        let mut heard = [0; 160];
        Codec::Pcmu.decode(&frame, &mut heard);
        let turns = heard
            .windows(2)
            .filter(|w| (w[0] > 0) != (w[1] > 0))
            .count();
        assert!((2..=3).contains(&turns), "{turns}");
        assert_eq!(player.stop(), finished(7, 2000, PlayEnd::Stopped));
        assert_eq!(player.stop(), None);
    }

    #[test]
    fn plays_of_nothing_end_at_once() {
        for repeat in [Repeat::Once, Repeat::Forever] {
            for segments in [vec![], vec![samples(0, 0), Segment::Silence { ms: 0 }]] {
                let mut player = Player::new();
                player.play(play(3, segments, repeat));
                let got = player.fill(Codec::Pcmu, &mut [0; 160]);
                assert_eq!(
                    got,
                    (Filled::Silence, finished(3, 0, PlayEnd::Finished)),
                    "{repeat:?}"
                );
            }
        }
    }

    #[test]
    fn a_play_replaces_another() {
        let mut player = Player::new();
        assert_eq!(
            player.play(play(1, vec![samples(1, 800)], Repeat::Once)),
            None
        );
        player.fill(Codec::Pcmu, &mut [0; 160]);
        assert_eq!(
            player.play(play(2, vec![samples(1, 800)], Repeat::Once)),
            finished(1, 20, PlayEnd::Replaced)
        );
    }
}
