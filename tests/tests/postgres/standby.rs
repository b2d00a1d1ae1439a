//! A standby is read like its primary.

use serde_json::json;

use crate::another_server;
use crate::backup::{Backup, FORMATS, expected_row_counts, project, verify};

#[test]
fn a_standby_gives_all_but_the_rows_of_unlogged_tables() {
    let primary = another_server();
    let database = primary.new_database("followed");
    primary.sql(
        &database,
        "CREATE TABLE logged AS SELECT generate_series(1, 70) AS id;
         CREATE UNLOGGED TABLE unlogged AS SELECT generate_series(1, 8) AS id;
         CREATE TABLE measured (at integer) PARTITION BY RANGE (at);
         CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM (0) TO (9);
         INSERT INTO measured SELECT generate_series(0, 8)",
    );
    let standby = primary.standby();
    primary.wait_for_standby(&standby);
    let project = project(&standby.url(&database));
    for format in FORMATS {
        let made = Backup::make(&project, json!({"format": format}));
        let expected = [("public.logged".to_owned(), 70), ("public.measured_1".to_owned(), 9)];
        assert_eq!(made.row_counts(), expected.into(), "{format}");
        let warnings = made.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("standby") && warnings[0].contains("unlogged"),
            "{warnings:?}"
        );
        assert_eq!(verify(&project, made.id(), "full")["status"], "success");
        let copy = format!("{database}_{format}");
        made.restore(primary, &copy);
        assert_eq!(primary.schema(&copy), primary.schema(&database));
        let mut counts = expected_row_counts(primary, &database);
        counts.insert("public.unlogged".to_owned(), 0);
        assert_eq!(expected_row_counts(primary, &copy), counts);
    }
}
