//! What can be typed.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::artifact::{FlowExportArgs, PullArgs, PushArgs, RegistryArgs};
use super::audit::AuditArgs;
use super::develop::{BuildArgs, NewArgs};
use super::export::ExportArgs;
use super::keys::KvCommand;
use super::prompts::PromptsCommand;
use super::replay::ReplayArgs;
use super::results::ResultsCommand;
use super::trace::TraceArgs;
use crate::config::{SipAddress, SipTransport};
use crate::logging::LogFormat;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it was refused, or it failed
  2  the command line, or a test script, is not understood
  3  the configuration has errors
  4  no server answers
  5  no token, or not the server's
  6  there is no such flow, call, record, key or file

Every error has a code; `vireo explain CODE` says what it means and what to do.";

/// Vireo: WebAssembly flows answer telephone calls.
#[derive(Debug, Parser)]
#[command(name = "vireo", version, after_help = EXIT_CODES, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The configuration file. Commands that ask a server find its address and token by it.
    #[arg(long, global = true, value_name = "FILE", env = "VIREO_CONFIG")]
    pub config: Option<PathBuf>,
    /// The server's admin address: 127.0.0.1:8089, or unix:/path. Its token is taken from
    /// VIREO_TOKEN, or from the token file that the configuration names.
    #[arg(long, global = true, value_name = "ADDRESS", env = "VIREO_ADMIN")]
    pub admin: Option<String>,
    /// Prints JSON, for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// What is logged: a level, or levels by module ("info,vireo_sip=debug").
    #[arg(long, global = true, value_name = "FILTER", env = "RUST_LOG")]
    pub log: Option<String>,
    /// How log lines look.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "VIREO_LOG_FORMAT",
        default_value = "human"
    )]
    pub log_format: LogFormat,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the server.
    Serve(ServeArgs),
    /// Places a call: dials, plays, sends keys, records what it hears.
    Call(CallArgs),
    /// Starts a server, places a call to it, and shows the call as a timeline.
    Demo(DemoArgs),
    /// Starts a project: a first flow, the SDK of its language, and how to build it.
    New(NewArgs),
    /// Makes a component of the core module that a compiler wrote.
    Build(BuildArgs),
    /// Says what a component imports and needs, and what is wrong with it.
    Check(CheckArgs),
    /// Tests flows without a telephone: scripts say what the caller does and what must happen, and
    /// a call of two minutes takes milliseconds.
    Test(TestArgs),
    /// Calls a flow from the keyboard: prompts appear as text, the keys of the keyboard are those of
    /// the telephone.
    Try(TryArgs),
    /// Runs recorded calls against another version of their flow, and says where it parts from what
    /// happened. Nothing is done for real: every answer comes from the calls' journals.
    Replay(ReplayArgs),
    /// Makes, checks and lists the recorded words that numbers, dates and amounts are said with.
    #[command(subcommand)]
    Prompts(PromptsCommand),
    /// Deploys flows and shows what serves.
    #[command(subcommand)]
    Flow(FlowCommand),
    /// Shows the records of ended calls.
    #[command(subcommand)]
    Cdr(CdrCommand),
    /// Shows the calls in progress.
    Calls(CallsArgs),
    /// Shows what happened in a call, ended or in progress, and how long it took; as a page with
    /// --html.
    Trace(TraceArgs),
    /// Writes the journals of calls to files.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Says which flow a call would reach.
    #[command(subcommand)]
    Route(RouteCommand),
    /// Shows who did what to the server, the newest first.
    Audit(AuditArgs),
    /// Shows and changes what flows keep in the key-value store.
    #[command(subcommand)]
    Kv(KvCommand),
    /// Shows and exports what callers answered to surveys, message boxes and notices.
    #[command(subcommand)]
    Results(ResultsCommand),
    /// Shows the server at one glance.
    Status,
    /// Takes no new calls, or takes them again; calls in progress go on.
    Drain {
        /// On: no new calls. Off: new calls again.
        #[arg(default_value = "on")]
        switch: Switch,
    },
    /// Reads the configuration again.
    Reload,
    /// Checks and describes the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Explains an error code, or lists all of them.
    Explain {
        /// The code, as VR0003.
        code: Option<String>,
    },
    /// Prints the description of the admin API (OpenAPI 3.1).
    Openapi,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Arguments of `vireo serve`.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// How long calls in progress may go on after the first signal to end, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub grace: u64,
    /// A file that is written, as JSON, once calls are taken: the addresses in use and the admin
    /// token. For programs that start a server on ports of the system's choice (port 0).
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// Arguments of `vireo call`.
#[derive(Clone, Debug, Args)]
pub struct CallArgs {
    /// Whom to call: 96122@127.0.0.1:5070, as a SIP URI if you like; ";transport=tcp" for TCP.
    #[arg(value_name = "TO")]
    pub to: CallTarget,
    /// What to do once the call is answered, in order: listen, listen:1500ms (until it is silent
    /// for so long), press:12#, say:file.wav, wait:2s, expect-hangup, hangup.
    #[arg(value_name = "STEP")]
    pub steps: Vec<String>,
    /// The calling number.
    #[arg(long, value_name = "NUMBER", default_value = "vireo")]
    pub from: String,
    /// Codecs to offer, the preferred first.
    #[arg(
        long,
        value_name = "CODEC",
        value_delimiter = ',',
        default_value = "PCMA,PCMU"
    )]
    pub codecs: Vec<String>,
    /// Offers no telephone-event (RFC 4733): keys travel as tones.
    #[arg(long)]
    pub inband_keys: bool,
    /// The directory of what is heard.
    #[arg(long, value_name = "DIRECTORY", default_value = "heard")]
    pub out: PathBuf,
    /// Ends the call after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub longest: Duration,
}

