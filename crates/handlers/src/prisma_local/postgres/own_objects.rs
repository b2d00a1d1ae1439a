//! What a database has of its own: everything that is neither the server's nor an extension's, and who may drop it.

use std::collections::HashSet;

use super::session::{Session, SessionEnd, identifier};
use crate::prisma_local::postgres::script::Kept;
use crate::tools::Version;

/// The first number that the server gives to what is not its own.
pub(super) const FIRST_OWN: u32 = 16_384;
/// What the server says where something is not as it was.
pub(super) const CHANGED: &str = "something was made or changed meanwhile";
/// So many of others' objects are named.
const MOST_NAMED: usize = 5;
/// Routines of all kinds can be dropped by one word since this version.
const ROUTINES_SINCE: u32 = 11;
/// Not everybody may create in `public`, and it belongs to whoever owns the database, since this version.
const PUBLIC_CLOSED_SINCE: u32 = 15;

/// Whatever can be dropped by itself: its catalogue, number, owner and schema; the server's owner where there is none.
/// A cast is its types': either owner may drop it.
const ALL: &str = "\
    SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass::pg_catalog.oid AS class, oid, opcowner AS owner, opcnamespace AS schema, xmin::text AS version FROM pg_catalog.pg_opclass \
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, opfowner, opfnamespace, xmin::text FROM pg_catalog.pg_opfamily \
    UNION ALL SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid, evtowner, 0, xmin::text FROM pg_catalog.pg_event_trigger \
    UNION ALL SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, pubowner, 0, xmin::text FROM pg_catalog.pg_publication \
    UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, nspowner, 0, xmin::text FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' \
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, relowner, relnamespace, xmin::text FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner, pronamespace, xmin::text FROM pg_catalog.pg_proc \
    UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner, oprnamespace, xmin::text FROM pg_catalog.pg_operator \
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner, typnamespace, xmin::text FROM pg_catalog.pg_type \
    UNION ALL SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, collowner, collnamespace, xmin::text FROM pg_catalog.pg_collation \
    UNION ALL SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, conowner, connamespace, xmin::text FROM pg_catalog.pg_conversion \
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, cfgowner, cfgnamespace, xmin::text FROM pg_catalog.pg_ts_config \
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictowner, dictnamespace, xmin::text FROM pg_catalog.pg_ts_dict \
    UNION ALL SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, oid, 10, prsnamespace, xmin::text FROM pg_catalog.pg_ts_parser \
    UNION ALL SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, oid, 10, tmplnamespace, xmin::text FROM pg_catalog.pg_ts_template \
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, fdwowner, 0, xmin::text FROM pg_catalog.pg_foreign_data_wrapper \
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, srvowner, 0, xmin::text FROM pg_catalog.pg_foreign_server \
    UNION ALL SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, oid, 10, 0, xmin::text FROM pg_catalog.pg_am \
    UNION ALL SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, \
        CASE WHEN pg_catalog.pg_has_role(s.typowner, 'USAGE') THEN s.typowner ELSE t.typowner END, 0, c.xmin::text \
        FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_type s ON s.oid = c.castsource JOIN pg_catalog.pg_type t ON t.oid = c.casttarget \
    UNION ALL SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, lanowner, 0, xmin::text FROM pg_catalog.pg_language";
/// The catalogues of what is dropped before all else: what it leans on must be there to name it.
const FIRST: &str = "('pg_catalog.pg_opclass'::pg_catalog.regclass::pg_catalog.oid, 'pg_catalog.pg_opfamily'::pg_catalog.regclass::pg_catalog.oid, \
    'pg_catalog.pg_event_trigger'::pg_catalog.regclass::pg_catalog.oid)";

/// What goes with another: a table's row type, what an extension has.
const IS_PART: &str = "EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid \
     AND d.objsubid = 0 AND d.deptype IN ('i', 'e', 'P', 'S'))";
/// A schema that stays: every dump takes `public` for granted, and no extension is dropped, so that its schema is not
/// either. (`n` is the schema.)
const STAYS: &str = "(n.nspname = 'public' OR EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extnamespace = n.oid))";
/// Whether `n` is the server's own or a session's.
const OF_SERVER: &str = "(n.nspname ~ '^pg_' OR n.nspname = 'information_schema')";

/// The database's own objects.
fn own() -> String {
    let schema_stays = format!(
        "EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE o.class = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
         AND n.oid = o.oid AND {STAYS})"
    );
    format!(
        "SELECT o.class, o.oid, o.owner, o.version \
         FROM ({ALL}) AS o LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.schema \
         WHERE o.oid >= {FIRST_OWN} AND NOT coalesce({OF_SERVER}, false) AND NOT {IS_PART} AND NOT {schema_stays}"
    )
}

