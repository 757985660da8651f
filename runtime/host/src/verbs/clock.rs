//! `vireo:flow/clock`.

use super::{check, checked, takes};
use crate::contract::{LocalTime, clock};
use crate::request::{Reply, Request};
use crate::state::{Imported, State};

impl clock::Host for State {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        self.count()?;
        self.ask_surely(Request::Now, takes!(Reply::Millis(millis) => millis))
            .await
    }

    async fn local(&mut self, zone: Option<String>) -> Imported<LocalTime> {
        self.count()?;
        checked!(check::zone(zone.as_deref()));
        self.ask(
            Request::LocalTime { zone },
            takes!(Reply::Local(time) => time),
        )
        .await
    }

    async fn random(&mut self) -> wasmtime::Result<u64> {
        self.count()?;
        self.ask_surely(Request::Random, takes!(Reply::Number(number) => number))
            .await
    }
}
