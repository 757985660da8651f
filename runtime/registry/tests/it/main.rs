//! Pulling and pushing over real sockets, with a registry that does what a test tells it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod layout;
mod pretended;
mod transfer;

use vireo_registry::{Artifact, DESCRIPTION, TITLE};

/// A small component that imports and exports something.
fn component() -> Vec<u8> {
    let text = r#"(component
        (import "vireo:flow/log@0.1.0" (instance))
        (core module $inner (func (export "f")))
        (component $other (import "hidden" (func)))
        (import "run" (func $run))
        (export "run" (func $run)))"#;
    wat::parse_str(text).unwrap()
}

fn artifact() -> Artifact {
    Artifact::new(component(), "2026-11-22T20:00:00Z")
        .with(TITLE, "hotline")
        .with(DESCRIPTION, "")
}
