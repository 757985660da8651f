//! What is measured: the server, or the floor in its place.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vireo_tests::Server;
use vireo_tests::server::Setup;

use crate::error::{BenchError, Context, Result};
use crate::floor;
use crate::machine::Machine;
use crate::probe::Sizes;
use crate::tones;
use crate::usage::{Usage, core_percent};

/// The ports of RTP and RTCP, below those that the kernel gives to anybody.
pub const MEDIA_PORTS: RangeInclusive<u16> = 12_000..=29_999;

/// How the server is set up for a run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `[sip] max-calls`.
    pub calls: u32,
    /// `[recordings] max-open`.
    pub recordings: u32,
    /// `[media] threads`.
    pub media_threads: u32,
}

/// A process on the server's core.
#[derive(Debug)]
pub struct Subject {
    /// Its process id.
    pub pid: u32,
    /// Where it listens for SIP.
    pub udp: SocketAddr,
    /// Before any call.
    pub idle: Idle,
    process: Process,
}

/// A process that has nothing to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Idle {
    /// CPU, percent of a core.
    pub core_percent: f64,
    /// Resident memory, KiB.
    pub rss_kib: u64,
}

#[derive(Debug)]
enum Process {
    Server {
        server: Box<Server>,
        _prompts: TempDir,
    },
    Floor(Child),
}

impl Subject {
    /// Starts the server with the flows of the scenarios.
    pub fn server(machine: &Machine, limits: Limits) -> Result<Self> {
        let prompts = tempfile::Builder::new()
            .prefix("vireo-bench-prompts-")
            .tempdir()
            .context(|| "a directory for the prompts".into())?;
        tones::write_prompts(prompts.path())?;
        let setup = Setup {
            sip: format!("max-calls = {}\nmax-delay-ms = 100\n", limits.calls),
            media: format!(
                "ports = \"{}-{}\"\nthreads = {}\ncodecs = [\"PCMU\", \"PCMA\"]\n",
                MEDIA_PORTS.start(),
                MEDIA_PORTS.end(),
                limits.media_threads
            ),
            recordings: format!("max-open = {}\n", limits.recordings),
            prompts: Some(prompts.path().to_owned()),
            starter: machine.server_starter(),
            ..Setup::with_flows(&["sig", "ivra", "ivrb"])
        };
        let server = Box::new(Server::start(&setup));
        let (pid, udp) = (server.pid(), server.udp);
        let process = Process::Server {
            server,
            _prompts: prompts,
        };
        Self::up(machine, pid, udp, process)
    }

    /// Starts the floor.
    pub fn floor(machine: &Machine, scenario: floor::Scenario, sizes: Sizes) -> Result<Self> {
        let starter = machine.server_starter();
        let own = std::env::current_exe().context(|| "the bench's own path".into())?;
        let mut child = Command::new(&starter[0])
            .args(&starter[1..])
            .arg(own)
            .arg("floor")
            .arg(scenario.name())
            .args([sizes.ok, sizes.bye, sizes.bye_ok].map(|size| size.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context(|| "the floor".into())?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .context(|| "the floor's address".into())?;
        }
        let udp = line.trim().parse().map_err(|_| {
            let _ = child.kill();
            let _ = child.wait();
            BenchError::Run("the floor did not come up".into())
        })?;
        Self::up(machine, child.id(), udp, Process::Floor(child))
    }

    fn up(machine: &Machine, pid: u32, udp: SocketAddr, process: Process) -> Result<Self> {
        machine.prefer(pid);
        std::thread::sleep(Duration::from_millis(500));
        let core_percent = core_percent(pid, Duration::from_secs(2));
        let usage = Usage::read(pid).ok_or_else(|| BenchError::Run("it has ended".into()))?;
        Ok(Self {
            pid,
            udp,
            idle: Idle {
                core_percent,
                rss_kib: usage.rss_kib,
            },
            process,
        })
    }

    /// The server; none where it is the floor.
    pub fn as_server(&self) -> Option<&Server> {
        match &self.process {
            Process::Server { server, .. } => Some(server),
            Process::Floor(_) => None,
        }
    }

    /// All metrics of the server, by name and labels; none where it is the floor.
    pub fn metrics(&self) -> Vec<(String, f64)> {
        let Some(server) = self.as_server() else {
            return Vec::new();
        };
        let (_, body) = server.admin.request("GET", "/metrics", &[]);
        String::from_utf8_lossy(&body)
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(key, value)| Some((key.to_owned(), value.parse().ok()?)))
            .collect()
    }

    /// A metric of the server; `None` where it has none of that name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let mut all = self.metrics().into_iter();
        all.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The sum of a metric over its labels; `None` where the server has none of that name.
    pub fn metrics_sum(&self, name: &str) -> Option<f64> {
        let values: Vec<f64> = (self.metrics().into_iter())
            .filter(|(key, _)| key.split('{').next() == Some(name))
            .map(|(_, value)| value)
            .collect();
        (!values.is_empty()).then(|| values.into_iter().sum())
    }

    /// Waits until no call is left, at most `limit`; true when it is so.
    pub fn drained(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if matches!(self.metric("vireo_calls_active"), None | Some(0.0)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Process::Floor(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
