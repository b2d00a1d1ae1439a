//! Artifacts brought back with the plain tools, as a person without this program would.

use std::path::Path;
use std::process::Command;

use super::client::succeed;
use super::{MariadbServer, PostgresServer, program};

impl PostgresServer {
    /// Loads a plain dump, packed or not, into a new database.
    pub fn restore_plain(&self, dump: &Path, database: &str) {
        self.create_database(database);
        let mut psql = self.client("psql", database);
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]);
        load(dump, &mut psql);
    }

    /// Loads a `custom` file or a `directory` folder of `pg_dump` into a new database.
    pub fn restore_archive(&self, archive: &Path, database: &str) {
        self.create_database(database);
        let mut restore = self.client("pg_restore", database);
        // It wants the name as an argument, and takes one with an equals sign for a list of settings.
        let name = database.replace('\\', "\\\\").replace('\'', "\\'");
        restore.args(["--exit-on-error", "--dbname", &format!("dbname='{name}'")]).arg(archive);
        succeed(&mut restore);
    }
}

impl MariadbServer {
    /// Loads a plain dump, packed or not, into a new database.
    pub fn restore_plain(&self, dump: &Path, database: &str) {
        self.create_database(database);
        let mut client = self.client("mariadb", database);
        client.arg("--binary-mode");
        load(dump, &mut client);
    }

    /// Loads a folder of `mydumper` into a new database.
    pub fn restore_folder(&self, folder: &Path, database: &str) {
        self.create_database(database);
        let mut loader = Command::new(program("myloader"));
        loader
            .env_clear()
            // Without it the options of this tool are ASCII.
            .env("LC_ALL", "C.UTF-8")
            .arg(format!("--defaults-file={}", self.settings_file().display()))
            .args(["--overwrite-tables", "--threads=2"])
            .arg(format!("--database={database}"))
            .arg(format!("--directory={}", folder.display()));
        succeed(&mut loader);
    }
}

/// Feeds a dump to a client, unpacked with the usual tools.
fn load(dump: &Path, client: &mut Command) {
    let unpack = match dump.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => "gunzip -c",
        Some("zst") => "zstd -q -d -c",
        _ => "cat",
    };
    let mut pipeline = Command::new("bash");
    pipeline
        .args(["-c", &format!("set -o pipefail; {unpack} <\"$1\" | \"${{@:2}}\""), "load"])
        .arg(dump)
        .arg(client.get_program())
        .args(client.get_args())
        .env_clear();
    for (name, value) in client.get_envs() {
        pipeline.env(name, value.unwrap());
    }
    succeed(&mut pipeline);
}
