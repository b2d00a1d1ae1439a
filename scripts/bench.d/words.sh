# Words for texts that pack as real ones do. Sourced by scripts/bench.

# 128 of them: seven bits choose one.
words=(
    the of and to in is was for that on with as by at from it are this be or have has not but they which one were
    customer order invoice payment delivery address account product price quantity discount shipment refund return
    warehouse stock supplier contract project meeting report review comment message question answer ticket issue
    please thanks received confirmed cancelled delayed shipped delivered updated created removed changed checked
    monday tuesday wednesday thursday friday morning afternoon evening today tomorrow yesterday week month year
    north south east west street avenue square station bridge market garden window kitchen bedroom table chair
    green blue yellow purple silver golden wooden plastic leather cotton small large heavy light early late
    quickly slowly always never often perhaps almost enough together without between against through
)
words=("${words[@]:0:128}")

# The words as SQL's literals, separated by commas.
quoted_words() {
    printf "'%s'\n" "${words[@]}" | paste -sd,
}

# As many words as wanted, each chosen by seven bits of a number of 63: one SQL expression a line. The first
# argument is a format with %s for the bits, the second the number's name, the third how many.
word_expressions() {
    local format=$1 number=$2 count=$3 index
    for ((index = 0; index < count; index++)); do
        # shellcheck disable=SC2059 # the format is ours
        printf "$format\n" "(($number >> $((index * 7))) & 127)"
    done
}
