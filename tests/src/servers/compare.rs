//! Two databases, compared: their schemas as the plain tools dump them, and every table's content.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::process::Command;

use super::client::succeed;
use super::mariadb::identifier;
use super::postgres::literal;
use super::{MariadbServer, PostgresServer};

/// How many lines of a difference are shown.
const SHOWN: usize = 60;

/// In what two databases differ; printed, it can be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences(Vec<String>);

impl Differences {
    /// Whether the two are the same.
    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn between(schemas: [&str; 2], contents: [&BTreeMap<String, String>; 2]) -> Self {
        let mut found = Self::default();
        if schemas[0] != schemas[1] {
            found.0.push(line_difference(schemas));
        }
        let [left, right] = contents;
        let names = left.keys().chain(right.keys()).collect::<std::collections::BTreeSet<_>>();
        for name in names {
            let told = [left.get(name), right.get(name)];
            if told[0] != told[1] {
                let [left, right] =
                    told.map(|told| told.map_or("is not there", |content| content.as_str()));
                found.0.push(format!("{name}: {left} | {right}"));
            }
        }
        found
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

/// The lines in which two texts differ, as `diff` tells them.
fn line_difference(texts: [&str; 2]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["left", "right"].map(|name| folder.path().join(name));
    for (path, text) in paths.iter().zip(texts) {
        std::fs::write(path, text).unwrap();
    }
    let output = Command::new("diff").arg("-u").args(&paths).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    told.lines().skip(2).take(SHOWN).collect::<Vec<_>>().join("\n")
}

impl PostgresServer {
    /// Fails, readably, unless a database is the same as another, here or on another server.
    pub fn assert_same(&self, database: &str, other: &Self, other_database: &str) {
        let found = self.differences(database, other, other_database);
        assert!(found.are_none(), "{database} | {other_database}:\n{found}");
    }

    /// In what a database differs from another, here or on another server: schema, rows, sequences, large
    /// objects. The order of rows does not count.
    pub fn differences(&self, database: &str, other: &Self, other_database: &str) -> Differences {
        let schemas = [self.schema(database), other.schema(other_database)];
        let contents = [self.content(database), other.content(other_database)];
        Differences::between([&schemas[0], &schemas[1]], [&contents[0], &contents[1]])
    }

    /// The schema as `pg_dump` tells it, without what differs from dump to dump.
    pub fn schema(&self, database: &str) -> String {
        let mut dump = self.client("pg_dump", database);
        dump.arg("--schema-only");
        let text = succeed(&mut dump);
        // The token that keeps a dump from being tampered with is drawn for every dump.
        let is_kept =
            |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        text.lines().filter(is_kept).fold(String::new(), |text, line| text + line + "\n")
    }

    /// The exact number of rows of every table that has rows of its own: ordinary tables, leaf partitions,
    /// filled materialized views.
    pub fn row_counts(&self, database: &str) -> BTreeMap<String, u64> {
        counts(self.content(database))
    }

    /// What is in every table, sequence and large object: counts and digests.
    pub fn content(&self, database: &str) -> BTreeMap<String, String> {
        let tables = self.query(
            database,
            "SELECT format('%I.%I', nspname, relname) \
             FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
             WHERE relkind IN ('r', 'm') AND relispopulated \
             AND nspname != 'information_schema' AND nspname NOT LIKE 'pg\\_%' ORDER BY 1",
        );
        let mut questions: Vec<String> = tables
            .into_iter()
            .map(|mut row| {
                let table = row.remove(0).unwrap();
                // The sum knows no order; 48 bits of a digest a row are enough to see a difference.
                format!(
                    "SELECT {}, count(*) || ' rows, digest ' || coalesce(sum(('x' || \
                     left(md5(\"~row\"::text), 12))::bit(48)::bigint), 0) FROM ONLY {table} AS \"~row\"",
                    literal(&table)
                )
            })
            .collect();
        questions.push(
            "SELECT format('sequence %I.%I', schemaname, sequencename), \
             coalesce('at ' || last_value, 'unused') FROM pg_sequences"
                .to_owned(),
        );
        questions.push(
            "SELECT 'large object ' || oid, format('%s %s %s', lomowner::regrole, lomacl, \
             md5(lo_get(oid))) FROM pg_largeobject_metadata"
                .to_owned(),
        );
        let rows = self.query(database, &questions.join("\nUNION ALL "));
        rows.into_iter().map(pair).collect()
    }
}

impl MariadbServer {
    /// Fails, readably, unless a database is the same as another, here or on another server.
    pub fn assert_same(&self, database: &str, other: &Self, other_database: &str) {
        let found = self.differences(database, other, other_database);
        assert!(found.are_none(), "{database} | {other_database}:\n{found}");
    }

    /// In what a database differs from another, here or on another server: schema, rows, sequences. The
    /// order of rows does not count.
    pub fn differences(&self, database: &str, other: &Self, other_database: &str) -> Differences {
        let schemas = [self.schema(database), other.schema(other_database)];
        let contents = [self.content(database), other.content(other_database)];
        Differences::between([&schemas[0], &schemas[1]], [&contents[0], &contents[1]])
    }

    /// The schema as `mariadb-dump` tells it, without what differs from dump to dump.
    pub fn schema(&self, database: &str) -> String {
        let mut dump = self.bare_client("mariadb-dump");
        dump.args(["--no-data", "--routines", "--events", "--triggers", "--skip-comments"]);
        // The server locks no view whose definer is gone.
        dump.args(["--skip-lock-tables", "--", database]);
        succeed(&mut dump)
    }

    /// The exact number of rows of every table.
    pub fn row_counts(&self, database: &str) -> BTreeMap<String, u64> {
        counts(self.content(database))
    }

    /// What is in every table and sequence: counts and checksums.
    pub fn content(&self, database: &str) -> BTreeMap<String, String> {
        let names = |kind: &str| -> Vec<String> {
            let question = format!(
                "SELECT table_name FROM information_schema.tables WHERE table_type = '{kind}' AND \
                 table_schema = {} ORDER BY 1",
                super::mariadb::literal(database)
            );
            self.query("", &question).into_iter().map(|mut row| row.remove(0).unwrap()).collect()
        };
        // All in one text: a client a table would take most of the time.
        let (tables, mut questions) = (names("BASE TABLE"), String::new());
        for table in &tables {
            let table = identifier(table);
            writeln!(questions, "SELECT count(*) FROM {table}; CHECKSUM TABLE {table} EXTENDED;")
                .unwrap();
        }
        let answers = self.query(database, &questions);
        let mut content = BTreeMap::new();
        for (table, told) in tables.into_iter().zip(answers.chunks(2)) {
            let [count, checksum] = [&told[0][0], &told[1][1]].map(|value| value.as_deref());
            let [count, checksum] = [count, checksum].map(|value| value.unwrap_or("no"));
            content.insert(table, format!("{count} rows, checksum {checksum}"));
        }
        for sequence in names("SEQUENCE") {
            let question = format!("SELECT * FROM {}", identifier(&sequence));
            let values = self.query(database, &question).remove(0);
            let values: Vec<_> = values.into_iter().map(Option::unwrap_or_default).collect();
            content.insert(format!("sequence {sequence}"), values.join(" "));
        }
        content
    }
}

fn pair(mut row: Vec<Option<String>>) -> (String, String) {
    let (value, name) = (row.pop().flatten(), row.pop().flatten());
    (name.unwrap(), value.unwrap_or_default())
}

/// The counts of a content; sequences and large objects have none.
fn counts(content: BTreeMap<String, String>) -> BTreeMap<String, u64> {
    let count = |(name, told): (String, String)| {
        Some((name, told.split_once(" rows, ")?.0.parse().unwrap()))
    };
    content.into_iter().filter_map(count).collect()
}
