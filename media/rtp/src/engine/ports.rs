//! Port pairs: RTP on an even port, RTCP on the odd one above (RFC 3550, 11).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use socket2::{Domain, Protocol, Socket, Type};

use super::io::enable_timestamps;

/// DSCP EF (RFC 3246) in the place of the TOS octet.
const EXPEDITED: u32 = 46 << 2;

/// Pairs that are tried when other programs hold their ports.
const ATTEMPTS: usize = 1024;

/// A pair of bound sockets.
pub(crate) struct Pair {
    /// The even port.
    pub port: u16,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

/// Why no pair could be had.
#[derive(Debug)]
pub(crate) enum NoPair {
    /// All are taken.
    Exhausted,
    /// The system refuses sockets.
    System(io::Error),
}

/// The free pairs of one thread. A freed pair is used again as late as possible, because the
/// packets of its last call may still be on their way.
pub(crate) struct Pool {
    address: IpAddr,
    free: Mutex<VecDeque<u16>>,
    freed: Mutex<Receiver<u16>>,
}

impl Pool {
    pub fn new(address: IpAddr, ports: Vec<u16>, freed: Receiver<u16>) -> Pool {
        let mut free = VecDeque::from(ports);
        // Servers that share a range do not all begin with the same ports.
        let begin = rand::random_range(0..free.len().max(1));
        free.rotate_left(begin.min(free.len()));
        Pool {
            address,
            free: Mutex::new(free),
            freed: Mutex::new(freed),
        }
    }

    /// Binds a free pair.
    pub fn bind(&self) -> Result<Pair, NoPair> {
        for _ in 0..ATTEMPTS {
            let Some(port) = self.take() else {
                return Err(NoPair::Exhausted);
            };
            match bind_pair(self.address, port) {
                Ok((rtp, rtcp)) => return Ok(Pair { port, rtp, rtcp }),
                Err(error) => {
                    self.give_back(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(NoPair::System(error));
                    }
                }
            }
        }
        Err(NoPair::Exhausted)
    }

    fn take(&self) -> Option<u16> {
        let mut free = self
            .free
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let freed = self
            .freed
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        free.extend(freed.try_iter());
        free.pop_front()
    }

    /// Puts back a pair that was not used.
    pub fn give_back(&self, port: u16) {
        self.free
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push_back(port);
    }
}

/// Splits a range into `threads` disjoint lists of even ports.
pub(crate) fn split(ports: &RangeInclusive<u16>, threads: usize) -> Vec<Vec<u16>> {
    let even: Vec<u16> = ports
        .clone()
        .filter(|port| port % 2 == 0 && port < ports.end())
        .collect();
    let share = even.len() / threads.max(1);
    even.chunks(share.max(1))
        .take(threads)
        .map(<[u16]>::to_vec)
        .collect()
}

fn bind_pair(address: IpAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
    let rtp = bind(SocketAddr::new(address, port))?;
    let rtcp = bind(SocketAddr::new(address, port.saturating_add(1)))?;
    Ok((rtp, rtcp))
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    // A network that does not know the marking carries the packets all the same.
    let _ = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(EXPEDITED),
        SocketAddr::V6(_) => socket.set_tclass_v6(EXPEDITED),
    };
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    enable_timestamps(&socket)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::mpsc::channel;

    #[test]
    fn ranges_are_split_into_pairs() {
        assert_eq!(split(&(10..=17), 2), vec![vec![10, 12], vec![14, 16]]);
        assert_eq!(
            split(&(11..=16), 1),
            vec![vec![12, 14]],
            "both ports of a pair lie in the range"
        );
        assert_eq!(split(&(10..=15), 2), vec![vec![10], vec![12]]);
        assert_eq!(split(&(65_532..=65_535), 1), vec![vec![65_532, 65_534]]);
        assert_eq!(split(&(10..=10), 2), Vec::<Vec<u16>>::new());
    }

    #[test]
    fn freed_pairs_are_used_last() {
        let (give, freed) = channel();
        let pool = Pool::new(Ipv4Addr::LOCALHOST.into(), vec![2, 4, 6], freed);
        // The first is any of them.
        let first = pool.take().unwrap();
        give.send(first).unwrap();
        let mut rest: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(rest.last(), Some(&first));
        rest.sort_unstable();
        assert_eq!(rest, [2, 4, 6]);
    }

    #[test]
    fn taken_ports_are_passed_over() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port() & !1;
        let (_give, freed) = channel();
        let pool = Pool::new(Ipv4Addr::LOCALHOST.into(), vec![port], freed);
        assert!(matches!(pool.bind(), Err(NoPair::Exhausted)));
        assert_eq!(pool.take(), Some(port), "it stays in the pool");
    }
}
