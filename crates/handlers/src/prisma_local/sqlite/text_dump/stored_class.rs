//! Which stored values an INSERT into their own column would refuse or convert.
//!
//! SQLite keeps what is stored when a schema is edited, so a column may hold values
//! that its present type or NOT NULL constraint would not let in.

use rusqlite::types::ValueRef;

/// What a column does to values that are inserted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnRule {
    affinity: Affinity,
    not_null: bool,
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affinity {
    /// Text that looks like a number becomes one, reals without a fraction integers.
    Numeric,
    /// As numeric; integers are reals by the time they are read.
    Real,
    /// Numbers become text.
    Text,
    /// Values stay what they are.
    Blob,
}

impl ColumnRule {
    /// The rule of a column that takes every value as it is.
    pub(super) fn anything() -> Self {
        Self { affinity: Affinity::Blob, not_null: false, strict: false }
    }

    /// The rule of a column declared with this type.
    pub(super) fn of(declared_type: &str, not_null: bool, strict: bool) -> Self {
        if strict && declared_type.eq_ignore_ascii_case("ANY") {
            return Self { affinity: Affinity::Blob, not_null, strict: false };
        }
        Self { affinity: Affinity::of(declared_type), not_null, strict }
    }

    /// Whether inserting the value stores it as it is.
    #[inline]
    pub(super) fn keeps(self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Null => !self.not_null,
            _ if self.strict => self.strictly_keeps(value),
            ValueRef::Blob(_) => true,
            ValueRef::Integer(_) => self.affinity != Affinity::Text,
            ValueRef::Real(number) => match self.affinity {
                Affinity::Numeric => !converts_to_integer(number),
                // A whole number is stored as an integer, which has no negative zero.
                Affinity::Real => !is_negative_zero(number),
                Affinity::Text => false,
                Affinity::Blob => true,
            },
            ValueRef::Text(text) => match self.affinity {
                Affinity::Numeric | Affinity::Real => !is_number(text),
                Affinity::Text | Affinity::Blob => true,
            },
        }
    }

    fn strictly_keeps(self, value: ValueRef<'_>) -> bool {
        match self.affinity {
            Affinity::Numeric => matches!(value, ValueRef::Integer(_)),
            Affinity::Real => {
                matches!(value, ValueRef::Real(number) if !is_negative_zero(number))
            }
            Affinity::Text => matches!(value, ValueRef::Text(_)),
            Affinity::Blob => matches!(value, ValueRef::Blob(_)),
        }
    }
}

impl Affinity {
    /// SQLite's rules for the affinity of a declared type, in their order.
    fn of(declared_type: &str) -> Self {
        let declared = declared_type.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        if has("INT") {
            Self::Numeric
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if declared.is_empty() || has("BLOB") {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }
}

fn is_negative_zero(number: f64) -> bool {
    number == 0.0 && number.is_sign_negative()
}

fn converts_to_integer(number: f64) -> bool {
    number.trunc() == number && number.abs() <= 9_223_372_036_854_775_808.0
}

/// Whether some SQLite version reads the whole text as a number; not all look past a NUL.
fn is_number(text: &[u8]) -> bool {
    let text = text.split(|byte| *byte == 0).next().unwrap_or(text);
    let number = after(text, is_space);
    let number = number.strip_prefix(b"-").or(number.strip_prefix(b"+")).unwrap_or(number);
    let fraction = after(number, |byte| byte.is_ascii_digit());
    let mut digits = number.len() - fraction.len();
    let mut rest = fraction;
    if let Some(fraction) = fraction.strip_prefix(b".") {
        rest = after(fraction, |byte| byte.is_ascii_digit());
        digits += fraction.len() - rest.len();
    }
    if digits == 0 {
        return false;
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or(rest.strip_prefix(b"E")) {
        let exponent =
            exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        rest = after(exponent, |byte| byte.is_ascii_digit());
        if rest.len() == exponent.len() {
            return false;
        }
    }
    after(rest, is_space).is_empty()
}

fn after(text: &[u8], belongs: fn(u8) -> bool) -> &[u8] {
    let start = text.iter().position(|byte| !belongs(*byte)).unwrap_or(text.len());
    &text[start..]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;
    use rusqlite::types::Value;

    #[test]
    fn types_have_the_affinity_sqlite_gives_them() {
        for (declared, affinity) in [
            ("", Affinity::Blob),
            ("FLOATING POINT", Affinity::Numeric),
            ("CHARINT", Affinity::Numeric),
            ("STRING", Affinity::Numeric),
            ("varchar(10)", Affinity::Text),
            ("DOUBLE", Affinity::Real),
            ("REAL BLOB", Affinity::Blob),
            ("BLOB TEXT", Affinity::Text),
        ] {
            assert_eq!(Affinity::of(declared), affinity, "{declared}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            any::<f64>()
                .prop_filter("SQLite has no NaN", |real| !real.is_nan())
                .prop_map(Value::Real),
            (-1000_i32..1000).prop_map(|whole| Value::Real(f64::from(whole))),
            "[-+]?[0-9.eE \t\n\u{b}+-]{0,6}".prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Blob),
        ]
    }

    proptest! {
        /// Whatever the rule lets pass must come back as it went in.
        #[test]
        fn kept_values_are_kept_by_sqlite(
            value in value(),
            declared in prop::sample::select(vec!["", "INT", "TEXT", "REAL", "NUM", "BLOB"]),
        ) {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(&format!("CREATE TABLE t(a {declared})")).unwrap();
            connection.execute("INSERT INTO t VALUES (?1)", [&value]).unwrap();
            let stored: Value = connection.query_row("SELECT a FROM t", [], |row| row.get(0)).unwrap();
            let rule = ColumnRule::of(declared, false, false);
            if rule.keeps(ValueRef::from(&value)) && !(declared == "REAL" && matches!(value, Value::Integer(_))) {
                prop_assert_eq!(&stored, &value);
            }
            // What SQLite itself stored is never mistaken for a misfit.
            prop_assert!(rule.keeps(ValueRef::from(&stored)));
        }
    }
}
