//! Which machine this is.

use std::sync::OnceLock;

/// How many hexadecimal digits a mark has.
pub const MARK_LENGTH: usize = 8;

/// The host's name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A short mark of this machine, for the names of partial files: only the machine that wrote one can
/// tell whether its writer still lives.
pub fn host_mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        // Containers share a kernel and may share a machine id, but not both that and the name.
        let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let mut mark = crate::digest::of_parts([host_name().as_str(), machine.trim()]);
        mark.truncate(MARK_LENGTH);
        mark
    })
}
