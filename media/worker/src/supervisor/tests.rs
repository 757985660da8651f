use super::*;

const WORKER: &str = "probe";

struct Bench {
    supervisor: Supervisor,
    now: Instant,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let mut bench = Bench {
            supervisor: Supervisor::new(WORKER, limits),
            now,
        };
        bench.wake();
        bench
    }

    /// A question that nobody waits for has it started.
    fn wake(&mut self) {
        self.open(0, 1);
        assert_eq!(self.actions(), [Action::Start]);
        self.supervisor.cancel(self.now, 0);
        self.supervisor.started(self.now);
    }

    fn ready(limits: Limits) -> Self {
        let mut bench = Bench::new(limits);
        bench.says(Kind::Hello, 0, &greeting(WORKER));
        bench
    }

    fn says(&mut self, kind: Kind, id: u64, body: &[u8]) {
        self.supervisor.frame(self.now, Frame::new(kind, id, body));
    }

    fn open(&mut self, id: u64, seconds: u64) {
        let deadline = self.now + Duration::from_secs(seconds);
        self.supervisor.open(id, b"question".to_vec(), deadline);
    }

    fn later(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.supervisor.expire(self.now);
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.supervisor.action()).collect()
    }
}

fn sent(kind: Kind, id: u64, body: &[u8]) -> Action {
    Action::Send(Frame::new(kind, id, body))
}

fn failed(id: u64, error: ExchangeError) -> Action {
    Action::Deliver(id, Event::Failed(error))
}

fn worker() -> String {
    WORKER.to_owned()
}

#[test]
fn questions_wait_for_the_greeting_and_for_their_turn() {
    let mut bench = Bench::new(Limits::default());
    bench.open(1, 10);
    bench.supervisor.input(Kind::Input, 1, b"more".to_vec());
    bench.open(2, 10);
    assert_eq!(bench.actions(), []);
    bench.says(Kind::Hello, 0, &greeting(WORKER));
    assert_eq!(
        bench.actions(),
        [
            sent(Kind::Open, 1, b"question"),
            sent(Kind::Input, 1, b"more")
        ]
    );
    bench.says(Kind::Part, 1, b"a");
    bench.says(Kind::End, 1, b"b");
    assert_eq!(
        bench.actions(),
        [
            Action::Deliver(1, Event::Part(b"a".to_vec())),
            Action::Deliver(1, Event::End(b"b".to_vec())),
            sent(Kind::Open, 2, b"question"),
        ]
    );
    assert_eq!(bench.supervisor.counters().answered, 1);
}

#[test]
fn past_the_limit_it_is_busy() {
    let mut bench = Bench::ready(Limits {
        waiting: 1,
        ..Limits::default()
    });
    bench.open(1, 10);
    bench.open(2, 10);
    bench.actions();
    bench.open(3, 10);
    let busy = ExchangeError::Busy {
        worker: worker(),
        waiting: 1,
    };
    assert_eq!(bench.actions(), [failed(3, busy)]);
    assert_eq!(bench.supervisor.counters().busy, 1);
}

#[test]
fn a_crash_costs_what_was_in_its_hands_and_nothing_else() {
    let mut bench = Bench::ready(Limits::default());
    bench.open(1, 10);
    bench.open(2, 10);
    bench.actions();
    bench.supervisor.ended(bench.now, "signal 11".to_owned());
    let died = ExchangeError::Died {
        worker: worker(),
        how: "signal 11".to_owned(),
    };
    assert_eq!(bench.actions(), [failed(1, died)]);
    bench.later(99);
    assert_eq!(bench.actions(), []);
    bench.later(1);
    assert_eq!(bench.actions(), [Action::Start]);
    bench.supervisor.started(bench.now);
    bench.says(Kind::Hello, 0, &greeting(WORKER));
    assert_eq!(bench.actions(), [sent(Kind::Open, 2, b"question")]);
}

#[test]
fn pauses_double_and_a_long_life_ends_that() {
    let mut bench = Bench::new(Limits::default());
    let mut pauses = Vec::new();
    for _ in 0..11 {
        bench.supervisor.ended(bench.now, "code 1".to_owned());
        let until = bench.supervisor.deadline().unwrap();
        pauses.push(until.duration_since(bench.now).as_millis());
        bench.now = until;
        bench.later(0);
        assert_eq!(bench.actions(), [], "nobody asks");
        bench.wake();
    }
    assert_eq!(
        pauses,
        [
            100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000
        ]
    );
    bench.says(Kind::Hello, 0, &greeting(WORKER));
    bench.later(60_000);
    bench.supervisor.ended(bench.now, "code 1".to_owned());
    let until = bench.supervisor.deadline().unwrap();
    assert_eq!(until.duration_since(bench.now).as_millis(), 100);
}

