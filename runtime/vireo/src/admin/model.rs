//! What the admin API says, as types: the OpenAPI document is made from them.
//!
//! Times are milliseconds since 1970-01-01T00:00:00Z.

mod audit;
mod spoken;
mod trial;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vireo_store::cdr::{Cdr, StreamStats};
use vireo_store::deployments::{Action, Change};
use vireo_store::journal::Entry;

use super::preflight::Finding;

pub use audit::{AuditEntry, Operator};
pub use spoken::SpokenAnswers;
pub use trial::{Canary, CanaryStatus, LastCanary, RateComparison, VersionCounts};

/// Is the server taking calls?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// Yes.
    Open,
    /// No: new calls get 503 with Retry-After, the calls in progress go on.
    Draining,
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Admission::Open => "open",
            Admission::Draining => "draining",
        })
    }
}

/// The server at one glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// `[server] name` of the configuration.
    pub name: String,
    /// Version of Vireo.
    pub version: String,
    /// When the process started.
    pub started_ms: u64,
    /// Is it taking calls?
    pub admission: Admission,
    /// Calls in progress.
    pub calls: u32,
    /// As many are allowed.
    pub max_calls: u32,
    /// SIP sockets, as "udp:127.0.0.1:5060".
    pub sip: Vec<String>,
    /// What the operator should know, most urgent first: a full disk, a missing right, a flow
    /// without a component. Empty: all is well.
    pub warnings: Vec<String>,
    /// Counts since the start, by name.
    pub counters: Vec<Counter>,
}

/// A count since the start of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counter {
    /// What is counted, in words.
    pub name: String,
    /// How many.
    pub value: u64,
}

/// A wanted change of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdmissionChange {
    /// Take new calls, or not.
    pub admission: Admission,
}

/// A version and its share of new calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Serving {
    /// SHA-256 of the component, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// 1 to 100; 0 for a canary that only its routes and caller lists lead to.
    pub percent: u8,
}

/// A flow and what it serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowStatus {
    /// Its name.
    pub flow: String,
    /// Its version, then its canary if it has one; empty: it was never deployed.
    pub serving: Vec<Serving>,
    /// Counts the changes of the deployment; 0: never deployed.
    pub revision: u64,
    /// When it was deployed last.
    pub deployed_ms: Option<u64>,
    /// Calls that run it now, old versions included.
    pub calls: Vec<VersionCalls>,
    /// What became of the version's calls that began since the last change of the deployment, or since
    /// the start of the server.
    pub counts: VersionCounts,
    /// The version on trial.
    pub canary: Option<CanaryStatus>,
    /// The canary that the last change has ended, unless the server was started since.
    pub last_canary: Option<LastCanary>,
}

/// How many calls run a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionCalls {
    /// SHA-256 of the component.
    pub digest: String,
    /// Calls in progress.
    pub calls: u32,
}

/// What a deploy or rollback did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployReport {
    /// The flow.
    pub flow: String,
    /// What serves new calls now, those apart that get the canary.
    pub digest: String,
    /// What served until then; none for the first deploy.
    pub previous: Option<String>,
    /// The version on trial beside it.
    pub canary: Option<Serving>,
    /// Counts the changes of the deployment.
    pub revision: u64,
    /// It served like this already; nothing was changed.
    pub unchanged: bool,
    /// Calls that go on with the version they began with.
    pub calls_on_old_versions: u32,
    /// From the request to the first moment at which a new call starts on it, milliseconds.
    pub took_ms: u64,
    /// What was found before it was deployed and did not keep it from that.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// What kind of change a deployment saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Somebody chose what serves.
    Deploy,
    /// The canary got a larger share, or became the version.
    Promote,
    /// Back to what served before.
    Rollback,
    /// The same, by the server itself: the canary was worse than the version beside it.
    AutomaticRollback,
    /// What a newer version of Vireo did.
    Other,
}

