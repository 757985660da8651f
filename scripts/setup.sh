#!/usr/bin/env bash
# Installs what building, running and testing Vireo needs and this machine has not.
#
# The packages stand here and nowhere else. Needs Debian or a system made of it; elsewhere it says
# what is missing and leaves the rest to you. Does nothing, in no time, when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# package        what for
readonly PACKAGES="
    gcc            links the binaries; compiles ring's C and assembly
    libc6-dev      headers for the same
    python3        scripts/check-licences.py
    python3-numpy  speech that measures recognition: media/speech/model/heldout.py
    python3-scipy  the same
    python3-pip    fetches libvosk: scripts/build-workers.sh
    espeak-ng      speaks the prompts of examples and tests, and that speech
    libflite1      speaks for vireo-flite; the other half of that speech's voices
    sox            shapes them
    sip-tester     SIPp: the callers of the end-to-end tests
"

# For media/speech/piper alone, which scripts/build-workers.sh builds: setup.sh piper
readonly PIPER_PACKAGES="
    cmake             builds the espeak-ng that is in it
    g++               the same
    libclang-dev      reads espeak-ng's headers
    libsonic-dev      espeak-ng's speed; the build would fetch it from GitHub
    libssl-dev        a build script of ort is linked to it
    pkg-config        finds it
    espeak-ng-data    what makes phonemes of text, when it runs
"

die() { echo "setup: $*" >&2; exit 1; }

# Debian packages, by one question to dpkg; commands where there is no dpkg.
missing_packages() {
    local wanted have
    wanted=$(awk 'NF { print $1 }' <<< "$1")
    # shellcheck disable=SC2086 # a list of words
    have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | awk '$1 == "installed" { print $2 }' || true)
    comm -23 <(sort <<< "$wanted") <(sort -u <<< "$have") | xargs
}

install_packages() {
    if ! command -v apt-get dpkg-query >/dev/null; then
        echo "setup: no apt-get here; see the packages in scripts/setup.sh" >&2
        return 0
    fi
    local missing as_root=()
    missing=$(missing_packages "$1")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "these packages are missing, and installing them needs root: $missing"
        as_root=(sudo)
    fi
    echo "setup: installing $missing" >&2
    local log
    log=$(mktemp)
    # shellcheck disable=SC2086 # a list of words
    if ! { "${as_root[@]}" apt-get update -q \
        && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } \
        > "$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "could not install: $missing"
    fi
    rm -f "$log"
}

# The toolchain that Cargo.toml asks for, from rustup: only its toolchains carry the linker for
# flows.
check_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        die "no Rust here. Install rustup (https://rustup.rs; on Debian 13: apt-get install rustup),
       then: rustup default stable"
    fi
    found=$(rustc --version | awk '{ print $2 }')
    [ "$(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" = "$wanted" ] \
        || die "Rust $found is too old, $wanted is needed: rustup update stable"
}

if [ "${1:-}" = piper ]; then
    install_packages "$PIPER_PACKAGES"
    exit
fi
install_packages "$PACKAGES"
check_rust
scripts/build-flow.sh --prepare
