//! RTCP: sender and receiver reports, SDES CNAME, BYE (RFC 3550, 6).

/// The longest compound that is sent.
pub const MAX_COMPOUND_OUT: usize = 128;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const BLOCK_LEN: usize = 24;

/// A reception report block (6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// Whose packets the report is about.
    pub ssrc: u32,
    /// 256ths lost since the last report.
    pub fraction_lost: u8,
    /// Packets lost in all; negative when there were more duplicates than losses. 24 bits.
    pub lost: i32,
    /// Extended highest sequence number received.
    pub highest: u32,
    /// In timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report; 0 when there was none.
    pub last_sr: u32,
    /// 65,536ths of a second since that report came.
    pub delay_since_last_sr: u32,
}

/// What a sender report says of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// Wall clock as NTP, 32.32 fixed-point seconds since 1900.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Octets of payload sent.
    pub octets: u32,
}

/// What a compound packet said, as far as a two-party stream needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compound {
    /// The last sender report: who, and what.
    pub sender: Option<(u32, SenderInfo)>,
    /// The last block about the given SSRC.
    pub report: Option<Block>,
    /// The peer said BYE.
    pub bye: bool,
}

/// Parses a compound packet and keeps what concerns `own_ssrc`; `None` when it is not RTCP (checks
/// of A.2). Packets of unknown type are skipped.
#[must_use]
pub fn parse(datagram: &[u8], own_ssrc: u32) -> Option<Compound> {
    if !matches!(datagram.get(1), Some(&SENDER_REPORT | &RECEIVER_REPORT)) {
        return None;
    }
    let mut compound = Compound::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let [first, kind, high, low, ..] = *rest else {
            return None;
        };
        if first >> 6 != 2 {
            return None;
        }
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let (packet, after) = rest.split_at_checked(length)?;
        rest = after;
        let count = usize::from(first & 0x1F);
        match kind {
            SENDER_REPORT => {
                compound.sender = Some(sender(packet)?);
                blocks(packet.get(28..)?, count, own_ssrc, &mut compound)?;
            }
            RECEIVER_REPORT => blocks(packet.get(8..)?, count, own_ssrc, &mut compound)?,
            BYE => compound.bye = true,
            _ => {}
        }
    }
    Some(compound)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

fn sender(packet: &[u8]) -> Option<(u32, SenderInfo)> {
    let info = SenderInfo {
        ntp: u64::from(word(packet, 8)?) << 32 | u64::from(word(packet, 12)?),
        timestamp: word(packet, 16)?,
        packets: word(packet, 20)?,
        octets: word(packet, 24)?,
    };
    Some((word(packet, 4)?, info))
}

fn blocks(bytes: &[u8], count: usize, own_ssrc: u32, compound: &mut Compound) -> Option<()> {
    let all = bytes.get(..count * BLOCK_LEN)?;
    for block in all.chunks_exact(BLOCK_LEN) {
        let ssrc = word(block, 0)?;
        if ssrc != own_ssrc {
            continue;
        }
        let loss = word(block, 4)?;
        compound.report = Some(Block {
            ssrc,
            fraction_lost: (loss >> 24) as u8,
            lost: (loss << 8).cast_signed() >> 8,
            highest: word(block, 8)?,
            jitter: word(block, 12)?,
            last_sr: word(block, 16)?,
            delay_since_last_sr: word(block, 20)?,
        });
    }
    Some(())
}

/// What a compound packet is to say.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Our SSRC.
    pub ssrc: u32,
    /// Present: a sender report, absent: a receiver report.
    pub sender: Option<SenderInfo>,
    /// About the peer's packets.
    pub block: Option<Block>,
    /// At most 32 octets are used.
    pub cname: &'a str,
    /// End with a BYE.
    pub bye: bool,
}