/// Whom to call, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTarget {
    /// The called number or user.
    pub to: String,
    /// UDP or TCP, and the next hop.
    pub next_hop: SipAddress,
}

impl FromStr for CallTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || "write NUMBER@ADDRESS:PORT, as 96122@127.0.0.1:5070".to_owned();
        let rest = text.strip_prefix("sip:").unwrap_or(text);
        let (to, rest) = rest.split_once('@').ok_or_else(wanted)?;
        let (address, transport) = match rest.split_once(';') {
            None => (rest, SipTransport::Udp),
            Some((address, "transport=udp")) => (address, SipTransport::Udp),
            Some((address, "transport=tcp")) => (address, SipTransport::Tcp),
            Some((_, other)) => {
                return Err(format!(
                    "{other:?} is not understood; only transport=udp and transport=tcp are"
                ));
            }
        };
        if to.is_empty() || to.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wanted());
        }
        // Port 5060 where none is written (RFC 3261, 19.1.2).
        let address = address.parse::<SocketAddr>().or_else(|_| {
            let bare = address.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<IpAddr>()
                .map(|ip| SocketAddr::new(ip, 5060))
                .map_err(|_| wanted())
        })?;
        Ok(CallTarget {
            to: to.to_owned(),
            next_hop: SipAddress { transport, address },
        })
    }
}

/// Arguments of `vireo demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// The component to deploy.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/flows/demo-ivr.wasm"
    )]
    pub flow: PathBuf,
    /// Where the recordings of the demonstration are put.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/demo")]
    pub out: PathBuf,
}

/// Arguments of `vireo check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// The component.
    pub file: PathBuf,
    /// Also checks it against the grants of this flow of the configuration.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub flow: Option<String>,
}

/// Arguments of `vireo test`.
#[derive(Clone, Debug, Default, Args)]
pub struct TestArgs {
    /// Scripts, or directories in which every *.test.toml is one.
    #[arg(value_name = "FILE", required_unless_present = "schema")]
    pub paths: Vec<PathBuf>,
    /// The component of the scripts whose `flow` is NAME, instead of the one that they name.
    #[arg(long = "flow", value_name = "NAME=FILE", value_parser = named_file)]
    pub flows: Vec<(String, PathBuf)>,
    /// The prompts directory of scripts that name none.
    #[arg(long, value_name = "DIRECTORY")]
    pub prompts: Option<PathBuf>,
    /// Only cases in whose file and name this text occurs.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Also writes the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Says what of each flow no case has reached.
    #[arg(long)]
    pub coverage: bool,
    /// Shows every call, not only those that failed.
    #[arg(long, short)]
    pub verbose: bool,
    /// Calls at the same time; as many as there are cores when absent.
    #[arg(long, short, value_name = "COUNT")]
    pub jobs: Option<usize>,
    /// Prints the JSON Schema of the scripts, for editors.
    #[arg(long)]
    pub schema: bool,
}

/// Arguments of `vireo try`.
#[derive(Clone, Debug, Args)]
pub struct TryArgs {
    /// The component.
    pub component: PathBuf,
    /// The flow's name; with `--config`, the one whose grants, settings and limits it has.
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,
    /// The prompts directory.
    #[arg(long, value_name = "DIRECTORY")]
    pub prompts: Option<PathBuf>,
    /// What the prompts say: a table as examples/prompts.tsv.
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// The calling number.
    #[arg(long, value_name = "NUMBER")]
    pub caller: Option<String>,
    /// The called number.
    #[arg(long, value_name = "NUMBER")]
    pub called: Option<String>,
    /// The prompt language.
    #[arg(long, value_name = "TAG")]
    pub language: Option<String>,
    /// A parameter of the route.
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = pair)]
    pub parameters: Vec<(String, String)>,
    /// A setting of the flow.
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = pair)]
    pub settings: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), file.into()))
        }
        _ => Err("write NAME=FILE, as demo=target/flows/demo-ivr.wasm".to_owned()),
    }
}

