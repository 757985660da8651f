//! Tracks, files, crashes and full disks.

use std::sync::Condvar;

use super::storage::Sink;
use super::*;
use crate::wav::{self, Audio};

/// A recorder in a directory of its own, and what was finished.
struct Fixture {
    directory: tempfile::TempDir,
    recorder: Recorder,
    finished: mpsc::Receiver<Finished>,
    sender: mpsc::Sender<Finished>,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(RecorderConfig::new(directory.path())).unwrap();
        Self::with(directory, recorder)
    }

    fn with(directory: tempfile::TempDir, recorder: Recorder) -> Self {
        let (sender, finished) = mpsc::channel();
        Fixture {
            directory,
            recorder,
            finished,
            sender,
        }
    }

    fn open(&self, id: &str, layout: Layout, format: Format) -> Track {
        let sender = self.sender.clone();
        let on_finished: Completion = Box::new(move |finished| sender.send(finished).unwrap());
        self.recorder
            .open(Spec {
                id: id.to_owned(),
                layout,
                format,
                on_finished: Some(on_finished),
            })
            .unwrap()
    }

    fn finish(&self, track: Track) -> Finished {
        track.finish();
        self.finished.recv().unwrap()
    }

    /// Waits until the writer has done everything that was handed over.
    fn settle(&self) {
        let id = format!("settle-{}", self.recorder.counters().opened);
        let probe = self.open(&id, Layout::Mono, Format::Mulaw);
        assert_eq!(self.finish(probe).id, id);
    }
}

/// A signal whose every sample tells where it is.
fn ramp(start: usize, count: usize) -> Vec<i16> {
    (start..start + count)
        .map(|n| (n % 30_000) as i16)
        .collect()
}

fn push_seconds(track: &mut Track, seconds: usize) {
    for n in 0..seconds * 50 {
        let caller = ramp(n * 160, 160);
        let heard: Vec<i16> = caller.iter().map(|x| -x).collect();
        track.push(&caller, &heard);
    }
}

#[test]
fn a_stereo_recording_is_sample_exact() {
    let fixture = Fixture::new();
    let mut track = fixture.open("call-1", Layout::Stereo, Format::Pcm16);
    push_seconds(&mut track, 3);
    track.push(&[7; 81], &[8; 80]);
    assert_eq!(track.position_ms(), 3010);
    let finished = fixture.finish(track);
    assert_eq!((finished.duration_ms, &finished.failed), (3010, &None));
    assert_eq!(finished.path, fixture.recorder.path("call-1").unwrap());

    let audio = wav::read(&finished.path).unwrap();
    assert_eq!((audio.rate, audio.channels), (8000, 2));
    let (left, right) = (audio.channel(0), audio.channel(1));
    assert_eq!(left[..24_000], ramp(0, 24_000));
    assert_eq!(
        right[..24_000],
        ramp(0, 24_000).iter().map(|x| -x).collect::<Vec<_>>()
    );
    assert_eq!(
        (left[24_080], right[24_080]),
        (7, 0),
        "a short heard frame is filled with silence"
    );
}

