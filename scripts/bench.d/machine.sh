# The machine: what this needs of it, the build, the temporary folder. Sourced by scripts/bench.

fail() {
    echo "$0: $*" >&2
    exit 2
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "$program is not installed"
    done
}

check_machine() {
    [[ -r /proc/self/status ]] || fail "reads /proc: Linux only"
    [[ -n ${EPOCHREALTIME:-} ]] || fail "needs bash 5"
    need cargo awk sha256sum gzip
    # The promise is about two workers: more processors are left out, for both sides.
    pinned=()
    if (($(nproc) > 2)) && command -v taskset >/dev/null; then pinned=(taskset -c 0,1); fi
}

build() {
    local target
    cd "$repository"
    cargo build --release --locked --quiet
    target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    binary=$target/release/backup-manager
}

make_folder() {
    folder=$(mktemp -d "${BENCH_FOLDER:-${TMPDIR:-/tmp}}/backup-manager-bench.XXXXXX")
    # A server's user comes through here.
    chmod 711 "$folder"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

clean_up() {
    stop_server
    rm -rf "$folder"
}

need_space() {
    local free
    free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
    ((free > $1)) || fail "$folder has $free MiB free; $1 are needed (BENCH_FOLDER, BENCH_MIB)"
}

describe_machine() {
    local load
    load=$(cut -d' ' -f1 /proc/loadavg)
    printf '%s processors%s, %s; load at the start %s; %s rounds\n' "$(nproc)" \
        "${pinned[*]:+ (two are used)}" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$load" "$rounds"
}

now() { echo "${EPOCHREALTIME/[.,]/}"; }

# The wall time of a command line in µs, as `wall`; its output goes where the line says.
by_hand() {
    local began
    sync
    began=$(now)
    "${pinned[@]}" bash -o pipefail -c "$1" || fail "failed: $1"
    wall=$(($(now) - began))
}
