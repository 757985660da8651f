//! `vireo flow export | import | push | pull`: components in files and in OCI registries.

use std::path::{Path, PathBuf};

use clap::Args;
use vireo_registry::{
    Artifact, ArtifactError, AuthFileError, Credentials, DESCRIPTION, Insecure, Reference,
    ReferenceError, Registry, RegistryError, TITLE, read_layout, write_layout,
};

use super::client::{Client, path};
use super::error::{CliError, Exit};
use super::output::{Output, short};
use crate::admin::{DeploymentChange, LARGEST_UPLOAD};
use crate::explain::{Code, Coded};

/// How references are marked where a file could stand.
const SCHEME: &str = "oci://";

/// How a registry is asked.
#[derive(Clone, Debug, Default, Args)]
pub struct RegistryArgs {
    /// Asks the registry without TLS also when it is not on this machine.
    #[arg(long)]
    pub plain_http: bool,
    /// Credentials, in a file as `docker login` and `podman login` write it. VIREO_REGISTRY_TOKEN, or
    /// VIREO_REGISTRY_USER and VIREO_REGISTRY_PASSWORD, come before.
    #[arg(long, value_name = "FILE", env = "REGISTRY_AUTH_FILE")]
    pub auth_file: Option<PathBuf>,
}

/// What `vireo flow push` sends.
#[derive(Clone, Debug, Args)]
pub struct PushArgs {
    /// A component, a .wasm file; or a flow, whose version in service is pushed.
    #[arg(value_name = "FILE|FLOW")]
    pub what: String,
    /// Where to: registry.example.com/flows/hotline:1.2
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// How the registry is asked.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// What `vireo flow pull` fetches.
#[derive(Clone, Debug, Args)]
pub struct PullArgs {
    /// What: registry.example.com/flows/hotline:1.2, or ...@sha256:DIGEST.
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The file to write; the last word of the reference's path and ".wasm" when absent.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How the registry is asked.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// What `vireo flow export` writes.
#[derive(Clone, Debug, Args)]
#[command(disable_version_flag = true)]
pub struct FlowExportArgs {
    /// The flow's name.
    pub name: String,
    /// The file to write: an OCI image layout in a tar archive.
    pub file: PathBuf,
    /// Another version than the one in service: its digest, or the beginning of it.
    #[arg(long, value_name = "DIGEST")]
    pub version: Option<String>,
}

impl Coded for RegistryError {
    fn code(&self) -> Code {
        match self {
            RegistryError::Artifact(error) => error.code(),
            _ => Code::RegistryFailed,
        }
    }
}

impl Coded for ArtifactError {
    fn code(&self) -> Code {
        Code::ArtifactRefused
    }
}

impl Coded for ReferenceError {
    fn code(&self) -> Code {
        Code::ReferenceInvalid
    }
}

impl Coded for AuthFileError {
    fn code(&self) -> Code {
        Code::FileUnusable
    }
}

impl From<RegistryError> for CliError {
    fn from(error: RegistryError) -> Self {
        let shown = CliError::new(error.code(), error.to_string());
        match error {
            RegistryError::NotFound { .. } => shown.exits(Exit::NotFound),
            RegistryError::Unreachable { .. } => shown.exits(Exit::Unreachable),
            RegistryError::Denied { .. } => shown.exits(Exit::Unauthorised).details(vec![
                "name the file of `docker login` (--auth-file FILE), or set VIREO_REGISTRY_USER and \
                 VIREO_REGISTRY_PASSWORD, or VIREO_REGISTRY_TOKEN"
                    .to_owned(),
            ]),
            _ => shown,
        }
    }
}

/// `vireo flow push`.
pub(super) async fn push(
    args: &PushArgs,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    let reference: Reference = args.reference.parse()?;
    let file = Path::new(&args.what);
    let artifact = match file.is_file() {
        true => {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            Artifact::new(read(file)?, &now()).with(TITLE, &stem)
        }
        false => of_server(client, &args.what, None).await?,
    };
    let digest = registry(&args.registry, &reference)?
        .push(&reference, &artifact)
        .await?;
    if output.is_json() {
        return output.json(&serde_json::json!({
            "reference": reference.to_string(),
            "manifest": digest,
            "component": artifact.digest(),
        }));
    }
    output.line(&format!(
        "{reference}: {} bytes, as {}/{}@{digest}",
        artifact.component.len(),
        reference.registry,
        reference.repository
    ));
    Ok(())
}

/// `vireo flow pull`.
pub(super) async fn pull(args: &PullArgs, output: &Output) -> Result<(), CliError> {
    let (artifact, from) = fetch(&args.reference, &args.registry).await?;
    let file = match &args.file {
        Some(file) => file.clone(),
        None => {
            let reference: Reference = args.reference.parse()?;
            let last = reference.repository.rsplit('/').next().unwrap_or_default();
            PathBuf::from(format!("{last}.wasm"))
        }
    };
    write(&file, &artifact.component)?;
    if output.is_json() {
        return output.json(&serde_json::json!({
            "file": file,
            "reference": from,
            "component": artifact.digest(),
        }));
    }
    let size = artifact.component.len();
    output.line(&format!("{}: {size} bytes, of {from}", file.display()));
    Ok(())
}

/// A component on its way into service: of a file, or of a registry for `oci://`; with what the
/// history is to say when the user says nothing.
pub(super) async fn component(
    from: &str,
    registry: &RegistryArgs,
) -> Result<(Vec<u8>, Option<String>), CliError> {
    match from.starts_with(SCHEME) {
        false => Ok((read(Path::new(from))?, None)),
        true => {
            let (artifact, from) = fetch(from, registry).await?;
            Ok((artifact.component, Some(from)))
        }
    }
}

/// `vireo flow export`.
pub(super) async fn export(
    args: &FlowExportArgs,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    let artifact = of_server(client, &args.name, args.version.as_deref()).await?;
    let layout = write_layout(&artifact).map_err(refused)?;
    write(&args.file, &layout)?;
    if output.is_json() {
        return output.json(&serde_json::json!({
            "file": args.file,
            "flow": args.name,
            "component": artifact.digest(),
        }));
    }
    let digest = artifact.digest();
    let digest = digest.trim_start_matches("sha256:");
    output.line(&format!(
        "{}: version {} of {}",
        args.file.display(),
        short(digest),
        args.name
    ));
    Ok(())
}

/// What a file of `vireo flow export` holds: the component, the flow's name and its note.
pub(super) fn exported(file: &Path) -> Result<(Vec<u8>, Option<String>, String), CliError> {
    let bytes = bounded(file, LARGEST_UPLOAD as u64 + (1 << 20))?;
    let mut artifact = read_layout(&bytes, LARGEST_UPLOAD as u64)
        .map_err(|error| CliError::new(error.code(), format!("{}: {error}", file.display())))?;
    let name = artifact.annotations.remove(TITLE);
    let note = artifact.annotations.remove(DESCRIPTION).unwrap_or_default();
    Ok((artifact.component, name, note))
}

async fn fetch(reference: &str, args: &RegistryArgs) -> Result<(Artifact, String), CliError> {
    let reference: Reference = reference.parse()?;
    let pulled = registry(args, &reference)?
        .pull(&reference, LARGEST_UPLOAD as u64)
        .await?;
    let from = format!(
        "{}/{}@{}",
        reference.registry, reference.repository, pulled.manifest_digest
    );
    Ok((pulled.artifact, from))
}

fn registry(args: &RegistryArgs, reference: &Reference) -> Result<Registry, CliError> {
    let insecure = match args.plain_http {
        true => Insecure::Allowed,
        false => Insecure::Loopback,
    };
    let of_environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let credentials = match (
        of_environment("VIREO_REGISTRY_TOKEN"),
        of_environment("VIREO_REGISTRY_USER"),
        &args.auth_file,
    ) {
        (Some(token), _, _) => Credentials::Token(token),
        (None, Some(user), _) => Credentials::Basic {
            user,
            password: of_environment("VIREO_REGISTRY_PASSWORD").unwrap_or_default(),
        },
        (None, None, Some(file)) => Credentials::of_file(file, &reference.registry)?,
        (None, None, None) => Credentials::Anonymous,
    };
    Ok(Registry::new(insecure, credentials)?)
}

/// A version of a flow of the server, with what its history says of it; without a digest, the one
/// that serves most calls.
async fn of_server(
    client: &Client,
    flow: &str,
    digest: Option<&str>,
) -> Result<Artifact, CliError> {
    let history = client.get(&path("/v1/flows/", flow, "/history")).await?;
    let history: Vec<DeploymentChange> = history.parse()?;
    let unknown = |what: String| CliError::new(Code::VersionUnknown, what);
    let digest = match digest {
        None => {
            let serving = history.first().and_then(|change| {
                let serving = change.serving.iter();
                serving.max_by_key(|version| version.percent)
            });
            let serving = serving.ok_or_else(|| unknown(format!("{flow} was never deployed")))?;
            serving.digest.clone()
        }
        Some(beginning) => one_version(flow, &history, beginning)?,
    };
    // The change that brought it, the newest of them.
    let change = history.iter().find(|change| {
        change
            .serving
            .iter()
            .any(|version| version.digest == digest)
    });
    let created = change.map_or_else(now, |change| {
        let at = i64::try_from(change.at_ms).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(at).map_or_else(|_| now(), |at| at.to_string())
    });
    let answer = client.get(&path("/v1/components/", &digest, "")).await?;
    let artifact = Artifact::new(answer.body.to_vec(), &created)
        .with(TITLE, flow)
        .with(DESCRIPTION, change.map_or("", |change| &change.note));
    if artifact.digest() != format!("sha256:{digest}") {
        let message = format!("what the server sent is not version {digest}");
        return Err(CliError::new(Code::ArtifactRefused, message));
    }
    Ok(artifact)
}

fn one_version(
    flow: &str,
    history: &[DeploymentChange],
    beginning: &str,
) -> Result<String, CliError> {
    let beginning = beginning.trim_start_matches("sha256:").to_ascii_lowercase();
    let mut found: Vec<&str> = history
        .iter()
        .flat_map(|change| change.serving.iter().map(|version| version.digest.as_str()))
        .filter(|digest| digest.starts_with(&beginning))
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(CliError::new(
            Code::VersionUnknown,
            format!(
                "{flow} has had no version {beginning}; `vireo flow history {flow}` lists them"
            ),
        )),
        several => Err(CliError::new(
            Code::VersionUnknown,
            format!(
                "{beginning} is the beginning of {} versions of {flow}",
                several.len()
            ),
        )),
    }
}

fn refused(error: ArtifactError) -> CliError {
    CliError::new(error.code(), error.to_string())
}

fn now() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}

