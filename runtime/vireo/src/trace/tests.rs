use serde_json::json;
use vireo_audio::wav::{self, Audio};

use super::chart::{Lane, marks};
use super::*;

fn journal() -> Vec<Entry> {
    let verb = |seq, at_ms, name: &str, request, reply: serde_json::Value| {
        Entry::verb(
            seq,
            at_ms,
            name,
            serde_json::Value::into(request),
            reply.into(),
        )
    };
    let event = |seq, at_ms, name: &str, detail: serde_json::Value| {
        Entry::event(seq, at_ms, name, detail.into())
    };
    vec![
        event(
            0,
            0,
            "invite",
            json!({ "caller": "<script>alert(1)</script>", "called": "1" }),
        ),
        event(1, 2, "answer", json!({ "status": 200 })),
        verb(
            2,
            3,
            "media.start-recording",
            json!({ "verb": "start-recording" }),
            json!({ "took_ms": 1, "Ok": { "id": "r-1" } }),
        ),
        event(
            3,
            1_400,
            "digit",
            json!({ "digit": "1", "duration_ms": 90 }),
        ),
        event(4, 1_310, "heard", json!({ "ms": 1_000, "end": "stopped" })),
        verb(
            5,
            300,
            "media.gather",
            json!({ "verb": "gather", "prompt": [{ "File": "menu\"><b>" }] }),
            json!({ "took_ms": 1_100, "Ok": { "gather": { "Digits": "1" } } }),
        ),
        event(6, 1_900, "bye-received", json!({ "reason": "</svg>&amp;" })),
        event(7, 1_901, "fax-page", json!({ "page": 1 })),
    ]
}

fn page<'a>(entries: &'a [Entry], recordings: Vec<(String, Vec<PathBuf>)>) -> Page<'a> {
    Page {
        title: "Call <1>".to_owned(),
        facts: vec![("caller", "\"><img src=x>".to_owned())],
        entries,
        detail: Detail::Everything,
        recordings,
    }
}

#[test]
fn what_came_from_outside_is_text() {
    let entries = journal();
    let text = html(&page(&entries, Vec::new()));
    for part in ["<script", "<img", "<b>", "</svg>&"] {
        assert!(!text.contains(part), "{part}");
    }
    for part in [
        "<title>Call &lt;1&gt;</title>",
        "&quot;&gt;&lt;img src=x&gt;",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&lt;/svg&gt;&amp;amp;",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let entries = journal();
    let text = html(&page(&entries, Vec::new()));
    for part in ["http://", "https://", "src=\"", "url(", "@import", "<link"] {
        assert!(!text.contains(part), "{part}");
    }
    assert!(text.contains("default-src 'none'"));
}

#[test]
fn every_lane_has_what_belongs_there() {
    let all = marks(&journal());
    let of = |lane: Lane| -> Vec<(u64, u64, &str)> {
        let own = all.iter().filter(|mark| mark.lane == lane);
        own.map(|mark| (mark.from_ms, mark.to_ms, mark.label.as_str()))
            .collect()
    };
    assert_eq!(
        of(Lane::Sip),
        [(0, 0, "INVITE"), (2, 2, "200"), (1_900, 1_900, "BYE")]
    );
    assert_eq!(of(Lane::Keys), [(1_310, 1_400, "1")]);
    assert_eq!(of(Lane::Prompts), [(310, 1_310, "menu\"><b>")]);
    assert_eq!(
        of(Lane::Verbs),
        [(3, 4, "start-recording"), (300, 1_400, "gather menu\"><b>")]
    );
}

#[test]
fn a_stereo_recording_has_two_lanes_and_a_missing_one_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("r-1.wav");
    let audio = Audio {
        rate: 8_000,
        channels: 2,
        samples: [1_000, -2_000].repeat(8_000),
    };
    wav::write(&file, &audio).unwrap();
    let entries = journal();
    let recordings = vec![
        ("r-1".to_owned(), vec!["/no/such/r-1.wav".into(), file]),
        ("r-2".to_owned(), vec!["/no/such/<r-2>.wav".into()]),
    ];
    let text = html(&page(&entries, recordings));
    assert!(text.contains("caller says") && text.contains("caller hears"));
    assert_eq!(text.matches("<polygon").count(), 2);
    assert!(text.contains("The recording /no/such/&lt;r-2&gt;.wav is not shown"));
}

#[test]
fn a_call_without_a_journal_has_a_page() {
    let text = html(&page(&[], Vec::new()));
    assert!(text.contains("There is no journal") && text.contains("<svg"));
}
