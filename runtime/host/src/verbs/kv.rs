//! `vireo:flow/kv`.

use super::{check, checked, takes};
use crate::bytes::Bytes;
use crate::contract::kv;
use crate::request::{Reply, Request};
use crate::state::{Imported, State};

impl kv::Host for State {
    async fn get(&mut self, key: String) -> Imported<Option<Vec<u8>>> {
        self.count()?;
        checked!(self.grants.check_kv());
        checked!(check::key(&key));
        let taken = takes!(Reply::Bytes(value) => value.map(Vec::from));
        self.ask(Request::KvGet { key }, taken).await
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Imported<()> {
        self.count()?;
        checked!(self.grants.check_kv());
        checked!(check::key(&key));
        checked!(check::value("value", Some(&value)));
        self.ask(
            Request::KvSet {
                key,
                value: Bytes(value),
            },
            takes!(Reply::Done => ()),
        )
        .await
    }

    async fn delete(&mut self, key: String) -> Imported<()> {
        self.count()?;
        checked!(self.grants.check_kv());
        checked!(check::key(&key));
        self.ask(Request::KvDelete { key }, takes!(Reply::Done => ()))
            .await
    }

    async fn increment(&mut self, key: String, by: i64) -> Imported<i64> {
        self.count()?;
        checked!(self.grants.check_kv());
        checked!(check::key(&key));
        self.ask(
            Request::KvIncrement { key, by },
            takes!(Reply::Count(count) => count),
        )
        .await
    }

    async fn compare_and_swap(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) -> Imported<bool> {
        self.count()?;
        checked!(self.grants.check_kv());
        checked!(check::key(&key));
        checked!(check::value("expected", expected.as_deref()));
        checked!(check::value("new", new.as_deref()));
        let request = Request::KvCompareAndSwap {
            key,
            expected: expected.map(Bytes),
            new: new.map(Bytes),
        };
        self.ask(request, takes!(Reply::Swapped(swapped) => swapped))
            .await
    }

    async fn list_keys(&mut self, prefix: String, limit: u32) -> Imported<Vec<String>> {
        self.count()?;
        checked!(self.grants.check_kv());
        checked!(check::key_prefix(&prefix));
        checked!(check::range("limit", limit, 1, 1_000));
        self.ask(
            Request::KvListKeys { prefix, limit },
            takes!(Reply::Keys(keys) => keys),
        )
        .await
    }
}
