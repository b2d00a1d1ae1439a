//! Encodings, as far as they make a difference: to where strings end, and to names.

use std::borrow::Cow;

/// How the script's bytes make characters, as far as a backslash in a string depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientEncoding {
    /// A byte that looks like ASCII is.
    AsciiSafe,
    /// The same, and each byte is the character of that number.
    Latin1,
    /// Shift JIS: some high bytes are characters of their own.
    ShiftJis,
    /// Every high byte takes the next one with it.
    Pairs,
}

impl ClientEncoding {
    /// By the name that `pg_dump` writes.
    pub(super) fn named(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "SJIS" | "SHIFT_JIS_2004" => Self::ShiftJis,
            // GB18030 has characters of four bytes; two pairs are as good.
            "BIG5" | "GBK" | "UHC" | "GB18030" | "JOHAB" => Self::Pairs,
            "LATIN1" => Self::Latin1,
            _ => Self::AsciiSafe,
        }
    }

    /// A text in UTF-8, where this encoding is known well enough; else as it is.
    pub(super) fn utf8(self, text: &[u8]) -> Cow<'_, [u8]> {
        if self == Self::Latin1 && !text.is_ascii() {
            let characters = text.iter().map(|byte| char::from(*byte));
            return Cow::Owned(characters.collect::<String>().into_bytes());
        }
        Cow::Borrowed(text)
    }

    /// Whether the byte after this one belongs to the same character, whatever it looks like.
    pub(super) fn takes_next(self, byte: u8) -> bool {
        match self {
            Self::AsciiSafe | Self::Latin1 => false,
            Self::ShiftJis => matches!(byte, 0x81..=0x9f | 0xe0..=0xfc),
            Self::Pairs => byte >= 0x80,
        }
    }
}
