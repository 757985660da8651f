#!/usr/bin/env python3
"""Checks the dependencies against deny.toml: licences, banned crates, sources, duplicate versions.

    scripts/check-licences.py [MANIFEST...]     default: the server, its workers, the SDK, the flows

It does what `cargo deny check licenses bans sources` does, for the part of deny.toml that is used
here, from `cargo metadata` and without a long build. Needs Python 3.11.
"""

import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
# Keys of deny.toml that this script reads; a key beside them would be a rule that nobody enforces.
KNOWN = {
    "graph": {"targets"},
    "licenses": {"allow", "clarify", "private"},
    "bans": {"multiple-versions", "wildcards", "allow-wildcard-paths", "deny"},
    "sources": {"unknown-registry", "unknown-git"},
}


class BadExpression(ValueError):
    """A licence expression that is not SPDX."""


def licence_is_allowed(expression, allowed):
    """Does an SPDX expression (Annex D of SPDX 2.3) leave a choice that is allowed?

    The old `MIT/Apache-2.0` of Cargo manifests means OR. A `X WITH Y` is allowed only as such.
    """
    tokens = re.findall(r"[()]|[^\s()]+", re.sub(r"\s*/\s*", " OR ", expression))
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        token = peek()
        if token is None:
            raise BadExpression(expression)
        position += 1
        return token

    def any_of():
        result = all_of()
        while peek() == "OR":
            take()
            result = all_of() or result
        return result

    def all_of():
        result = one()
        while peek() == "AND":
            take()
            result = one() and result
        return result

    def one():
        token = take()
        if token == "(":
            result = any_of()
            if take() != ")":
                raise BadExpression(expression)
            return result
        if token in (")", "AND", "OR", "WITH"):
            raise BadExpression(expression)
        if peek() == "WITH":
            take()
            token = f"{token} WITH {take()}"
        return token in allowed

    result = any_of()
    if peek() is not None:
        raise BadExpression(expression)
    return result


def metadata(manifest, targets):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", manifest]
    for target in targets:
        command += ["--filter-platform", target]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if run.returncode != 0:
        sys.exit(f"check-licences: cargo metadata fails for {manifest}")
    found = json.loads(run.stdout)
    # `packages` lists all of the lock file; `resolve` only what these targets need.
    needed = {node["id"] for node in found["resolve"]["nodes"]}
    return [package for package in found["packages"] if package["id"] in needed]


def licence_of(package, clarified):
    """The licence expression, and what is wrong with it."""
    expression = package["license"]
    if expression:
        return expression, None
    clarification = clarified.get(package["name"])
    if clarification is None:
        return None, "names no licence; read its licence file and add a [[licenses.clarify]]"
    directory = pathlib.Path(package["manifest_path"]).parent
    for file in clarification["license-files"]:
        text = (directory / file["path"]).read_bytes().replace(b"\r\n", b"\n")
        if zlib.crc32(text) != file["hash"]:
            return None, f"{file['path']} is not the text that deny.toml clarifies; read it again"
    return clarification["expression"], None


def problems_of(package, policy, banned, clarified):
    name = f"{package['name']} {package['version']}"
    if package["name"] in banned:
        yield f"{name} is banned: {banned[package['name']]}"
    if package["source"] not in (None, CRATES_IO):
        yield f"{name} comes from {package['source']}, not from crates.io"
    for dependency in package["dependencies"]:
        if package["source"] is None and dependency["req"] == "*" and "path" not in dependency:
            yield f"{name} wants any version of {dependency['name']}"
    if package["source"] is None and package["publish"] == []:
        return  # [licenses.private]: our own
    expression, problem = licence_of(package, clarified)
    if problem is None:
        try:
            if not licence_is_allowed(expression, policy["licenses"]["allow"]):
                problem = f"has the licence {expression}, which deny.toml does not allow"
        except BadExpression:
            problem = f"has a licence that is not an SPDX expression: {expression}"
    if problem:
        yield f"{name} {problem}"


def duplicates(packages):
    versions = {}
    for package in packages:
        versions.setdefault(package["name"], set()).add(package["version"])
    return [f"{name} {', '.join(sorted(found))}" for name, found in sorted(versions.items()) if len(found) > 1]


def self_test():
    """The expressions that the check stands on; a mistake here would let everything pass."""
    allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"]
    for expression, expected in [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only AND ISC", True),
        ("(MIT OR GPL-3.0-only) AND ISC", True),
        ("(MIT OR ISC) AND GPL-3.0-only", False),
        ("GPL-3.0-only/MIT", True),
        ("Apache-2.0 / MIT", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT WITH LLVM-exception", False),
    ]:
        assert licence_is_allowed(expression, allowed) is expected, expression
    for malformed in ["", "MIT OR", "(MIT", "MIT)", "MIT ISC", "AND MIT"]:
        try:
            licence_is_allowed(malformed, allowed)
        except BadExpression:
            continue
        raise AssertionError(malformed)


def policy_of(manifest):
    """The rules for a workspace: its own deny.toml, or the one of the whole repository."""
    own = pathlib.Path(manifest).parent / "deny.toml"
    path = own if own.exists() else ROOT / "deny.toml"
    policy = tomllib.loads(path.read_text())
    for section, keys in policy.items():
        unknown = set(keys) - KNOWN.get(section, set())
        if unknown:
            sys.exit(f"check-licences: does not know {', '.join(sorted(unknown))} of [{section}] in {path}")
    banned = {ban["crate"]: ban["reason"] for ban in policy["bans"]["deny"]}
    clarified = {entry["crate"]: entry for entry in policy["licenses"].get("clarify", [])}
    return policy, banned, clarified


def main():
    self_test()
    manifests = [os.path.abspath(path) for path in sys.argv[1:]] or [
        str(ROOT / "Cargo.toml"),
        str(ROOT / "sdk/rust/Cargo.toml"),
        str(ROOT / "sdk/bindings/Cargo.toml"),
        *sorted(glob.glob(str(ROOT / "examples/*/Cargo.toml"))),
        *sorted(glob.glob(str(ROOT / "flows/*/Cargo.toml"))),
        str(ROOT / "media/speech/piper/Cargo.toml"),
        str(ROOT / "media/speech/vosk/Cargo.toml"),
        str(ROOT / "tests/flows/Cargo.toml"),
        str(ROOT / "tests/conformance/flows/rust/Cargo.toml"),
    ]
    problems, count, repeated = [], 0, {}
    for manifest in manifests:
        policy, banned, clarified = policy_of(manifest)
        packages = metadata(manifest, policy["graph"]["targets"])
        count += len(packages)
        for package in packages:
            problems += problems_of(package, policy, banned, clarified)
        where = os.path.relpath(pathlib.Path(manifest).parent, ROOT)
        twice = duplicates(packages)
        if twice:
            repeated.setdefault("; ".join(twice), []).append(where)
    for crates, places in repeated.items():
        print(f"in several versions ({', '.join(places)}): {crates}")
    for problem in sorted(set(problems)):
        print(f"error: {problem}")
    if problems:
        sys.exit(1)
    print(f"licences of {count} dependencies in {len(manifests)} workspaces are allowed")


main()
