//! The system calls of the floor that the standard library has not.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

const EVENTS: usize = 256;

/// An epoll.
#[derive(Debug)]
pub struct Poll(OwnedFd);

impl Poll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer; what it returns is a new descriptor of our own, or -1.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: see above.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches a socket until it is closed.
    pub fn add(&self, socket: &UdpSocket, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN.cast_unsigned(),
            u64: key,
        };
        // SAFETY: both descriptors are open; the event outlives the call.
        let result = unsafe {
            let (poll, socket) = (self.0.as_raw_fd(), socket.as_raw_fd());
            libc::epoll_ctl(poll, libc::EPOLL_CTL_ADD, socket, &raw mut event)
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// The keys of the sockets that have something, at the latest after `limit`.
    pub fn wait(&self, limit: Duration) -> io::Result<Vec<u64>> {
        let limit = libc::timespec {
            tv_sec: limit.as_secs().cast_signed(),
            tv_nsec: limit.subsec_nanos().into(),
        };
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: the pointers are to an array of the length given and to a timespec, both of which
        // outlive the call; there is no signal mask.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                EVENTS,
                &raw const limit,
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        match usize::try_from(count) {
            Ok(count) => Ok(events[..count].iter().map(|event| event.u64).collect()),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
                error => Err(error),
            },
        }
    }
}

/// Asks for 4 MiB of receive buffer, so that no burst of SIP is lost; gets what the system allows.
pub fn large_buffer(socket: &UdpSocket) {
    let bytes: libc::c_int = 4 << 20;
    // SAFETY: the option takes an int, which outlives the call.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}
