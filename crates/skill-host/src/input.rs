//! Lines from stdin: bounded, whatever comes.

use std::io::{self, BufRead};

use backup_protocol::MAX_LINE_BYTES;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its newline; the last one may have had none.
    Whole(Vec<u8>),
    /// A line that was too long; it was read to its newline and thrown away.
    TooLong,
}

/// Reads the next line; none at the end of the input.
pub(crate) fn read_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let mut too_long = false;
    let mut read_any = false;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            break;
        }
        read_any = true;
        let newline = available.iter().position(|byte| *byte == b'\n');
        let content = available.get(..newline.unwrap_or(available.len())).unwrap_or_default();
        if line.len() + content.len() > MAX_LINE_BYTES {
            too_long = true;
            line = Vec::new();
        }
        if !too_long {
            line.extend_from_slice(content);
        }
        let consumed = newline.map_or(available.len(), |newline| newline + 1);
        input.consume(consumed);
        if newline.is_some() {
            break;
        }
    }
    Ok(match (read_any, too_long) {
        (false, _) => None,
        (true, true) => Some(Line::TooLong),
        (true, false) => Some(Line::Whole(line)),
    })
}

/// Whether a line says nothing and is not answered.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<Line> {
        let mut reader = io::BufReader::with_capacity(7, input);
        std::iter::from_fn(|| read_line(&mut reader).unwrap()).collect()
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(
            lines(b"a\n\nlonger than seven\nlast"),
            [whole("a"), whole(""), whole("longer than seven"), whole("last")]
        );
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_long_line_is_thrown_away_and_the_next_one_is_not() {
        let mut input = vec![b'x'; MAX_LINE_BYTES + 1];
        input.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&input), [Line::TooLong, Line::Whole(b"next".to_vec())]);
        let mut input = vec![b'x'; MAX_LINE_BYTES];
        input.push(b'\n');
        assert_eq!(lines(&input).len(), 1);
        assert!(matches!(lines(&input).first(), Some(Line::Whole(_))));
    }

    #[test]
    fn blank_is_blank_with_a_mark_too() {
        assert!(is_blank(b" \t\r") && is_blank("\u{feff}".as_bytes()) && !is_blank(b"{"));
    }
}
