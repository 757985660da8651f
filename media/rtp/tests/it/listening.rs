//! Who listens to the caller while the call goes on.

use std::sync::{Arc, Mutex};

use vireo_rtp::Listener;

use crate::line::{Line, config, play, suppressing};

/// What was heard, piece by piece.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Vec<i16>>>>);

impl Listener for Heard {
    fn hear(&mut self, samples: &[i16]) {
        self.0.lock().unwrap().push(samples.to_vec());
    }
}

impl Heard {
    fn ears(&self) -> Box<dyn Listener> {
        Box::new(self.clone())
    }

    fn pieces(&self) -> Vec<usize> {
        self.0.lock().unwrap().iter().map(Vec::len).collect()
    }

    fn samples(&self) -> Vec<i16> {
        self.0.lock().unwrap().concat()
    }

    fn loud_ms(&self) -> usize {
        self.samples().iter().filter(|s| s.abs() > 4000).count() / 8
    }
}

#[test]
fn the_caller_is_heard_in_pieces_of_60_ms_from_beginning_to_end() {
    let heard = Heard::default();
    let mut line = Line::new(config());
    line.speak(600, |_| 9000);
    line.order(|state| state.listen(heard.ears()));
    line.speak(300, |_| 0);
    line.speak(600, |_| 9000);
    line.speak(300, |_| 0);
    line.order(|state| state.stop_listening());
    line.speak(600, |_| 9000);
    assert_eq!(heard.pieces(), vec![480; 20]);
    let before = heard
        .samples()
        .iter()
        .take(100 * 8)
        .filter(|s| s.abs() > 4000)
        .count()
        / 8;
    assert!(
        before <= 60,
        "what the jitter buffer still held: {before} ms"
    );
    assert_eq!(heard.loud_ms() - before, 600);
}

#[test]
fn it_is_the_caller_who_is_heard_not_the_prompt() {
    let heard = Heard::default();
    let mut line = Line::new(config());
    line.order(|state| {
        state.listen(heard.ears());
        state.play(play(1, 600));
    });
    line.speak(600, |_| 50);
    assert_eq!(heard.loud_ms(), 0);
    assert!(heard.samples().iter().any(|sample| *sample != 0));
}

#[test]
fn a_lost_packet_is_concealed() {
    let heard = Heard::default();
    let mut line = Line::new(config());
    line.speak(400, |n| if n % 80 < 40 { 9000 } else { -9000 });
    line.order(|state| state.listen(heard.ears()));
    line.speak(200, |n| if n % 80 < 40 { 9000 } else { -9000 });
    line.sequence = line.sequence.wrapping_add(1);
    line.timestamp = line.timestamp.wrapping_add(160);
    line.turn();
    line.speak(200, |n| if n % 80 < 40 { 9000 } else { -9000 });
    let samples = heard.samples();
    let (whole, _) = samples.as_chunks::<160>();
    // Behind the jitter buffer's delay there is no frame of silence.
    let silent = whole
        .iter()
        .skip(5)
        .filter(|frame| frame.iter().all(|s| s.abs() < 200));
    assert_eq!(silent.count(), 0);
}

#[test]
fn silence_of_the_line_is_heard_as_silence() {
    let heard = Heard::default();
    let mut line = Line::new(suppressing());
    line.speak(100, |_| 9000);
    line.order(|state| state.listen(heard.ears()));
    line.run_resting(1_200);
    assert_eq!(heard.pieces(), vec![480; 20], "also when no packet comes");
    assert_eq!(
        heard
            .samples()
            .iter()
            .rev()
            .take(8_000)
            .filter(|s| s.abs() > 200)
            .count(),
        0
    );
}

#[test]
fn the_second_listener_replaces_the_first() {
    let (first, second) = (Heard::default(), Heard::default());
    let mut line = Line::new(config());
    line.order(|state| state.listen(first.ears()));
    line.speak(120, |_| 9000);
    line.order(|state| state.listen(second.ears()));
    line.speak(120, |_| 9000);
    assert_eq!((first.pieces().len(), second.pieces().len()), (2, 2));
    assert_eq!(Arc::strong_count(&first.0), 1, "the first one is gone");
}

#[test]
fn a_stream_that_nobody_listens_to_rests_again() {
    let mut line = Line::new(suppressing());
    line.speak(100, |_| 9000);
    line.order(|state| state.listen(Heard::default().ears()));
    line.run_resting(2_000);
    let listening = line.ticks;
    line.order(|state| state.stop_listening());
    line.run_resting(2_000);
    assert!(listening >= 100, "{listening}");
    assert!(line.ticks - listening < 20, "{}", line.ticks - listening);
}