impl Report<'_> {
    /// Writes the compound: SR or RR, SDES with CNAME, BYE.
    #[must_use]
    pub fn write(&self, buffer: &mut [u8; MAX_COMPOUND_OUT]) -> usize {
        let mut out = Writer { buffer, length: 0 };
        let blocks = u8::from(self.block.is_some());
        let kind = if self.sender.is_some() {
            SENDER_REPORT
        } else {
            RECEIVER_REPORT
        };
        let start = out.begin(blocks, kind);
        out.word(self.ssrc);
        if let Some(info) = self.sender {
            out.word((info.ntp >> 32) as u32);
            out.word((info.ntp & 0xFFFF_FFFF) as u32);
            out.word(info.timestamp);
            out.word(info.packets);
            out.word(info.octets);
        }
        if let Some(block) = self.block {
            out.word(block.ssrc);
            let lost = block.lost.clamp(-0x80_0000, 0x7F_FFFF).cast_unsigned() & 0xFF_FFFF;
            out.word(u32::from(block.fraction_lost) << 24 | lost);
            out.word(block.highest);
            out.word(block.jitter);
            out.word(block.last_sr);
            out.word(block.delay_since_last_sr);
        }
        out.end(start);
        let start = out.begin(1, SOURCE_DESCRIPTION);
        out.word(self.ssrc);
        let cname = self.cname.as_bytes();
        let cname = cname.get(..cname.len().min(32)).unwrap_or_default();
        out.bytes(&[1, cname.len() as u8]);
        out.bytes(cname);
        // The list of items ends with at least one zero octet (6.5).
        out.bytes(&[0]);
        while !out.length.is_multiple_of(4) {
            out.bytes(&[0]);
        }
        out.end(start);
        if self.bye {
            let start = out.begin(1, BYE);
            out.word(self.ssrc);
            out.end(start);
        }
        out.length
    }
}

/// Writes within a fixed buffer; [`MAX_COMPOUND_OUT`] holds everything that [`Report`] can say.
struct Writer<'a> {
    buffer: &'a mut [u8; MAX_COMPOUND_OUT],
    length: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(self.length..self.length + bytes.len()) {
            place.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn begin(&mut self, count: u8, kind: u8) -> usize {
        let start = self.length;
        self.bytes(&[0x80 | count, kind, 0, 0]);
        start
    }

    fn end(&mut self, start: usize) {
        let words = ((self.length - start) / 4).saturating_sub(1) as u16;
        if let Some(place) = self.buffer.get_mut(start + 2..start + 4) {
            place.copy_from_slice(&words.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INFO: SenderInfo = SenderInfo {
        ntp: 0x0102_0304_0506_0708,
        timestamp: 9,
        packets: 10,
        octets: 11,
    };
    const BLOCK: Block = Block {
        ssrc: 77,
        fraction_lost: 64,
        lost: -3,
        highest: 65_536 + 9,
        jitter: 12,
        last_sr: 0x0304_0506,
        delay_since_last_sr: 65_536,
    };

    fn written(report: Report<'_>) -> Vec<u8> {
        let mut buffer = [0; MAX_COMPOUND_OUT];
        let length = report.write(&mut buffer);
        buffer[..length].to_vec()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let full = Report {
            ssrc: 5,
            sender: Some(INFO),
            block: Some(BLOCK),
            cname: "0123456789abcdef",
            bye: true,
        };
        let cases = [
            ("SR, block, BYE", full),
            (
                "SR",
                Report {
                    block: None,
                    bye: false,
                    ..full
                },
            ),
            (
                "RR, block",
                Report {
                    sender: None,
                    bye: false,
                    ..full
                },
            ),
            (
                "empty RR, BYE",
                Report {
                    sender: None,
                    block: None,
                    ..full
                },
            ),
            (
                "the longest",
                Report {
                    cname: "0123456789abcdef0123456789abcdef-and-more",
                    ..full
                },
            ),
        ];
        for (name, report) in cases {
            let bytes = written(report);
            assert_eq!(bytes.len() % 4, 0, "{name}");
            let expected = Compound {
                sender: report.sender.map(|s| (5, s)),
                report: report.block,
                bye: report.bye,
            };
            assert_eq!(parse(&bytes, 77), Some(expected), "{name}");
            let other = parse(&bytes, 78).map(|c| c.report);
            assert_eq!(other, Some(None), "{name}: a block about someone else");
        }
    }

    #[test]
    fn truncated_compounds_are_refused_whole() {
        let bytes = written(Report {
            ssrc: 5,
            sender: Some(INFO),
            block: Some(BLOCK),
            cname: "x",
            bye: true,
        });
        let sdes = 28 + BLOCK_LEN;
        for length in 0..bytes.len() {
            let whole_packets = length == sdes || length == bytes.len() - 8;
            assert_eq!(
                parse(&bytes[..length], 77).is_some(),
                whole_packets,
                "{length}"
            );
        }
        let mut lying = bytes.clone();
        lying[0] = 0x80 | 31; // more blocks than there are
        assert_eq!(parse(&lying, 77), None);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 200u8..206) {
            let mut bytes = bytes;
            let _ = parse(&bytes, 1);
            if bytes.len() > 3 {
                bytes[0] = 0x80 | bytes[0] & 0x1F;
                bytes[1] = kind;
                bytes[2] = 0;
                let _ = parse(&bytes, 1);
            }
        }
    }
}
