//! What a flow developer needs beside a compiler: making a component of what the compiler wrote
//! ([`componentize`]), and a new project to begin with ([`Project`]).
//!
//! It knows the contract (`sdk/wit`, which is part of the binary) and WebAssembly, and nothing of
//! calls.

#![forbid(unsafe_code)]

mod componentize;
mod contract;
mod project;
mod shipped;

pub use componentize::{ComponentizeError, componentize};
pub use project::{Language, Project, ProjectError};
pub use shipped::{PromptName, ShippedError, ShippedFiles, TestFile};
