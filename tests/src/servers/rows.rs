//! What `psql --csv` prints, as values.

/// How a null is told from a text; no text of the tests is this.
pub(super) const NULL: &str = "\u{1}null\u{1}";

/// Reads rows of comma-separated values.
pub(super) fn parse(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut rows, mut row, mut value) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut characters) = (false, text.chars().peekable());
    let finished = |value: &mut String| {
        let value = std::mem::take(value);
        (value != NULL).then_some(value)
    };
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                value.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(finished(&mut value)),
            '\n' if !quoted => {
                row.push(finished(&mut value));
                rows.push(std::mem::take(&mut row));
            }
            other => value.push(other),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_quotes_commas_and_newlines_are_told_apart() {
        let text = format!("a,,{NULL}\n\"b\"\"\n,c\",d,\n");
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            parse(&text),
            [[some("a"), some(""), None], [some("b\"\n,c"), some("d"), some("")]]
        );
    }
}
