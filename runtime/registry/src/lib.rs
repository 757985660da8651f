//! Components as OCI artifacts: in a registry (OCI distribution specification 1.1), or in one file
//! (OCI image layout 1.1 in a tar archive). The artifact is the one that the CNCF's working group
//! for WebAssembly describes: a manifest with a configuration `application/vnd.wasm.config.v0+json`
//! and one layer `application/wasm`, so other tools read what is written here.
//!
//! Nothing that comes from a registry or a file is believed: every part is compared with the
//! digest and the size by which it was named, and none is larger than what is asked for.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod artifact;
mod auth;
mod client;
mod layout;
mod manifest;
mod reference;

pub use artifact::{Artifact, ArtifactError};
pub use auth::{AuthFileError, Credentials};
pub use client::{Insecure, Pulled, Registry, RegistryError};
pub use layout::{read_layout, write_layout};
pub use reference::{Reference, ReferenceError};

/// The annotation with the flow's name (OCI image specification, annotations).
pub const TITLE: &str = "org.opencontainers.image.title";
/// The annotation that says what this version is, in words.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// The annotation with the moment, RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";
