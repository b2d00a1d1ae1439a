//! Values of every kind, in columns of every kind.

use std::io;

use rusqlite::params;

use super::*;
use crate::prisma_local::sqlite::text_dump::TextDumpError;

const ENCODINGS: [&str; 3] = ["UTF-8", "UTF-16le", "UTF-16be"];

#[test]
fn numbers_come_back_bit_by_bit() {
    let connection = database("CREATE TABLE t(a, r REAL, i INTEGER, n NUMERIC, s TEXT)");
    let mut insert = connection.prepare("INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1)").unwrap();
    for integer in [0, 1, -1, 9_007_199_254_740_993, i64::MAX, i64::MIN, i64::MIN + 1] {
        insert.execute([integer]).unwrap();
    }
    let mut reals = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        0.3,
        1e15,
        1e16,
        1e22,
        1e23,
        1e300,
        -1e300,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9.223_372_036_854_775e18,
        9.223_372_036_854_776e18,
        -9.223_372_036_854_776e18,
        1.0 / 3.0,
        2.225_073_858_507_201e-308,
        9_007_199_254_740_993.0,
        123_456.789e-5,
    ];
    // A fixed sequence of bit patterns from all over the range.
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let real = f64::from_bits(bits ^ (bits >> 29));
        reals.extend((!real.is_nan()).then_some(real));
        reals.push(f64::from_bits(bits >> (10 + bits % 5)));
    }
    for real in reals {
        insert.execute([real]).unwrap();
    }
    drop(insert);
    assert_round_trip(&connection);
}

/// Texts that one or another reader of SQL stumbles over.
fn awkward_texts() -> Vec<String> {
    let long_lines = "a line; with 'quotes' and ends\r\n".repeat(300);
    let mut texts: Vec<String> = [
        "",
        "plain",
        "it's",
        "''",
        "'",
        "\"",
        "\n",
        "\r",
        "\r\n",
        "a\r\nb\rc\n",
        "\\r\r",
        "\\\r",
        "\\r \\015 <CR> \r",
        "\\n\\012\\r<LF>",
        "\0",
        "a\0b",
        "\0\0",
        "\u{1}\u{1b}[31m",
        "\u{7f}",
        "\t",
        "\u{1a}",
        "\u{feff}bom",
        "é",
        "emoji 🦀",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{e000}",
        ".quit",
        "\n.quit\n",
        "\n;\n",
        ";\n/\ngo\n",
        "-- x",
        "/* x",
        "123",
        " 12 ",
        "1e5",
        "0x10",
        "123abc",
        "1_000",
        "NULL",
        "\u{85}\u{2028}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([
        long_lines.replace('\r', ""),
        format!("{long_lines}\\n"),
        format!("{long_lines}\\n\\012<LF>"),
        long_lines,
        "é\n".repeat(5000),
        "x".repeat(300_000),
        "'".repeat(70_000),
    ]);
    texts
}

#[test]
fn text_comes_back_in_every_encoding() {
    for encoding in ENCODINGS {
        let connection = database(&format!(
            "PRAGMA encoding='{encoding}'; CREATE TABLE t(a, s TEXT, i INT, b BLOB, r REAL)"
        ));
        for text in awkward_texts() {
            connection.execute("INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1)", [text]).unwrap();
        }
        assert_round_trip(&connection);
    }
}

#[test]
fn ill_formed_text_keeps_its_bytes() {
    for encoding in ENCODINGS {
        let connection =
            database(&format!("PRAGMA encoding='{encoding}'; CREATE TABLE t(a, s TEXT)"));
        for hex in [
            "FF", "C3", "C328", "80", "EDA080", "F8888080", "61FF62", "3DD8", "00D8", "D83D",
            "D800", "0061D800", "FEFF", "FFFE", "FFFF", "000061", "6100", "FFFE6100", "FEFF0061",
        ] {
            let sql =
                format!("INSERT INTO t VALUES (CAST(X'{hex}' AS TEXT), CAST(X'{hex}' AS TEXT))");
            connection.execute(&sql, []).unwrap();
        }
        assert_round_trip(&connection);
    }
}

#[test]
fn blobs_come_back_from_empty_to_large() {
    let connection = database("CREATE TABLE t(a, s TEXT, i INT, b BLOB, r REAL)");
    for blob in
        [vec![], vec![0], b"123".to_vec(), b"'".to_vec(), (0..=255).collect(), vec![0xab; 300_000]]
    {
        connection.execute("INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1)", [blob]).unwrap();
    }
    connection
        .execute("INSERT INTO t VALUES (zeroblob(5000), NULL, NULL, NULL, NULL)", [])
        .unwrap();
    assert_round_trip(&connection);
}

#[test]
fn many_small_rows_share_statements() {
    let connection = database(
        "CREATE TABLE t(a, b);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
         INSERT INTO t SELECT i, 'row ' || i || ';' FROM n",
    );
    let summary = assert_round_trip(&connection);
    assert_eq!(summary, TextDumpSummary { tables: 1, rows: 30_000 });
}

/// A schema that was edited by hand holds values its columns would convert or refuse.
#[test]
fn values_that_no_longer_fit_their_columns_are_kept() {
    for encoding in ENCODINGS {
        let connection = database(&format!(
            "PRAGMA encoding='{encoding}';
             CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c UNIQUE, g AS (typeof(a)) STORED);
             CREATE INDEX by_a ON t(a, b);
             CREATE TABLE s(a ANY, b ANY) STRICT;
             CREATE TABLE w(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
             INSERT INTO t(a, b, c) VALUES ('5', 5, 5.0), (5.0, 5.5, NULL), ('x', 'y', 'z'), ('1e3', 7, ' 7 ');
             INSERT INTO s VALUES ('5', NULL), (5, 'x');
             INSERT INTO w VALUES ('5', 5), (5.0, 'x'), ('a', 'b');
             PRAGMA writable_schema=ON;
             UPDATE sqlite_master SET sql='CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b VARCHAR(10), c REAL NOT NULL UNIQUE, g TEXT AS (typeof(a)) STORED)' WHERE name='t';
             UPDATE sqlite_master SET sql='CREATE TABLE s(a INT, b TEXT NOT NULL) STRICT' WHERE name='s';
             UPDATE sqlite_master SET sql='CREATE TABLE w(a INT NOT NULL, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID' WHERE name='w';
             PRAGMA writable_schema=RESET;"
        ));
        assert_round_trip(&connection);
    }
}

#[test]
fn a_full_disk_is_told_apart() {
    struct FullDisk;
    impl io::Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(28))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let connection = database("CREATE TABLE t(a)");
    connection.execute("INSERT INTO t VALUES (?1)", params!["x".repeat(100_000)]).unwrap();
    let error = write_text_dump(&connection, &mut FullDisk).unwrap_err();
    assert!(matches!(error, TextDumpError::Write(error) if error.raw_os_error() == Some(28)));
}
