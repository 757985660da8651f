//! `vireo route test`

use super::args::RouteTest;
use super::client::{Client, with_query};
use super::error::CliError;
use super::output::{Output, Table};
use crate::admin::RouteExplanation;

pub(super) async fn test(
    test: &RouteTest,
    client: &Client,
    output: &Output,
) -> Result<(), CliError> {
    let query = with_query(
        "/v1/routes/test",
        &[
            ("to", Some(&test.to)),
            (
                "from",
                Some(test.from.as_str()).filter(|from| !from.is_empty()),
            ),
            ("trunk", test.trunk.as_deref()),
            ("at", test.at.as_deref()),
        ],
    );
    let explanation: RouteExplanation = client.get(&query).await?.parse()?;
    if output.is_json() {
        return output.json(&explanation);
    }
    show(&explanation, output);
    Ok(())
}

fn show(explanation: &RouteExplanation, output: &Output) {
    let caller = if explanation.caller.is_empty() {
        "a withheld number"
    } else {
        &explanation.caller
    };
    output.line(&format!(
        "{} from {caller} on trunk {}, {}",
        explanation.called, explanation.trunk, explanation.at
    ));
    let mut table = Table::new(&["ROUTE", "", "WHY"]);
    for step in &explanation.steps {
        let verdict = if step.matched { "matches" } else { "-" };
        table.row([step.route.clone(), verdict.to_owned(), step.why.clone()]);
    }
    output.table(&table, "there are no routes");
    let verdict = match (&explanation.flow, explanation.reject) {
        (Some(flow), _) => format!("flow {flow}"),
        (None, Some(status)) => format!("rejected with {status}"),
        (None, None) => "rejected with 404".to_owned(),
    };
    let route = explanation
        .route
        .as_deref()
        .map_or("no route matches", |route| route);
    let language = explanation
        .language
        .as_ref()
        .map(|language| format!(", language {language}"))
        .unwrap_or_default();
    output.line(&output.heading(&format!("{route}: {verdict}{language}")));
}
