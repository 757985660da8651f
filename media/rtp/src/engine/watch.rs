//! Sockets that are listened to without being read: epoll, asked once a slot and never waited for.
//!
//! An empty read costs a third of a microsecond, fifty times a second and stream; most callers of an
//! IVR say nothing most of the time.
#![allow(unsafe_code)]

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Sockets that are told of at a time; others are told of in the next slot.
const READY: usize = 256;

/// What of a stream's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Told of once, and not again until [`Watch::rearm`].
    Rtp,
    /// Told of whenever something new came.
    Rtcp,
}

/// Watches the sockets of one media thread. Others may add to it.
pub(crate) struct Watch {
    epoll: OwnedFd,
}

/// Room for the answer of [`Watch::poll`].
pub(crate) struct Ready {
    events: Box<[libc::epoll_event; READY]>,
    count: usize,
}

impl Ready {
    pub fn new() -> Ready {
        Ready {
            events: Box::new([libc::epoll_event { events: 0, u64: 0 }; READY]),
            count: 0,
        }
    }

    /// Socket `i` of the last answer.
    pub fn get(&self, i: usize) -> Option<(u32, Which)> {
        let token = self.events.get(..self.count)?.get(i)?.u64;
        let which = if token & 1 == 0 {
            Which::Rtp
        } else {
            Which::Rtcp
        };
        Some((u32::try_from(token >> 1).ok()?, which))
    }
}

impl Watch {
    pub fn new() -> io::Result<Watch> {
        // SAFETY: the call takes a flag and gives a new descriptor, or -1.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Watch { epoll })
    }

    /// Watches a socket of the stream with this index, until the socket is closed.
    pub fn add(&self, index: u32, which: Which, socket: &UdpSocket) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, index, which, socket.as_raw_fd())
    }

    /// Tells once more of the RTP socket of a stream; at once when something waits there.
    pub fn rearm(&self, index: u32, socket: &UdpSocket) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, index, Which::Rtp, socket.as_raw_fd())
    }

    fn control(&self, what: libc::c_int, index: u32, which: Which, fd: RawFd) -> io::Result<()> {
        let (mode, bit) = match which {
            Which::Rtp => (libc::EPOLLONESHOT, 0),
            Which::Rtcp => (libc::EPOLLET, 1),
        };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | mode).cast_unsigned(),
            u64: u64::from(index) << 1 | bit,
        };
        // SAFETY: both descriptors are open, the event outlives the call.
        let done = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &mut event) };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Asks which sockets have something.
    pub fn poll(&self, ready: &mut Ready) {
        // SAFETY: the buffer has room for READY events and outlives the call, which does not wait.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                ready.events.as_mut_ptr(),
                READY as libc::c_int,
                0,
            )
        };
        ready.count = usize::try_from(count).unwrap_or(0).min(READY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(watch: &Watch) -> Vec<(u32, Which)> {
        let mut ready = Ready::new();
        watch.poll(&mut ready);
        (0..).map_while(|i| ready.get(i)).collect()
    }

    #[test]
    fn rtp_is_told_of_once_and_rtcp_each_time() {
        let bind = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let (rtp, rtcp, peer) = (bind(), bind(), bind());
        let watch = Watch::new().unwrap();
        watch.add(7, Which::Rtp, &rtp).unwrap();
        watch.add(7, Which::Rtcp, &rtcp).unwrap();
        assert_eq!(told(&watch), []);
        let send = |to: &UdpSocket| {
            peer.send_to(b"x", to.local_addr().unwrap()).unwrap();
        };
        send(&rtp);
        assert_eq!(told(&watch), [(7, Which::Rtp)]);
        send(&rtp);
        assert_eq!(told(&watch), [], "not until it is asked for again");
        watch.rearm(7, &rtp).unwrap();
        assert_eq!(told(&watch), [(7, Which::Rtp)], "at once: two wait");
        send(&rtcp);
        assert_eq!(told(&watch), [(7, Which::Rtcp)]);
        assert_eq!(told(&watch), []);
        send(&rtcp);
        assert_eq!(told(&watch), [(7, Which::Rtcp)]);
        drop((rtp, rtcp));
        assert_eq!(told(&watch), []);
    }
}
