//! Real processes, by counts and orders.

use std::time::{Duration, Instant};

use vireo_worker::{ExchangeError, Limits, Piece, Pool, WorkerConfig};

/// Longer than anything takes here.
const TIME: Duration = Duration::from_secs(60);

fn config() -> WorkerConfig {
    WorkerConfig {
        name: "probe".to_owned(),
        program: env!("CARGO_BIN_EXE_vireo-worker-probe").into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        processes: 1,
        limits: Limits {
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(1),
            ..Limits::default()
        },
    }
}

async fn asked(pool: &Pool, body: &str) -> Result<Vec<u8>, ExchangeError> {
    let mut exchange = pool.ask(body.into(), TIME)?;
    let mut all = Vec::new();
    loop {
        match exchange.next().await? {
            Piece::Part(part) => all.extend(part),
            Piece::End(last) => {
                all.extend(last);
                return Ok(all);
            }
        }
    }
}

#[tokio::test]
async fn questions_are_answered_in_order_and_in_pieces() {
    let pool = Pool::start(config());
    assert_eq!(asked(&pool, "echo hello").await.unwrap(), b"hello");
    assert_eq!(asked(&pool, "parts 3").await.unwrap(), [0, 1, 2]);
    let refused = asked(&pool, "refuse no voice xx").await.unwrap_err();
    assert_eq!(refused.to_string(), "worker probe: no voice xx");
    let counters = pool.counters();
    assert_eq!(
        (counters.started, counters.answered, counters.refused),
        (1, 2, 1)
    );
    assert_eq!(pool.open(), 0);
}

#[tokio::test]
async fn input_is_sent_while_the_question_is_open() {
    let pool = Pool::start(config());
    let mut exchange = pool.ask(b"collect".to_vec(), TIME).unwrap();
    for piece in ["a", "b", "c"] {
        exchange.input(piece.into()).unwrap();
    }
    exchange.finish();
    assert_eq!(exchange.next().await.unwrap(), Piece::End(b"abc".to_vec()));
}

#[tokio::test]
async fn a_crash_is_reported_and_the_next_question_is_answered() {
    let pool = Pool::start(config());
    for (question, how) in [
        ("abort", "it was ended by signal 6"),
        ("exit 3", "it ended with code 3"),
    ] {
        let died = asked(&pool, question).await.unwrap_err();
        assert_eq!(died.to_string(), format!("worker probe died: {how}"));
        assert_eq!(asked(&pool, "echo alive").await.unwrap(), b"alive");
    }
    assert_eq!(pool.counters().started, 3);
    assert_eq!(pool.counters().lost, 2);
}

#[tokio::test]
async fn a_crash_does_not_touch_the_other_process() {
    let pool = Pool::start(WorkerConfig {
        processes: 2,
        ..config()
    });
    let mut sleeping = pool.ask(b"sleep".to_vec(), TIME).unwrap();
    assert_eq!(
        sleeping.next().await.unwrap(),
        Piece::Part(b"asleep".to_vec())
    );
    assert!(asked(&pool, "abort").await.is_err());
    assert_eq!(asked(&pool, "echo alive").await.unwrap(), b"alive");
    assert_eq!(pool.open(), 1);
    drop(sleeping);
    assert_eq!(pool.open(), 0);
}

#[tokio::test]
async fn what_is_dropped_is_cancelled() {
    let pool = Pool::start(config());
    let mut sleeping = pool.ask(b"sleep".to_vec(), TIME).unwrap();
    assert_eq!(
        sleeping.next().await.unwrap(),
        Piece::Part(b"asleep".to_vec())
    );
    drop(sleeping);
    // It waits for its turn behind the cancelled one.
    assert_eq!(asked(&pool, "echo next").await.unwrap(), b"next");
    let counters = pool.counters();
    assert_eq!((counters.cancelled, counters.started), (1, 1));
}

#[tokio::test]
async fn what_hangs_is_killed_and_what_waited_is_answered() {
    let pool = Pool::start(WorkerConfig {
        limits: Limits {
            grace: Duration::from_millis(10),
            ..config().limits
        },
        ..config()
    });
    // It must have the question in its hands, not wait for its start.
    assert_eq!(asked(&pool, "echo ready").await.unwrap(), b"ready");
    let mut stuck = pool
        .ask(b"stuck".to_vec(), Duration::from_millis(10))
        .unwrap();
    let late = stuck.next().await.unwrap_err();
    assert_eq!(late.to_string(), "worker probe did not answer in time");
    assert_eq!(asked(&pool, "echo next").await.unwrap(), b"next");
    let counters = pool.counters();
    assert_eq!(
        (counters.timed_out, counters.died, counters.started),
        (1, 1, 2)
    );
}

#[tokio::test]
async fn what_is_no_frame_ends_the_worker() {
    let pool = Pool::start(config());
    let died = asked(&pool, "garbage").await.unwrap_err();
    assert_eq!(
        died.to_string(),
        "worker probe died: it was killed, because it sent a frame of 4294967295 bytes; at most 1048585 are allowed"
    );
    assert_eq!(asked(&pool, "echo next").await.unwrap(), b"next");
}

#[tokio::test]
async fn a_worker_that_cannot_start_says_why() {
    let missing = Pool::start(WorkerConfig {
        program: "/does/not/exist".into(),
        ..config()
    });
    let down = asked(&missing, "echo").await.unwrap_err();
    assert_eq!(
        down.to_string(),
        "worker probe is down: it could not be started: No such file or directory (os error 2)"
    );
    let ending = Pool::start(WorkerConfig {
        environment: vec![("PROBE_EXIT".into(), "4".into())],
        ..config()
    });
    let down = asked(&ending, "echo").await.unwrap_err();
    assert_eq!(
        down.to_string(),
        "worker probe is down: it ended with code 4"
    );
    assert_eq!(ending.counters().started, 3);
}

#[tokio::test]
async fn another_program_is_not_taken_for_the_worker() {
    let pool = Pool::start(WorkerConfig {
        environment: vec![("PROBE_NAME".into(), "other".into())],
        ..config()
    });
    let down = asked(&pool, "echo").await.unwrap_err();
    assert!(down.to_string().contains("vireo-worker 1 other"), "{down}");
}

#[tokio::test]
async fn workers_run_at_normal_priority() {
    let pool = Pool::start(config());
    // SCHED_OTHER is 0.
    assert_eq!(asked(&pool, "policy").await.unwrap(), b"0");
}

#[tokio::test]
async fn a_question_larger_than_a_frame_is_refused() {
    let pool = Pool::start(config());
    let large = pool.ask(vec![0; vireo_worker::LARGEST_BODY + 1], TIME);
    assert!(matches!(large, Err(ExchangeError::Oversized { .. })));
}

#[test]
fn a_worker_that_stands_still_ends_with_its_server() {
    let server = tokio::runtime::Runtime::new().unwrap();
    let pool = server.block_on(async { Pool::start(config()) });
    let pid = server.block_on(asked(&pool, "pid")).unwrap();
    let pid: i32 = String::from_utf8(pid).unwrap().parse().unwrap();
    // SAFETY: our own child, which nobody but this test reaps from now on.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
    drop(server);
    let deadline = Instant::now() + TIME;
    let mut status = 0;
    // SAFETY: as above; the status outlives the call.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        assert!(Instant::now() < deadline, "it is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL);
}
