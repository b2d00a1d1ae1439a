//! A database that can be dumped, and what tells it from every other.

use std::path::{Path, PathBuf};

use super::server_url::ServerUrl;

/// A database that can be dumped, by engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseTarget {
    /// A SQLite file.
    Sqlite(SqliteDatabase),
    /// A database of a PostgreSQL server.
    Postgres(ServerDatabase),
    /// A database of a MySQL or MariaDB server.
    MySql(ServerDatabase),
}

/// A SQLite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteDatabase {
    /// The file, absolute and with links resolved.
    pub path: PathBuf,
}

/// A database of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDatabase {
    /// Where dumps are read from: the direct URL where the environment has one of its own, else its URL.
    pub connection: ServerUrl,
    /// The environment's own URL where `connection` is the direct one. Both name the same database; that
    /// they lead to the same one, only the servers can say.
    pub pooled: Option<ServerUrl>,
    /// The variable that holds the environment's own URL, for advice.
    pub variable: String,
    /// The variable that holds the direct URL, where that is `connection`.
    pub direct_variable: Option<String>,
}

impl ServerDatabase {
    /// The environment's own URL: what the application connects with.
    pub fn own_url(&self) -> &ServerUrl {
        self.pooled.as_ref().unwrap_or(&self.connection)
    }

    /// The variable that holds the URL of `connection`.
    pub fn connection_variable(&self) -> &str {
        self.direct_variable.as_deref().unwrap_or(&self.variable)
    }

    /// Prisma's `schema=`, in which its migrations table is, where a URL says it.
    pub fn schema(&self) -> Option<&str> {
        self.own_url().schema.as_deref().or(self.connection.schema.as_deref())
    }
}

impl DatabaseTarget {
    /// Prisma's `schema=`, in which its migrations table is, where a server's URL says it.
    pub fn schema(&self) -> Option<&str> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(database) | Self::MySql(database) => database.schema(),
        }
    }

    /// The engine's name in records.
    pub const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::MySql(_) => "mysql",
        }
    }

    /// The database's name in records.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(database) => {
                database.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Self::Postgres(database) | Self::MySql(database) => database.own_url().database.clone(),
        }
    }

    /// What tells this database from every other, for locks on this machine. MySQL may take names that differ only in
    /// case for one; where it does not, two of them wait for each other.
    pub fn machine_identity(&self) -> String {
        match self {
            Self::Sqlite(database) => {
                crate::digest::of_parts(["sqlite", &database.path.to_string_lossy()])
            }
            Self::Postgres(database) => database.own_url().identity(),
            Self::MySql(database) => database.own_url().caseless_identity(),
        }
    }

    /// What tells this database from the project's others, on every machine that has a checkout.
    pub fn project_identity(&self, root: &Path) -> String {
        match self {
            Self::Sqlite(database) => {
                let place = database.path.strip_prefix(root).unwrap_or(&database.path);
                crate::digest::of_parts(["sqlite", &place.to_string_lossy()])
            }
            Self::Postgres(database) | Self::MySql(database) => database.own_url().identity(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{ParsedUrl, ServerEngine};

    fn target(url: &str) -> DatabaseTarget {
        let ParsedUrl::Server(connection) = ParsedUrl::parse(url).unwrap() else { panic!("{url}") };
        let engine = connection.engine;
        let variable = "APP_URL".to_owned();
        let database = ServerDatabase { connection, pooled: None, variable, direct_variable: None };
        match engine {
            ServerEngine::Postgres => DatabaseTarget::Postgres(database),
            ServerEngine::MySql => DatabaseTarget::MySql(database),
        }
    }

    fn identity(url: &str) -> String {
        let target = target(url);
        assert_eq!(target.machine_identity(), target.project_identity(Path::new("/anywhere")));
        target.machine_identity()
    }

    #[test]
    fn one_database_has_one_identity_however_it_is_spelled() {
        let one = identity("postgresql://u:p@db.example.com:5432/shop");
        for url in [
            "postgres://other:secret@DB.example.com/shop?schema=x&sslmode=require",
            "postgresql://db.example.com./shop",
            "postgresql://u@db.example.com/%73hop",
        ] {
            assert_eq!(identity(url), one, "{url}");
        }
        assert_eq!(
            identity("postgresql://b,[2001:DB8:0::1],a:5432/d"),
            identity("postgresql://A,B:5432,[2001:db8::1]/d")
        );
        assert_eq!(
            identity("postgresql://u@%2Frun%2Fpg/d"),
            identity("postgresql://localhost:5432/d?host=/run/pg")
        );
        assert_eq!(identity("mysql://h/d"), identity("mariadb://h:3306/d"));
    }

    #[test]
    fn mysql_may_take_two_spellings_for_one_name() {
        let root = Path::new("/anywhere");
        let [one, other] = ["mysql://h/Shop", "mysql://h/SHOP"].map(target);
        assert_eq!(one.machine_identity(), other.machine_identity());
        assert_ne!(one.project_identity(root), other.project_identity(root));
    }

    #[test]
    fn others_have_others() {
        let urls = [
            "postgresql://h/d",
            "postgresql://h/D",
            "postgresql://h:5433/d",
            "postgresql://h,i/d",
            "mysql://h:5432/d",
            "mysql://h/d",
            "postgresql:///d?host=/run/pg",
            "postgresql://:5433/d?host=/run/pg",
            "postgresql:///d?host=/RUN/pg",
        ];
        let identities: std::collections::BTreeSet<String> = urls.map(identity).into();
        assert_eq!(identities.len(), urls.len());
    }

    #[test]
    fn the_applications_own_url_is_the_one_that_counts() {
        let DatabaseTarget::Postgres(own) = target("postgresql://pool:6543/shop?schema=app") else {
            panic!()
        };
        let DatabaseTarget::Postgres(direct) = target("postgresql://direct/shop") else { panic!() };
        let both = DatabaseTarget::Postgres(ServerDatabase {
            pooled: Some(own.connection.clone()),
            direct_variable: Some("DIRECT_URL".to_owned()),
            ..direct
        });
        assert_eq!(both.machine_identity(), DatabaseTarget::Postgres(own).machine_identity());
        assert_eq!(both.name(), "shop");
        let DatabaseTarget::Postgres(both) = both else { panic!() };
        assert_eq!(both.schema(), Some("app"));
        assert_eq!(both.connection_variable(), "DIRECT_URL");
    }
}
