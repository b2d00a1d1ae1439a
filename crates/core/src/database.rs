//! Which database an environment's URL means.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::secret::Secret;

/// A database that can be dumped, by engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseTarget {
    /// A SQLite file.
    Sqlite(SqliteDatabase),
}

/// A SQLite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteDatabase {
    /// The file, absolute and with links resolved.
    pub path: PathBuf,
}

impl DatabaseTarget {
    /// The engine's name in records.
    pub const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
        }
    }

    /// The database's name in records.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(database) => {
                database.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        }
    }

    /// What tells this database from every other, for locks on this machine.
    pub fn machine_identity(&self) -> String {
        match self {
            Self::Sqlite(database) => {
                crate::digest::of_parts(["sqlite", &database.path.to_string_lossy()])
            }
        }
    }

    /// What tells this database from the project's others, on every machine that has a checkout.
    pub fn project_identity(&self, root: &Path) -> String {
        match self {
            Self::Sqlite(database) => {
                let place = database.path.strip_prefix(root).unwrap_or(&database.path);
                crate::digest::of_parts(["sqlite", &place.to_string_lossy()])
            }
        }
    }
}

/// A database's URL by engine, its path not yet looked for.
#[derive(Clone, Debug)]
pub enum ParsedUrl {
    /// A SQLite file, as the URL spells its path.
    Sqlite {
        /// The path, relative to a folder that Prisma's version decides, or absolute.
        path: String,
        /// The values after `?`: nothing that SQLite needs, so anything may hide there.
        query_values: Vec<Secret>,
    },
    /// A server of a known engine.
    Server {
        /// The scheme.
        scheme: &'static str,
        /// The host, empty for a socket.
        host: String,
        /// The password as written.
        password: Option<Secret>,
        /// The values after `?` that nobody knows to be harmless.
        query_values: Vec<Secret>,
    },
}

impl ParsedUrl {
    /// Every part that must not be seen.
    pub fn secrets(&self) -> Vec<&str> {
        let (password, query) = match self {
            Self::Sqlite { query_values, .. } => (None, query_values),
            Self::Server { password, query_values, .. } => (password.as_ref(), query_values),
        };
        password.into_iter().chain(query).map(Secret::expose_secret).collect()
    }

    /// Whether the database is on this machine: a file, a socket or loopback.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Sqlite { .. } => true,
            Self::Server { host, .. } => {
                let host = host.trim_matches(['[', ']']);
                host.is_empty()
                    || host.eq_ignore_ascii_case("localhost")
                    || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// Reads a URL. The message never repeats it.
    ///
    /// # Errors
    /// The scheme is none that can be backed up.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let unsupported = |what: String| Error::UnsupportedDatabase { what };
        let url = url.trim();
        let (scheme, rest) = url
            .split_once(':')
            .ok_or_else(|| unsupported("the database URL has no scheme".to_owned()))?;
        match scheme.to_ascii_lowercase().as_str() {
            "file" => sqlite(rest),
            // Not Prisma's own spelling; the two slashes are no host here.
            "sqlite" => sqlite(rest.strip_prefix("//").unwrap_or(rest)),
            "postgres" | "postgresql" => server("postgresql", url),
            "mysql" => server("mysql", url),
            "mariadb" => server("mariadb", url),
            "prisma" | "prisma+postgres" => Err(unsupported(
                "a prisma:// URL leads to a proxy that cannot be dumped; name the variable of the direct URL"
                    .to_owned(),
            )),
            "sqlserver" | "mongodb" | "mongodb+srv" | "cockroachdb" | "jdbc" => {
                Err(unsupported(format!("{} databases", scheme.to_ascii_lowercase())))
            }
            _ => Err(unsupported("the database URL has an unknown scheme".to_owned())),
        }
    }
}

/// Parameters of Prisma, SQLite and libpq whose values are ordinary words; anything else may be a secret.
const HARMLESS_PARAMETERS: [&str; 12] = [
    "cache",
    "connect_timeout",
    "connection_limit",
    "host",
    "mode",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "socket_timeout",
    "sslaccept",
    "sslmode",
    "statement_cache_size",
];

fn sqlite(rest: &str) -> Result<ParsedUrl, Error> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(Error::UnsupportedDatabase {
            what: "a SQLite database in memory has no file to back up".to_owned(),
        });
    }
    let query_values = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or(("", pair)))
        .filter(|(name, _)| !HARMLESS_PARAMETERS.contains(name))
        .map(|(_, value)| Secret::new(value.to_owned()))
        .collect();
    Ok(ParsedUrl::Sqlite { path: path.to_owned(), query_values })
}

fn server(scheme: &'static str, url: &str) -> Result<ParsedUrl, Error> {
    let unreadable = || Error::UnsupportedDatabase {
        what: format!(
            "the {scheme} URL cannot be read; percent-encode special characters in user and password"
        ),
    };
    let url = url::Url::parse(url).map_err(|_| unreadable())?;
    Ok(ParsedUrl::Server {
        scheme,
        host: url.host_str().unwrap_or_default().to_owned(),
        password: url.password().map(|password| Secret::new(password.to_owned())),
        query_values: url
            .query_pairs()
            .filter(|(name, _)| !HARMLESS_PARAMETERS.contains(&name.as_ref()))
            .map(|(_, value)| Secret::new(value.into_owned()))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> String {
        match ParsedUrl::parse(url).unwrap() {
            ParsedUrl::Sqlite { path, .. } => path,
            other @ ParsedUrl::Server { .. } => panic!("{other:?}"),
        }
    }

    #[test]
    fn sqlite_has_many_spellings() {
        assert_eq!(path("file:./dev.db"), "./dev.db");
        assert_eq!(path("file:dev.db?connection_limit=1"), "dev.db");
        assert_eq!(path("file:///abs/dev.db"), "///abs/dev.db");
        assert_eq!(path("sqlite:dev.db"), "dev.db");
        assert_eq!(path("sqlite://dev.db"), "dev.db");
        assert_eq!(path("sqlite:///abs/dev.db"), "/abs/dev.db");
        assert_eq!(path("FILE:C D.db"), "C D.db");
    }

    #[test]
    fn servers_are_told_apart_by_place() {
        let local = |url| ParsedUrl::parse(url).unwrap().is_local();
        assert!(local("postgresql://u:p@localhost:5432/d"));
        assert!(local("postgresql://u:p@127.0.0.1/d"));
        assert!(local("postgresql://u:p@[::1]/d"));
        assert!(!local("mysql://u:p@db.example.com/d"));
    }

    #[test]
    fn what_cannot_be_backed_up_is_refused_without_repeating_it() {
        for url in [
            "prisma://x?api_key=hunter2",
            "sqlserver://hunter2",
            "hunter2",
            "file::memory:",
            "file:",
        ] {
            let error = ParsedUrl::parse(url).unwrap_err();
            assert!(matches!(error, Error::UnsupportedDatabase { .. }));
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
