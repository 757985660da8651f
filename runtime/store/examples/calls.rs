//! What the records of a call cost: `cargo run --release -p vireo-store --example calls DIRECTORY`.
//!
//! Calls of a second each: a mark, three journal entries, a CDR. Prints the CPU time of the whole
//! process, sled's threads included, for each call; the pacing itself takes 1 us at 4,000 calls/s.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use vireo_store::cdr::{Cdr, MediaStats, OpenCall, Outcome};
use vireo_store::journal::Lines;
use vireo_store::{Cdrs, Journal, SledStore, Store, StoreError};

const SECONDS: u64 = 4;
const STEPS_PER_SECOND: u64 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("name a directory")?;
    let store: Arc<dyn Store> = Arc::new(SledStore::open(dir)?);
    let mut first = 0;
    for rate in [50, 500, 4_000] {
        let before = cpu_ns()?;
        let begin = Instant::now();
        for step in 0..SECONDS * STEPS_PER_SECOND {
            let due = |step| first + step * rate / STEPS_PER_SECOND;
            for number in due(step)..due(step + 1) {
                begin_call(&store, number)?;
                if number >= first + rate {
                    end_call(&store, number - rate)?;
                }
            }
            let next = begin + Duration::from_millis((step + 1) * 1_000 / STEPS_PER_SECOND);
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        store.flush()?;
        let calls = SECONDS * rate;
        let each = (cpu_ns()? - before) as f64 / 1e3 / calls as f64;
        println!("{rate:>5} calls/s: {each:>6.1} us CPU a call");
        first += calls;
    }
    Ok(())
}

fn call(number: u64) -> OpenCall {
    OpenCall {
        call_id: format!("{number:026}"),
        node: "measure".into(),
        trunk: "carrier".into(),
        route: Some("hotline".into()),
        caller: "+96170123456".into(),
        called: "96122".into(),
        flow: Some("hotline".into()),
        received_ms: 1_700_000_000_000 + number,
        ..OpenCall::default()
    }
}

fn begin_call(store: &Arc<dyn Store>, number: u64) -> Result<(), StoreError> {
    let call = call(number);
    Cdrs::new(Arc::clone(store)).open(&call)?;
    Journal::new(Arc::clone(store)).append_lines(&call.call_id, &lines(0..2)?)
}

fn end_call(store: &Arc<dyn Store>, number: u64) -> Result<(), StoreError> {
    let mut cdr = Cdr::new(call(number), 1_700_000_001_000 + number, Outcome::Completed);
    cdr.media = Some(MediaStats::default());
    Cdrs::new(Arc::clone(store)).finish_then(cdr, &lines(2..3)?, Box::new(drop));
    Ok(())
}

fn lines(numbers: std::ops::Range<u32>) -> Result<Lines, StoreError> {
    let mut lines = Lines::default();
    for number in numbers {
        let request = [("prompt", "menu/main"), ("terminator", "#")];
        lines.verb(number, 1_234, "gather", &request, &"digits")?;
    }
    Ok(lines)
}

/// CPU time of all threads that live, nanoseconds.
fn cpu_ns() -> Result<u64, Box<dyn Error>> {
    let mut all = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        all += times.split(' ').next().unwrap_or("0").parse::<u64>()?;
    }
    Ok(all)
}
