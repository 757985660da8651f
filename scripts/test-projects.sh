#!/usr/bin/env bash
# Writes a project with `vireo new` in every language, tests and builds it outside of the repository
# by the commands that its README gives, and has `vireo check` look at the component.
#
#   scripts/test-projects.sh [LANGUAGE...]      default: all, or $LANGS
#
# The compilers are those of scripts/languages.sh; a language without one is skipped by name.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
export VIREO=${VIREO:-$TARGET/release/vireo}
readonly ROOT TARGET LANGUAGES=$ROOT/scripts/languages.sh
WORK=$(mktemp -d)
readonly WORK
trap 'rm -rf "$WORK"' EXIT

build_rust() {
    # What the README says, with the build directory of the other flows, so that the SDK's
    # dependencies are compiled once. Its own .cargo/config.toml names target and linker.
    local -x CARGO_TARGET_DIR=$TARGET/flow-build
    cargo test --quiet --release --target "$(rustc -vV | sed -n 's/^host: //p')" >/dev/null
    cargo build --quiet --release
    cp "$TARGET/flow-build/wasm32-unknown-unknown/release/hot_line.wasm" hot-line.wasm
}
build_c() { make --silent CC="$("$LANGUAGES" where cc)"; }
build_js() { ln -s "$("$LANGUAGES" where node_modules)" node_modules && npm run --silent build >/dev/null; }
build_python() { make --silent COMPONENTIZE_PY="$("$LANGUAGES" where componentize-py)" >/dev/null; }
build_go() { GOPROXY=off make --silent GO="$("$LANGUAGES" where go)"; }

# Why there is no compiler; nothing when there is one.
missing() {
    case $1 in
        rust)
            [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] ||
                echo "rustup's target wasm32-unknown-unknown is not installed"
            ;;
        c) "$LANGUAGES" where cc >/dev/null || echo "no clang, no zig" ;;
        js) "$LANGUAGES" where node_modules >/dev/null || echo "no componentize-qjs" ;;
        python) "$LANGUAGES" where componentize-py >/dev/null || echo "no componentize-py" ;;
        go) "$LANGUAGES" where go >/dev/null || echo "no Go" ;;
    esac
}

mkdir -p "$ROOT/target/conformance"
wanted=${*:-${LANGS:-rust c js python go}}
for language in ${wanted//,/ }; do
    why=$(missing "$language")
    if [ -n "$why" ]; then
        echo "projects: SKIPPED $language: $why" >&2
        continue
    fi
    mkdir "$WORK/$language"
    "$VIREO" new "$WORK/$language/hot-line" --lang "$language" >/dev/null
    cd "$WORK/$language/hot-line"
    "build_$language"
    "$VIREO" check hot-line.wasm >/dev/null
    cp hot-line.wasm "$ROOT/target/conformance/project-$language.wasm" # for the measurements
    echo "projects: $language, hot-line.wasm of $(stat -c %s hot-line.wasm) bytes" >&2
done
