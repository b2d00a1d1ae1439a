//! What a database has of its own: everything that is neither the server's nor an extension's, and who may drop it.

use super::session::{Session, SessionEnd, identifier};
use crate::prisma_local::postgres::script::Kept;
use crate::tools::Version;

/// The first number that the server gives to what is not its own.
pub(super) const FIRST_OWN: u32 = 16_384;
/// So many of others' objects are named.
const MOST_NAMED: usize = 5;
/// Routines of all kinds can be dropped by one word since this version.
const ROUTINES_SINCE: u32 = 11;
/// Everybody may create in `public` until this version.
const PUBLIC_CLOSED_SINCE: u32 = 15;

/// Whatever can be dropped by itself: its catalogue, number, owner and schema; no owner but the server's where there is
/// none.
const ALL: &str = "\
    SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass::pg_catalog.oid AS class, oid, evtowner AS owner, 0 AS schema FROM pg_catalog.pg_event_trigger \
    UNION ALL SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, pubowner, 0 FROM pg_catalog.pg_publication \
    UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, nspowner, 0 FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'public' \
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, relowner, relnamespace FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner, pronamespace FROM pg_catalog.pg_proc \
    UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner, oprnamespace FROM pg_catalog.pg_operator \
    UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, opcowner, opcnamespace FROM pg_catalog.pg_opclass \
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, opfowner, opfnamespace FROM pg_catalog.pg_opfamily \
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner, typnamespace FROM pg_catalog.pg_type \
    UNION ALL SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, collowner, collnamespace FROM pg_catalog.pg_collation \
    UNION ALL SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, conowner, connamespace FROM pg_catalog.pg_conversion \
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, cfgowner, cfgnamespace FROM pg_catalog.pg_ts_config \
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictowner, dictnamespace FROM pg_catalog.pg_ts_dict \
    UNION ALL SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, oid, 10, prsnamespace FROM pg_catalog.pg_ts_parser \
    UNION ALL SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, oid, 10, tmplnamespace FROM pg_catalog.pg_ts_template \
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, fdwowner, 0 FROM pg_catalog.pg_foreign_data_wrapper \
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, srvowner, 0 FROM pg_catalog.pg_foreign_server \
    UNION ALL SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, oid, 10, 0 FROM pg_catalog.pg_am \
    UNION ALL SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, coalesce(s.typowner, t.typowner, 10), 0 FROM pg_catalog.pg_cast c \
        LEFT JOIN pg_catalog.pg_type s ON s.oid = c.castsource AND s.oid >= 16384 LEFT JOIN pg_catalog.pg_type t ON t.oid = c.casttarget AND t.oid >= 16384 \
    UNION ALL SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass, oid, extowner, 0 FROM pg_catalog.pg_extension \
    UNION ALL SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, lanowner, 0 FROM pg_catalog.pg_language";

/// Those of the database's own that must be dropped one by one: what goes with another (a table's row type, an
/// extension's functions, all in a schema that is dropped) is not among them. `may` says whether the user may.
fn own() -> String {
    let is_part = "EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid \
         AND d.objsubid = 0 AND d.deptype IN ('i', 'e', 'P', 'S'))";
    let schema_goes = format!(
        "(n.oid >= {FIRST_OWN} AND n.nspname <> 'public' AND pg_catalog.pg_has_role(n.nspowner, 'USAGE') \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
         AND d.objid = n.oid AND d.deptype = 'e'))"
    );
    format!(
        "SELECT o.class, o.oid, o.owner, \
         pg_catalog.pg_has_role(o.owner, 'USAGE') OR coalesce(pg_catalog.pg_has_role(n.nspowner, 'USAGE'), false) AS may \
         FROM ({ALL}) AS o LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.schema \
         WHERE o.oid >= {FIRST_OWN} AND coalesce(n.nspname !~ '^pg_', true) AND NOT {is_part} \
         AND NOT coalesce({schema_goes}, false)"
    )
}

/// An extension of somebody else stays where it is: whoever may not drop it could not make it again.
const EXTENSION_STAYS: &str =
    "(o.class = 'pg_catalog.pg_extension'::pg_catalog.regclass AND NOT o.may)";

