//! Values and names as SQL text that SQLite reads back bit by bit.

use std::fmt::{self, Write as _};
use std::io;

use rusqlite::types::ValueRef;

use super::output::DumpOutput;
use super::schema::TextEncoding;
use super::text_literals::write_text;

/// Two hexadecimal digits for every byte.
const HEX: [[u8; 2]; 256] = hex_table();

const fn hex_table() -> [[u8; 2]; 256] {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
}

/// A value as SQLite hands it out; for text of a UTF-16 database also the stored bytes,
/// because the UTF-8 SQLite makes of them hides unpaired surrogates.
#[derive(Clone, Copy)]
pub(super) struct StoredValue<'a> {
    pub(super) value: ValueRef<'a>,
    pub(super) stored_utf16: Option<&'a [u8]>,
}

impl StoredValue<'_> {
    /// An upper bound of the literal's length, cheap enough for every row.
    pub(super) fn literal_bound(&self) -> u64 {
        const FIXED: u64 = 96;
        match self.value {
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => FIXED,
            ValueRef::Blob(bytes) => FIXED + 2 * bytes.len() as u64,
            // The longest forms are hexadecimal UTF-16 and escaped line breaks.
            ValueRef::Text(text) => {
                let stored = self.stored_utf16.map_or(0, <[u8]>::len);
                FIXED + (4 * text.len()).max(2 * stored) as u64
            }
        }
    }

    /// Writes the SQL expression that evaluates to exactly this value.
    pub(super) fn write(&self, encoding: TextEncoding, out: &mut DumpOutput<'_>) -> io::Result<()> {
        match self.value {
            ValueRef::Null => out.text("NULL"),
            ValueRef::Integer(number) => write_integer(number, out),
            ValueRef::Real(number) => write_real(number, out),
            ValueRef::Text(text) => write_text(text, self.stored_utf16, encoding, out),
            ValueRef::Blob(bytes) => {
                out.text("X'")?;
                write_hex(bytes, out)?;
                out.text("'")
            }
        }
    }
}

/// Writes bytes as hexadecimal digits, in pieces, however many they are.
pub(super) fn write_hex(bytes: &[u8], out: &mut DumpOutput<'_>) -> io::Result<()> {
    const PIECE: usize = 2048;
    let mut digits = [[0_u8; 2]; PIECE];
    for piece in bytes.chunks(PIECE) {
        for (pair, byte) in digits.iter_mut().zip(piece) {
            *pair = HEX[usize::from(*byte)];
        }
        out.put(digits[..piece.len()].as_flattened())?;
    }
    Ok(())
}

/// Writes an integer in decimal.
pub(super) fn write_integer(number: i64, out: &mut DumpOutput<'_>) -> io::Result<()> {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        digits[start] = b'-';
    }
    out.put(&digits[start..])
}

/// Integers up to here are exact as a real.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// Writes a real, with 18 significant digits unless it is a whole number.
///
/// The shortest digits would be enough for a correctly rounding reader, but several
/// SQLite versions round the last bit wrongly when the decimal lies near the middle
/// between two reals; with 18 digits it lies next to the one that is meant.
fn write_real(number: f64, out: &mut DumpOutput<'_>) -> io::Result<()> {
    if number.is_nan() {
        return out.text("NULL");
    }
    if number.is_infinite() {
        return out.text(if number > 0.0 { "9e999" } else { "-9e999" });
    }
    if number.trunc() == number && number.abs() < EXACT_INTEGERS {
        if number.is_sign_negative() {
            out.text("-")?;
        }
        write_integer(number.abs() as i64, out)?;
        return out.text(".0");
    }
    let mut near_one = number;
    let mut factors: (usize, &str) = (0, "");
    while near_one.abs() < 1.0 / FAR {
        near_one *= STEP;
        factors = (factors.0 + 1, STEP_DOWN);
    }
    while near_one.abs() > FAR {
        near_one /= STEP;
        factors = (factors.0 + 1, STEP_UP);
    }
    write_digits(near_one, out)?;
    (0..factors.0).try_for_each(|_| out.text(factors.1))
}

/// Beyond this, and below its inverse, several SQLite versions read decimals only nearly
/// right, so such reals are written as a product with powers of two, which is exact.
const FAR: f64 = 1e75;
/// 2 to the power of 200.
const STEP: f64 =
    1_606_938_044_258_990_275_541_962_092_341_162_602_522_202_993_782_792_835_301_376.0;
const STEP_UP: &str = "*1.6069380442589902755e+60";
const STEP_DOWN: &str = "*6.2230152778611417071e-61";

/// Writes a real with 18 significant digits, but no zeros at their end.
fn write_digits(number: f64, out: &mut DumpOutput<'_>) -> io::Result<()> {
    let mut text = ShortText::default();
    // 32 bytes hold the longest such number, so formatting cannot fail.
    let _ = write!(text, "{number:.17e}");
    let text = &text.bytes[..text.length];
    let exponent = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
    let digits = text[..exponent].iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
    out.put(&text[..digits])?;
    // A lone "1." would be read, but "1.0" is what people write.
    if text[..digits].ends_with(b".") {
        out.text("0")?;
    }
    out.put(&text[exponent..])
}

/// A formatted number on the stack.
#[derive(Default)]
struct ShortText {
    bytes: [u8; 32],
    length: usize,
}

impl fmt::Write for ShortText {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let end = self.length + piece.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(piece.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Writes a name as a quoted identifier.
pub(super) fn write_identifier(name: &str, out: &mut DumpOutput<'_>) -> io::Result<()> {
    out.text("\"")?;
    for (index, part) in name.split('"').enumerate() {
        if index > 0 {
            out.text("\"\"")?;
        }
        out.text(part)?;
    }
    out.text("\"")
}

/// A name as a quoted identifier, for the statements that read the database.
pub(super) fn quoted_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
