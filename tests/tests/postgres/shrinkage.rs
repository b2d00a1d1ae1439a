//! A database that has lost most of its rows since its last backup.

use backup_tests::servers::PostgresServer;
use serde_json::json;

use crate::backup::{Backup, FORMATS, project};

#[test]
fn who_loses_nine_rows_of_ten_is_told_since_when() {
    let server = PostgresServer::shared();
    let database = server.new_database("shrinking");
    for format in FORMATS {
        server.sql(
            &database,
            "DROP TABLE IF EXISTS customer; CREATE TABLE customer AS SELECT generate_series(1, 5500) AS id",
        );
        let project = project(&server.url(&database));
        let make = || Backup::make(&project, json!({"format": format}));
        let former = make();
        former.assert_no_warnings();
        server.sql(&database, "DELETE FROM customer WHERE id % 10 <> 0; ANALYZE");
        let shrunken = make();
        let warnings = shrunken.warnings();
        assert_eq!(warnings.len(), 1, "{format}: {warnings:?}");
        let start = format!(
            "The database has lost 90 % of its rows since {}: 5500 then, 550 now",
            former.id()
        );
        assert!(warnings[0].starts_with(&start), "{format}: {warnings:?}");
        assert!(warnings[0].contains("public.customer 5500 → 550"), "{format}: {warnings:?}");
        assert_eq!(shrunken.manifest["warnings"], json!(warnings));
        make().assert_no_warnings();
    }
}
