//! Turns a play into frames.

use std::sync::Arc;

use vireo_audio::Codec;
use vireo_audio::prompt::Prompt;

use crate::config::{Play, Repeat, Segment};
use crate::event::{MediaEvent, PlayEnd};
use crate::late::Come;

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
    /// Of these, those before the present repetition.
    sent_before: u64,
    /// Samples of silence after the first sample, while a segment was waited for.
    gap: u64,
    /// It goes no further: a segment failed, or there is not a single sample in it.
    stuck: Option<PlayEnd>,
}

/// What a segment has to be heard.
enum Sound<'a> {
    Prompt(&'a Arc<Prompt>),
    Samples(&'a [i16]),
    /// So many samples of it.
    Silence(usize),
    Awaited,
    Failed,
}

/// How far a play could fill a frame.
#[derive(Default)]
struct Fill {
    samples: usize,
    /// Samples that are missing, because a segment has not come.
    awaited: usize,
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
        self.playing = Some(Playing {
            play,
            segment: 0,
            offset: 0,
            encoded: None,
            sent: 0,
            sent_before: 0,
            gap: 0,
            stuck: None,
        });
        replaced
    }

    /// Stops what plays.
    pub fn stop(&mut self) -> Option<MediaEvent> {
        self.end(PlayEnd::Stopped)
    }

    fn end(&mut self, end: PlayEnd) -> Option<MediaEvent> {
        let playing = self.playing.take()?;
        let ms = |samples: u64| u32::try_from(samples / PER_MS).unwrap_or(u32::MAX);
        Some(MediaEvent::PlayFinished {
            id: playing.play.id,
            heard_ms: ms(playing.sent),
            gap_ms: ms(playing.gap),
            end,
        })
    }

    /// Fills a frame, one octet a sample; what the play does not fill is silence. The event is the
    /// end of the play, which is in this frame.
    pub fn fill(&mut self, codec: Codec, frame: &mut [u8]) -> Option<MediaEvent> {
        let Some(playing) = &mut self.playing else {
            frame.fill(codec.silence());
            return None;
        };
        let filled = playing.fill(codec, frame);
        if let Some(rest) = frame.get_mut(filled.samples..) {
            rest.fill(codec.silence());
        }
        playing.sent += filled.samples as u64;
        if playing.sent > 0 {
            playing.gap += filled.awaited as u64;
        }
        let ended = playing.ended();
        ended.and_then(|end| self.end(end))
    }
}

impl Playing {
    /// Fills as much of the frame as there is.
    fn fill(&mut self, codec: Codec, frame: &mut [u8]) -> Fill {
        let mut filled = 0;
        while filled < frame.len() && self.ended().is_none() {
            if self.segment >= self.play.segments.len() {
                let sent = self.sent + filled as u64;
                // Once around and nothing to be heard.
                self.stuck = (sent == self.sent_before).then_some(PlayEnd::Finished);
                self.sent_before = sent;
                self.segment = 0;
            }
            match self.play.segments.get(self.segment).map(sound) {
                Some(Sound::Awaited) => {
                    let awaited = frame.len() - filled;
                    return Fill {
                        samples: filled,
                        awaited,
                    };
                }
                Some(Sound::Failed) => self.stuck = Some(PlayEnd::Failed),
                _ => {
                    filled += frame
                        .get_mut(filled..)
                        .map_or(0, |rest| self.take(codec, rest));
                    self.pass_ended_segments(codec);
                }
            }
        }
        Fill {
            samples: filled,
            awaited: 0,
        }
    }

    /// How it has ended, if it has.
    fn ended(&self) -> Option<PlayEnd> {
        let at_end = self.segment >= self.play.segments.len();
        let all = (at_end && self.play.repeat == Repeat::Once).then_some(PlayEnd::Finished);
        self.stuck.or(all)
    }

