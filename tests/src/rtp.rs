//! An RTP peer that shares no code with the server: it keeps every packet with the kernel's time of
//! arrival, and sends what a test wants, well-formed or not.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A packet that arrived.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Kernel time of arrival, ns.
    pub at_ns: i64,
    /// Payload type and marker bit.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A socket that receives RTP in a thread of its own.
#[derive(Debug)]
pub struct Peer {
    socket: Arc<UdpSocket>,
    packets: Arc<Mutex<Vec<Packet>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// A peer on a port of 127.0.0.1 that the kernel chose.
    pub fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        stamp(&socket);
        let socket = Arc::new(socket);
        let packets = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (socket, packets, stop) =
                (Arc::clone(&socket), Arc::clone(&packets), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Some(packet) = receive(&socket) {
                        packets.lock().unwrap().push(packet);
                    }
                }
            }
        });
        Self {
            socket,
            packets,
            stop,
            thread: Some(thread),
        }
    }

    /// Its address, for SDP.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Everything that has arrived, in order of arrival.
    pub fn packets(&self) -> Vec<Packet> {
        self.packets.lock().unwrap().clone()
    }

    /// Forgets what has arrived.
    pub fn clear(&self) {
        self.packets.lock().unwrap().clear();
    }

    /// What was heard, as linear samples: PCMU (0) and PCMA (8) packets by sequence number.
    pub fn audio(&self) -> Vec<i16> {
        let mut packets = self.packets();
        packets.retain(|packet| matches!(packet.payload_type, 0 | 8));
        let first = packets.first().map_or(0, |packet| packet.sequence);
        packets.sort_by_key(|packet| packet.sequence.wrapping_sub(first));
        packets
            .iter()
            .flat_map(|packet| {
                let decode = if packet.payload_type == 0 { ulaw } else { alaw };
                packet.payload.iter().map(move |byte| decode(*byte))
            })
            .collect()
    }

    /// Sends raw bytes.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) {
        self.socket.send_to(bytes, to).unwrap();
    }

    /// A key as RFC 4733 telephone-event: one packet each 20 ms, the end packet three times.
    pub fn press(
        &self,
        to: SocketAddr,
        rtp: &mut Sender,
        payload_type: u8,
        key: char,
        duration_ms: u16,
    ) {
        let event = u8::try_from("0123456789*#ABCD".find(key).expect("a DTMF key")).unwrap();
        let timestamp = rtp.timestamp;
        let steps = duration_ms / 20;
        for step in 1..=steps + 2 {
            let end = if step >= steps { 0x80 } else { 0 };
            let duration = (step.min(steps) * 160).to_be_bytes();
            let packet = rtp.packet_at(
                payload_type,
                timestamp,
                step == 1,
                &[event, end | 10, duration[0], duration[1]],
            );
            self.send(to, &packet);
            if step < steps {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        rtp.timestamp = timestamp.wrapping_add(u32::from(steps) * 160);
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Numbers of a stream that is sent.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Next sequence number.
    pub sequence: u16,
    /// Next timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl Sender {
    /// A stream with this source.
    pub fn new(ssrc: u32) -> Self {
        Self {
            sequence: 1_000,
            timestamp: 160_000,
            ssrc,
        }
    }

    /// A packet of 20 ms of audio at the next timestamp.
    pub fn audio(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let packet = self.packet_at(payload_type, self.timestamp, false, payload);
        self.timestamp = self
            .timestamp
            .wrapping_add(u32::try_from(payload.len()).unwrap());
        packet
    }

    /// A packet with the next sequence number and any timestamp.
    pub fn packet_at(
        &mut self,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut bytes = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        bytes.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        bytes
    }
}

impl Packet {
    /// Reads the header (RFC 3550, 5.1); `None` for what is no RTP. No CSRCs, no extension: the
    /// server sends neither. RTCP is told by its packet type (RFC 5761, 4): the port above a peer's,
    /// where its RTCP goes, may be that of another peer.
    pub fn parse(packet: &[u8], at_ns: i64) -> Option<Self> {
        if packet.len() < 12 || packet[0] >> 6 != 2 || (192..=223).contains(&packet[1]) {
            return None;
        }
        Some(Self {
            at_ns,
            payload_type: packet[1] & 0x7f,
            marker: packet[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([packet[2], packet[3]]),
            timestamp: u32::from_be_bytes(packet[4..8].try_into().unwrap()),
            ssrc: u32::from_be_bytes(packet[8..12].try_into().unwrap()),
            payload: packet[12..].to_vec(),
        })
    }
}

/// Asks the kernel for the time of arrival of each datagram ([`receive_stamped`]).
///
/// # Panics
/// The system has no `SO_TIMESTAMPNS`.
pub fn stamp(socket: &UdpSocket) {
    let on: libc::c_int = 1;
    // SAFETY: the option takes an int, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "SO_TIMESTAMPNS");
}

/// The next datagram: its length, and when the kernel took it in, in ns since 1970. `None` when
/// there is none within the socket's timeout.
pub fn receive_stamped(socket: &UdpSocket, bytes: &mut [u8]) -> Option<(usize, i64)> {
    let mut control = [0_u8; 128];
    let mut vector = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: msghdr is plain data, for which zeroes are valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control.len();
    // SAFETY: every pointer in `message` points to a buffer of the length beside it that outlives the call.
    let length =
        usize::try_from(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) }).ok()?;
    // SAFETY: `message` was filled in by recvmsg; the header lies in `control`, which is alive.
    let at_ns = unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() {
            return None;
        }
        let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    Some((length, at_ns))
}

fn receive(socket: &UdpSocket) -> Option<Packet> {
    let mut bytes = [0_u8; 2048];
    let (length, at_ns) = receive_stamped(socket, &mut bytes)?;
    Packet::parse(&bytes[..length], at_ns)
}

/// ITU-T G.711 mu-law, decoded by its formula.
pub fn ulaw(byte: u8) -> i16 {
    let inverted = !byte;
    let magnitude = ((i32::from(inverted & 0x0f) << 3) + 0x84) << ((inverted >> 4) & 7);
    let value = magnitude - 0x84;
    i16::try_from(if inverted & 0x80 == 0 { value } else { -value }).unwrap()
}

/// ITU-T G.711 mu-law, encoded by its formula.
pub fn ulaw_encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + 0x84).min(0x7fff);
    let segment = (0..8)
        .rev()
        .find(|segment| magnitude >> (segment + 7) != 0)
        .unwrap_or(0);
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | u8::try_from(segment << 4 | mantissa).unwrap())
}

/// ITU-T G.711 A-law, decoded by its formula.
pub fn alaw(byte: u8) -> i16 {
    let toggled = byte ^ 0x55;
    let segment = (toggled >> 4) & 7;
    let mut value = (i32::from(toggled & 0x0f) << 4) + 8;
    if segment > 0 {
        value = (value + 0x100) << (segment - 1);
    }
    i16::try_from(if toggled & 0x80 == 0 { -value } else { value }).unwrap()
}

/// Gaps between packets of one source, ms, in order of arrival.
pub fn gaps_ms(packets: &[Packet]) -> Vec<f64> {
    packets
        .windows(2)
        .map(|pair| (pair[1].at_ns - pair[0].at_ns) as f64 / 1e6)
        .collect()
}

/// Sequence numbers that are missing between the first packet and the last.
pub fn lost(packets: &[Packet]) -> usize {
    let Some(first) = packets.first() else {
        return 0;
    };
    let mut seen: Vec<u16> = packets
        .iter()
        .map(|packet| packet.sequence.wrapping_sub(first.sequence))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    usize::from(seen.last().copied().unwrap_or(0)) + 1 - seen.len()
}
