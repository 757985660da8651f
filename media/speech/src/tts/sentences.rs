//! Sentences: speech begins when the first one is ready, and each is kept by itself.

/// The longest piece that is spoken at once, characters: a text without punctuation is cut at a blank.
const LONGEST: usize = 300;

/// Abbreviations whose full stop ends no sentence, in lower case.
const ABBREVIATIONS: [&str; 18] = [
    "mr", "mrs", "ms", "dr", "st", "no", "nr", "vs", "etc", "e.g", "i.e", "prof", "sr", "sra",
    "bzw", "z.b", "tel", "approx",
];

/// Cuts a text into sentences, in order, without the blanks around them.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        if ends(text.get(start..at).unwrap_or_default(), c, next) {
            let end = at + c.len_utf8();
            pieces.push(text.get(start..end).unwrap_or_default());
            start = end;
        }
    }
    pieces.push(text.get(start..).unwrap_or_default());
    let pieces = pieces.into_iter().flat_map(cut);
    pieces
        .map(str::trim)
        .filter(|piece| piece.chars().any(char::is_alphanumeric))
        .collect()
}

/// Does a sentence end at `c`, with `before` since its start?
fn ends(before: &str, c: char, next: Option<char>) -> bool {
    match c {
        // Chinese and Japanese have no blank after them.
        '。' | '！' | '？' | '；' | '…' | '\n' => true,
        '!' | '?' | ';' | '؟' | '।' => next.is_none_or(char::is_whitespace),
        '.' => {
            let word = before
                .rsplit(char::is_whitespace)
                .next()
                .unwrap_or_default()
                .to_lowercase();
            // "J. Smith" and "3. May" go on.
            let short = word.chars().count() <= 1 || word.chars().all(|c| c.is_ascii_digit());
            next.is_none()
                || next.is_some_and(char::is_whitespace)
                    && !short
                    && !ABBREVIATIONS.contains(&word.as_str())
        }
        _ => false,
    }
}

/// Cuts what is too long at its last comma or blank.
fn cut(mut piece: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while let Some((end, _)) = piece.char_indices().nth(LONGEST) {
        let head = piece.get(..end).unwrap_or_default();
        let at = (head.rfind(['，', '、', ',', ':', '：']))
            .or_else(|| head.rfind(char::is_whitespace))
            .map_or(end, |at| {
                at + head
                    .get(at..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8)
            });
        let (first, rest) = piece.split_at(at);
        pieces.push(first);
        piece = rest;
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_where_sentences_end() {
        for (text, expected) in [
            ("", vec![]),
            (" ... ", vec![]),
            ("Hello", vec!["Hello"]),
            (
                "Welcome. For sales, press 1! For help?",
                vec!["Welcome.", "For sales, press 1!", "For help?"],
            ),
            (
                "Dr. Smith pays 3.50 to J. Brown at 10.30. Bye.",
                vec!["Dr. Smith pays 3.50 to J. Brown at 10.30.", "Bye."],
            ),
            ("Am 3. Mai. Ende", vec!["Am 3. Mai.", "Ende"]),
            (
                "欢迎致电。销售请按一，客服请按零！再见",
                vec!["欢迎致电。", "销售请按一，客服请按零！", "再见"],
            ),
            ("one\ntwo", vec!["one", "two"]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_without_end_is_cut_at_a_blank() {
        let text = "word ".repeat(200);
        let pieces = sentences(&text);
        assert!(
            pieces
                .iter()
                .all(|piece| piece.chars().count() <= LONGEST && piece.ends_with("word"))
        );
        assert_eq!(pieces.join(" "), text.trim());
        let solid = "字".repeat(1000);
        assert_eq!(sentences(&solid).concat(), solid);
    }
}
