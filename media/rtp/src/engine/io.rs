//! The system calls of a media thread: the only `unsafe` code of the crate.
#![allow(unsafe_code)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::Socket;

use crate::time::Time;

/// Datagrams that one system call takes from a socket.
pub(crate) const BATCH: usize = 8;

/// Datagrams that one system call sends.
pub(crate) const MANY: usize = 16;

/// Octets that are kept of a datagram: an Ethernet frame's worth; longer ones are cut.
const DATAGRAM: usize = 1500;

/// Room for one `SCM_TIMESTAMPNS` control message.
const CONTROL: usize = 64;

const NANOS: i64 = 1_000_000_000;

fn clock(id: libc::clockid_t) -> i64 {
    let mut ts = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `ts` is a valid, writable timespec; the call keeps no pointer. With the clocks used
    // here it cannot fail, and zero would be left if it did.
    unsafe { libc::clock_gettime(id, &mut ts) };
    ts.tv_sec * NANOS + ts.tv_nsec
}

/// Now, on `CLOCK_MONOTONIC`.
pub(crate) fn now() -> Time {
    Time::from_nanos(clock(libc::CLOCK_MONOTONIC).cast_unsigned())
}

/// What to subtract from wall-clock nanoseconds to get those of [`now`].
pub(crate) fn wall_offset() -> i64 {
    clock(libc::CLOCK_REALTIME) - clock(libc::CLOCK_MONOTONIC)
}

/// CPU time of the calling thread, in nanoseconds.
pub(crate) fn thread_cpu() -> u64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID).cast_unsigned()
}

/// Sleeps until `when` on `CLOCK_MONOTONIC`; at once when it has passed.
pub(crate) fn sleep_until(when: Time) {
    let nanos = when.as_nanos().cast_signed();
    let ts = libc::timespec {
        tv_sec: nanos / NANOS,
        tv_nsec: nanos % NANOS,
    };
    loop {
        // SAFETY: `ts` is a valid timespec with tv_nsec below one second; no remainder is asked for.
        let error = unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &ts,
                ptr::null_mut(),
            )
        };
        if error != libc::EINTR {
            return;
        }
    }
}

/// Puts the calling thread under SCHED_FIFO. Its children do not inherit that.
pub(crate) fn make_realtime(priority: i32) -> io::Result<()> {
    let parameter = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: `parameter` is a valid sched_param that outlives the call; 0 is the calling thread.
    let done = unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameter)
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Lets the calling thread's timers be exact to a microsecond; the default is 50.
pub(crate) fn set_timer_slack() {
    // SAFETY: PR_SET_TIMERSLACK takes one integer and no pointer.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1000 as libc::c_ulong) };
}

