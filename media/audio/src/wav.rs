//! WAV files (RIFF WAVE): reading what people have, writing what everybody reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::g711;

/// The largest file that [`read`] takes, octets: an hour of 8 kHz stereo, or six minutes of a CD.
pub const MAX_FILE_SIZE: u64 = 128 << 20;

const PCM: u16 = 1;
const ALAW: u16 = 6;
const MULAW: u16 = 7;
const EXTENSIBLE: u16 = 0xFFFE;

/// Sound of any rate, of one or two channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Frames (one sample of each channel) a second.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// The samples; of stereo left and right in turns.
    pub samples: Vec<i16>,
}

impl Audio {
    /// Length, ms.
    #[must_use]
    pub fn duration_ms(&self) -> u32 {
        let per_second = u64::from(self.rate.max(1)) * u64::from(self.channels.max(1));
        u32::try_from(self.samples.len() as u64 * 1000 / per_second).unwrap_or(u32::MAX)
    }

    /// The samples of one channel, 0 or 1.
    #[must_use]
    pub fn channel(&self, channel: u16) -> Vec<i16> {
        let channels = usize::from(self.channels.max(1));
        self.samples
            .iter()
            .skip(usize::from(channel))
            .step_by(channels)
            .copied()
            .collect()
    }

    /// One channel: itself, or the mean of two.
    #[must_use]
    pub fn into_mono(self) -> Vec<i16> {
        if self.channels != 2 {
            return self.samples;
        }
        let mean = |frame: &[i16; 2]| ((i32::from(frame[0]) + i32::from(frame[1])) / 2) as i16;
        self.samples.as_chunks::<2>().0.iter().map(mean).collect()
    }
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is too large.
    #[error("{path}: {size} bytes are too many (limit {MAX_FILE_SIZE}); {advice}", advice = Advice(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, octets.
        size: u64,
    },
    /// It is not a WAV file of a kind that we know.
    #[error("{path}: {problem}; {advice}", advice = Advice(path))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: WavProblem,
    },
}

/// What to do about a file that does not suit us.
struct Advice<'a>(&'a Path);

impl std::fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (file, stem) = (self.0.display(), self.0.with_extension("8k.wav"));
        write!(
            f,
            "convert it with: sox \"{file}\" -r 8000 -c 1 -b 16 -e signed \"{}\"",
            stem.display()
        )
    }
}

/// What is wrong with the octets of a WAV file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WavProblem {
    /// No RIFF header.
    #[error("it is not a WAV file: it does not begin with RIFF....WAVE")]
    NotWav,
    /// No `fmt ` chunk before the sound, or none at all.
    #[error("its `fmt ` chunk is missing before offset {offset}")]
    NoFormat {
        /// Where it was missed.
        offset: usize,
    },
    /// The `fmt ` chunk is too short to say what it must.
    #[error("its `fmt ` chunk at offset {offset} has {size} bytes, not 16 or more")]
    ShortFormat {
        /// Of the chunk's content.
        offset: usize,
        /// The chunk's size.
        size: usize,
    },
    /// No `data` chunk.
    #[error("it has no `data` chunk, so no sound")]
    NoData,
    /// An encoding that we cannot read.
    #[error(
        "its sound is {name} (format {tag:#06x}, {bits} bits); readable are PCM of 8, 16 and 24 bits, G.711 mu-law and A-law"
    )]
    Encoding {
        /// The WAVE format tag.
        tag: u16,
        /// Bits a sample.
        bits: u16,
        /// What it is called.
        name: &'static str,
    },
    /// Neither mono nor stereo.
    #[error("it has {0} channels; readable are 1 and 2")]
    Channels(u16),
    /// No possible sample rate.
    #[error("its sample rate is {0} Hz; readable are 1,000 to 384,000 Hz")]
    Rate(u32),
}

/// Reads a WAV file. Blocks on the disk.
///
/// # Errors
/// [`WavError`]; its text names the file, what is wrong with it, and the command that mends it.
pub fn read(path: &Path) -> Result<Audio, WavError> {
    parse(&read_limited(path)?).map_err(|problem| WavError::Malformed {
        path: path.to_owned(),
        problem,
    })
}