/// What stays as it is while everything else is dropped and restored: of others, and needed.
pub(super) fn kept(session: &mut Session) -> Result<Vec<Kept>, SessionEnd> {
    let rows: Vec<[String; 2]> = session.query(&format!(
        "SELECT 'extension', e.extname FROM ({}) AS o JOIN pg_catalog.pg_extension e ON e.oid = o.oid \
         WHERE {EXTENSION_STAYS} \
         UNION ALL SELECT 'schema', nspname FROM pg_catalog.pg_namespace \
         WHERE nspname = 'public' AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE')",
        own()
    ))?;
    let kept = |[kind, name]: [String; 2]| match kind.as_str() {
        "extension" => Kept::Extension(name),
        _ => Kept::Schema(name),
    };
    Ok(rows.into_iter().map(kept).collect())
}

/// What of others stands in the way, in one line each, and what would allow it to be dropped.
pub(super) fn others(session: &mut Session) -> Result<(Vec<String>, Vec<String>), SessionEnd> {
    // A schema that is dropped takes with it what stands in it, and an extension's own tables have rows that a dump
    // brings along.
    let rows: Vec<[String; 3]> = session.query(&format!(
        "WITH own AS ({own}), others AS (\
         SELECT i.type || ' ' || i.identity AS what, o.owner FROM own o, \
         pg_catalog.pg_identify_object(o.class, o.oid, 0) i WHERE NOT o.may AND NOT {EXTENSION_STAYS} \
         UNION ALL SELECT 'extension ' || e.extname || ', which has rows of its own', o.owner FROM own o \
         JOIN pg_catalog.pg_extension e ON e.oid = o.oid WHERE {EXTENSION_STAYS} AND e.extconfig IS NOT NULL \
         UNION ALL SELECT 'extension ' || e.extname || ' in the schema ' || n.nspname, o.owner FROM own o \
         JOIN pg_catalog.pg_extension e ON e.oid = o.oid JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
         WHERE {EXTENSION_STAYS} AND n.oid >= {FIRST_OWN} AND n.nspname <> 'public' \
         AND pg_catalog.pg_has_role(n.nspowner, 'USAGE') \
         UNION ALL SELECT 'large object ' || oid, lomowner FROM pg_catalog.pg_largeobject_metadata \
         WHERE NOT pg_catalog.pg_has_role(lomowner, 'USAGE') \
         UNION ALL SELECT 'default privileges', defaclrole FROM pg_catalog.pg_default_acl \
         WHERE NOT pg_catalog.pg_has_role(defaclrole, 'USAGE')) \
         SELECT what, pg_catalog.pg_get_userbyid(owner), coalesce(r.rolsuper, true)::text FROM others \
         LEFT JOIN pg_catalog.pg_roles r ON r.oid = owner ORDER BY what",
        own = own()
    ))?;
    let [user] = session.row("SELECT current_user::text")?;
    let mut lines: Vec<String> = rows
        .iter()
        .take(MOST_NAMED)
        .map(|[what, owner, _]| format!("{what} belongs to {}", identifier(owner)))
        .collect();
    if rows.len() > MOST_NAMED {
        lines.push(format!("{} more of others", rows.len() - MOST_NAMED));
    }
    // Nobody is advised to make somebody a superuser.
    let mut owners: Vec<&String> = rows
        .iter()
        .filter(|[_, _, is_super]| is_super != "true")
        .map(|[_, owner, _]| owner)
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let grant = |owner: &String| format!("GRANT {} TO {}", identifier(owner), identifier(&user));
    Ok((lines, owners.into_iter().map(grant).collect()))
}

/// The statements after which the database is as empty as a new one, but for what stays.
pub(super) fn drops(session: &mut Session, version: Version) -> Result<Vec<String>, SessionEnd> {
    let mut statements = default_privileges(session)?;
    let routine =
        if version.major >= ROUTINES_SINCE { "'ROUTINE'" } else { "pg_catalog.upper(i.type)" };
    let drops: Vec<[String; 1]> = session.query(&format!(
        "SELECT 'DROP ' || CASE WHEN i.type IN ('function', 'procedure', 'aggregate') THEN {routine} \
         ELSE pg_catalog.upper(pg_catalog.replace(i.type, '-', ' ')) END || ' IF EXISTS ' || i.identity || ' CASCADE' \
         FROM ({}) AS o, pg_catalog.pg_identify_object(o.class, o.oid, 0) i WHERE NOT {EXTENSION_STAYS}",
        own()
    ))?;
    statements.extend(drops.into_iter().map(|[statement]| statement));
    statements.push(
        "SELECT pg_catalog.count(pg_catalog.lo_unlink(oid)) FROM pg_catalog.pg_largeobject_metadata"
            .to_owned(),
    );
    statements.extend(public_schema(session, version)?);
    Ok(statements)
}

