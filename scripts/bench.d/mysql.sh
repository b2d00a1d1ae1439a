# MariaDB: a throwaway server with a large database, against mariadb-dump and what it is piped into. Sourced by
# scripts/bench.

check_mysql() {
    PATH=$PATH:/usr/sbin
    need mariadbd mariadb-install-db mariadb mariadb-dump zstd setpriv
}

start_mariadb() {
    make_server_folder mysql
    local settings=(--innodb-buffer-pool-size=512M --innodb-log-file-size=512M --innodb-flush-log-at-trx-commit=2
        --innodb-doublewrite=0 --innodb-flush-method=nosync --character-set-server=utf8mb4)
    as_server mariadb-install-db --no-defaults --datadir="$server_folder/data" --skip-test-db \
        --auth-root-authentication-method=normal "${settings[@]}" >"$folder/install.log" 2>&1 ||
        fail "mariadb-install-db failed: $(cat "$folder/install.log")"
    start_server TERM 'run_mysql mysql -e SELECT+1' mariadbd --no-defaults --datadir="$server_folder/data" \
        --socket="$server_folder/socket" --skip-networking "${settings[@]}"
    use_url "mysql://root@localhost/bench?socket=$server_folder/socket"
    mariadb_dump="mariadb-dump --no-defaults --user=root --socket=$server_folder/socket --single-transaction --quick"
    mariadb_dump+=' --routines --triggers --events --hex-blob'
}

# Runs stdin, or what the further arguments say.
run_mysql() {
    local database=$1
    shift
    mariadb --no-defaults --user=root --socket="$server_folder/socket" --skip-column-names --batch \
        --database="$database" "$@"
}

mysql_words() {
    echo "concat_ws(' ', $(word_expressions "elt(1 + %s, $(quoted_words))" "$1" "$2" | paste -sd,))"
}

# A MiB of dump has about so many rows of the four tables together.
rows_of_mysql_mebibyte=4800

