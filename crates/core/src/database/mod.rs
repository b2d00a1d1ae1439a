//! Which database an environment's URL means.

mod libpq;
mod mysql;
mod parameters;
mod server_url;
mod target;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::secret::Secret;

pub use libpq::{LibpqEnvironment, MISLEADING_LIBPQ_VARIABLES};
pub use mysql::{MySqlConnection, MySqlEndpoint, MySqlTls, MySqlTlsMode};
pub use parameters::secrets_of as secrets_of_query;
pub use server_url::{HostAddress, ServerEngine, ServerUrl};
pub use target::{DatabaseTarget, ServerDatabase, SqliteDatabase};

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
    /// A server.
    Server(ServerUrl),
}

impl ParsedUrl {
    /// Every part that must not be seen.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Sqlite { query_values, .. } => {
                query_values.iter().map(Secret::expose_secret).collect()
            }
            Self::Server(url) => url.secrets().collect(),
        }
    }

    /// Whether the database is on this machine: a file, a socket or loopback.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Sqlite { .. } => true,
            Self::Server(url) => url.is_local(),
        }
    }

    /// Reads a URL. The message never repeats it.
    ///
    /// # Errors
    /// The scheme is none that can be backed up, or what follows cannot be read.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let unsupported = |what: String| Error::UnsupportedDatabase { what };
        let (scheme, rest) = url
            .trim()
            .split_once(':')
            .ok_or_else(|| unsupported("the database URL has no scheme".to_owned()))?;
        let server = |engine| ServerUrl::parse(engine, rest).map(Self::Server);
        match scheme.to_ascii_lowercase().as_str() {
            "file" => Self::sqlite(rest),
            // Not Prisma's own spelling; the two slashes are no host here.
            "sqlite" => Self::sqlite(rest.strip_prefix("//").unwrap_or(rest)),
            "postgres" | "postgresql" => server(ServerEngine::Postgres),
            "mysql" | "mariadb" => server(ServerEngine::MySql),
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

    /// Reads what follows the scheme of a SQLite URL, or a bare path.
    ///
    /// # Errors
    /// It names no file.
    pub fn sqlite(rest: &str) -> Result<Self, Error> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if path.is_empty() || path.starts_with(":memory:") {
            return Err(Error::UnsupportedDatabase {
                what: "a SQLite database in memory has no file to back up".to_owned(),
            });
        }
        Ok(Self::Sqlite { path: path.to_owned(), query_values: parameters::secrets_of(query) })
    }
}

/// Percent-decoded; what is no UTF-8 then stays as it was written, as in Prisma.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> String {
        match ParsedUrl::parse(url).unwrap() {
            ParsedUrl::Sqlite { path, .. } => path,
            other @ ParsedUrl::Server(_) => panic!("{other:?}"),
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
    fn servers_are_told_by_their_scheme() {
        for (url, engine) in [
            ("postgresql://u:p@h/d", ServerEngine::Postgres),
            ("postgres://u:p@h/d", ServerEngine::Postgres),
            ("PostgreSQL://u:p@h/d", ServerEngine::Postgres),
            (" mysql://u:p@h/d\n", ServerEngine::MySql),
            ("mariadb://u:p@h/d", ServerEngine::MySql),
        ] {
            let ParsedUrl::Server(found) = ParsedUrl::parse(url).unwrap() else { panic!("{url}") };
            assert_eq!((found.engine, found.database.as_str()), (engine, "d"), "{url}");
        }
    }

    #[test]
    fn servers_are_told_apart_by_place() {
        let local = |url| ParsedUrl::parse(url).unwrap().is_local();
        assert!(local("postgresql://u:p@localhost:5432/d"));
        assert!(local("postgresql://u:p@127.0.0.1/d"));
        assert!(local("postgresql://u:p@127.8.0.1/d"));
        assert!(local("postgresql://u:p@[::1]/d"));
        assert!(local("postgresql://u:p@[::ffff:127.0.0.1]/d"));
        assert!(local("postgresql:///d"));
        assert!(local("postgresql://u:p@db.example.com/d?host=/run/postgresql"));
        assert!(local("postgresql://u:p@%2Frun%2Fpostgresql/d"));
        assert!(local("postgresql://localhost,[::1],/d"));
        assert!(local("mysql://u:p@db.example.com/d?socket=/run/mysqld.sock"));
        assert!(!local("mysql://u:p@db.example.com/d"));
        assert!(!local("postgresql://u:p@localhost,db.example.com/d"));
        assert!(!local("postgresql://u:p@localhost/d?host=10.0.0.1"));
        assert!(!local("postgresql://u:p@localhost.example.com/d"));
    }

    #[test]
    fn what_cannot_be_backed_up_is_refused_without_repeating_it() {
        for url in [
            "prisma://x?api_key=hunter2",
            "prisma+postgres://x?api_key=hunter2",
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
