//! Port pairs: RTP on an even port, RTCP on the odd one above (RFC 3550, 11).
//!
//! Making a pair of sockets costs twenty times what it costs to take one that is there, so the pairs of
//! closed streams are kept, up to the streams that may be open at one time. A socket that heard someone
//! rests connected to itself: the kernel refuses what a former peer still sends, as if the port were closed.
//! One that heard nobody has nobody to refuse, and is spared the two calls of the system that this takes.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};
use socket2::{Domain, Protocol, Socket, Type};

use super::io::{disconnect, enable_timestamps, now};
use super::watch::{Watch, Which};
use crate::time::Time;

/// DSCP EF (RFC 3246) in the place of the TOS octet.
pub(crate) const EXPEDITED: u32 = 46 << 2;

/// Datagrams that are thrown away when a pair is used again; more than a socket's buffer holds.
const LEFTOVERS: usize = 4096;

/// A pair that rested for less is used only when no new one may be made: packets of its last call
/// may still be on their way.
const REST: Duration = Duration::from_secs(5);

/// How many pairs of sockets are open, and how many may be, over all threads.
#[derive(Debug)]
pub(crate) struct Quota {
    open: AtomicUsize,
    most: usize,
}

impl Quota {
    pub fn new(most: usize) -> Quota {
        Quota {
            open: AtomicUsize::new(0),
            most,
        }
    }

    /// Pairs of sockets that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn take(self: &Arc<Quota>) -> Option<Share> {
        let one_more = |open: usize| (open < self.most).then_some(open + 1);
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Share(Arc::clone(self)))
    }
}

/// The right to have one pair open.
#[derive(Debug)]
struct Share(Arc<Quota>);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A pair of bound sockets.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The even port.
    pub port: u16,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// By which of them something came in for the stream that has them.
    pub heard: Heard,
    address: IpAddr,
    _share: Share,
}

/// Which sockets of a pair something came in by.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub rtp: bool,
    pub rtcp: bool,
}

impl Pair {
    /// Closes to everyone the ports that something came in by.
    fn shut(&self) -> io::Result<()> {
        if self.heard.rtp {
            self.rtp.connect((self.address, self.port))?;
        }
        if self.heard.rtcp {
            self.rtcp
                .connect((self.address, self.port.saturating_add(1)))?;
        }
        Ok(())
    }

