//! SIPp (Debian's sip-tester), run as a bounded child process.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::root;

/// What SIPp did.
#[derive(Debug)]
pub struct Report {
    /// Calls that ended as the scenario says.
    pub successful: u64,
    /// Calls that did not.
    pub failed: u64,
    /// Requests sent again.
    pub retransmissions: u64,
    /// The last screen and the errors, for people.
    pub output: String,
    /// The whole table, head and rows.
    table: String,
}

impl Report {
    fn read(table: String, output: String) -> Self {
        let value = |name| last_of(&table, name).unwrap_or(0);
        Self {
            successful: value("SuccessfulCall(C)"),
            failed: value("FailedCall(C)"),
            retransmissions: value("Retransmissions(C)"),
            output,
            table,
        }
    }

    /// A counter of the scenario's own (`counter="..."` of a message).
    ///
    /// # Panics
    /// The scenario has none of that name.
    pub fn counter(&self, name: &str) -> u64 {
        last_of(&self.table, &format!("{name}(C)"))
            .unwrap_or_else(|| panic!("no counter {name} in SIPp's table"))
    }
}

/// A column of the table's last row.
fn last_of(table: &str, name: &str) -> Option<u64> {
    let mut lines = table.lines();
    let column = lines.next()?.split(';').position(|key| key == name)?;
    lines.next_back()?.split(';').nth(column)?.parse().ok()
}

/// A run of one scenario.
#[derive(Debug, Clone)]
pub struct Run {
    /// Relative to `tests/`.
    scenario: String,
    service: String,
    calls: u32,
    rate: f64,
    limit: Duration,
    extra: Vec<String>,
}

impl Run {
    /// One call of `tests/sipp/<scenario>.xml` to a called number.
    pub fn new(scenario: &str, service: &str) -> Self {
        Self::of(format!("sipp/{scenario}.xml"), service)
    }

    /// One call of `tests/load/<scenario>.xml`.
    pub fn load(scenario: &str, service: &str) -> Self {
        Self::of(format!("load/{scenario}.xml"), service)
    }

    fn of(scenario: String, service: &str) -> Self {
        Self {
            scenario,
            service: service.to_owned(),
            calls: 1,
            rate: 10.0,
            limit: Duration::from_secs(60),
            extra: Vec::new(),
        }
    }

    /// So many calls, so many a second.
    #[must_use]
    pub fn calls(mut self, calls: u32, rate: f64) -> Self {
        self.calls = calls;
        self.rate = rate;
        self
    }

    /// Killed after so long.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.extra.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Runs it and reads its final statistics.
    ///
    /// # Panics
    /// SIPp is missing, or had to be killed.
    pub fn run(&self, server: SocketAddr) -> Report {
        let directory = tempfile::tempdir().unwrap();
        let statistics = directory.path().join("stat.csv");
        let errors = directory.path().join("errors");
        let output = std::fs::File::create(directory.path().join("output")).unwrap();
        let mut child = Command::new("sipp")
            .arg(server.to_string())
            .args([
                "-sf",
                &root().join("tests").join(&self.scenario).to_string_lossy(),
            ])
            .args([
                "-s",
                &self.service,
                "-i",
                "127.0.0.1",
                "-p",
                &free_port(1).to_string(),
            ])
            .args(["-mi", "127.0.0.1", "-mp", &free_port(4).to_string()])
            .args([
                "-m",
                &self.calls.to_string(),
                "-r",
                &self.rate.to_string(),
                "-l",
                "1000",
            ])
            .args([
                "-nostdin",
                "-trace_stat",
                "-fd",
                "1",
                "-stf",
                &statistics.to_string_lossy(),
            ])
            .args(["-trace_err", "-error_file", &errors.to_string_lossy()])
            .args(["-timeout", &format!("{}s", self.limit.as_secs())])
            .args(&self.extra)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("sipp (Debian package sip-tester; scripts/setup.sh installs it)");
        let deadline = Instant::now() + self.limit + Duration::from_secs(10);
        loop {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("sipp {} did not end within {:?}", self.scenario, self.limit);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut text = std::fs::read_to_string(&errors).unwrap_or_default();
        text.truncate(
            text.char_indices()
                .nth(4_000)
                .map_or(text.len(), |(at, _)| at),
        );
        let table = std::fs::read_to_string(&statistics).unwrap_or_default();
        Report::read(table, text)
    }

    /// Runs it; every call has to end as the scenario says.
    ///
    /// # Panics
    /// A call did not.
    pub fn succeed(&self, server: SocketAddr) -> Report {
        let report = self.run(server);
        assert_eq!(
            (report.successful, report.failed),
            (u64::from(self.calls), 0),
            "sipp {}: {}",
            self.scenario,
            report.output
        );
        report
    }
}

/// A UDP port such that it and the next `count - 1` are free now.
pub fn free_port(count: u16) -> u16 {
    loop {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let rest: Vec<_> = (1..count)
            .map(|step| UdpSocket::bind(("127.0.0.1", port.saturating_add(step))))
            .collect();
        if rest.iter().all(Result::is_ok) {
            return port;
        }
    }
}
