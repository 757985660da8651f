//! A Vireo server as a child process.

use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::admin::Admin;
use crate::{flow, root, until};

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Flows, and the components deployed to them at the start (names of `target/flows`).
    pub flows: Vec<(String, String)>,
    /// TOML put behind the generated configuration: more sections.
    pub more: String,
    /// Elements of `[sip] listen`.
    pub listen: String,
    /// The address of `[media]`.
    pub address: String,
    /// Lines of the trunk `loopback`.
    pub trunk: String,
    /// Lines of `[sip]`, `[media]` and `[recordings]`.
    pub sip: String,
    /// See `sip`.
    pub media: String,
    /// See `sip`.
    pub recordings: String,
    /// The routes; generated from `flows` (called number = flow name) when none is given.
    pub routes: Option<String>,
    /// Where the prompts lie; `target/prompts` when absent.
    pub prompts: Option<PathBuf>,
    /// A command that starts the server's: `taskset -c 0`, for example. It has to become the server.
    pub starter: Vec<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            flows: Vec::new(),
            more: String::new(),
            listen: "\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"".into(),
            address: "127.0.0.1".into(),
            trunk: "peers = [\"127.0.0.0/8\", \"::1/128\"]\n".into(),
            sip: String::new(),
            media: String::new(),
            recordings: String::new(),
            routes: None,
            prompts: None,
            starter: Vec::new(),
        }
    }
}

impl Setup {
    /// One flow per component, each under the component's own name.
    pub fn with_flows(components: &[&str]) -> Self {
        let flows = components
            .iter()
            .map(|name| ((*name).to_owned(), (*name).to_owned()))
            .collect();
        Self {
            flows,
            ..Self::default()
        }
    }

    fn config(&self, directory: &Path) -> String {
        let mut text = String::new();
        let prompts = (self.prompts.clone()).unwrap_or_else(|| root().join("target/prompts"));
        writeln!(
            text,
            "[server]\nname = \"test\"\ndata-directory = {:?}",
            directory.join("data")
        )
        .unwrap();
        // On a busy machine a server that is late would refuse calls that a test counts.
        let delay = match self.sip.contains("max-delay-ms") {
            true => "",
            false => "max-delay-ms = 0\n",
        };
        let (listen, more) = (&self.listen, &self.sip);
        writeln!(text, "[sip]\nlisten = [{listen}]\n{delay}{more}").unwrap();
        writeln!(
            text,
            "[media]\naddress = \"{}\"\n{}",
            self.address, self.media
        )
        .unwrap();
        writeln!(text, "[prompts]\ndirectory = {prompts:?}\ndefault-language = \"en\"\napology = \"vireo/apology\"").unwrap();
        writeln!(
            text,
            "[recordings]\ndirectory = {:?}\n{}",
            directory.join("recordings"),
            self.recordings
        )
        .unwrap();
        writeln!(text, "[admin]\nlisten = \"127.0.0.1:0\"").unwrap();
        writeln!(text, "[trunks.loopback]\n{}", self.trunk).unwrap();
        for (name, _) in &self.flows {
            if !self.more.contains(&format!("[flows.{name}]")) {
                writeln!(text, "[flows.{name}]\ngrants = {{ kv = true }}").unwrap();
            }
        }
        text.push_str(&self.more);
        text.push('\n');
        match &self.routes {
            Some(routes) => text.push_str(routes),
            None => {
                for (name, _) in &self.flows {
                    writeln!(
                        text,
                        "[[routes]]\nname = \"{name}\"\ncalled = \"{name}\"\nflow = \"{name}\""
                    )
                    .unwrap();
                }
            }
        }
        text
    }
}

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    directory: TempDir,
    /// The admin API.
    pub admin: Admin,
    /// Where it listens for SIP over UDP.
    pub udp: SocketAddr,
    /// Where it listens for SIP over TCP.
    pub tcp: SocketAddr,
}

