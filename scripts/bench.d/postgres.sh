# PostgreSQL: a throwaway server with a large database, against pg_dump and what it is piped into. Sourced by
# scripts/bench.

check_postgres() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -V | tail -n 1)
    [[ ! -x $found/initdb ]] || PATH=$found:$PATH
    need initdb postgres psql pg_dump pg_restore zstd setpriv
}

start_postgres() {
    make_server_folder postgres
    as_server initdb --pgdata=data --username=postgres --auth=trust --no-sync --encoding=UTF8 --locale=C.UTF-8 \
        >"$folder/initdb.log" || fail "initdb failed: $(cat "$folder/initdb.log")"
    start_server QUIT 'run_sql postgres -c SELECT' postgres -D data -k "$server_folder" -c listen_addresses= \
        -c fsync=off -c autovacuum=off -c jit=off -c shared_buffers=256MB -c max_wal_size=8GB -c checkpoint_timeout=1d
    use_url "postgresql://postgres@localhost/bench?host=$server_folder"
    pg_client="env PGHOST=$server_folder PGUSER=postgres"
    pg_dump="$pg_client pg_dump"
}

# Runs stdin, or what the further arguments say.
run_sql() {
    local database=$1
    shift
    env PGHOST="$server_folder" PGUSER=postgres psql --no-psqlrc --quiet --tuples-only --no-align \
        --set=ON_ERROR_STOP=1 --dbname="$database" "$@"
}

# So many words of the number, as one text.
postgres_words() { echo "concat_ws(' ', $(word_expressions 'w[1 + %s]' "$1" "$2" | paste -sd,))"; }

# A MiB of dump has about so many rows of the four tables together.
rows_of_postgres_mebibyte=5400

fill_postgres() {
    local rows=$(($1 * rows_of_postgres_mebibyte))
    run_sql postgres -c 'CREATE DATABASE bench'
    run_sql bench <<SQL
CREATE TABLE customer (id integer, name text NOT NULL, email text NOT NULL, joined date NOT NULL, settings jsonb NOT NULL);
CREATE TABLE customer_order (id bigint, customer_id integer NOT NULL, reference uuid NOT NULL, state text NOT NULL,
    placed timestamptz NOT NULL, total numeric(12, 2) NOT NULL, note text);
CREATE TABLE event (id bigint, at timestamptz NOT NULL, kind text NOT NULL, actor integer, payload jsonb NOT NULL);
CREATE TABLE message (id bigint, order_id bigint NOT NULL, sent timestamptz NOT NULL, seen boolean NOT NULL, body text NOT NULL);
CREATE TEMPORARY VIEW numbers AS SELECT n, hashint8extended(n, 1) & 9223372036854775807 AS a, hashint8extended(n, 2) & 9223372036854775807 AS b,
    hashint8extended(n, 3) & 9223372036854775807 AS c, hashint8extended(n, 4) & 9223372036854775807 AS d, ARRAY[$(quoted_words)] AS w
    FROM generate_series(1, $rows) AS n;
INSERT INTO customer SELECT n, initcap($(postgres_words a 2)), concat_ws('.', w[1 + (b & 127)], w[1 + ((b >> 7) & 127)], n) || '@example.com',
    date '2020-01-01' + (c % 1800)::integer, jsonb_build_object('language', (ARRAY['en', 'de', 'fr', 'es'])[1 + c % 4], 'newsletter', d % 3 = 0, 'theme', w[1 + (d & 15)], 'limit', d % 500)
    FROM numbers WHERE n % 10 = 0;
INSERT INTO customer_order SELECT n, (a % ($rows / 10)) * 10, md5(n::text)::uuid, (ARRAY['new', 'paid', 'sent', 'returned'])[1 + (b % 10 / 3)],
    timestamptz '2024-01-01 00:00+00' + n * interval '37 seconds' + (b % 60000) * interval '1 millisecond', (c % 100000) / 100.0,
    CASE WHEN d % 3 > 0 THEN $(postgres_words d 8) END FROM numbers WHERE n % 10 IN (1, 2, 3);
INSERT INTO event SELECT n, timestamptz '2024-01-01 00:00+00' + n * interval '9 seconds' + (a % 9000000) * interval '1 microsecond',
    w[1 + (b & 31)] || '.' || w[65 + (b & 15)], NULLIF((c % $rows)::integer, 0) / 7,
    jsonb_build_object('path', '/' || w[1 + (a & 127)] || '/' || b % 100000, 'status', (ARRAY[200, 200, 200, 201, 204, 301, 404, 500])[1 + c % 8],
    'milliseconds', d % 900, 'trace', md5(n || 'trace'), 'address', concat_ws('.', 10, c % 4, d % 256, a % 256), 'tags', jsonb_build_array(w[1 + (d & 127)], w[1 + (c & 127)]))
    FROM numbers WHERE n % 10 IN (4, 5, 6, 7);
INSERT INTO message SELECT n, n - a % 1000, timestamptz '2024-01-01 00:00+00' + n * interval '13 seconds', b % 5 > 0,
    concat_ws(' ', $(postgres_words a 9), $(postgres_words b 9), $(postgres_words c 9), $(postgres_words d 9)) FROM numbers WHERE n % 10 IN (8, 9);
ALTER TABLE customer ADD PRIMARY KEY (id);
ALTER TABLE customer_order ADD PRIMARY KEY (id);
ALTER TABLE event ADD PRIMARY KEY (id);
ALTER TABLE message ADD PRIMARY KEY (id);
CREATE INDEX ON customer_order (customer_id, placed);
CREATE INDEX ON event (at);
SQL
    run_sql bench -c 'VACUUM (FREEZE, ANALYZE)'
    run_sql bench -c CHECKPOINT
}

