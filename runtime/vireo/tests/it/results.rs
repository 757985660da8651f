//! Records of answers: their totals, and CSV.

use serde_json::json;
use vireo::results::{Record, Total, csv, name_of, totals};

fn record(caller: &str, complete: bool, answers: &str) -> Record {
    let text = format!(
        r#"{{"call":"c-1","caller":{},"called":"96123","at":1767607200000,"language":"en","complete":{complete},"answers":{answers}}}"#,
        json!(caller)
    );
    serde_json::from_str(&text).unwrap()
}

fn some() -> Vec<Record> {
    vec![
        record("+4930123456", true, r#"{"service":4,"way":"friends"}"#),
        record(
            "=cmd|'/c calc'!A1",
            false,
            r#"{"service":1,"why":{"ms":4940,"recording":"r-1"}}"#,
        ),
        record(
            "",
            true,
            r#"{"service":4,"why":{"ms":2000,"recording":"r-2"},"way":"a \"b\", c"}"#,
        ),
    ]
}

#[test]
fn answers_are_counted_in_the_order_of_the_questions() {
    let totals = totals(&some());
    let names: Vec<&str> = totals.iter().map(|total| total.question.as_str()).collect();
    assert_eq!(names, ["service", "why", "way"]);
    assert_eq!((totals[0].answered, totals[0].mean), (3, Some(3.0)));
    let counts = |total: &Total| -> Vec<(String, usize)> {
        let counts = total.answers.iter();
        counts
            .map(|count| (count.answer.clone(), count.count))
            .collect()
    };
    assert_eq!(counts(&totals[0]), [("1".into(), 1), ("4".into(), 2)]);
    assert_eq!(
        (totals[1].answered, totals[1].mean, counts(&totals[1])),
        (2, None, vec![])
    );
    assert_eq!(
        counts(&totals[2]),
        [("a \"b\", c".into(), 1), ("friends".into(), 1)]
    );
}

#[test]
fn many_different_answers_are_counted_together() {
    let records: Vec<Record> = (0..=20)
        .map(|n| record("1", true, &format!(r#"{{"code":"{n}"}}"#)))
        .collect();
    let totals = totals(&records);
    assert_eq!((totals[0].answered, totals[0].answers.len()), (21, 0));
}

#[test]
fn csv_is_quoted_and_harmless() {
    assert_eq!(
        csv(&some()),
        "call,caller,called,at,language,complete,service,why.ms,why.recording,way\r\n\
         c-1,+4930123456,96123,2026-01-05T10:00:00Z,en,true,4,,,friends\r\n\
         c-1,'=cmd|'/c calc'!A1,96123,2026-01-05T10:00:00Z,en,false,1,4940,r-1,\r\n\
         c-1,,96123,2026-01-05T10:00:00Z,en,true,4,2000,r-2,\"a \"\"b\"\", c\"\r\n"
    );
    assert_eq!(csv(&[]), "call,caller,called,at,language,complete\r\n");
}

#[test]
fn names_of_keys() {
    for (key, name) in [
        ("results/service/1767607200000-c", Some("service")),
        ("results/service", None),
        ("numbers/service", None),
    ] {
        assert_eq!(name_of(key), name, "{key}");
    }
}

#[test]
fn a_record_is_written_as_it_was_read() {
    let text = r#"{"call":"c","caller":"1","called":"2","at":3,"language":"en","complete":true,"answers":{"b":1,"a":"x"}}"#;
    let record: Record = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&record).unwrap(), text);
}
