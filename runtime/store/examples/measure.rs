//! Measures the embedded store: `cargo run --release -p vireo-store --example measure [DIRECTORY]`.
//!
//! The directory should be on the disk that the server will use; it is created, and left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use vireo_store::cdr::{Cdr, MediaStats, OpenCall, Outcome, Query};
use vireo_store::journal::{Entry, Json};
use vireo_store::{Cdrs, Journal, SledStore, Store};

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let dir = std::env::args_os()
        .nth(1)
        .unwrap_or_else(|| "measure-store".into());
    let sled = SledStore::open(dir)?;
    let store: Arc<dyn Store> = Arc::new(sled);
    println!("{:44} {:>12} {:>10} {:>10}", "", "per second", "p50", "p99");
    puts(&*store)?;
    journals(&store)?;
    cdrs(&store, 1)?;
    cdrs(&store, 100)?;
    list(&store)
}

fn puts(store: &dyn Store) -> Done {
    let value = [7; 200];
    let mut times = Vec::new();
    let begin = Instant::now();
    for number in 0..200_000_u64 {
        let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let one = Instant::now();
        store.put(&key, &value)?;
        times.push(one.elapsed());
    }
    store.flush()?;
    report("put, 200 bytes, 1 writer", begin.elapsed(), times);
    Ok(())
}

fn journals(store: &Arc<dyn Store>) -> Done {
    let journal = Journal::new(Arc::clone(store));
    let request = Json::from_text(
        r#"{"prompt":["menu/main"],"max":1,"timeout-ms":5000,"barge-in":true}"#.into(),
    )?;
    let reply = Json::from_text(r#"{"ok":{"digits":"3","ended":"max-digits"}}"#.into())?;
    let entries: Vec<_> = (0..10)
        .map(|seq| Entry::verb(seq, 1_234, "gather", request.clone(), reply.clone()))
        .collect();
    let mut times = Vec::new();
    let begin = Instant::now();
    for call in 0..20_000 {
        let one = Instant::now();
        journal.append(&format!("call-{:05}", call % 1_000), &entries)?;
        times.push(one.elapsed());
    }
    report(
        "journal append, 10 entries, 1 writer",
        begin.elapsed(),
        times,
    );
    Ok(())
}

fn cdrs(store: &Arc<dyn Store>, writers: u64) -> Done {
    let next = AtomicU64::new(0);
    let begin = Instant::now();
    let measured = thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|_| scope.spawn(|| write_cdrs(store, &next, begin)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Vec<_>>()
    });
    let mut times = Vec::new();
    for thread in measured {
        times.extend(thread.map_err(|_| "a writer panicked")??);
    }
    report(
        &format!("CDR on disk, {writers} writers"),
        begin.elapsed(),
        times,
    );
    Ok(())
}

fn write_cdrs(
    store: &Arc<dyn Store>,
    next: &AtomicU64,
    begin: Instant,
) -> Result<Vec<Duration>, vireo_store::StoreError> {
    let cdrs = Cdrs::new(Arc::clone(store));
    let mut times = Vec::new();
    while begin.elapsed() < Duration::from_secs(5) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let call = OpenCall {
            call_id: format!("01k9z3v4{:?}{number:012}", begin.elapsed().as_nanos() % 97),
            trunk: "carrier".into(),
            caller: "+96170123456".into(),
            called: "96122".into(),
            received_ms: 1_700_000_000_000 + number,
            ..OpenCall::default()
        };
        cdrs.open(&call)?;
        let mut cdr = Cdr::new(call, 1_700_000_060_000 + number, Outcome::Completed);
        cdr.media = Some(MediaStats::default());
        let one = Instant::now();
        cdrs.finish(cdr)?;
        times.push(one.elapsed());
    }
    Ok(times)
}

fn list(store: &Arc<dyn Store>) -> Done {
    let cdrs = Cdrs::new(Arc::clone(store));
    let all = Query {
        limit: usize::MAX,
        ..Query::default()
    };
    let begin = Instant::now();
    let count = cdrs.list(&all)?.len();
    println!("all {count} CDRs listed in {:?}", begin.elapsed());
    let begin = Instant::now();
    cdrs.list(&Query::default())?;
    println!("the newest 100 in {:?}", begin.elapsed());
    Ok(())
}

fn report(what: &str, whole: Duration, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    let rate = times.len() as f64 / whole.as_secs_f64();
    println!("{what:44} {rate:>12.0} {:>10.1?} {:>10.1?}", at(50), at(99));
}
