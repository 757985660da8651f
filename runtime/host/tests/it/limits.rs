//! Flows that misbehave, and what the operator is told.

use std::time::{Duration, Instant};

use vireo_host::{Limits, Outcome, Trap, TrapKind};

use crate::script::{Script, all_grants, host, run, run_limited};

async fn trap(script: Script, limits: Limits) -> Trap {
    let (outcome, ..) = run_limited(script, limits).await;
    match outcome {
        Outcome::Trapped(trap) => trap,
        other => panic!("{other:?}"),
    }
}

fn names(trap: &Trap) -> String {
    trap.backtrace
        .iter()
        .map(|frame| format!("{}\n", frame.function))
        .collect()
}

#[tokio::test]
async fn a_panic_shows_its_message_and_the_functions_it_went_through() {
    let trap = trap(Script::new("panic").times(7), Limits::default()).await;
    assert_eq!(trap.kind, TrapKind::Panic);
    assert!(
        trap.message
            .contains("index out of bounds: the len is 2 but the index is 7")
    );
    assert!(
        trap.message.contains("examples/probe.rs:"),
        "the place: {}",
        trap.message
    );
    let names = names(&trap);
    assert!(
        names.contains("probe::choose_a_menu\n"),
        "demangled, without a hash: {names}"
    );
    assert!(
        trap.to_string().contains("(in probe::choose_a_menu)"),
        "{trap}"
    );
}

#[tokio::test]
async fn an_abort_is_not_blamed_on_an_earlier_error() {
    for what in ["quiet-abort", "old-error"] {
        let trap = trap(Script::new(what), Limits::default()).await;
        assert_eq!(trap.kind, TrapKind::Panic, "{what}");
        assert_eq!(trap.message, "the flow aborted without a message", "{what}");
    }
}

#[tokio::test]
async fn a_loop_is_ended_by_its_cpu_time() {
    let limits = Limits {
        cpu_ms_between_calls: 100,
        ..Limits::default()
    };
    let (outcome, _, usage) = run_limited(Script::new("spin"), limits).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::CpuLimit);
    assert_eq!(
        trap.message,
        "it computed for more than 100 ms without calling the host"
    );
    assert!(names(&trap).contains("probe::spin\n"), "{}", names(&trap));
    assert!((100_000..500_000).contains(&usage.cpu_us), "{usage:?}");
}

#[tokio::test]
async fn cpu_time_is_counted_from_the_last_host_call() {
    // Each piece stays far below the limit, all of them together are above.
    let limits = Limits {
        cpu_ms_between_calls: 200,
        ..Limits::default()
    };
    let (outcome, _, usage) =
        run_limited(Script::new("spin-between-calls").times(60), limits).await;
    assert_eq!(outcome, Outcome::Completed);
    assert!(
        usage.cpu_us > 200_000,
        "too fast to prove anything: {usage:?}"
    );
}

#[tokio::test]
async fn memory_ends_with_the_limit() {
    let limits = Limits {
        memory_bytes: 4 << 20,
        ..Limits::default()
    };
    let (outcome, _, usage) = run_limited(Script::new("hog"), limits).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::OutOfMemory);
    assert!(
        trap.message.contains("the limit is 4194304"),
        "{}",
        trap.message
    );
    assert!(names(&trap).contains("probe::hog\n"), "{}", names(&trap));
    assert!(
        (3 << 20..=4 << 20).contains(&usage.memory_peak),
        "{usage:?}"
    );
}

#[tokio::test]
async fn the_pools_memory_is_a_limit_too() {
    let limits = Limits {
        memory_bytes: usize::MAX,
        ..Limits::default()
    };
    let trap = trap(Script::new("hog"), limits).await;
    assert_eq!(trap.kind, TrapKind::OutOfMemory, "{trap}");
}

#[tokio::test]
async fn memory_that_the_start_needs_is_limited() {
    let limits = Limits {
        memory_bytes: 64 << 10,
        ..Limits::default()
    };
    let trap = trap(Script::new("now"), limits).await;
    assert_eq!(trap.kind, TrapKind::OutOfMemory, "{trap}");
}

