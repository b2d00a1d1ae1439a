//! What a script holds.

use std::collections::{BTreeMap, BTreeSet};

use super::create::{Created, Kind};
use super::migrations::{MigrationColumns, MigrationRow};

/// What the dump of one database holds, by the names of its objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScriptContents {
    /// The rows inserted, by table; a table that is created without rows is there with 0.
    pub(crate) rows: BTreeMap<String, u64>,
    /// Views in full. What stands in for one until all tables are there does not count.
    pub(crate) views: BTreeSet<String>,
    /// Triggers.
    pub(crate) triggers: BTreeSet<String>,
    /// Stored procedures.
    pub(crate) procedures: BTreeSet<String>,
    /// Stored functions.
    pub(crate) functions: BTreeSet<String>,
    /// MariaDB's packages.
    pub(crate) packages: BTreeSet<String>,
    /// The bodies of MariaDB's packages.
    pub(crate) package_bodies: BTreeSet<String>,
    /// Events.
    pub(crate) events: BTreeSet<String>,
    /// MariaDB's sequences, also where a tool treats them as tables.
    pub(crate) sequences: BTreeSet<String>,
    /// The rows of Prisma's migrations table, in the dump's order.
    pub(crate) migrations: Vec<MigrationRow>,
    /// Where that table has its columns; none if it is not created here or not Prisma's.
    pub(crate) migration_columns: Option<MigrationColumns>,
    /// Lines by which the tool says that it left something out.
    pub(crate) insufficient: Vec<String>,
}

impl ScriptContents {
    /// Adds what another file of the same dump holds.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (table, rows) in other.rows {
            *self.rows.entry(table).or_default() += rows;
        }
        self.views.extend(other.views);
        self.triggers.extend(other.triggers);
        self.procedures.extend(other.procedures);
        self.functions.extend(other.functions);
        self.packages.extend(other.packages);
        self.package_bodies.extend(other.package_bodies);
        self.events.extend(other.events);
        self.sequences.extend(other.sequences);
        self.migrations.extend(other.migrations);
        self.migration_columns = self.migration_columns.or(other.migration_columns);
        self.insufficient.extend(other.insufficient);
        self.leave_only_tables();
    }

    pub(super) fn create(&mut self, created: Created) {
        let objects = match created.kind {
            Kind::Table => {
                self.rows.entry(created.name).or_default();
                return;
            }
            Kind::View => &mut self.views,
            Kind::Trigger => &mut self.triggers,
            Kind::Procedure => &mut self.procedures,
            Kind::Function => &mut self.functions,
            Kind::Package => &mut self.packages,
            Kind::PackageBody => &mut self.package_bodies,
            Kind::Event => &mut self.events,
            Kind::Sequence => &mut self.sequences,
        };
        objects.insert(created.name);
    }

    /// Takes away the rows of what is no table: one that stood in for a view, or a sequence's single row.
    pub(super) fn leave_only_tables(&mut self) {
        let Self { rows, views, sequences, .. } = self;
        rows.retain(|name, _| !views.contains(name) && !sequences.contains(name));
    }
}