/// One change of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentChange {
    /// The revision that it made.
    pub revision: u64,
    /// When.
    pub at_ms: u64,
    /// What it was.
    pub action: ChangeKind,
    /// Who made it; none: it was made by a version of Vireo that did not record it.
    pub who: Option<Operator>,
    /// What has served since, the canary last.
    pub serving: Vec<Serving>,
    /// Which of them was a canary.
    pub canary: Option<Canary>,
    /// In the words of whoever made it; may be empty.
    pub note: String,
    /// For a rollback: the revision whose versions serve again.
    pub restores: Option<u64>,
}

impl From<Change> for DeploymentChange {
    fn from(change: Change) -> Self {
        let serving: Vec<Serving> = (change.serving.iter())
            .map(|serving| Serving {
                digest: serving.digest.to_string(),
                percent: serving.percent,
            })
            .collect();
        let percent = |digest: &str| {
            let share = serving.iter().find(|serving| serving.digest == digest);
            share.map_or(0, |share| share.percent)
        };
        let canary = change.canary.map(|canary| {
            let digest = canary.digest.to_string();
            Canary {
                percent: percent(&digest),
                digest,
                routes: canary.routes,
                callers: canary.callers,
            }
        });
        DeploymentChange {
            revision: change.revision,
            at_ms: change.at_ms,
            action: match change.action {
                Action::Deploy => ChangeKind::Deploy,
                Action::Promote => ChangeKind::Promote,
                Action::Rollback => ChangeKind::Rollback,
                Action::AutomaticRollback => ChangeKind::AutomaticRollback,
                _ => ChangeKind::Other,
            },
            who: change.who.map(Operator::from),
            serving,
            canary,
            note: change.note,
            restores: change.restores,
        }
    }
}

/// What a component is, what it needs, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InspectionReport {
    /// SHA-256 of the file.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// The version of the contract it was built for; none when it imports nothing of it.
    pub contract: Option<String>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// Grants that its imports need: "kv", "http", "secrets".
    pub grants: Vec<String>,
    /// Why it cannot run here; empty: it can.
    pub problems: Vec<ComponentProblem>,
}

/// One imported interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// As "vireo:flow/media@0.1.0".
    pub interface: String,
    /// The functions of it that are used.
    pub functions: Vec<String>,
}

/// What is wrong with a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentProblem {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for ComponentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.advice)
    }
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveCall {
    /// The server's identifier of the call.
    pub call_id: String,
    /// The trunk it came in on.
    pub trunk: String,
    /// The route that chose the flow.
    pub route: String,
    /// Calling number or SIP user; empty when withheld.
    pub caller: String,
    /// Called number or SIP user.
    pub called: String,
    /// The flow that runs it.
    pub flow: String,
    /// The version of the flow, a SHA-256 digest.
    pub version: String,
    /// When the INVITE came.
    pub received_ms: u64,
    /// When it was answered; none as long as it is not.
    pub answered_ms: Option<u64>,
    /// The verb that the flow is in.
    pub doing: String,
}

/// A call in progress and what has happened in it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LiveCallDetail {
    /// The call.
    pub call: LiveCall,
    /// Its journal so far.
    #[schema(value_type = Vec<TimelineEntry>)]
    pub timeline: Vec<Entry>,
}

/// One entry of a call's journal.
///
/// The server passes on what the journal holds without reading it; this is the shape of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// Its place in the journal, from 0.
    pub seq: u32,
    /// Milliseconds since the INVITE came.
    pub at_ms: u64,
    /// What happened.
    pub kind: TimelineKind,
}

/// What an entry of a journal tells of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimelineKind {
    /// A function of the contract that the flow called.
    Verb {
        /// Its name, as "media.gather".
        name: String,
        /// Its arguments.
        request: serde_json::Value,
        /// What the flow was told.
        reply: serde_json::Value,
    },
    /// Something else: a SIP message, a key, a recording.
    Event {
        /// Its name, as "invite".
        name: String,
        /// What is known of it.
        detail: serde_json::Value,
    },
}