/// The octets of a file of at most [`MAX_FILE_SIZE`].
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>, WavError> {
    let failed = |source| WavError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut octets = Vec::new();
    // The limit holds for a file that grows, too.
    file.take(MAX_FILE_SIZE + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    let size = octets.len() as u64;
    if size > MAX_FILE_SIZE {
        return Err(WavError::TooLarge {
            path: path.to_owned(),
            size,
        });
    }
    Ok(octets)
}

/// What a `fmt ` chunk says.
#[derive(Debug, Clone, Copy)]
struct Format {
    tag: u16,
    channels: u16,
    rate: u32,
    bits: u16,
}

/// Reads the octets of a WAV file: PCM of 8, 16 or 24 bits, G.711 mu-law or A-law, plain or
/// WAVE_FORMAT_EXTENSIBLE, one or two channels. Other chunks are skipped; a `data` chunk that says
/// it is longer than the file (0xFFFFFFFF or 0 while a stream was written) is taken to its end.
///
/// # Errors
/// [`WavProblem`].
pub fn parse(octets: &[u8]) -> Result<Audio, WavProblem> {
    if octets.get(..4) != Some(b"RIFF") || octets.get(8..12) != Some(b"WAVE") {
        return Err(WavProblem::NotWav);
    }
    let mut format = None;
    let mut offset = 12_usize;
    while let Some(chunk) = octets.get(offset..offset.saturating_add(8)) {
        let (id, size) = (&chunk[..4], u32_at(chunk, 4) as usize);
        let begin = offset + 8;
        let end = begin.saturating_add(size).min(octets.len());
        let content = &octets[begin..end];
        match id {
            b"fmt " => format = Some(parse_format(content, begin)?),
            b"data" => {
                let format = format.ok_or(WavProblem::NoFormat { offset })?;
                // A writer that died, or wrote to a pipe, leaves all ones, or 0 here and a wrong
                // size of the file.
                let unknown = size == 0 && u32_at(octets, 4) as usize + 8 != octets.len();
                return decode(format, if unknown { &octets[begin..] } else { content });
            }
            _ => {}
        }
        // Chunks begin at even offsets.
        offset = begin.saturating_add(size).saturating_add(size % 2);
    }
    Err(if format.is_some() {
        WavProblem::NoData
    } else {
        WavProblem::NoFormat {
            offset: octets.len(),
        }
    })
}

fn parse_format(content: &[u8], offset: usize) -> Result<Format, WavProblem> {
    if content.len() < 16 {
        return Err(WavProblem::ShortFormat {
            offset,
            size: content.len(),
        });
    }
    let mut format = Format {
        tag: u16_at(content, 0),
        channels: u16_at(content, 2),
        rate: u32_at(content, 4),
        bits: u16_at(content, 14),
    };
    // The first two octets of the sub-format's GUID are the plain tag.
    if format.tag == EXTENSIBLE && content.len() >= 26 {
        format.tag = u16_at(content, 24);
    }
    if !(1..=2).contains(&format.channels) {
        return Err(WavProblem::Channels(format.channels));
    }
    if !(1_000..=384_000).contains(&format.rate) {
        return Err(WavProblem::Rate(format.rate));
    }
    Ok(format)
}

fn decode(format: Format, data: &[u8]) -> Result<Audio, WavProblem> {
    let mut samples: Vec<i16> = match (format.tag, format.bits) {
        (PCM, 8) => data
            .iter()
            .map(|octet| (i16::from(*octet) - 128) << 8)
            .collect(),
        (PCM, 16) => data
            .as_chunks::<2>()
            .0
            .iter()
            .map(|x| i16::from_le_bytes(*x))
            .collect(),
        (PCM, 24) => data
            .as_chunks::<3>()
            .0
            .iter()
            .map(|x| i16::from_le_bytes([x[1], x[2]]))
            .collect(),
        (MULAW, 8) => data.iter().map(|octet| g711::ulaw_decode(*octet)).collect(),
        (ALAW, 8) => data.iter().map(|octet| g711::alaw_decode(*octet)).collect(),
        (tag, bits) => {
            return Err(WavProblem::Encoding {
                tag,
                bits,
                name: encoding_name(tag),
            });
        }
    };
    samples.truncate(samples.len() / usize::from(format.channels) * usize::from(format.channels));
    Ok(Audio {
        rate: format.rate,
        channels: format.channels,
        samples,
    })
}

fn encoding_name(tag: u16) -> &'static str {
    match tag {
        PCM => "PCM",
        ALAW | MULAW => "G.711",
        0x0002 => "Microsoft ADPCM",
        0x0003 => "floating point",
        0x0011 => "IMA ADPCM",
        0x0031 => "GSM 6.10",
        0x0050 | 0x0055 => "MPEG audio",
        _ => "of an unknown encoding",
    }
}

