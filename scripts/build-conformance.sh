#!/usr/bin/env bash
# Builds the flows of the conformance suite, one component a language, into target/conformance/.
#
#   scripts/build-conformance.sh [LANGUAGE...]      default: all, or $LANGS
#
# A language whose compiler is not there, or that is not asked for, leaves LANGUAGE.skipped with the
# reason in place of its component. What did not change is not built again. C and Go are made
# components by `vireo build`: VIREO names the binary (default: target/release/vireo).
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
VIREO=${VIREO:-$TARGET/release/vireo}
readonly ROOT TARGET VIREO OUT=$ROOT/target/conformance FLOWS=$ROOT/tests/conformance/flows
readonly LANGUAGES=$ROOT/scripts/languages.sh

where() { "$LANGUAGES" where "$1" || { echo "its compiler is not there: run scripts/languages.sh fetch" >&2; return 1; }; }

# What a component is made of: sources, SDK, contract, compiler.
inputs() {
    local directory=$1
    [ "$1" != cpp ] || directory=c
    {
        find "$ROOT/sdk/$directory" "$ROOT/sdk/wit" "$FLOWS/$directory" -type f ! -path '*/target/*' ! -path '*/__pycache__/*' |
            LC_ALL=C sort | xargs sha256sum
        sha256sum "$LANGUAGES" "$0"
        case $1 in c | cpp | go) sha256sum "$ROOT"/runtime/component/src/* ;; esac
    } | sha256sum
}

build_rust() { VIREO_FLOW_BUILD=$TARGET/flow-build "$ROOT/scripts/build-flow.sh" "$FLOWS/rust" "$1"; }

make_c() {
    local cc
    cc=$(where cc)
    make --silent --directory "$FLOWS/c" CC="$cc" VIREO="$VIREO" BUILD="$OUT/build-$2" FLOW="$1" SOURCES="$3"
}
build_c() { make_c "$1" c "main.c demo.c errors.c everything.c"; }
build_cpp() { make_c "$1" cpp "main.c demo.cpp errors.c everything.c"; }

build_js() {
    local modules
    modules=$(where node_modules)
    "$modules/.bin/esbuild" "$FLOWS/js/main.js" --bundle --format=esm --platform=neutral '--external:vireo:*' \
        --outfile="$OUT/build-js/flow.js" --log-level=warning
    "$modules/.bin/componentize-qjs" --wit "$ROOT/sdk/wit" --world flow --js "$OUT/build-js/flow.js" \
        --sync --stub-wasi --opt-size --minify --output "$1"
}

build_python() {
    local compiler
    compiler=$(where componentize-py)
    $compiler -d "$ROOT/sdk/wit" -w flow componentize main -s -p "$FLOWS/python" -p "$ROOT/sdk/python" -o "$1"
}

build_go() {
    local go
    go=$(where go)
    (cd "$FLOWS/go" && GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod GOOS=wasip1 GOARCH=wasm \
        "$go" build -buildmode=c-shared -ldflags='-s -w' -o "$OUT/build-go/go.core.wasm" .)
    "$VIREO" build "$OUT/build-go/go.core.wasm" --output "$1"
}

is_wanted() {
    local language=$1
    [ "$language" != cpp ] || language=c
    [[ " ${WANTED//,/ } " == *" $language "* ]]
}

main() {
    WANTED=${*:-${LANGS:-rust c js python go}}
    mkdir -p "$OUT"
    local language digest started
    for language in rust c cpp js python go; do
        if ! is_wanted "$language"; then
            rm -f "$OUT/$language.wasm"
            echo "not asked for (LANGS=$WANTED)" > "$OUT/$language.skipped"
            continue
        fi
        digest=$(inputs "$language")
        [ ! -f "$OUT/$language.wasm" ] || [ "$digest" != "$(cat "$OUT/$language.inputs" 2>/dev/null)" ] || continue
        rm -f "$OUT/$language".{wasm,inputs,skipped}
        started=$SECONDS
        # In the background, as `set -e` holds there and not in a condition.
        "build_$language" "$OUT/$language.wasm" > "$OUT/$language.log" 2>&1 &
        if ! wait $!; then
            grep -q 'its compiler is not there' "$OUT/$language.log" || { cat "$OUT/$language.log" >&2; exit 1; }
            tail -n 1 "$OUT/$language.log" > "$OUT/$language.skipped"
            echo "conformance: SKIPPED $language: $(cat "$OUT/$language.skipped")" >&2
            continue
        fi
        echo "$digest" > "$OUT/$language.inputs"
        echo "conformance: $language, $(stat -c %s "$OUT/$language.wasm") bytes, $((SECONDS - started)) s" >&2
    done
}

main "$@"
