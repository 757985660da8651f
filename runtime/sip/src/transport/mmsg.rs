//! Many datagrams by one system call: `recvmmsg` and `sendmmsg`. The only unsafe code of this crate.
#![allow(unsafe_code)]

use socket2::{SockAddr, SockAddrStorage};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Datagrams of one call. They take the cost of the call from the top of a profile; more gain little.
pub(super) const BATCH: usize = 32;

/// Room for any datagram; pages that no datagram reaches are never touched.
const SLOT: usize = 65_536;

/// Buffers for received datagrams, used again and again.
pub(super) struct Inbox {
    bytes: Vec<u8>,
    addresses: Vec<libc::sockaddr_storage>,
    received: Vec<(usize, libc::socklen_t)>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        // SAFETY: sockaddr_storage is plain old data for which all zeros is a value.
        let address: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        Self {
            bytes: vec![0; BATCH * SLOT],
            addresses: vec![address; BATCH],
            received: Vec::with_capacity(BATCH),
        }
    }

    /// Takes in what has arrived, without waiting: `WouldBlock` when that is nothing.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.received.clear();
        let mut parts = [libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        }; BATCH];
        for (part, slot) in parts.iter_mut().zip(self.bytes.chunks_exact_mut(SLOT)) {
            part.iov_base = slot.as_mut_ptr().cast();
            part.iov_len = SLOT;
        }
        // SAFETY: mmsghdr is plain old data for which all zeros is a value.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for ((header, part), address) in headers.iter_mut().zip(&mut parts).zip(&mut self.addresses)
        {
            header.msg_hdr.msg_name = std::ptr::from_mut(address).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: each header points at one iovec over its own slot of `bytes` and at its own element of `addresses`;
        // all of them live, and are used by nothing else, until the call returns. The length is that of the array.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        let filled = headers.iter().take(count);
        self.received
            .extend(filled.map(|header| (header.msg_len as usize, header.msg_hdr.msg_namelen)));
        Ok(())
    }

    /// Whether the last call took in as much as one can.
    pub(super) fn is_full(&self) -> bool {
        self.received.len() == BATCH
    }

    /// Forgets what the last call took in.
    pub(super) fn clear(&mut self) {
        self.received.clear();
    }

    /// What the last call took in: each datagram and where it came from.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let slots = self.bytes.chunks_exact(SLOT).zip(&self.addresses);
        self.received
            .iter()
            .zip(slots)
            .filter_map(|((length, address_length), (slot, address))| {
                let mut storage = SockAddrStorage::zeroed();
                // SAFETY: the storage is large enough for a sockaddr_storage, and any address is a value of it.
                *unsafe { storage.view_as::<libc::sockaddr_storage>() } = *address;
                // SAFETY: the kernel wrote an address of this length, at the most the size of the storage.
                let source = unsafe { SockAddr::new(storage, *address_length) };
                Some((slot.get(..*length)?, source.as_socket()?))
            })
    }
}

/// Sends datagrams, without waiting, and says how many the kernel took. An error concerns the first one.
pub(super) fn send(socket: BorrowedFd<'_>, datagrams: &[(SockAddr, &[u8])]) -> io::Result<usize> {
    let mut parts = [libc::iovec {
        iov_base: std::ptr::null_mut(),
        iov_len: 0,
    }; BATCH];
    // SAFETY: mmsghdr is plain old data for which all zeros is a value.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    for ((header, part), (address, bytes)) in headers.iter_mut().zip(&mut parts).zip(datagrams) {
        // sendmmsg only reads, though its structure has no const pointers.
        part.iov_base = bytes.as_ptr().cast_mut().cast();
        part.iov_len = bytes.len();
        header.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = address.len();
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
    }
    let count = datagrams.len().min(BATCH);
    // SAFETY: the first `count` headers point at iovecs and addresses that live until the call returns; `count` is not
    // beyond the array. The kernel writes to the headers only.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
