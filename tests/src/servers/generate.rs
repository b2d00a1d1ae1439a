//! Databases of a size, made by the server itself.

use std::fmt::Write;

/// Whose SQL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL's.
    Postgres,
    /// MariaDB's and MySQL's.
    Mysql,
}

/// SQL that makes so many tables, `table_0001` and on, each with a key, an index, a reference to the one
/// before and ten rows.
pub fn many_tables(dialect: Dialect, count: usize) -> String {
    let mut text = String::new();
    let (key, rows) = match dialect {
        Dialect::Postgres => {
            ("integer PRIMARY KEY", "SELECT n, n, 'row ' || n FROM generate_series(1, 10) AS n")
        }
        Dialect::Mysql => (
            "integer PRIMARY KEY",
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10) \
             SELECT n, n, concat('row ', n) FROM numbers",
        ),
    };
    for number in 1..=count {
        let before = number.saturating_sub(1).max(1);
        writeln!(
            text,
            "CREATE TABLE table_{number:04} (id {key}, before_id integer, label varchar(40) NOT NULL, \
             FOREIGN KEY (before_id) REFERENCES table_{before:04} (id));\n\
             CREATE INDEX table_{number:04}_label ON table_{number:04} (label);\n\
             INSERT INTO table_{number:04} {rows};"
        )
        .unwrap();
    }
    text
}

/// The bytes of one row of the large table in a dump, about.
const ROW: u64 = 850;

/// SQL that makes the table `large_table` of about so many bytes in a dump: numbers, dates, texts that pack
/// as real ones do, and binary data that does not pack.
pub fn large_table(dialect: Dialect, bytes: u64) -> String {
    let rows = (bytes / ROW).max(1);
    let words = [3, 5, 7, 11, 13, 17, 19, 23].map(|factor| {
        format!("md5(n * {factor}), ' words of a customer, with the same turns again and again'")
    });
    let noise = [29, 31, 37].map(|factor| format!("md5(n * {factor})"));
    let (words, noise) = (words.join(", "), noise.join(", "));
    match dialect {
        Dialect::Postgres => {
            // Its digest takes no number.
            let [words, noise] = [words, noise].map(|text| text.replace("md5(", "md5('' || "));
            format!(
                "CREATE TABLE large_table (id bigint PRIMARY KEY, placed timestamptz NOT NULL, \
                 price numeric(12, 2), label text NOT NULL, noise bytea NOT NULL);\n\
                 INSERT INTO large_table SELECT n, \
                 timestamptz '2025-01-20 10:00+00' + n * interval '1 second', n % 100000 / 100.0, \
                 concat({words}), decode(concat({noise}), 'hex') FROM generate_series(1, {rows}) AS n;\n"
            )
        }
        Dialect::Mysql => format!(
            "CREATE TABLE large_table (id bigint PRIMARY KEY, placed datetime(3) NOT NULL, \
             price decimal(12, 2), label text NOT NULL, noise varbinary(160) NOT NULL);\n\
             INSERT INTO large_table WITH RECURSIVE digits(d) AS (SELECT 0 UNION ALL SELECT d + 1 \
             FROM digits WHERE d < 999), numbers(n) AS (SELECT 1 + c.d + 1000 * b.d + 1000000 * a.d \
             FROM digits AS a, digits AS b, digits AS c WHERE a.d <= {millions} AND b.d <= {thousands}) \
             SELECT n, timestamp '2025-01-20 10:00:00' + INTERVAL n SECOND, n % 100000 / 100, \
             concat({words}), unhex(concat({noise})) FROM numbers WHERE n <= {rows} ORDER BY n;\n",
            millions = rows / 1_000_000,
            thousands = (rows / 1000).min(999),
        ),
    }
}