/// Reads a component; what is too large is not even read.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    bounded(file, LARGEST_UPLOAD as u64)
}

fn bounded(file: &Path, most: u64) -> Result<Vec<u8>, CliError> {
    let fail = |why: String| {
        let message = format!("cannot read {}: {why}", file.display());
        CliError::new(Code::FileUnusable, message)
    };
    let size = std::fs::metadata(file)
        .map_err(|error| fail(error.to_string()))?
        .len();
    if size > most {
        let message = format!(
            "{} has {size} bytes; at most {most} are allowed",
            file.display()
        );
        return Err(CliError::new(Code::UploadTooLarge, message));
    }
    std::fs::read(file).map_err(|error| fail(error.to_string()))
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(file, bytes).map_err(|error| {
        let message = format!("cannot write {}: {error}", file.display());
        CliError::new(Code::FileUnusable, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{ChangeKind, Serving};

    #[test]
    fn versions_are_found_by_the_beginning_of_their_digest() {
        let change = |digest: &str| DeploymentChange {
            revision: 1,
            at_ms: 0,
            action: ChangeKind::Deploy,
            serving: vec![Serving {
                digest: digest.to_owned(),
                percent: 100,
            }],
            note: String::new(),
            restores: None,
            who: None,
            canary: None,
        };
        let history = [change("abcd"), change("abef"), change("abcd")];
        let found = |beginning| one_version("a", &history, beginning);
        assert_eq!(found("abc").unwrap(), "abcd");
        assert_eq!(found("sha256:ABE").unwrap(), "abef");
        assert!(found("ab").unwrap_err().message.contains("2 versions"));
        assert!(found("x").unwrap_err().message.contains("no version x"));
    }
}
