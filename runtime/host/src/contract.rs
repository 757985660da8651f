//! The contract's types, generated from `sdk/wit`: the one vocabulary of flows, the host and the journal.

#[allow(missing_docs, clippy::all)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit",
        world: "vireo:flow/flow",
        imports: { default: async | trappable },
        exports: { default: async },
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    });
}

pub use bindings::vireo::flow::call::{Event, Info, Refusal};
pub use bindings::vireo::flow::clock::LocalTime;
pub use bindings::vireo::flow::log::Level;
pub use bindings::vireo::flow::media::{
    Alternative, Amount, BargeIn, Date, DateStyle, DigitCount, GatherOptions, GatherResult, Gender,
    Grammar, Hours, Message, Number, Ordinal, Part, Phrase, PlayEnd, PlayOptions, Recognition,
    RecordEnd, RecordOptions, SayAs, SpeechOptions, Time, Tone, TypeAhead, Unheard, UnheardReason,
};
pub use bindings::vireo::flow::types::Error;

pub(crate) use bindings::vireo::flow::{call, clock, http, kv, log, media, settings, types};
pub(crate) use bindings::{Flow, FlowPre};
