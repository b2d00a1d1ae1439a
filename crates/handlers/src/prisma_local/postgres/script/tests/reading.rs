//! Where psql sees strings, names, comments, statements and rows.

use super::*;

/// A statement that counts only where it is one, then one that counts only if the text before it is understood.
const BAIT: &str = "COPY public.bait (a) FROM stdin;\n1\n\\.\n";

fn catch() -> (TableName, u64) {
    (table("public", "catch"), 2)
}

/// Whether a script's text is read to its end and no further: the bait in it is none, what follows it is read.
#[track_caller]
fn assert_understood(text: &str) {
    let statements = format!("{text}\nCOPY public.catch (a) FROM stdin;\n1\n2\n\\.\n");
    assert_eq!(rows(&statements), [catch()], "{text}");
}

#[test]
fn strings_hide_what_they_quote() {
    assert_understood(&format!("SELECT 'it''s\n{BAIT}''';"));
    assert_understood(&format!("SELECT 'a\\', '{BAIT}';"));
    assert_understood(&format!("SELECT E'it\\'s\\\\\\'\n{BAIT}';"));
    assert_understood(&format!("SELECT e'''\\'{BAIT}', 'x';"));
    assert_understood(&format!("SELECT E'a'\n  '\\'{BAIT}';"));
    assert_understood(&format!("SELECT the'\\', '{BAIT}';"));
    assert_understood(&format!("SELECT ee'\\', '{BAIT}';"));
    assert_understood(&format!("SELECT N'\\', U&'{BAIT}', x'00';"));
    assert_understood(&format!("COMMENT ON x IS E'\\'{BAIT}';"));
}

#[test]
fn backslashes_follow_the_setting() {
    let off = "SET standard_conforming_strings = off;";
    let on = "SET SESSION \"standard_conforming_strings\" TO 'on';";
    assert_understood(&format!("{off}\nSELECT '\\'{BAIT}';"));
    assert_understood(&format!("{off}\n{on}\nSELECT '\\', '{BAIT}';"));
    // Of a function or a database, not of the session.
    let others = "CREATE FUNCTION f() RETURNS text SET standard_conforming_strings TO 'off' AS '';\n\
         ALTER DATABASE d SET standard_conforming_strings TO 'off';";
    assert_understood(&format!("{others}\nSELECT '\\', '{BAIT}';"));
}

#[test]
fn a_backslash_may_be_half_of_a_character() {
    let script = |encoding: &str, text: &[u8]| {
        let settings = "SET standard_conforming_strings = off;\nSET client_encoding = ";
        let head = format!("{TITLE}{settings}'{encoding}';\nSELECT '");
        [head.as_bytes(), text, b"', 'x';\n", COMPLETION.as_bytes()].concat()
    };
    for encoding in ["SJIS", "SHIFT_JIS_2004", "BIG5", "GBK", "GB18030", "UHC", "JOHAB"] {
        assert!(check(script(encoding, b"\x95\\")).is_ok(), "{encoding}");
        assert!(check(script(encoding, b"\x95\\\\'")).is_ok(), "{encoding}");
        assert!(check(script(encoding, b"\\")).is_err(), "{encoding}");
    }
    for encoding in ["UTF8", "LATIN1", "EUC_JP", "SQL_ASCII"] {
        assert!(check(script(encoding, b"\x95\\")).is_err(), "{encoding}");
    }
    assert!(check(script("SJIS", b"\xb1\\")).is_err(), "a character of one byte");
    assert!(check(script("GB18030", b"\x810\x810")).is_ok(), "a character of four bytes");
}

