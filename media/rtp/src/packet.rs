//! RTP packets (RFC 3550, 5.1), parsed and built by the `rtp-rs` crate.

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

/// Octets of an RTP header without CSRCs and extensions.
pub const HEADER_LEN: usize = 12;

/// The longest payload that is sent: 40 ms at 64 kbit/s.
pub const MAX_PAYLOAD_OUT: usize = 320;

/// The longest packet that is sent.
pub const MAX_PACKET_OUT: usize = HEADER_LEN + MAX_PAYLOAD_OUT;

/// The fields of a received packet that a stream looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Start of a talkspurt, or of an event (RFC 4733, 2.2.3).
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// In the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Without CSRCs, extensions and padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Parses a datagram; `None` when it is not a sound RTP packet. RTCP that strayed onto the RTP
    /// port (packet types 192 to 223: payload types 64 to 95 with the marker, RFC 5761, 4) is
    /// not one either.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Packet<'a>> {
        if matches!(datagram.get(1), Some(192..=223)) {
            return None;
        }
        let reader = RtpReader::new(datagram).ok()?;
        Some(Packet {
            marker: reader.mark(),
            payload_type: reader.payload_type(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: reader.payload(),
        })
    }

    /// Writes the packet into `buffer` and returns its length; `None` when it does not fit.
    #[must_use]
    pub fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        RtpPacketBuilder::new()
            .payload_type(self.payload_type & 0x7F)
            .marked(self.marker)
            .sequence(Seq::from(self.sequence))
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(self.payload)
            .build_into(buffer)
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_packets_are_read_back() {
        let packet = Packet {
            marker: true,
            payload_type: 101,
            sequence: 65_535,
            timestamp: 0xFFFF_FF00,
            ssrc: 0xDEAD_BEEF,
            payload: &[1, 2, 3, 4],
        };
        let mut buffer = [0; MAX_PACKET_OUT];
        let length = packet.write(&mut buffer).unwrap();
        assert_eq!(length, HEADER_LEN + 4);
        assert_eq!(Packet::parse(&buffer[..length]), Some(packet));
        assert_eq!(packet.write(&mut [0; 15]), None);
    }

    #[test]
    fn csrcs_extension_and_padding_are_not_payload() {
        let mut bytes = vec![0xB1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend([9; 4]); // one CSRC
        bytes.extend([0xBE, 0xDE, 0, 1, 5, 5, 5, 5]); // extension of one word
        bytes.extend([7, 7, 0, 2]); // two octets of payload, two of padding
        assert_eq!(
            Packet::parse(&bytes).map(|p| p.payload),
            Some(&[7u8, 7][..])
        );
    }

    #[test]
    fn what_is_not_rtp_is_refused() {
        let cases: [(&str, &[u8]); 6] = [
            ("empty", &[]),
            ("short", &[0x80; 11]),
            ("version 1", &[0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (
                "RTCP sender report",
                &[0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
            ),
            ("CSRCs missing", &[0x8F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (
                "padding longer than the packet",
                &[0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
            ),
        ];
        for (name, bytes) in cases {
            assert_eq!(Packet::parse(bytes), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Packet::parse(&bytes);
        }
    }
}