/// The server's binary: the one that was built with this program, or another that `VIREO_BINARY`
/// names, to compare two of them.
///
/// # Panics
/// It is not built.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("VIREO_BINARY") {
        return path.into();
    }
    // Tests lie one directory below the binaries.
    let own = std::env::current_exe().unwrap();
    let path = (own.ancestors().skip(1).take(2))
        .map(|directory| directory.join("vireo"))
        .find(|path| path.is_file())
        .unwrap_or_else(|| own.with_file_name("vireo"));
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --release` (make test does)",
        path.display()
    );
    path
}

/// Places a call by `vireo call`; returns its report.
///
/// # Panics
/// The call fails.
pub fn call(target: &str, heard: &Path, steps: &[&str]) -> Value {
    let output = Command::new(binary())
        .args(["call", "--json", "--out"])
        .arg(heard)
        .arg(target)
        .args(steps)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "vireo call {target}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

impl Server {
    /// Starts a server and deploys its flows.
    ///
    /// # Panics
    /// It does not come up within 30 s; the message holds its log.
    pub fn start(setup: &Setup) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("vireo-e2e-")
            .tempdir()
            .unwrap();
        std::fs::write(
            directory.path().join("vireo.toml"),
            setup.config(directory.path()),
        )
        .unwrap();
        let server = Self::start_in(directory, &setup.starter);
        for (name, component) in &setup.flows {
            server.admin.deploy(name, &flow(component));
        }
        server
    }

    fn start_in(directory: TempDir, starter: &[String]) -> Self {
        let ready = directory.path().join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log = File::options()
            .create(true)
            .append(true)
            .open(directory.path().join("log"))
            .unwrap();
        let mut command = match starter {
            [] => Command::new(binary()),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary());
                command
            }
        };
        let mut child = command
            .args(["serve", "--config"])
            .arg(directory.path().join("vireo.toml"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let state: Value = until(Duration::from_secs(30), "the server's ready file", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "the server ended with {status}:\n{}",
                    log_of(directory.path())
                );
            }
            serde_json::from_slice(&std::fs::read(&ready).ok()?).ok()
        });
        let address =
            |key: &str| -> SocketAddr { state[key].as_str().unwrap_or_default().parse().unwrap() };
        let token = state["token"].as_str().unwrap_or_default();
        Self {
            admin: Admin::new(address("admin"), token),
            udp: address("udp"),
            tcp: address("tcp"),
            child,
            directory,
        }
    }

    /// The processes that the server has started.
    pub fn children(&self) -> Vec<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        let children = tasks
            .into_iter()
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        let children: String = children.collect();
        let pids = children.split_ascii_whitespace();
        pids.filter_map(|pid| pid.parse().ok()).collect()
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory of its configuration, data, recordings and log.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        log_of(self.directory.path())
    }

    /// Kills it as a power cut would, and starts it again on the same data.
    pub fn kill_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        drop(self);
        Self::start_in(directory, &[])
    }

    /// Runs a command of the same binary against this server; returns what it prints.
    ///
    /// # Panics
    /// The command fails.
    pub fn command(&self, args: &[&str]) -> String {
        let output = Command::new(binary())
            .args(args)
            .args(["--admin", &self.admin.address().to_string()])
            .env("VIREO_TOKEN", self.admin.token())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "vireo {args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Asks it to end and waits for it.
    ///
    /// # Panics
    /// It does not end within 30 s, or not with success.
    pub fn stop(self) {
        self.stop_after(1);
    }

    /// The same; with 0 it is asked twice: calls in progress are ended at once.
    ///
    /// # Panics
    /// As [`Server::stop`].
    pub fn stop_after(mut self, patience: u32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: a signal to a child that has not been waited for, so its pid is its own.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        if patience == 0 {
            // The first signal has to be seen before the second counts as one.
            until(Duration::from_secs(10), "the drain", || {
                (self.admin.request("GET", "/ready", &[]).0 == 503).then_some(())
            });
            // SAFETY: as above.
            assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        }
        let status = until(Duration::from_secs(30), "the server's end", || {
            self.child.try_wait().unwrap()
        });
        assert!(
            status.success(),
            "the server ended with {status}:\n{}",
            self.log()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A worker that a test has stopped would not see that its server is gone.
        for worker in self.children() {
            // SAFETY: a signal to a child of our own server, which reaps it only after it has died.
            unsafe { libc::kill(worker, libc::SIGCONT) };
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server's log, last part ---\n{}", self.log());
        }
    }
}

fn log_of(directory: &Path) -> String {
    let text = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    let start = text.len().saturating_sub(8_000);
    let start = (start..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    text[start..].to_owned()
}