#[test]
fn dollar_quotes_hide_what_they_quote() {
    assert_understood(&format!("DO $$\n{BAIT}'\"/*--$ $a$ $1$$;"));
    assert_understood(&format!("CREATE FUNCTION f() AS $_$\n{BAIT}$$ $_ $_x$ $$_$;"));
    assert_understood(&format!("SELECT $é1$ {BAIT} $é$ $é1 $$é1$, 'x';"));
    assert_understood(&format!("SELECT a$b$c, '{BAIT}', a$$b;"));
    assert_understood(&format!("SELECT $1, '{BAIT}', $2;"));
    assert_understood(&format!("SELECT 1-$$'$$, 2+$a$\"$a$, '{BAIT}';"));
}

#[test]
fn names_hide_what_they_quote() {
    assert_understood(&format!("SELECT \"it\"\"s'\n{BAIT}\"\"\";"));
    assert_understood(&format!("SELECT \"\\\", '{BAIT}', \"$$\";"));
    assert_understood(&format!("CREATE TABLE \"begin atomic\" (\"{BAIT}\" int);"));
}

#[test]
fn comments_hide_what_they_contain() {
    assert_understood("-- COPY public.bait (a) FROM stdin; ' \" $$ /*");
    assert_understood("SELECT 1 -- ;' \" $$ /*\n, 2; -- '\n");
    assert_understood(&format!("/* ' \" $$ /* {BAIT} */ {BAIT} **//*/*/*/*/ */*/*/*/"));
    assert_understood(&format!("SELECT 5 - - 3, 6 / 2 /* {BAIT} */ * 1, 1 */**/ 2, '--';"));
    assert_understood("--\r-- '\r\n--'\r\n");
    assert_understood(&format!("-- it's\rSELECT '{BAIT}';"));
}

#[test]
fn lines_for_psql_end_with_their_line() {
    assert_understood("\\connect -reuse-previous=on \"dbname='it''s $$'\"\n\\echo ' \" (");
    assert_understood("SELECT 1; \\echo '");
}

#[test]
fn statements_within_a_statement_do_not_end_it() {
    assert_understood(
        "CREATE FUNCTION public.f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC\n\
         INSERT INTO t VALUES (a);\n\
         SELECT CASE WHEN (a > 1) THEN CASE a WHEN 2 THEN 3 END END AS \"end\";\n\
         SELECT (CASE WHEN true THEN 1 END), x.begin FROM x;\nEND;",
    );
    assert_understood("create or replace procedure p() begin\n/**/ atomic delete from t; end;");
    assert_understood("CREATE FUNCTION public.begin() RETURNS int LANGUAGE sql AS 'SELECT 1';");
    assert_understood("CREATE FUNCTION f() RETURNS int RETURN CASE WHEN true THEN 1 END;");
    assert_understood(
        "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); COPY b FROM stdin; );",
    );
    assert_understood("BEGIN;\nSELECT pg_catalog.lo_open('1', 131072);\nEND;");
    assert_understood("CREATE FUNCTION f(begin atomic) RETURNS int LANGUAGE sql AS 'SELECT 1';");
    let inserting = "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC\n\
     SELECT CASE WHEN true THEN 1 END; INSERT INTO t VALUES (1); END;";
    assert!(!check(dump(inserting)).unwrap().has_inserts);
    assert!(check(dump("INSERT INTO t VALUES (1);")).unwrap().has_inserts);
    assert!(check(dump("insert into t values (1);")).unwrap().has_inserts);
}

#[test]
fn rows_are_lines_up_to_a_backslash_and_a_dot() {
    let counts = [
        ("", 0),
        ("\n", 1),
        ("\n\n\n", 3),
        ("1\n2\n", 2),
        ("\\\\.\n\\.x\n\\. \n.\n\\\n x\\.\n", 6),
        ("\\N\n\\N\t\\.\n\\..\n\\.\\.\n", 4),
        ("COPY public.a (b) FROM stdin;\n--\n-- PostgreSQL database dump complete\n--\n\n", 5),
        ("\\unrestrict x\n'\n\"\n$$\n/*\n", 5),
        ("\\.\r\n\r\n", 2),
    ];
    for (lines, count) in counts {
        let statements = format!("COPY public.a (b) FROM stdin;\n{lines}\\.\n\n{BAIT}");
        let expected = [(table("public", "a"), count), (table("public", "bait"), 1)];
        assert_eq!(rows(&statements), expected, "{lines:?}");
    }
    let open = dump("COPY public.a (b) FROM stdin;\n1\n\\.\r\n");
    assert!(matches!(check(open), Err(IncompleteScript::WithinRows { .. })));
}

