//! Sockets that are listened to without being read: epoll, asked once a slot, and waited for while no
//! slot has anything to do.
//!
//! An empty read costs a third of a microsecond, fifty times a second and stream; most callers of an
//! IVR say nothing most of the time.
#![allow(unsafe_code)]

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

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

/// What epoll tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Something came for the stream with this index.
    Socket(u32, Which),
    /// Somebody called.
    Called,
}

/// The token of [`Watch::call`]; no socket has it.
const CALL: u64 = u64::MAX;

/// Watches the sockets of one media thread. Others may add to it.
pub(crate) struct Watch {
    epoll: OwnedFd,
    /// An eventfd: written by whoever calls, never read.
    bell: OwnedFd,
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

    /// Number `i` of the last answer.
    pub fn get(&self, i: usize) -> Option<Told> {
        let token = self.events.get(..self.count)?.get(i)?.u64;
        if token == CALL {
            return Some(Told::Called);
        }
        let which = if token & 1 == 0 {
            Which::Rtp
        } else {
            Which::Rtcp
        };
        Some(Told::Socket(u32::try_from(token >> 1).ok()?, which))
    }
}

impl Watch {
    pub fn new() -> io::Result<Watch> {
        // SAFETY: the call takes a flag and gives a new descriptor, or -1.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: as above, with a number before the flags.
        let bell = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let watch = Watch { epoll, bell };
        let bell = watch.bell.as_raw_fd();
        watch.control(libc::EPOLL_CTL_ADD, bell, libc::EPOLLET, CALL)?;
        Ok(watch)
    }

    /// Watches a socket of the stream with this index, until the socket is closed.
    pub fn add(&self, index: u32, which: Which, socket: &UdpSocket) -> io::Result<()> {
        self.listen(libc::EPOLL_CTL_ADD, index, which, socket)
    }

    /// Tells once more of the RTP socket of a stream; at once when something waits there.
    pub fn rearm(&self, index: u32, socket: &UdpSocket) -> io::Result<()> {
        self.listen(libc::EPOLL_CTL_MOD, index, Which::Rtp, socket)
    }

    fn listen(
        &self,
        what: libc::c_int,
        index: u32,
        which: Which,
        socket: &UdpSocket,
    ) -> io::Result<()> {
        let (mode, bit) = match which {
            Which::Rtp => (libc::EPOLLONESHOT, 0),
            Which::Rtcp => (libc::EPOLLET, 1),
        };
        let token = u64::from(index) << 1 | bit;
        self.control(what, socket.as_raw_fd(), mode, token)
    }

    fn control(
        &self,
        what: libc::c_int,
        fd: RawFd,
        mode: libc::c_int,
        token: u64,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | mode).cast_unsigned(),
            u64: token,
        };
        // SAFETY: both descriptors are open, the event outlives the call.
        let done = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &mut event) };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Asks what there is to tell.
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

    /// Waits until there may be something to tell; `false` when `limit` has passed before. `None`: as
    /// long as it takes.
    pub fn wait(&self, limit: Option<Duration>) -> bool {
        let limit = limit.map(|limit| libc::timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        let mut descriptor = libc::pollfd {
            fd: self.epoll.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // `ppoll` rather than `epoll_pwait2`, which not every kernel and container has: both wait to
        // the microsecond.
        // SAFETY: one pollfd and the limit, if any, outlive the call; no signal mask is given.
        let told = unsafe { libc::ppoll(&mut descriptor, 1, limit, ptr::null()) };
        told != 0
    }

    /// Ends [`Watch::wait`], or the next if nobody waits now.
    pub fn call(&self) {
        let one = 1u64;
        // SAFETY: eight octets of a live number are read. It fails only when the eventfd is full, and
        // then it was called.
        unsafe { libc::write(self.bell.as_raw_fd(), ptr::from_ref(&one).cast(), 8) };
    }
}

/// A descriptor that a system call just gave.
fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits that are not ended in time are a failure, however busy the machine is.
    const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

    fn told(watch: &Watch) -> Vec<Told> {
        let mut ready = Ready::new();
        watch.poll(&mut ready);
        (0..).map_while(|i| ready.get(i)).collect()
    }

    fn bind() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    #[test]
    fn rtp_is_told_of_once_and_rtcp_each_time() {
        let (rtp, rtcp, peer) = (bind(), bind(), bind());
        let watch = Watch::new().unwrap();
        watch.add(7, Which::Rtp, &rtp).unwrap();
        watch.add(7, Which::Rtcp, &rtcp).unwrap();
        assert_eq!(told(&watch), []);
        let send = |to: &UdpSocket| {
            peer.send_to(b"x", to.local_addr().unwrap()).unwrap();
        };
        send(&rtp);
        assert_eq!(told(&watch), [Told::Socket(7, Which::Rtp)]);
        send(&rtp);
        assert_eq!(told(&watch), [], "not until it is asked for again");
        watch.rearm(7, &rtp).unwrap();
        assert_eq!(
            told(&watch),
            [Told::Socket(7, Which::Rtp)],
            "at once: two wait"
        );
        send(&rtcp);
        assert_eq!(told(&watch), [Told::Socket(7, Which::Rtcp)]);
        assert_eq!(told(&watch), []);
        send(&rtcp);
        assert_eq!(told(&watch), [Told::Socket(7, Which::Rtcp)]);
        drop((rtp, rtcp));
        assert_eq!(told(&watch), []);
    }

    #[test]
    fn a_wait_ends_with_a_datagram_a_call_or_its_time() {
        let (rtp, peer) = (bind(), bind());
        let watch = Watch::new().unwrap();
        watch.add(3, Which::Rtp, &rtp).unwrap();
        assert!(!watch.wait(Some(Duration::ZERO)));
        assert!(!watch.wait(Some(Duration::from_micros(1500))));
        std::thread::scope(|scope| {
            scope.spawn(|| peer.send_to(b"x", rtp.local_addr().unwrap()).unwrap());
            assert!(watch.wait(PATIENCE));
        });
        assert_eq!(told(&watch), [Told::Socket(3, Which::Rtp)]);
        assert!(!watch.wait(Some(Duration::ZERO)), "it was told of");
        std::thread::scope(|scope| {
            scope.spawn(|| watch.call());
            assert!(watch.wait(PATIENCE));
        });
        assert_eq!(told(&watch), [Told::Called]);
        assert!(!watch.wait(Some(Duration::ZERO)));
        watch.call();
        watch.call();
        assert!(watch.wait(PATIENCE), "before anyone waited");
        assert_eq!(told(&watch), [Told::Called], "once for both");
    }
}
