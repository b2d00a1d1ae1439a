//! What a byte is between tokens. Looked up, not compared: most of a script's statements pass here.

#[derive(Clone, Copy, PartialEq, Eq)]
enum ByteKind {
    Blank,
    /// Part of a word.
    Word,
    /// Part of a word, but not its first byte: there it may begin a dollar-quoted string.
    Dollar,
    /// Begins something else that is longer, or opens or ends something.
    Special,
    /// Part of an operator, or punctuation.
    Dull,
}

impl ByteKind {
    #[expect(clippy::indexing_slicing, reason = "a constant: checked when it is compiled")]
    const TABLE: [Self; 256] = {
        let mut table = [Self::Dull; 256];
        let mut byte = 0;
        while byte < u8::MAX {
            table[byte as usize] = Self::defined(byte);
            byte += 1;
        }
        table[byte as usize] = Self::defined(byte);
        table
    };

    const fn defined(byte: u8) -> Self {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => Self::Blank,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x80.. => Self::Word,
            b'$' => Self::Dollar,
            b'\'' | b'"' | b'-' | b'/' | b';' | b'(' | b')' => Self::Special,
            _ => Self::Dull,
        }
    }

    fn of(byte: u8) -> Self {
        Self::TABLE.get(usize::from(byte)).copied().unwrap_or(Self::Dull)
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    ByteKind::of(byte) == ByteKind::Blank
}

pub(super) fn is_word(byte: u8) -> bool {
    matches!(ByteKind::of(byte), ByteKind::Word | ByteKind::Dollar)
}

fn is_dull(byte: u8) -> bool {
    matches!(ByteKind::of(byte), ByteKind::Blank | ByteKind::Dull)
}

/// Skips what need not become tokens in a statement of which only the end matters: blanks, symbols, whole words.
pub(super) fn skim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    loop {
        rest = skip(rest, is_dull);
        let after_word = skip(rest, is_word);
        // A word may go on in the next piece, or be the prefix of a string.
        let is_whole_word = rest.first() != Some(&b'$')
            && after_word.len() < rest.len()
            && !matches!(after_word.first(), None | Some(b'\''));
        if !is_whole_word {
            return rest;
        }
        rest = after_word;
    }
}

fn skip(bytes: &[u8], is_skipped: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !is_skipped(*byte)).unwrap_or(bytes.len());
    bytes.get(end..).unwrap_or_default()
}
