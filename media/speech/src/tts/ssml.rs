//! A subset of SSML 1.1: text with pauses, emphasis, speed, values and pronunciations.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::say::{Clock, DateStyle, Language, Say};

/// The longest pause, ms.
const LONGEST_PAUSE_MS: u32 = 60_000;
/// Slowest and fastest, in hundredths of the voice's own speed.
const RATES: std::ops::RangeInclusive<u16> = 20..=400;
/// The deepest nesting of elements.
const DEEPEST: usize = 32;

/// A stretch of what is to be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words in one manner.
    Words(Words),
    /// Nothing for so long, ms.
    Pause(u32),
    /// A sentence ends here, whatever its punctuation.
    End,
}

/// Words, and how they are spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The words.
    pub text: String,
    /// Hundredths of the voice's own speed.
    pub rate: u16,
    /// Their sounds in the International Phonetic Alphabet, for engines that take it.
    pub phonemes: Option<String>,
}

/// Why a text is not understood. Positions count characters, from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SsmlError {
    /// Not well-formed.
    #[error("character {at}: {problem}")]
    Xml {
        /// Where.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// An element that is not known.
    #[error(
        "character {at}: <{element}> is not understood; break, emphasis, p, phoneme, prosody, s, say-as, speak and sub are"
    )]
    Element {
        /// Where.
        at: usize,
        /// Its name.
        element: String,
    },
    /// An attribute that is not known, or missing, or has a wrong value.
    #[error("character {at}: <{element}>: {problem}")]
    Attribute {
        /// Where.
        at: usize,
        /// The element.
        element: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// Is it SSML, not plain text?
pub fn is_ssml(text: &str) -> bool {
    let rest = text.trim_start();
    rest.starts_with("<speak") || rest.starts_with("<?xml")
}

/// Reads SSML; values of `say-as` are put into words of `language`, if that has any.
///
/// # Errors
/// See [`SsmlError`].
pub fn parse(text: &str, language: Option<Language>) -> Result<Vec<Span>, SsmlError> {
    let mut document = Document {
        text,
        language,
        open: Vec::new(),
        spans: Vec::new(),
        spoken: false,
    };
    let mut reader = Reader::from_str(text);
    loop {
        let at = document.character(reader.buffer_position());
        let event = reader.read_event().map_err(|error| SsmlError::Xml {
            at: document.character(reader.error_position()),
            problem: error.to_string(),
        })?;
        match event {
            Event::Start(start) => document.open(at, &start)?,
            Event::Empty(start) => {
                document.open(at, &start)?;
                document.close(at)?;
            }
            Event::End(_) => document.close(at)?,
            Event::Text(text) => document.words(at, &text.xml10_content())?,
            Event::CData(data) => document.words(at, &data.xml10_content())?,
            Event::GeneralRef(reference) => document.words(at, &character(at, &reference)?)?,
            Event::Eof if document.spoken && document.open.is_empty() => return Ok(document.spans),
            Event::Eof => {
                return Err(xml(at, &"it ends before </speak>"));
            }
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::DocType(_) => return Err(xml(at, &"a document type is not allowed")),
        }
    }
}

fn xml(at: usize, problem: &dyn std::fmt::Display) -> SsmlError {
    SsmlError::Xml {
        at,
        problem: problem.to_string(),
    }
}

/// What `&amp;` and `&#233;` stand for.
fn character(at: usize, reference: &BytesRef<'_>) -> Result<Cow<'static, str>, SsmlError> {
    let number = reference.resolve_char_ref();
    if let Some(c) = number.map_err(|error| xml(at, &error))? {
        return Ok(c.to_string().into());
    }
    match resolve_xml_entity(reference) {
        Some(text) => Ok(text.into()),
        None => Err(xml(at, &format!("&{}; is not known", &**reference))),
    }
}

/// An element that is open.
struct Open {
    name: String,
    /// Where it began.
    at: usize,
    rate: u16,
    kind: Kind,
}

enum Kind {
    Plain,
    Sentence,
    SayAs {
        kind: String,
        format: Option<String>,
        text: String,
    },
    Phonemes {
        phonemes: String,
        text: String,
    },
    /// Its text is not spoken.
    Replaced,
}

struct Document<'a> {
    text: &'a str,
    language: Option<Language>,
    open: Vec<Open>,
    spans: Vec<Span>,
    /// `<speak>` has begun.
    spoken: bool,
}

impl Document<'_> {
    /// The number of the character that begins at this byte.
    fn character(&self, byte: u64) -> usize {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let before = self.text.char_indices().take_while(|(at, _)| *at < byte);
        before.count() + 1
    }

    fn open(&mut self, at: usize, start: &BytesStart<'_>) -> Result<(), SsmlError> {
        let name = start.name().as_ref().to_owned();
        let element = Element {
            at,
            name: &name,
            attributes: attributes(at, &name, start)?,
        };
        if self.open.len() >= DEEPEST {
            return Err(xml(
                at,
                &format!("elements are nested deeper than {DEEPEST}"),
            ));
        }
        if self.open.is_empty() && (name != "speak" || self.spoken) {
            return Err(xml(at, &"there must be one <speak> around everything"));
        }
        if let Some(Open { name: outer, .. }) = self.open.iter().find(|open| open.kind.is_text()) {
            return Err(element.wrong(format!("only text may stand in <{outer}>")));
        }
        let mut rate = self.open.last().map_or(100, |open| open.rate);
        let kind = match name.as_str() {
            "speak" if !self.spoken => {
                self.spoken = true;
                element.only(&["version", "xmlns", "xml:lang"])?;
                Kind::Plain
            }
            "p" | "s" => {
                element.only(&[])?;
                self.spans.push(Span::End);
                Kind::Sentence
            }
            "break" => {
                self.spans.push(Span::Pause(element.pause()?));
                Kind::Replaced
            }
            "emphasis" => {
                rate = scaled(rate, element.emphasis()?);
                Kind::Plain
            }
            "prosody" => {
                rate = scaled(rate, element.rate()?);
                Kind::Plain
            }
            "say-as" => {
                element.only(&["interpret-as", "format"])?;
                Kind::SayAs {
                    kind: element.needed("interpret-as")?.to_owned(),
                    format: element.get("format").map(str::to_owned),
                    text: String::new(),
                }
            }
            "phoneme" => {
                element.only(&["alphabet", "ph"])?;
                element.one_of("alphabet", "ipa", &[("ipa", ())])?;
                Kind::Phonemes {
                    phonemes: element.needed("ph")?.to_owned(),
                    text: String::new(),
                }
            }
            "sub" => {
                element.only(&["alias"])?;
                let alias = element.needed("alias")?.to_owned();
                self.push(alias, rate, None);
                Kind::Replaced
            }
            _ => {
                let element = name;
                return Err(SsmlError::Element { at, element });
            }
        };
        self.open.push(Open {
            name,
            at,
            rate,
            kind,
        });
        Ok(())
    }

    fn close(&mut self, at: usize) -> Result<(), SsmlError> {
        let Some(open) = self.open.pop() else {
            return Err(xml(at, &"an end without a start"));
        };
        match open.kind {
            Kind::Plain | Kind::Replaced => {}
            Kind::Sentence => self.spans.push(Span::End),
            Kind::SayAs { kind, format, text } => {
                let wrong = |problem| SsmlError::Attribute {
                    at: open.at,
                    element: open.name.clone(),
                    problem,
                };
                let value = value(&kind, format.as_deref(), text.trim()).map_err(wrong)?;
                let language =
                    (self.language).ok_or_else(|| wrong("not in this language".to_owned()))?;
                let said = value
                    .said(language)
                    .map_err(|error| wrong(error.to_string()))?;
                self.push(said.text, open.rate, None);
            }
            Kind::Phonemes { phonemes, text } => self.push(text, open.rate, Some(phonemes)),
        }
        Ok(())
    }

    fn words(&mut self, at: usize, words: &str) -> Result<(), SsmlError> {
        match self.open.last_mut() {
            None if words.trim().is_empty() => {}
            None => return Err(xml(at, &"there is text outside of <speak>")),
            Some(Open { kind, rate, .. }) => match kind {
                Kind::SayAs { text, .. } | Kind::Phonemes { text, .. } => text.push_str(words),
                Kind::Replaced => {}
                Kind::Plain | Kind::Sentence => {
                    let rate = *rate;
                    self.push(words.to_owned(), rate, None);
                }
            },
        }
        Ok(())
    }

    fn push(&mut self, text: String, rate: u16, phonemes: Option<String>) {
        match self.spans.last_mut() {
            Some(Span::Words(last))
                if last.rate == rate && last.phonemes.is_none() && phonemes.is_none() =>
            {
                last.text.push_str(&text);
            }
            _ => self.spans.push(Span::Words(Words {
                text,
                rate,
                phonemes,
            })),
        }
    }
}

