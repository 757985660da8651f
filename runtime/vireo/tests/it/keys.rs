//! Keys and results of flows, over the admin API and by the command line.

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::cli::ask;
use crate::fake::Server;

/// Answers of a survey, as `flows/library` writes them.
fn record(call: &str, at: u64, complete: bool, answers: &str) -> String {
    format!(
        r#"{{"call":"{call}","caller":"1000","called":"96123","at":{at},"language":"en","complete":{complete},"answers":{answers}}}"#
    )
}

/// Some keys of the flow `survey`.
async fn server() -> Server {
    let server = Server::tcp().await;
    let keys = server.fake.kv.namespace("survey").unwrap();
    keys.increment("calls", 41).unwrap();
    keys.set("picture", b"\xff\0").unwrap();
    for (key, value) in [
        (
            "results/service/1700000000000-a",
            record(
                "a",
                1_700_000_000_000,
                true,
                r#"{"rating":5,"way":"friends"}"#,
            ),
        ),
        (
            "results/service/1700000060000-b",
            record("b", 1_700_000_060_000, false, r#"{"rating":2}"#),
        ),
    ] {
        keys.set(key, value.as_bytes()).unwrap();
    }
    server
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let server = server().await;
    let first = server
        .ask(Method::GET, "/v1/kv/survey?limit=2", "")
        .await
        .json();
    assert_eq!(
        first,
        json!({
            "keys": [
                { "key": "calls", "kind": "counter", "value": "41" },
                { "key": "picture", "kind": "hex", "value": "ff00" },
            ],
            "next": "picture",
        })
    );
    let rest = server
        .ask(Method::GET, "/v1/kv/survey?limit=2&after=picture", "")
        .await
        .json();
    assert_eq!(rest["keys"].as_array().unwrap().len(), 2);
    assert_eq!(
        rest["next"],
        json!(null),
        "a full page, and nothing behind it"
    );
    let none = server.ask(Method::GET, "/v1/kv/other", "").await;
    assert_eq!(none.json(), json!({ "keys": [] }));
    for query in ["limit=0", "limit=1001", "limit=x", "size=1"] {
        let path = format!("/v1/kv/survey?{query}");
        server
            .ask(Method::GET, &path, "")
            .await
            .is_problem(422, "VR0104");
    }
    server.stop().await;
}

#[tokio::test]
async fn keys_are_set_and_deleted() {
    let server = server().await;
    let path = "/v1/kv/survey/states%2Fcomplaints%2F000018";
    server
        .ask(Method::GET, path, "")
        .await
        .is_problem(404, "VR0122");
    let set = server.ask(Method::PUT, path, "done").await;
    assert_eq!(
        set.json(),
        json!({ "key": "states/complaints/000018", "kind": "text", "value": "done" })
    );
    let keys = server.fake.kv.namespace("survey").unwrap();
    assert_eq!(
        keys.get("states/complaints/000018").unwrap(),
        Some(b"done".to_vec())
    );
    let gone = server.ask(Method::DELETE, path, "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    server
        .ask(Method::DELETE, path, "")
        .await
        .is_problem(404, "VR0122");
    for (path, body) in [
        ("/v1/kv/survey/calls", "7".to_owned()),
        ("/v1/kv/survey/a", "x".repeat((64 << 10) + 1)),
        ("/v1/kv/a%0Ab/a", "x".to_owned()),
    ] {
        server
            .ask(Method::PUT, path, body)
            .await
            .is_problem(422, "VR0104");
    }
    let long = format!("/v1/kv/survey/{}", "k".repeat(513));
    server
        .ask(Method::PUT, &long, "x")
        .await
        .is_problem(422, "VR0104");
    assert_eq!(
        keys.increment("calls", 0).unwrap(),
        41,
        "a counter is left alone"
    );
    let log = server.ask(Method::GET, "/v1/audit", "").await.json();
    let noted = log.as_array().unwrap().iter();
    let noted: Vec<_> = noted
        .map(|entry| (&entry["act"], &entry["subject"]))
        .collect();
    let key = json!("survey/states/complaints/000018");
    let acts = [json!("delete-key"), json!("set-key")];
    assert_eq!(noted, [(&acts[0], &key), (&acts[1], &key)]);
    server.stop().await;
}

#[tokio::test]
async fn keys_by_the_command_line() {
    let server = server().await;
    for (line, expected) in [
        ("kv set survey states/1 done", "states/1 is set in survey\n"),
        ("kv get survey states/1", "done\n"),
        ("kv get survey calls", "41\n"),
        (
            "kv list survey states/",
            "KEY       KIND  VALUE\nstates/1  text  done\n",
        ),
        (
            "kv list survey -n 1",
            "KEY    KIND     VALUE\ncalls  counter  41\n",
        ),
        (
            "kv delete survey states/1",
            "states/1 is deleted from survey\n",
        ),
        (
            "kv list survey states/",
            "no flow has such keys in survey\n",
        ),
        ("kv set survey level -3", "level is set in survey\n"),
    ] {
        let run = ask(&server, line).await;
        assert_eq!((run.code, run.err.as_str()), (0, ""), "vireo {line}");
        assert_eq!(run.out, expected, "vireo {line}");
    }
    let missing = ask(&server, "kv get survey nothing").await;
    assert_eq!(missing.code, 6);
    assert!(missing.err.contains("VR0122"), "{}", missing.err);
    server.stop().await;
}

#[tokio::test]
async fn results_are_counted_and_exported() {
    let server = server().await;
    let expected = "\
service: 2 calls, 1 complete, 2023-11-14 22:13:20 to 2023-11-14 22:14:20
QUESTION  ANSWER     COUNT    SHARE
rating    2              1   50.0 %
rating    5              1   50.0 %
rating    mean 3.50      2
way       friends        1  100.0 %
way       all            1
";
    let shown = ask(&server, "results show survey").await;
    assert_eq!((shown.out.as_str(), shown.err.as_str()), (expected, ""));
    let csv = ask(&server, "results export survey service --csv").await;
    assert_eq!(
        csv.out,
        "call,caller,called,at,language,complete,rating,way\r\n\
         a,1000,96123,2023-11-14T22:13:20Z,en,true,5,friends\r\n\
         b,1000,96123,2023-11-14T22:14:20Z,en,false,2,\r\n"
    );
    let late = ask(
        &server,
        "results export survey --csv --since 2023-11-14T22:14",
    )
    .await;
    assert_eq!(late.out.lines().count(), 2, "{}", late.out);
    let early = ask(
        &server,
        "results export survey --csv --until 2023-11-14T22:14",
    )
    .await;
    assert!(
        early.out.contains("\r\na,") && !early.out.contains("\r\nb,"),
        "{}",
        early.out
    );
    let whole = ask(&server, "results export survey").await;
    let whole: serde_json::Value = serde_json::from_str(&whole.out).unwrap();
    assert_eq!(whole["totals"][0]["mean"], json!(3.5));
    assert_eq!(whole["records"][1]["answers"], json!({ "rating": 2 }));
    assert_eq!(
        (&whole["calls"], &whole["complete"]),
        (&json!(2), &json!(1))
    );
    server.stop().await;
}

#[tokio::test]
async fn results_that_are_not_there() {
    let server = server().await;
    for (line, told) in [
        ("results show other", "there are no results in other"),
        (
            "results show survey power",
            "there are no results `power` in survey",
        ),
    ] {
        let run = ask(&server, line).await;
        assert_eq!(run.code, 6, "vireo {line}");
        assert!(
            run.err.contains("VR0123") && run.err.contains(told),
            "{}",
            run.err
        );
    }
    let keys = server.fake.kv.namespace("survey").unwrap();
    keys.set("results/power/1700000000000-c", b"no record")
        .unwrap();
    let several = ask(&server, "results show survey").await;
    assert!(
        several.err.contains("one of: power, service"),
        "{}",
        several.err
    );
    let broken = ask(&server, "results show survey power").await;
    assert!(
        broken.err.contains("is no record of answers"),
        "{}",
        broken.err
    );
    let when = ask(&server, "results show survey service --since soon").await;
    assert!(when.err.contains("is no moment"), "{}", when.err);
    server.stop().await;
}
