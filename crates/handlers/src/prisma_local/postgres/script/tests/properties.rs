//! Random scripts of which it is known what they hold, whole, in pieces and cut.

use proptest::prelude::*;

use super::*;

/// A part of a script, and the rows in it.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) text: String,
    rows: Option<(TableName, u64)>,
}

impl Piece {
    fn new(text: String) -> Self {
        Self { text, rows: None }
    }
}

/// Text that looks like parts of a script.
pub(super) fn bait() -> impl Strategy<Value = String> {
    let fragments = vec![
        "\n",
        "\n",
        "\\.\n",
        "\n\\.\n",
        "\\",
        "'",
        "''",
        "\"",
        "$$",
        "$a$",
        "$",
        "a",
        "e",
        ";",
        "(",
        ")",
        "--",
        "/*",
        "*/",
        " ",
        "\r",
        "COPY a (b) FROM stdin;\n",
        "\n--\n",
        "BEGIN ATOMIC ",
        "END",
        "é",
        "🦀",
        "-- PostgreSQL database dump complete\n",
        "\n\\unrestrict t\n",
        "\\restrict t\n",
    ];
    prop::collection::vec(prop::sample::select(fragments), 0..12).prop_map(|parts| parts.concat())
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn copy_block() -> impl Strategy<Value = Piece> {
    let name = "[a-z\"'.; \\\\é$-]{1,8}";
    (name, name, prop::collection::vec(bait(), 0..6)).prop_map(|(schema, name, values)| {
        let mut text = format!("COPY {}.{} (a) FROM stdin;\n", quoted(&schema), quoted(&name));
        for value in &values {
            let escaped = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
            text += &(escaped + "\n");
        }
        text += "\\.\n\n";
        Piece { text, rows: Some((TableName { schema, name }, values.len() as u64)) }
    })
}

pub(super) fn piece() -> impl Strategy<Value = Piece> {
    let text = |write: fn(String) -> String| bait().prop_map(move |bait| Piece::new(write(bait)));
    prop_oneof![
        3 => copy_block(),
        1 => text(|bait| format!("COMMENT ON x IS '{}';\n", bait.replace('\'', "''"))),
        1 => text(|bait| {
            format!("SELECT E'{}';\n", bait.replace('\\', "\\\\").replace('\'', "\\'"))
        }),
        1 => text(|bait| format!("CREATE TABLE {} ();\n", quoted(&bait))),
        1 => text(|bait| format!("DO $body$ {bait} $body$;\n")),
        1 => text(|bait| format!("CREATE FUNCTION f() AS $_$ {bait} $_$;\n")),
        1 => text(|bait| {
            let bait = bait.replace(['*', '/'], "");
            format!("/* /* {bait} */ {bait} */\n")
        }),
        1 => text(|bait| format!("-- Name: {}\n", bait.replace(['\n', '\r'], " "))),
        1 => text(|bait| {
            let text = bait.replace('\'', "''");
            format!("CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN '{text}' THEN 1 END; END;\n")
        }),
    ]
}

/// A script, and what it holds.
fn script() -> impl Strategy<Value = (String, BTreeMap<TableName, u64>)> {
    (any::<bool>(), prop::collection::vec(piece(), 0..12)).prop_map(|(is_restricted, pieces)| {
        let mut rows = BTreeMap::new();
        let mut text = TITLE.to_owned();
        if is_restricted {
            text += "\\restrict t\n\n";
        }
        for piece in pieces {
            text += &piece.text;
            if let Some((table, count)) = piece.rows {
                *rows.entry(table).or_default() += count;
            }
        }
        text += COMPLETION;
        if is_restricted {
            text += "\\unrestrict t\n\n";
        }
        (text, rows)
    })
}

/// Feeds a script in pieces that end at these places.
fn check_in_pieces(
    script: &[u8],
    ends: &[prop::sample::Index],
) -> Result<ScriptContents, IncompleteScript> {
    let mut ends: Vec<usize> = ends.iter().map(|end| end.index(script.len() + 1)).collect();
    ends.push(script.len());
    ends.sort_unstable();
    let mut check = ScriptCheck::new();
    let mut start = 0;
    for end in ends {
        check.feed(&script[start..end]);
        start = end;
    }
    check.finish()
}

fn ends() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..20)
}

proptest! {
    #[test]
    fn all_rows_of_a_script_are_counted_however_it_arrives((script, rows) in script(), ends in ends()) {
        let contents = check_in_pieces(script.as_bytes(), &ends);
        let expected = ScriptContents { kind: ScriptKind::Database, rows, has_inserts: false };
        prop_assert_eq!(contents, Ok(expected));
    }

    #[test]
    fn a_script_cut_anywhere_is_incomplete((script, _) in script()) {
        prop_assert_eq!(accepted_cuts(script.as_bytes()), [1]);
    }

    #[test]
    fn a_cut_script_is_incomplete_in_the_same_way_however_it_arrives(
        (script, _) in script(),
        length in any::<prop::sample::Index>(),
        ends in ends(),
    ) {
        let cut = &script.as_bytes()[..length.index(script.len())];
        prop_assert_eq!(check_in_pieces(cut, &ends), check(cut));
    }

    #[test]
    fn any_bytes_at_all_are_read_alike_however_they_arrive(
        text in prop::collection::vec(prop_oneof![bait().prop_map(String::into_bytes), any::<[u8; 3]>().prop_map(Vec::from)], 0..20),
        ends in ends(),
    ) {
        let script = [TITLE.as_bytes(), &text.concat(), COMPLETION.as_bytes()].concat();
        prop_assert_eq!(check_in_pieces(&script, &ends), check(&script));
    }
}
