//! Names of environments, and which of them are production-class.

use std::fmt;

use thiserror::Error;

const LONGEST_NAME: usize = 63;

/// A name that an environment can have. It becomes a folder's name, so it is letters, digits, `.`, `_`
/// and `-`, and begins with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(String);

/// A text that is no environment's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "an environment's name is letters, digits, '.', '_' and '-', begins with a letter or digit and has at most {LONGEST_NAME} characters"
)]
pub struct NotAnEnvironmentName;

impl EnvironmentName {
    /// Reads a name.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, NotAnEnvironmentName> {
        let follows = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= LONGEST_NAME && text.bytes().all(follows) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnEnvironmentName)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name alone makes the environment production-class.
    pub fn sounds_like_production(&self) -> bool {
        ["production", "prod"].into_iter().any(|name| {
            self.0.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_cannot_be_escaped() {
        for text in ["", ".", "..", "a/b", "../a", ".hidden", "a\\b", "a b", "ä", &"x".repeat(64)]
        {
            assert!(EnvironmentName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn production_is_a_whole_word() {
        let production = |name| EnvironmentName::parse(name).unwrap().sounds_like_production();
        assert!(
            ["production", "prod", "production-eu-west", "prod-2"]
                .map(production)
                .iter()
                .all(|yes| *yes)
        );
        assert!(
            !["products", "production2", "preprod", "staging"]
                .map(production)
                .iter()
                .any(|yes| *yes)
        );
    }
}
