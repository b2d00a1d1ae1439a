//! The disk of a server that runs on this machine.

use std::io;
use std::path::Path;

use backup_core::available_space;

/// How many bytes are free where a server keeps its databases; none where there is no such place here.
pub(super) fn free_space(place: &str) -> Option<u64> {
    let place = Path::new(place);
    if !place.is_absolute() {
        return None;
    }
    match place.symlink_metadata() {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => None,
        _ => available_space(place).ok(),
    }
}

/// Whether this machine is called so.
pub(super) fn is_called(name: &str) -> bool {
    rustix::system::uname().nodename().to_str() == Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_place_that_is_here_tells() {
        assert!(free_space("/").is_some());
        assert_eq!(free_space("/nowhere/on/this/machine"), None);
        assert_eq!(free_space("data"), None);
        assert_eq!(free_space(""), None);
    }

    #[test]
    fn no_machine_is_called_nothing() {
        assert!(!is_called(""));
    }
}
