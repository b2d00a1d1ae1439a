//! Text as SQL that survives the shell's line reader and every text encoding.

use std::io;

use super::literals::write_hex;
use super::output::DumpOutput;
use super::schema::TextEncoding;

const QUOTE: u8 = 1;
const CARRIAGE_RETURN: u8 = 2;
const LINE_FEED: u8 = 4;
/// Control characters, of which NUL ends the shell's lines and others confuse terminals.
const CONTROL: u8 = 8;
const BEYOND_ASCII: u8 = 16;

/// What every byte means for the choice of a literal.
const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'\'' => QUOTE,
            b'\r' => CARRIAGE_RETURN,
            b'\n' => LINE_FEED,
            b'\t' => 0,
            0..=31 | 127 => CONTROL,
            128..=255 => BEYOND_ASCII,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// Text longer than this is written on one line: some shells look at the whole
/// statement again after each line with a semicolon, which takes hours for a long one.
const LONGEST_TEXT_WITH_LINES: usize = 4096;

/// What may stand for a line break. Each starts with a character it has nowhere else and
/// none is the start of another, so none can arise where one of them meets other text.
const CARRIAGE_RETURN_STAND_INS: [&str; 3] = ["\\r", "\\015", "<CR>"];
const LINE_FEED_STAND_INS: [&str; 3] = ["\\n", "\\012", "<LF>"];

/// How one text is written.
enum TextForm {
    /// Between quotes, as it is.
    Quoted,
    /// Between quotes with stand-ins for line breaks, put back by `replace()`.
    Escaped { carriage_return: Option<&'static str>, line_feed: Option<&'static str> },
    /// As the bytes stored in the database.
    Bytes,
}

/// Writes an expression for a text of the database.
///
/// `stored_utf16` are the stored bytes where the database is UTF-16 encoded; without
/// them the text must be what SQLite made of valid UTF-16.
pub(super) fn write_text(
    text: &[u8],
    stored_utf16: Option<&[u8]>,
    encoding: TextEncoding,
    out: &mut DumpOutput<'_>,
) -> io::Result<()> {
    let seen = text.iter().fold(0, |seen, byte| seen | CLASSES[usize::from(*byte)]);
    match choose_form(text, seen, stored_utf16, encoding) {
        TextForm::Quoted if seen & QUOTE == 0 => {
            out.text("'")?;
            out.put(text)?;
            out.text("'")
        }
        TextForm::Quoted => write_quoted(text, None, None, out),
        TextForm::Escaped { carriage_return, line_feed } => {
            write_escaped(text, carriage_return, line_feed, out)
        }
        TextForm::Bytes => write_bytes(text, stored_utf16, encoding, out),
    }
}

fn choose_form(
    text: &[u8],
    seen: u8,
    stored_utf16: Option<&[u8]>,
    encoding: TextEncoding,
) -> TextForm {
    if seen & CONTROL != 0 {
        return TextForm::Bytes;
    }
    if stored_utf16.is_some_and(|stored| !survives_utf8(text, seen, stored, encoding)) {
        return TextForm::Bytes;
    }
    let escape_line_feeds = seen & LINE_FEED != 0 && text.len() > LONGEST_TEXT_WITH_LINES;
    let escape_carriage_returns = seen & CARRIAGE_RETURN != 0;
    if seen & BEYOND_ASCII == 0 && !escape_line_feeds && !escape_carriage_returns {
        return TextForm::Quoted;
    }
    let Ok(text) = std::str::from_utf8(text) else { return TextForm::Bytes };
    let carriage_return =
        escape_carriage_returns.then(|| stand_in(text, CARRIAGE_RETURN_STAND_INS));
    let line_feed = escape_line_feeds.then(|| stand_in(text, LINE_FEED_STAND_INS));
    match (carriage_return, line_feed) {
        (None, None) => TextForm::Quoted,
        (Some(None), _) | (_, Some(None)) => TextForm::Bytes,
        (carriage_return, line_feed) => TextForm::Escaped {
            carriage_return: carriage_return.flatten(),
            line_feed: line_feed.flatten(),
        },
    }
}

