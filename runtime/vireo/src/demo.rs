//! `vireo demo`: the whole of Vireo on one machine.
//!
//! A server in a process of its own, a flow deployed to it, a real call from another process, and
//! then the proof: what the caller recorded is compared with the prompts that the flow plays, and
//! the message that the caller left with what the server kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use vireo_audio::compare::correlate;
use vireo_audio::prompt::{Library, LibraryConfig};
use vireo_audio::wav;

use crate::admin::{CallRecord, CallRecordDetail, DeployReport, Token};
use crate::cli::{CliError, Client, DemoArgs, Global, Output, short};
use crate::config::{AdminListen, Config};
use crate::explain::Code;
use crate::timeline::{self, Detail};

/// What the caller does. The prompts in between are as the flow of `examples/demo-ivr` has them.
const STEPS: &[&str] = &[
    // Welcome, then the menu to its end.
    "listen",
    // Opening hours; then the menu again, cut short.
    "press:1",
    "wait:7s",
    "press:3",
    // "Please speak after the tone", and the tone.
    "listen:700ms",
    "SAY",
    "press:#",
    // "To keep this message, press 1..."
    "listen",
    "press:1",
    // "Your message is kept", goodbye, and the server hangs up.
    "expect-hangup",
];

/// The prompts that have to be heard, in this order.
const HEARD: &[&str] = &[
    "demo/welcome",
    "demo/menu",
    "demo/opening-hours",
    "demo/leave-message",
    "demo/keep-message",
    "demo/message-kept",
    "demo/goodbye",
];

/// What the caller says: a prompt of another example, so that it is a voice and can be recognised.
const SAID: &str = "demo/traffic/south";

/// How alike two sounds have to be: G.711 and packets leave 0.97 and more, other speech less than 0.6.
const ALIKE: f32 = 0.9;

/// Starting, deploying and ending must not take longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
struct Ready {
    udp: Option<std::net::SocketAddr>,
    admin: Option<std::net::SocketAddr>,
    token: String,
}

#[derive(Debug, Deserialize)]
struct Heard {
    recording: Option<PathBuf>,
    received: u64,
    lost: u64,
}

/// The server; killed when it is dropped.
struct Server(Child);

