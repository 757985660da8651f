//! What the kernel says of a process: CPU time, memory, open files. And the time of day, which
//! kernel time stamps of datagrams are in.

use std::collections::HashSet;
use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Nanoseconds since 1970: the clock of `SO_TIMESTAMPNS`.
pub fn now_ns() -> i64 {
    clock_ns(libc::CLOCK_REALTIME)
}

fn clock_ns(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call fills in a timespec that outlives it; on an error it stays zero.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// A process at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// When, ns since 1970.
    pub at_ns: i64,
    /// User and system time of all its threads, ended ones included, ns. The same accounting as
    /// `utime` + `stime` of `/proc/PID/stat`, not rounded to 10 ms.
    pub cpu_ns: i64,
    /// The kernel's split of it, clock ticks.
    pub user_ticks: u64,
    /// See `user_ticks`.
    pub system_ticks: u64,
    /// Resident memory, KiB.
    pub rss_kib: u64,
}

impl Usage {
    /// Reads it; `None` when there is no such process.
    pub fn read(pid: u32) -> Option<Self> {
        let mut clock = 0;
        // SAFETY: the call fills in a clockid_t that outlives it.
        let result = unsafe { libc::clock_getcpuclockid(i32::try_from(pid).ok()?, &raw mut clock) };
        if result != 0 {
            return None;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything; utime and stime are fields 14 and 15.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(Self {
            at_ns: now_ns(),
            cpu_ns: clock_ns(clock),
            user_ticks: fields.next()?.parse().ok()?,
            system_ticks: fields.next()?.parse().ok()?,
            rss_kib: rss.split_whitespace().next()?.parse().ok()?,
        })
    }

    /// CPU time since, ms.
    #[allow(clippy::cast_precision_loss)]
    pub fn cpu_ms_since(&self, before: &Self) -> f64 {
        (self.cpu_ns - before.cpu_ns) as f64 / 1e6
    }

    /// Time since, s.
    #[allow(clippy::cast_precision_loss)]
    pub fn seconds_since(&self, before: &Self) -> f64 {
        (self.at_ns - before.at_ns) as f64 / 1e9
    }

    /// The part of the CPU time since that was the kernel's, 0 to 1.
    #[allow(clippy::cast_precision_loss)]
    pub fn system_share_since(&self, before: &Self) -> f64 {
        let user = self.user_ticks - before.user_ticks;
        let system = self.system_ticks - before.system_ticks;
        system as f64 / (user + system).max(1) as f64
    }
}

/// CPU use of a process over so long, in percent of one core.
pub fn core_percent(pid: u32, over: Duration) -> f64 {
    let before = Usage::read(pid);
    std::thread::sleep(over);
    match (before, Usage::read(pid)) {
        (Some(a), Some(b)) => b.cpu_ms_since(&a) / b.seconds_since(&a) / 10.0,
        _ => 0.0,
    }
}

/// A child of a process, by the name of its program.
pub fn worker(of: u32, program: &str) -> Option<u32> {
    let lists = fs::read_dir(format!("/proc/{of}/task"))
        .ok()?
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: String = lists.collect();
    (children.split_whitespace())
        .filter_map(|id| id.parse().ok())
        .find(|id: &u32| {
            let path = fs::read_link(format!("/proc/{id}/exe"));
            path.is_ok_and(|path| path.file_name().is_some_and(|name| name == program))
        })
}

/// Open files of a process.
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// UDP sockets of a process on ports of a range.
pub fn udp_sockets(pid: u32, ports: RangeInclusive<u16>) -> usize {
    let own: HashSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            Some(inode.trim_end_matches(']').to_owned())
        })
        .collect();
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    table
        .lines()
        .filter(|line| {
            // "sl local_address rem_address ...": address and port, hexadecimal; the inode is tenth.
            let cells: Vec<&str> = line.split_whitespace().collect();
            let port = (cells.get(1))
                .and_then(|local| u16::from_str_radix(local.split_once(':')?.1, 16).ok());
            port.is_some_and(|port| ports.contains(&port))
                && cells.get(9).is_some_and(|inode| own.contains(*inode))
        })
        .count()
}
