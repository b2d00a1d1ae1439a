//! The rich databases: every kind of object and value that a dump must bring back.

use std::sync::{Mutex, PoisonError};

use super::{MariadbServer, PostgresServer};
use crate::repository;

/// Roles and users belong to the whole server: made once each, by one test at a time.
static ROLES: Mutex<()> = Mutex::new(());

impl PostgresServer {
    /// Makes the roles that the rich database speaks of; a restore on another server needs them as well.
    pub fn create_rich_roles(&self) {
        let _one_at_a_time = ROLES.lock().unwrap_or_else(PoisonError::into_inner);
        self.sql("postgres", &script("postgres/roles.sql"));
    }

    /// Loads the rich database into an empty one.
    pub fn load_rich(&self, database: &str) {
        self.create_rich_roles();
        self.sql(database, &script("postgres/rich.sql"));
    }
}

impl MariadbServer {
    /// Makes the users that the rich database speaks of; a restore on another server needs them as well.
    pub fn create_rich_users(&self) {
        let _one_at_a_time = ROLES.lock().unwrap_or_else(PoisonError::into_inner);
        self.sql("", &script("mysql/users.sql"));
    }

    /// Loads the rich database into an empty one.
    pub fn load_rich(&self, database: &str) {
        self.load_rich_without_odd_names(database);
        self.sql(database, &script("mysql/odd_names.sql"));
    }

    /// Loads the rich database without the tables whose names some tools cannot write.
    pub fn load_rich_without_odd_names(&self, database: &str) {
        self.create_rich_users();
        self.sql(database, &script("mysql/rich.sql"));
    }
}

fn script(name: &str) -> String {
    let path = repository().join("fixtures/databases").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
