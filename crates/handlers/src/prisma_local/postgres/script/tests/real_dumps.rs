//! Scripts that the tools of PostgreSQL 15 wrote, of databases made to mislead.

use super::*;

/// `pg_restore --verbose --create --clean --if-exists --file=-` of a directory dump. In it look like an end or a
/// `COPY` statement: a function's body, a comment on a table, a view's columns, rows, names. There are functions
/// with a body in plain SQL, a function named `begin`, a rule of two commands, tables without columns, without
/// rows, and named with quotes, dots and a line break.
const DATABASE: &[u8] = include_bytes!("dumps/database.sql");

/// The same database by `pg_dump --inserts` for a role with `standard_conforming_strings = off`.
const INSERTS: &[u8] = include_bytes!("dumps/inserts_with_backslash_escapes.sql");

/// `pg_dump --inserts --encoding=SJIS`, where a backslash is the second half of many characters, some of them
/// last in their string; also with `standard_conforming_strings = off`.
const SHIFT_JIS: &[u8] = include_bytes!("dumps/shift_jis.sql");

/// `pg_dumpall` of a server with two databases of which each has a table `Order`.
const CLUSTER: &[u8] = include_bytes!("dumps/cluster.sql");

/// All of them.
pub(super) const ALL: [&[u8]; 4] = [DATABASE, INSERTS, SHIFT_JIS, CLUSTER];

#[test]
fn every_row_of_a_database_is_counted() {
    let contents = check(DATABASE).unwrap();
    assert_eq!(contents.kind, ScriptKind::Database);
    assert!(!contents.has_inserts);
    let expected = [
        (table("odd \"schema\".x", "t.a\"b; -- 'x"), 5),
        (table("public", "User"), 7),
        (table("public", "after_all"), 1),
        (table("public", "copy"), 1),
        (table("public", "dollar$name"), 1),
        (table("public", "empty_table"), 0),
        (table("public", "new\nline"), 2),
        (table("public", "nothing"), 3),
        (table("public", "one_text"), 7),
        (table("public", "parted_1"), 10),
        (table("public", "parted_2"), 10),
        (table("public", "table"), 1),
        (table("public", "таблица_ü"), 2),
    ];
    assert_eq!(contents.rows, BTreeMap::from(expected));
}

#[test]
fn inserts_pass_and_are_not_counted() {
    for script in [INSERTS, SHIFT_JIS] {
        let contents = check(script).unwrap();
        assert_eq!((contents.rows.len(), contents.has_inserts), (0, true));
    }
}

#[test]
fn a_setting_for_strings_is_honoured() {
    let replaced = |script: &[u8], from: &str, to: &str| {
        let at = script.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
        [&script[..at], to.as_bytes(), &script[at + from.len()..]].concat()
    };
    let on = replaced(INSERTS, "strings = off", "strings = on");
    assert!(check(on).is_ok(), "each backslash is doubled, so it makes no difference here");
    let latin = replaced(SHIFT_JIS, "'SJIS'", "'LATIN1'");
    assert!(check(latin).is_err(), "here the encoding does");
}

#[test]
fn a_cluster_is_told_from_a_database_and_ends_with_its_own_line() {
    let contents = check(CLUSTER).unwrap();
    assert_eq!(contents.kind, ScriptKind::Cluster);
    assert_eq!(contents.rows, BTreeMap::from([(table("public", "Order"), 3)]));
}

#[test]
fn a_script_cut_anywhere_is_incomplete() {
    for script in [DATABASE, INSERTS, SHIFT_JIS, CLUSTER] {
        assert_eq!(accepted_cuts(script), [1], "only the last blank line may lack");
    }
}

#[test]
fn pieces_of_any_size_give_the_same_answer() {
    for script in [DATABASE, INSERTS, SHIFT_JIS, CLUSTER] {
        let whole = check(script);
        for size in [1, 2, 3, 5, 7, 11, 64, 1000, 4096] {
            let mut check = ScriptCheck::new();
            for piece in script.chunks(size) {
                assert_eq!(check.write(piece).unwrap(), piece.len());
            }
            assert_eq!(check.finish(), whole, "{size}");
        }
    }
}