/// Something in a database: its catalogue, its number, which version of it, and what a person calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    number: [String; 2],
    version: String,
    name: String,
}

impl Object {
    fn key(&self) -> ([&str; 2], &str) {
        (self.number.each_ref().map(String::as_str), &self.version)
    }
}

/// The database's own objects.
pub(super) fn list(session: &mut Session) -> Result<Vec<Object>, SessionEnd> {
    objects(session, &own())
}

/// What must be there still once those are dropped: of the server's schemas, of extensions, of other sessions.
pub(super) fn bystanders(session: &mut Session) -> Result<Vec<Object>, SessionEnd> {
    objects(
        session,
        &format!(
            "SELECT o.class, o.oid, o.version FROM ({ALL} \
             UNION ALL SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass, oid, extowner, 0, xmin::text FROM pg_catalog.pg_extension) AS o \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.schema \
             WHERE o.oid >= {FIRST_OWN} AND (coalesce({OF_SERVER}, false) \
             OR o.class = 'pg_catalog.pg_extension'::pg_catalog.regclass \
             OR EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')) \
             AND coalesce(n.nspname !~ '^pg_toast', true)"
        ),
    )
}

fn objects(session: &mut Session, query: &str) -> Result<Vec<Object>, SessionEnd> {
    let rows: Vec<[String; 4]> = session.query(&format!(
        "SELECT o.class::text, o.oid::text, o.version, i.type || ' ' || i.identity FROM ({query}) AS o, \
         pg_catalog.pg_identify_object(o.class, o.oid, 0) i"
    ))?;
    let object =
        |[class, oid, version, name]: [String; 4]| Object { number: [class, oid], version, name };
    Ok(rows.into_iter().map(object).collect())
}

/// The names of those that are in one list and not in the other, or as another version, in one line; none where there are
/// none.
pub(super) fn missing(of: &[Object], there: &[Object]) -> Option<String> {
    let there: HashSet<([&str; 2], &str)> = there.iter().map(Object::key).collect();
    let missing: Vec<&str> = of
        .iter()
        .filter(|object| !there.contains(&object.key()))
        .map(|object| object.name.as_str())
        .collect();
    let named = missing.get(..missing.len().min(MOST_NAMED)).unwrap_or_default().join(", ");
    (!missing.is_empty()).then_some(named)
}

/// What belongs to others and is needed, and stays as it is: its owner, privileges and comment are not ours to say.
pub(super) fn kept(session: &mut Session) -> Result<Vec<Kept>, SessionEnd> {
    let rows: Vec<[String; 2]> = session.query(&format!(
        "SELECT 'extension', extname FROM pg_catalog.pg_extension WHERE NOT pg_catalog.pg_has_role(extowner, 'USAGE') \
         UNION ALL SELECT 'schema', nspname FROM pg_catalog.pg_namespace n \
         WHERE {STAYS} AND NOT {OF_SERVER} AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE')"
    ))?;
    let kept = |[kind, name]: [String; 2]| match kind.as_str() {
        "extension" => Kept::Extension(name),
        _ => Kept::Schema(name),
    };
    Ok(rows.into_iter().map(kept).collect())
}

/// The schemas that are there still once everything is dropped: a script must not make them.
pub(super) fn staying_schemas(session: &mut Session) -> Result<Vec<String>, SessionEnd> {
    let names: Vec<[String; 1]> = session.query(&format!(
        "SELECT nspname FROM pg_catalog.pg_namespace n WHERE {STAYS} AND NOT {OF_SERVER}"
    ))?;
    Ok(names.into_iter().map(|[name]| name).collect())
}

