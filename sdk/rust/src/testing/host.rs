//! The functions of the contract, answered by the caller of the test that runs in this thread.

use std::cell::RefCell;

use super::state::State;

/// More than any flow asks for; the server's own limit is the same unless it is configured.
const MOST_CALLS: u32 = 100_000;

struct Current {
    state: State,
    calls: u32,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Takes the call away again, also when the flow panics.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Runs a flow with this state as its server.
pub(super) fn run<T>(state: State, flow: impl FnOnce() -> T) -> (T, State) {
    let before = CURRENT.replace(Some(Current { state, calls: 0 }));
    let installed = Installed;
    assert!(
        before.is_none(),
        "a flow cannot be called from within a call"
    );
    let result = flow();
    let state = CURRENT.take().map(|current| current.state);
    drop(installed);
    (result, state.unwrap_or_default())
}

/// Performs a function of the contract.
fn perform<T>(verb: impl FnOnce(&mut State) -> T) -> T {
    CURRENT.with_borrow_mut(|current| {
        let Some(current) = current else {
            panic!("there is no call here: in a test, `vireo_sdk::testing::Caller` calls the flow");
        };
        current.calls += 1;
        assert!(
            current.calls <= MOST_CALLS,
            "the flow has called {MOST_CALLS} functions of the server and is not at its end"
        );
        verb(&mut current.state)
    })
}

/// A module of the contract: its types as they are, its functions answered by the state.
macro_rules! interface {
    ($module:ident: $($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $method:ident;)+) => {
        pub(crate) mod $module {
            #[allow(unused_imports, reason = "not every interface has types and errors")]
            pub use crate::contract::vireo::flow::{$module::*, types::Error};

            $(pub fn $name($($argument: $type),*) $(-> $result)? {
                super::perform(|state| state.$method($($argument),*))
            })+
        }
    };
}

interface! { call:
    get_info() -> Info = info;
    header(name: &str) -> Vec<String> = header;
    ring() -> Result<(), Error> = ring;
    early_media() -> Result<(), Error> = early_media;
    answer() -> Result<(), Error> = answer;
    reject(why: Refusal) -> Result<(), Error> = reject;
    hangup() = hangup;
    wait(timeout_ms: u32) -> Result<Event, Error> = wait;
}

interface! { media:
    play(prompt: &[Part], options: &PlayOptions) -> Result<PlayEnd, Error> = play;
    gather(options: &GatherOptions) -> Result<GatherResult, Error> = gather;
    record(options: &RecordOptions) -> Result<Message, Error> = record;
    start_playing(prompt: &[Part], language: Option<&str>, repeat: bool) -> Result<(), Error> = start_playing;
    stop_playing() -> Result<(), Error> = stop_playing;
    flush_digits() -> Result<(), Error> = flush_digits;
    send_digits(digits: &str) -> Result<(), Error> = send_digits;
    start_recording() -> Result<String, Error> = start_recording;
    pause_recording() -> Result<(), Error> = pause_recording;
    resume_recording() -> Result<(), Error> = resume_recording;
    stop_recording() -> Result<(), Error> = stop_recording;
    discard_recording(id: &str) -> Result<(), Error> = discard_recording;
}

interface! { kv:
    get(key: &str) -> Result<Option<Vec<u8>>, Error> = kv_get;
    set(key: &str, value: &[u8]) -> Result<(), Error> = kv_set;
    delete(key: &str) -> Result<(), Error> = kv_delete;
    increment(key: &str, by: i64) -> Result<i64, Error> = kv_increment;
    compare_and_swap(key: &str, expected: Option<&[u8]>, new: Option<&[u8]>) -> Result<bool, Error> = kv_swap;
    list_keys(prefix: &str, limit: u32) -> Result<Vec<String>, Error> = kv_keys;
}

interface! { settings:
    get(key: &str) -> Option<String> = setting;
    secret(name: &str) -> Result<String, Error> = secret;
}

interface! { log:
    write(level: Level, message: &str) = log;
}

interface! { clock:
    now() -> u64 = now_ms;
    local(zone: Option<&str>) -> Result<LocalTime, Error> = local;
    random() -> u64 = random;
}

interface! { http:
    send(request: &Request) -> Result<Response, Error> = send;
}