# Restores by hand into a database of its own, and notes how long that took.
postgres_restore_by_hand() {
    run_sql postgres -c 'CREATE DATABASE by_hand TEMPLATE template0'
    by_hand "$2"
    note "$1" "$wall"
    run_sql postgres -c 'DROP DATABASE by_hand'
}

postgres_gzip() {
    measure_create gzip sql true
    measure_restore gzip
    measure_verify gzip
}

postgres_gzip_by_hand() {
    local dumped
    by_hand "$pg_dump bench | gzip >dumps/by-hand.sql.gz"
    dumped=$wall
    note by-gzip "$wall"
    note by-gzip.size "$(stat -c %s dumps/by-hand.sql.gz)"
    by_hand 'gzip -t dumps/by-hand.sql.gz'
    note gzip-test "$wall"
    note by-gzip-and-test $((dumped + wall))
    measure_verify_file by-gzip.verify dumps/by-hand.sql.gz
    postgres_restore_by_hand by-gzip.restore "gunzip -c dumps/by-hand.sql.gz | $pg_client psql -X -q -v ON_ERROR_STOP=1 by_hand >/dev/null"
    rm dumps/by-hand.sql.gz
}

postgres_pigz_by_hand() {
    command -v pigz >/dev/null || return 0
    by_hand "$pg_dump bench | pigz -p2 >dumps/by-hand.sql.gz"
    note by-pigz "$wall"
    rm dumps/by-hand.sql.gz
}

postgres_zstd() {
    measure_create zstd sql '"zstd"'
    measure_verify zstd
}

postgres_zstd_by_hand() {
    by_hand "$pg_dump bench | zstd -q -1 >dumps/by-hand.sql.zst"
    note by-zstd "$wall"
    note by-zstd.size "$(stat -c %s dumps/by-hand.sql.zst)"
    rm dumps/by-hand.sql.zst
}

postgres_plain() { measure_create plain sql false; }

