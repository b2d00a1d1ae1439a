# Figures: what was measured, and the tables. Sourced by scripts/bench.

seconds() { awk -v us="$1" 'BEGIN { printf "%.2f", us / 1e6 }'; }
milliseconds() { awk -v us="$1" 'BEGIN { printf "%.2f", us / 1e3 }'; }
ratio() { awk -v one="$1" -v other="$2" 'BEGIN { printf "%.3f\n", one / other }'; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }
spread() { sort -n | sed -n '1p; $p' | paste -sd' ' | awk '{ printf "%s–%s", $1, $NF }'; }

# Notes a figure of this round under a name; not in the first round, which warms the caches.
note() {
    ((round == 0)) || echo "$2" >>"$measures/$1"
}

is_noted() { [[ -s $measures/$1 ]]; }

# Ratios of two names, round by round.
ratios() {
    paste "$measures/$1" "$measures/$2" | awk '{ printf "%.3f\n", $1 / $2 }'
}

# Bash pads by bytes, and "–" and "÷" have more of them than columns.
pad() {
    local text=$1 width=$2 columns
    columns=$(printf '%s' "$text" | LC_ALL=C.UTF-8 wc -m)
    printf '%s%*s' "$text" $((columns < width ? width - columns : 0)) ''
}

line() {
    local widths=(22 31 8 9 15 9 9 9) index=0 cell
    for cell in "$@"; do
        pad "$cell" "${widths[index]}"
        index=$((index + 1))
    done
    echo
}

table() {
    printf '\n%s\n' "$1"
    line what against goal median spread create ours theirs
}

# A line of ratios: what it is, against what, the goal, the names of both figures, and that of the whole create
# where the first is the dump step alone. A pair that was not measured has no line.
row() {
    local what=$1 against=$2 goal=$3 ours=$4 theirs=$5 whole=${6:-} create='' unit=${7:-seconds}
    is_noted "$ours" && is_noted "$theirs" || return 0
    [[ -z $whole ]] || create=$(ratios "$whole" "$theirs" | median)
    line "$what" "$against" "$goal" "$(ratios "$ours" "$theirs" | median)" "$(ratios "$ours" "$theirs" | spread)" \
        "$create" "$("$unit" "$(median <"$measures/$ours")")" "$("$unit" "$(median <"$measures/$theirs")")"
}

mebibytes_of() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1048576 }'; }

# A line of sizes, in bytes.
size_row() { row "$1" "$2" "$3" "$4" "$5" '' mebibytes_of; }

# A line of absolute figures: the largest that was seen, in KiB, as MiB.
memory_row() {
    local what=$1 goal=$2 name=$3 worst
    worst=$(sort -n "$measures/$name" | tail -n 1)
    line "$what" 'VmHWM, MB, worst' "$goal" "$(awk -v kib="$worst" 'BEGIN { printf "%.1f", kib / 1024 }')"
}

# What was dumped: the size of the text, and how well it packs.
shape() {
    local plain packed
    plain=$(tail -n 1 "$measures/by-plain.size")
    packed=$(tail -n 1 "$measures/by-gzip.size")
    printf '%s of dump, gzip -6 packs it to 1 : %s' "$(mebibytes_of "$plain")" \
        "$(awk -v one="$plain" -v other="$packed" 'BEGIN { printf "%.2f", one / other }')"
}