impl Kind {
    fn is_text(&self) -> bool {
        !matches!(self, Kind::Plain | Kind::Sentence)
    }
}

fn scaled(rate: u16, by: u16) -> u16 {
    let scaled = u32::from(rate) * u32::from(by) / 100;
    u16::try_from(scaled)
        .unwrap_or(u16::MAX)
        .clamp(*RATES.start(), *RATES.end())
}

fn attributes(
    at: usize,
    element: &str,
    start: &BytesStart<'_>,
) -> Result<Vec<(String, String)>, SsmlError> {
    start
        .attributes()
        .map(|attribute| {
            let wrong = |problem: String| SsmlError::Attribute {
                at,
                element: element.to_owned(),
                problem,
            };
            let attribute = attribute.map_err(|error| wrong(error.to_string()))?;
            let name = attribute.key.as_ref().to_owned();
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            Ok((
                name,
                value
                    .map_err(|error| wrong(error.to_string()))?
                    .into_owned(),
            ))
        })
        .collect()
}

/// An element with its attributes, while it is looked at.
struct Element<'a> {
    at: usize,
    name: &'a str,
    attributes: Vec<(String, String)>,
}

impl Element<'_> {
    fn wrong(&self, problem: String) -> SsmlError {
        SsmlError::Attribute {
            at: self.at,
            element: self.name.to_owned(),
            problem,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .attributes
            .iter()
            .find(|(attribute, _)| attribute == name);
        found.map(|(_, value)| value.as_str())
    }

    fn needed(&self, name: &str) -> Result<&str, SsmlError> {
        self.get(name)
            .ok_or_else(|| self.wrong(format!("{name} is missing")))
    }

    fn only(&self, known: &[&str]) -> Result<(), SsmlError> {
        match (self.attributes.iter()).find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) if known.is_empty() => {
                Err(self.wrong(format!("{name} is not understood")))
            }
            Some((name, _)) => {
                Err(self.wrong(format!("{name} is not understood; {} is", known.join(", "))))
            }
        }
    }

    fn one_of<T: Copy>(
        &self,
        name: &str,
        usual: &str,
        values: &[(&str, T)],
    ) -> Result<T, SsmlError> {
        let value = self.get(name).unwrap_or(usual);
        match values.iter().find(|(known, _)| *known == value) {
            Some((_, meaning)) => Ok(*meaning),
            None => {
                let known: Vec<&str> = values.iter().map(|(known, _)| *known).collect();
                Err(self.wrong(format!(
                    "{name}={value:?} is not understood; {} is",
                    known.join(", ")
                )))
            }
        }
    }

    fn pause(&self) -> Result<u32, SsmlError> {
        self.only(&["time", "strength"])?;
        let Some(time) = self.get("time") else {
            let strengths = [
                ("none", 0),
                ("x-weak", 100),
                ("weak", 200),
                ("medium", 400),
                ("strong", 700),
                ("x-strong", 1_200),
            ];
            return self.one_of("strength", "medium", &strengths);
        };
        let pause = match (time.strip_suffix("ms"), time.strip_suffix('s')) {
            (Some(ms), _) => ms.parse::<u32>().ok(),
            (None, Some(seconds)) => (seconds.parse::<f64>().ok())
                .filter(|seconds| (0.0..=f64::from(LONGEST_PAUSE_MS)).contains(seconds))
                .map(|seconds| (seconds * 1000.0).round() as u32),
            (None, None) => None,
        };
        pause.filter(|ms| *ms <= LONGEST_PAUSE_MS).ok_or_else(|| {
            self.wrong(format!(
                "time={time:?} is not understood; write 500ms or 1.5s, at most 60s"
            ))
        })
    }

    fn emphasis(&self) -> Result<u16, SsmlError> {
        self.only(&["level"])?;
        // A machine's voice stresses a word by taking its time.
        let levels = [
            ("strong", 80),
            ("moderate", 90),
            ("none", 100),
            ("reduced", 110),
        ];
        self.one_of("level", "moderate", &levels)
    }

    fn rate(&self) -> Result<u16, SsmlError> {
        self.only(&["rate"])?;
        let rate = self.needed("rate")?;
        if let Some(percent) = rate.strip_suffix('%') {
            let percent = percent
                .parse::<u16>()
                .ok()
                .filter(|percent| RATES.contains(percent));
            return percent.ok_or_else(|| {
                let (slowest, fastest) = (RATES.start(), RATES.end());
                self.wrong(format!(
                    "rate={rate:?} is not within {slowest}% and {fastest}%"
                ))
            });
        }
        let rates = [
            ("x-slow", 50),
            ("slow", 75),
            ("medium", 100),
            ("fast", 125),
            ("x-fast", 160),
            ("default", 100),
        ];
        self.one_of("rate", "default", &rates)
    }
}