#[test]
fn a_worker_that_stays_down_is_not_waited_for_and_is_tried_after_its_pause() {
    let mut bench = Bench::new(Limits::default());
    bench.open(1, 1_000);
    for _ in 0..2 {
        bench.supervisor.ended(bench.now, "code 1".to_owned());
        bench.later(1_000);
        assert_eq!(bench.actions(), [Action::Start]);
        bench.supervisor.started(bench.now);
    }
    bench.supervisor.ended(bench.now, "code 7".to_owned());
    let down = ExchangeError::Down {
        worker: worker(),
        how: "code 7".to_owned(),
    };
    assert_eq!(bench.actions(), [failed(1, down.clone())]);
    bench.open(2, 1_000);
    assert_eq!(bench.actions(), [failed(2, down)]);
    bench.later(400);
    bench.open(3, 1_000);
    assert_eq!(bench.actions(), [Action::Start]);
}

#[test]
fn a_late_answer_is_not_waited_for_and_a_stuck_worker_is_killed() {
    let mut bench = Bench::ready(Limits::default());
    bench.open(1, 2);
    bench.open(2, 60);
    bench.actions();
    bench.later(2_000);
    let late = ExchangeError::TimedOut { worker: worker() };
    assert_eq!(
        bench.actions(),
        [sent(Kind::Cancel, 1, b""), failed(1, late)]
    );
    bench.says(Kind::Part, 1, b"nobody wants it");
    bench.later(4_999);
    assert_eq!(bench.actions(), []);
    bench.later(1);
    assert_eq!(bench.actions(), [Action::Kill]);
    bench.supervisor.ended(bench.now, "signal 9".to_owned());
    assert!(bench.supervisor.reason().contains("cancelled request"));
    assert_eq!(bench.supervisor.counters().timed_out, 1);
}

#[test]
fn a_cancelled_question_that_waits_is_never_asked() {
    let mut bench = Bench::ready(Limits::default());
    bench.open(1, 10);
    bench.open(2, 10);
    bench.actions();
    bench.supervisor.cancel(bench.now, 2);
    bench.supervisor.cancel(bench.now, 1);
    assert_eq!(bench.actions(), [sent(Kind::Cancel, 1, b"")]);
    bench.open(3, 10);
    bench.says(Kind::Failed, 1, b"cancelled");
    assert_eq!(bench.actions(), [sent(Kind::Open, 3, b"question")]);
    assert_eq!(
        bench.supervisor.counters().cancelled,
        3,
        "with the one that woke it"
    );
}

#[test]
fn another_worker_than_expected_is_refused() {
    let mut bench = Bench::new(Limits::default());
    bench.says(Kind::Hello, 0, b"vireo-worker 2 probe");
    assert_eq!(bench.actions(), [Action::Kill]);
    assert!(bench.supervisor.reason().contains("vireo-worker 2 probe"));
}

#[test]
fn a_worker_that_does_not_greet_is_killed() {
    let mut bench = Bench::new(Limits::default());
    bench.later(10_000);
    assert_eq!(bench.actions(), [Action::Kill]);
}

#[test]
fn an_answer_to_no_question_ends_the_worker() {
    let mut bench = Bench::ready(Limits::default());
    bench.says(Kind::Part, 9, b"what?");
    assert_eq!(bench.actions(), [Action::Kill]);
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let mut bench = Bench::ready(Limits {
        largest_answer: 10,
        ..Limits::default()
    });
    bench.open(1, 10);
    bench.actions();
    bench.says(Kind::Part, 1, b"12345");
    bench.says(Kind::Part, 1, b"678901");
    let large = ExchangeError::TooLarge {
        worker: worker(),
        allowed: 10,
    };
    assert_eq!(
        bench.actions(),
        [
            Action::Deliver(1, Event::Part(b"12345".to_vec())),
            sent(Kind::Cancel, 1, b""),
            failed(1, large),
        ]
    );
}

#[test]
fn stopping_fails_all_and_kills() {
    let mut bench = Bench::ready(Limits::default());
    bench.open(1, 10);
    bench.open(2, 10);
    bench.actions();
    bench.supervisor.stop();
    let stopped = ExchangeError::Stopped { worker: worker() };
    assert_eq!(
        bench.actions(),
        [failed(1, stopped.clone()), failed(2, stopped), Action::Kill]
    );
}
