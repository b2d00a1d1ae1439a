//! Which of several tools fits a server.

use super::version::{Family, Version};

/// A tool that could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Whose it is.
    pub family: Family,
    /// Its version.
    pub version: Version,
}

/// The server that is to be dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whose it is.
    pub family: Family,
    /// Its version.
    pub version: Version,
}

/// The place of the best candidate; of equals the first. None where none will do.
///
/// Of the server's own family, the one of its own series, else the nearest newer: a much newer one writes
/// settings that the server does not know. `pg_dump` refuses a newer server by itself. The tools of MySQL and
/// MariaDB do not, and what they leave out is found by comparing objects; so there an older one is taken where
/// there is no other, except `mysqldump` 5 for MySQL 8 and later, whose dictionary it cannot read. Last come
/// the tools of the other family.
pub(crate) fn choose(wanted: Wanted, candidates: &[Candidate]) -> Option<usize> {
    let ranked = candidates.iter().enumerate();
    let ranked = ranked.filter_map(|(place, candidate)| Some((rank(wanted, *candidate)?, place)));
    ranked.min().map(|(_, place)| place)
}

/// The smaller the better; none where it will not do.
fn rank(wanted: Wanted, candidate: Candidate) -> Option<(u8, i64, i64)> {
    let family = wanted.family;
    let (own, its) = (wanted.version.series(family), candidate.version.series(candidate.family));
    let weight = |(major, minor): (u32, u32)| i64::from(major) * 1_000 + i64::from(minor);
    let distance = weight(its) - weight(own);
    let newest_patch =
        -(i64::from(candidate.version.minor) * 1_000 + i64::from(candidate.version.patch));
    if candidate.family != family {
        let both = [family, candidate.family];
        // Each reads the other's servers, more or less; the newest knows the most.
        let other = !both.contains(&Family::Postgres) && !both.contains(&Family::Mydumper);
        return other.then_some((2, -weight(its), newest_patch));
    }
    match (family, distance) {
        (_, 0..) => Some((0, distance, newest_patch)),
        (Family::MySql, _) if candidate.version.major < 8 && wanted.version.major >= 8 => None,
        (Family::MySql | Family::MariaDb, _) => Some((1, -distance, newest_patch)),
        (Family::Postgres | Family::Mydumper, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wanted: (Family, &str), candidates: &[(Family, &str)]) -> Option<String> {
        let version = |text| Version::parse(text).unwrap();
        let wanted = Wanted { family: wanted.0, version: version(wanted.1) };
        let all: Vec<Candidate> = candidates
            .iter()
            .map(|(family, text)| Candidate { family: *family, version: version(text) })
            .collect();
        choose(wanted, &all).map(|place| candidates[place].1.to_owned())
    }

    #[test]
    fn the_servers_own_major_version_comes_first_then_the_nearest_newer() {
        use Family::Postgres;
        let installed =
            [(Postgres, "13.14"), (Postgres, "17.2"), (Postgres, "15.4"), (Postgres, "15.18")];
        let chosen = |server| chosen((Postgres, server), &installed);
        assert_eq!(chosen("15.1").as_deref(), Some("15.18"));
        assert_eq!(chosen("14.9").as_deref(), Some("15.18"));
        assert_eq!(chosen("16.0").as_deref(), Some("17.2"));
        assert_eq!(chosen("9.6.24").as_deref(), Some("13.14"));
        assert_eq!(chosen("18.0"), None);
    }

    #[test]
    fn each_family_uses_its_own_tool_where_there_is_one() {
        use Family::{MariaDb, MySql};
        let both = [(MySql, "8.0.36"), (MariaDb, "10.11.14")];
        assert_eq!(chosen((MariaDb, "10.6.1"), &both).as_deref(), Some("10.11.14"));
        assert_eq!(chosen((MariaDb, "11.4.2"), &both).as_deref(), Some("10.11.14"));
        assert_eq!(chosen((MySql, "8.4.0"), &both).as_deref(), Some("8.0.36"));
        assert_eq!(chosen((MySql, "8.0.36"), &both[1..]).as_deref(), Some("10.11.14"));
        assert_eq!(chosen((MySql, "8.0.36"), &[(MySql, "5.7.44")]), None);
        assert_eq!(chosen((MySql, "8.0.36"), &[(Family::Postgres, "15.1")]), None);
    }
}
