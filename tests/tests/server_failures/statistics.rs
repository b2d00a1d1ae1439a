//! A tool that ends well, and whose dump is well-formed and lacks rows: found out all the same.

use backup_tests::scripted_tool::ScriptedTools;
use serde_json::Value;

use crate::shop::{Server, Shop, answer, mark};

fn ask(format: &'static str, script: &str) -> (Value, Shop<'static>) {
    let shop = Shop::new((Server::postgres(), format), "short");
    let tools = ScriptedTools::with_script("pg_dump", script);
    let mut host = tools.host(&shop.project);
    mark(&mut host, &shop.project);
    (answer(&mut host, &shop.request()), shop)
}

fn assert_names(failed: &Value, table: &str) {
    assert_eq!(failed["status"], "error", "{failed:#}");
    assert_eq!(failed["code"], "verification_failed", "{failed:#}");
    let finding = failed["result"]["finding"].as_str().unwrap();
    assert!(finding.contains(table), "{failed:#}");
}

#[test]
fn a_script_whose_block_lost_most_of_its_rows_is_refused() {
    // Every row of the table but each twentieth goes; the block, and the dump, end as they should.
    let script = r#""$real" "$@" | awk '
        /^\\\.$/ { inside = 0 }
        inside && row++ % 20 { next }
        { print }
        /^COPY public\.orders / { inside = 1 }'"#;
    let (failed, shop) = ask("sql", script);
    assert_names(&failed, "public.orders has 200 of 4000 rows");
    shop.assert_nothing_is_left("sql");
}

#[test]
fn an_archive_without_a_tables_rows_is_refused() {
    for format in ["custom", "directory"] {
        let (failed, shop) = ask(format, r#"exec "$real" "$@" --exclude-table-data=orders"#);
        assert_names(&failed, "public.orders");
        shop.assert_nothing_is_left(format);
    }
}

#[test]
fn a_dump_without_a_table_is_refused() {
    for format in ["sql", "custom", "directory"] {
        let (failed, shop) = ask(format, r#"exec "$real" "$@" --exclude-table=orders"#);
        assert_names(&failed, "public.orders");
        shop.assert_nothing_is_left(format);
    }
}

#[test]
fn a_script_without_its_data_is_refused() {
    let (failed, shop) = ask("sql", r#"exec "$real" "$@" --schema-only"#);
    assert_names(&failed, "public.orders");
    shop.assert_nothing_is_left("sql");
}
