//! Settings and secrets that the operator gives to a flow.

use std::fmt;
use std::str::FromStr;

use crate::host::settings as wit;
use crate::{Error, Result};

/// A value of the flow's `[flows.<name>.settings]`; `None` when it is not there.
#[must_use]
pub fn get(key: &str) -> Option<String> {
    wit::get(key)
}

/// A setting as a number, a boolean, or whatever parses; `None` when it is not there.
///
/// # Errors
///
/// [`Error::Invalid`] when it does not parse; the text names the setting.
pub fn parse<T: FromStr>(key: &str) -> Result<Option<T>> {
    get(key).map(|value| parse_value(key, &value)).transpose()
}

fn parse_value<T: FromStr>(key: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| {
        Error::Invalid(format!(
            "setting `{key}` is {value:?}, which is no {}",
            type_name::<T>()
        ))
    })
}

/// `u32` rather than `core::primitive::u32`.
fn type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// A secret by the name under which the flow was granted it.
///
/// # Errors
///
/// [`Error::Denied`] without the grant, [`Error::NotFound`] when the server has no such secret.
pub fn secret(name: &str) -> Result<Secret> {
    Ok(Secret(wit::secret(name)?))
}

/// A secret. It does not show itself in logs and panics.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_does_not_parse_is_named() {
        assert_eq!(parse_value::<u8>("attempts", "3"), Ok(3));
        assert_eq!(
            parse_value::<u8>("attempts", "many"),
            Err(Error::Invalid(
                "setting `attempts` is \"many\", which is no u8".into()
            ))
        );
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret("hunter2".into());
        assert_eq!(
            (format!("{secret:?}").as_str(), secret.expose()),
            ("Secret(..)", "hunter2")
        );
    }
}
