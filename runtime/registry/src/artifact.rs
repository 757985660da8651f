//! A component with what is said of it.

use std::collections::BTreeMap;

use wasmparser::{Encoding, Parser, Payload};

use crate::CREATED;
use crate::manifest::{
    Descriptor, INDEX, Interfaces, MANIFEST, Manifest, WASM_CONFIG, WASM_LAYER, WasmConfig, digest,
};

/// What the layers of components were called before the specification was settled.
const OLD_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";

/// A component with what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The component.
    pub component: Vec<u8>,
    /// What is said of it, by the keys of the OCI image specification.
    pub annotations: BTreeMap<String, String>,
}

/// What was pulled or read is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It is something else.
    #[error("it is no WebAssembly component: {0}")]
    NotAComponent(String),
    /// A part is not the one that was named.
    #[error("{what} has the digest {found}; {named} was named: it was changed or damaged")]
    Digest {
        /// Which part.
        what: &'static str,
        /// By which it was named.
        named: String,
        /// What it has.
        found: String,
    },
    /// A part is shorter or longer than was said.
    #[error("{what} has {found} bytes and not {named}: it was cut off or changed")]
    Size {
        /// Which part.
        what: &'static str,
        /// As it was said.
        named: u64,
        /// What came.
        found: u64,
    },
    /// A part is larger than is allowed.
    #[error("{what} has {size} bytes; {limit} are allowed")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size, as far as it is known.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A document that is not understood, or a file that lacks a part.
    #[error("{what} is not understood: {why}")]
    NotUnderstood {
        /// Which part.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// The three parts of an artifact.
pub(crate) struct Packed {
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
    pub described: Manifest,
}

impl Artifact {
    /// A component without annotations but for the moment, in RFC 3339, that it was made or deployed.
    #[must_use]
    pub fn new(component: Vec<u8>, created: &str) -> Self {
        Artifact {
            component,
            annotations: [(CREATED.to_owned(), created.to_owned())].into(),
        }
    }

    /// The same with an annotation more; an empty one is left out.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.annotations.insert(key.to_owned(), value.to_owned());
        }
        self
    }

    /// The digest of the component: `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.component)
    }

    pub(crate) fn pack(&self) -> Result<Packed, ArtifactError> {
        let json = |what| {
            move |error: serde_json::Error| ArtifactError::NotUnderstood {
                what,
                why: error.to_string(),
            }
        };
        let layer = Descriptor::of(WASM_LAYER, &self.component);
        let config = WasmConfig {
            created: self.annotations.get(CREATED).cloned().unwrap_or_default(),
            architecture: "wasm",
            os: "wasip2",
            layer_digests: vec![layer.digest.clone()],
            component: interfaces(&self.component)?,
        };
        let config = serde_json::to_vec(&config).map_err(json("the configuration"))?;
        let described = Manifest {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config: Descriptor::of(WASM_CONFIG, &config),
            layers: vec![layer],
            annotations: self.annotations.clone(),
        };
        Ok(Packed {
            config,
            manifest: serde_json::to_vec(&described).map_err(json("the manifest"))?,
            described,
        })
    }
}

/// Reads a manifest, and finds its one layer, of `limit` bytes at the most.
pub(crate) fn layer_of(
    manifest: &[u8],
    limit: u64,
) -> Result<(Manifest, Descriptor), ArtifactError> {
    let wrong = |why: String| ArtifactError::NotUnderstood {
        what: "the manifest",
        why,
    };
    let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| {
        let index = serde_json::from_slice::<serde_json::Value>(manifest)
            .is_ok_and(|value| value["mediaType"] == INDEX || value["manifests"].is_array());
        wrong(match index {
            true => {
                "it is an index of several artifacts; name one of them by its digest".to_owned()
            }
            false => error.to_string(),
        })
    })?;
    let kind = &manifest.config.media_type;
    let [layer] = manifest.layers.as_slice() else {
        let count = manifest.layers.len();
        return Err(ArtifactError::NotAComponent(format!(
            "it has {count} layers, of {kind}"
        )));
    };
    if layer.media_type != WASM_LAYER && layer.media_type != OLD_LAYER {
        let what = &layer.media_type;
        return Err(ArtifactError::NotAComponent(format!(
            "its layer is {what}, of {kind}"
        )));
    }
    if !crate::reference::is_digest(&layer.digest) {
        return Err(wrong(format!("{:?} is no SHA-256 digest", layer.digest)));
    }
    if layer.size > limit {
        return Err(ArtifactError::TooLarge {
            what: "the component",
            size: layer.size,
            limit,
        });
    }
    let layer = layer.clone();
    Ok((manifest, layer))
}

/// Makes an artifact of the parts, if they are what the manifest says.
pub(crate) fn unpack(
    manifest: Manifest,
    layer: &Descriptor,
    component: Vec<u8>,
) -> Result<Artifact, ArtifactError> {
    check(&component, layer, "the component")?;
    interfaces(&component)?;
    Ok(Artifact {
        component,
        annotations: manifest.annotations,
    })
}

/// Compares a part with what it was named by.
pub(crate) fn check(
    bytes: &[u8],
    named: &Descriptor,
    what: &'static str,
) -> Result<(), ArtifactError> {
    if bytes.len() as u64 != named.size {
        return Err(ArtifactError::Size {
            what,
            named: named.size,
            found: bytes.len() as u64,
        });
    }
    check_digest(bytes, &named.digest, what)
}

pub(crate) fn check_digest(
    bytes: &[u8],
    named: &str,
    what: &'static str,
) -> Result<(), ArtifactError> {
    let found = digest(bytes);
    if found == named {
        return Ok(());
    }
    Err(ArtifactError::Digest {
        what,
        named: named.to_owned(),
        found,
    })
}

/// What a component imports and exports, of itself and not of what it is made of.
fn interfaces(component: &[u8]) -> Result<Interfaces, ArtifactError> {
    let wrong =
        |error: wasmparser::BinaryReaderError| ArtifactError::NotAComponent(error.to_string());
    let mut found = Interfaces::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(wrong)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => {
                return Err(ArtifactError::NotAComponent(
                    "it is a core module".to_owned(),
                ));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found
                        .imports
                        .push(import.map_err(wrong)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found
                        .exports
                        .push(export.map_err(wrong)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}