fn u16_at(octets: &[u8], at: usize) -> u16 {
    octets
        .get(at..at + 2)
        .map_or(0, |x| u16::from_le_bytes([x[0], x[1]]))
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    octets
        .get(at..at + 4)
        .map_or(0, |x| u32::from_le_bytes([x[0], x[1], x[2], x[3]]))
}

/// Writes a file of 16-bit PCM. Blocks on the disk.
///
/// # Errors
/// [`WavError::Read`] when it cannot be written, [`WavError::TooLarge`] above 4 GiB.
pub fn write(path: &Path, audio: &Audio) -> Result<(), WavError> {
    let data = audio.samples.len() as u64 * 2;
    let Some(data) = u32::try_from(data)
        .ok()
        .filter(|data| *data < u32::MAX - 44)
    else {
        return Err(WavError::TooLarge {
            path: path.to_owned(),
            size: data,
        });
    };
    let header = Header {
        encoding: Encoding::Pcm16,
        channels: audio.channels,
        rate: audio.rate,
        data,
        after_data: 0,
    };
    let mut octets = header.to_octets();
    octets.extend(audio.samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, octets).map_err(|source| WavError::Read {
        path: path.to_owned(),
        source,
    })
}

/// What we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Pcm16,
    Mulaw,
}

impl Encoding {
    /// Octets of a sample.
    pub(crate) const fn sample_size(self) -> usize {
        match self {
            Encoding::Pcm16 => 2,
            Encoding::Mulaw => 1,
        }
    }

    /// Octets before the sound. Everything but PCM has a longer `fmt ` chunk and a `fact` chunk.
    pub(crate) const fn header_size(self) -> usize {
        match self {
            Encoding::Pcm16 => 44,
            Encoding::Mulaw => 58,
        }
    }
}

/// Everything before the sound in the files that we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) encoding: Encoding,
    pub(crate) channels: u16,
    pub(crate) rate: u32,
    /// Octets of sound.
    pub(crate) data: u32,
    /// Octets that follow the sound.
    pub(crate) after_data: u32,
}

impl Header {
    /// Of any of our headers.
    pub(crate) const MAX_SIZE: usize = 58;

    pub(crate) fn to_octets(self) -> Vec<u8> {
        let frame_size = self.channels * self.encoding.sample_size() as u16;
        let mut out = Vec::with_capacity(Self::MAX_SIZE);
        out.extend(b"RIFF");
        out.extend(
            (self.file_size() - 8)
                .min(u64::from(u32::MAX))
                .to_le_bytes()[..4]
                .iter(),
        );
        out.extend(b"WAVEfmt ");
        let (tag, format_size) = match self.encoding {
            Encoding::Pcm16 => (PCM, 16_u32),
            Encoding::Mulaw => (MULAW, 18),
        };
        out.extend(format_size.to_le_bytes());
        out.extend(tag.to_le_bytes());
        out.extend(self.channels.to_le_bytes());
        out.extend(self.rate.to_le_bytes());
        out.extend((self.rate * u32::from(frame_size)).to_le_bytes());
        out.extend(frame_size.to_le_bytes());
        out.extend((self.encoding.sample_size() as u16 * 8).to_le_bytes());
        if self.encoding == Encoding::Mulaw {
            out.extend(0_u16.to_le_bytes());
            out.extend(b"fact");
            out.extend(4_u32.to_le_bytes());
            out.extend((self.data / u32::from(frame_size.max(1))).to_le_bytes());
        }
        out.extend(b"data");
        out.extend(self.data.to_le_bytes());
        out
    }

    /// The size of the whole file, octets.
    pub(crate) fn file_size(&self) -> u64 {
        self.encoding.header_size() as u64 + u64::from(self.data) + u64::from(self.after_data)
    }

    /// Reads a header that [`Header::to_octets`] wrote.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let encoding = match u16_at(octets, 20) {
            PCM => Encoding::Pcm16,
            MULAW => Encoding::Mulaw,
            _ => return None,
        };
        let size = encoding.header_size();
        if octets.len() < size || octets.get(size - 8..size - 4) != Some(b"data") {
            return None;
        }
        let mut header = Header {
            encoding,
            channels: u16_at(octets, 22),
            rate: u32_at(octets, 24),
            data: u32_at(octets, size - 4),
            after_data: 0,
        };
        let after = (u64::from(u32_at(octets, 4)) + 8).checked_sub(header.file_size());
        header.after_data = after
            .and_then(|after| u32::try_from(after).ok())
            .unwrap_or(0);
        (octets.starts_with(b"RIFF") && (1..=2).contains(&header.channels)).then_some(header)
    }
}

#[cfg(test)]
mod tests;
