//! Texts: how soon they are heard, what they cost, and whether many at once leave gaps.
//!
//! In each round every caller hears a text of its own. The first round is made by the engine, the
//! second comes from memory and tells how long each text is: a caller who heard longer in the first
//! has heard a gap. Piper speaks in a voice of tones, made by a script: real voices cost more.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vireo_tests::rtp::{Packet, Peer, alaw, gaps_ms, ulaw};
use vireo_tests::server::{Setup, binary};
use vireo_tests::sip::{Call, sdp};
use vireo_tests::{Server, root};

use crate::bench::Bench;
use crate::error::{BenchError, Result};
use crate::measure::{percentiles, round};
use crate::stats::Values;
use crate::subject::MEDIA_PORTS;
use crate::usage::{Usage, now_ns};

/// All of a round have called within this time.
const ARRIVING: Duration = Duration::from_secs(4);
/// The longest that a call may take.
const LONGEST: Duration = Duration::from_secs(40);
/// A sample above this is sound: 40 dB below the loudest of speech.
const LOUD: u16 = 100;
/// An engine says its first word within this time after the server's start.
const FIRST_WORD: Duration = Duration::from_secs(30);
/// Two voices as they are heard are the same length within so many packets.
const SAME_LENGTH: usize = 1;

/// An engine, and its voice.
struct Subject {
    engine: &'static str,
    voice: &'static str,
    /// Where its voices lie, below the repository; none: they belong to the engine.
    directory: Option<&'static str>,
    /// What its processes are called.
    process: &'static str,
    /// The first called number: every engine has numbers of its own.
    numbers: u32,
    /// Callers at the same time: no more new sentences than the engine can make.
    callers: u32,
}

const SUBJECTS: [Subject; 3] = [
    Subject {
        engine: "espeak",
        voice: "en-us",
        directory: None,
        process: "vireo-espeak",
        numbers: 7_000_000,
        callers: 200,
    },
    Subject {
        engine: "flite",
        voice: "slt",
        directory: None,
        process: "vireo-flite",
        numbers: 8_000_000,
        callers: 10,
    },
    Subject {
        engine: "piper",
        voice: "tones",
        directory: Some("media/speech/piper/tests/voices"),
        process: "vireo-piper",
        numbers: 9_000_000,
        callers: 10,
    },
];

impl Subject {
    /// Why it cannot be measured here, if so: one worker is built by a command of its own.
    fn missing(&self) -> Option<String> {
        let worker = binary().with_file_name(self.process);
        (!worker.is_file()).then(|| format!("{} is not built: make workers", worker.display()))
    }
}

/// What a caller heard.
#[derive(Debug, Clone)]
struct Heard {
    /// From the ACK to the first sound, ms.
    first_ms: f32,
    /// Packets from the first sound to the last.
    packets: usize,
    /// Between two of them, ms.
    gaps_ms: Vec<f64>,
}

/// Runs it.
pub fn run(bench: &mut Bench) -> Result<Value> {
    bench.step("texts: the server starts", 4);
    let server = Server::start(&setup(bench));
    bench.machine.prefer(server.pid());
    let mut report = json!({});
    for subject in &SUBJECTS {
        if let Some(why) = subject.missing() {
            bench.note(&format!("{}: {why}", subject.engine));
            report[subject.engine] = json!({ "not_measured": why });
            continue;
        }
        let callers = match bench.options.quick {
            true => (subject.callers / 4).max(5),
            false => subject.callers,
        };
        bench.step(&format!("texts: {callers} callers, {}", subject.engine), 60);
        let part = measure(&server, subject, callers)?;
        bench.note(&format!(
            "first sound after {} ms (p50), from memory {} ms; {} with a gap",
            part["first_audio_p50_ms"], part["first_audio_cached_p50_ms"], part["with_gap"]
        ));
        report[subject.engine] = part;
    }
    let gaps = server.admin.metric("vireo_media_plays_with_gap_total");
    report["plays_with_gap_by_the_server_s_count"] = json!(gaps);
    Ok(report)
}

fn setup(bench: &Bench) -> Setup {
    let mut more = "[flows.announce]\n[tts]\ncache-disk-mib = 0\n".to_owned();
    let mut routes = String::new();
    for Subject {
        engine,
        voice,
        directory,
        numbers,
        ..
    } in SUBJECTS
    {
        more.push_str(&format!(
            "[[tts.voices]]\nlanguage = \"en-x-{engine}\"\nengine = \"{engine}\"\nvoice = \"{voice}\"\n"
        ));
        if let Some(directory) = directory {
            more.push_str(&format!(
                "[tts.engines.{engine}]\nkind = \"{engine}\"\ndirectory = {:?}\n",
                root().join(directory)
            ));
        }
        routes.push_str(&format!(
            "[[routes]]\nname = \"{engine}\"\ncalled = \"{}*\"\nflow = \"announce\"\n\
             parameters = {{ language = \"en-x-{engine}\" }}\n",
            numbers / 1_000_000
        ));
    }
    Setup {
        more,
        routes: Some(routes),
        media: format!(
            "ports = \"{}-{}\"\nthreads = {}\n",
            MEDIA_PORTS.start(),
            MEDIA_PORTS.end(),
            bench.options.media_threads
        ),
        starter: bench.machine.server_starter(),
        ..Setup::with_flows(&["announce"])
    }
}