/// What a new database has none of: the entries go as soon as they say what is so anyway.
fn default_privileges(session: &mut Session) -> Result<Vec<String>, SessionEnd> {
    let statements: Vec<[String; 1]> = session.query(
        "WITH entries AS (SELECT d.*, pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I', pg_catalog.pg_get_userbyid(defaclrole)) \
         || coalesce(' IN SCHEMA ' || pg_catalog.quote_ident(n.nspname), '') AS whose, \
         CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' \
         WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS what \
         FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace) \
         SELECT statement FROM (\
         SELECT DISTINCT 1 AS place, whose || ' REVOKE ALL ON ' || what || ' FROM ' || \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS statement \
         FROM entries, pg_catalog.aclexplode(defaclacl) a \
         UNION ALL SELECT 2, whose || ' GRANT ALL ON ' || what || ' TO ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(defaclrole)) \
         FROM entries WHERE defaclnamespace = 0 \
         UNION ALL SELECT 2, whose || ' GRANT ALL ON ' || what || ' TO PUBLIC' \
         FROM entries WHERE defaclnamespace = 0 AND defaclobjtype IN ('f', 'T')) AS statements ORDER BY place",
    )?;
    Ok(statements.into_iter().map(|[statement]| statement).collect())
}

/// The schema that every dump takes for granted, with the privileges of a new one.
fn public_schema(session: &mut Session, version: Version) -> Result<Vec<String>, SessionEnd> {
    let rows: Vec<[String; 2]> = session.query(
        "SELECT pg_catalog.pg_has_role(nspowner, 'USAGE')::text, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(nspowner)) \
         FROM pg_catalog.pg_namespace WHERE nspname = 'public'",
    )?;
    let Some([is_own, owner]) = rows.into_iter().next() else {
        return Ok(vec!["CREATE SCHEMA public".to_owned(), public_for_all(version)]);
    };
    if is_own != "true" {
        return Ok(Vec::new());
    }
    let grantees: Vec<[String; 1]> = session.query(
        "SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END \
         FROM pg_catalog.pg_namespace, pg_catalog.aclexplode(nspacl) a WHERE nspname = 'public'",
    )?;
    let mut statements: Vec<String> = grantees
        .into_iter()
        .map(|[grantee]| format!("REVOKE ALL ON SCHEMA public FROM {grantee} CASCADE"))
        .collect();
    statements.push(format!("GRANT ALL ON SCHEMA public TO {owner}"));
    statements.push(public_for_all(version));
    Ok(statements)
}

fn public_for_all(version: Version) -> String {
    let what = if version.major >= PUBLIC_CLOSED_SINCE { "USAGE" } else { "ALL" };
    format!("GRANT {what} ON SCHEMA public TO PUBLIC")
}

/// What making it all again takes, and the user lacks: in words, and what would grant it.
pub(super) fn missing_rights(
    session: &mut Session,
) -> Result<(Vec<String>, Vec<String>), SessionEnd> {
    let [user, database, on_database, on_public] = session.row(
        "SELECT pg_catalog.quote_ident(current_user), pg_catalog.quote_ident(pg_catalog.current_database()), \
         pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')::text, \
         coalesce((SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace \
         WHERE nspname = 'public'), true)::text",
    )?;
    let rights = [
        (on_database, "no right to create schemas in the database", format!("DATABASE {database}")),
        (on_public, "no right to create tables in the schema public", "SCHEMA public".to_owned()),
    ];
    let lacking = rights.into_iter().filter(|(has, _, _)| has != "true");
    Ok(lacking
        .map(|(_, words, on)| (words.to_owned(), format!("GRANT CREATE ON {on} TO {user}")))
        .unzip())
}
