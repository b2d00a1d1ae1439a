//! What stands after the `?` of a database's URL.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// Parameters of Prisma, the drivers, libpq and SQLite whose values are ordinary words, numbers or paths,
/// as [`normalised`] spells them; the value of any other may be a secret.
const HARMLESS_PARAMETERS: [&str; 62] = [
    "applicationname",
    "cache",
    "channelbinding",
    "charset",
    "clientencoding",
    "collation",
    "connectionlimit",
    "connecttimeout",
    "dbname",
    "fallbackapplicationname",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "keepalivescount",
    "keepalivesidle",
    "keepalivesinterval",
    "krbsrvname",
    "loadbalancehosts",
    "maxconnectionlifetime",
    "maxidleconnectionlifetime",
    "mode",
    "passfile",
    "pgbouncer",
    "pooltimeout",
    "port",
    "prefersocket",
    "requireauth",
    "requirepeer",
    "requiressl",
    "schema",
    "singleuseconnections",
    "socket",
    "socketpath",
    "sockettimeout",
    "ssl",
    "sslaccept",
    "sslca",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslidentity",
    "sslkey",
    "sslmaxprotocolversion",
    "sslminprotocolversion",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "statementcachesize",
    "targetsessionattrs",
    "tcpusertimeout",
    "timezone",
    "tls",
    "unixsocket",
    "uselibpqcompat",
    "user",
    "username",
    "usessl",
    "vfs",
    "workaround",
];

/// Parameters that name files, as [`normalised`] spells them.
const FILE_PARAMETERS: [&str; 8] =
    ["passfile", "sslca", "sslcert", "sslcrl", "sslcrldir", "sslidentity", "sslkey", "sslrootcert"];

/// Not a file: libpq's word for the roots that the system trusts.
const SYSTEM_ROOTS: &str = "system";

/// A URL's parameters, in order. They cannot be printed: where a URL was not encoded, even a name may be
/// part of a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, Secret)>);

impl fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Parameters({})", self.0.len())
    }
}

impl Parameters {
    /// Reads a query, as Prisma does: `+` is a space, and what cannot be decoded stays as it is.
    pub(super) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (form_decoded(name), Secret::new(form_decoded(value)))
                })
                .collect(),
        )
    }

    /// A parameter's value, spelled as it is: of several the last. Empty is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.last(|given| given == name)
    }

    /// The same, whichever way its name is spelled: the drivers for MySQL differ in case, `-` and `_`.
    pub(super) fn get_by_any_spelling(&self, name: &str) -> Option<&str> {
        self.last(|given| normalised(given) == name)
    }

    fn last(&self, wanted: impl Fn(&str) -> bool) -> Option<&str> {
        let found = self.0.iter().rev().find(|(name, _)| wanted(name));
        found.map(|(_, value)| value.expose_secret()).filter(|value| !value.is_empty())
    }

    /// Makes the paths of certificates and keys absolute.
    pub(super) fn place_files(&mut self, place: impl Fn(&Path) -> PathBuf) {
        for (name, value) in &mut self.0 {
            let spelled = value.expose_secret();
            if FILE_PARAMETERS.contains(&normalised(name).as_str())
                && !spelled.is_empty()
                && spelled != SYSTEM_ROOTS
            {
                let placed = place(Path::new(spelled));
                *value = Secret::new(placed.to_string_lossy().into_owned());
            }
        }
    }
}

/// Every value of a query that nobody knows to be harmless, as written and decoded.
pub fn secrets_of(query: &str) -> Vec<Secret> {
    let mut found = BTreeSet::new();
    for pair in query.split('&') {
        // Without a name, the word itself may be the secret.
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        if !HARMLESS_PARAMETERS.contains(&normalised(&form_decoded(name)).as_str()) {
            let decoded = percent_decode_str(value).decode_utf8_lossy().into_owned();
            found.extend([value.to_owned(), decoded, form_decoded(value)]);
        }
    }
    found.into_iter().filter(|value| !value.is_empty()).map(Secret::new).collect()
}

/// A parameter's name as one of its spellings.
fn normalised(name: &str) -> String {
    name.chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_harmless_ones_is_spelled_as_it_is_looked_up() {
        for name in HARMLESS_PARAMETERS.iter().chain(&FILE_PARAMETERS) {
            assert_eq!(*name, normalised(name));
        }
        for name in ["password", "sslpassword", "options", "token", "apikey"] {
            assert!(!HARMLESS_PARAMETERS.contains(&name), "{name}");
        }
    }

    #[test]
    fn of_several_the_last_counts_and_an_empty_one_is_none() {
        let parameters = Parameters::parse("schema=a&schema=b%20c+d&empty=&flag&&ssl-mode=X");
        assert_eq!(parameters.get("schema"), Some("b c d"));
        assert_eq!(parameters.get("empty"), None);
        assert_eq!(parameters.get("flag"), None);
        assert_eq!(parameters.get_by_any_spelling("sslmode"), Some("X"));
    }

    #[test]
    fn what_may_be_a_secret_is_told_in_every_form() {
        let query = "schema=public&sslpassword=a%2Bb+c&odd=x%20y&bareword&sslMode=require";
        let secrets = secrets_of(query);
        let secrets: Vec<&str> = secrets.iter().map(Secret::expose_secret).collect();
        assert_eq!(secrets, ["a%2Bb+c", "a+b c", "a+b+c", "bareword", "x y", "x%20y"]);
    }

    #[test]
    fn files_become_absolute() {
        let mut parameters =
            Parameters::parse("sslcert=../ca.pem&sslrootcert=system&ssl-key=k.pem&schema=s");
        parameters.place_files(|path| Path::new("/project/prisma").join(path));
        assert_eq!(parameters.get("sslcert"), Some("/project/prisma/../ca.pem"));
        assert_eq!(parameters.get("sslrootcert"), Some("system"));
        assert_eq!(parameters.get("ssl-key"), Some("/project/prisma/k.pem"));
        assert_eq!(parameters.get("schema"), Some("s"));
    }
}
