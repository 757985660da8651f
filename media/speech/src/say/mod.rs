//! Values as words: "21" is "twenty one", "двадцать один", "vingt et un".
//!
//! [`Say`] is a value and its kind; [`Say::said`] is what is said of it in a [`Language`]: recorded
//! words, with short pauses where a speaker makes them, and the same as text. A word is named by what it means, not by how
//! it is spelled, and a form of it by a suffix:
//!
//! | name | is |
//! | --- | --- |
//! | `number/21` | a number, or a part of one |
//! | `number/1-f`, `ordinal/3-n` | its feminine, its neuter |
//! | `unit/hour-few` | a noun in the form of that plural category of CLDR |
//! | `letter/a`, `symbol/dot` | what is spelled |
//!
//! Each language has its words in `words/<language>.txt` and its grammar in a module of its own.

mod ar;
mod de;
mod en;
mod es;
mod fr;
mod grammar;
mod ja;
mod ko;
mod language;
mod lexicon;
mod line;
mod pt;
mod ru;
mod value;
mod zh;

pub use language::Language;
pub use lexicon::{Lexicon, Word};
pub use line::{Piece, Said};
pub use value::{Clock, DateStyle, Gender, PAUSE_MS, Say, SayError};
