# The host under measure: its project, its requests, and what they took. Sourced by scripts/bench.

# An empty project whose environment `bench` has the URL in $BENCH_URL.
new_project() {
    project=$folder/$1
    backups=$project/.fractary/plugins/faber-db/backups
    measures=$folder/measures-$1
    mkdir -p "$measures" "$project/prisma" "$project/dumps" "$project/.fractary/plugins/faber-db"
    cd "$project"
    : >prisma/schema.prisma
    echo '{"environments": {"bench": {"connection_string_env": "BENCH_URL"}}}' >.fractary/plugins/faber-db/config.json
}

use_url() { printf "BENCH_URL='%s'\n" "$1" >"$project/.env"; }

# Sends one request to a host of its own. Sets wall (µs, process start to answer), peak (KiB) and answer; what
# it said is in $folder/said.
converse() {
    local began process
    began=$(now)
    coproc HOST { exec "${pinned[@]}" "$binary" 2>"$folder/said"; }
    process=$HOST_PID
    printf '%s\n' "$1" >&"${HOST[1]}"
    IFS= read -r answer <&"${HOST[0]}"
    wall=$(($(now) - began))
    peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$process/status")
    eval "exec ${HOST[1]}>&-"
    wait "$process" || true
    [[ $answer == *'"status":"success"'* ]] || fail "no success: $answer"
}

create_request() {
    printf '{"operation":"create-backup","parameters":{"environment":"bench","format":"%s","compression":%s,"progress":true}}' \
        "$1" "$2"
}

# A field of the answer.
field() { sed "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/" <<<"$answer"; }

# When something was said, in µs: the event whose message begins so.
said_at() {
    local at
    at=$(sed -n "s/.*\"at\":\"\\([^\"]*\\)\".*\"message\":\"$1.*/\\1/p" "$folder/said" | head -n 1)
    [[ -n $at ]] || fail "no event \"$1\""
    date -d "$at" +%s%6N
}

# Makes a backup and notes, under a name: the whole create, the dump step alone, the artifact's size, the peak
# memory. The backup stays until the next one is made.
measure_create() {
    local name=$1 format=$2 compression=$3
    forget_backups
    converse "$(create_request "$format" "$compression")"
    note "$name.create" "$wall"
    note "$name.dump" $(($(said_at 'Backup file created') - $(said_at 'Creating backup via')))
    note "$name.size" "$(field size_bytes)"
    note peak "$peak"
}

forget_backups() {
    rm -rf "$backups"
    sync
}

# Verifies the backup that is there in full.
measure_verify() {
    local id
    id=$(field backup_id)
    converse "{\"operation\":\"verify-backup\",\"parameters\":{\"backup_id\":\"$id\",\"level\":\"full\"}}"
    note "$1.verify" "$wall"
    note verify-peak "$peak"
}

# Proves the backup that is there by restoring it, and notes how long loading it took.
measure_restore() {
    local id
    id=$(field backup_id)
    converse "{\"operation\":\"verify-backup\",\"parameters\":{\"backup_id\":\"$id\",\"level\":\"restore\"}}"
    note "$1.restore" "$(awk -v s="$(field restore_seconds)" 'BEGIN { printf "%d", s * 1e6 }')"
}

# Verifies a file that somebody else made.
measure_verify_file() {
    converse "{\"skill\":\"handler-db-prisma\",\"operation\":\"verify-backup\",\"parameters\":{\"file_path\":\"$2\"}}"
    note "$1" "$wall"
    note verify-peak "$peak"
}

# Every step once a round; the next round goes the other way, so that who is first changes. The first round
# warms the caches.
run_rounds() {
    local index last=$(($# - 1)) steps=("$@")
    for ((round = 0; round <= rounds; round++)); do
        echo "round $round of $rounds" >&2
        for ((index = 0; index <= last; index++)); do
            if ((round % 2)); then "${steps[last - index]}"; else "${steps[index]}"; fi
        done
        forget_backups
    done
}