/// The record of a call that has ended (CDR).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallRecord {
    /// The server's identifier of the call; also that of its journal.
    pub call_id: String,
    /// The server that had the call.
    pub node: String,
    /// "inbound" or "outbound".
    pub direction: String,
    /// The trunk it ran on.
    pub trunk: String,
    /// The route that chose the flow; none if none matched.
    pub route: Option<String>,
    /// Calling number or SIP user; empty when withheld.
    pub caller: String,
    /// Called number or SIP user.
    pub called: String,
    /// The flow that ran; none for a call that was refused before.
    pub flow: Option<String>,
    /// The version of the flow, a SHA-256 digest.
    pub version: Option<String>,
    /// When the INVITE came.
    pub received_ms: u64,
    /// When it was answered; none if it was not.
    pub answered_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: u64,
    /// From the INVITE to the answer, or to the end if there was none, milliseconds.
    pub setup_ms: u64,
    /// From the answer to the end, milliseconds; 0 without an answer.
    pub talk_ms: u64,
    /// How it ended, as "completed" or "hung-up-by-caller".
    pub outcome: String,
    /// Who ended it, as "caller" or "flow".
    pub ended_by: String,
    /// The final SIP status of the INVITE; none if there never was one.
    pub sip_status: Option<u16>,
    /// In words: the Reason header (RFC 3326), or why the flow failed.
    pub reason: Option<String>,
    /// How many keys the flow collected. Which ones is in the journal only.
    pub digits: u32,
    /// What became of what the caller said; none if no gather listened, or nobody spoke.
    #[serde(default)]
    pub recognitions: Option<SpokenAnswers>,
    /// What was recorded.
    pub recordings: Vec<Recording>,
    /// Packets, loss and jitter; none if the call never had media.
    pub media: Option<Media>,
    /// When a restart found that the process had died during this call.
    pub recovered_ms: Option<u64>,
}

/// A recording made during a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recording {
    /// Its identifier.
    pub id: String,
    /// Where it lies, below the recordings directory.
    pub path: String,
    /// "call" (stereo) or "message".
    pub kind: String,
    /// Milliseconds.
    pub duration_ms: u64,
}

/// The media of a call, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Media {
    /// From the caller to us, as we counted it.
    pub received: MediaDirection,
    /// From us to the caller, as the caller's RTCP told.
    pub sent: MediaDirection,
}

/// One direction of the media (RFC 3550).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MediaDirection {
    /// RTP packets.
    pub packets: u64,
    /// RTP packets that were lost (RFC 3550, 6.4.1).
    pub lost: u64,
    /// Interarrival jitter, milliseconds (RFC 3550, 6.4.1).
    pub jitter_ms: f32,
    /// Estimated mean opinion score, 1.0 to 4.5 (ITU-T G.107); none without media.
    pub mos: Option<f32>,
}

impl From<StreamStats> for MediaDirection {
    fn from(stats: StreamStats) -> Self {
        MediaDirection {
            packets: stats.packets,
            lost: stats.lost,
            jitter_ms: stats.jitter_ms,
            mos: stats.mos,
        }
    }
}

/// The name under which serde writes an enumeration without fields.
fn name_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "other".to_owned(),
    }
}

