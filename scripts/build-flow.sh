#!/usr/bin/env bash
# Builds a Rust flow into a WebAssembly component.
#
#   scripts/build-flow.sh DIR [OUT]
#
# DIR  a crate whose library (or examples) have crate-type "cdylib".
# OUT  a file, when DIR makes one component; otherwise a directory (it exists, or ends in "/").
#      Default: target/flows/. A file is replaced only when its content changed.
#
# The component is linked in one step by the wasm-component-ld that every rustup toolchain carries;
# no other tool is needed. What may be missing is the standard library for wasm32-unknown-unknown.
# Three ways are tried, in this order:
#
#   1. the rustup target, when it is installed;
#   2. `rustup target add` (skipped when VIREO_NO_RUSTUP is set);
#   3. Debian's rustc-web with its own library source, unpacked into ~/.cache/vireo without root.
#
# `scripts/build-flow.sh --prepare` does only that. VIREO_FLOW_BUILD names the build directory, which
# all flows share so that the SDK is compiled once (default: target/flow-build). VIREO_FLOW_STACK is the
# size of their stack in bytes (default: 131072).
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
readonly ROOT TARGET=wasm32-unknown-unknown
readonly DEBIAN_ROOT=${XDG_CACHE_HOME:-$HOME/.cache}/vireo/rustc-web

die() { echo "build-flow: $*" >&2; exit 1; }

# Unpacks Debian's rustc-web. The library is built from source, which must be of the compiler's own
# version, so both come from one Debian source package.
fetch_debian_rustc() {
    [ ! -x "$DEBIAN_ROOT/rustc" ] || return 0
    command -v apt-get >/dev/null || die "no library for $TARGET: run 'rustup target add $TARGET'"
    local std llvm multiarch
    std=$(apt-cache search --names-only '^libstd-rust-web-[0-9.]+$' | sort -V | tail -n 1 | cut -d' ' -f1)
    [ -n "$std" ] || die "Debian offers no rustc-web here: run 'apt-get update', or 'rustup target add $TARGET'"
    llvm=$(apt-cache depends rustc-web "$std" | grep -o 'libllvm[0-9]*' | sort -V | tail -n 1)
    multiarch=$(dpkg --print-architecture | sed 's/amd64/x86_64/; s/arm64/aarch64/')-linux-gnu
    echo "build-flow: fetching Debian's rustc-web, once (about 140 MB)" >&2
    rm -rf "$DEBIAN_ROOT" && mkdir -p "$DEBIAN_ROOT/debs"
    (
        cd "$DEBIAN_ROOT/debs"
        apt-get download -q rustc-web rust-web-src libstd-rust-web-dev "$std" "$llvm" >&2
        for deb in *.deb; do dpkg -x "$deb" "$DEBIAN_ROOT"; done
    ) || die "Debian's rustc-web could not be fetched: run 'rustup target add $TARGET' when there is a network"
    rm -r "$DEBIAN_ROOT/debs"
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' \
        "$DEBIAN_ROOT/usr/lib/$multiarch" "$DEBIAN_ROOT/usr/bin/rustc" > "$DEBIAN_ROOT/rustc"
    chmod +x "$DEBIAN_ROOT/rustc"
}

# Finds the compiler, its library and the linker, and sets cargo's environment and CARGO_FLAGS.
prepare() {
    command -v rustc >/dev/null || die "no rustc: install rustup (https://rustup.rs, or Debian's package rustup)"
    local sysroot host tools
    sysroot=$(env -u RUSTC rustc --print sysroot)
    host=$(env -u RUSTC rustc -vV | sed -n 's/^host: //p')
    tools=$sysroot/lib/rustlib/$host/bin
    [ -x "$tools/wasm-component-ld" ] \
        || die "$sysroot has no wasm-component-ld; use a rustup toolchain (Debian's rustc does not carry it)"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$tools/wasm-component-ld
    # Rust's own choice is a stack of 1 MiB, all of which the server looks through after each call.
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-Clink-arg=--wasm-ld-path=$tools/gcc-ld/wasm-ld -Clink-arg=-zstack-size=${VIREO_FLOW_STACK:-131072}"
    # Flags for the host's code have no business in a flow.
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
    CARGO_FLAGS=(--release --target "$TARGET")

    [ ! -d "$sysroot/lib/rustlib/$TARGET/lib" ] || return 0
    if [ -z "${VIREO_NO_RUSTUP:-}" ] && command -v rustup >/dev/null \
        && timeout 120 rustup target add "$TARGET" >&2; then
        return 0
    fi
    fetch_debian_rustc
    export RUSTC=$DEBIAN_ROOT/rustc RUSTC_BOOTSTRAP=1
    CARGO_FLAGS+=("-Zbuild-std=std,panic_abort")
}

# Paths of the components that a crate makes, one a line; compiler messages go to stderr.
build() {
    cargo build --quiet "${CARGO_FLAGS[@]}" --lib --examples \
        --manifest-path "$1/Cargo.toml" --message-format json-render-diagnostics |
        { grep '"reason":"compiler-artifact"' || true; } |
        { grep -o '"filenames":\[[^]]*\.wasm"' || true; } | grep -o '[^"]*\.wasm'
}

replace_if_changed() {
    cmp -s "$1" "$2" && return 0
    cp "$1" "$2.part.$$" && mv "$2.part.$$" "$2"
    echo "$2 ($(stat -c %s "$2") bytes)" >&2
}

main() {
    case $# in 1 | 2) ;; *) die "usage: scripts/build-flow.sh DIR [OUT]" ;; esac
    prepare
    [ "$1" != --prepare ] || return 0
    [ -f "$1/Cargo.toml" ] || die "$1 has no Cargo.toml"
    export CARGO_TARGET_DIR=${VIREO_FLOW_BUILD:-$ROOT/target/flow-build}
    local out=${2:-$ROOT/target/flows/} list component
    list=$(build "$1") || die "$1 does not build, or makes no component (crate-type = [\"cdylib\"])"
    if [ -d "$out" ] || [[ $out == */ ]]; then
        mkdir -p "$out"
        while read -r component; do
            local name=${component##*/}
            replace_if_changed "$component" "${out%/}/${name//_/-}"
        done <<< "$list"
    else
        [ "$(wc -l <<< "$list")" = 1 ] || die "$1 makes several components: give a directory"
        mkdir -p "$(dirname "$out")"
        replace_if_changed "$list" "$out"
    fi
}

main "$@"
