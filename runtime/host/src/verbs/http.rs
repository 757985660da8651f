//! `vireo:flow/http`.

use super::{checked, takes};
use crate::contract::http;
use crate::http::HttpRequest;
use crate::request::{Reply, Request};
use crate::state::{Imported, State};

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> Imported<http::Response> {
        self.count()?;
        let request = checked!(HttpRequest::check(request, &self.grants, &self.secrets));
        let taken = takes!(Reply::Response(response) => http::Response {
            status: response.status,
            headers: response.headers,
            body: response.body.into(),
        });
        self.ask(Request::HttpSend(request), taken).await
    }
}