impl Server {
    /// SIGTERM, and what it says to that.
    fn stop(&mut self) -> Result<(), String> {
        let pid = self.0.id().to_string();
        let told = Command::new("kill").arg(&pid).status();
        if !told.is_ok_and(|status| status.success()) {
            return Err(format!(
                "the server, process {pid}, could not be told to end"
            ));
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.0.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("the server ended with {status}")),
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("the server did not end".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn failed(message: impl Into<String>) -> CliError {
    CliError::new(Code::DemoFailed, message)
}

/// Runs the command.
pub(crate) fn run(args: &DemoArgs, global: &Global, output: &Output) -> Result<(), CliError> {
    let Some(file) = &global.config else {
        return Err(CliError::new(
            Code::ConfigUnreadable,
            "name a configuration: --config examples/demo.toml",
        ));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(error.to_string()))?;
    let config = Config::load(file)?;
    let place = prepare(&config, &args.out)?;
    output.line(&output.heading("Server"));
    let (mut server, ready) = start(&place)?;
    let (Some(sip), Some(admin)) = (ready.udp, ready.admin) else {
        return Err(failed(
            "the server listens on no UDP address, or its admin API on none",
        ));
    };
    output.line(&format!(
        "  vireo serve is up: SIP on udp:{sip}, admin API on http://{admin}"
    ));
    let client = Client::new(AdminListen::Tcp(admin), Ok(Token::new(ready.token)));
    let (flow, number) = target(&config)?;
    let deployed = runtime.block_on(deploy(&client, &flow, &args.flow))?;
    output.line(&format!(
        "  flow {flow} deployed: {} -> version {}, in service after {} ms",
        args.flow.display(),
        short(&deployed.digest),
        deployed.took_ms
    ));
    output.line(&format!(
        "\n{}",
        output.heading("The caller's side (vireo call, another process)")
    ));
    let said = config
        .prompts
        .directory
        .join(format!("{}/{SAID}.wav", config.prompts.default_language));
    let heard = call(&place, &format!("{number}@{sip}"), &said)?;
    let detail = runtime.block_on(record(&client))?;
    output.line(&format!(
        "\n{}",
        output.heading("The server's side (the call's journal)")
    ));
    for line in timeline::lines(&detail.timeline, Detail::Story) {
        output.line(&line.to_string());
    }
    show_record(&detail.record, output);
    output.line(&format!("\n{}", output.heading("Proof")));
    let proof = prove(&config, &heard, &said, &detail.record, output);
    server.stop().map_err(failed)?;
    output.line("  the server has ended; nothing is left running");
    proof?;
    output.line(&format!(
        "\n{}",
        output.heading("The demo call was right in every point.")
    ));
    Ok(())
}

/// What the demo works with.
struct Place {
    directory: PathBuf,
    config: PathBuf,
}

/// A fresh directory, and the configuration with ports of the system's choice, so that nothing
/// that runs on this machine is in the way.
fn prepare(config: &Config, out: &Path) -> Result<Place, CliError> {
    let unusable = |path: &Path, error: std::io::Error| {
        CliError::new(Code::FileUnusable, format!("{}: {error}", path.display()))
    };
    let directory = std::path::absolute(out).map_err(|error| unusable(out, error))?;
    // Only what a demonstration left there is removed.
    let known = directory.join("demo.toml").exists();
    let empty = fs::read_dir(&directory).map_or(true, |mut entries| entries.next().is_none());
    if !known && !empty {
        let message = format!(
            "{} holds other files than a demonstration's",
            directory.display()
        );
        return Err(CliError::new(Code::FileUnusable, message)
            .details(vec!["name another directory with --out".to_owned()]));
    }
    for part in ["data", "recordings", "heard"] {
        let path = directory.join(part);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(unusable(&path, error));
            }
            _ => {}
        }
        fs::create_dir_all(&path).map_err(|error| unusable(&path, error))?;
    }
    let mut config = config.clone();
    for listen in &mut config.sip.listen {
        listen.address.set_port(0);
    }
    config.admin.listen = AdminListen::Tcp(([127, 0, 0, 1], 0).into());
    config.admin.token_file = None;
    config.server.data_directory = directory.join("data");
    config.recordings.directory = directory.join("recordings");
    config.prompts.directory = std::path::absolute(&config.prompts.directory)
        .map_err(|error| unusable(&config.prompts.directory, error))?;
    let text = config
        .to_toml()
        .map_err(|error| CliError::internal(error.to_string()))?;
    let file = directory.join("demo.toml");
    fs::write(&file, text).map_err(|error| unusable(&file, error))?;
    Ok(Place {
        directory,
        config: file,
    })
}

fn this_program() -> Result<PathBuf, CliError> {
    std::env::current_exe()
        .map_err(|error| CliError::internal(format!("this program's own file: {error}")))
}

fn start(place: &Place) -> Result<(Server, Ready), CliError> {
    let ready = place.directory.join("ready.json");
    // Left over from an earlier run, perhaps.
    let _ = fs::remove_file(&ready);
    let log_path = place.directory.join("server.log");
    let log = fs::File::create(&log_path).map_err(|error| {
        CliError::new(
            Code::FileUnusable,
            format!("{}: {error}", log_path.display()),
        )
    })?;
    let child = Command::new(this_program()?)
        .args(["serve", "--config"])
        .arg(&place.config)
        .arg("--ready-file")
        .arg(&ready)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| failed(format!("the server cannot be started: {error}")))?;
    let mut server = Server(child);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(ready) = fs::read(&ready)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
        {
            return Ok((server, ready));
        }
        let ended = server.0.try_wait().is_ok_and(|status| status.is_some());
        if ended || Instant::now() > deadline {
            return Err(failed(format!(
                "the server did not come up; see {}",
                log_path.display()
            )));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The flow of the configuration, and a number that reaches it.
fn target(config: &Config) -> Result<(String, String), CliError> {
    let mut numbers = config.routes.iter().filter_map(|route| {
        let number = route
            .called
            .as_ref()?
            .0
            .iter()
            .find(|number| number.chars().all(char::is_alphanumeric))?;
        Some((route.flow.clone()?, number.clone()))
    });
    numbers
        .next()
        .ok_or_else(|| failed("the configuration has no route from a plain number to a flow"))
}

async fn deploy(client: &Client, flow: &str, file: &Path) -> Result<DeployReport, CliError> {
    let wasm = fs::read(file).map_err(|error| {
        CliError::new(
            Code::FileUnusable,
            format!(
                "{}: {error}; scripts/build-flows.sh makes it",
                file.display()
            ),
        )
    })?;
    let path = format!("/v1/flows/{flow}/deployments?note=demo");
    Ok(client
        .post(&path, "application/wasm", wasm.into())
        .await?
        .parse()?)
}

fn call(place: &Place, target: &str, said: &Path) -> Result<Heard, CliError> {
    let say = format!("say:{}", said.display());
    let result = Command::new(this_program()?)
        .args(["call", "--json", "--from", "1000", "--out"])
        .arg(place.directory.join("heard"))
        .arg(target)
        .args(
            STEPS
                .iter()
                .map(|step| if *step == "SAY" { say.as_str() } else { step }),
        )
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("vireo call cannot be started: {error}")))?;
    if !result.status.success() {
        return Err(failed(format!("vireo call ended with {}", result.status)));
    }
    serde_json::from_slice(&result.stdout)
        .map_err(|error| failed(format!("vireo call's report: {error}")))
}