/// `vireo flow ...`
#[derive(Debug, Subcommand)]
pub enum FlowCommand {
    /// Puts a component into service; calls in progress keep their version.
    Deploy {
        /// The flow's name in the configuration.
        name: String,
        /// The component: a .wasm file, or oci://REFERENCE in a registry.
        file: String,
        /// As a canary, beside the version that serves: for so many of the callers, 1 to 99.
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
        percent: Option<u8>,
        /// As a canary for all calls of this route; may be given several times.
        #[arg(long = "route", value_name = "NAME")]
        routes: Vec<String>,
        /// As a canary for all callers of this list of [caller-lists]; may be given several times.
        #[arg(long, value_name = "LIST")]
        callers: Vec<String>,
        /// Why, for the history.
        #[arg(long, default_value = "")]
        note: String,
        /// Deploys it although prompts are missing or its tests do not pass; the history says so.
        #[arg(long)]
        force: bool,
        /// How a registry is asked.
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Raises the share of a flow's canary, or makes it the version for all calls.
    Promote {
        /// The flow's name.
        name: String,
        /// Its share from now on; absent: all calls.
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: Option<u8>,
        /// Why, for the history.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Shows what a flow serves, and how its canary fares.
    Status {
        /// The flow's name.
        name: String,
    },
    /// Looks at a component as a deploy does, and deploys nothing: can it run here, do its grants
    /// suffice, are its prompts there, does it pass the tests that it brings along?
    Preflight {
        /// The flow's name in the configuration.
        name: String,
        /// The component, a .wasm file.
        file: PathBuf,
    },
    /// Writes a version of a flow into a file, for another server.
    Export(FlowExportArgs),
    /// Deploys the version in a file of `vireo flow export`.
    Import {
        /// The file.
        file: PathBuf,
        /// The flow; the one that it was exported from when absent.
        name: Option<String>,
    },
    /// Puts a component into an OCI registry.
    Push(PushArgs),
    /// Fetches a component from an OCI registry.
    Pull(PullArgs),
    /// Lists the flows and what they serve.
    List,
    /// Lists the changes of a flow's deployment, the newest first.
    History {
        /// The flow's name.
        name: String,
    },
    /// Takes the canary away, or puts the version back into service that served before.
    Rollback {
        /// The flow's name.
        name: String,
        /// Why, for the history.
        #[arg(long, default_value = "")]
        note: String,
    },
}

/// `vireo cdr ...`
#[derive(Debug, Subcommand)]
pub enum CdrCommand {
    /// Lists records, the newest first.
    List(CdrFilter),
    /// Shows one record with the call's timeline.
    Show {
        /// The call's id.
        call: String,
        /// Every entry of the journal, not only what tells the story.
        #[arg(long)]
        all: bool,
    },
}

/// Which records are wanted.
#[derive(Clone, Debug, Default, Args)]
pub struct CdrFilter {
    /// Received then or later: "2026-11-22T20:00", "2026-11-22", or how long ago: "15m", "2h", "3d".
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Received before then.
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Exactly this caller.
    #[arg(long, value_name = "NUMBER")]
    pub caller: Option<String>,
    /// Exactly this called number.
    #[arg(long, value_name = "NUMBER")]
    pub called: Option<String>,
    /// This flow.
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,
    /// This trunk.
    #[arg(long, value_name = "NAME")]
    pub trunk: Option<String>,
    /// This outcome: completed, hung-up-by-caller, rejected, failed-flow...
    #[arg(long, value_name = "OUTCOME")]
    pub outcome: Option<String>,
    /// At most so many.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50)]
    pub limit: usize,
}

/// Arguments of `vireo calls`.
#[derive(Debug, Args)]
pub struct CallsArgs {
    /// What to do; lists the calls when absent.
    #[command(subcommand)]
    pub command: Option<CallsCommand>,
}

/// `vireo calls ...`
#[derive(Debug, Subcommand)]
pub enum CallsCommand {
    /// Shows a call in progress with its timeline so far.
    Show {
        /// The call's id.
        call: String,
        /// Every entry of the journal, not only what tells the story.
        #[arg(long)]
        all: bool,
    },
    /// Ends a call.
    Hangup {
        /// The call's id.
        call: String,
    },
}

/// `vireo journal ...`
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Writes recorded calls as JSON lines: record and journal of a call on each.
    Export(Box<ExportArgs>),
    /// The same as `vireo trace`.
    Show(TraceArgs),
}

/// `vireo route ...`
#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Says which route a call would take, and why.
    Test(RouteTest),
}

