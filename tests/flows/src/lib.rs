//! What several of the test flows need.

use std::str::FromStr;

use vireo_sdk::prelude::*;

/// A route parameter, parsed; the default when the route does not give it.
///
/// # Errors
///
/// `Invalid` when it does not parse.
pub fn parameter<T: FromStr>(call: &Call, name: &str, default: T) -> Result<T> {
    match call.parameter(name) {
        None => Ok(default),
        Some(value) => value
            .parse()
            .map_err(|_| Error::Invalid(format!("parameter `{name}` is {value:?}"))),
    }
}

/// A route parameter that lists things with commas between.
pub fn list(call: &Call, name: &str) -> Vec<String> {
    let values = call.parameter(name).unwrap_or_default().split(',');
    values
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every key as a file: "42#" is `digits/4`, `digits/2`, `digits/hash`.
pub fn spelled(keys: &str) -> Prompt {
    keys.chars()
        .map(|key| match key {
            '*' => "digits/star".to_owned(),
            '#' => "digits/hash".to_owned(),
            other => format!("digits/{other}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_file() {
        let files = ["digits/4", "digits/2", "digits/star", "digits/hash"];
        assert_eq!(spelled("42*#"), Prompt::from(files));
        assert!(spelled("").is_empty());
    }
}
