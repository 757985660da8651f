//! `vireo audit`

use clap::Args;

use super::client::{Client, with_query};
use super::error::CliError;
use super::output::{Output, Table};
use crate::admin::{AuditEntry, Operator};

/// Arguments of `vireo audit`.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    /// Since then: "2026-11-22T20:00", "2026-11-22", or how long ago: "15m", "2h", "3d".
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// At most so many.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50)]
    pub limit: usize,
}

pub(super) async fn run(
    args: &AuditArgs,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    let limit = args.limit.to_string();
    let at = with_query(
        "/v1/audit",
        &[("since", args.since.as_deref()), ("limit", Some(&limit))],
    );
    let entries: Vec<AuditEntry> = client.get(&at).await?.parse()?;
    if output.is_json() {
        return output.json(&entries);
    }
    let mut table = Table::new(&[">NUMBER", "WHEN", "WHO", "WHAT", "TO", "DETAIL"]);
    for entry in entries {
        table.row([
            entry.number.to_string(),
            output.moment(entry.at_ms),
            name(&entry.who),
            entry.act,
            entry.subject,
            entry.detail,
        ]);
    }
    output.table(&table, "nothing was done");
    Ok(())
}

/// A name that is only claimed has a question mark.
pub(super) fn name(who: &Operator) -> String {
    match who.claimed {
        true => format!("{}?", who.name),
        false => who.name.clone(),
    }
}
