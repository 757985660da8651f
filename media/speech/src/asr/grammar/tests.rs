use jiff::civil::date;

use super::*;

/// Kind, what was heard, and the value; `-` is none. The day is a Sunday, 2026-11-22.
const ENGLISH: &str = include_str!("../../../tests/asr/en.txt");
const MANDARIN: &str = include_str!("../../../tests/asr/zh.txt");

fn grammar(kind: &str) -> Grammar {
    match kind {
        "digits" => Grammar::Digits { min: 1, max: 12 },
        "four" => Grammar::Digits { min: 4, max: 4 },
        "number" => Grammar::Number,
        "yes-no" => Grammar::YesNo,
        "date" => Grammar::Date,
        _ => panic!("{kind}"),
    }
}

fn meaning(rules: &Rules, text: &str) -> Option<(usize, String)> {
    let words = text.split(' ').map(|word| Word {
        text: word.to_owned(),
        confidence: 1.0,
        ms: 300,
        joined: false,
    });
    rules.meaning(&words.collect::<Vec<_>>())
}

fn table(language: &str, table: &str) -> usize {
    let mut cases = 0;
    for line in table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [kind, text, value] = fields[..] else {
            panic!("{line}");
        };
        let rules = Rules::of(
            language,
            &[grammar(kind)],
            date(2026, 11, 22),
            &"models/en",
            None,
        )
        .unwrap();
        let wanted = (value != "-").then(|| (0, value.to_owned()));
        assert_eq!(meaning(&rules, text), wanted, "{line}");
        cases += 1;
        if wanted.is_some() {
            assert!(can_be_heard(&rules, text), "no pairs for {line}");
        }
    }
    cases
}

/// Has the engine's grammar each word, and each pair of words?
fn can_be_heard(rules: &Rules, text: &str) -> bool {
    let phrases = rules.phrases().unwrap();
    let dense = |word: &str| word.chars().next().unwrap().len_utf8() > 1;
    let cut = |text: &str| -> Vec<String> {
        let words = text.split(' ').flat_map(|word| match dense(word) {
            true => word.chars().map(String::from).collect(),
            false => vec![word.to_owned()],
        });
        words.collect()
    };
    let phrases: Vec<_> = phrases.iter().map(|phrase| cut(phrase)).collect();
    let words = cut(text);
    let has = |pair: &[String]| {
        phrases
            .iter()
            .any(|phrase| phrase.windows(pair.len()).any(|two| two == pair))
    };
    words.windows(2.min(words.len())).all(has)
}

#[test]
fn english_answers_have_their_values() {
    assert!(table("en-US", ENGLISH) >= 100);
}

#[test]
fn mandarin_answers_have_their_values() {
    assert!(table("zh-CN", MANDARIN) >= 100);
}

#[test]
fn the_first_grammar_that_fits_decides() {
    let grammars = [
        Grammar::YesNo,
        Grammar::Phrases(vec![
            Phrase::new("Yes"),
            Phrase::new("five"),
            Phrase::new("operator"),
        ]),
        Grammar::Number,
    ];
    let rules = Rules::of("en", &grammars, date(2026, 11, 22), &"models/en", None).unwrap();
    for (text, wanted) in [
        ("yes", Some((0, "yes"))),
        ("five", Some((1, "five"))),
        ("operator", Some((1, "operator"))),
        ("six", Some((2, "6"))),
        ("six yes", None),
    ] {
        let wanted = wanted.map(|(at, value)| (at, value.to_owned()));
        assert_eq!(meaning(&rules, text), wanted, "{text}");
    }
}

#[test]
fn a_type_needs_its_words_and_no_others() {
    let only =
        Vocabulary::of("zero one two three four five six seven eight nine yes no".split(' '));
    let of = |language, grammar| {
        let rules = Rules::of(
            language,
            &[grammar],
            date(2026, 11, 22),
            &"models/en",
            Some(&only),
        );
        rules.map(|rules| rules.phrases().unwrap().len())
    };
    // Ten digits and their pairs; "oh" and "double" are not known.
    assert_eq!(of("en", Grammar::Digits { min: 1, max: 4 }).unwrap(), 110);
    assert_eq!(of("en", Grammar::YesNo).unwrap(), 2);
    let AsrError::UnknownWords { words, .. } = of("en", Grammar::Date).unwrap_err() else {
        panic!("it has no months");
    };
    assert_eq!(words.len(), 12);
    let none = of("fr", Grammar::Number).unwrap_err();
    assert_eq!(
        none.to_string(),
        "there is no grammar number in the language \"fr\"; there is one in en and zh"
    );
    let wrong = of("en", Grammar::Digits { min: 5, max: 4 }).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "grammar 1: 5 to 4 digits are none; say at least 1"
    );
}

#[test]
fn breath_around_the_words_is_no_word() {
    let rules = Rules::of(
        "en",
        &[Grammar::YesNo],
        date(2026, 11, 22),
        &"models/en",
        None,
    )
    .unwrap();
    let word = |text: &str, ms| Word {
        text: text.to_owned(),
        confidence: 1.0,
        ms,
        joined: false,
    };
    let yes = Some((0, "yes".to_owned()));
    let breath = [word(UNKNOWN, 100), word("yes", 300), word(UNKNOWN, 60)];
    assert_eq!(rules.meaning(&breath), yes);
    assert_eq!(rules.meaning(&[word(UNKNOWN, 600), word("yes", 300)]), None);
    assert_eq!(rules.meaning(&[word(UNKNOWN, 100)]), None);
    assert_eq!(
        rules.meaning(&[word(UNKNOWN, 100), word(UNKNOWN, 100)]),
        None
    );
}

#[test]
fn a_part_of_another_word_is_no_word() {
    let grammar = Grammar::Phrases(vec![Phrase::new("four")]);
    let rules = Rules::of("en", &[grammar], date(2026, 11, 22), &"models/en", None).unwrap();
    let word = |text: &str, joined| Word {
        text: text.to_owned(),
        confidence: 1.0,
        ms: 150,
        joined,
    };
    let four = Some((0, "four".to_owned()));
    for (said, wanted) in [
        // "forty", and "four" before a breath.
        (vec![word("four", false), word(UNKNOWN, true)], None),
        (
            vec![word("four", false), word(UNKNOWN, false)],
            four.clone(),
        ),
        // "before", and a breath before "four".
        (vec![word(UNKNOWN, false), word("four", true)], None),
        (vec![word(UNKNOWN, false), word("four", false)], four),
    ] {
        assert_eq!(rules.meaning(&said), wanted, "{said:?}");
    }
}

#[test]
fn dictation_takes_what_was_understood() {
    let grammars = [Grammar::YesNo, Grammar::Dictation];
    let rules = Rules::of("en", &grammars, date(2026, 11, 22), &"models/en", None).unwrap();
    assert_eq!(rules.phrases(), None);
    for (heard, wanted) in [
        ("yes", Some((0, "yes"))),
        ("yes [unk] please call", Some((1, "yes please call"))),
        ("[unk]", None),
        ("", None),
    ] {
        let wanted = wanted.map(|(at, value)| (at, value.to_owned()));
        assert_eq!(meaning(&rules, heard), wanted, "{heard}");
    }
}
