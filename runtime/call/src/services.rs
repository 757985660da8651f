//! What a flow may ask for beside its call: keys, HTTP, time, the log.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::sync::oneshot;
use vireo_host::contract::{Error, Level, LocalTime};
use vireo_host::{Answer, Bytes, Reply, Request};
use vireo_store::kv::{KvError, Namespace};

use crate::shared::Shared;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// The wall-clock time now in an IANA zone, or in the server's own.
pub(crate) fn local_time(zone: Option<&str>, own: &TimeZone) -> Result<LocalTime, Error> {
    local_time_at(Timestamp::now(), zone, own)
}

/// The wall-clock time of a moment in an IANA zone, or in `own`.
///
/// # Errors
/// `invalid`: there is no such zone.
pub fn local_time_at(
    at: Timestamp,
    zone: Option<&str>,
    own: &TimeZone,
) -> Result<LocalTime, Error> {
    let zone = match zone {
        Some(name) => TimeZone::get(name).map_err(|_| {
            Error::Invalid(format!(
                "zone {name:?} is no IANA time zone, such as \"Asia/Shanghai\""
            ))
        })?,
        None => own.clone(),
    };
    Ok(in_zone(&at.to_zoned(zone)))
}

fn in_zone(time: &Zoned) -> LocalTime {
    LocalTime {
        year: time.year(),
        month: time.month().unsigned_abs(),
        day: time.day().unsigned_abs(),
        weekday: time.weekday().to_monday_one_offset().unsigned_abs(),
        hour: time.hour().unsigned_abs(),
        minute: time.minute().unsigned_abs(),
        second: time.second().unsigned_abs(),
        utc_offset_s: time.offset().seconds(),
    }
}

/// A line of a flow's log, in the server's own.
pub(crate) fn log(call: &str, flow: &str, level: Level, message: &str) {
    match level {
        Level::Debug => tracing::debug!(target: "vireo::flow", call, flow, "{message}"),
        Level::Info => tracing::info!(target: "vireo::flow", call, flow, "{message}"),
        Level::Warn => tracing::warn!(target: "vireo::flow", call, flow, "{message}"),
        Level::Error => tracing::error!(target: "vireo::flow", call, flow, "{message}"),
    }
}

/// Performs a request that is neither the call's nor answered at once. `namespace` is the flow's
/// grant of keys, which the host has checked.
pub(crate) async fn perform(shared: Arc<Shared>, namespace: String, request: Request) -> Answer {
    match request {
        Request::HttpSend(request) => shared.http.send(&request).await.map(Reply::Response),
        request => keys(&shared, &namespace, request).await,
    }
}

/// The store is on a disk, which may stall: its work is done where that holds up nobody. A change
/// is promised to the flow only when it is on disk.
async fn keys(shared: &Shared, namespace: &str, request: Request) -> Answer {
    let keys = shared.kv.namespace(namespace).map_err(kv_error)?;
    let changes = !matches!(request, Request::KvGet { .. } | Request::KvListKeys { .. });
    let reply = tokio::task::spawn_blocking(move || operate(&keys, request))
        .await
        .unwrap_or_else(|_| Err(Error::Failed("kv: the operation was aborted".into())))?;
    if changes {
        let (done, written) = oneshot::channel();
        shared
            .store
            .on_durable(Box::new(move |result| drop(done.send(result))));
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Error::Failed(format!("kv: {error}"))),
            Err(_) => return Err(Error::Failed("kv: the store is closing".into())),
        }
    }
    Ok(reply)
}

/// A function of `vireo:flow/kv` on the keys of a flow.
///
/// # Errors
/// As the contract says; `failed` for a request that is none of them.
pub fn operate(keys: &Namespace, request: Request) -> Answer {
    match request {
        Request::KvGet { key } => keys.get(&key).map(|value| Reply::Bytes(value.map(Bytes))),
        Request::KvSet { key, value } => keys.set(&key, &value).map(|()| Reply::Done),
        Request::KvDelete { key } => keys.delete(&key).map(|()| Reply::Done),
        Request::KvIncrement { key, by } => keys.increment(&key, by).map(Reply::Count),
        Request::KvCompareAndSwap { key, expected, new } => keys
            .compare_and_swap(&key, expected.as_deref(), new.as_deref())
            .map(Reply::Swapped),
        Request::KvListKeys { prefix, limit } => keys.list_keys(&prefix, limit).map(Reply::Keys),
        other => {
            return Err(Error::Failed(format!(
                "{} is not a service of this server",
                other.verb()
            )));
        }
    }
    .map_err(kv_error)
}

fn kv_error(error: KvError) -> Error {
    match error {
        KvError::Invalid(why) => Error::Invalid(format!("kv: {why}")),
        other => Error::Failed(format!("kv: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_in_a_zone() {
        let monday: Timestamp = "2026-11-22T16:30:05Z".parse().unwrap();
        let time = in_zone(&monday.to_zoned(TimeZone::get("Asia/Shanghai").unwrap()));
        assert_eq!((time.year, time.month, time.day), (2026, 11, 23));
        assert_eq!((time.hour, time.minute, time.second), (0, 30, 5));
        assert_eq!((time.weekday, time.utc_offset_s), (1, 8 * 3600));
        assert!(matches!(
            local_time(Some("Mars/Olympus"), &TimeZone::UTC),
            Err(Error::Invalid(_))
        ));
    }
}
