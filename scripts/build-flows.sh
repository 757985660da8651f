#!/usr/bin/env bash
# Builds every flow of this repository into target/flows/: examples, ready flows, test flows.
set -euo pipefail
cd "$(dirname "$0")/.."

for manifest in examples/*/Cargo.toml flows/*/Cargo.toml tests/flows/Cargo.toml; do
    # A library that flows share makes no component.
    ! grep -q cdylib "$manifest" || scripts/build-flow.sh "${manifest%/Cargo.toml}" target/flows/
done
