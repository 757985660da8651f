#!/usr/bin/env bash
# Writes the bindings of C and Go anew from sdk/wit, or tells whether they are up to date.
#
#   scripts/make-bindings.sh            writes them; builds the generator first (a minute)
#   scripts/make-bindings.sh --check    compares, in no time
#
# They are kept in the repository: what a developer includes can be read, a project needs no
# generator, and a change of the contract shows its effect in review. sdk/bindings/checksums holds
# what went in and what came out; a file on either side that does not agree is drift.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly CHECKSUMS=sdk/bindings/checksums

sums() {
    find sdk/wit sdk/bindings/src sdk/bindings/Cargo.lock sdk/c/bindings sdk/go/internal/contract -type f |
        LC_ALL=C sort | xargs sha256sum
}

if [ "${1:-}" = --check ]; then
    if ! difference=$(diff <(sums) "$CHECKSUMS"); then
        echo "make-bindings: the bindings of C and Go are not those of sdk/wit: run scripts/make-bindings.sh" >&2
        awk '/^[<>]/ { print "  " $3 }' <<< "$difference" | sort -u >&2
        exit 1
    fi
    exit 0
fi

rm -rf sdk/c/bindings
# One package there is written by hand: what the exports call.
find sdk/go/internal/contract -mindepth 1 -maxdepth 1 ! -name export_wit_world -exec rm -r {} +
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/bindings \
    cargo run --quiet --locked --manifest-path sdk/bindings/Cargo.toml -- sdk
# Go's wheel has gofmt as source only.
scripts/languages.sh fetch go
go=$(scripts/languages.sh where go)
gofmt=$(mktemp)
trap 'rm -f "$gofmt"' EXIT
"$go" build -o "$gofmt" cmd/gofmt
"$gofmt" -w sdk/go/internal/contract
sums > "$CHECKSUMS"
