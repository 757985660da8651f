//! Words of a text, and a text of words, with spaces between words and without.

use super::super::Vocabulary;

/// Is it written without spaces between words? Chinese characters, and Japanese kana.
fn is_dense(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
}

/// The words of a text in lower case, without punctuation; what is written without spaces is one word.
pub fn of(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars() {
        let kind = if is_dense(c) {
            Some(true)
        } else {
            (c.is_alphanumeric() || matches!(c, '\'' | '’')).then_some(false)
        };
        if let Some(dense) = kind {
            if last != Some(dense) {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                match c {
                    '’' => word.push('\''),
                    c => word.extend(c.to_lowercase()),
                }
            }
        }
        last = kind;
    }
    words.retain(|word| word.chars().any(char::is_alphanumeric));
    words
}

/// The words as a text, with spaces where the writing has them.
pub fn joined(words: &[&str]) -> String {
    let mut text = String::new();
    for word in words {
        let dense = |c: Option<char>| c.is_some_and(is_dense);
        let together = dense(text.chars().next_back()) && dense(word.chars().next());
        if !text.is_empty() && !together {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// A word of [`of`] as words of the model: what is written without spaces is cut into the longest that it
/// knows.
///
/// # Errors
/// What it does not know.
pub fn split(word: &str, vocabulary: Option<&Vocabulary>) -> Result<Vec<String>, String> {
    let Some(vocabulary) = vocabulary else {
        return Ok(vec![word.to_owned()]);
    };
    if vocabulary.knows(word) {
        return Ok(vec![word.to_owned()]);
    }
    let unknown = || word.to_owned();
    if !word.chars().all(is_dense) {
        return Err(unknown());
    }
    let mut parts = Vec::new();
    let mut rest = word;
    while !rest.is_empty() {
        let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let longest = ends.rev().filter_map(|end| rest.split_at_checked(end));
        let (part, after) = longest
            .into_iter()
            .find(|(part, _)| vocabulary.knows(part))
            .ok_or_else(unknown)?;
        parts.push(part.to_owned());
        rest = after;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_no_case_and_no_punctuation() {
        assert_eq!(of("Main-Menu, please!"), ["main", "menu", "please"]);
        assert_eq!(of("It’s 5 o'clock"), ["it's", "5", "o'clock"]);
        assert_eq!(of("我要查天气。OK"), ["我要查天气", "ok"]);
        assert!(of(" '?! ").is_empty());
    }

    #[test]
    fn what_is_written_together_is_joined_together() {
        assert_eq!(joined(&["main", "menu"]), "main menu");
        assert_eq!(joined(&["我", "要", "天气"]), "我要天气");
        assert_eq!(joined(&["天气", "ok", "好"]), "天气 ok 好");
    }

    #[test]
    fn the_longest_known_words_are_taken() {
        let vocabulary = Vocabulary::of(["主菜单", "主", "菜", "单", "天气", "menu"]);
        let split = |word| split(word, Some(&vocabulary));
        assert_eq!(split("主菜单天气").unwrap(), ["主菜单", "天气"]);
        assert_eq!(split("主菜天气").unwrap(), ["主", "菜", "天气"]);
        assert_eq!(split("menu").unwrap(), ["menu"]);
        assert_eq!(split("menus"), Err("menus".to_owned()));
        assert_eq!(split("主天"), Err("主天".to_owned()));
    }
}
