//! What a tool says on stderr, as much of it as anybody reads.

use std::collections::VecDeque;
use std::io::Read;

/// The first words of a tool name the cause, the last ones the end.
const FIRST_BYTES: usize = 16 * 1024;
const LAST_BYTES: usize = 16 * 1024;

/// The beginning and the end of a stream.
#[derive(Debug, Default)]
pub(super) struct BoundedText {
    first: Vec<u8>,
    last: VecDeque<u8>,
    left_out: u64,
}

impl BoundedText {
    /// Reads a stream to its end; where reading fails, that is its end.
    pub(super) fn drain(mut source: impl Read) -> Self {
        let mut text = Self::default();
        let mut buffer = [0; 4096];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return text,
                Ok(length) => text.push(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return text,
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = FIRST_BYTES.saturating_sub(self.first.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.first.extend_from_slice(first);
        self.last.extend(rest);
        let beyond = self.last.len().saturating_sub(LAST_BYTES);
        self.last.drain(..beyond);
        self.left_out += beyond as u64;
    }

    /// The text, with a word about what was left out of its middle. Only whole lines are kept on either side of
    /// that: a part of a secret would not be known for one.
    pub(super) fn into_string(self) -> String {
        let (mut bytes, last) = (self.first, Vec::from(self.last));
        if self.left_out > 0 {
            let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            bytes.truncate(end);
            bytes.extend_from_slice(format!("… {} bytes …\n", self.left_out).as_bytes());
            let start = last.iter().position(|byte| *byte == b'\n');
            bytes.extend(start.and_then(|start| last.get(start + 1..)).unwrap_or_default());
        } else {
            bytes.extend(last);
        }
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_kept_whole() {
        assert_eq!(BoundedText::drain(&b"one\ntwo\n"[..]).into_string(), "one\ntwo");
    }

    #[test]
    fn of_long_text_both_ends_are_kept() {
        let long = format!("begin\n{}\nend", "x".repeat(1_000_000));
        let kept = BoundedText::drain(long.as_bytes()).into_string();
        assert!(kept.starts_with("begin") && kept.ends_with("end") && kept.contains("bytes …"));
        assert!(kept.len() < FIRST_BYTES + LAST_BYTES + 100);
    }
}
