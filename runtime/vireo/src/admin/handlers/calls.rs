//! Calls in progress, records of ended calls, and what a call would meet.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use vireo_store::cdr::{Outcome, Query};

use super::audit::Asker;
use super::{Answer, Name, Params};
use crate::admin::Api;
use crate::admin::model::{
    CallRecord, CallRecordDetail, JournalPage, LiveCall, LiveCallDetail, RouteExplanation,
};
use crate::admin::operations::RouteQuestion;
use crate::admin::problem::Problem;
use crate::explain::Code;

/// Records in a list when the request does not say how many.
const FEW: usize = 50;
/// Records in a list at the most.
const MANY: usize = 10_000;

/// Journals in a page at the most, bytes of JSON.
const PAGE_BYTES: usize = 8 << 20;

/// Which records are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordParams {
    /// Received then or later: "2026-11-22T20:00" in the server's time zone, with an offset, a
    /// date, or how long ago ("15m", "2h", "3d").
    since: Option<String>,
    /// Received before then; written alike.
    until: Option<String>,
    /// Exactly this caller.
    caller: Option<String>,
    /// Exactly this called number.
    called: Option<String>,
    /// This flow.
    flow: Option<String>,
    /// A version whose digest begins with this.
    version: Option<String>,
    /// This trunk.
    trunk: Option<String>,
    /// This outcome: "completed", "hung-up-by-caller", "rejected", "failed-flow"...
    outcome: Option<String>,
    /// What comes after this record in the list: its `received_ms` and `call_id` with "-" between.
    before: Option<String>,
    /// At most so many, 1 to 10,000; 50 when absent.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
}

impl RecordParams {
    fn query(self, api: &Api) -> Result<Query, Problem> {
        let moment = |name: &str, text: Option<String>| -> Result<Option<u64>, Problem> {
            let Some(text) = text else { return Ok(None) };
            let moment = api
                .moment(&text)
                .map_err(|why| Problem::new(Code::RequestInvalid, format!("{name}: {why}")))?;
            Ok(Some(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
        };
        let limit = self.limit.unwrap_or(FEW);
        if !(1..=MANY).contains(&limit) {
            return Err(Problem::new(
                Code::RequestInvalid,
                format!("limit is {limit}; it must be 1 to {MANY}"),
            ));
        }
        Ok(Query {
            from_ms: moment("since", self.since)?,
            until_ms: moment("until", self.until)?,
            outcome: self.outcome.map(|name| outcome(&name)).transpose()?,
            caller: self.caller,
            called: self.called,
            flow: self.flow,
            version: self.version,
            trunk: self.trunk,
            before: self.before.map(|text| place(&text)).transpose()?,
            limit,
        })
    }
}

/// A record's place in lists, as the parameter `before` has it.
fn place(text: &str) -> Result<(u64, String), Problem> {
    let parts = text.split_once('-');
    let place = parts.and_then(|(ms, call_id)| Some((ms.parse().ok()?, call_id.to_owned())));
    place.ok_or_else(|| {
        Problem::new(
            Code::RequestInvalid,
            format!(
                "before is {text:?}; it must be the received_ms of a record, \"-\", and its call_id"
            ),
        )
    })
}

fn outcome(name: &str) -> Result<Outcome, Problem> {
    let found = Outcome::NAMES.iter().find(|(_, known)| *known == name);
    found.map(|(outcome, _)| *outcome).ok_or_else(|| {
        let known: Vec<&str> = Outcome::NAMES.iter().map(|(_, name)| *name).collect();
        Problem::new(
            Code::RequestInvalid,
            format!(
                "outcome is {name:?}; it must be one of {}",
                known.join(", ")
            ),
        )
    })
}

/// Lists the calls in progress, the oldest first.
#[utoipa::path(
    get, path = "/v1/calls", operation_id = "list_calls", tag = "calls",
    responses((status = 200, description = "The calls.", body = Vec<LiveCall>))
)]
pub async fn list(State(api): State<Api>) -> Answer<Vec<LiveCall>> {
    Ok(Json(api.operations.calls().await?))
}