/// The call's record; it is on disk a moment after the call.
async fn record(client: &Client) -> Result<CallRecordDetail, CliError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let records: Vec<CallRecord> = client.get("/v1/cdrs?limit=1").await?.parse()?;
        if let Some(record) = records.first() {
            let detail = client.get(&format!("/v1/cdrs/{}", record.call_id)).await?;
            let detail: CallRecordDetail = detail.parse()?;
            // The journal is written in batches beside the record.
            let complete = detail.timeline.last().is_some_and(|entry| {
                matches!(&entry.kind, vireo_store::journal::Kind::Event { name, .. } if name == "cdr")
            });
            if complete {
                return Ok(detail);
            }
        }
        if Instant::now() > deadline {
            return Err(failed("the call's record was not written"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn show_record(record: &CallRecord, output: &Output) {
    output.line(&format!(
        "\n{}",
        output.heading("The call's record (vireo cdr show)")
    ));
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    output.line(&format!(
        "  {}  {} -> {}  {}, ended by {}; {} after {}",
        record.call_id,
        record.caller,
        record.called,
        record.outcome,
        record.ended_by,
        seconds(record.talk_ms),
        seconds(record.setup_ms)
    ));
    if let Some(media) = &record.media {
        let mos = media
            .received
            .mos
            .map(|mos| format!(", MOS {mos:.1}"))
            .unwrap_or_default();
        output.line(&format!(
            "  RTP: {} packets received, {} lost, jitter {:.1} ms{mos}; {} sent, {} lost",
            media.received.packets,
            media.received.lost,
            media.received.jitter_ms,
            media.sent.packets,
            media.sent.lost
        ));
    }
    for recording in &record.recordings {
        output.line(&format!(
            "  {} of {}: {}",
            recording.kind,
            seconds(recording.duration_ms),
            recording.path
        ));
    }
}

/// Everything that has to be as it should; each point is printed.
fn prove(
    config: &Config,
    heard: &Heard,
    said: &Path,
    record: &CallRecord,
    output: &Output,
) -> Result<(), CliError> {
    let mut wrong = Vec::new();
    let mut point = |right: bool, text: String| {
        let mark = if right {
            "ok   ".to_owned()
        } else {
            output.alarm("WRONG")
        };
        output.line(&format!("  {mark} {text}"));
        if !right {
            wrong.push(text);
        }
    };
    point(
        heard.received > 0 && heard.lost == 0,
        format!("{} RTP packets heard, {} lost", heard.received, heard.lost),
    );
    let ear = heard
        .recording
        .as_deref()
        .ok_or_else(|| failed("the caller recorded nothing"))?;
    let ear = wav::read(ear)
        .map_err(|error| failed(error.to_string()))?
        .channel(0);
    let library = Library::open(LibraryConfig {
        default_language: config.prompts.default_language.clone(),
        ..LibraryConfig::new(&config.prompts.directory)
    })
    .map_err(|error| failed(error.to_string()))?;
    let mut from = 0;
    for name in HEARD {
        let prompt = library
            .find(&config.prompts.default_language, name)
            .map_err(|error| failed(error.to_string()))?;
        let reference = prompt.samples();
        let found = correlate(&reference, ear.get(from..).unwrap_or_default());
        let at = from + usize::try_from(found.offset_samples).unwrap_or(0);
        point(
            found.score >= ALIKE,
            format!(
                "heard {name} ({:.1} s) at {:.1} s, {:.1} % alike",
                seconds(reference.len()),
                seconds(at),
                found.score * 100.0
            ),
        );
        if found.score >= ALIKE {
            from = at + reference.len();
        }
    }
    let message = record
        .recordings
        .iter()
        .find(|recording| recording.kind == "message");
    let said = wav::read(said)
        .map_err(|error| failed(error.to_string()))?
        .into_mono();
    match message.map(|message| wav::read(Path::new(&message.path))) {
        Some(Ok(kept)) => {
            let found = correlate(&said, &kept.into_mono());
            point(
                found.score >= ALIKE,
                format!(
                    "the message kept is what the caller said, {:.1} % alike",
                    found.score * 100.0
                ),
            );
        }
        Some(Err(error)) => point(false, format!("the message kept: {error}")),
        None => point(false, "the server kept no message".to_owned()),
    }
    if let Some(stereo) = record
        .recordings
        .iter()
        .find(|recording| recording.kind == "call")
    {
        match wav::read(Path::new(&stereo.path)) {
            Ok(stereo) => {
                let sent = correlate(&stereo.channel(1), &ear);
                let took = correlate(&said, &stereo.channel(0));
                point(
                    sent.score >= ALIKE && took.score >= ALIKE,
                    format!(
                        "the stereo recording: left what the caller said ({:.1} % alike), right what the caller heard ({:.1} %)",
                        took.score * 100.0,
                        sent.score * 100.0
                    ),
                );
            }
            Err(error) => point(false, format!("the stereo recording: {error}")),
        }
    } else {
        point(false, "the server kept no recording of the call".to_owned());
    }
    point(
        record.outcome == "completed" && record.ended_by == "flow" && record.digits == 4,
        format!(
            "the record says {}, ended by {}, {} keys",
            record.outcome, record.ended_by, record.digits
        ),
    );
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(failed("the call was not as it should be").details(wrong))
    }
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(vireo_audio::SAMPLE_RATE)
}
