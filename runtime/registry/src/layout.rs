//! An artifact in one file: the OCI image layout 1.1 in a tar archive.

use std::collections::HashMap;
use std::io::Read;

use crate::artifact::{Artifact, ArtifactError, check, layer_of, unpack};
use crate::manifest::{Descriptor, INDEX, Index, MANIFEST, digest};

/// Documents are small; only the component is not. Bytes.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// Files that are looked at; a layout of one artifact has five and their directories.
const MOST_FILES: usize = 64;

const MARK: &str = "oci-layout";
const MARK_TEXT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// Writes an artifact; the same artifact is always the same bytes.
///
/// # Errors
/// It is no component.
pub fn write_layout(artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
    let packed = artifact.pack()?;
    let index = Index {
        schema_version: 2,
        media_type: INDEX.to_owned(),
        manifests: vec![Descriptor::of(MANIFEST, &packed.manifest)],
    };
    let index = serde_json::to_vec(&index).map_err(|error| wrong(error.to_string()))?;
    let mut archive = tar::Builder::new(Vec::with_capacity(artifact.component.len() + (16 << 10)));
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, bytes)
    };
    add(MARK, MARK_TEXT.as_bytes())
        .and_then(|()| add("index.json", &index))
        .and_then(|()| add(&blob(&digest(&packed.manifest)), &packed.manifest))
        .and_then(|()| add(&blob(&packed.described.config.digest), &packed.config))
        .and_then(|()| {
            add(
                &blob(&packed.described.layers[0].digest),
                &artifact.component,
            )
        })
        .map_err(|error| wrong(error.to_string()))?;
    archive
        .into_inner()
        .map_err(|error| wrong(error.to_string()))
}

/// Reads an artifact whose component has `limit` bytes at the most.
///
/// # Errors
/// It is no such file, has another number of artifacts than one, or a part is not what it is named
/// by.
pub fn read_layout(file: &[u8], limit: u64) -> Result<Artifact, ArtifactError> {
    let parts = parts(file, limit)?;
    let find = |path: &str| {
        let found = parts.get(path);
        found.ok_or_else(|| wrong(format!("it has no {path}")))
    };
    find(MARK)?;
    let index: Index = serde_json::from_slice(find("index.json")?)
        .map_err(|error| wrong(format!("index.json: {error}")))?;
    let [named] = index.manifests.as_slice() else {
        let count = index.manifests.len();
        return Err(wrong(format!("it has {count} artifacts, and not one")));
    };
    let manifest = find(&blob(&named.digest))?;
    check(manifest, named, "the manifest")?;
    let (manifest, layer) = layer_of(manifest, limit)?;
    let component = find(&blob(&layer.digest))?.clone();
    unpack(manifest, &layer, component)
}

fn parts(file: &[u8], limit: u64) -> Result<HashMap<String, Vec<u8>>, ArtifactError> {
    let mut archive = tar::Archive::new(file);
    let entries = archive
        .entries()
        .map_err(|error| wrong(error.to_string()))?;
    let mut parts = HashMap::new();
    for (number, entry) in entries.enumerate() {
        let entry = entry.map_err(|error| wrong(error.to_string()))?;
        if number == MOST_FILES {
            return Err(wrong(format!("it has more than {MOST_FILES} files")));
        }
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(|error| wrong(error.to_string()))?;
        // Some tools write `./index.json`.
        let path = path.to_string_lossy().trim_start_matches("./").to_owned();
        let most = limit.max(LARGEST_DOCUMENT);
        let mut bytes = Vec::new();
        let mut bounded = entry.take(most + 1);
        bounded
            .read_to_end(&mut bytes)
            .map_err(|error| wrong(error.to_string()))?;
        if bytes.len() as u64 > most {
            return Err(ArtifactError::TooLarge {
                what: "a part of the file",
                size: bytes.len() as u64,
                limit: most,
            });
        }
        parts.insert(path, bytes);
    }
    Ok(parts)
}

/// Where a part lies by its digest.
fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn wrong(why: String) -> ArtifactError {
    ArtifactError::NotUnderstood {
        what: "the file",
        why,
    }
}
