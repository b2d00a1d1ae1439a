//! From every database in every form and back: made, verified, restored with the plain tools, compared.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use backup_tests::servers::{Dialect, PostgresServer, many_tables};
use serde_json::{Value, json};

use crate::backup::{Backup, client_version, expected_row_counts, project, verify};

/// A database, and what every copy of it must be.
struct Original {
    server: &'static PostgresServer,
    database: String,
    schema: String,
    content: BTreeMap<String, String>,
    row_counts: BTreeMap<String, u64>,
}

impl Original {
    fn new(about: &str, fill: impl Fn(&PostgresServer, &str)) -> Self {
        let server = PostgresServer::shared();
        let database = server.new_database(about);
        fill(server, &database);
        Self {
            server,
            schema: server.schema(&database),
            content: server.content(&database),
            row_counts: expected_row_counts(server, &database),
            database,
        }
    }

    /// Goes the whole way in one format with every compression; into a database only with those of `back`.
    fn comes_back(&self, format: &str, back: &[Value]) {
        let project = project(&self.server.url(&self.database));
        for compression in [json!(false), json!(true), json!("zstd")] {
            let parameters = json!({"format": format, "compression": compression});
            let made = Backup::make(&project, parameters);
            assert_form(&made, format, &compression);
            made.assert_recorded_bytes();
            assert_eq!(made.row_counts(), self.row_counts, "{format}, {compression}");
            let verified = verify(&project, made.id(), "full");
            assert_eq!(verified["status"], "success", "{verified:#}");
            if back.contains(&compression) {
                self.assert_same(&made);
            }
        }
    }

    /// The same in every format.
    fn comes_back_in_every_form(&self) {
        self.comes_back("sql", &[json!("zstd")]);
        self.comes_back("custom", &[json!(true)]);
        self.comes_back("directory", &[json!(false)]);
    }

    fn assert_same(&self, made: &Backup) {
        // Ids are unique in a project only.
        let project = made.manifest["project"].as_str().unwrap();
        let copy = format!("{} {project:.9}", made.id());
        made.restore(self.server, &copy);
        if self.server.schema(&copy) != self.schema || self.server.content(&copy) != self.content {
            self.server.assert_same(&self.database, self.server, &copy);
            panic!("the original was changed meanwhile");
        }
        self.server.sql("postgres", &format!("DROP DATABASE \"{copy}\""));
    }
}

/// What is recorded is what was made: `pg_dump` itself has zstd since version 16.
fn assert_form(made: &Backup, format: &str, asked: &Value) {
    let major: u32 = client_version().split('.').next().unwrap().parse().unwrap();
    let compression = match (asked.as_str(), asked.as_bool()) {
        (_, Some(false)) => "none",
        (Some("zstd"), _) if format == "sql" || major >= 16 => "zstd",
        _ => "gzip",
    };
    let extension = match (format, compression) {
        ("custom", _) => ".dump",
        ("directory", _) => ".dir",
        (_, "none") => ".sql",
        (_, "zstd") => ".sql.zst",
        _ => ".sql.gz",
    };
    let artifact = &made.manifest["artifact"];
    assert_eq!(artifact["format"], format);
    assert_eq!(made.result["format"], format);
    assert_eq!(artifact["compression"], compression, "{format}, {asked}");
    assert_eq!(made.result["compressed"], compression != "none");
    assert_eq!(artifact["file_name"], format!("{}{extension}", made.id()));
    assert_eq!(made.result["verification"]["level"], "plausible_size");
    let is_gzip = |path: &std::path::Path| std::fs::read(path).unwrap().starts_with(&[0x1f, 0x8b]);
    match format {
        "sql" => assert_eq!(is_gzip(&made.artifact), compression == "gzip"),
        "directory" => {
            let files = std::fs::read_dir(&made.artifact).unwrap();
            let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            let data: Vec<String> =
                names.filter(|name| name.contains(".dat") && name != "toc.dat").collect();
            let ending = match compression {
                "none" => ".dat",
                "gzip" => ".dat.gz",
                _ => ".dat.zst",
            };
            assert!(data.iter().all(|name| name.ends_with(ending)), "{data:?}");
        }
        _ => {}
    }
}

/// The rich database, which nobody changes.
pub fn rich_database() -> &'static str {
    &rich().database
}

fn rich() -> &'static Original {
    static RICH: OnceLock<Original> = OnceLock::new();
    RICH.get_or_init(|| Original::new("rich", PostgresServer::load_rich))
}

#[test]
fn a_rich_database_comes_back_as_text() {
    rich().comes_back("sql", &[json!(false), json!(true), json!("zstd")]);
}

#[test]
fn a_rich_database_comes_back_from_one_archive() {
    rich().comes_back("custom", &[json!(false), json!(true), json!("zstd")]);
}

#[test]
fn a_rich_database_comes_back_from_a_folder() {
    rich().comes_back("directory", &[json!(false), json!(true), json!("zstd")]);
}

#[test]
fn what_is_counted_has_leaves_and_no_strangers() {
    let counts = &rich().row_counts;
    for there in [
        "public.measured_2024",
        "public.Measured 2025, others, 1",
        "\"public\".\"a.b\"",
        "public.no_columns",
    ] {
        assert!(counts.contains_key(there), "{there}: {counts:?}");
    }
    for not in ["public.measured", "public.measured_2025", "public.far_away", "public.yearly"] {
        assert!(!counts.contains_key(not), "{not}");
    }
    assert_eq!(counts["public.no_columns_but_rows"], 3);
}

#[test]
fn hundreds_of_tables_come_back() {
    let sql = many_tables(Dialect::Postgres, 300);
    let many = Original::new("many", |server, database| {
        server.sql(database, &sql);
    });
    many.comes_back_in_every_form();
}

#[test]
fn no_table_at_all_comes_back() {
    let none = Original::new("none", |_, _| {});
    assert!(none.row_counts.is_empty());
    none.comes_back_in_every_form();
}

#[test]
fn tables_without_rows_or_columns_come_back() {
    let sql = "CREATE TABLE no_columns (); CREATE TABLE no_rows (id integer PRIMARY KEY);
        CREATE TABLE no_columns_but_rows (); INSERT INTO no_columns_but_rows DEFAULT VALUES";
    let bare = Original::new("bare", |server, database| {
        server.sql(database, sql);
    });
    bare.comes_back_in_every_form();
}