/// What of others stands in the way, in one line each, and what would allow it to be dropped and made again.
pub(super) fn others(session: &mut Session) -> Result<(Vec<String>, Vec<String>), SessionEnd> {
    // Who may see the options of a user mapping: pg_user_mappings' own condition. What nobody sees is in no dump.
    let hidden_mappings = "SELECT 'user mapping of ' || coalesce(a.rolname, 'PUBLIC') || ' for server ' || s.srvname AS what, s.srvowner AS owner \
         FROM pg_catalog.pg_user_mappings m JOIN pg_catalog.pg_foreign_server s ON s.oid = m.srvid \
         LEFT JOIN pg_catalog.pg_roles a ON a.oid = m.umuser \
         WHERE pg_catalog.current_setting('is_superuser') <> 'on' AND m.umuser <> 0 AND m.usename <> current_user";
    let rows: Vec<[String; 3]> = session.query(&format!(
        "WITH others AS (SELECT i.type || ' ' || i.identity AS what, o.owner FROM ({}) AS o, \
         pg_catalog.pg_identify_object(o.class, o.oid, 0) i WHERE NOT pg_catalog.pg_has_role(o.owner, 'USAGE') \
         UNION ALL SELECT 'large object ' || oid, lomowner FROM pg_catalog.pg_largeobject_metadata \
         WHERE NOT pg_catalog.pg_has_role(lomowner, 'USAGE') \
         UNION ALL SELECT 'default privileges', defaclrole FROM pg_catalog.pg_default_acl \
         WHERE NOT pg_catalog.pg_has_role(defaclrole, 'USAGE') \
         UNION ALL SELECT 'table ' || t.oid::pg_catalog.regclass || ', whose rows are in a dump,', t.relowner \
         FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_class t ON t.oid = ANY (e.extconfig) AND t.relkind IN ('r', 'p') \
         WHERE NOT pg_catalog.has_table_privilege(t.oid, 'DELETE, INSERT') \
         UNION ALL {hidden_mappings}) \
         SELECT what, pg_catalog.pg_get_userbyid(owner), coalesce(r.rolsuper, true)::text FROM others \
         LEFT JOIN pg_catalog.pg_roles r ON r.oid = owner ORDER BY what",
        own()
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
        .filter(|[_, owner, is_super]| is_super != "true" && *owner != user)
        .map(|[_, owner, _]| owner)
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let grant = |owner: &String| format!("GRANT {} TO {}", identifier(owner), identifier(&user));
    Ok((lines, owners.into_iter().map(grant).collect()))
}

/// The temporary tables of other sessions that would lose what they have of the database's own.
pub(super) fn temporary_users(session: &mut Session) -> Result<Vec<String>, SessionEnd> {
    let names: Vec<[String; 1]> = session.query(&format!(
        "SELECT DISTINCT c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname ~ '^pg_temp' \
         JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid \
         JOIN ({}) AS used ON used.class = d.refclassid AND used.oid = d.refobjid",
        own()
    ))?;
    Ok(names.into_iter().map(|[name]| name).collect())
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

/// About how many locks it takes to drop everything and make it again, and how many the server has room for.
pub(super) fn locks(session: &mut Session) -> Result<(u64, u64), SessionEnd> {
    let [needed, room] = session.row(&format!(
        "SELECT ((SELECT 2 * pg_catalog.count(*) FROM pg_catalog.pg_class WHERE oid >= {FIRST_OWN}) \
         + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_type WHERE oid >= {FIRST_OWN}) \
         + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint WHERE oid >= {FIRST_OWN}) \
         + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attrdef) \
         + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc WHERE oid >= {FIRST_OWN}) \
         + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata))::text, \
         (pg_catalog.current_setting('max_locks_per_transaction')::bigint * (pg_catalog.current_setting('max_connections')::bigint \
         + pg_catalog.current_setting('max_prepared_transactions')::bigint))::text"
    ))?;
    Ok((needed.parse().unwrap_or_default(), room.parse().unwrap_or(u64::MAX)))
}

/// How much a table is locked.
#[derive(Clone, Copy, Debug)]
pub(super) enum TableLock {
    /// Others can read.
    Exclusive,
    AccessExclusive,
}

impl TableLock {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Exclusive => ("EXCLUSIVE", "ExclusiveLock"),
            Self::AccessExclusive => ("ACCESS EXCLUSIVE", "AccessExclusiveLock"),
        }
    }
}

/// The tables whose rows are dropped or deleted: the database's own, and those of extensions that a dump has.
fn tables() -> String {
    format!(
        "SELECT c.oid FROM ({}) AS o JOIN pg_catalog.pg_class c \
         ON o.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.oid WHERE c.relkind IN ('r', 'p') \
         UNION SELECT t.oid FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_class t ON t.oid = ANY (e.extconfig) \
         AND t.relkind IN ('r', 'p')",
        own()
    )
}

/// The statement that locks every table until its transaction ends.
pub(super) fn lock_tables(lock: TableLock) -> String {
    let (mode, _) = lock.words();
    executed(&format!(
        "SELECT 0, 'LOCK TABLE ' || oid::pg_catalog.regclass || ' IN {mode} MODE' FROM ({}) AS locked",
        tables()
    ))
}

/// Whether every table there is now is locked so by this session.
pub(super) fn are_locked(session: &mut Session, lock: TableLock) -> Result<bool, SessionEnd> {
    let (_, mode) = lock.words();
    let [open] = session.row(&format!(
        "SELECT pg_catalog.count(*)::text FROM ({}) AS t WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks l \
         WHERE l.locktype = 'relation' AND l.relation = t.oid AND l.granted AND l.mode = '{mode}' \
         AND l.pid = pg_catalog.pg_backend_pid())",
        tables()
    ))?;
    Ok(open == "0")
}

/// What tells whether a large object was made, removed or written to: no lock keeps others from that and lets them read.
/// Only a superuser sees the versions of their pages; others read them whole.
pub(super) fn large_objects(session: &mut Session) -> Result<String, SessionEnd> {
    let [superuser] = session.row("SELECT pg_catalog.current_setting('is_superuser')")?;
    let (content, pages) = if superuser == "on" {
        let pages = "SELECT pg_catalog.count(*) || ' ' || coalesce(pg_catalog.sum(pg_catalog.hashtext(\
             loid || ' ' || pageno || ' ' || xmin::text)::numeric), 0) FROM pg_catalog.pg_largeobject";
        ("''", pages)
    } else {
        ("pg_catalog.md5(pg_catalog.lo_get(oid))", "SELECT ''")
    };
    let [digest] = session.row(&format!(
        "SELECT coalesce(pg_catalog.md5(pg_catalog.string_agg(oid || ' ' || xmin::text || ' ' || {content}, ',' ORDER BY oid)), '') \
         || ' ' || ({pages}) FROM pg_catalog.pg_largeobject_metadata"
    ))?;
    Ok(digest)
}

/// The statement after which the database is as empty as a new one, but for what stays. It fails where there is something
/// that is not known, or has become another.
pub(super) fn empty(version: Version, known: &[Object]) -> String {
    let routine =
        if version.major >= ROUTINES_SINCE { "'ROUTINE'" } else { "pg_catalog.upper(i.type)" };
    let drops = format!(
        "SELECT CASE WHEN o.class IN {FIRST} THEN 2 WHEN o.class = 'pg_catalog.pg_namespace'::pg_catalog.regclass THEN 4 ELSE 3 END, \
         'DROP ' || CASE WHEN i.type IN ('function', 'procedure', 'aggregate') THEN {routine} \
         ELSE pg_catalog.upper(pg_catalog.replace(i.type, '-', ' ')) END || ' IF EXISTS ' || i.identity || \
         CASE WHEN o.class = 'pg_catalog.pg_namespace'::pg_catalog.regclass THEN '' ELSE ' CASCADE' END \
         FROM ({}) AS o, pg_catalog.pg_identify_object(o.class, o.oid, 0) i",
        own()
    );
    let large_objects = "SELECT 5, 'SELECT pg_catalog.lo_unlink(' || oid || ')' FROM pg_catalog.pg_largeobject_metadata";
    // A dump brings along what an extension declares as its users' rows.
    let extensions = "SELECT 5, 'DELETE FROM ' || t.oid::pg_catalog.regclass || ' ' || c.condition FROM pg_catalog.pg_extension e, \
         ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) AS c(relation, condition), pg_catalog.pg_class t \
         WHERE t.oid = c.relation AND t.relkind IN ('r', 'p')";
    let queries = [
        default_privileges(),
        drops,
        large_objects.to_owned(),
        extensions.to_owned(),
        staying(version),
    ];
    let known: Vec<String> = known
        .iter()
        .map(|Object { number: [class, oid], version, .. }| format!("{class} {oid} {version}"))
        .collect();
    let unknown = format!(
        "SELECT pg_catalog.count(*) FROM ({}) AS o WHERE NOT (o.class || ' ' || o.oid || ' ' || o.version) = ANY ('{{{}}}')",
        own(),
        known.join(",")
    );
    executed_unless(&unknown, &queries.join(" UNION ALL "))
}

/// A statement that has the server execute the statements that a query makes, in the order of their places: they are made
/// and executed where all names are known, in whatever encoding.
fn executed(query: &str) -> String {
    executed_unless("SELECT 0", query)
}

/// The same, and an error where a count that is taken at the same instant is more than none.
fn executed_unless(count: &str, query: &str) -> String {
    format!(
        "DO $backup_manager$ DECLARE statements text[]; statement text; unknown bigint; BEGIN \
         SELECT ({count}), pg_catalog.array_agg(s ORDER BY place) INTO unknown, statements FROM ({query}) AS made(place, s); \
         IF unknown > 0 THEN RAISE EXCEPTION '{CHANGED}'; END IF; \
         FOREACH statement IN ARRAY coalesce(statements, '{{}}') LOOP EXECUTE statement; END LOOP; \
         END $backup_manager$"
    )
}

/// A role of an entry in a list of privileges, as SQL names it.
fn grantee(column: &str) -> String {
    format!(
        "CASE {column} WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid({column})) END"
    )
}

/// What a new database has none of: the entries go as soon as they say what is so anyway.
fn default_privileges() -> String {
    let entries = "(SELECT d.*, 'ALTER DEFAULT PRIVILEGES FOR ROLE ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(defaclrole)) \
         || coalesce(' IN SCHEMA ' || pg_catalog.quote_ident(n.nspname), '') AS whose, \
         CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' \
         WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS what \
         FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace) AS entries";
    format!(
        "SELECT DISTINCT 0, whose || ' REVOKE ALL ON ' || what || ' FROM ' || {} \
         FROM {entries}, pg_catalog.aclexplode(defaclacl) a \
         UNION ALL SELECT 1, whose || ' GRANT ALL ON ' || what || ' TO ' || {} FROM {entries} WHERE defaclnamespace = 0 \
         UNION ALL SELECT 1, whose || ' GRANT ALL ON ' || what || ' TO PUBLIC' \
         FROM {entries} WHERE defaclnamespace = 0 AND defaclobjtype IN ('f', 'T')",
        grantee("a.grantee"),
        grantee("defaclrole")
    )
}

/// The schemas that stay, with the owner, the privileges and the comment of new ones where they are ours.
fn staying(version: Version) -> String {
    let closed = version.major >= PUBLIC_CLOSED_SINCE;
    let for_all = if closed { "USAGE" } else { "ALL" };
    let first_owner = if closed {
        "'pg_database_owner'"
    } else {
        "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(10))"
    };
    let schemas = format!(
        "(SELECT n.*, pg_catalog.quote_ident(n.nspname) AS name, CASE WHEN n.nspname = 'public' \
         AND pg_catalog.current_setting('is_superuser') = 'on' THEN {first_owner} \
         ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner)) END AS new_owner \
         FROM pg_catalog.pg_namespace n WHERE {STAYS} AND NOT {OF_SERVER} \
         AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')) AS schemas"
    );
    format!(
        "SELECT 6, 'CREATE SCHEMA public' WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public') \
         UNION ALL SELECT 6, 'ALTER SCHEMA ' || name || ' OWNER TO ' || new_owner FROM {schemas} WHERE nspname = 'public' \
         UNION ALL SELECT DISTINCT 7, 'REVOKE ALL ON SCHEMA ' || name || ' FROM ' || {} || ' CASCADE' \
         FROM {schemas}, pg_catalog.aclexplode(nspacl) a \
         UNION ALL SELECT 8, 'GRANT ALL ON SCHEMA ' || name || ' TO ' || new_owner FROM {schemas} \
         UNION ALL SELECT 8, 'COMMENT ON SCHEMA ' || name || ' IS ' || \
         CASE nspname WHEN 'public' THEN '''standard public schema''' ELSE 'NULL' END FROM {schemas} \
         UNION ALL SELECT 9, 'GRANT {for_all} ON SCHEMA public TO PUBLIC' \
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public' AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE'))",
        grantee("a.grantee")
    )
}

/// The statement that drops the extensions which the script did not ask for and which are ours to drop, unless they
/// have rows of their own: those are in no dump.
pub(super) fn drop_others_than(asked_for: &[String]) -> String {
    let names: Vec<String> = asked_for.iter().map(|name| super::session::literal(name)).collect();
    let names = if names.is_empty() { "''".to_owned() } else { names.join(", ") };
    executed(&format!(
        "SELECT -e.oid::pg_catalog.int8, 'DROP EXTENSION IF EXISTS ' || pg_catalog.quote_ident(extname) FROM pg_catalog.pg_extension e \
         WHERE e.oid >= {FIRST_OWN} AND e.extname NOT IN ({names}, 'plpgsql') AND pg_catalog.pg_has_role(e.extowner, 'USAGE') \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'r' \
         AND pg_catalog.pg_relation_size(c.oid) > 0 WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
         AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = e.oid AND d.deptype = 'e') \
         AND NOT EXISTS (WITH RECURSIVE needing AS (SELECT e.oid AS extension \
         UNION SELECT d.objid FROM pg_catalog.pg_depend d JOIN needing ON d.refobjid = needing.extension \
         AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass) \
         SELECT FROM needing JOIN pg_catalog.pg_extension other ON other.oid = needing.extension \
         WHERE other.extname IN ({names}) OR NOT pg_catalog.pg_has_role(other.extowner, 'USAGE'))"
    ))
}