fn stand_in(text: &str, candidates: [&'static str; 3]) -> Option<&'static str> {
    candidates.into_iter().find(|candidate| !text.contains(candidate))
}

/// Whether UTF-16 text comes back from the UTF-8 of the dump: it must be well-formed,
/// and SQLite's UTF-8 reader turns U+FFFE and U+FFFF into U+FFFD.
fn survives_utf8(text: &[u8], seen: u8, stored: &[u8], encoding: TextEncoding) -> bool {
    if seen & BEYOND_ASCII == 0 {
        return stored.len() == 2 * text.len();
    }
    let (pairs, odd_byte) = stored.as_chunks::<2>();
    let units = pairs.iter().map(|pair| match encoding {
        TextEncoding::Utf16be => u16::from_be_bytes(*pair),
        TextEncoding::Utf16le | TextEncoding::Utf8 => u16::from_le_bytes(*pair),
    });
    odd_byte.is_empty()
        && char::decode_utf16(units).all(|character| {
            character.is_ok_and(|known| known != '\u{fffe}' && known != '\u{ffff}')
        })
}

fn write_escaped(
    text: &[u8],
    carriage_return: Option<&str>,
    line_feed: Option<&str>,
    out: &mut DumpOutput<'_>,
) -> io::Result<()> {
    let stand_ins = [(carriage_return, "13"), (line_feed, "10")];
    for _ in stand_ins.iter().filter(|(stand_in, _)| stand_in.is_some()) {
        out.text("replace(")?;
    }
    write_quoted(text, carriage_return, line_feed, out)?;
    for (stand_in, character) in stand_ins {
        if let Some(stand_in) = stand_in {
            for piece in [",'", stand_in, "',char(", character, "))"] {
                out.text(piece)?;
            }
        }
    }
    Ok(())
}

fn write_quoted(
    text: &[u8],
    carriage_return: Option<&str>,
    line_feed: Option<&str>,
    out: &mut DumpOutput<'_>,
) -> io::Result<()> {
    out.text("'")?;
    let mut rest = text;
    while let Some(place) = rest
        .iter()
        .position(|byte| CLASSES[usize::from(*byte)] & (QUOTE | CARRIAGE_RETURN | LINE_FEED) != 0)
    {
        out.put(&rest[..place])?;
        match (rest[place], carriage_return, line_feed) {
            (b'\'', _, _) => out.text("''")?,
            (b'\r', Some(stand_in), _) | (b'\n', _, Some(stand_in)) => out.text(stand_in)?,
            (other, _, _) => out.put(&[other])?,
        }
        rest = &rest[place + 1..];
    }
    out.put(rest)?;
    out.text("'")
}

/// `CAST` reads the bytes in the encoding of the database that is being loaded, which
/// is the encoding of this one.
fn write_bytes(
    text: &[u8],
    stored_utf16: Option<&[u8]>,
    encoding: TextEncoding,
    out: &mut DumpOutput<'_>,
) -> io::Result<()> {
    out.text("CAST(X'")?;
    match (stored_utf16, encoding) {
        (Some(stored), _) => write_hex(stored, out)?,
        (None, TextEncoding::Utf8) => write_hex(text, out)?,
        (None, TextEncoding::Utf16le | TextEncoding::Utf16be) => {
            for unit in String::from_utf8_lossy(text).encode_utf16() {
                let bytes = match encoding {
                    TextEncoding::Utf16be => unit.to_be_bytes(),
                    TextEncoding::Utf16le | TextEncoding::Utf8 => unit.to_le_bytes(),
                };
                write_hex(&bytes, out)?;
            }
        }
    }
    out.text("' AS TEXT)")
}
