//! Encodings in which a byte that looks like ASCII may be the second half of a character.

/// How the script's bytes make characters, as far as a backslash in a string depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientEncoding {
    /// A byte that looks like ASCII is.
    AsciiSafe,
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
            _ => Self::AsciiSafe,
        }
    }

    /// Whether the byte after this one belongs to the same character, whatever it looks like.
    pub(super) fn takes_next(self, byte: u8) -> bool {
        match self {
            Self::AsciiSafe => false,
            Self::ShiftJis => matches!(byte, 0x81..=0x9f | 0xe0..=0xfc),
            Self::Pairs => byte >= 0x80,
        }
    }
}
