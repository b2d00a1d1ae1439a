//! What is left out of a script about owners and privileges, and that nothing else is.

use std::io::Write;

use backup_core::LeftOut;
use proptest::prelude::*;

use super::properties::{bait, piece, quoted};
use super::*;

const OWNERS: LeftOut = LeftOut { owners: true, privileges: false };
const PRIVILEGES: LeftOut = LeftOut { owners: false, privileges: true };
const BOTH: LeftOut = LeftOut { owners: true, privileges: true };

impl From<LeftOut> for Omitted {
    fn from(roles: LeftOut) -> Self {
        Self { roles, ..Self::default() }
    }
}

fn filtered(script: &[u8], omitted: impl Into<Omitted>, pieces: usize) -> String {
    let mut out = Vec::new();
    let mut filter = StatementFilter::new(&mut out, omitted.into());
    for part in script.chunks(pieces) {
        filter.write_all(part).unwrap();
    }
    filter.flush().unwrap();
    drop(filter);
    String::from_utf8(out).unwrap()
}

/// What is left of a script, without its blank lines.
fn lines(script: &str, omitted: impl Into<Omitted>) -> Vec<String> {
    let omitted = omitted.into();
    let whole = filtered(script.as_bytes(), omitted.clone(), usize::MAX);
    for pieces in [1, 2, 3, 7, 64] {
        assert_eq!(filtered(script.as_bytes(), omitted.clone(), pieces), whole, "{pieces}");
    }
    whole.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

const OWNED: [&str; 6] = [
    "ALTER TABLE public.items OWNER TO app;",
    "ALTER FUNCTION public.f(integer, \"odd;\n type\") OWNER TO \"the\nowner; of \"\"it\"\"\";",
    "ALTER SCHEMA owner OWNER TO owner;",
    "ALTER OPERATOR public.<< (NONE, integer) OWNER TO app;",
    "ALTER LARGE OBJECT 16401 OWNER TO app;",
    "ALTER TEXT SEARCH CONFIGURATION public.owner OWNER TO app;",
];
const GRANTED: [&str; 7] = [
    "GRANT SELECT(a),INSERT(b) ON TABLE public.items TO app WITH GRANT OPTION;",
    "REVOKE USAGE ON SCHEMA public FROM PUBLIC;",
    "ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT SELECT ON TABLES TO \"a;\nb\";",
    "ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE ALL ON FUNCTIONS FROM PUBLIC;",
    "SET SESSION AUTHORIZATION \"app; owner\";",
    "RESET SESSION AUTHORIZATION;",
    "GRANT ALL ON FUNCTION public.f(text) TO app;",
];
const KEPT: [&str; 9] = [
    "ALTER TABLE ONLY public.items ADD CONSTRAINT c CHECK ((a <> 'x OWNER TO y'));",
    "ALTER TABLE public.items ALTER COLUMN owner SET DEFAULT 1;",
    "ALTER TABLE public.owner ENABLE ROW LEVEL SECURITY;",
    "CREATE POLICY owner ON public.items TO app;",
    "COMMENT ON TABLE public.items IS 'GRANT ALL ON x TO y;';",
    "SET search_path = public;",
    "RESET work_mem;",
    "CREATE FUNCTION f() AS $$ GRANT a TO b; ALTER TABLE x OWNER TO y; $$;",
    "CREATE FUNCTION g() BEGIN ATOMIC SELECT owner FROM owners; END;",
];

#[test]
fn owners_and_privileges_are_left_out_as_asked() {
    let script = [OWNED.as_slice(), &GRANTED, &KEPT].concat().join("\n\n") + "\n";
    let expected = |parts: &[&[&str]]| -> Vec<String> {
        let text = parts.concat().join("\n");
        text.lines().map(str::to_owned).collect()
    };
    assert_eq!(lines(&script, OWNERS), expected(&[&GRANTED, &KEPT]));
    assert_eq!(lines(&script, PRIVILEGES), expected(&[&OWNED, &KEPT]));
    assert_eq!(lines(&script, BOTH), expected(&[&KEPT]));
    assert_eq!(filtered(script.as_bytes(), LeftOut::default(), 5), script);
}

#[test]
fn settings_of_newer_servers_are_left_out() {
    let omitted =
        || Omitted { settings: vec!["transaction_timeout".to_owned()], ..Omitted::default() };
    let script = "SET lock_timeout = 0;\nSET transaction_timeout = 0;\nSET row_security = off;\n\
        SELECT 'SET transaction_timeout = 0;';\nset \"transaction_timeout\" to '1s';\n";
    let expected = [
        "SET lock_timeout = 0;",
        "SET row_security = off;",
        "SELECT 'SET transaction_timeout = 0;';",
    ];
    assert_eq!(lines(script, omitted()), expected);
}

#[test]
fn a_transaction_around_the_script_stays_one_and_what_is_kept_stays_as_it_is() {
    let omitted = || Omitted {
        transactions: true,
        kept: vec![
            Kept::Schema("public".to_owned()),
            Kept::Schema("odd \" one".to_owned()),
            Kept::Extension("pg_trgm".to_owned()),
        ],
        schemas: vec!["public".to_owned(), "odd \" one".to_owned()],
        ..Omitted::default()
    };
    let left_out = [
        "BEGIN;",
        "COMMIT;",
        "START TRANSACTION;",
        "END;",
        "ALTER SCHEMA public OWNER TO app;",
        "ALTER SCHEMA \"odd \"\" one\" OWNER TO owner;",
        "COMMENT ON SCHEMA public IS 'it''s; theirs';",
        "COMMENT ON EXTENSION pg_trgm IS 'trigrams';",
        "COMMENT ON EXTENSION PG_TRGM IS NULL;",
        "GRANT ALL ON SCHEMA public TO app;",
        "ROLLBACK;",
        "abort work;",
        "PREPARE TRANSACTION 'later';",
        "CREATE SCHEMA \"odd \"\" one\";",
        "create schema if not exists Public AUTHORIZATION app;",
    ];
    let kept = [
        "ALTER SCHEMA public RENAME TO other;",
        "ALTER SCHEMA \"Public\" OWNER TO app;",
        "ALTER TABLE public OWNER TO app;",
        "COMMENT ON SCHEMA private IS 'BEGIN; COMMENT ON SCHEMA public IS NULL;';",
        "COMMENT ON EXTENSION public IS 'COMMIT;';",
        "COMMENT ON TABLE public IS 'COMMIT;';",
        "COMMENT ON FUNCTION schema.public(extension) IS NULL;",
        "GRANT ALL ON TABLE public TO schema;",
        "REVOKE USAGE ON SCHEMA \"on schema public\" FROM app;",
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END;",
        "PREPARE transactions AS SELECT 1;",
        "CREATE SCHEMA \"Public\";",
        "CREATE SCHEMA more CREATE TABLE public (schema integer);",
        "CREATE EXTENSION IF NOT EXISTS public WITH SCHEMA public;",
        "CREATE OR REPLACE VIEW public AS SELECT 1;",
        "SELECT 1 AS \"begin\", 'COMMIT;';",
    ];
    let pairs: Vec<&str> =
        left_out.iter().zip(&kept).flat_map(|(one, other)| [*one, *other]).collect();
    let script = format!("{}\n{}\n", pairs.join("\n"), kept.last().unwrap());
    assert_eq!(lines(&script, omitted()), kept);
    assert_eq!(lines(&script, Omitted::default()).len(), 31);
}

#[test]
fn rows_and_comments_pass_whatever_is_in_them() {
    let script = dump(
        "\\restrict GRANT\n-- GRANT a TO b;\n/* ALTER TABLE x OWNER TO y; */\nCOPY public.items (a) FROM stdin;\nGRANT a TO b;\nALTER TABLE x OWNER TO y;\n\\.\n\n-- Name: items; Type: ACL\n",
    );
    for pieces in [1, 2, 5, 1000] {
        assert_eq!(filtered(script.as_bytes(), BOTH, pieces), script);
    }
}

#[test]
fn so_much_is_held_back_and_no_more() {
    let long = format!("ALTER TABLE x ADD CHECK (a <> '{}');\n", "y".repeat(100_000));
    let owner = format!("ALTER FUNCTION f({}) OWNER TO app;\n", "text, ".repeat(8_000));
    let script = format!("{long}SELECT 1;\nGRANT a TO b;\n{owner}");
    let left = format!("{long}SELECT 1;\n\n\n");
    assert_eq!(filtered(script.as_bytes(), BOTH, 4096), left);
    let endless = format!("ALTER TABLE x{} OWNER TO app;\nGRANT a TO b;", " ".repeat(70_000));
    let mut out = Vec::new();
    let mut filter = StatementFilter::new(&mut out, BOTH.into());
    for part in endless.as_bytes().chunks(1000) {
        filter.write_all(part).unwrap();
        assert!(filter.held.capacity() <= 128 * 1024);
    }
    filter.flush().unwrap();
    drop(filter);
    assert_eq!(String::from_utf8(out).unwrap(), endless.replace("GRANT a TO b;", ""));
}

#[test]
fn real_dumps_lose_nothing_else() {
    for script in real_dumps::ALL {
        let mut left = Vec::new();
        let mut filter = StatementFilter::new(&mut left, BOTH.into());
        script.chunks(777).for_each(|part| filter.write_all(part).unwrap());
        filter.flush().unwrap();
        drop(filter);
        assert!(left.len() < script.len());
        assert_eq!(check(&left), check(script));
        let (Ok(script), Ok(left)) = (str::from_utf8(script), String::from_utf8(left)) else {
            continue;
        };
        assert_eq!(lines_about_nobody(&left), lines_about_nobody(script));
        let owned = script.matches(" OWNER TO ").count() - left.matches(" OWNER TO ").count();
        assert!(owned > 0);
    }
}

fn lines_about_nobody(script: &str) -> Vec<String> {
    let is_about_roles = |line: &str| {
        let owner =
            line.starts_with("ALTER ") && line.contains(" OWNER TO ") && line.ends_with(';');
        owner || ["GRANT ", "REVOKE "].iter().any(|word| line.starts_with(word))
    };
    let script = script.replace("\"new\nline\"", "\"new line\"");
    let lines = script.lines().filter(|line| !line.is_empty() && !is_about_roles(line));
    lines.map(str::to_owned).collect()
}

/// A statement about roles whose names are anything.
fn about_roles() -> impl Strategy<Value = String> {
    let forms = vec![
        "ALTER TABLE {a} OWNER TO {b};\n",
        "ALTER FUNCTION {a}.{b}({a}, {b}) OWNER TO {a};\n",
        "GRANT SELECT ON TABLE {a} TO {b};\n",
        "REVOKE ALL ON FUNCTION {a}({b}) FROM {b};\n",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {a} IN SCHEMA {b} GRANT ALL ON TABLES TO {a};\n",
        "SET SESSION AUTHORIZATION {a};\n",
        "RESET SESSION AUTHORIZATION;\n",
    ];
    (prop::sample::select(forms), bait(), bait()).prop_map(|(form, a, b)| {
        form.replace("{a}", "\u{1}").replace("{b}", &quoted(&b)).replace('\u{1}', &quoted(&a))
    })
}

proptest! {
    #[test]
    fn only_statements_about_roles_go_wherever_they_stand(
        parts in prop::collection::vec(prop_oneof![
            piece().prop_map(|piece| (piece.text, true)),
            about_roles().prop_map(|text| (text, false)),
        ], 0..12),
        pieces in 1usize..200,
    ) {
        let text = |only_kept: bool| -> String {
            let parts = parts.iter().map(|(text, is_kept)| match (only_kept, *is_kept) {
                (true, false) => "\n",
                _ => text.as_str(),
            });
            parts.collect()
        };
        let script = dump(&text(false));
        let left = filtered(script.as_bytes(), BOTH, pieces);
        prop_assert_eq!(&left, &dump(&text(true)));
        prop_assert_eq!(filtered(script.as_bytes(), BOTH, usize::MAX), left);
        prop_assert_eq!(filtered(script.as_bytes(), LeftOut::default(), pieces), script);
    }
}

#[test]
fn the_extensions_that_were_asked_for_are_known() {
    let script = "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;\n\
        CREATE EXTENSION \"uuid-ossp\";\nSELECT 'CREATE EXTENSION no;';\nCREATE TABLE extension (a integer);\n";
    for pieces in [1, 7, 1000] {
        let mut filter = StatementFilter::new(Vec::new(), Omitted::default());
        script.as_bytes().chunks(pieces).for_each(|part| filter.write_all(part).unwrap());
        assert_eq!(filter.extensions(), ["citext", "uuid-ossp"]);
    }
}
