//! The two system calls that Rust's standard library does not offer.
#![allow(unsafe_code)]

use std::io;

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
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
