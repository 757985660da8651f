//! Write an IVR flow for Vireo in Rust.
//!
//! A flow is a function that takes a [`Call`], reads from top to bottom and ends with the call.
//! Each verb is one blocking function of the server; when the caller hangs up, the verb that was
//! running returns [`Error::HungUp`] and `?` ends the flow.
//!
//! ```
//! use vireo_sdk::prelude::*;
//!
//! vireo_sdk::flow!(main_menu);
//!
//! fn main_menu(call: &Call) -> Result<()> {
//!     call.answer()?;
//!     call.play("welcome")?;
//!     match call.gather("menu").accept(["1", "2"]).collect()? {
//!         Digits(choice) if choice == "1" => call.play("opening-hours"),
//!         Digits(_) => call.play(["traffic", "goodbye"]),
//!         NoInput | NoMatch(_) => call.play("goodbye"),
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! # What a flow has, and has not
//!
//! A flow is a WebAssembly component in a sandbox of its own, one fresh instance for each call. It
//! has the call and the services that the operator granted it: [`kv`], [`settings`], [`clock`],
//! [`http`] and the log ([`info!`] and its siblings). It has no files, no sockets and no threads;
//! `std::time::Instant::now` panics, `println!` writes nowhere. Ask [`clock`] for time and random
//! numbers: the server writes every answer into the journal of the call, and that is what makes a
//! call replayable.
//!
//! A panic ends this one call: its text and place go to the log, the caller hears the server's
//! apology.
//!
//! # Building
//!
//! `scripts/build-flow.sh DIR` in Vireo's repository makes the component; the crate needs
//! `crate-type = ["cdylib"]`. On the host the crate compiles as well, so that a flow can have
//! ordinary unit tests: what does not talk to the server as it is, the flow itself by a caller of
//! [`testing`]. A verb called without one panics there.

#![deny(unsafe_code)]
#![deny(missing_docs)]

mod call;
pub mod clock;
mod error;
mod gather;
mod host;
pub mod http;
pub mod kv;
pub mod log;
mod prompt;
mod record;
pub mod say;
pub mod settings;
mod speech;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

/// What `wit-bindgen` makes of `sdk/wit`: the contract itself, without a layer above it.
///
/// The layer covers all of the contract; what is here is for those who write another layer.
#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod contract {
    wit_bindgen::generate!({
        path: "../wit",
        world: "flow",
        pub_export_macro: true,
        export_macro_name: "export_flow",
        default_bindings_module: "vireo_sdk::contract",
    });
}

pub use call::{Call, Event, Info, Play, PlayEnd, Refusal};
pub use error::{Error, Result};
pub use gather::{BargeIn, Gather, Gathered, TypeAhead};
pub use prompt::{Part, Prompt, Tone, beep, file, recording, silence, text, tone};
pub use record::{Message, Record, RecordEnd, RecordingId};
pub use speech::{Alternative, Answer, Recognition, Speech, SpokenGather, Unheard, UnheardReason};

/// All that a usual flow needs: `use vireo_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::gather::Gathered::{self, Digits, NoInput, NoMatch};
    pub use crate::{
        Answer, BargeIn, Call, Error, Event, Message, Prompt, RecordEnd, Refusal, Result, Speech,
        TypeAhead,
    };
    pub use crate::{beep, file, recording, silence, text, tone};
    pub use crate::{clock, http, kv, say, settings};
    pub use crate::{debug, error, info, warn};
}

/// Makes a function the flow of this component.
///
/// The function takes `&Call` and returns `Result<()>`. Returning ends the call, if it is still up;
/// an error other than [`Error::HungUp`] is a failure of the flow: the operator sees it, and the
/// caller hears the server's apology.
#[macro_export]
macro_rules! flow {
    ($main:path) => {
        const _: () = {
            struct Flow;

            impl $crate::contract::Guest for Flow {
                fn run() -> ::core::result::Result<(), $crate::contract::vireo::flow::types::Error>
                {
                    $crate::run($main)
                }
            }

            $crate::contract::export_flow! { Flow with_types_in $crate::contract }
        };
    };
}

/// What [`flow!`] calls.
#[doc(hidden)]
pub fn run(
    main: fn(&Call) -> Result<()>,
) -> core::result::Result<(), contract::vireo::flow::types::Error> {
    // The default hook writes to a standard error that does not exist here.
    std::panic::set_hook(Box::new(|panic| {
        log::write(log::Level::Error, &panic_line(panic))
    }));
    main(&Call::new()).map_err(Into::into)
}

/// A panic as one line of the log: `panicked at src/lib.rs:7:5: the menu has no entry`.
fn panic_line(panic: &std::panic::PanicHookInfo<'_>) -> String {
    let message = panic
        .payload_as_str()
        .unwrap_or("(a value that is no text)");
    match panic.location() {
        Some(place) => format!("panicked at {place}: {message}"),
        None => format!("panicked: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_panic_is_one_line_with_its_place() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            seen.lock().unwrap().push(super::panic_line(panic));
        }));
        let outcome = std::thread::spawn(|| panic!("entry {} is missing", 7)).join();
        std::panic::set_hook(before);

        assert!(outcome.is_err());
        let lines = lines.lock().unwrap();
        let own = lines
            .iter()
            .find(|line| line.ends_with(": entry 7 is missing"));
        assert!(
            own.is_some_and(|line| line.starts_with("panicked at src/lib.rs:")),
            "{lines:?}"
        );
    }
}