#[tokio::test]
async fn deep_recursion_ends() {
    let trap = trap(Script::new("recurse").times(u64::MAX), Limits::default()).await;
    assert_eq!(trap.kind, TrapKind::StackOverflow, "{trap}");
    assert!(
        names(&trap).contains("probe::recurse\n"),
        "{}",
        names(&trap)
    );
    let (outcome, ..) = run(Script::new("recurse").times(1_000)).await;
    assert_eq!(outcome, Outcome::Completed);
}

#[tokio::test]
async fn a_wild_pointer_hits_the_flow_alone() {
    let trap = trap(Script::new("wild"), Limits::default()).await;
    assert_eq!(trap.kind, TrapKind::Other);
    assert!(
        trap.message.contains("out of bounds memory access"),
        "{}",
        trap.message
    );
}

#[tokio::test]
async fn a_result_that_is_none_is_the_flows_mistake() {
    // `run` points at a result whose discriminant is 7: a broken language binding.
    let text = crate::inspection::run_with("").replace("i32.const 16", "i32.const 8");
    let text = text.replace(
        r#"(memory (export "memory") 1)"#,
        r#"(memory (export "memory") 1) (data (i32.const 8) "\07")"#,
    );
    let broken = host().compile(&wat::parse_str(text).unwrap()).unwrap();
    let (outcome, ..) = broken
        .run(Script::default(), all_grants(), Limits::default())
        .await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::Other, "{trap}");
}

#[tokio::test]
async fn a_loop_in_the_start_function_is_ended_too() {
    let text = crate::inspection::run_with(
        "(core module $s (func $f (loop (br 0))) (start $f)) (core instance (instantiate $s))",
    );
    let spins = host().compile(&wat::parse_str(text).unwrap()).unwrap();
    let limits = Limits {
        cpu_ms_between_calls: 50,
        ..Limits::default()
    };
    let (outcome, ..) = spins.run(Script::default(), all_grants(), limits).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::CpuLimit, "{trap}");
}

#[tokio::test]
async fn the_log_is_limited_in_bytes_and_lines() {
    let bytes = Limits {
        log_bytes: 100_000,
        ..Limits::default()
    };
    let (outcome, script, usage) = run_limited(Script::new("flood").times(u64::MAX), bytes).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (trap.kind, trap.message.as_str()),
        (TrapKind::LogLimit, "it wrote more than 100000 bytes of log")
    );
    assert_eq!(script.log_lines().len(), 100_000 / 4_096);
    assert!(usage.log_bytes > 100_000);

    let lines = Limits {
        log_lines: 50,
        ..Limits::default()
    };
    let (outcome, script, _) = run_limited(Script::new("lines").times(u64::MAX), lines).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::LogLimit);
    assert_eq!(script.log_lines().len(), 50);
}

#[tokio::test]
async fn host_calls_are_limited() {
    let limits = Limits {
        host_calls: 1_000,
        ..Limits::default()
    };
    let (outcome, script, usage) = run_limited(Script::new("now").times(u64::MAX), limits).await;
    let Outcome::Trapped(trap) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trap.kind, TrapKind::HostCallLimit);
    assert_eq!((script.requests().len(), usage.host_calls), (1_000, 1_001));
}

#[tokio::test]
async fn megabytes_in_one_call_are_not_copied() {
    let trap = trap(Script::new("giant").times(8), Limits::default()).await;
    assert_eq!(trap.kind, TrapKind::Other);
    assert!(trap.message.contains("fuel"), "{}", trap.message);
    let (outcome, ..) = run(Script::new("giant").times(1)).await;
    assert!(
        matches!(outcome, Outcome::Failed(_)),
        "one is refused in words: {outcome:?}"
    );
}

#[tokio::test]
async fn dropping_a_run_ends_it() {
    let before = Instant::now();
    let unlimited = Limits {
        cpu_ms_between_calls: u32::MAX,
        ..Limits::default()
    };
    let spin = run_limited(Script::new("spin"), unlimited);
    let ended = tokio::time::timeout(Duration::from_millis(50), spin).await;
    assert!(ended.is_err());
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "the loop yielded to the timer"
    );
}
