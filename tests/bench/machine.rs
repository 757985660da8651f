//! This machine: what it is, which core does what, and who comes first on it.
//!
//! The server and the generator are kept apart on a core each. On a machine that others use too,
//! both are put before the others where the system allows it, so that a figure says something about
//! the server and not about its neighbours. The server's own ranking among its threads stays as it
//! is: its session as a whole is preferred (`/proc/PID/autogroup`), no thread is made real-time that
//! is not so by itself.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Real-time priorities on the generator's core: the probes before SIPp, both before the rest.
const GENERATOR_PRIORITY: &str = "1";
const PROBE_PRIORITY: i32 = 2;

/// What runs where, and how.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The cores of the server and of the floor.
    pub server_cores: String,
    /// The core of SIPp and of the probes.
    pub generator_core: usize,
    /// SIPp and the probes run with real-time priority.
    pub realtime: bool,
    /// Sessions can be preferred.
    pub sessions: bool,
}

impl Machine {
    /// Looks what is allowed here; `plain`: asks for nothing.
    pub fn inspect(server_cores: &str, generator_core: usize, plain: bool) -> Self {
        let realtime = !plain && succeeds("chrt", &["-r", GENERATOR_PRIORITY, "true"]);
        let write = "echo -20 > /proc/self/autogroup";
        let sessions = !plain && succeeds("setsid", &["sh", "-c", write]);
        Self {
            server_cores: server_cores.to_owned(),
            generator_core,
            realtime,
            sessions,
        }
    }

    /// The command that starts what is measured: on its core, in a session of its own, and gone
    /// when the bench is.
    pub fn server_starter(&self) -> Vec<String> {
        words(&[
            "setpriv",
            "--pdeathsig",
            "KILL",
            "setsid",
            "taskset",
            "-c",
            &self.server_cores,
        ])
    }

    /// The command that starts SIPp.
    pub fn generator_starter(&self) -> Vec<String> {
        let core = self.generator_core.to_string();
        let mut starter = words(&["setpriv", "--pdeathsig", "KILL", "taskset", "-c", &core]);
        if self.realtime {
            starter.extend(words(&["chrt", "-r", GENERATOR_PRIORITY]));
        }
        starter
    }

    /// Puts a process of a session of its own before all other sessions.
    pub fn prefer(&self, pid: u32) {
        if self.sessions {
            // It was possible a moment ago; when it is not now, the figures suffer, not the run.
            let _ = fs::write(format!("/proc/{pid}/autogroup"), "-20");
        }
    }

    /// Puts the calling thread on the generator's core; `probe`: before SIPp.
    pub fn join_generator(&self, rank: Rank) {
        // SAFETY: cpu_set_t is plain data, for which zeroes are valid.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the macro writes within the set for any number; the calls read values that outlive
        // them and concern this thread only.
        unsafe {
            libc::CPU_SET(self.generator_core, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
            if self.realtime && rank == Rank::Probe {
                let parameter = libc::sched_param {
                    sched_priority: PROBE_PRIORITY,
                };
                let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
                libc::sched_setscheduler(0, policy, &raw const parameter);
            }
        }
    }

    /// Lets the calling thread, and what it starts, use all cores again.
    pub fn leave_generator() {
        // SAFETY: cpu_set_t is plain data, for which zeroes are valid.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        for core in 0..cores() {
            // SAFETY: the macro writes within the set for any number.
            unsafe { libc::CPU_SET(core, &mut set) };
        }
        // SAFETY: the call reads a value that outlives it, and concerns this thread only.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    }

    /// For the report.
    pub fn describe(&self) -> Value {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = (cpu.lines())
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or("unknown", |(_, model)| model);
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory_kib: u64 = (memory.lines())
            .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .unwrap_or(0);
        let first_line =
            |path| fs::read_to_string(path).map_or(String::new(), |text| text.trim().to_owned());
        json!({
            "cpu": model,
            "cores": cores(),
            "memory_mib": memory_kib / 1024,
            "kernel": first_line("/proc/sys/kernel/osrelease"),
            "load_average": first_line("/proc/loadavg"),
            "server_cores": self.server_cores,
            "generator_core": self.generator_core,
            "generator_realtime": self.realtime,
            "server_session_preferred": self.sessions,
        })
    }

    /// What is not as it should be, for people.
    pub fn warnings(&self, plain: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        let cores = cores();
        if cores <= self.generator_core {
            warnings.push(format!(
                "this machine has {cores} cores: server and generator share one, no figure is good"
            ));
        }
        if plain {
            warnings
                .push("--plain: ordinary priorities; other programs disturb the figures".into());
            return warnings;
        }
        if !self.realtime {
            warnings.push(
                "no real-time priority for the generator (needs CAP_SYS_NICE): on a busy machine \
                 times are those of the machine"
                    .into(),
            );
        }
        if !self.sessions {
            warnings.push(
                "the server's session cannot be preferred: other programs on its core take part"
                    .into(),
            );
        }
        warnings
    }
}

/// Which of the threads on the generator's core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The bench itself, which mostly sleeps.
    Bench,
    /// The probes.
    Probe,
}

/// Of the machine; those that this process may use are fewer.
fn cores() -> usize {
    fs::read_to_string("/proc/cpuinfo").map_or(0, |text| text.matches("processor\t").count())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    (Command::new(program).args(arguments))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
