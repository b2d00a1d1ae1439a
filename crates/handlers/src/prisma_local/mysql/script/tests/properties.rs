//! Random rows as both families write them, random cuts and splits, and scripts of random fragments.

use proptest::prelude::*;

use super::*;

/// A value as the tools write it: numbers, `NULL`, blobs, expressions, and texts of any byte.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"NULL".to_vec()),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (-1e9..1e9).prop_map(|number: f64| format!("{number:e}").into_bytes()),
        prop::collection::vec(any::<u8>(), 1..200).prop_map(|blob| {
            let digits = blob.iter().map(|byte| format!("{byte:02X}"));
            [b"0x".to_vec(), digits.collect::<String>().into_bytes()].concat()
        }),
        text(),
        text().prop_map(|text| [b"_binary ", &text[..]].concat()),
        text().prop_map(|text| [b"CONVERT(", &text[..], b" USING UTF8MB4)"].concat()),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let nasty = "[-'\"`\\\\();,#/*! \n\rA0]{0,90}".prop_map(String::into_bytes);
    let text = prop_oneof![prop::collection::vec(any::<u8>(), 0..200), nasty];
    text.prop_map(|text| escaped(&text))
}

fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = vec![b'\''];
    for byte in text {
        match byte {
            0 => escaped.extend(b"\\0"),
            b'\n' => escaped.extend(b"\\n"),
            b'\r' => escaped.extend(b"\\r"),
            0x1a => escaped.extend(b"\\Z"),
            b'\\' | b'\'' | b'"' => escaped.extend([b'\\', *byte]),
            _ => escaped.push(*byte),
        }
    }
    escaped.push(b'\'');
    escaped
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// How an `INSERT` begins, what is between its rows, and how many rows it has at most.
fn form() -> impl Strategy<Value = (&'static str, &'static str, &'static str, usize)> {
    prop::sample::select(vec![
        ("INSERT INTO ", " VALUES ", ",", usize::MAX),
        ("INSERT INTO ", " VALUES\n", ",\n", usize::MAX),
        ("INSERT IGNORE INTO ", " (`a (`, `b'`) VALUES ", ",", 3),
        ("REPLACE INTO ", " VALUES (", "", 1),
    ])
}

type Rows = Vec<Vec<Vec<u8>>>;

fn table() -> impl Strategy<Value = (String, Rows)> {
    let row = prop::collection::vec(value(), 1..6);
    ("\\PC{1,20}", prop::collection::vec(row, 0..12))
}

fn write_table(name: &str, rows: &Rows, form: (&str, &str, &str, usize)) -> Vec<u8> {
    let (begins, values, between, most) = form;
    let name = quoted(name);
    let mut script = format!("CREATE TABLE {name} (\n  `a (` int DEFAULT ';'\n);\n").into_bytes();
    for statement in rows.chunks(most.min(rows.len().max(1))) {
        script.extend(format!("{begins}{name}{}", values.trim_end_matches('(')).into_bytes());
        let written: Vec<Vec<u8>> =
            statement.iter().map(|row| [&b"("[..], &row.join(&b','), b")"].concat()).collect();
        script.extend(written.join(between.as_bytes()));
        script.extend(b";\n");
    }
    script
}

/// A whole dump of these tables, and their rows.
fn random_dump() -> impl Strategy<Value = (Vec<u8>, BTreeMap<String, u64>)> {
    (prop::collection::vec(table(), 0..4), form()).prop_map(|(tables, form)| {
        let mut script = HEADER.as_bytes().to_vec();
        let mut counts = BTreeMap::new();
        for (name, rows) in &tables {
            script.extend(write_table(name, rows, form));
            *counts.entry(name.clone()).or_default() += rows.len() as u64;
        }
        script.extend(FOOTER.as_bytes());
        (script, counts)
    })
}

/// Pieces of scripts that mean something to the lexer, alone or together.
const FRAGMENTS: [&str; 34] = [
    "INSERT INTO `t` VALUES ",
    "INSERT INTO `u` (`a`) VALUES\n",
    "CREATE TABLE `t`",
    "CREATE ALGORITHM=MERGE VIEW ",
    "CREATE TRIGGER ",
    "SET sql_mode = 'ANSI_QUOTES'",
    "SET sql_mode = @old",
    "DELIMITER ;;\n",
    "\nDELIMITER ;\n",
    ";",
    ";\n",
    "(",
    ")",
    "),(",
    "(1,'a'),",
    "'",
    "''",
    "\"",
    "\\",
    "`",
    "-",
    "--",
    "-- ",
    "# ",
    "\n",
    "/*",
    "/*!50003 ",
    "/*!999999\\- ",
    "*/",
    "*",
    "/",
    "1,-2,NULL",
    "a long text without anything in it, which fills a block of the counter, and then more",
    "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF00112233445566778899AABB",
];

fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(FRAGMENTS.to_vec())
}

/// Ends whatever is open, so that what was counted in it shows.
const ENDS: &str = "\n'\n;\n\"\n;\n`\n;\n*/;\n|;\n)|;\n";

fn disturbed_dump() -> impl Strategy<Value = Vec<u8>> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), fragment()), 0..4);
    (random_dump(), places).prop_map(|((mut dump, _), places)| {
        for (place, fragment) in places {
            let at = place.index(dump.len());
            dump.splice(at..at, fragment.bytes());
        }
        [&dump, ENDS.as_bytes()].concat()
    })
}

fn fragments() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(fragment(), 0..60)
        .prop_map(|fragments| [&fragments.concat(), ENDS].concat().into_bytes())
}

/// What was found, whether the script is whole or not.
fn found(script: &[u8], piece: usize) -> (Option<Unfinished>, ScriptContents) {
    let mut check = ScriptCheck::new(TABLE);
    for piece in script.chunks(piece) {
        check.feed(piece);
    }
    (check.lexer.unfinished(), check.reader.into_contents())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_row_is_counted((dump, counts) in random_dump(), piece in 1_usize..400) {
        let contents = read(&dump);
        prop_assert_eq!(contents.as_ref().map(|contents| &contents.rows), Ok(&counts));
        prop_assert_eq!(read_in_pieces(&dump, piece), contents);
    }

    #[test]
    fn a_cut_is_noticed((dump, _) in random_dump(), cut in any::<prop::sample::Index>()) {
        let length = cut.index(dump.len() - 1);
        prop_assert!(read(&dump[..length]).is_err(), "cut at {}", length);
    }

    /// Single bytes never reach the counter of whole blocks: so it is also compared with the lexer.
    #[test]
    fn no_split_changes_anything(
        script in prop_oneof![3 => disturbed_dump(), 1 => fragments()],
        piece in 1_usize..200,
    ) {
        let whole = found(&script, usize::MAX);
        prop_assert_eq!(&found(&script, 1), &whole);
        prop_assert_eq!(&found(&script, piece), &whole);
    }
}
