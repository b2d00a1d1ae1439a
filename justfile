# The habits; `just --list` shows them. Every recipe only calls what also runs without just.

# Everything that must hold before a commit: tests, format, lints, schemas, licences
check:
    .ci/run

# All tests; installs the programs that they use
test *arguments:
    scripts/test {{arguments}}

# The measurements: a large database, memory, start-up, listing
bench:
    scripts/bench

# Write the schemas from the types
schemas:
    cargo run --quiet --locked -- schemas schemas

# Replay the golden requests; `just replay bless` writes what is answered now as what is expected
replay mode="check":
    {{ if mode == "bless" { "BLESS=1" } else { "" } }} cargo test --locked -p backup-tests --test replay

# The long tests
torture:
    scripts/torture

# create → verify → list on a throwaway copy of the bookshop
demo:
    scripts/demo
