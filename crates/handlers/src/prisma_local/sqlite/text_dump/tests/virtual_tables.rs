//! Full-text and R-tree tables, with searches.

use super::*;
use crate::prisma_local::sqlite::text_dump::TextDumpError;

/// Compares everything stored, then what the searches find.
#[track_caller]
fn assert_same_searches(statements: &str, searches: &[&str]) {
    let original = database(statements);
    assert_round_trip(&original);
    let folder = tempfile::tempdir().unwrap();
    let (dump, _) = dump_of(&original);
    let loaded = [load_with_shell(&dump, folder.path()), load_with_library(&dump)];
    for search in searches {
        let expected = query(&original, search);
        assert!(!expected.is_empty(), "{search}");
        for loaded in &loaded {
            assert_same(&query(loaded, search), &expected);
        }
    }
    for loaded in &loaded {
        assert_eq!(query(loaded, "PRAGMA integrity_check"), ["|text ok"]);
    }
}

#[test]
fn fts5_tables_are_kept_with_their_index() {
    assert_same_searches(
        "CREATE VIRTUAL TABLE docs USING fts5(title, body, note UNINDEXED, tokenize='porter unicode61', prefix='2 3');
         INSERT INTO docs(rowid, title, body, note) VALUES (10, 'running', 'the quick brown fox', X'00'), (2, 'runs', 'lazy dogs', 7), (-5, NULL, 'it''s', NULL);
         INSERT INTO docs(docs, rank) VALUES ('rank', 'bm25(10.0, 1.0)'), ('pgsz', 100);
         DELETE FROM docs WHERE rowid = 2; UPDATE docs SET body = 'a lazy fox' WHERE rowid = -5;
         CREATE VIRTUAL TABLE terms USING fts5vocab(docs, instance);",
        &["SELECT rowid, rank, * FROM docs WHERE docs MATCH 'run OR fox' ORDER BY rank", "SELECT * FROM terms"],
    );
}

#[test]
fn fts5_without_its_own_content_is_kept() {
    assert_same_searches(
        "CREATE TABLE docs(id INTEGER PRIMARY KEY, body); INSERT INTO docs VALUES (1, 'one fish'), (2, 'two fish');
         CREATE VIRTUAL TABLE search USING fts5(body, content='docs', content_rowid='id');
         INSERT INTO search(search) VALUES ('rebuild');
         CREATE TRIGGER added AFTER INSERT ON docs BEGIN INSERT INTO search(rowid, body) VALUES (new.id, new.body); END;
         UPDATE docs SET body = 'changed without the index' WHERE id = 2;
         CREATE VIRTUAL TABLE bare USING fts5(body, content='');
         INSERT INTO bare(rowid, body) VALUES (7, 'one fish'), (9, 'no more');
         CREATE VIRTUAL TABLE deletable USING fts5(body, content='', contentless_delete=1);
         INSERT INTO deletable(rowid, body) VALUES (7, 'one fish'), (9, 'no fish'); DELETE FROM deletable WHERE rowid = 9;
         CREATE TABLE same_content(a); CREATE VIRTUAL TABLE same USING fts5(a, content='same_content'); INSERT INTO same_content VALUES ('fish'); INSERT INTO same(same) VALUES ('rebuild');",
        &[
            "SELECT rowid FROM search WHERE search MATCH 'fish'",
            "SELECT rowid FROM bare WHERE bare MATCH 'fish'",
            "SELECT rowid FROM same WHERE same MATCH 'fish'",
        ],
    );
}

#[test]
fn fts3_and_fts4_tables_are_kept_with_their_index() {
    assert_same_searches(
        "CREATE VIRTUAL TABLE old USING fts3(a, b); INSERT INTO old(docid, a, b) VALUES (5, 'one fish', 1), (3, 'two', NULL);
         CREATE VIRTUAL TABLE \"it's\" USING fts4(a, languageid=lang, tokenize=porter, prefix='2'); INSERT INTO \"it's\"(docid, a, lang) VALUES (4, 'fishes', 2), (5, 'fishing', 0);
         INSERT INTO \"it's\"(\"it's\") VALUES ('automerge=4');
         CREATE VIRTUAL TABLE bare USING fts4(a, content=''); INSERT INTO bare(docid, a) VALUES (8, 'some fish');
         CREATE VIRTUAL TABLE aux USING fts4aux(old);",
        &[
            "SELECT docid, * FROM old WHERE old MATCH 'fish'",
            "SELECT docid, *, lang FROM \"it's\" WHERE \"it's\" MATCH 'fish'",
            "SELECT docid FROM bare WHERE bare MATCH 'fish'",
            "SELECT * FROM aux",
        ],
    );
}

#[test]
fn rtree_tables_are_kept() {
    assert_same_searches(
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label TEXT, +data);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
         INSERT INTO boxes SELECT i, i / 3.0, i / 3.0 + 1, -i, i, 'b' || i, CASE i % 2 WHEN 0 THEN X'00' END FROM n;
         CREATE VIRTUAL TABLE whole USING rtree_i32(id, a, b); INSERT INTO whole VALUES (1, -5, 5);",
        &["SELECT * FROM boxes WHERE x0 > 20 AND x1 < 40 ORDER BY id", "SELECT * FROM whole WHERE a < 0"],
    );
}

#[test]
fn full_text_search_is_kept_in_utf16() {
    assert_same_searches(
        "PRAGMA encoding='UTF-16le'; CREATE VIRTUAL TABLE docs USING fts5(a); INSERT INTO docs VALUES ('füchse 🦊'), ('a\r\nb');
         CREATE VIRTUAL TABLE docs4 USING fts4(a); INSERT INTO docs4 VALUES ('füchse');",
        &["SELECT * FROM docs WHERE docs MATCH 'füchse'", "SELECT * FROM docs4 WHERE docs4 MATCH 'füchse'"],
    );
}

#[test]
fn tables_of_unknown_modules_are_refused_by_name() {
    let connection = database(
        "PRAGMA writable_schema=ON;
         INSERT INTO sqlite_master VALUES ('table', 'sheet', 'sheet', 0, 'CREATE VIRTUAL TABLE sheet USING \"csv\"(filename=x)');
         PRAGMA writable_schema=RESET;",
    );
    let error = write_text_dump(&connection, &mut Vec::new()).unwrap_err();
    assert!(
        matches!(&error, TextDumpError::UnsupportedVirtualTable { table, module } if table == "sheet" && module == "csv"),
        "{error}"
    );
}
