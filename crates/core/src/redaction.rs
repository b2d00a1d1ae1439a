//! Cleaning text that came from outside before anybody sees it.
//!
//! Two nets: the values known to be secret in this run, and whatever looks like a credential in a URL
//! or an assignment.

use crate::secret::Secret;

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// A shorter value is too likely to be an ordinary word to be cut out of every text.
const SHORTEST_SECRET: usize = 6;

/// Values that are defaults everywhere: cutting them out would garble texts and hide nothing.
const OPEN_SECRETS: [&str; 6] = ["postgres", "prisma", "mysql", "mariadb", "sqlite", "password"];

/// Knows the secrets of one run and cuts them out of texts.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
}

impl Redactor {
    /// Learns a secret, in the form it was written in and percent-decoded.
    pub fn learn(&mut self, value: &str) {
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        // A label becomes part of an id, in which only letters, digits and hyphens are left of it.
        let slug = crate::backup_id::suffix(Some(&decoded), None).unwrap_or_default();
        for form in [value.to_owned(), decoded, slug] {
            let known = self.secrets.iter().any(|secret| secret.expose_secret() == form);
            if form.len() >= SHORTEST_SECRET && !OPEN_SECRETS.contains(&form.as_str()) && !known {
                self.secrets.push(Secret::new(form));
            }
        }
        // The longest first, so that a secret within a secret leaves no rest.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// Learns the password in a URL's authority, whatever its scheme: `scheme://user:password@host`, also
    /// where characters that end the authority stand in it unencoded.
    pub fn learn_url(&mut self, url: &str) {
        // Some write the credentials without the slashes that belong before them.
        let rest = url.split_once("://").or_else(|| url.split_once(':'));
        let rest = rest.map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        for credentials in [authority, rest].map(|part| part.rsplit_once('@')) {
            let password = credentials.and_then(|(user, _)| user.split_once(':'));
            if let Some((_, password)) = password {
                self.learn(password);
            }
        }
    }

    /// Whether the text holds a known secret or looks like a credential.
    pub fn finds_secret_in(&self, text: &str) -> bool {
        self.clean(text) != text
    }

    /// The text without secrets.
    pub fn clean(&self, text: &str) -> String {
        let mut cleaned = text.to_owned();
        for secret in &self.secrets {
            if cleaned.contains(secret.expose_secret()) {
                cleaned = cleaned.replace(secret.expose_secret(), MASK);
            }
        }
        mask_assignments(&mask_url_credentials(&cleaned))
    }
}

/// `scheme://user:password@host` → `scheme://user:***@host`.
fn mask_url_credentials(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        cleaned.push_str(before);
        let end = after
            .find(|character: char| character.is_whitespace() || "/?#\"'<>".contains(character))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority
            .rsplit_once('@')
            .and_then(|(user, host)| Some((user.split_once(':')?.0, host)))
        {
            Some((user, host)) => cleaned.extend([user, ":", MASK, "@", host]),
            None => cleaned.push_str(authority),
        }
        rest = tail;
    }
    cleaned.push_str(rest);
    cleaned
}

/// `password=…` and its kin → `password=***`.
fn mask_assignments(text: &str) -> String {
    const NAMES: [&str; 9] = [
        "password=",
        "passwd=",
        "pwd=",
        "sslpassword=",
        "api_key=",
        "apikey=",
        "token=",
        "secret=",
        "key=",
    ];
    let lower = text.to_ascii_lowercase();
    let mut cleaned = String::with_capacity(text.len());
    let mut position = 0;
    while let Some((start, name)) = NAMES
        .iter()
        .filter_map(|name| Some((position + lower.get(position..)?.find(name)?, name)))
        .min_by_key(|(start, name)| (*start, std::cmp::Reverse(name.len())))
    {
        let value = start + name.len();
        let ends = |character: char| character.is_whitespace() || "&;,\"'".contains(character);
        let tail = text.get(value..).unwrap_or_default();
        cleaned.push_str(text.get(position..value).unwrap_or_default());
        cleaned.push_str(MASK);
        position = value + tail.find(ends).unwrap_or(tail.len());
    }
    cleaned.push_str(text.get(position..).unwrap_or_default());
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_secrets_go_in_both_forms() {
        let mut redactor = Redactor::default();
        redactor.learn("p%40ss%2Fword");
        assert_eq!(redactor.clean("a p@ss/word b p%40ss%2Fword c"), "a *** b *** c");
    }

    #[test]
    fn a_urls_password_is_learnt_with_and_without_slashes() {
        for url in ["sqlite://bob:hunter2secret@host/db", "sqlite:bob:hunter2secret@dev.db"] {
            let mut redactor = Redactor::default();
            redactor.learn_url(url);
            assert_eq!(
                redactor.clean("no such file: hunter2secret@dev.db"),
                "no such file: ***@dev.db"
            );
        }
    }

    #[test]
    fn a_password_that_was_not_encoded_is_learnt_whole() {
        for separator in ["/", "?", "#", "@"] {
            let password = format!("hunter{separator}2secret");
            let mut redactor = Redactor::default();
            redactor.learn_url(&format!("postgresql://app:{password}@db.example.com/shop"));
            assert_eq!(redactor.clean(&format!("see {password} here")), "see *** here");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        let mut redactor = Redactor::default();
        redactor.learn("postgres");
        redactor.learn("dev");
        assert_eq!(redactor.clean("postgres on dev"), "postgres on dev");
    }

    #[test]
    fn credentials_are_seen_by_their_shape() {
        let redactor = Redactor::default();
        assert_eq!(
            redactor.clean("at postgres://u:s3:c@ret@h:5432/d?password=x&a=b, Password=y"),
            "at postgres://u:***@h:5432/d?password=***&a=b, Password=***"
        );
        assert_eq!(redactor.clean("file:./dev.db?Pwd=abc"), "file:./dev.db?Pwd=***");
        assert_eq!(redactor.clean("http://host/a@b:c"), "http://host/a@b:c");
    }

    proptest! {
        #[test]
        fn a_secret_never_survives(
            before in "\\PC{0,20}", after in "\\PC{0,20}", secret in "[a-zA-Z0-9/&?=@:;ä]{6,30}"
        ) {
            let mut redactor = Redactor::default();
            redactor.learn(&secret);
            prop_assume!(!OPEN_SECRETS.contains(&secret.as_str()));
            let cleaned = redactor.clean(&format!("{before}{secret}{after}"));
            prop_assert!(!cleaned.contains(&secret));
        }

        #[test]
        fn cleaning_never_panics(text in "\\PC{0,200}") {
            Redactor::default().clean(&text);
        }
    }
}
