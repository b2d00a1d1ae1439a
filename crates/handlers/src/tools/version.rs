//! Versions, as tools and servers tell them.

use std::fmt;

/// Whose tool or server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// PostgreSQL.
    Postgres,
    /// MySQL, and Percona Server, which is told apart by nothing that matters here.
    MySql,
    /// MariaDB.
    MariaDb,
    /// mydumper, which reads both.
    Mydumper,
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
            Self::Mydumper => "mydumper",
        })
    }
}

/// A version: numbers from the most to the least significant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    /// 15 of 15.18.
    pub major: u32,
    /// 18 of 15.18.
    pub minor: u32,
    /// 14 of 10.11.14.
    pub patch: u32,
}

impl Version {
    /// A version of those numbers.
    #[cfg(test)]
    pub(crate) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads the version at the start of a text; what follows the numbers is of no matter (`18beta1`).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('v');
        let end = text.find(|character: char| !character.is_ascii_digit() && character != '.');
        let mut numbers = text.get(..end.unwrap_or(text.len()))?.split('.');
        let major = numbers.next()?.parse().ok()?;
        let mut next = || numbers.next().and_then(|number| number.parse().ok()).unwrap_or_default();
        Some(Self { major, minor: next(), patch: next() })
    }

    /// What distinguishes releases that differ in what they write: `15` for PostgreSQL, `10.11` for MariaDB.
    pub(crate) const fn series(self, family: Family) -> (u32, u32) {
        match family {
            Family::Postgres | Family::Mydumper => (self.major, 0),
            Family::MySql | Family::MariaDb => (self.major, self.minor),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 { write!(formatter, ".{}", self.patch) } else { Ok(()) }
    }
}

/// Reads what a tool answers to `--version`: whose it is, and its version.
///
/// The forms: `pg_dump (PostgreSQL) 15.18 (Debian …)`; `mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL …)`;
/// `mysqldump  Ver 10.13 Distrib 5.7.44, for Linux`; `mariadb-dump  Ver 10.19 Distrib 10.11.14-MariaDB, for …`;
/// `mariadb-dump from 11.4.2-MariaDB, client 10.19 for …`; `mydumper 0.10.0, built against MySQL 10.11.14`;
/// `mydumper v0.16.1-1, built against …`.
pub(crate) fn read_answer(answer: &str) -> Option<(Family, Version)> {
    let line = answer.lines().next()?;
    let after = |word: &str| line.split_once(word).map(|(_, rest)| rest.trim_start());
    if let Some(rest) = after("(PostgreSQL) ") {
        return Some((Family::Postgres, Version::parse(rest)?));
    }
    if let Some(rest) = line.strip_prefix("mydumper ") {
        return Some((Family::Mydumper, Version::parse(rest)?));
    }
    // The number after Ver is the tool's own where another follows that is the release's.
    let release = after("Distrib ").or_else(|| after(" from ")).or_else(|| after(" Ver "))?;
    let family = if line.contains("MariaDB") { Family::MariaDb } else { Family::MySql };
    Some((family, Version::parse(release)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let cases = [
            ("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Family::Postgres, (15, 18, 0)),
            ("pg_dump (PostgreSQL) 18beta1", Family::Postgres, (18, 0, 0)),
            ("psql (PostgreSQL) 9.6.24", Family::Postgres, (9, 6, 24)),
            (
                "mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)",
                Family::MySql,
                (8, 0, 36),
            ),
            ("mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)", Family::MySql, (5, 7, 44)),
            (
                "mariadb-dump  Ver 10.19 Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64)",
                Family::MariaDb,
                (10, 11, 14),
            ),
            (
                "mysqldump from 11.4.2-MariaDB, client 10.19 for debian-linux-gnu (x86_64)",
                Family::MariaDb,
                (11, 4, 2),
            ),
            ("mydumper 0.10.0, built against MySQL 10.11.14", Family::Mydumper, (0, 10, 0)),
            ("mydumper v0.16.1-1, built against MySQL 8.0.37", Family::Mydumper, (0, 16, 1)),
        ];
        for (answer, family, (major, minor, patch)) in cases {
            let expected = (family, Version::new(major, minor, patch));
            assert_eq!(read_answer(answer), Some(expected), "{answer}");
        }
        for answer in ["", "--\n-- PostgreSQL database dump\n", "usage: x"] {
            assert_eq!(read_answer(answer), None, "{answer}");
        }
    }
}