/// The value of a `say-as`, of the kinds of the W3C's note "SSML 1.0 say-as attribute values" and of
/// those that are usual elsewhere.
fn value(kind: &str, format: Option<&str>, text: &str) -> Result<Say, String> {
    let owned = || text.to_owned();
    match kind {
        "cardinal" | "number" => Ok(Say::Number {
            value: owned(),
            gender: None,
        }),
        "ordinal" => {
            let value = text
                .parse()
                .map_err(|_| format!("{text:?} is no ordinal"))?;
            Ok(Say::Ordinal {
                value,
                gender: None,
            })
        }
        "digits" => Ok(Say::Digits(owned())),
        "characters" | "spell-out" => Ok(Say::Characters(owned())),
        "telephone" => Ok(Say::Telephone(owned())),
        "date" => date(format.unwrap_or("ymd"), text),
        "time" => {
            let wrong = || format!("{text:?} is no time; write 14:05");
            let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
            let clock = match format {
                Some("hms24") => Clock::TwentyFour,
                None | Some("hms12") => Clock::Usual,
                Some(other) => {
                    return Err(format!(
                        "format={other:?} is not understood; hms12, hms24 is"
                    ));
                }
            };
            Ok(Say::Time {
                hour: hour.parse().map_err(|_| wrong())?,
                minute: minute.parse().map_err(|_| wrong())?,
                clock,
            })
        }
        "duration" => {
            let seconds = text
                .parse()
                .map_err(|_| format!("{text:?} is no number of seconds"))?;
            Ok(Say::Duration { seconds })
        }
        "currency" => {
            let wrong = || format!("{text:?} is no amount; write 12.50 EUR");
            let (amount, code) = text.split_once(' ').ok_or_else(wrong)?;
            Ok(Say::Currency {
                amount: amount.to_owned(),
                code: code.trim().to_owned(),
            })
        }
        other => Err(format!(
            "interpret-as={other:?} is not understood; cardinal, ordinal, digits, characters, telephone, date, time, duration, currency is"
        )),
    }
}