/// Has the kernel note when datagrams arrive, because they are read in batches.
pub(crate) fn enable_timestamps(socket: &UdpSocket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option's value is a c_int that lives through the call, and its size is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            ptr::from_ref(&on).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Undoes `connect`; the socket stays bound.
pub(crate) fn disconnect(socket: &UdpSocket) -> io::Result<()> {
    // SAFETY: an all-zero sockaddr is valid, and AF_UNSPEC makes the kernel look at nothing else.
    let done = unsafe {
        let mut nobody: libc::sockaddr = mem::zeroed();
        nobody.sa_family = libc::AF_UNSPEC as libc::sa_family_t;
        libc::connect(
            socket.as_raw_fd(),
            &nobody,
            mem::size_of::<libc::sockaddr>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Sends datagrams by a raw socket, [`MANY`] at most, each to an address and behind headers of its own;
/// how many the kernel took.
pub(crate) fn send_many<'a, const HEADERS: usize>(
    socket: &Socket,
    packets: impl Iterator<Item = (Ipv4Addr, [u8; HEADERS], &'a [u8])>,
) -> usize {
    // SAFETY: sockaddr_in, iovec and mmsghdr are plain data for which all zeroes (null, 0) is a value.
    let (mut names, mut parts, mut messages) = unsafe {
        (
            mem::zeroed::<[libc::sockaddr_in; MANY]>(),
            mem::zeroed::<[[libc::iovec; 2]; MANY]>(),
            mem::zeroed::<[libc::mmsghdr; MANY]>(),
        )
    };
    let mut headers = [[0; HEADERS]; MANY];
    let mut count = 0;
    for (i, (to, before, datagram)) in packets.take(MANY).enumerate() {
        headers[i] = before;
        names[i].sin_family = libc::AF_INET as libc::sa_family_t;
        names[i].sin_addr.s_addr = u32::from_ne_bytes(to.octets());
        parts[i][0].iov_base = headers[i].as_mut_ptr().cast();
        parts[i][0].iov_len = HEADERS;
        parts[i][1].iov_base = datagram.as_ptr().cast_mut().cast();
        parts[i][1].iov_len = datagram.len();
        let message = &mut messages[i].msg_hdr;
        message.msg_name = ptr::from_mut(&mut names[i]).cast();
        message.msg_namelen = mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
        message.msg_iov = parts[i].as_mut_ptr();
        message.msg_iovlen = 2;
        count = i + 1;
    }
    // SAFETY: each of the first `count` messages points at a live name and at two live parts with their
    // sizes, which outlive the call; the kernel reads them and writes nothing but `msg_len`.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT as _,
        )
    };
    usize::try_from(sent).unwrap_or(0)
}

/// Control messages must be aligned as their header is.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// Buffers for a batch of datagrams. One serves all sockets of a thread.
pub(crate) struct Batch {
    data: Box<[[u8; DATAGRAM]; BATCH]>,
    names: Box<[libc::sockaddr_storage; BATCH]>,
    control: Box<[Control; BATCH]>,
    lengths: [usize; BATCH],
    control_lengths: [usize; BATCH],
}

impl Batch {
    pub fn new() -> Batch {
        // SAFETY: sockaddr_storage is plain data for which all zeroes is a value (AF_UNSPEC).
        let names = unsafe {
            Box::new([MaybeUninit::<libc::sockaddr_storage>::zeroed().assume_init(); BATCH])
        };
        Batch {
            data: Box::new([[0; DATAGRAM]; BATCH]),
            names,
            control: Box::new([Control([0; CONTROL]); BATCH]),
            lengths: [0; BATCH],
            control_lengths: [0; BATCH],
        }
    }

    /// Takes what waits on a socket, at most [`BATCH`] datagrams; how many.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        // SAFETY: iovec and mmsghdr are plain data for which all zeroes (null, 0) is a value.
        let (mut parts, mut headers) = unsafe {
            (
                mem::zeroed::<[libc::iovec; BATCH]>(),
                mem::zeroed::<[libc::mmsghdr; BATCH]>(),
            )
        };
        for i in 0..BATCH {
            parts[i].iov_base = self.data[i].as_mut_ptr().cast();
            parts[i].iov_len = DATAGRAM;
            let header = &mut headers[i].msg_hdr;
            header.msg_iov = &mut parts[i];
            header.msg_iovlen = 1;
            header.msg_name = ptr::from_mut(&mut self.names[i]).cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_control = self.control[i].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL as _;
        }
        // SAFETY: every header points at a live iovec, name and control buffer with its size; all
        // outlive the call, and the kernel writes at most those sizes.
        let taken = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let taken = usize::try_from(taken)
            .map_err(|_| io::Error::last_os_error())?
            .min(BATCH);
        for (i, header) in headers.iter().take(taken).enumerate() {
            self.lengths[i] = (header.msg_len as usize).min(DATAGRAM);
            self.control_lengths[i] = header.msg_hdr.msg_controllen.min(CONTROL);
        }
        Ok(taken)
    }

    /// Datagram `i` of the last batch, from where it came, and its wall-clock arrival in
    /// nanoseconds if the kernel noted it.
    pub fn datagram(&self, i: usize) -> Option<(&[u8], SocketAddr, Option<i64>)> {
        let data = self.data.get(i)?.get(..*self.lengths.get(i)?)?;
        Some((data, address(self.names.get(i)?)?, self.arrival(i)))
    }

    fn arrival(&self, i: usize) -> Option<i64> {
        let control = &self.control.get(i)?.0;
        let header = mem::size_of::<libc::cmsghdr>();
        let stamp = mem::size_of::<libc::timespec>();
        if *self.control_lengths.get(i)? < header + stamp {
            return None;
        }
        // SAFETY: the buffer is aligned for cmsghdr, and the kernel wrote at least a header and a
        // timespec (checked above); both are plain data, read unaligned from within the buffer.
        let (message, ts) = unsafe {
            (
                ptr::read_unaligned(control.as_ptr().cast::<libc::cmsghdr>()),
                ptr::read_unaligned(control.as_ptr().add(header).cast::<libc::timespec>()),
            )
        };
        let stamped =
            message.cmsg_level == libc::SOL_SOCKET && message.cmsg_type == libc::SCM_TIMESTAMPNS;
        stamped.then(|| ts.tv_sec.wrapping_mul(NANOS).wrapping_add(ts.tv_nsec))
    }
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the kernel says that this is a sockaddr_in, which storage is large enough and
            // aligned for.
            let v4 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(
                ip,
                u16::from_be(v4.sin_port),
            )))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for sockaddr_in6.
            let v6 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(
                ip,
                u16::from_be(v6.sin6_port),
                0,
                v6.sin6_scope_id,
            )))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_batch_brings_datagrams_sources_and_times() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(host) else {
                continue;
            };
            socket.set_nonblocking(true).unwrap();
            enable_timestamps(&socket).unwrap();
            let peer = UdpSocket::bind(host).unwrap();
            let mut batch = Batch::new();
            assert_eq!(
                batch.receive(&socket).unwrap_err().kind(),
                io::ErrorKind::WouldBlock
            );
            for i in 0..10u8 {
                peer.send_to(&[i; 5], socket.local_addr().unwrap()).unwrap();
            }
            assert_eq!(batch.receive(&socket).unwrap(), BATCH);
            let (data, source, arrival) = batch.datagram(3).unwrap();
            assert_eq!((data, source), (&[3u8; 5][..], peer.local_addr().unwrap()));
            let arrival = arrival.expect("a time") - wall_offset();
            let age = now().since(Time::from_nanos(arrival.cast_unsigned()));
            assert!(age < Duration::from_secs(60), "{age:?}");
            assert_eq!(batch.receive(&socket).unwrap(), 2);
        }
    }

    #[test]
    fn a_disconnected_socket_hears_everyone_again() {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (friend, stranger) = (bind(), bind());
        // The port must be asked for by its number, as the engine does, to survive.
        let local = bind().local_addr().unwrap();
        let socket = UdpSocket::bind(local).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(friend.local_addr().unwrap()).unwrap();
        let mut batch = Batch::new();
        stranger.send_to(b"x", local).unwrap();
        friend.send_to(b"y", local).unwrap();
        assert_eq!(batch.receive(&socket).unwrap(), 1);
        assert_eq!(batch.datagram(0).unwrap().0, b"y");
        disconnect(&socket).unwrap();
        assert_eq!(socket.local_addr().unwrap(), local);
        stranger.send_to(b"z", local).unwrap();
        assert_eq!(batch.receive(&socket).unwrap(), 1);
        assert_eq!(batch.datagram(0).unwrap().0, b"z");
    }

    #[test]
    fn long_datagrams_are_cut() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(&[7; 4000], socket.local_addr().unwrap())
            .unwrap();
        let mut batch = Batch::new();
        assert_eq!(batch.receive(&socket).unwrap(), 1);
        assert_eq!(batch.datagram(0).unwrap().0.len(), DATAGRAM);
        assert!(batch.datagram(BATCH).is_none());
    }
}