impl From<Cdr> for CallRecord {
    fn from(cdr: Cdr) -> Self {
        let durations = cdr.durations();
        let recordings = cdr.recordings.into_iter().map(|recording| Recording {
            kind: name_of(&recording.kind),
            id: recording.id,
            path: recording.path,
            duration_ms: recording.duration_ms,
        });
        CallRecord {
            direction: name_of(&cdr.call.direction),
            version: cdr.call.version.map(|digest| digest.to_string()),
            setup_ms: durations.setup_ms,
            talk_ms: durations.talk_ms,
            outcome: cdr.outcome.to_string(),
            ended_by: name_of(&cdr.ended_by),
            recordings: recordings.collect(),
            media: cdr.media.map(|media| Media {
                received: media.received.into(),
                sent: media.sent.into(),
            }),
            call_id: cdr.call.call_id,
            node: cdr.call.node,
            trunk: cdr.call.trunk,
            route: cdr.call.route,
            caller: cdr.call.caller,
            called: cdr.call.called,
            flow: cdr.call.flow,
            received_ms: cdr.call.received_ms,
            answered_ms: cdr.call.answered_ms,
            ended_ms: cdr.ended_ms,
            sip_status: cdr.sip_status,
            reason: cdr.reason,
            digits: cdr.digits,
            recognitions: cdr.recognitions.map(Into::into),
            recovered_ms: cdr.recovered_ms,
        }
    }
}

/// A record with the journal of its call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallRecordDetail {
    /// The record.
    pub record: CallRecord,
    /// The journal; empty when its retention time is over.
    #[schema(value_type = Vec<TimelineEntry>)]
    pub timeline: Vec<Entry>,
}

/// Ended calls with their journals.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct JournalPage {
    /// The calls, the newest first.
    pub calls: Vec<CallRecordDetail>,
    /// The parameter `before` of the next page; none: there is no more.
    pub next: Option<String>,
}

/// What a call would meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteExplanation {
    /// The trunk, as asked.
    pub trunk: String,
    /// The called number, normalised.
    pub called: String,
    /// The calling number, normalised.
    pub caller: String,
    /// The moment, in the server's time zone.
    pub at: String,
    /// The route that matched; none: the call is rejected with 404.
    pub route: Option<String>,
    /// The flow that takes the call; none: it is rejected.
    pub flow: Option<String>,
    /// The SIP status with which the call is rejected.
    pub reject: Option<u16>,
    /// The language of the call.
    pub language: Option<String>,
    /// Every route that was looked at, in order.
    pub steps: Vec<RouteStep>,
}

/// A route that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteStep {
    /// Its name, or its number.
    pub route: String,
    /// Did it match?
    pub matched: bool,
    /// The condition that failed, or those that held.
    pub why: String,
}

/// What a reload of the configuration did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadReport {
    /// What is different now, one line each; empty: nothing is.
    pub changed: Vec<String>,
    /// What is different in the file and takes a restart.
    pub needs_restart: Vec<String>,
}

/// Can the server take calls?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Can it?
    pub ready: bool,
    /// Why not, in words.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use vireo_store::cdr::{OpenCall, Outcome, RecordingRef};
    use vireo_store::journal::Json;

    /// The document describes journal entries by [`TimelineEntry`], the server sends [`Entry`].
    #[test]
    fn the_described_timeline_is_the_one_that_is_sent() {
        let entries = [
            Entry::verb(0, 5, "media.play", Json::null(), Json::null()),
            Entry::event(
                1,
                9,
                "invite",
                Json::from_text("{\"a\":1}".to_owned()).unwrap(),
            ),
        ];
        for entry in entries {
            let sent = serde_json::to_value(&entry).unwrap();
            let described: TimelineEntry = serde_json::from_value(sent.clone()).unwrap();
            assert_eq!(serde_json::to_value(described).unwrap(), sent);
        }
    }

    #[test]
    fn a_record_says_everything_in_names() {
        let call = OpenCall {
            call_id: "c1".to_owned(),
            received_ms: 1000,
            answered_ms: Some(1500),
            ..OpenCall::default()
        };
        let mut cdr = Cdr::new(call, 4000, Outcome::HungUpByCaller);
        cdr.recordings.push(RecordingRef::default());
        let record = CallRecord::from(cdr);
        assert_eq!((record.setup_ms, record.talk_ms), (500, 2500));
        assert_eq!(record.outcome, "hung-up-by-caller");
        assert_eq!(
            (record.direction.as_str(), record.ended_by.as_str()),
            ("inbound", "unknown")
        );
        assert_eq!(record.recordings[0].kind, "other");
    }
}