postgres_plain_by_hand() {
    by_hand "$pg_dump -f dumps/by-hand.sql bench"
    note by-plain "$wall"
    note by-plain.size "$(stat -c %s dumps/by-hand.sql)"
    rm dumps/by-hand.sql
}

postgres_custom() {
    measure_create custom custom true
    measure_restore custom
}

postgres_custom_by_hand() {
    by_hand "$pg_dump -Fc -f dumps/by-hand.dump bench"
    note by-custom "$wall"
    note by-custom.size "$(stat -c %s dumps/by-hand.dump)"
    postgres_restore_by_hand by-custom.restore "$pg_client pg_restore -e -j2 -d by_hand dumps/by-hand.dump"
    rm dumps/by-hand.dump
}

postgres_directory() {
    measure_create directory directory true
    measure_restore directory
}

postgres_directory_by_hand() {
    by_hand "$pg_dump -Fd -j2 -f dumps/by-hand.dir bench"
    note by-directory "$wall"
    postgres_restore_by_hand by-directory.restore "$pg_client pg_restore -e -j2 -d by_hand dumps/by-hand.dir"
    note by-directory.size "$(du -sb --apparent-size dumps/by-hand.dir | cut -f1)"
    rm -r dumps/by-hand.dir
}

postgres_steps=(
    postgres_pigz_by_hand postgres_gzip postgres_gzip_by_hand postgres_zstd postgres_zstd_by_hand
    postgres_plain postgres_plain_by_hand postgres_custom postgres_custom_by_hand
    postgres_directory postgres_directory_by_hand
)

postgres_table() {
    table "PostgreSQL $(run_sql bench -c 'SHOW server_version'), $(shape)"
    row '.sql.gz, dump' 'pg_dump | gzip' '≤ .32' gzip.dump by-gzip gzip.create
    row '.sql.gz, dump' 'pg_dump | pigz -p2' '≤ .55' gzip.dump by-pigz gzip.create
    size_row '.sql.gz, size' 'gzip -6' '≤ .985' gzip.size by-gzip.size
    row '.sql.zst, dump' 'pg_dump | gzip' '≤ .25' zstd.dump by-gzip zstd.create
    row '.sql.zst, dump' 'pg_dump | zstd -1' '≤ 1' zstd.dump by-zstd zstd.create
    size_row '.sql.zst, size' 'zstd -1' '' zstd.size by-zstd.size
    row '.sql, dump' 'pg_dump -f file' '≤ 1.05' plain.dump by-plain plain.create
    row 'custom, dump' 'pg_dump -Fc' '' custom.dump by-custom custom.create
    size_row 'custom, size' 'pg_dump -Fc' '' custom.size by-custom.size
    row 'directory, dump' 'pg_dump -Fd -j2' '' directory.dump by-directory directory.create
    size_row 'directory, size' 'pg_dump -Fd -j2' '' directory.size by-directory.size
    row 'create, the whole' 'pg_dump | gzip && gzip -t' '≤ .45' gzip.create by-gzip-and-test
    row 'verify full, ours' 'gzip -t' '≤ .22' gzip.verify gzip-test
    row 'verify, made by gzip' 'gzip -t' '≤ .45' by-gzip.verify gzip-test
    row '.sql.gz, restore' 'gunzip -c | psql' '≤ 1' gzip.restore by-gzip.restore
    row 'custom, restore' 'pg_restore -j2' '≤ 1' custom.restore by-custom.restore
    row 'directory, restore' 'pg_restore -j2' '≤ 1' directory.restore by-directory.restore
    memory_row 'memory, create' '≤ 24' peak
    memory_row 'memory, verify' '≤ 24' verify-peak
}

bench_postgres() {
    local mebibytes=${BENCH_MIB:-345}
    need_space $((mebibytes * 6))
    echo "Making a PostgreSQL database of about $mebibytes MiB of dump …" >&2
    start_postgres
    fill_postgres "$mebibytes"
    run_rounds "${postgres_steps[@]}"
    postgres_table
    stop_server
}
