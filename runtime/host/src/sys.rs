//! System calls that Rust's standard library does not offer.
#![allow(unsafe_code)]

use std::io;

use crate::compiler::CompilerLimits;

/// CPU time that the calling thread has used, nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid, writable timespec for the whole call. The clock always exists on
    // Linux, so the result needs no check; on failure `time` stays zero.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Gives the calling thread the lowest share of the CPU that still makes progress (nice 19).
pub(crate) fn lower_thread_priority() -> io::Result<()> {
    // SAFETY: no memory is involved. On Linux, PRIO_PROCESS with 0 is the calling thread alone
    // (setpriority(2), "C library/kernel differences").
    done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) })
}

/// Takes this process back behind everything else on the machine: an ordinary policy even when it
/// was started by a real-time one (whose order nice has no say in), the least share of the CPU, one
/// core, and the first to go when memory runs out. It ends with the thread that started it.
pub(crate) fn stand_back() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SCHED_BATCH and not SCHED_IDLE, so that a deploy gets through on a server that is never idle.
    // SAFETY: the parameter is valid for the call, which only reads it; 0 is this thread, the only
    // one as yet.
    done(unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter) })?;
    // SAFETY: no memory is involved; 0 is this process.
    done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) })?;
    // SAFETY: no memory is involved. The signal goes to this process when its parent thread ends.
    done(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) })?;
    keep_to_one_core()?;
    // Forbidden in some containers, and only a preference.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// The last core that this process may use is the only one from now on: the others never see it.
fn keep_to_one_core() -> io::Result<()> {
    // SAFETY: a CPU set is a plain bit mask, for which all zeros is valid: the empty set.
    let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: the set is valid and writable, and its size is given.
    done(unsafe { libc::sched_getaffinity(0, size, &raw mut allowed) })?;
    let cores = 0..usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: the range ends where the set does.
    let last = cores
        .rev()
        .find(|core| unsafe { libc::CPU_ISSET(*core, &allowed) });
    let Some(last) = last else { return Ok(()) };
    // SAFETY: as above.
    let mut only: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the core is one of the set, so within its size.
    unsafe { libc::CPU_SET(last, &mut only) };
    // SAFETY: the set is valid for the call, which only reads it.
    done(unsafe { libc::sched_setaffinity(0, size, &raw const only) })
}

/// Sets what this process may take. Past its CPU time SIGXCPU ends it, past its time SIGALRM.
pub(crate) fn limit(limits: &CompilerLimits) -> io::Result<()> {
    resource(libc::RLIMIT_CPU, limits.cpu_s.into())?;
    resource(libc::RLIMIT_AS, limits.memory_bytes)?;
    resource(libc::RLIMIT_CORE, 0)?;
    // SAFETY: no memory is involved; nothing else here uses the alarm.
    unsafe { libc::alarm(limits.time_s) };
    Ok(())
}

fn resource(which: libc::__rlimit_resource_t, most: u64) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is valid and writable for the call.
    done(unsafe { libc::getrlimit(which, &raw mut limit) })?;
    // The hard limit stays, so that SIGXCPU comes and not SIGKILL, which says nothing.
    limit.rlim_cur = most.min(limit.rlim_max);
    // SAFETY: the limit is valid for the call, which only reads it.
    done(unsafe { libc::setrlimit(which, &raw const limit) })
}

/// Who owns what this process makes.
pub(crate) fn user() -> u32 {
    // SAFETY: it always succeeds and involves no memory.
    unsafe { libc::geteuid() }
}

fn done(result: libc::c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
