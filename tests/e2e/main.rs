//! End-to-end tests: a real server, SIPp, and callers and RTP peers that share no code with it.

// A test's way of failing is to panic with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alike;
mod calls;
mod canary;
mod digits;
mod flows;
mod guide;
mod listening;
mod load;
mod recordings;
mod records;
mod replay;
mod services;
mod signalling;
mod speech;
mod speech_engines;
mod spoken_calls;
mod swap;

use std::time::Duration;

use serde_json::Value;
use vireo_tests::{Server, until};

/// The records, newest first, once there are `count` of them.
fn records(server: &Server, count: usize) -> Vec<Value> {
    until(Duration::from_secs(20), &format!("{count} CDRs"), || {
        let records = server.admin.get("/v1/cdrs?limit=10000");
        let records = records.as_array().cloned().unwrap_or_default();
        (records.len() >= count).then_some(records)
    })
}

/// The only record, with its journal complete.
fn only_call(server: &Server) -> Call {
    let record = records(server, 1).remove(0);
    ended_call(server, record["call_id"].as_str().unwrap())
}

/// A call that has its record, with its journal complete.
fn ended_call(server: &Server, id: &str) -> Call {
    until(Duration::from_secs(5), "the journal's end", || {
        let detail = server.admin.get(&format!("/v1/cdrs/{id}"));
        let timeline = detail["timeline"].as_array().cloned().unwrap_or_default();
        let complete = timeline
            .last()
            .is_some_and(|entry| entry["kind"]["event"]["name"] == "cdr");
        complete.then(|| Call {
            record: detail["record"].clone(),
            timeline,
        })
    })
}

/// A call that has ended.
struct Call {
    record: Value,
    timeline: Vec<Value>,
}

impl Call {
    /// The replies to every call of a verb.
    fn replies(&self, verb: &str) -> Vec<&Value> {
        self.timeline
            .iter()
            .map(|entry| &entry["kind"]["verb"])
            .filter(|entry| entry["name"] == verb)
            .map(|entry| &entry["reply"])
            .collect()
    }

    /// The details of every event of a name.
    fn events(&self, name: &str) -> Vec<&Value> {
        self.timeline
            .iter()
            .map(|entry| &entry["kind"]["event"])
            .filter(|entry| entry["name"] == name)
            .map(|entry| &entry["detail"])
            .collect()
    }

    /// All keys, in order.
    fn keys(&self) -> String {
        self.events("digit")
            .iter()
            .filter_map(|detail| detail["digit"].as_str())
            .collect()
    }

    fn outcome(&self) -> &str {
        self.record["outcome"].as_str().unwrap_or_default()
    }
}

/// Nothing of ended calls is left: legs, streams, instances. Transactions stay for 32 s by design.
fn assert_nothing_left(server: &Server) {
    for gauge in [
        "vireo_calls_active",
        "vireo_sip_calls",
        "vireo_media_streams",
        "vireo_flow_instances",
    ] {
        until(Duration::from_secs(10), &format!("{gauge} to be 0"), || {
            (server.admin.metric(gauge) == 0.0).then_some(())
        });
    }
}
