# Throwaway servers: without privileges, on a socket in a folder of their own. Sourced by scripts/bench.

server_process=
server_folder=

# Before a command that must not run as root: as nobody, and not longer than this script.
unprivileged() {
    local user=()
    if (($(id -u) == 0)); then user=(--reuid=65534 --regid=65534 --clear-groups); fi
    echo setpriv "${user[@]}" "$@"
}

# A folder for a server, short enough for a socket's path.
make_server_folder() {
    server_folder=$folder/$1-server
    ((${#server_folder} < 80)) || fail "BENCH_FOLDER is too long for a socket: $server_folder"
    mkdir "$server_folder"
    if (($(id -u) == 0)); then chown 65534:65534 "$server_folder"; fi
}

# Runs a command as the server's user.
as_server() {
    local before
    read -ra before <<<"$(unprivileged)"
    (cd "$server_folder" && env HOME="$server_folder" LC_ALL=C.UTF-8 "${before[@]}" "$@")
}

# Starts a server: the signal that ends it, then its command. Waits until $2, a command, succeeds.
start_server() {
    local signal=$1 ready=$2 before attempt
    shift 2
    server_signal=$signal
    read -ra before <<<"$(unprivileged "--pdeathsig=$signal")"
    (
        cd "$server_folder"
        exec env HOME="$server_folder" LC_ALL=C.UTF-8 "${pinned[@]}" "${before[@]}" "$@" >"$server_folder/log" 2>&1 </dev/null
    ) &
    server_process=$!
    for ((attempt = 0; attempt < 600; attempt++)); do
        if $ready >/dev/null 2>&1; then return; fi
        kill -0 "$server_process" 2>/dev/null || break
        sleep 0.1
    done
    cat "$server_folder/log" >&2
    fail "the server does not serve"
}

stop_server() {
    [[ -n $server_process ]] || return 0
    kill -"$server_signal" "$server_process" 2>/dev/null || true
    wait "$server_process" 2>/dev/null || true
    server_process=
    rm -rf "$server_folder"
}