#[test]
fn a_copy_statement_is_recognised_in_all_its_forms() {
    let named = |copy: &str| {
        let mut rows = rows(&format!("{copy}\n1\n\\.\n"));
        assert_eq!(rows.len(), 1, "{copy}");
        rows.remove(0).0
    };
    let forms = [
        "COPY public.a  FROM stdin;",
        "COPY public.a (b, \"FROM stdin\", \"from\", stdin) FROM stdin;",
        "COPY public.a (b) WITH OIDS FROM stdin;",
        "copy Public.\"a\" ( \"b;\" ) from STDIN with (null ';');",
        "COPY shop.public.a FROM stdin ; -- and so on",
        "COPY /* ; */ public . a\n(b)\nFROM -- x\nstdin\n;",
    ];
    for form in forms {
        assert_eq!(named(form), table("public", "a"), "{form}");
    }
    assert_eq!(named("COPY \"a.\"\"b\".\"c; d\n\" FROM stdin;"), table("a.\"b", "c; d\n"));
    assert_eq!(named("COPY public.\"from\" FROM stdin;"), table("public", "from"));
    assert_eq!(named("COPY public.copy FROM stdin;"), table("public", "copy"));
    assert_eq!(named("COPY public.größe_1$ FROM stdin;"), table("public", "größe_1$"));
    for no_rows in [
        "COPY public.a FROM '/tmp/stdin';",
        "COPY public.a TO stdout;",
        "COPY (SELECT 1) TO stdout;",
    ] {
        assert_eq!(rows(no_rows), [], "{no_rows}");
    }
}

/// As `pg_dump` wrote it until the minor versions of March 2018.
#[test]
fn a_name_without_schema_is_of_the_first_in_the_search_path() {
    let statements = format!(
        "COPY a (b) FROM stdin;\n1\n\\.\n\nSET search_path = \"Odd, one\", pg_catalog;\n\n\
         COPY a (b) FROM stdin;\n1\n2\n\\.\n\nSET search_path = shop, pg_catalog;\n\n\
         COPY a (b) FROM stdin;\n\\.\n\n{BAIT}"
    );
    let expected = [
        (table("Odd, one", "a"), 2),
        (table("public", "a"), 1),
        (table("public", "bait"), 1),
        (table("shop", "a"), 0),
    ];
    assert_eq!(rows(&statements), expected);
}

/// `pg_dump --load-via-partition-root` writes one for each partition.
#[test]
fn several_blocks_of_one_table_are_added_up() {
    assert_eq!(rows(&format!("{BAIT}\n{BAIT}\n{BAIT}")), [(table("public", "bait"), 3)]);
}

#[test]
fn little_is_kept_of_long_things() {
    let long = "x".repeat(1 << 20);
    let statements = format!(
        "SELECT '{long}', \"{long}\", {long}, ${long}, $x${long}$x$;\n-- {long}\n\\{long}\n/*{long}*/\n\
         SET {long} = {long};\nCOPY \"{long}\".\"{long}\" FROM stdin;\n{long}\n\\.\n"
    );
    let mut check = ScriptCheck::new();
    check.feed(dump(&statements).as_bytes());
    assert!(check.reader.text().len() <= 1024);
    let contents = check.finish().unwrap();
    let (name, count) = contents.rows.into_iter().next().unwrap();
    assert!(name.schema.len() <= 1024 && name.name.len() <= 1024);
    assert_eq!(count, 1);
}
