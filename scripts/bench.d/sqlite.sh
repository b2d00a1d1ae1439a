# SQLite: a large file with indexes, the forms of a backup, and how fast the program starts. Sourced by
# scripts/bench.

check_sqlite() { need sqlite3; }

make_sqlite() {
    database=$project/prisma/bench.db
    rm -f "$database"
    # A row takes about 255 bytes with its share of both indexes.
    sqlite3 "$database" <<SQL
PRAGMA synchronous = off;
CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY, "checksum" TEXT, "finished_at" DATETIME,
    "migration_name" TEXT, "logs" TEXT, "rolled_back_at" DATETIME, "started_at" DATETIME, "applied_steps_count" INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24)
    INSERT INTO "_prisma_migrations"
    SELECT 'm' || i, 'c' || i, 1737367200000 + i, printf('202501%02d100000_change_number_%d', i, i), NULL, NULL, 1737367200000 + i, 1 FROM n;
CREATE TABLE "Item" ("id" INTEGER PRIMARY KEY, "reference" TEXT, "customer" INTEGER, "amount" REAL, "note" TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1 * 1048576 / 255)
    INSERT INTO "Item" SELECT i, hex(randomblob(16)), abs(random()) % 100000, abs(random() % 1000000) / 100.0,
        'order ' || i || ' of ' || hex(randomblob(56)) FROM n;
CREATE INDEX "Item_reference_idx" ON "Item"("reference");
CREATE INDEX "Item_customer_idx" ON "Item"("customer", "amount");
SQL
}

sqlite_file() {
    forget_backups
    converse "$(create_request custom false)"
    note file "$wall"
    note peak "$peak"
}

sqlite_file_by_hand() {
    by_hand "sqlite3 '$database' \".backup '$folder/copy.db'\" && sha256sum '$folder/copy.db' >/dev/null &&
        [[ \$(sqlite3 '$folder/copy.db' 'PRAGMA quick_check') == ok ]]"
    note by-file "$wall"
    rm "$folder/copy.db"
}

sqlite_table() {
    table "SQLite $(sqlite3 --version | cut -d' ' -f1), a file of $(mebibytes_of "$(stat -c %s "$database")")"
    row 'create, the whole' '.backup sha256sum quick_check' '≤ 1.10' file by-file
    memory_row 'memory, create' '≤ 24' peak
}

sqlite_forms() {
    local format compression created size
    printf '\nforms: one create and one full verification each\n'
    printf '%-7s %-7s %9s %9s %9s %9s %9s\n' format compr. 'create s' 'peak MB' 'size MB' 'verify s' 'peak MB'
    for format in custom sql; do
        for compression in false true '"zstd"'; do
            round=0
            measure_create form "$format" "$compression"
            created=$(printf '%9s %9s' "$(seconds "$wall")" "$(ratio "$peak" 1024)")
            size=$(field size_bytes)
            measure_verify form
            printf '%-7s %-7s %s %9s %9s %9s\n' "$format" "$compression" "$created" \
                "$(ratio "$size" 1048576)" "$(seconds "$wall")" "$(ratio "$peak" 1024)"
        done
    done
}

# A catalogue of many records, made from the one that is there.
multiply_records() {
    sqlite3 :memory: <<SQL >"$folder/backups.json"
WITH RECURSIVE one(record) AS (SELECT json_extract(readfile('$folder/one.json'), '\$.backups[0]')),
n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 - 1),
at(stamp, id) AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 1700000000 + i * 60, 'unixepoch'),
        'backup-' || strftime('%Y%m%d-%H%M%S', 1700000000 + i * 60, 'unixepoch') FROM n)
SELECT json_object('schema_version', '1.0', 'backups', json_group_array(json_set(record,
    '\$.backup_id', id, '\$.created_at', stamp, '\$.file_path', '.fractary/plugins/faber-db/backups/bench/' || id || '.sqlite')))
FROM at, one;
SQL
    cp "$folder/backups.json" "$backups/backups.json"
}

# The wall time of one process start, in µs, its stdin from a file.
start() {
    local input=$1 began
    began=$(now)
    shift
    "${pinned[@]}" "$@" <"$input" >/dev/null 2>&1 || fail "$1 failed"
    echo $(($(now) - began))
}

# Starts, with so many records in the catalogue or without a request, in turns with an idle node.
list_line() {
    local name=$1 input=$2 index against=-
    : >"$folder/ours"
    : >"$folder/node"
    for ((index = 0; index < starts; index++)); do
        start "$input" "$binary" >>"$folder/ours"
        [[ -z $node ]] || start /dev/null node -e '' >>"$folder/node"
    done
    [[ -z $node ]] || against=$(ratio "$(median <"$folder/ours")" "$(median <"$folder/node")")
    printf '%-22s %10s %13s\n' "$name" "$(milliseconds "$(median <"$folder/ours")")" "$against"
}

# One more list on a host that runs: many requests, less one, by their number.
running_line() {
    local index many one
    multiply_records 100
    for ((index = 0; index < 201; index++)); do cat "$folder/request"; done >"$folder/requests"
    many=$(for ((index = 0; index < 11; index++)); do start "$folder/requests" "$binary"; done | median)
    one=$(for ((index = 0; index < 11; index++)); do start "$folder/request" "$binary"; done | median)
    printf '%-22s %10s   (100 records; goal 0.5)\n' 'one on a running host' "$(milliseconds $(((many - one) / 200)))"
}

sqlite_list() {
    local records
    printf '\nlist: medians of %s process starts, in ms\n' "$starts"
    printf '%-22s %10s %14s\n' what ms '÷ idle node'
    node=$(command -v node || true)
    make_sqlite 1
    forget_backups
    converse "$(create_request custom false)"
    cp "$backups/backups.json" "$folder/one.json"
    echo '{"operation":"list-backups"}' >"$folder/request"
    list_line 'start and end' /dev/null
    for records in 100 10000; do
        multiply_records "$records"
        list_line "list of $records records" "$folder/request"
    done
    [[ -z $node ]] || printf '%-22s %10s %13s\n' "node -e ''" "$(milliseconds "$(median <"$folder/node")")" 1
    running_line
    printf 'goals: list of 100 records ≤ 0.083, of 10,000 ≤ 1 of an idle node\n'
}

bench_sqlite() {
    local mebibytes=${BENCH_MIB:-1024}
    need_space $((mebibytes * 4))
    echo "Making a SQLite database of about $mebibytes MiB …" >&2
    use_url file:./bench.db
    make_sqlite "$mebibytes"
    run_rounds sqlite_file sqlite_file_by_hand
    sqlite_table
    sqlite_forms
    sqlite_list
}
