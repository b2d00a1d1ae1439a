//! Random rows in a few shapes of tables.

use proptest::prelude::*;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        (-10_i64..10).prop_map(Value::Integer),
        any::<f64>().prop_filter("SQLite has no NaN", |real| !real.is_nan()).prop_map(Value::Real),
        (-10_i32..10).prop_map(|whole| Value::Real(f64::from(whole) / 4.0)),
        any::<String>().prop_map(Value::Text),
        "[ '\"\\\\rn\r\n;\0.<>CRLF015\u{85}\u{fffe}x-]{0,30}".prop_map(Value::Text),
        "[-+ ]?[0-9.e]{0,5} ?".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Blob),
    ]
}

const SHAPES: [&str; 6] = [
    "CREATE TABLE t(a, b, c)",
    "CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT, c NUMERIC)",
    "CREATE TABLE t(a REAL, b INT, c BLOB)",
    "CREATE TABLE t(a TEXT, b, c REAL, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "CREATE TABLE t(a ANY, b, c AS (typeof(a) || typeof(b)) STORED, rowid VARCHAR)",
    "CREATE TABLE t(\"a\r\" ANY, b ANY, c TEXT) STRICT",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn random_rows_come_back(
        shape in prop::sample::select(SHAPES.to_vec()),
        encoding in prop::sample::select(vec!["UTF-8", "UTF-16le", "UTF-16be"]),
        rows in prop::collection::vec(prop::collection::vec(value(), 3), 0..40),
    ) {
        let original = database(&format!("PRAGMA encoding='{encoding}'; {shape}"));
        for row in rows {
            let columns = if shape.contains("STORED") { "(a, b, rowid)" } else { "" };
            // Rows the table refuses are not what is tested here.
            let sql = format!("INSERT OR REPLACE INTO t{columns} VALUES (?1, ?2, ?3)");
            let _ = original.execute(&sql, params_from_iter(row));
        }
        assert_round_trip(&original);
    }

    /// Values of every class under types and constraints that came after them.
    #[test]
    fn random_rows_of_an_edited_schema_come_back(
        encoding in prop::sample::select(vec!["UTF-8", "UTF-16le", "UTF-16be"]),
        edited in prop::sample::select(vec![
            "a INT, b TEXT, c REAL NOT NULL, UNIQUE (b, a)",
            "a NUMERIC NOT NULL, b BLOB NOT NULL, c VARCHAR(3), UNIQUE (b, a)",
        ]),
        rows in prop::collection::vec(prop::collection::vec(value(), 3), 0..20),
    ) {
        let original = database(&format!(
            "PRAGMA encoding='{encoding}'; CREATE TABLE t(a, b, c, UNIQUE (b, a))"
        ));
        for row in rows {
            let sql = "INSERT OR REPLACE INTO t VALUES (?1, ?2, ?3)";
            original.execute(sql, params_from_iter(row)).unwrap();
        }
        original.execute_batch(&format!(
            "PRAGMA writable_schema=ON;
             UPDATE sqlite_master SET sql='CREATE TABLE t({edited})' WHERE name='t';
             PRAGMA writable_schema=RESET"
        )).unwrap();
        assert_round_trip(&original);
    }
}
