//! The frame of a script, and what is said when a part of it is missing.

use super::incomplete::Part;
use super::*;

const RESTRICT: &str = "\\restrict abc123\n\n";
const UNRESTRICT: &str = "\\unrestrict abc123\n\n";

fn restricted(before: &str, statements: &str, after: &str) -> String {
    format!("{TITLE}{before}{statements}{COMPLETION}{after}")
}

#[test]
fn what_no_tool_of_postgresql_wrote_is_no_dump() {
    assert_eq!(check(""), Err(IncompleteScript::Empty));
    let others = [
        "\n",
        "--\n-- PostgreSQL database",
        "SELECT 1;\n",
        "-- MySQL dump 10.13\n\nSELECT 1;\n-- Dump completed\n",
        COMPLETION,
        "\u{1f}\u{8b}\u{8}\0\0\0",
    ];
    for script in others {
        assert_eq!(check(script), Err(IncompleteScript::NotADump), "{script:?}");
    }
    let late = format!("SELECT 1;\n{}", dump(""));
    assert_eq!(check(late), Err(IncompleteScript::NotADump));
    let custom_dump = format!("PGDMP\u{1}{}", dump(""));
    assert_eq!(check(custom_dump), Err(IncompleteScript::NotADump));
}

#[test]
fn an_empty_database_is_whole() {
    let contents =
        ScriptContents { kind: ScriptKind::Database, rows: BTreeMap::new(), has_inserts: false };
    assert_eq!(check(dump("")), Ok(contents));
}

#[test]
fn the_completion_is_a_comment_of_its_own_closed_by_an_empty_one() {
    let missing = Err(IncompleteScript::NoCompletion(ScriptKind::Database));
    let line = "-- PostgreSQL database dump complete\n";
    let endings = [
        "",
        "--\n-- PostgreSQL database dump complete\n",
        "--\n-- PostgreSQL database dump complete\n--",
        "SELECT 1; -- PostgreSQL database dump complete\n--\n",
        "SELECT 1;-- PostgreSQL database dump complete\n--\n",
        "SELECT\n1;-- PostgreSQL database dump complete\n--\n",
        "  -- PostgreSQL database dump complete\n--\n",
        "/**/-- PostgreSQL database dump complete\n--\n",
        "/*\n-- PostgreSQL database dump complete\n--\n*/",
        "-- PostgreSQL database dump complete!\n--\n",
        "--  PostgreSQL database dump complete\n--\n",
        "-- PostgreSQL database cluster dump complete\n--\n",
        "-- PostgreSQL database dump complete\n-- Name: x\n--\n",
        "-- PostgreSQL database dump complete\nSELECT 1;\n--\n",
    ];
    for ending in endings {
        assert_eq!(check(format!("{TITLE}SELECT 1;\n{ending}")), missing, "{ending:?}");
    }
    let within = Err(IncompleteScript::Within(Part::Statement));
    assert_eq!(check(format!("{TITLE}SELECT 1\n{line}--\n")), within);
    assert!(check(format!("{TITLE}SELECT 1;\n{line}--\n")).is_ok());
    let after_rows = format!("COPY public.a (b) FROM stdin;\n1\n\\.\n{line}--\n");
    assert!(check(format!("{TITLE}{after_rows}")).is_ok());
}

#[test]
fn comments_and_blank_lines_may_follow() {
    let whole = dump("SELECT 1;");
    for more in ["", "\n\n \t\r\n", "-- kept by us\n", "/* and /* us */ */", "-- cut off"] {
        assert!(check(format!("{whole}{more}")).is_ok(), "{more:?}");
    }
}

#[test]
fn nothing_else_may_follow() {
    let whole = dump("SELECT 1;");
    let followed = Err(IncompleteScript::Followed(ScriptKind::Database));
    let again = dump("");
    for more in ["SELECT 1;\n", ";", "x ", "\\connect x\n", "\\restrict x\n", &again, TITLE] {
        assert_eq!(check(format!("{whole}{more}")), followed, "{more:?}");
        assert_eq!(check(format!("{whole}{more}{COMPLETION}")), followed, "{more:?}");
    }
    for more in ["-", "/", "$", "'", "\"", "/*", "\\", "x", "e"] {
        assert!(check(format!("{whole}{more}")).is_err(), "{more:?}");
    }
}

#[test]
fn a_restriction_is_lifted_by_its_own_token() {
    let whole = restricted(RESTRICT, "SELECT 1;\n\n", UNRESTRICT);
    assert!(check(&whole).is_ok());
    assert_eq!(accepted_cuts(whole.as_bytes()), [1]);
    // pg_dump --create lifts it to connect.
    let connect = format!("{UNRESTRICT}\\connect shop\n{RESTRICT}");
    assert!(check(restricted(RESTRICT, &connect, UNRESTRICT)).is_ok());

    let still = Err(IncompleteScript::StillRestricted);
    assert_eq!(check(restricted(RESTRICT, "", "")), still);
    let differ = Err(IncompleteScript::RestrictionsDiffer);
    let mixed_up = [
        restricted(RESTRICT, "", "\\unrestrict abc124\n"),
        restricted(RESTRICT, "", "\\unrestrict abc12\n"),
        restricted(RESTRICT, "", "\\unrestrict\n"),
        restricted(RESTRICT, RESTRICT, UNRESTRICT),
        restricted(RESTRICT, UNRESTRICT, UNRESTRICT),
        restricted("", "", UNRESTRICT),
    ];
    for script in mixed_up {
        assert_eq!(check(&script), differ, "{script}");
    }
}

#[test]
fn a_cluster_is_whole_when_the_cluster_is() {
    let title = "--\n-- PostgreSQL database cluster dump\n--\n\n";
    let completion = "--\n-- PostgreSQL database cluster dump complete\n--\n\n";
    let database = dump("COPY public.a (b) FROM stdin;\n1\n\\.\n");
    let missing = Err(IncompleteScript::NoCompletion(ScriptKind::Cluster));
    assert_eq!(check(format!("{title}{database}")), missing);
    let whole = format!("{title}{database}\\connect b\n{database}{completion}");
    assert_eq!(check(&whole).unwrap().rows, BTreeMap::from([(table("public", "a"), 2)]));
    let followed = Err(IncompleteScript::Followed(ScriptKind::Cluster));
    assert_eq!(check(format!("{whole}{database}")), followed);
}

#[test]
fn it_is_said_what_the_script_ends_within() {
    let said = |statements: &str| check(format!("{TITLE}{statements}")).unwrap_err().to_string();
    let within = [
        (
            "COPY public.\"User\" (id) FROM stdin;\n1\n2",
            "the rows of \"public\".\"User\", after 1 of them",
        ),
        (
            "COPY \"a.b\".\"c\"\"d\" (id) FROM stdin;",
            "the rows of \"a.b\".\"c\"\"d\", after 0 of them",
        ),
        ("SELECT 1", "a statement"),
        ("SELECT (1;", "a statement"),
        ("SELECT '1;\n", "a string"),
        ("SELECT E'1\\", "a string"),
        ("SELECT $$1;\n", "a dollar-quoted string"),
        ("SELECT \"1;\n", "a quoted name"),
        ("SELECT 1; /* x\n", "a comment"),
        ("\\unrestrict ab", "a line for psql"),
    ];
    for (statements, part) in within {
        assert_eq!(said(statements), format!("it ends within {part}"));
    }
    let missing = "it ends without the comment \"-- PostgreSQL database dump complete\"";
    assert_eq!(said("SELECT 1;\n"), missing);
}