/// Arguments of `vireo route test`.
#[derive(Clone, Debug, Default, Args)]
pub struct RouteTest {
    /// The called number.
    #[arg(long, value_name = "NUMBER")]
    pub to: String,
    /// The calling number; absent: withheld.
    #[arg(long, value_name = "NUMBER", default_value = "")]
    pub from: String,
    /// The trunk; may be absent when there is only one.
    #[arg(long, value_name = "NAME")]
    pub trunk: Option<String>,
    /// The moment, in the server's time zone: "2026-11-22T20:00"; now when absent.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
}

/// `vireo config ...`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Shows everything that is wrong with a file.
    Check {
        /// The file; the one of --config when absent.
        file: Option<PathBuf>,
    },
    /// Prints the configuration in force, defaults included; secrets are never printed.
    Print {
        /// The file; the one of --config when absent.
        file: Option<PathBuf>,
    },
    /// Prints the JSON Schema of the file.
    Schema,
    /// Prints the reference of every key, as Markdown.
    Reference,
}

/// Seconds with decimals.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration <= Duration::from_secs(86_400))
        .ok_or_else(|| "write seconds, 0 to 86400, as 2.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_documented_command_is_understood() {
        for line in [
            "serve --config a.toml",
            "serve --grace 5",
            "call sip:96122@127.0.0.1:5070;transport=tcp listen press:1 expect-hangup --longest 2.5 --codecs PCMU,PCMA",
            "demo --config examples/demo.toml",
            "check flow.wasm",
            "test examples --filter menu --junit junit.xml --coverage -v -j 2",
            "test a.test.toml --flow demo=a.wasm --prompts prompts",
            "test --schema",
            "try a.wasm --flow demo --prompts p --texts p.tsv --caller 1 --called 2 --language en --parameter a=b --setting c=d",
            "new hotline --lang c",
            "new flows/hotline",
            "build hotline.core.wasm",
            "build a.wasm -o b.wasm",
            "flow deploy demo a.wasm --note why",
            "flow deploy demo a.wasm --config examples/demo.toml",
            "flow list --json",
            "flow history demo",
            "flow rollback demo --note why",
            "flow deploy demo a.wasm --percent 5 --route a --route b --callers testers",
            "flow promote demo",
            "flow promote demo --percent 20 --note why",
            "flow status demo",
            "audit --since 2h -n 5 --json",
            "cdr list --since 2h --outcome completed -n 5",
            "cdr show abc --json",
            "calls",
            "calls show abc",
            "calls hangup abc",
            "replay --flow new.wasm --calls yesterday,flow=demo,limit=500 --secrets s.toml -v -j 2",
            "replay --flow demo=new.wasm --calls journals.jsonl --json",
            "trace abc --all --html call.html",
            "journal show abc --all",
            "journal export --calls since=2h -o journals.jsonl",
            "route test --to 96122 --from 1000 --trunk local --at 2026-11-22T20:00",
            "status --admin unix:/run/vireo.sock",
            "drain",
            "drain off",
            "reload",
            "config check a.toml",
            "config print",
            "config schema",
            "config reference",
            "explain VR0003",
            "explain",
            "openapi",
            "--log debug --log-format json status",
        ] {
            let words = std::iter::once("vireo").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("vireo {line}\n{error}");
            }
        }
    }

    #[test]
    fn targets_are_read_as_people_write_them() {
        for (text, to, next_hop) in [
            ("96122@127.0.0.1:5070", "96122", "udp:127.0.0.1:5070"),
            ("sip:demo@10.0.0.1", "demo", "udp:10.0.0.1:5060"),
            ("sip:+49@[::1]:5070;transport=tcp", "+49", "tcp:[::1]:5070"),
            ("1@::1", "1", "udp:[::1]:5060"),
        ] {
            let target: CallTarget = text.parse().unwrap();
            assert_eq!(
                (target.to.as_str(), target.next_hop.to_string().as_str()),
                (to, next_hop),
                "{text}"
            );
        }
        for text in [
            "",
            "96122",
            "@127.0.0.1",
            "1@example.com",
            "1@127.0.0.1:5060;transport=tls",
            "a b@127.0.0.1",
        ] {
            assert!(text.parse::<CallTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_mistyped_is_refused() {
        for line in [
            "",
            "flow",
            "flow deploy demo",
            "cdr list -n x",
            "call 1@127.0.0.1 --longest -1",
            "route test",
            "drain maybe",
            "flow deploy demo a.wasm --percent 100",
            "flow promote demo --percent 0",
            "stauts",
            "test",
            "test a.test.toml --flow demo",
            "replay --flow new.wasm",
            "replay --flow new.wasm --calls flwo=demo",
        ] {
            let words = std::iter::once("vireo").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "vireo {line}");
        }
    }
}
