//! `vireo kv ...`

use std::io::Read;

use clap::Subcommand;
use hyper::body::Bytes;

use super::client::{Client, ClientError, path, with_query};
use super::error::CliError;
use super::output::{Output, Table};
use crate::admin::{KeyPage, KeyValue, ValueKind};
use crate::explain::Code;

/// `vireo kv ...`: a namespace is the name of a flow, or what its grant `kv` names.
#[derive(Debug, Subcommand)]
pub enum KvCommand {
    /// Lists keys with their values, in byte order.
    List {
        /// The name of the flow, or the namespace that its grant `kv` names.
        namespace: String,
        /// Keys that begin so.
        #[arg(default_value = "")]
        prefix: String,
        /// At most so many.
        #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 100)]
        limit: usize,
    },
    /// Prints the value of a key.
    Get {
        /// The name of the flow, or the namespace that its grant `kv` names.
        namespace: String,
        /// The key.
        key: String,
    },
    /// Sets a key, as a flow would.
    Set {
        /// The name of the flow, or the namespace that its grant `kv` names.
        namespace: String,
        /// The key.
        key: String,
        /// The value; "-" reads it from standard input.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Deletes a key.
    Delete {
        /// The name of the flow, or the namespace that its grant `kv` names.
        namespace: String,
        /// The key.
        key: String,
    },
}

/// Keys in a page at the most.
const PAGE: usize = 1000;

/// A value in a table is cut to so many characters.
const SHOWN: usize = 60;

pub(super) async fn run(
    command: &KvCommand,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    match command {
        KvCommand::List {
            namespace,
            prefix,
            limit,
        } => list(
            &all(client, namespace, prefix, None, *limit).await?,
            namespace,
            output,
        ),
        KvCommand::Get { namespace, key } => {
            let found: KeyValue = client.get(&place(namespace, key)).await?.parse()?;
            match output.is_json() {
                true => output.json(&found),
                false => {
                    output.line(&found.value);
                    Ok(())
                }
            }
        }
        KvCommand::Set {
            namespace,
            key,
            value,
        } => {
            let value = match value.as_str() {
                "-" => standard_input()?,
                value => Bytes::copy_from_slice(value.as_bytes()),
            };
            let set: KeyValue = client.put(&place(namespace, key), value).await?.parse()?;
            match output.is_json() {
                true => output.json(&set),
                false => {
                    output.line(&format!("{key} is set in {namespace}"));
                    Ok(())
                }
            }
        }
        KvCommand::Delete { namespace, key } => {
            client.delete(&place(namespace, key)).await?;
            if !output.is_json() {
                output.line(&format!("{key} is deleted from {namespace}"));
            }
            Ok(())
        }
    }
}

fn place(namespace: &str, key: &str) -> String {
    path(&path("/v1/kv/", namespace, "/"), key, "")
}

fn standard_input() -> Result<Bytes, CliError> {
    let mut value = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut value)
        .map_err(|error| {
            let why = format!("cannot read standard input: {error}");
            CliError::new(Code::FileUnusable, why)
        })?;
    Ok(value.into())
}

/// Keys that begin so, behind `after`, at most `limit`, in as many requests as it takes.
pub(super) async fn all(
    client: &Client,
    namespace: &str,
    prefix: &str,
    after: Option<String>,
    limit: usize,
) -> Result<Vec<KeyValue>, ClientError> {
    let mut keys: Vec<KeyValue> = Vec::new();
    let mut next = after;
    while keys.len() < limit {
        let few = (limit - keys.len()).min(PAGE).to_string();
        let at = with_query(
            &path("/v1/kv/", namespace, ""),
            &[
                ("prefix", Some(prefix)),
                ("after", next.as_deref()),
                ("limit", Some(&few)),
            ],
        );
        let page: KeyPage = client.get(&at).await?.parse()?;
        keys.extend(page.keys);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(keys)
}

fn list(keys: &[KeyValue], namespace: &str, output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(keys);
    }
    let mut table = Table::new(&["KEY", "KIND", "VALUE"]);
    for key in keys {
        let kind = match key.kind {
            ValueKind::Text => "text",
            ValueKind::Counter => "counter",
            ValueKind::Hex => "hex",
        };
        let mut value: String = key.value.chars().take(SHOWN).collect();
        if value.len() < key.value.len() {
            value.push('…');
        }
        table.row([key.key.clone(), kind.to_owned(), value]);
    }
    output.table(&table, &format!("no flow has such keys in {namespace}"));
    Ok(())
}
