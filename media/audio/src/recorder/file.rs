//! A WAV file that grows and is playable at every moment.

use std::io;

use super::storage::Sink;
use super::{Format, Layout, Mark};
use crate::SAMPLE_RATE;
use crate::wav::{Encoding, Header};

/// The most sound in a file, octets: a WAV file's sizes have 32 bits, and the marks need some room.
const MAX_DATA: u64 = u32::MAX as u64 - (1 << 20);
/// The most marks of a file.
pub(super) const MAX_MARKS: usize = 10_000;

/// Octets of a frame (one sample of each channel).
pub(super) const fn frame_size(layout: Layout, format: Format) -> usize {
    channels(layout) as usize * encoding(format).sample_size()
}

const fn channels(layout: Layout) -> u16 {
    match layout {
        Layout::Mono => 1,
        Layout::Stereo => 2,
    }
}

const fn encoding(format: Format) -> Encoding {
    match format {
        Format::Pcm16 => Encoding::Pcm16,
        Format::Mulaw => Encoding::Mulaw,
    }
}

/// A file that is being written.
pub(super) struct GrowingFile {
    sink: Box<dyn Sink>,
    encoding: Encoding,
    channels: u16,
    /// Sound in the file, octets, whole frames.
    data: u64,
}

impl GrowingFile {
    /// Begins a file with the header of an empty recording.
    pub(super) fn begin(sink: Box<dyn Sink>, layout: Layout, format: Format) -> io::Result<Self> {
        let mut file = GrowingFile {
            sink,
            encoding: encoding(format),
            channels: channels(layout),
            data: 0,
        };
        file.write_header(0)?;
        Ok(file)
    }

    fn frame_size(&self) -> u64 {
        u64::from(self.channels) * self.encoding.sample_size() as u64
    }

    /// Frames in the file.
    pub(super) fn frames(&self) -> u64 {
        self.data / self.frame_size()
    }

    /// Is there room for so many octets?
    pub(super) fn has_room(&self, octets: usize) -> bool {
        self.data + octets as u64 <= MAX_DATA
    }

    /// Adds sound and brings the header up to date. After an error, what fitted is kept.
    pub(super) fn append(&mut self, block: &[u8]) -> io::Result<()> {
        let start = self.end();
        let (written, result) = write_fully(self.sink.as_mut(), start, block);
        self.data += written / self.frame_size() * self.frame_size();
        // A part of a frame must not stay; shrinking works on a full disk too.
        let trimmed = if result.is_err() {
            self.sink.truncate(self.end())
        } else {
            Ok(())
        };
        let header = self.write_header(0);
        result.and(trimmed).and(header)
    }

    /// Cuts frames off the end.
    pub(super) fn truncate(&mut self, frames: u64) -> io::Result<()> {
        self.data -= (frames.saturating_mul(self.frame_size())).min(self.data);
        self.sink.truncate(self.end())?;
        self.write_header(0)
    }

    /// Adds the marks and completes the header.
    pub(super) fn finish(&mut self, marks: &[(Mark, u64)]) -> io::Result<()> {
        let trailer = self.trailer(marks);
        if trailer.is_empty() {
            return Ok(());
        }
        let end = self.end();
        let (_, result) = write_fully(self.sink.as_mut(), end, &trailer);
        if result.is_err() {
            let trimmed = self.sink.truncate(end);
            return result.and(trimmed);
        }
        self.write_header(trailer.len() as u32)
    }

    /// Where the sound ends.
    fn end(&self) -> u64 {
        self.encoding.header_size() as u64 + self.data
    }

    fn write_header(&mut self, after_data: u32) -> io::Result<()> {
        let header = Header {
            encoding: self.encoding,
            channels: self.channels,
            rate: SAMPLE_RATE,
            // `has_room` keeps it below 32 bits.
            data: self.data as u32,
            after_data,
        };
        write_fully(self.sink.as_mut(), 0, &header.to_octets()).1
    }

    /// What follows the sound: the pad octet of an odd chunk, cue points and their labels.
    fn trailer(&self, marks: &[(Mark, u64)]) -> Vec<u8> {
        let mut out = vec![0; (self.data % 2) as usize];
        if marks.is_empty() {
            return out;
        }
        out.extend(b"cue ");
        out.extend((4 + 24 * marks.len() as u32).to_le_bytes());
        out.extend((marks.len() as u32).to_le_bytes());
        let mut labels = b"adtl".to_vec();
        for (number, (mark, frame)) in (1_u32..).zip(marks) {
            let frame = (*frame).min(self.frames()) as u32;
            out.extend(number.to_le_bytes());
            out.extend(frame.to_le_bytes());
            out.extend(b"data");
            out.extend([0; 8]);
            out.extend(frame.to_le_bytes());

            let label = mark.label();
            labels.extend(b"labl");
            labels.extend((4 + label.len() as u32 + 1).to_le_bytes());
            labels.extend(number.to_le_bytes());
            labels.extend(label.bytes());
            labels.push(0);
            labels.resize(labels.len().next_multiple_of(2), 0);
        }
        out.extend(b"LIST");
        out.extend((labels.len() as u32).to_le_bytes());
        out.extend(labels);
        out
    }
}

/// Writes everything, or as much as goes; returns how much.
fn write_fully(sink: &mut dyn Sink, mut offset: u64, mut octets: &[u8]) -> (u64, io::Result<()>) {
    let start = offset;
    while !octets.is_empty() {
        match sink.write_at(offset, octets) {
            Ok(0) => return (offset - start, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                offset += count as u64;
                octets = octets.get(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (offset - start, Err(error)),
        }
    }
    (offset - start, Ok(()))
}