fill_mysql() {
    local rows=$(($1 * rows_of_mysql_mebibyte))
    run_mysql mysql -e 'CREATE DATABASE bench'
    # The client repeats the statement that fails.
    run_mysql bench <<SQL >/dev/null 2>"$folder/complaints" || fail "$(grep ^ERROR "$folder/complaints")"
SET unique_checks = 0, foreign_key_checks = 0;
CREATE TABLE customer (id int PRIMARY KEY, name varchar(80) NOT NULL, email varchar(120) NOT NULL, joined date NOT NULL, settings json NOT NULL);
CREATE TABLE customer_order (id bigint PRIMARY KEY, customer_id int NOT NULL, reference char(36) NOT NULL, state varchar(10) NOT NULL,
    placed datetime(3) NOT NULL, total decimal(12, 2) NOT NULL, note text, KEY (customer_id, placed));
CREATE TABLE event (id bigint PRIMARY KEY, at datetime(6) NOT NULL, kind varchar(40) NOT NULL, actor int, payload json NOT NULL, KEY (at));
CREATE TABLE message (id bigint PRIMARY KEY, order_id bigint NOT NULL, sent datetime NOT NULL, seen tinyint(1) NOT NULL, body text NOT NULL);
CREATE VIEW numbers AS SELECT cast(seq AS signed) AS n, cast(conv(left(md5(concat(seq, 'a')), 15), 16, 10) AS signed) AS a,
    cast(conv(left(md5(concat(seq, 'b')), 15), 16, 10) AS signed) AS b, cast(conv(left(md5(concat(seq, 'c')), 15), 16, 10) AS signed) AS c,
    cast(conv(left(md5(concat(seq, 'd')), 15), 16, 10) AS signed) AS d FROM seq_1_to_$rows;
INSERT INTO customer SELECT n, $(mysql_words a 2), concat(elt(1 + (b & 127), $(quoted_words)), '.', n, '@example.com'), date '2020-01-01' + INTERVAL c % 1800 DAY,
    concat('{"limit": ', d % 500, ', "theme": "', elt(1 + (d & 15), $(quoted_words)), '", "language": "', elt(1 + c % 4, 'en', 'de', 'fr', 'es'), '", "newsletter": ', if(d % 3 = 0, 'true', 'false'), '}')
    FROM numbers WHERE n % 10 = 0;
INSERT INTO customer_order SELECT n, (a % ($rows DIV 10)) * 10, insert(insert(insert(insert(md5(n), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-'),
    elt(1 + (b % 10 DIV 3), 'new', 'paid', 'sent', 'returned'), timestamp '2024-01-01 00:00:00' + INTERVAL n * 37000000 + (b % 60000) * 1000 MICROSECOND,
    (c % 100000) / 100, if(d % 3 > 0, $(mysql_words d 8), NULL) FROM numbers WHERE n % 10 IN (1, 2, 3);
INSERT INTO event SELECT n, timestamp '2024-01-01 00:00:00' + INTERVAL n * 9000000 + a % 9000000 MICROSECOND,
    concat(elt(1 + (b & 31), $(quoted_words)), '.', elt(65 + (b & 15), $(quoted_words))), (c % $rows) DIV 7,
    concat('{"path": "/', elt(1 + (a & 127), $(quoted_words)), '/', b % 100000, '", "tags": ["', elt(1 + (d & 127), $(quoted_words)), '", "', elt(1 + (c & 127), $(quoted_words)),
    '"], "status": ', elt(1 + c % 8, 200, 200, 200, 201, 204, 301, 404, 500), ', "address": "10.', c % 4, '.', d % 256, '.', a % 256, '", "trace": "', sha2(n, 256), '", "milliseconds": ', d % 900, '}')
    FROM numbers WHERE n % 10 IN (4, 5, 6, 7);
INSERT INTO message SELECT n, n - a % 1000, timestamp '2024-01-01 00:00:00' + INTERVAL n * 13 SECOND, b % 5 > 0,
    concat_ws(' ', $(mysql_words a 9), $(mysql_words b 9), $(mysql_words c 9), $(mysql_words d 9)) FROM numbers WHERE n % 10 IN (8, 9);
DROP VIEW numbers;
ANALYZE TABLE customer, customer_order, event, message;
SQL
}

mysql_gzip() {
    measure_create gzip sql true
    measure_verify gzip
}

mysql_gzip_by_hand() {
    local dumped
    by_hand "$mariadb_dump bench | gzip >dumps/by-hand.sql.gz"
    dumped=$wall
    note by-gzip "$wall"
    note by-gzip.size "$(stat -c %s dumps/by-hand.sql.gz)"
    by_hand 'gzip -t dumps/by-hand.sql.gz'
    note gzip-test "$wall"
    note by-gzip-and-test $((dumped + wall))
    measure_verify_file by-gzip.verify dumps/by-hand.sql.gz
    rm dumps/by-hand.sql.gz
}

mysql_zstd() { measure_create zstd sql '"zstd"'; }

mysql_zstd_by_hand() {
    by_hand "$mariadb_dump bench | zstd -q -1 >dumps/by-hand.sql.zst"
    note by-zstd "$wall"
    rm dumps/by-hand.sql.zst
}

mysql_plain() { measure_create plain sql false; }

mysql_plain_by_hand() {
    by_hand "$mariadb_dump bench >dumps/by-hand.sql"
    note by-plain "$wall"
    note by-plain.size "$(stat -c %s dumps/by-hand.sql)"
    rm dumps/by-hand.sql
}

mysql_steps=(mysql_gzip mysql_gzip_by_hand mysql_zstd mysql_zstd_by_hand mysql_plain mysql_plain_by_hand)

mysql_table() {
    table "MariaDB $(run_mysql bench -e 'SELECT version()'), $(shape)"
    row '.sql.gz, dump' 'mariadb-dump | gzip' '≤ .40' gzip.dump by-gzip gzip.create
    size_row '.sql.gz, size' 'gzip -6' '≤ .985' gzip.size by-gzip.size
    row '.sql.zst, dump' 'mariadb-dump | gzip' '' zstd.dump by-gzip zstd.create
    row '.sql.zst, dump' 'mariadb-dump | zstd -1' '≤ 1' zstd.dump by-zstd zstd.create
    row '.sql, dump' 'mariadb-dump >file' '≤ 1.05' plain.dump by-plain plain.create
    row 'create, the whole' '… | gzip && gzip -t' '≤ .45' gzip.create by-gzip-and-test
    row 'verify full, ours' 'gzip -t' '≤ .22' gzip.verify gzip-test
    row 'verify, made by gzip' 'gzip -t' '≤ .45' by-gzip.verify gzip-test
    memory_row 'memory, create' '≤ 24' peak
    memory_row 'memory, verify' '≤ 24' verify-peak
}

bench_mysql() {
    local mebibytes=${BENCH_MIB:-345}
    need_space $((mebibytes * 6))
    echo "Making a MariaDB database of about $mebibytes MiB of dump …" >&2
    start_mariadb
    fill_mysql "$mebibytes"
    run_rounds "${mysql_steps[@]}"
    mysql_table
    stop_server
}