fn date(format: &str, text: &str) -> Result<Say, String> {
    let numbers: Option<Vec<u16>> = text
        .split(['-', '/', '.'])
        .map(|part| part.parse().ok())
        .collect();
    let wrong = || format!("{text:?} is no date in the order {format:?}");
    let (year, month, day) = match (format, numbers.as_deref()) {
        ("ymd", Some(&[year, month, day])) => (year, month, day),
        ("dmy", Some(&[day, month, year])) => (year, month, day),
        ("mdy", Some(&[month, day, year])) => (year, month, day),
        ("ymd" | "dmy" | "mdy", _) => return Err(wrong()),
        _ => {
            return Err(format!(
                "format={format:?} is not understood; ymd, dmy, mdy is"
            ));
        }
    };
    Ok(Say::Date {
        year,
        month: u8::try_from(month).map_err(|_| wrong())?,
        day: u8::try_from(day).map_err(|_| wrong())?,
        style: DateStyle::Full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, rate: u16) -> Span {
        Span::Words(Words {
            text: text.to_owned(),
            rate,
            phonemes: None,
        })
    }

    fn english(text: &str) -> Result<Vec<Span>, SsmlError> {
        parse(text, Language::of("en"))
    }

    #[test]
    fn what_is_understood() {
        for (ssml, spans) in [
            ("<speak>Hello</speak>", vec![words("Hello", 100)]),
            (
                "<?xml version=\"1.0\"?><speak version=\"1.1\" xml:lang=\"en\">A &amp; B<!-- no --> &#67;</speak>",
                vec![words("A & B C", 100)],
            ),
            (
                "<speak>a<break time=\"1.5s\"/>b<break time='250ms'/><break strength='weak'/><break/></speak>",
                vec![
                    words("a", 100),
                    Span::Pause(1500),
                    words("b", 100),
                    Span::Pause(250),
                    Span::Pause(200),
                    Span::Pause(400),
                ],
            ),
            (
                "<speak><prosody rate='50%'>a<prosody rate='slow'>b</prosody></prosody><emphasis>c</emphasis></speak>",
                vec![words("a", 50), words("b", 37), words("c", 90)],
            ),
            (
                "<speak><s>One</s><s>two</s></speak>",
                vec![
                    Span::End,
                    words("One", 100),
                    Span::End,
                    Span::End,
                    words("two", 100),
                    Span::End,
                ],
            ),
            (
                "<speak>It is <say-as interpret-as=\"cardinal\">21</say-as>.</speak>",
                vec![words("It is twenty one.", 100)],
            ),
            (
                "<speak><sub alias='World Wide Web'>WWW</sub></speak>",
                vec![words("World Wide Web", 100)],
            ),
        ] {
            assert_eq!(english(ssml), Ok(spans), "{ssml}");
        }
        let parsed = english("<speak><phoneme ph='həˈləʊ'>hello</phoneme></speak>").unwrap();
        let [Span::Words(spoken)] = parsed.as_slice() else {
            panic!("one span");
        };
        assert_eq!(
            (spoken.text.as_str(), spoken.phonemes.as_deref()),
            ("hello", Some("həˈləʊ"))
        );
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_place() {
        for (ssml, error) in [
            (
                "<speak>é <audio src='x'/></speak>",
                "character 10: <audio> is not understood; break, emphasis, p, phoneme, prosody, s, say-as, speak and sub are",
            ),
            (
                "<speak><break time='soon'/></speak>",
                "character 8: <break>: time=\"soon\" is not understood; write 500ms or 1.5s, at most 60s",
            ),
            (
                "<speak><break time='61s'/></speak>",
                "character 8: <break>: time=\"61s\" is not understood; write 500ms or 1.5s, at most 60s",
            ),
            (
                "<speak><prosody pitch='high'>a</prosody></speak>",
                "character 8: <prosody>: pitch is not understood; rate is",
            ),
            (
                "<speak><prosody rate='500%'>a</prosody></speak>",
                "character 8: <prosody>: rate=\"500%\" is not within 20% and 400%",
            ),
            (
                "<speak><say-as interpret-as='colour'>a</say-as></speak>",
                "character 8: <say-as>: interpret-as=\"colour\" is not understood; cardinal, ordinal, digits, characters, telephone, date, time, duration, currency is",
            ),
            (
                "<speak><say-as interpret-as='date'>2026-02-30</say-as></speak>",
                "character 8: <say-as>: there is no day 2026-02-30",
            ),
            (
                "<speak><phoneme alphabet='sampa' ph='h'>a</phoneme></speak>",
                "character 8: <phoneme>: alphabet=\"sampa\" is not understood; ipa is",
            ),
            (
                "<speak><say-as interpret-as='digits'><break/></say-as></speak>",
                "character 38: <break>: only text may stand in <say-as>",
            ),
            (
                "<speak>a &copy; b</speak>",
                "character 10: &copy; is not known",
            ),
            ("<speak>a", "character 9: it ends before </speak>"),
            (
                "<speak/> b",
                "character 9: there is text outside of <speak>",
            ),
        ] {
            assert_eq!(
                english(ssml).map_err(|error| error.to_string()),
                Err(error.to_owned()),
                "{ssml}"
            );
        }
        for ssml in [
            "<speak>a</p></speak>",
            "<speak",
            "<speak>&",
            "<p/>",
            "<speak/><speak/>",
        ] {
            assert!(english(ssml).is_err(), "{ssml}");
        }
    }

    #[test]
    fn text_and_ssml_are_told_apart() {
        assert!(is_ssml(" <speak>a</speak>") && is_ssml("<?xml version='1.0'?><speak/>"));
        assert!(!is_ssml("a < b") && !is_ssml(""));
    }
}
