//! Tokens: a plan that was shown, signed, so that the yes can only be a yes to that plan.
//!
//! A token is `<expiry>.<nonce>.<signature>`: expiry in seconds since 1970, the nonce 16 and the signature
//! 64 hexadecimal digits. The signature is HMAC-SHA-256 under the project's own key over expiry, nonce and
//! everything that the yes is bound to.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::digest::hexadecimal;
use crate::error::Error;
use crate::run::RunId;
use crate::secret::Secret;
use crate::storage;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 8;
/// How long a used token is remembered after it expired: thirty days.
const FORGET_AFTER_SECONDS: i64 = 30 * 24 * 60 * 60;

/// What a yes is bound to, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound(Vec<String>);

impl Bound {
    /// Binds to these parts, in this order.
    pub fn to(parts: impl IntoIterator<Item = String>) -> Self {
        Self(parts.into_iter().collect())
    }

    fn digest(&self) -> String {
        crate::digest::of_parts(self.0.iter().map(String::as_str))
    }
}

/// A project's tokens: its key, and the tokens that were used.
#[derive(Debug)]
pub struct Confirmations {
    key: Secret,
    used: PathBuf,
}

/// A token that was checked and not used yet.
#[derive(Debug, PartialEq, Eq)]
pub struct CheckedToken {
    expires: i64,
    nonce: String,
}

impl Confirmations {
    /// Opens a project's tokens, making its key the first time.
    ///
    /// # Errors
    /// The key cannot be read or made.
    pub fn open(state: &Path, run: &RunId) -> Result<Self, Error> {
        let path = state.join(".confirmation-key");
        let failed = |error| Error::storage("use", &path, error);
        let read = || std::fs::read_to_string(&path);
        let key = match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_key(state, &path, run)?;
                read().map_err(failed)?
            }
            other => other.map_err(failed)?,
        };
        if key.len() != KEY_BYTES * 2 {
            return Err(failed(io::Error::other("not a key of this program")));
        }
        Ok(Self { key: Secret::new(key), used: state.join(".confirmations-used") })
    }

    /// A token for a plan, and until when it is good.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn issue(
        &self,
        bound: &Bound,
        now: DateTime<Utc>,
        seconds: u32,
    ) -> Result<(String, DateTime<Utc>), Error> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(Error::internal)?;
        let nonce = hexadecimal(&nonce);
        let expires = now + TimeDelta::seconds(i64::from(seconds));
        let signature =
            hexadecimal(&self.mac(expires.timestamp(), &nonce, bound)?.finalize().into_bytes());
        Ok((format!("{}.{nonce}.{signature}", expires.timestamp()), expires))
    }

    /// Checks a token against the plan as it is now.
    ///
    /// # Errors
    /// [`Error::ConfirmationInvalid`] says what is wrong with it.
    pub fn check(
        &self,
        token: &str,
        bound: &Bound,
        now: DateTime<Utc>,
    ) -> Result<CheckedToken, Error> {
        let invalid = |reason| Error::ConfirmationInvalid { reason };
        let mut parts = token.split('.');
        let (Some(expires), Some(nonce), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid("it is not a token of this program"));
        };
        let expires: i64 =
            expires.parse().map_err(|_| invalid("it is not a token of this program"))?;
        let signature = from_hexadecimal(signature)
            .ok_or_else(|| invalid("it is not a token of this program"))?;
        self.mac(expires, nonce, bound)?
            .verify_slice(&signature)
            .map_err(|_| invalid("it belongs to another request, or the plan has changed since"))?;
        if now.timestamp() >= expires {
            return Err(invalid("it has expired"));
        }
        if self.used.join(format!("{expires}.{nonce}")).exists() {
            return Err(invalid("it was used before"));
        }
        Ok(CheckedToken { expires, nonce: nonce.to_owned() })
    }

    /// Records that a token was used, before what it allows is done: as an empty file, which is created
    /// once and needs no room on a full disk.
    ///
    /// # Errors
    /// It was used before, or that cannot be recorded; what it allows must then not be done.
    pub fn use_up(&self, token: &CheckedToken, now: DateTime<Utc>) -> Result<(), Error> {
        let failed = |error| Error::storage("write", &self.used, error);
        storage::create_folder(&self.used).map_err(failed)?;
        let path = self.used.join(format!("{}.{}", token.expires, token.nonce));
        match storage::create_new(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::ConfirmationInvalid { reason: "it was used before" });
            }
            Err(error) => return Err(failed(error)),
        }
        storage::sync_folder(&self.used).map_err(failed)?;
        self.forget_expired(now);
        Ok(())
    }

    /// Tokens that expired long ago: a clock that jumped back must not make one good again.
    fn forget_expired(&self, now: DateTime<Utc>) {
        let long_ago = now.timestamp() - FORGET_AFTER_SECONDS;
        for entry in std::fs::read_dir(&self.used).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let expires = name.split('.').next().and_then(|seconds| seconds.parse::<i64>().ok());
            if expires.is_some_and(|expires| expires < long_ago) {
                // One that stays is only an empty file too many.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn mac(&self, expires: i64, nonce: &str, bound: &Bound) -> Result<Hmac<Sha256>, Error> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes())
            .map_err(Error::internal)?;
        mac.update(format!("{expires}.{nonce}.{}", bound.digest()).as_bytes());
        Ok(mac)
    }
}

fn make_key(state: &Path, path: &Path, run: &RunId) -> Result<(), Error> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(Error::internal)?;
    storage::create_folder(state).map_err(|error| Error::creating_in(state, error))?;
    match storage::write_new_file(path, hexadecimal(&key).as_bytes(), run) {
        Ok(()) => Ok(()),
        // Another process was first; its key is the project's.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::creating_in(state, error)),
    }
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn bound(part: &str) -> Bound {
        Bound::to([part.to_owned()])
    }

    #[test]
    fn a_yes_is_a_yes_to_one_plan_for_a_while() {
        let state = tempfile::tempdir().unwrap();
        let now: DateTime<Utc> = "2025-01-24T14:00:00Z".parse().unwrap();
        let tokens = Confirmations::open(state.path(), &RunId::random().unwrap()).unwrap();
        let (token, expires) = tokens.issue(&bound("a"), now, 600).unwrap();
        assert_eq!(expires - now, TimeDelta::seconds(600));
        let again = Confirmations::open(state.path(), &RunId::random().unwrap()).unwrap();
        again.check(&token, &bound("a"), now).unwrap();
        let reason = |result: Result<CheckedToken, Error>| result.unwrap_err().to_string();
        assert!(reason(again.check(&token, &bound("b"), now)).contains("another request"));
        assert!(reason(again.check(&token, &bound("a"), expires)).contains("expired"));
        assert!(reason(again.check("1.2", &bound("a"), now)).contains("not a token"));
        let later = token.replacen(|c: char| c.is_ascii_digit(), "9", 1);
        assert!(reason(again.check(&later, &bound("a"), now)).contains("another request"));
    }

    #[test]
    fn the_key_is_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        Confirmations::open(state.path(), &RunId::random().unwrap()).unwrap();
        let mode = state.path().join(".confirmation-key").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
