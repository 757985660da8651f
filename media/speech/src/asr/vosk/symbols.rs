//! The words that a grammar of OpenFST has in itself: small models that are published have no other list.
//!
//! A file begins with a header (magic number, type of the transducer, type of its arcs, version, flags,
//! properties, start, states, arcs), then come its tables of symbols, as far as the flags say so. All numbers
//! are little-endian; a text is its length in 32 bits, then its bytes.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const TRANSDUCER: i32 = 2_125_659_606;
const TABLE: i32 = 2_125_658_996;
const HAS_INPUT_SYMBOLS: i32 = 1;
const HAS_OUTPUT_SYMBOLS: i32 = 2;
/// No word is longer, bytes.
const LONGEST: i32 = 4096;

/// The output symbols of a transducer; none when it has no table of them.
///
/// # Errors
/// It cannot be read, or is no transducer.
pub fn output_symbols(file: &Path) -> io::Result<Option<Vec<String>>> {
    read(&mut BufReader::new(File::open(file)?))
}

fn read(from: &mut impl Read) -> io::Result<Option<Vec<String>>> {
    if number(from)? != TRANSDUCER {
        return Err(damaged("it is no transducer of OpenFST"));
    }
    let (_kind, _arcs, _version) = (text(from)?, text(from)?, number(from)?);
    let flags = number(from)?;
    let (_properties, _start, _states, _arcs) =
        (long(from)?, long(from)?, long(from)?, long(from)?);
    if flags & HAS_INPUT_SYMBOLS != 0 {
        table(from)?;
    }
    if flags & HAS_OUTPUT_SYMBOLS == 0 {
        return Ok(None);
    }
    table(from).map(Some)
}

fn table(from: &mut impl Read) -> io::Result<Vec<String>> {
    if number(from)? != TABLE {
        return Err(damaged("its table of symbols is damaged"));
    }
    let (_name, _next, count) = (text(from)?, long(from)?, long(from)?);
    let symbol = |_| {
        let symbol = text(from)?;
        long(from)?;
        Ok(symbol)
    };
    // Nothing is set aside for what is said to come: the file's end ends it.
    (0..count).map(symbol).collect()
}

fn text(from: &mut impl Read) -> io::Result<String> {
    let length = number(from)?;
    if !(0..=LONGEST).contains(&length) {
        return Err(damaged("a text in its table of symbols is damaged"));
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn number(from: &mut impl Read) -> io::Result<i32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(i32::from_le_bytes(bytes))
}

fn long(from: &mut impl Read) -> io::Result<i64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(i64::from_le_bytes(bytes))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        let length = i32::try_from(text.len()).unwrap();
        [&length.to_le_bytes()[..], text.as_bytes()].concat()
    }

    fn table(words: &[&str]) -> Vec<u8> {
        let count = words.len() as i64;
        let head = [
            TABLE.to_le_bytes().to_vec(),
            text("words.txt"),
            count.to_le_bytes().repeat(2),
        ];
        let word = |(id, word): (usize, &&str)| [text(word), (id as i64).to_le_bytes().to_vec()];
        let words = words.iter().enumerate().flat_map(word);
        head.into_iter().chain(words).flatten().collect()
    }

    /// The beginning of a grammar with these tables, and of its states.
    pub fn grammar(input: Option<&[&str]>, output: Option<&[&str]>) -> Vec<u8> {
        let flags = i32::from(input.is_some()) + 2 * i32::from(output.is_some());
        [
            TRANSDUCER.to_le_bytes().to_vec(),
            text("ngram"),
            text("standard"),
            4_i32.to_le_bytes().to_vec(),
            flags.to_le_bytes().to_vec(),
            7_i64.to_le_bytes().repeat(4),
            input.map(table).unwrap_or_default(),
            output.map(table).unwrap_or_default(),
            vec![0xff; 100],
        ]
        .concat()
    }

    #[test]
    fn the_output_symbols_are_found_behind_the_header() {
        let words: &[&str] = &["<eps>", "yes", "不是"];
        for (input, output) in [
            (None, None),
            (Some(words), None),
            (None, Some(words)),
            (Some(&["other"][..]), Some(words)),
        ] {
            let bytes = grammar(input, output);
            let found = read(&mut bytes.as_slice()).unwrap();
            let expected = output.map(|words| words.iter().map(|&word| word.to_owned()).collect());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        let whole = grammar(None, Some(&["yes", "no"]));
        let end = whole.len() - 100;
        for length in 0..end {
            assert!(read(&mut &whole[..length]).is_err(), "{length}");
        }
        assert!(read(&mut &whole[..end]).is_ok());
        for at in 0..end {
            let mut damaged = whole.clone();
            damaged[at] = 0xff;
            // Whatever it says, it says it without much memory or time.
            let _ = read(&mut damaged.as_slice());
        }
    }
}
