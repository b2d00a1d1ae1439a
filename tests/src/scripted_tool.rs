//! Dump tools that misbehave: scripts that go first on PATH, do what the real tool does, and then something
//! that it should not.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::servers::program;
use crate::{Project, START_OF_PATH};

/// What a scripted tool does with a dump. Where the tool is told to write a file or a folder, that is where
/// it happens; in a folder to every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// As the real one.
    Honest,
    /// Writes half of the dump and exits with 0.
    Half,
    /// Writes the dump up to its completion line, where it has none up to its last 64 bytes, and exits with 0.
    WithoutEnd,
    /// Writes nothing, makes no file, and exits with 0.
    Nothing,
    /// Hangs before the first byte.
    HangsAtOnce,
    /// Hangs after half of the dump.
    HangsHalfway,
    /// Hangs after half of the dump and does not listen to SIGTERM, SIGINT or SIGHUP.
    HangsDeaf,
    /// Says why on stderr and exits with 1, before the first byte.
    FailsAtOnce,
    /// Writes the whole dump, says why on stderr and exits with 1.
    FailsAtEnd,
    /// Writes half of the dump and is killed by SIGKILL.
    KilledHalfway,
    /// Writes the whole dump and is killed by SIGKILL.
    KilledAtEnd,
}

/// What a failing one says on stderr.
pub const COMPLAINT: &str = "error: the scripted tool fails";

/// A folder of scripted tools.
#[derive(Debug)]
pub struct ScriptedTools {
    folder: TempDir,
}

/// Follows lines that set `real`, `version`, `behaviour`, `complaint` and `folder`.
const SCRIPT: &str = r#"
PATH=/usr/local/bin:/usr/bin:/bin
export PATH
case " $* " in
    *" --version "* | *" -V "*)
        [ -z "$version" ] || { printf '%s\n' "$version"; exit 0; }
        exec "$real" "$@" ;;
esac
{ printf '%s\n' "$@"; echo; } >>"$folder/calls"
echo $$ >>"$folder/processes"
dump=$folder/dump.$$

target=
previous=
for argument in "$@"; do
    case $previous in -f | --file | -o | --outputdir | -r | --result-file) target=$argument ;; esac
    case $argument in
        --file=* | --outputdir=* | --result-file=*) target=${argument#*=} ;;
        -f?*) target=${argument#-f} ;;
    esac
    previous=$argument
done

# One process, without children that would outlive it.
hang() { exec sleep 100000; }
fail() { printf '%s\n' "$complaint" >&2; exit 1; }
length() { wc -c <"$1"; }
keep() { head -c "$2" "$1" >"$dump.cut" && cat "$dump.cut" >"$1" && rm "$dump.cut"; }
up_to_its_end() {
    last=$(LC_ALL=C grep -abi '^-- .*dump complete' "$1" | tail -n 1 | cut -d: -f1)
    bytes=$(length "$1")
    echo "${last:-$((bytes > 64 ? bytes - 64 : 0))}"
}
spoil() {
    case $behaviour in
        Half | HangsHalfway | HangsDeaf | KilledHalfway) keep "$1" $(($(length "$1") / 2)) ;;
        WithoutEnd) keep "$1" "$(up_to_its_end "$1")" ;;
    esac
}

case $behaviour in
    Nothing) exit 0 ;;
    HangsAtOnce) hang ;;
    FailsAtOnce) fail ;;
esac
if [ -n "$target" ]; then
    "$real" "$@" || exit
    if [ -d "$target" ]; then
        for file in "$target"/*; do spoil "$file"; done
    else
        spoil "$target"
    fi
else
    "$real" "$@" >"$dump" || exit
    spoil "$dump"
    cat "$dump"
    rm "$dump"
fi
case $behaviour in
    HangsDeaf) trap '' TERM INT HUP; hang ;;
    HangsHalfway) hang ;;
    FailsAtEnd) fail ;;
    KilledHalfway | KilledAtEnd) kill -KILL $$ ;;
esac
"#;

impl Default for ScriptedTools {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedTools {
    /// A folder without tools.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Hosts of other users must come here as well, and write down that they did.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        Self { folder }
    }

    /// A folder with a tool that is the real one but for what a script, in bash, does with its arguments or its
    /// output; `$real` is the real one.
    pub fn with_script(name: &str, script: &str) -> Self {
        let tools = Self::new();
        let text = format!(
            "#!/bin/bash\nreal='{}'\n\
             case \" $* \" in *' --version '*) exec \"$real\" \"$@\" ;; esac\nset -o pipefail\n{script}\n",
            program(name).display()
        );
        std::fs::write(tools.program(name), text).unwrap();
        std::fs::set_permissions(tools.program(name), PermissionsExt::from_mode(0o755)).unwrap();
        tools
    }

    /// Writes a tool that stands for the real one of that name.
    #[must_use]
    pub fn with(self, name: &str, behaviour: Behaviour) -> Self {
        self.write(name, behaviour, "");
        self
    }

    /// Writes an honest tool that says it is of another version: the whole line.
    #[must_use]
    pub fn with_version(self, name: &str, version: &str) -> Self {
        self.write(name, Behaviour::Honest, version);
        self
    }

    /// Writes a tool, over one that may be there.
    pub fn write(&self, name: &str, behaviour: Behaviour, version: &str) {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let script = format!(
            "#!/bin/sh\nreal={} version={} behaviour={behaviour:?} complaint={} folder={}\n{SCRIPT}",
            quoted(program(name).to_str().unwrap()),
            quoted(version),
            quoted(COMPLAINT),
            quoted(self.folder.path().to_str().unwrap()),
        );
        let path = self.program(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The folder, for PATH.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A tool's path.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A project's host that finds these tools first.
    pub fn host(&self, project: &Project) -> Command {
        let mut command = project.host();
        command.env("PATH", format!("{}:{START_OF_PATH}", self.folder.path().display()));
        command
    }

    /// The arguments of every call so far, but for questions about the version.
    pub fn calls(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        let calls = text.split("\n\n").filter(|call| !call.is_empty());
        calls.map(|call| call.lines().map(str::to_owned).collect()).collect()
    }

    /// The processes of every call so far; they have long ended where nothing hangs.
    pub fn processes(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.folder.path().join("processes"));
        text.unwrap_or_default().lines().map(|line| line.parse().unwrap()).collect()
    }
}
