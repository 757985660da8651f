//! `vireo:flow/call`.

use super::{check, checked, takes};
use crate::contract::{Event, Info, Refusal, call};
use crate::request::{Reply, Request};
use crate::state::{Imported, State};

/// A day: longer waits are a mistake of units.
const LONGEST_WAIT_MS: u32 = 86_400_000;

impl call::Host for State {
    async fn get_info(&mut self) -> wasmtime::Result<Info> {
        self.count()?;
        self.ask_surely(Request::GetInfo, takes!(Reply::Info(info) => info))
            .await
    }

    async fn header(&mut self, name: String) -> wasmtime::Result<Vec<String>> {
        self.count()?;
        if check::is_hidden_header(&name) || check::header_name(&name).is_err() {
            // The contract has no error here.
            return Ok(Vec::new());
        }
        self.ask_surely(
            Request::Header { name },
            takes!(Reply::Values(values) => values),
        )
        .await
    }

    async fn ring(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::Ring, takes!(Reply::Done => ())).await
    }

    async fn early_media(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::EarlyMedia, takes!(Reply::Done => ()))
            .await
    }

    async fn answer(&mut self) -> Imported<()> {
        self.count()?;
        self.ask(Request::Answer, takes!(Reply::Done => ())).await
    }

    async fn reject(&mut self, why: Refusal) -> Imported<()> {
        self.count()?;
        self.ask(Request::Reject { why }, takes!(Reply::Done => ()))
            .await
    }

    async fn hangup(&mut self) -> wasmtime::Result<()> {
        self.count()?;
        self.ask_surely(Request::Hangup, takes!(Reply::Done => ()))
            .await
    }

    async fn wait(&mut self, timeout_ms: u32) -> Imported<Event> {
        self.count()?;
        checked!(check::range("timeout-ms", timeout_ms, 0, LONGEST_WAIT_MS));
        self.ask(
            Request::Wait { timeout_ms },
            takes!(Reply::Event(event) => event),
        )
        .await
    }
}