    /// Undoes [`Pair::shut`]; what came in before is gone.
    fn reopen(&mut self) -> io::Result<()> {
        let Heard { rtp, rtcp } = std::mem::take(&mut self.heard);
        for (socket, is_shut) in [(&self.rtp, rtp), (&self.rtcp, rtcp)] {
            if is_shut {
                disconnect(socket)?;
            }
            for _ in 0..LEFTOVERS {
                // An ICMP error of the last call is an error, too, and is gone when it was read.
                match socket.recv(&mut [0; 1]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Why no pair could be had.
#[derive(Debug)]
pub(crate) enum NoPair {
    /// All are taken.
    Exhausted,
    /// The system refuses sockets.
    System(io::Error),
}

/// The way back of pairs from a media thread; wait-free.
pub(crate) struct Returns(Producer<(Pair, Time)>);

impl Returns {
    /// Gives back the pair of a stream that was closed.
    pub fn give_back(&mut self, pair: Pair) {
        // A pair that cannot be shut is closed for good.
        if pair.shut().is_ok() {
            // There is room for every pair that the thread can have.
            let _ = self.0.push((pair, now()));
        }
    }
}

/// The pairs of one thread that are free.
struct Free {
    /// Ports without sockets.
    fresh: VecDeque<u16>,
    /// The one that rested longest is the first.
    idle: VecDeque<(Pair, Time)>,
    returned: Consumer<(Pair, Time)>,
}

impl Free {
    fn collect(&mut self) {
        while let Ok(pair) = self.returned.pop() {
            self.idle.push_back(pair);
        }
    }
}

/// Hands out the pairs of one thread.
pub(crate) struct Pool {
    address: IpAddr,
    first: u16,
    free: Mutex<Free>,
    quota: Arc<Quota>,
    watch: Arc<Watch>,
}

impl Pool {
    /// A pool of these ports, whose sockets `watch` is told of.
    pub fn new(
        address: IpAddr,
        ports: Vec<u16>,
        quota: Arc<Quota>,
        watch: Arc<Watch>,
    ) -> (Pool, Returns) {
        let (producer, returned) = RingBuffer::new(ports.len());
        let first = ports.first().copied().unwrap_or_default();
        let mut fresh = VecDeque::from(ports);
        // Servers that share a range do not all begin with the same ports.
        let begin = rand::random_range(0..fresh.len().max(1));
        fresh.rotate_left(begin.min(fresh.len()));
        let free = Free {
            fresh,
            idle: VecDeque::new(),
            returned,
        };
        let pool = Pool {
            address,
            first,
            free: Mutex::new(free),
            quota,
            watch,
        };
        (pool, Returns(producer))
    }

    /// The number of a port's pair within the thread.
    pub fn index(&self, port: u16) -> u32 {
        u32::from(port.saturating_sub(self.first) / 2)
    }

    /// Pairs that rest.
    pub fn idle(&self) -> usize {
        let free = self.lock();
        free.idle.len() + free.returned.slots()
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pair that nobody uses: one that has rested, else a new one, else whichever rested longest.
    pub fn take(&self) -> Result<Pair, NoPair> {
        let rested = now() - REST;
        if let Some(pair) = self.take_idle(|since| since <= rested) {
            return Ok(pair);
        }
        match self.bind() {
            Ok(pair) => Ok(pair),
            Err(reason) => self.take_idle(|_| true).ok_or(reason),
        }
    }

    fn take_idle(&self, wanted: impl Fn(Time) -> bool) -> Option<Pair> {
        loop {
            let mut pair = {
                let mut free = self.lock();
                free.collect();
                free.idle.pop_front_if(|(_, since)| wanted(*since))?.0
            };
            if pair.reopen().is_ok() {
                return Some(pair);
            }
            self.lock().fresh.push_back(pair.port);
        }
    }

    fn bind(&self) -> Result<Pair, NoPair> {
        let mut share = self.quota.take().ok_or(NoPair::Exhausted)?;
        // Other programs may hold some of the ports; those go to the end of the queue.
        let attempts = self.lock().fresh.len();
        for _ in 0..attempts {
            let port = self.lock().fresh.pop_front().ok_or(NoPair::Exhausted)?;
            match self.bind_pair(port, share) {
                Ok(pair) => return Ok(pair),
                Err((error, unused)) => {
                    self.lock().fresh.push_back(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(NoPair::System(error));
                    }
                    share = unused;
                }
            }
        }
        Err(NoPair::Exhausted)
    }

    fn bind_pair(&self, port: u16, share: Share) -> Result<Pair, (io::Error, Share)> {
        let sockets = || {
            let rtp = bind(SocketAddr::new(self.address, port))?;
            let rtcp = bind(SocketAddr::new(self.address, port.saturating_add(1)))?;
            self.watch.add(self.index(port), Which::Rtp, &rtp)?;
            self.watch.add(self.index(port), Which::Rtcp, &rtcp)?;
            Ok((rtp, rtcp))
        };
        match sockets() {
            Ok((rtp, rtcp)) => Ok(Pair {
                port,
                rtp,
                rtcp,
                heard: Heard::default(),
                address: self.address,
                _share: share,
            }),
            Err(error) => Err((error, share)),
        }
    }

    /// Puts back a pair that was not used.
    pub fn give_back(&self, pair: Pair) {
        if pair.shut().is_ok() {
            self.lock().idle.push_back((pair, now()));
        }
    }

    /// Closes the sockets that rest.
    pub fn clear(&self) {
        let mut free = self.lock();
        free.collect();
        free.idle.clear();
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

    /// Ports that nobody holds, below those that the system hands out.
    fn pool(ports: &[u16], most: usize) -> (Pool, Returns) {
        let quota = Arc::new(Quota::new(most));
        let watch = Arc::new(Watch::new().unwrap());
        Pool::new(Ipv4Addr::LOCALHOST.into(), ports.to_vec(), quota, watch)
    }

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
    fn pairs_rest_as_long_as_others_may_be_made_and_are_kept() {
        let (pool, mut returns) = pool(&[30_100, 30_102, 30_104, 30_106], 3);
        let mut order = Vec::new();
        for _ in 0..6 {
            let pair = pool.take().unwrap();
            order.push(pair.port);
            returns.give_back(pair);
        }
        assert_eq!(order[..3], order[3..], "the longest idle is used first");
        assert!(order[0] != order[1] && order[1] != order[2] && order[0] != order[2]);
        assert_eq!((pool.quota.open(), pool.idle()), (3, 3));
        let taken: Vec<_> = (0..3).map(|_| pool.take().unwrap()).collect();
        assert!(matches!(pool.take(), Err(NoPair::Exhausted)));
        assert_eq!((pool.quota.open(), pool.idle()), (3, 0));
        for pair in taken {
            pool.give_back(pair);
        }
        pool.clear();
        assert_eq!((pool.quota.open(), pool.idle()), (0, 0));
    }

    #[test]
    fn a_pair_that_rests_hears_nothing_and_forgets_what_it_heard() {
        let (pool, mut returns) = pool(&[30_110], 1);
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let pair = pool.take().unwrap();
        let send = |text: &[u8]| {
            for port in [30_110, 30_111] {
                peer.send_to(text, ("127.0.0.1", port)).unwrap();
            }
        };
        let hears_only_new = |pair: &Pair| {
            send(b"new");
            let mut buffer = [0; 20];
            for socket in [&pair.rtp, &pair.rtcp] {
                let length = socket.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], b"new");
                assert!(socket.recv(&mut buffer).is_err());
            }
        };
        send(b"unread");
        returns.give_back(pair);
        send(b"late");
        let mut pair = pool.take().unwrap();
        hears_only_new(&pair);

        pair.heard = Heard {
            rtp: true,
            rtcp: true,
        };
        send(b"unread");
        returns.give_back(pair);
        let former = UdpSocket::bind("127.0.0.1:0").unwrap();
        for port in [30_110, 30_111] {
            former.connect(("127.0.0.1", port)).unwrap();
            former.send(b"late").unwrap();
            let refused = former.recv(&mut [0; 1]).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        }
        hears_only_new(&pool.take().unwrap());
    }

    #[test]
    fn taken_ports_are_passed_over() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port() & !1;
        let (pool, _returns) = pool(&[port], 1);
        assert!(matches!(pool.take(), Err(NoPair::Exhausted)));
        assert_eq!(pool.quota.open(), 0);
        drop(taken);
        assert_eq!(pool.take().unwrap().port, port, "it stayed in the pool");
    }
}