    /// Copies from the current segment.
    fn take(&mut self, codec: Codec, out: &mut [u8]) -> usize {
        let offset = self.offset;
        let taken = match self.play.segments.get(self.segment).map(sound) {
            None | Some(Sound::Awaited | Sound::Failed) => 0,
            Some(Sound::Prompt(prompt)) => {
                let encoded = match &self.encoded {
                    Some((of, encoded)) if *of == codec => encoded,
                    _ => &self.encoded.insert((codec, prompt.encoded(codec))).1,
                };
                copy(encoded.get(offset..).unwrap_or_default(), out)
            }
            Some(Sound::Samples(samples)) => {
                let rest = samples.get(offset..).unwrap_or_default();
                let length = rest.len().min(out.len()).min(CHUNK);
                match (rest.get(..length), out.get_mut(..length)) {
                    (Some(from), Some(to)) => codec.encode(from, to),
                    _ => 0,
                }
            }
            Some(Sound::Silence(samples)) => {
                let length = samples.saturating_sub(offset).min(out.len());
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
            let length = match sound(segment) {
                Sound::Prompt(prompt) => match &self.encoded {
                    Some((of, encoded)) if *of == codec => encoded.len(),
                    _ => self.encoded.insert((codec, prompt.encoded(codec))).1.len(),
                },
                Sound::Samples(samples) => samples.len(),
                Sound::Silence(samples) => samples,
                Sound::Awaited | Sound::Failed => return,
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

fn sound(segment: &Segment) -> Sound<'_> {
    match segment {
        Segment::Prompt(prompt) => Sound::Prompt(prompt),
        Segment::Samples(samples) => Sound::Samples(samples),
        Segment::Silence { ms } => Sound::Silence(*ms as usize * PER_MS as usize),
        Segment::Late(late) => match late.come() {
            Come::Awaited => Sound::Awaited,
            Come::Sound(prompt) => Sound::Prompt(prompt),
            Come::Failed(_) => Sound::Failed,
        },
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
    use crate::late::Late;

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
        Some(MediaEvent::PlayFinished {
            id,
            heard_ms,
            gap_ms: 0,
            end,
        })
    }

    fn sound(ms: usize) -> Arc<Prompt> {
        Arc::new(Prompt::from_samples("late", vec![1000; ms * 8]))
    }

    /// Plays until the play ends: what frames were filled with, and the end.
    fn rest(player: &mut Player) -> (usize, Option<MediaEvent>) {
        let mut frames = 0;
        loop {
            let ended = player.fill(Codec::Pcmu, &mut [0; 160]);
            frames += 1;
            if ended.is_some() || frames > 1000 {
                return (frames, ended);
            }
        }
    }

    #[test]
    fn what_comes_in_time_is_heard_without_a_gap() {
        let (late, promise) = Late::promised();
        let mut player = Player::new();
        player.play(play(
            1,
            vec![Segment::Late(late), samples(1, 160)],
            Repeat::Once,
        ));
        // Nothing is heard before the first sample, which is no gap.
        let mut frame = [0; 160];
        let is_silent = |frame: &[u8]| frame.iter().all(|octet| *octet == Codec::Pcmu.silence());
        for _ in 0..3 {
            assert_eq!(player.fill(Codec::Pcmu, &mut frame), None);
            assert!(is_silent(&frame));
        }
        promise.keep(sound(30));
        assert_eq!(player.fill(Codec::Pcmu, &mut frame), None);
        assert!(!is_silent(&frame));
        assert_eq!(rest(&mut player), (2, finished(1, 50, PlayEnd::Finished)));
    }

    #[test]
    fn what_comes_late_leaves_a_gap() {
        let (late, promise) = Late::promised();
        let mut player = Player::new();
        player.play(play(
            1,
            vec![samples(1, 80), Segment::Late(late)],
            Repeat::Once,
        ));
        assert_eq!(player.fill(Codec::Pcmu, &mut [0; 160]), None);
        player.fill(Codec::Pcmu, &mut [0; 160]);
        promise.keep(sound(10));
        let end = MediaEvent::PlayFinished {
            id: 1,
            heard_ms: 20,
            gap_ms: 30,
            end: PlayEnd::Finished,
        };
        assert_eq!(rest(&mut player), (1, Some(end)));
    }

    #[test]
    fn what_fails_ends_the_play_when_its_turn_comes() {
        let (late, promise) = Late::promised();
        let mut player = Player::new();
        let segments = vec![samples(1, 320), Segment::Late(late.clone())];
        player.play(play(1, segments.clone(), Repeat::Once));
        drop(promise);
        assert!(matches!(late.come(), Come::Failed(_)));
        assert_eq!(rest(&mut player), (3, finished(1, 40, PlayEnd::Failed)));
        player.play(play(2, segments, Repeat::Forever));
        assert_eq!(rest(&mut player), (3, finished(2, 40, PlayEnd::Failed)));
    }

    #[test]
    fn what_comes_and_is_empty_does_not_go_round_for_ever() {
        let (late, promise) = Late::promised();
        let mut player = Player::new();
        player.play(play(1, vec![Segment::Late(late)], Repeat::Forever));
        promise.keep(sound(0));
        assert_eq!(rest(&mut player), (1, finished(1, 0, PlayEnd::Finished)));
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
        assert_eq!(player.fill(Codec::Pcmu, &mut frame), None);
        let mut heard = [0; 160];
        Codec::Pcmu.decode(&frame, &mut heard);
        assert!(heard[..100].iter().all(|s| (900..1100).contains(s)));
        assert!(heard[100..140].iter().all(|s| *s == 0));
        assert!(heard[140..].iter().all(|s| (-1100..-900).contains(s)));
        assert_eq!(
            player.fill(Codec::Pcmu, &mut frame),
            finished(1, 30, PlayEnd::Finished)
        );
        assert!(frame[80..].iter().all(|b| *b == Codec::Pcmu.silence()));
        assert_eq!(player.fill(Codec::Pcmu, &mut frame), None);
    }

    #[test]
    fn the_end_is_reported_with_the_last_sample() {
        let mut player = Player::new();
        player.play(play(1, vec![samples(1, 320)], Repeat::Once));
        let mut frame = [0; 160];
        assert_eq!(player.fill(Codec::Pcma, &mut frame), None);
        assert_eq!(
            player.fill(Codec::Pcma, &mut frame),
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
            assert_eq!(player.fill(Codec::Pcmu, &mut frame), None);
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
                assert_eq!(got, finished(3, 0, PlayEnd::Finished), "{repeat:?}");
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