/// Shows a call in progress and what has happened in it so far.
#[utoipa::path(
    get, path = "/v1/calls/{id}", operation_id = "show_call", tag = "calls",
    params(("id" = String, Path, description = "The server's identifier of the call.")),
    responses(
        (status = 200, description = "The call.", body = LiveCallDetail),
        (status = 404, description = "VR0120: no such call in progress.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(State(api): State<Api>, Name(id): Name) -> Answer<LiveCallDetail> {
    let (call, timeline) = api.operations.call(id).await?;
    Ok(Json(LiveCallDetail { call, timeline }))
}

/// Ends a call in progress.
#[utoipa::path(
    delete, path = "/v1/calls/{id}", operation_id = "hang_up", tag = "calls",
    params(("id" = String, Path, description = "The server's identifier of the call.")),
    responses(
        (status = 204, description = "The call is being ended."),
        (status = 404, description = "VR0120: no such call in progress.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn hang_up(
    State(api): State<Api>,
    Name(id): Name,
    Asker(who): Asker,
) -> Result<StatusCode, Problem> {
    api.operations.hangup_call(id, who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists records of ended calls, the newest first.
#[utoipa::path(
    get, path = "/v1/cdrs", operation_id = "list_records", tag = "records",
    params(RecordParams),
    responses(
        (status = 200, description = "The records.", body = Vec<CallRecord>),
        (status = 422, description = "VR0104: a parameter is not understood.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_records(
    State(api): State<Api>,
    Params(params): Params<RecordParams>,
) -> Answer<Vec<CallRecord>> {
    let records = api.operations.cdrs(params.query(&api)?).await?;
    Ok(Json(records.into_iter().map(CallRecord::from).collect()))
}

/// Shows the record of an ended call with its timeline.
#[utoipa::path(
    get, path = "/v1/cdrs/{id}", operation_id = "show_record", tag = "records",
    params(("id" = String, Path, description = "The server's identifier of the call.")),
    responses(
        (status = 200, description = "The record.", body = CallRecordDetail),
        (status = 404, description = "VR0121: no such record.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show_record(State(api): State<Api>, Name(id): Name) -> Answer<CallRecordDetail> {
    let (record, timeline) = api.operations.cdr(id).await?;
    Ok(Json(CallRecordDetail {
        record: record.into(),
        timeline,
    }))
}

/// Lists ended calls with their journals, the newest first: what `vireo replay` and
/// `vireo journal export` read. A page ends early when it has 8 MiB.
#[utoipa::path(
    get, path = "/v1/journals", operation_id = "list_journals", tag = "records",
    params(RecordParams),
    responses(
        (status = 200, description = "A page of calls.", body = JournalPage),
        (status = 422, description = "VR0104: a parameter is not understood.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_journals(
    State(api): State<Api>,
    Params(params): Params<RecordParams>,
) -> Answer<JournalPage> {
    let query = params.query(&api)?;
    let found = api.operations.journals(query, PAGE_BYTES).await?;
    let last = found.calls.last();
    let next = last.filter(|_| found.more).map(|(record, _)| {
        let call = &record.call;
        format!("{}-{}", call.received_ms, call.call_id)
    });
    let calls = found
        .calls
        .into_iter()
        .map(|(record, timeline)| CallRecordDetail {
            record: record.into(),
            timeline,
        });
    Ok(Json(JournalPage {
        calls: calls.collect(),
        next,
    }))
}

/// A call that is to be routed in thought.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RouteParams {
    /// The called number.
    to: String,
    /// The calling number; absent: withheld.
    #[serde(default)]
    from: String,
    /// The trunk; may be absent when there is only one.
    trunk: Option<String>,
    /// The moment, as "2026-11-22T20:00" in the server's time zone; now when absent.
    at: Option<String>,
}

/// Says which route a call would take, and why.
#[utoipa::path(
    get, path = "/v1/routes/test", operation_id = "test_route", tag = "routes",
    params(RouteParams),
    responses(
        (status = 200, description = "The route and every one that was looked at.", body = RouteExplanation),
        (status = 422, description = "VR0104: a parameter is not understood.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn test_route(
    State(api): State<Api>,
    Params(params): Params<RouteParams>,
) -> Answer<RouteExplanation> {
    let at = params.at.as_deref().unwrap_or("now");
    let at = api
        .moment(at)
        .map_err(|why| Problem::new(Code::RequestInvalid, format!("at: {why}")))?;
    let question = RouteQuestion {
        to: params.to,
        from: params.from,
        trunk: params.trunk,
        at,
    };
    Ok(Json(api.operations.route_test(question).await?))
}
