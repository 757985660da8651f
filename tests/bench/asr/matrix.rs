//! What was said against what was understood, as a picture: one square for each condition.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::caller::Heard;
use super::held_out::{CONDITIONS, HeldOut, Kind};

const CELL: usize = 26;
/// Room for the words of the rows.
const LEFT: usize = 76;
const TOP: usize = 96;

/// An SVG file: rows are what was said, columns what was understood; the last is nothing.
pub fn svg(set: &HeldOut, heard: &[Heard]) -> String {
    let side = (set.grammar.len() + 1) * CELL;
    let (width, height) = (CONDITIONS.len() * (side + LEFT), TOP + side);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (at, condition) in CONDITIONS.iter().enumerate() {
        square(&mut svg, at * (side + LEFT) + LEFT, condition, set, heard);
    }
    svg.push_str("</svg>\n");
    svg
}

fn square(svg: &mut String, left: usize, condition: &str, set: &HeldOut, heard: &[Heard]) {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for (said, heard) in set.utterances.iter().zip(heard) {
        if said.kind == Kind::Word && said.condition == condition {
            let understood = heard.value.as_deref().unwrap_or_default();
            *counts.entry((&said.words, understood)).or_default() += 1;
        }
    }
    let all: usize = counts.values().sum();
    let right: usize = set
        .grammar
        .iter()
        .filter_map(|word| counts.get(&(word.as_str(), word.as_str())))
        .sum();
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"18\" font-size=\"14\">{condition}: {right} of {all} right</text>"
    );
    let columns = || set.grammar.iter().map(String::as_str).chain([""]);
    for (column, understood) in columns().enumerate() {
        let x = left + column * CELL + CELL / 2 + 4;
        let name = if understood.is_empty() {
            "nothing"
        } else {
            understood
        };
        let _ = writeln!(
            svg,
            "<text transform=\"translate({x} {}) rotate(-60)\">{}</text>",
            TOP - 6,
            escape(name)
        );
    }
    for (row, said) in set.grammar.iter().enumerate() {
        let y = TOP + row * CELL;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            left - 6,
            y + CELL / 2 + 4,
            escape(said)
        );
        let of_word: usize = columns()
            .filter_map(|word| counts.get(&(said.as_str(), word)))
            .sum();
        for (column, understood) in columns().enumerate() {
            let count = counts
                .get(&(said.as_str(), understood))
                .copied()
                .unwrap_or_default();
            let x = left + column * CELL;
            let colour = if understood == said {
                "#0072b2"
            } else {
                "#d55e00"
            };
            let opacity = 100 * count / of_word.max(1);
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" stroke=\"#ddd\" fill=\"{colour}\" \
                 fill-opacity=\"{}.{:02}\"/>",
                opacity / 100,
                opacity % 100
            );
            if count > 0 {
                let _ = writeln!(
                    svg,
                    "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{count}</text>",
                    x + CELL / 2,
                    y + CELL / 2 + 4
                );
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::super::held_out::Utterance;
    use super::*;

    #[test]
    fn every_answer_has_its_cell() {
        let said = |words: &str| Utterance {
            kind: Kind::Word,
            words: words.to_owned(),
            condition: "clean".to_owned(),
            samples: Vec::new(),
        };
        let heard = |value: Option<&str>| Heard {
            value: value.map(str::to_owned),
            ..Heard::default()
        };
        let set = HeldOut {
            utterances: vec![said("yes"), said("yes"), said("no"), said("no")],
            grammar: vec!["yes".to_owned(), "no".to_owned()],
        };
        let answers = [
            heard(Some("yes")),
            heard(None),
            heard(Some("no")),
            heard(Some("no")),
        ];
        let svg = svg(&set, &answers);
        assert!(svg.contains("clean: 3 of 4 right"), "{svg}");
        assert_eq!(svg.matches(">1<").count(), 2);
        assert_eq!(svg.matches(">2<").count(), 1);
        assert_eq!(svg.matches("fill-opacity=\"1.00\"").count(), 1);
        assert_eq!(svg.matches("fill-opacity=\"0.50\"").count(), 2);
    }
}
