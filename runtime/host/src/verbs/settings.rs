//! `vireo:flow/settings`.

use super::{check, checked, takes};
use crate::contract::settings;
use crate::request::{Reply, Request};
use crate::state::{Imported, State};

impl settings::Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.count()?;
        if check::setting(&key).is_err() {
            // No setting has such a name, and the contract has no error here.
            return Ok(None);
        }
        self.ask_surely(
            Request::SettingsGet { key },
            takes!(Reply::Text(value) => value),
        )
        .await
    }

    async fn secret(&mut self, name: String) -> Imported<String> {
        self.count()?;
        checked!(self.grants.check_secret(&name));
        let request = Request::Secret { name: name.clone() };
        checked!(self.ask(request, takes!(Reply::Done => ())).await?);
        let secret = checked!(self.reveal(&name));
        let value = secret.expose().to_owned();
        self.secrets.add(&name, secret);
        Ok(Ok(value))
    }
}
