//! The task that looks how late the server is, and has calls refused when it is too late.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vireo_call::Runtime;
use vireo_sip::endpoint::Counters;
use vireo_sip::stack::Stack;

use super::overload::{Change, Look, Overload, PERIOD};

/// Looks after `overload` as long as the server runs.
pub(super) async fn watch(runtime: Arc<Runtime>, stack: Arc<Stack>, most_delay: Duration) {
    let mut overload = Overload::new(most_delay);
    let mut arrived = arrivals(&stack.counters());
    let mut late = runtime.engine().counters().late_slots;
    let mut refused_before = 0;
    loop {
        let due = Instant::now() + PERIOD;
        tokio::time::sleep_until(due).await;
        let counters = stack.counters();
        let arrived_before = std::mem::replace(&mut arrived, arrivals(&counters));
        let late_slots = runtime.engine().counters().late_slots;
        let late_before = std::mem::replace(&mut late, late_slots);
        let look = Look {
            delay: due.elapsed(),
            arrivals: arrived.saturating_sub(arrived_before),
            late_slots: late.saturating_sub(late_before),
            journal_queue: runtime.journal_queue_load(),
        };
        let share = overload.share();
        let change = overload.look(look);
        if overload.share() != share {
            stack.shed(overload.share());
        }
        match change {
            Some(Change::Began(cause)) => {
                refused_before = counters.refused_overload;
                tracing::warn!(
                    cause = cause.name(),
                    delay_ms = u64::try_from(look.delay.as_millis()).unwrap_or(u64::MAX),
                    late_slots = look.late_slots,
                    calls = counters.calls,
                    "the server is late: new calls are refused with 503"
                );
            }
            Some(Change::Ended) => tracing::info!(
                refused = counters.refused_overload.saturating_sub(refused_before),
                "the server keeps up: all calls are taken again"
            ),
            None => {}
        }
    }
}

/// New inbound calls since the start, those included that were refused.
fn arrivals(sip: &Counters) -> u64 {
    sip.inbound_calls + sip.refused_overload + sip.refused_calls + sip.refused_queue
}
