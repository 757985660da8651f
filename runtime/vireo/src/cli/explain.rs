//! `vireo explain`

use serde_json::json;

use super::error::CliError;
use super::output::{Output, Table};
use crate::explain::Code;

pub(super) fn run(code: Option<&str>, output: &Output) -> Result<(), CliError> {
    let Some(code) = code else {
        return list(output);
    };
    let code: Code = code.parse()?;
    if output.is_json() {
        return output
            .json(&json!({ "code": code.name(), "title": code.title(), "page": code.page() }));
    }
    output.raw(code.page());
    Ok(())
}

fn list(output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        let all: Vec<_> = Code::ALL
            .iter()
            .map(|code| json!({ "code": code.name(), "title": code.title() }))
            .collect();
        return output.json(&all);
    }
    let mut table = Table::new(&["CODE", "WHAT"]);
    for code in Code::ALL {
        table.row([code.name().to_owned(), code.title().to_owned()]);
    }
    output.table(&table, "");
    Ok(())
}
