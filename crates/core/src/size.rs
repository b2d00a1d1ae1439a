//! Sizes as people and the wire read them. Decisions are made in bytes; these only show them.

/// Bytes in what `_mb` fields count.
pub const MIB: u64 = 1024 * 1024;
/// Bytes in what `_gb` fields count.
pub const GIB: u64 = 1024 * MIB;

/// A size with one decimal in units of 1024: `12.3 GB`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, rounded half up, in integers: a float would show 1024.0 MB.
    let mut unit = 0;
    let mut size = 1024_u64;
    while unit + 1 < UNITS.len() && tenths(bytes, size) >= 10_240 {
        unit += 1;
        size *= 1024;
    }
    let tenths = tenths(bytes, size);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS.get(unit).copied().unwrap_or_default())
}

fn tenths(bytes: u64, unit: u64) -> u64 {
    let tenths = (u128::from(bytes) * 10 + u128::from(unit / 2)) / u128::from(unit);
    u64::try_from(tenths).unwrap_or(u64::MAX)
}

/// A need in whole units: rounded to nearest, but up where it would read as no more than what is there.
pub fn whole_need(need: u64, available: u64, unit: u64) -> u64 {
    let nearest = need.saturating_add(unit / 2) / unit;
    if need > available && nearest <= whole_available(available, unit) {
        need.div_ceil(unit)
    } else {
        nearest
    }
}

/// What is there in whole units, rounded down.
pub const fn whole_available(available: u64, unit: u64) -> u64 {
    available / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_size_reads_as_in_the_seed() {
        assert_eq!(human(13_212_876_800), "12.3 GB");
    }

    #[test]
    fn units_change_where_they_should() {
        assert_eq!(human(0), "0 B");
        assert_eq!(human(1023), "1023 B");
        assert_eq!(human(1024), "1.0 KB");
        assert_eq!(human(MIB - 1), "1.0 MB");
        assert_eq!(human(u64::MAX), "16777216.0 TB");
    }

    #[test]
    fn a_need_never_reads_as_what_is_there() {
        assert_eq!(whole_need(GIB + 1, GIB, GIB), 2);
        assert_eq!(whole_need(3 * GIB / 2, 0, GIB), 2);
        assert_eq!(whole_need(5 * GIB / 4, 0, GIB), 1);
        assert_eq!(whole_need(100, 10, GIB), 1);
    }
}