#[allow(clippy::cast_precision_loss)]
fn measure(server: &Server, subject: &Subject, callers: u32) -> Result<Value> {
    let failed = || {
        server
            .admin
            .metric("vireo_tts_sentences_total{origin=\"failed\"}")
    };
    let spoken = format!(
        "vireo_tts_worker_requests_total{{engine=\"{}\",end=\"answered\"}}",
        subject.engine
    );
    // What its start costs is no caller's.
    let first_word = Instant::now() + FIRST_WORD;
    while server.admin.metric(&spoken) < 1.0 && Instant::now() < first_word {
        thread::sleep(Duration::from_millis(50));
    }
    let (before, failed_before) = (cpu_s(server, subject), failed());
    let made = calls(server.udp, subject.numbers, callers);
    let cpu = cpu_s(server, subject) - before;
    let kept = calls(server.udp, subject.numbers, callers);
    let both: Vec<(&Heard, &Heard)> = (made.iter().zip(&kept))
        .filter_map(|(made, kept)| Some((made.as_ref()?, kept.as_ref()?)))
        .collect();
    if both.is_empty() {
        let why = format!("nobody heard {}: is it installed?", subject.engine);
        return Err(BenchError::Run(why));
    }
    let longer = |(made, kept): &&(&Heard, &Heard)| made.packets > kept.packets + SAME_LENGTH;
    let first = |heard: &[Option<Heard>]| {
        Values::new(heard.iter().flatten().map(|heard| heard.first_ms).collect())
    };
    let (first, cached) = (first(&made), first(&kept));
    #[allow(clippy::cast_possible_truncation)]
    let gaps = (made.iter().flatten())
        .flat_map(|heard| heard.gaps_ms.iter().map(|gap| *gap as f32))
        .collect();
    let gaps = Values::new(gaps);
    let spoken_s: f64 = both
        .iter()
        .map(|(_, kept)| kept.packets as f64 * 0.02)
        .sum();
    let at = |values: &Values, share| values.at(share).map(round);
    Ok(json!({
        "callers": callers,
        "failed": callers as usize - both.len(),
        "sentences_failed": failed() - failed_before,
        "with_gap": both.iter().filter(longer).count(),
        "first_audio_p50_ms": at(&first, 0.5),
        "first_audio_p99_ms": at(&first, 0.99),
        "first_audio_cached_p50_ms": at(&cached, 0.5),
        "first_audio_cached_p99_ms": at(&cached, 0.99),
        "first_audio_ms": percentiles(&first),
        "first_audio_cached_ms": percentiles(&cached),
        "gap_p99_ms": at(&gaps, 0.99),
        "spoken_s": round(spoken_s),
        "engine_cpu_s": round(cpu),
        "real_time_factor": if spoken_s > 0.0 { cpu / spoken_s } else { 0.0 },
    }))
}

/// CPU time of the engine's processes.
fn cpu_s(server: &Server, subject: &Subject) -> f64 {
    let mut sum = 0.0;
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid()));
    for task in tasks.into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_ascii_whitespace() {
            let name = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            if name.trim() == subject.process
                && let Some(usage) = child.parse().ok().and_then(Usage::read)
            {
                #[allow(clippy::cast_precision_loss)]
                let seconds = usage.cpu_ns as f64 / 1e9;
                sum += seconds;
            }
        }
    }
    sum
}

/// One call to each number; none where it failed.
fn calls(server: SocketAddr, numbers: u32, callers: u32) -> Vec<Option<Heard>> {
    let pause = ARRIVING / callers;
    let callers: Vec<_> = (0..callers)
        .map(|caller| {
            thread::sleep(pause);
            thread::spawn(move || call(server, numbers + caller))
        })
        .collect();
    let heard = callers
        .into_iter()
        .map(|caller| caller.join().ok().flatten());
    heard.collect()
}

fn call(server: SocketAddr, number: u32) -> Option<Heard> {
    let peer = Peer::new();
    let mut call = Call::new(server, &number.to_string());
    call.establish(&sdp(&peer, true));
    let acknowledged_ns = now_ns();
    call.wait_for_bye(LONGEST);
    let packets = peer.packets();
    let first = packets.iter().position(is_sound)?;
    let last = packets.iter().rposition(is_sound)?;
    let heard = packets.get(first..=last)?;
    #[allow(clippy::cast_precision_loss)]
    Some(Heard {
        first_ms: (heard.first()?.at_ns - acknowledged_ns) as f32 / 1e6,
        packets: heard.len(),
        gaps_ms: gaps_ms(heard),
    })
}

fn is_sound(packet: &Packet) -> bool {
    let decode = match packet.payload_type {
        0 => ulaw,
        8 => alaw,
        _ => return false,
    };
    let mut samples = packet.payload.iter().map(|byte| decode(*byte));
    samples.any(|sample| sample.unsigned_abs() > LOUD)
}
