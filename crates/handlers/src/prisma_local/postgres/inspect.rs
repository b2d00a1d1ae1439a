//! What the rules must know before a dump: sizes, and whether the user may read everything.

use backup_core::{DatabaseFacts, Error};

use super::session::{Session, SessionEnd, identifier};
use crate::tools::Version;

/// How many objects one answer names.
const MOST_NAMED: u32 = 20;
/// The first version with the role `pg_read_all_data`.
const READ_ALL_DATA_SINCE: u32 = 14;
/// Schemas of the system, which no dump holds.
const OWN_SCHEMAS: &str = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";
/// Members of an extension come back with it.
const NO_EXTENSION: &str = "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e \
     WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e')";

/// Measures the database.
pub(super) fn facts(session: &mut Session) -> Result<DatabaseFacts, SessionEnd> {
    // Pages as the planner knows them: measuring the files would wait for whoever holds a table exclusively.
    let [size, rows, time] = session.row(&format!(
        "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())::text, \
         (SELECT coalesce(sum((c.relpages + coalesce(t.relpages, 0))::bigint), 0) \
          * pg_catalog.current_setting('block_size')::bigint \
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
          LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid \
          WHERE c.relkind = 'r' AND {OWN_SCHEMAS})::text, \
         extract(epoch FROM pg_catalog.clock_timestamp())::bigint::text"
    ))?;
    let row_bytes = rows.parse().ok().filter(|bytes| *bytes > 0);
    Ok(DatabaseFacts {
        size: size.parse().unwrap_or_default(),
        row_bytes,
        server_time: time.parse().ok(),
        ..DatabaseFacts::default()
    })
}

/// Finds what the user may not read. The dump tool would find it too, one object at a time and after the
/// waiting; that policies hide rows it finds only while it dumps.
pub(super) fn refuse_missing_rights(
    session: &mut Session,
    version: Version,
) -> Result<Option<Error>, SessionEnd> {
    let rows: Vec<[String; 4]> = session.query(&format!(
        "SELECT n.nspname, c.relname, c.relkind::text, \
         CASE WHEN NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') THEN 'schema' \
              WHEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') THEN 'table' \
              ELSE 'rows' END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' \
         AND {OWN_SCHEMAS} AND {NO_EXTENSION} \
         AND (NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
              OR NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') \
              OR c.relkind = 'r' AND c.relrowsecurity AND pg_catalog.row_security_active(c.oid)) \
         ORDER BY 1, 2 LIMIT {MOST_NAMED}"
    ))?;
    let objects = unreadable_large_objects(session)?;
    if rows.is_empty() && objects.is_empty() {
        return Ok(None);
    }
    let [user] = session.row("SELECT current_user::text")?;
    let user = identifier(&user);
    let mut missing = Vec::new();
    let mut grants = Vec::new();
    let mut grant = |sql: String| {
        if !grants.contains(&sql) {
            grants.push(sql);
        }
    };
    for [schema, name, kind, lack] in &rows {
        let (schema, name) = (identifier(schema), identifier(name));
        let noun = if kind == "S" { "sequence" } else { "table" };
        let (said, wanted) = match lack.as_str() {
            "schema" => (
                format!("no USAGE on schema {schema}"),
                format!("GRANT USAGE ON SCHEMA {schema} TO {user}"),
            ),
            "table" => (
                format!("no SELECT on {noun} {schema}.{name}"),
                format!(
                    "GRANT SELECT ON ALL {}S IN SCHEMA {schema} TO {user}",
                    noun.to_uppercase()
                ),
            ),
            _ => (
                format!("row-level security hides rows of {schema}.{name}"),
                format!("ALTER ROLE {user} BYPASSRLS"),
            ),
        };
        missing.push(said);
        if version.major >= READ_ALL_DATA_SINCE && lack != "rows" {
            grant(format!("GRANT pg_read_all_data TO {user}"));
        } else {
            grant(wanted);
        }
    }
    for object in objects {
        missing.push(format!("no SELECT on large object {object}"));
        grants.push(format!("GRANT SELECT ON LARGE OBJECT {object} TO {user}"));
    }
    Ok(Some(Error::PermissionDenied { missing, grants, words: None }))
}

/// Large objects that belong to others, who have granted nothing.
fn unreadable_large_objects(session: &mut Session) -> Result<Vec<String>, SessionEnd> {
    let rows: Vec<[String; 1]> = session.query(&format!(
        "SELECT l.oid::text FROM pg_catalog.pg_largeobject_metadata l \
         WHERE NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) \
         AND NOT pg_catalog.pg_has_role(l.lomowner, 'USAGE') \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.aclexplode(l.lomacl) a \
             WHERE a.privilege_type = 'SELECT' \
             AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE'))) \
         ORDER BY l.oid LIMIT {MOST_NAMED}"
    ))?;
    Ok(rows.into_iter().map(|[object]| object).collect())
}

/// The tables whose rows a dump must hold: ordinary tables and leaf partitions, neither foreign nor an
/// extension's. A standby has no rows of unlogged tables to give.
pub(super) fn tables_query(is_standby: bool) -> String {
    let persistence = if is_standby { "('p')" } else { "('p', 'u')" };
    format!(
        "SELECT c.oid::text, n.nspname, c.relname, c.relfilenode::text, \
         pg_catalog.pg_stat_get_live_tuples(c.oid)::text \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence IN {persistence} \
         AND {OWN_SCHEMAS} AND {NO_EXTENSION} ORDER BY c.reltuples, c.oid"
    )
}