#[test]
fn every_layout_and_format_reads_back() {
    let fixture = Fixture::new();
    for layout in [Layout::Mono, Layout::Stereo] {
        for format in [Format::Pcm16, Format::Mulaw] {
            let id = format!("{layout:?}-{format:?}");
            let mut track = fixture.open(&id, layout, format);
            push_seconds(&mut track, 2);
            // An odd number of octets in mono mu-law.
            track.push(&[100; 1], &[100; 1]);
            track.mark(Mark::Hold);
            let finished = fixture.finish(track);
            let octets = std::fs::read(&finished.path).unwrap();
            let size = u32::from_le_bytes(octets[4..8].try_into().unwrap());
            assert_eq!(size as usize + 8, octets.len(), "{id}: RIFF size");
            let audio = wav::parse(&octets).unwrap();
            assert_eq!(audio.channel(0).len(), 16_001, "{id}");
            for (n, sample) in audio.channel(0).iter().take(16_000).enumerate() {
                let expected = n as i32;
                let error = (i32::from(*sample) - expected).abs();
                assert!(error <= expected / 16 + 8, "{id} {n}: {sample}");
            }
        }
    }
    // Nothing is left that says a file is open.
    assert_eq!(
        std::fs::read_dir(fixture.directory.path().join(".open"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_pause_records_silence_and_is_marked() {
    let fixture = Fixture::new();
    let mut track = fixture.open("p", Layout::Stereo, Format::Pcm16);
    let loud = [1000; 160];
    for n in 0..100 {
        match n {
            20 => track.pause(),
            25 => track.pause(),
            50 => track.resume(),
            60 => track.mark(Mark::Hold),
            80 => track.mark(Mark::Resume),
            _ => {}
        }
        track.push(&loud, &loud);
    }
    let finished = fixture.finish(track);
    let expected = [
        (Mark::Pause, 400),
        (Mark::Continue, 1000),
        (Mark::Hold, 1200),
        (Mark::Resume, 1600),
    ];
    assert_eq!(
        finished.marks,
        expected.map(|(mark, at_ms)| Marked { mark, at_ms })
    );

    let octets = std::fs::read(&finished.path).unwrap();
    let audio = wav::parse(&octets).unwrap();
    assert_eq!(audio.duration_ms(), 2000, "the file stays aligned");
    for (n, sample) in audio.samples.iter().enumerate() {
        let paused = (400..1000).contains(&(n / 16));
        assert_eq!(*sample, if paused { 0 } else { 1000 }, "sample {n}");
    }
    let trailer = &octets[44 + audio.samples.len() * 2..];
    assert_eq!(
        (&trailer[..4], &trailer[8..12]),
        (&b"cue "[..], &4_u32.to_le_bytes()[..])
    );
    assert_eq!(
        trailer[16..20],
        3200_u32.to_le_bytes(),
        "the first cue point, in frames"
    );
    let list = &trailer[8 + 4 + 4 * 24..];
    assert_eq!((&list[..4], &list[8..16]), (&b"LIST"[..], &b"adtllabl"[..]));
    assert_eq!(list[24..30], *b"pause\0");
}

#[test]
fn the_tail_can_be_cut_within_and_beyond_the_block() {
    for (cut, left) in [(0, 2500), (100, 2400), (1900, 600), (2500, 0), (9999, 0)] {
        let fixture = Fixture::new();
        let mut track = fixture.open("m", Layout::Mono, Format::Mulaw);
        push_seconds(&mut track, 2);
        track.push(&ramp(16_000, 4_000), &[]);
        track.mark(Mark::Hold);
        track.truncate_tail(cut);
        assert_eq!(track.position_ms(), left, "cut {cut}");
        let finished = fixture.finish(track);
        assert_eq!(finished.duration_ms, left, "cut {cut}");
        assert_eq!(
            finished.marks[0].at_ms, left,
            "marks lie within the recording"
        );
        let audio = wav::read(&finished.path).unwrap();
        assert_eq!(audio.samples.len(), left as usize * 8);
    }
}

#[test]
fn recording_goes_on_after_a_cut() {
    let fixture = Fixture::new();
    let mut track = fixture.open("m", Layout::Mono, Format::Pcm16);
    track.push(&ramp(0, 20_000), &[]);
    track.push(&ramp(20_000, 4_000), &[]);
    track.truncate_tail(1000);
    track.push(&[5; 8], &[]);
    let finished = fixture.finish(track);
    let audio = wav::read(&finished.path).unwrap();
    assert_eq!(audio.samples[..16_000], ramp(0, 16_000));
    assert_eq!(audio.samples[16_000..], [5; 8]);
}

/// What a kill -9 leaves: the directory as it is at that moment, copied.
fn crash_image(from: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    std::fs::create_dir(image.path().join(".open")).unwrap();
    for directory in ["", ".open"] {
        for entry in std::fs::read_dir(from.join(directory)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let to = image.path().join(directory).join(entry.file_name());
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    image
}

#[test]
fn a_crash_loses_at_most_the_last_second() {
    let fixture = Fixture::new();
    let mut tracks = Vec::new();
    for n in 0..60 {
        let format = [Format::Pcm16, Format::Mulaw][n % 2];
        let layout = [Layout::Mono, Layout::Stereo][n / 2 % 2];
        let mut track = fixture.open(&format!("c{n}"), layout, format);
        push_seconds(&mut track, 4);
        track.push(&ramp(32_000, n * 100), &ramp(32_000, n * 100));
        tracks.push(track);
    }
    fixture.settle();
    let image = crash_image(fixture.directory.path());
    for (n, track) in tracks.iter().enumerate() {
        // Before any repair, too, the file plays.
        let audio = wav::read(&image.path().join(format!("c{n}.wav"))).unwrap();
        assert!(track.position_ms() - audio.duration_ms() <= 1000, "c{n}");
    }

    let recorder = Recorder::start(RecorderConfig::new(image.path())).unwrap();
    assert_eq!(recorder.repaired().len(), 60);
    for file in recorder.repaired() {
        assert_eq!(file.problem, None);
        let audio = wav::read(&file.path).unwrap();
        assert_eq!(audio.duration_ms(), file.duration_ms);
        assert!(
            file.duration_ms >= 3000 && file.duration_ms <= 4000 + 750,
            "{file:?}"
        );
        assert_eq!(audio.channel(0)[8000..8010].len(), 10);
    }
    recorder.shutdown();
    let again = Recorder::start(RecorderConfig::new(image.path())).unwrap();
    assert_eq!(again.repaired(), [], "a repair is made once");
}

#[test]
fn repair_takes_the_sizes_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let open = directory.path().join(".open");
    std::fs::create_dir(&open).unwrap();
    let header = |data| {
        wav::Header {
            encoding: wav::Encoding::Pcm16,
            channels: 2,
            rate: 8000,
            data,
            after_data: 0,
        }
        .to_octets()
    };
    let with = |header: Vec<u8>, rest: &[u8]| [header, rest.to_vec()].concat();
    let table: [(&str, Vec<u8>, Option<u32>); 7] = [
        ("behind", with(header(32_000), &[1; 48_003]), Some(1500)),
        ("right", with(header(32_000), &[1; 32_000]), Some(1000)),
        ("shorter", with(header(64_000), &[1; 32_000]), Some(1000)),
        ("unknown", with(header(u32::MAX), &[1; 64_000]), Some(2000)),
        (
            "marking",
            with(header(32_000), &[&[1; 32_000][..], b"cue \x1c\0"].concat()),
            Some(1000),
        ),
        ("empty", Vec::new(), None),
        (
            "foreign",
            b"this is no WAV file, but long enough to be taken for one at a glance".to_vec(),
            None,
        ),
    ];
    for (id, octets, _) in &table {
        std::fs::write(directory.path().join(format!("{id}.wav")), octets).unwrap();
        std::fs::write(open.join(id), "").unwrap();
    }
    std::fs::write(open.join("gone"), "").unwrap();
    let recorder = Recorder::start(RecorderConfig::new(directory.path())).unwrap();
    assert_eq!(recorder.repaired().len(), table.len());
    for (id, octets, expected) in &table {
        let file = recorder
            .repaired()
            .iter()
            .find(|file| file.id == *id)
            .unwrap();
        if let Some(ms) = expected {
            assert_eq!((file.duration_ms, &file.problem), (*ms, &None), "{id}");
            assert_eq!(wav::read(&file.path).unwrap().duration_ms(), *ms, "{id}");
        } else {
            assert!(file.problem.is_some(), "{id}");
            assert_eq!(
                &std::fs::read(&file.path).unwrap(),
                octets,
                "{id} is left as it was"
            );
        }
    }
    assert_eq!(std::fs::read_dir(open).unwrap().count(), 0);
}

/// A disk of so many octets in all, kept in memory.
#[derive(Clone)]
struct SmallDisk(Arc<Mutex<SmallDiskState>>);

struct SmallDiskState {
    free: usize,
    files: std::collections::HashMap<String, Vec<u8>>,
}

struct SmallFile(String, SmallDisk);

impl SmallDisk {
    fn new(free: usize) -> Self {
        SmallDisk(Arc::new(Mutex::new(SmallDiskState {
            free,
            files: Default::default(),
        })))
    }

    fn file(&self, id: &str) -> Vec<u8> {
        self.0.lock().unwrap().files[id].clone()
    }
}

impl Storage for SmallDisk {
    fn create(&mut self, id: &str) -> io::Result<Box<dyn Sink>> {
        self.0
            .lock()
            .unwrap()
            .files
            .insert(id.to_owned(), Vec::new());
        Ok(Box::new(SmallFile(id.to_owned(), self.clone())))
    }
    fn complete(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn delete(&mut self, id: &str) -> io::Result<()> {
        self.0.lock().unwrap().files.remove(id);
        Ok(())
    }
    fn path(&self, id: &str) -> PathBuf {
        PathBuf::from(id)
    }
}

impl Sink for SmallFile {
    fn write_at(&mut self, offset: u64, octets: &[u8]) -> io::Result<usize> {
        let disk = &mut *self.1.0.lock().unwrap();
        let file = disk.files.get_mut(&self.0).unwrap();
        let end = offset as usize + octets.len();
        let more = end.saturating_sub(file.len()).min(disk.free);
        let end = end.min(file.len() + more);
        if end <= offset as usize {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.free -= more;
        file.resize(file.len() + more, 0);
        let count = end - offset as usize;
        file[offset as usize..end].copy_from_slice(&octets[..count]);
        Ok(count)
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let disk = &mut *self.1.0.lock().unwrap();
        let file = disk.files.get_mut(&self.0).unwrap();
        disk.free += file.len() - length as usize;
        file.truncate(length as usize);
        Ok(())
    }
}

#[test]
fn a_full_disk_keeps_what_fitted_and_the_track_knows() {
    let disk = SmallDisk::new(50_001);
    let config = RecorderConfig::new("/nowhere");
    let recorder = Recorder::with_storage(config, Vec::new(), Box::new(disk.clone())).unwrap();
    let fixture = Fixture::with(tempfile::tempdir().unwrap(), recorder);
    let mut track = fixture.open("full", Layout::Stereo, Format::Pcm16);
    push_seconds(&mut track, 3);
    fixture.settle();
    assert_eq!(track.failed(), Some(Failure::DiskFull));
    let position = track.position_ms();
    push_seconds(&mut track, 1);
    track.mark(Mark::Hold);
    assert_eq!(
        track.position_ms(),
        position,
        "nothing is recorded after a failure"
    );

    let finished = fixture.finish(track);
    assert_eq!(finished.failed, Some(Failure::DiskFull));
    let audio = wav::parse(&disk.file("full")).unwrap();
    assert_eq!(audio.duration_ms(), finished.duration_ms);
    assert!(
        finished.duration_ms >= 1000 && finished.duration_ms < 1562,
        "{finished:?}"
    );
    assert_eq!(
        audio.channel(0),
        ramp(0, audio.samples.len() / 2),
        "a prefix, sample-exact"
    );

    // Space comes back, and so does recording.
    disk.0.lock().unwrap().free = 1 << 20;
    let mut track = fixture.open("later", Layout::Mono, Format::Mulaw);
    push_seconds(&mut track, 2);
    assert_eq!(fixture.finish(track).failed, None);
    // The recording and the probe of `settle`, which had no room either.
    assert_eq!(fixture.recorder.counters().failed, 2);
}

#[test]
fn a_disk_without_room_for_a_header_fails_the_track_only() {
    let disk = SmallDisk::new(10);
    let config = RecorderConfig::new("/nowhere");
    let recorder = Recorder::with_storage(config, Vec::new(), Box::new(disk)).unwrap();
    let fixture = Fixture::with(tempfile::tempdir().unwrap(), recorder);
    let mut track = fixture.open("none", Layout::Mono, Format::Pcm16);
    push_seconds(&mut track, 2);
    let finished = fixture.finish(track);
    assert_eq!(
        (finished.failed, finished.duration_ms),
        (Some(Failure::DiskFull), 0)
    );
}

/// A disk that hangs until it is released.
struct StuckDisk(SmallDisk, Arc<(Mutex<bool>, Condvar)>);

impl Storage for StuckDisk {
    fn create(&mut self, id: &str) -> io::Result<Box<dyn Sink>> {
        let (released, changed) = &*self.1;
        let guard = released.lock().unwrap();
        drop(changed.wait_while(guard, |released| !*released).unwrap());
        self.0.create(id)
    }
    fn complete(&mut self, id: &str) -> io::Result<()> {
        self.0.complete(id)
    }
    fn delete(&mut self, id: &str) -> io::Result<()> {
        self.0.delete(id)
    }
    fn path(&self, id: &str) -> PathBuf {
        self.0.path(id)
    }
}

#[test]
fn a_disk_that_hangs_costs_the_recording_not_the_caller() {
    let release = Arc::new((Mutex::new(false), Condvar::new()));
    let disk = SmallDisk::new(1 << 24);
    let config = RecorderConfig {
        queue_blocks: 4,
        ..RecorderConfig::new("/nowhere")
    };
    let storage = Box::new(StuckDisk(disk.clone(), Arc::clone(&release)));
    let recorder = Recorder::with_storage(config, Vec::new(), storage).unwrap();
    let fixture = Fixture::with(tempfile::tempdir().unwrap(), recorder);

    let mut track = fixture.open("stuck", Layout::Mono, Format::Pcm16);
    push_seconds(&mut track, 20);
    assert_eq!(track.failed(), Some(Failure::QueueFull));
    let counters = fixture.recorder.counters();
    assert_eq!((counters.queued_blocks, counters.refused_blocks), (4, 1));
    let spec = Spec {
        id: "next".into(),
        layout: Layout::Mono,
        format: Format::Pcm16,
        on_finished: None,
    };
    assert!(matches!(
        fixture.recorder.open(spec),
        Err(RecordError::Overloaded)
    ));

    *release.0.lock().unwrap() = true;
    release.1.notify_all();
    let finished = fixture.finish(track);
    assert_eq!(finished.failed, Some(Failure::QueueFull));
    let audio = wav::parse(&disk.file("stuck")).unwrap();
    assert!(
        audio.duration_ms() > 3000,
        "the four blocks that were queued are kept"
    );
    assert_eq!(audio.samples, ramp(0, audio.samples.len()));
    assert_eq!(fixture.recorder.counters().queued_blocks, 0);
}

#[test]
fn one_recording_more_than_allowed_is_refused_until_one_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let config = RecorderConfig {
        max_open: 1,
        ..RecorderConfig::new(directory.path())
    };
    let fixture = Fixture::with(directory, Recorder::start(config).unwrap());
    let track = fixture.open("first", Layout::Mono, Format::Pcm16);
    let another = || Spec {
        id: "second".into(),
        layout: Layout::Mono,
        format: Format::Pcm16,
        on_finished: None,
    };
    assert!(matches!(
        fixture.recorder.open(another()),
        Err(RecordError::TooMany(1))
    ));
    fixture.finish(track);
    assert!(fixture.recorder.open(another()).is_ok());
}

#[test]
fn ids_that_are_no_file_names_are_refused() {
    let fixture = Fixture::new();
    for id in [
        "",
        ".",
        "..",
        ".open",
        "a/b",
        "a\\b",
        "a\0b",
        "é",
        &"x".repeat(129),
    ] {
        let spec = Spec {
            id: id.into(),
            layout: Layout::Mono,
            format: Format::Pcm16,
            on_finished: None,
        };
        assert!(
            matches!(fixture.recorder.open(spec), Err(RecordError::Id(_))),
            "{id:?}"
        );
        assert!(fixture.recorder.discard(id).is_err());
        assert_eq!(fixture.recorder.path(id), None);
    }
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let fixture = Fixture::new();
    let path = fixture.directory.path().join("once.wav");
    std::fs::write(&path, "precious").unwrap();
    let track = fixture.open("once", Layout::Mono, Format::Pcm16);
    assert_eq!(fixture.finish(track).failed, Some(Failure::Exists));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn discard_deletes_an_open_and_a_finished_recording() {
    let fixture = Fixture::new();
    for finish_first in [true, false] {
        let mut track = fixture.open("gone", Layout::Mono, Format::Pcm16);
        push_seconds(&mut track, 2);
        if finish_first {
            fixture.finish(track);
            fixture.recorder.discard("gone").unwrap();
        } else {
            fixture.recorder.discard("gone").unwrap();
            assert_eq!(fixture.finish(track).id, "gone");
        }
        fixture.settle();
        assert!(!fixture.recorder.path("gone").unwrap().exists());
    }
    fixture.recorder.discard("never-was").unwrap();
}

#[test]
fn shutdown_completes_every_file() {
    let fixture = Fixture::new();
    let mut done = fixture.open("done", Layout::Mono, Format::Pcm16);
    push_seconds(&mut done, 3);
    done.finish();
    let mut living = fixture.open("living", Layout::Mono, Format::Pcm16);
    push_seconds(&mut living, 3);
    fixture.recorder.clone().shutdown();

    assert_eq!(fixture.finished.recv().unwrap().failed, None);
    let ended = fixture.finished.recv().unwrap();
    assert_eq!(
        (ended.id.as_str(), ended.failed),
        ("living", Some(Failure::ShutDown))
    );
    assert_eq!(living.failed(), Some(Failure::ShutDown));
    assert!(ended.duration_ms >= 2000);
    assert_eq!(
        wav::read(&ended.path).unwrap().duration_ms(),
        ended.duration_ms
    );
    let spec = Spec {
        id: "next".into(),
        layout: Layout::Mono,
        format: Format::Pcm16,
        on_finished: None,
    };
    assert!(matches!(
        fixture.recorder.open(spec),
        Err(RecordError::ShutDown)
    ));
}

#[test]
fn a_completion_that_panics_harms_nobody() {
    let fixture = Fixture::new();
    let bad: Completion = Box::new(|_| panic!("on purpose"));
    let spec = Spec {
        id: "bad".into(),
        layout: Layout::Mono,
        format: Format::Pcm16,
        on_finished: Some(bad),
    };
    drop(fixture.recorder.open(spec).unwrap());
    let track = fixture.open("good", Layout::Mono, Format::Pcm16);
    assert_eq!(fixture.finish(track).failed, None);
}

#[test]
fn blocks_of_tracks_that_began_together_fall_due_apart() {
    let fixture = Fixture::new();
    let tracks: Vec<Track> = (0..50)
        .map(|n| fixture.open(&format!("s{n}"), Layout::Mono, Format::Mulaw))
        .collect();
    let mut due: Vec<usize> = tracks.iter().map(|track| track.block_full).collect();
    due.sort_unstable();
    due.dedup();
    assert_eq!(due.len(), 50, "fifty tracks, fifty moments");
    assert!(due.iter().all(|octets| *octets <= 8000));
}

#[test]
fn an_empty_recording_is_a_file_too() {
    let fixture = Fixture::new();
    let finished = fixture.finish(fixture.open("nothing", Layout::Stereo, Format::Mulaw));
    assert_eq!((finished.duration_ms, finished.failed), (0, None));
    let expected = Audio {
        rate: 8000,
        channels: 2,
        samples: Vec::new(),
    };
    assert_eq!(wav::read(&finished.path).unwrap(), expected);
}
