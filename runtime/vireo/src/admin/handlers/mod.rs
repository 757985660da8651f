//! The paths of the admin API, one module for each thing that they are about.

pub(super) mod audit;
pub(super) mod calls;
pub(super) mod flows;
pub(super) mod keys;
pub(super) mod open;
pub(super) mod preflight;
pub(super) mod server;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::explain::Code;

/// What a handler comes back with.
type Answer<T> = Result<Json<T>, Problem>;

/// The one parameter in a path.
pub(super) struct Name(String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |error: PathRejection| Problem::new(Code::RequestInvalid, error.body_text());
        Path::from_request_parts(parts, state)
            .await
            .map(|Path(name)| Name(name))
            .map_err(refused)
    }
}

/// The query of a request; unlike axum's own extractor it refuses with problem details.
pub(super) struct Params<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |error: QueryRejection| Problem::new(Code::RequestInvalid, error.body_text());
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(params)| Params(params))
            .map_err(refused)
    }
}
