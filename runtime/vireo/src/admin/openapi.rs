//! The OpenAPI description, made from the handlers and their types.

use std::sync::LazyLock;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::handlers::{audit, calls, flows, keys, open, preflight, server};
use super::model::{TimelineEntry, TimelineKind};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vireo admin API",
        description = "Deploys flows, shows calls and their records, and tells how the server is. Errors are problem details (RFC 9457) with a code that `vireo explain` describes.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(),
    ),
    paths(
        flows::list, flows::show, flows::deploy, preflight::preflight, flows::promote, flows::rollback, flows::history, flows::check, flows::component,
        calls::list, calls::show, calls::hang_up, calls::list_records, calls::show_record, calls::list_journals, calls::test_route,
        keys::list, keys::show, keys::set, keys::delete,
        server::status, server::set_admission, server::reload, audit::list,
        open::health, open::ready, open::metrics, open::openapi_document, open::error_page,
    ),
    components(schemas(TimelineEntry, TimelineKind)),
    modifiers(&Bearer),
    security(("token" = [])),
    tags(
        (name = "server", description = "The server as a whole."),
        (name = "flows", description = "What serves, deploying, trying out, rolling back."),
        (name = "audit", description = "Who did what."),
        (name = "calls", description = "Calls in progress."),
        (name = "records", description = "Records of ended calls (CDRs)."),
        (name = "routes", description = "Which flow takes a call."),
        (name = "keys", description = "What flows keep in the key-value store."),
        (name = "open", description = "Needs no token."),
    ),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The content of the token file, by default `admin-token` in the data directory.",
            ))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The description as JSON.
#[must_use]
pub fn document() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        // Its types are strings, lists and maps with text keys: JSON has all of them.
        let mut text = Description::openapi().to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    });
    &DOCUMENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_current() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let committed = std::fs::read_to_string(file).unwrap();
        assert!(
            committed == document(),
            "run `vireo openapi > docs/openapi.json`"
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: serde_json::Value = serde_json::from_str(document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let text = document.to_string();
        let references = text.match_indices("\"$ref\":\"#").map(|(at, found)| {
            let rest = &text[at + found.len()..];
            &rest[..rest.find('"').unwrap()]
        });
        for reference in references {
            assert!(
                document.pointer(reference).is_some(),
                "{reference} is not in the document"
            );
        }
    }
}
