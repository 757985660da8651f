//! Looking at a component before it serves.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;

use super::flows::upload;
use super::{Answer, Name};
use crate::admin::Api;
use crate::admin::preflight::{Finding, PHRASES, PreflightReport, Severity};
use crate::admin::problem::Problem;
use crate::explain::Code;

/// Does everything that a deploy does before a component serves, and says what was found: is it a
/// component that can run here, do the grants suffice, are the prompts there that it needs, does it
/// pass the tests that it brings along, is there a model for what callers may say.
#[utoipa::path(
    post, path = "/v1/flows/{flow}/preflight", operation_id = "preflight", tag = "flows",
    params(("flow" = String, Path, description = "Name of the flow.")),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component, at most 64 MiB."),
    responses(
        (status = 200, description = "What was found; it can be deployed when `passed` is true.", body = PreflightReport),
        (status = 404, description = "VR0110: no such flow.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "VR0103: it has more than 64 MiB.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "VR0117: the compiler failed.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn preflight(
    State(api): State<Api>,
    Name(flow): Name,
    headers: HeaderMap,
    body: Body,
) -> Answer<PreflightReport> {
    let (wasm, _permit) = upload(&api, &headers, body).await?;
    Ok(Json(api.operations.preflight(flow, wasm).await?))
}

/// What a deploy does when the preflight fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfFailed {
    /// It is refused.
    Refuse,
    /// It goes on, and the note says so.
    Overrule,
}

/// A component may be deployed.
pub(super) struct Passed {
    /// For the history.
    pub note: String,
    /// What was found all the same.
    pub findings: Vec<Finding>,
}

/// Looks at a component that is to be deployed.
pub(super) async fn before_deploy(
    api: &Api,
    flow: &str,
    wasm: &Bytes,
    if_failed: IfFailed,
    note: String,
) -> Result<Passed, Problem> {
    let mut note = Note(note);
    let report = api
        .operations
        .preflight(flow.to_owned(), wasm.clone())
        .await?;
    for finding in &report.findings {
        tracing::warn!(flow, %finding, "preflight");
    }
    // What cannot run at all, or lacks a grant, is refused by the deploy itself; there is no
    // overruling that.
    let failures: Vec<String> = (report.findings.iter())
        .filter(|finding| finding.severity == Severity::Failure && !finding.is_refusal())
        .map(ToString::to_string)
        .collect();
    match (failures.len(), if_failed) {
        (0, _) => {}
        (count, IfFailed::Overrule) => note.add(&format!(
            "deployed although the preflight failed: {count} findings"
        )),
        (_, IfFailed::Refuse) => {
            let mut problem = Problem::new(
                Code::PreflightFailed,
                format!(
                    "the component for {flow} did not pass its preflight; what served before still serves"
                ),
            );
            problem.errors = failures;
            return Err(problem);
        }
    }
    // Who asks one day why callers were not understood finds it there.
    let phrases = report.findings.iter();
    let mut phrases = phrases.filter(|finding| finding.check == PHRASES);
    if let Some(first) = phrases.next() {
        let others = match phrases.count() {
            0 => String::new(),
            count => format!("; {count} others neither"),
        };
        note.add(&format!("{}{others}", first.what));
    }
    Ok(Passed {
        note: note.0,
        findings: report.findings,
    })
}

/// What somebody said, and behind it what the server adds.
struct Note(String);

impl Note {
    fn add(&mut self, text: &str) {
        let separator = if self.0.is_empty() { "" } else { " " };
        self.0.push_str(&format!("{separator}[{text}]"));
    }
}
