use jiff::tz::TimeZone;
use serde_json::json;

use super::*;

fn config(json: serde_json::Value) -> RoutesConfig {
    serde_json::from_value(json).unwrap()
}

fn routes(json: serde_json::Value) -> Routes {
    Routes::compile(&config(json)).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// Routes with one that has this condition and one that takes everything else.
fn one(key: &str, condition: serde_json::Value) -> Routes {
    routes(json!({
        "time-zone": "Asia/Beirut",
        "calendars": {
            "lebanon": { "holidays": ["12-25", "2026-11-23", "2026-12-30..2027-01-02"] },
            "company": { "holidays": "05-04" },
        },
        "caller-lists": { "nuisance": ["+1900*", "+15550100"] },
        "routes": [
            { "name": "it", "flow": "it", key: condition },
            { "name": "else", "flow": "else" },
        ],
    }))
}

fn at(text: &str) -> Timestamp {
    parse_time(text, &TimeZone::get("Asia/Beirut").unwrap()).unwrap()
}

fn query<'a>() -> Query<'a> {
    Query {
        trunk: "carrier",
        called: "+96170123456",
        caller: "+4930123456",
        at: at("2026-11-22T20:00"),
    }
}

fn takes(routes: &Routes, query: &Query<'_>) -> bool {
    routes.decide(query).route_name() == Some("it")
}

#[test]
fn trunks() {
    for (condition, trunk, expected) in [
        (json!("carrier"), "carrier", true),
        (json!("carrier"), "carrier2", false),
        (json!("carrier"), "Carrier", false),
        (json!(["a", "b"]), "b", true),
        (json!(["a", "b"]), "c", false),
    ] {
        let routes = one("trunk", condition.clone());
        assert_eq!(
            takes(&routes, &Query { trunk, ..query() }),
            expected,
            "{condition} and {trunk}"
        );
    }
}

#[test]
fn called_numbers() {
    for (condition, called, expected) in [
        (json!("96122"), "96122", true),
        (json!("96122"), "961220", false),
        (json!("96122"), "+96122", false),
        (json!("96122*"), "96122", true),
        (json!("96122*"), "961229", true),
        (json!("96122*"), "9612", false),
        (json!("*"), "", true),
        (json!("*"), "alice", true),
        (json!("alice"), "alice", true),
        (json!("+961 (0)70 123-456"), "+96170123456", true),
        (json!("+961 70*"), "+96170123456", true),
        (json!("/^9612[0-3]$/"), "96123", true),
        (json!("/^9612[0-3]$/"), "96124", false),
        (json!("/22/"), "96122", true),
        (json!(["96122", "+9617*", "/^8/"]), "96122", true),
        (json!(["96122", "+9617*", "/^8/"]), "+96171", true),
        (json!(["96122", "+9617*", "/^8/"]), "800", true),
        (json!(["96122", "+9617*", "/^8/"]), "900", false),
        // A prefix that ends within a character of the number.
        (json!("é*"), "è1", false),
        (json!("aa*"), "aé", false),
    ] {
        let routes = one("called", condition.clone());
        assert_eq!(
            takes(&routes, &Query { called, ..query() }),
            expected,
            "{condition} and {called:?}"
        );
    }
}

#[test]
fn callers() {
    for (condition, caller, expected) in [
        (json!("+4930*"), "+4930123456", true),
        (json!("+4930*"), "+4940123456", false),
        (json!(["+4940*", "+4930123456"]), "+4930123456", true),
        (json!("anonymous"), "", true),
        (json!("anonymous"), "Anonymous", true),
        (json!("anonymous"), "+4930123456", false),
        (json!("*"), "", false),
        (json!("/.*/"), "anonymous", false),
        (json!({ "deny": "anonymous" }), "", false),
        (json!({ "deny": "anonymous" }), "+4930123456", true),
        (json!({ "deny": "@nuisance" }), "+19005550199", false),
        (
            json!({ "deny": ["@nuisance", "+4930*"] }),
            "+4930123456",
            false,
        ),
        (json!({ "deny": "@nuisance" }), "+4930123456", true),
        (json!("@nuisance"), "+15550100", true),
        (
            json!({ "allow": "+49*", "deny": "+4930*" }),
            "+4930123456",
            false,
        ),
        (
            json!({ "allow": "+49*", "deny": "+4930*" }),
            "+4940123456",
            true,
        ),
        (
            json!({ "allow": "+49*", "deny": "+4930*" }),
            "+4340123456",
            false,
        ),
    ] {
        let routes = one("caller", condition.clone());
        assert_eq!(
            takes(&routes, &Query { caller, ..query() }),
            expected,
            "{condition} and {caller:?}"
        );
    }
}

#[test]
fn refused_callers_have_a_treatment_of_their_own() {
    let refused = |treatment: serde_json::Value, caller: &str, called: &str| {
        let routes = routes(json!({ "routes": [
            {
                "name": "office", "called": "96122", "flow": "office", "language": "ar",
                "caller": { "deny": ["anonymous", "+1900*"], "refused": treatment },
            },
            { "name": "else", "flow": "else" },
        ]}));
        let decision = routes.decide(&Query {
            caller,
            called,
            ..query()
        });
        (
            decision.route_name().unwrap().to_owned(),
            decision.action.to_string(),
        )
    };
    let office = |action: &str| ("office".to_owned(), action.to_owned());
    assert_eq!(
        refused(json!({ "reject": 603 }), "", "96122"),
        office("reject with 603 Decline")
    );
    assert_eq!(
        refused(
            json!({ "reject": { "status": 433, "reason": "No" } }),
            "",
            "96122"
        ),
        office("reject with 433 No")
    );
    assert_eq!(
        refused(
            json!({ "flow": "nuisance", "parameters": { "a": "b" } }),
            "+1900",
            "96122"
        ),
        office("flow nuisance, language ar, with a=b")
    );
    assert_eq!(
        refused(json!({ "reject": 603 }), "+49", "96122"),
        office("flow office, language ar")
    );
    // Only calls that the route is for are refused by it.
    assert_eq!(refused(json!({ "reject": 603 }), "", "96123").0, "else");
}

#[test]
fn windows() {
    let office = json!({ "days": "mon-fri", "times": "09:00-18:00", "except": "lebanon" });
    let night = json!({ "days": "fri", "times": "22:00-06:00" });
    let weekend = json!({ "days": ["sat", "Sunday"] });
    for (condition, time, expected) in [
        // 2026-11-22 is a Sunday, the 23rd a holiday.
        (&office, "2026-11-22T20:00", false),
        (&office, "2026-11-23T10:00", false),
        (&office, "2026-11-24T08:59:59", false),
        (&office, "2026-11-24T09:00", true),
        (&office, "2026-11-24T17:59:59", true),
        (&office, "2026-11-24T18:00", false),
        (&weekend, "2026-11-22T20:00", true),
        (&weekend, "2026-11-21T00:00", true),
        (&weekend, "2026-11-23T00:00", false),
        // Over midnight: the span belongs to the Friday on which it begins.
        (&night, "2026-11-20T21:59:59", false),
        (&night, "2026-11-20T22:00", true),
        (&night, "2026-11-21T05:59:59", true),
        (&night, "2026-11-21T06:00", false),
        (&night, "2026-11-21T22:00", false),
        (&night, "2026-11-20T05:00", false),
        (&json!({ "days": "sat-mon" }), "2026-11-23T12:00", true),
        (&json!({ "days": "sat-mon" }), "2026-11-24T12:00", false),
        (
            &json!({ "times": ["09:00-12:00", "13:30-24:00"] }),
            "2026-11-24T12:30",
            false,
        ),
        (
            &json!({ "times": ["09:00-12:00", "13:30-24:00"] }),
            "2026-11-24T23:59:59",
            true,
        ),
        (&json!({ "times": "00:00-24:00" }), "2026-11-24T00:00", true),
        (&json!({ "times": "22:00-00:00" }), "2026-11-24T23:00", true),
        (
            &json!({ "times": "22:00-00:00" }),
            "2026-11-24T00:00",
            false,
        ),
        (
            &json!({ "dates": "2026-11-22" }),
            "2026-11-22T23:59:59",
            true,
        ),
        (&json!({ "dates": "2026-11-22" }), "2026-11-23T00:00", false),
        (
            &json!({ "dates": "2026-11-01..2026-11-30" }),
            "2026-11-30T12:00",
            true,
        ),
        (
            &json!({ "dates": "2026-11-01..2026-11-30" }),
            "2027-11-30T12:00",
            false,
        ),
        (
            &json!({ "dates": "12-24..01-06" }),
            "2029-01-06T12:00",
            true,
        ),
        (
            &json!({ "dates": "12-24..01-06" }),
            "2029-12-24T12:00",
            true,
        ),
        (
            &json!({ "dates": "12-24..01-06" }),
            "2029-01-07T12:00",
            false,
        ),
        (&json!({ "dates": "02-29" }), "2028-02-29T12:00", true),
        (&json!({ "dates": "02-29" }), "2027-02-28T12:00", false),
        (&json!({ "only": "lebanon" }), "2026-12-25T12:00", true),
        (&json!({ "only": "lebanon" }), "2027-01-02T12:00", true),
        (&json!({ "only": "lebanon" }), "2027-01-03T12:00", false),
        (
            &json!({ "only": ["lebanon", "company"] }),
            "2026-05-04T12:00",
            true,
        ),
        // The night after a holiday begins on it, the morning before began on a working day.
        (
            &json!({ "times": "22:00-06:00", "except": "lebanon" }),
            "2026-11-24T01:00",
            false,
        ),
        (
            &json!({ "times": "22:00-06:00", "except": "lebanon" }),
            "2026-11-23T01:00",
            true,
        ),
        // Another zone: 20:00 in Beirut is 02:00 of the next day, a Monday, in Shanghai.
        (
            &json!({ "zone": "Asia/Shanghai", "days": "mon" }),
            "2026-11-22T20:00",
            true,
        ),
        // Either of two windows.
        (
            &json!([{ "days": "mon" }, { "days": "sun", "times": "19:00-21:00" }]),
            "2026-11-22T20:00",
            true,
        ),
        (
            &json!([{ "days": "mon" }, { "days": "sun", "times": "19:00-21:00" }]),
            "2026-11-22T21:00",
            false,
        ),
    ] {
        let routes = one("when", condition.clone());
        assert_eq!(
            takes(
                &routes,
                &Query {
                    at: at(time),
                    ..query()
                }
            ),
            expected,
            "{condition} at {time}"
        );
    }
}

/// Berlin skips 02:00 to 03:00 on 2026-03-29 (at 01:00 UTC) and shows 02:00 to 03:00 twice on
/// 2026-10-25 (until 01:00 UTC, and from then on). Beirut skips 00:00 to 01:00 on 2026-03-29 and
/// shows 23:00 to 24:00 twice on 2026-10-24.
#[test]
fn days_on_which_the_clock_is_changed() {
    let berlin = |times: &str| json!({ "zone": "Europe/Berlin", "times": times });
    let beirut = |times: &str| json!({ "zone": "Asia/Beirut", "times": times });
    let beirut_saturday = json!({ "zone": "Asia/Beirut", "days": "sat" });
    for (condition, utc, expected) in [
        // Wholly within what is skipped: never open.
        (berlin("02:15-02:45"), "2026-03-29T00:59:59Z", false),
        (berlin("02:15-02:45"), "2026-03-29T01:00:00Z", false),
        (berlin("02:15-02:45"), "2026-03-29T01:30:00Z", false),
        // Begins or ends within it: at the moment of the change.
        (berlin("02:30-04:00"), "2026-03-29T00:59:59Z", false),
        (berlin("02:30-04:00"), "2026-03-29T01:00:00Z", true),
        (berlin("02:30-04:00"), "2026-03-29T01:59:59Z", true),
        (berlin("02:30-04:00"), "2026-03-29T02:00:00Z", false),
        (berlin("22:00-02:30"), "2026-03-29T00:59:59Z", true),
        (berlin("22:00-02:30"), "2026-03-29T01:00:00Z", false),
        (berlin("00:00-24:00"), "2026-03-29T01:00:00Z", true),
        // Twice: open from the first beginning to the second end, without a break.
        (berlin("02:00-02:30"), "2026-10-24T23:59:59Z", false),
        (berlin("02:00-02:30"), "2026-10-25T00:00:00Z", true),
        (berlin("02:00-02:30"), "2026-10-25T00:45:00Z", true),
        (berlin("02:00-02:30"), "2026-10-25T01:29:59Z", true),
        (berlin("02:00-02:30"), "2026-10-25T01:30:00Z", false),
        (berlin("22:00-02:30"), "2026-10-25T00:45:00Z", true),
        (berlin("22:00-02:30"), "2026-10-25T01:30:00Z", false),
        // At midnight: no moment is lost between two days.
        (beirut("00:00-24:00"), "2026-03-28T21:59:59Z", true),
        (beirut("00:00-24:00"), "2026-03-28T22:00:00Z", true),
        (beirut("00:30-09:00"), "2026-03-28T21:59:59Z", false),
        (beirut("00:30-09:00"), "2026-03-28T22:00:00Z", true),
        (beirut_saturday.clone(), "2026-10-24T20:59:59Z", true),
        (beirut_saturday.clone(), "2026-10-24T21:59:59Z", true),
        (beirut_saturday.clone(), "2026-10-24T22:00:00Z", false),
        (beirut("22:00-23:30"), "2026-10-24T20:45:00Z", true),
        (beirut("22:00-23:30"), "2026-10-24T21:29:59Z", true),
        (beirut("22:00-23:30"), "2026-10-24T21:30:00Z", false),
    ] {
        let routes = one("when", condition.clone());
        let query = Query {
            at: utc.parse().unwrap(),
            ..query()
        };
        assert_eq!(takes(&routes, &query), expected, "{condition} at {utc}");
    }
}

#[test]
fn the_first_match_wins() {
    let routes = routes(json!({ "language": "de", "routes": [
        { "name": "a", "called": "1*", "flow": "a" },
        { "name": "b", "called": "12*", "flow": "b" },
        { "name": "c", "called": "2*", "trunk": "other", "reject": 486 },
    ]}));
    let decide = |called| {
        let decision = routes.decide(&Query { called, ..query() });
        (
            decision.route.map(|(index, _)| index),
            decision.action.to_string(),
        )
    };
    assert_eq!(decide("123"), (Some(0), "flow a, language de".into()));
    assert_eq!(decide("2"), (None, "reject with 404 Not Found".into()));
    let decision = routes.decide(&Query {
        called: "2",
        trunk: "other",
        ..query()
    });
    assert_eq!(decision.action.to_string(), "reject with 486 Busy Here");
    assert_eq!(Routes::default().decide(&query()).route, None);
}

#[test]
fn every_edge_of_a_configuration_can_be_checked() {
    let routes = routes(json!({ "routes": [
        { "name": "a", "trunk": ["x", "y"], "flow": "f",
          "caller": { "deny": "anonymous", "refused": { "flow": "g" } } },
        { "name": "b", "reject": 404 },
    ]}));
    assert_eq!(routes.flows().collect::<Vec<_>>(), [("a", "f"), ("a", "g")]);
    assert_eq!(
        routes.trunks().collect::<Vec<_>>(),
        [("a", "x"), ("a", "y")]
    );
    assert_eq!(routes.names().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_decision_explains_itself() {
    let routes = routes(json!({
        "time-zone": "Asia/Beirut",
        "routes": [
            { "name": "office", "called": "96122", "flow": "office",
              "when": { "days": "mon-fri", "times": "09:00-18:00" } },
            { "name": "fax", "called": "96123", "flow": "fax" },
            { "name": "night", "trunk": "carrier", "called": ["96122", "9613*"], "flow": "closed",
              "language": "ar", "parameters": { "hours": "9-18" }, "caller": { "deny": "anonymous" } },
        ],
    }));
    let query = Query {
        called: "96122",
        ..query()
    };
    let decision = routes.decide(&query);
    assert_eq!(
        decision.to_string(),
        "\
call from +4930123456 to 96122 on trunk carrier at 2026-11-22T18:00:00Z
   1  office  no   when is not mon-fri 09:00-18:00 (Asia/Beirut)
   2  fax     no   called is not 96123
   3  night   YES  trunk is carrier; called is 96122|9613*; caller is not anonymous
=> route night: flow closed, language ar, with hours=9-18"
    );
    let decision = routes.decide(&Query {
        called: "1",
        caller: "",
        ..query
    });
    assert_eq!(
        decision.to_string(),
        "\
call from (withheld) to 1 on trunk carrier at 2026-11-22T18:00:00Z
   1  office  no   called is not 96122
   2  fax     no   called is not 96123
   3  night   no   called is not 96122|9613*
=> no route matched: reject with 404 Not Found"
    );
}

#[test]
fn all_errors_are_told_at_once() {
    let config = config(json!({
        "time-zone": "Asia/Beiruth",
        "calendars": { "x": { "holidays": ["25-12", "2026-02-30", "2026-12-02..2026-12-01"] } },
        "caller-lists": { "l": ["@l", "/(/"] },
        "routes": [
            { "flow": "a" },
            { "name": "twice", "flow": "a" },
            { "name": "twice" },
            { "name": "both", "flow": "a", "reject": 404 },
            { "name": "status", "reject": 302 },
            { "name": "lists", "flow": "a", "trunk": [], "called": [], "caller": { "allow": [] }, "when": [] },
            { "name": "numbers", "flow": "a", "called": ["", "/(/", "/x", "/a{1000}{1000}/"],
              "caller": ["@none", "@l", "/[/"] },
            { "name": "window", "flow": "a", "when": {
                "zone": "Mars", "days": ["xmas", "mon-"], "times": ["9:00-10:00", "09:00-09:00", "24:00-25:00", "9-17"],
                "dates": "tomorrow", "except": "y", "only": "x" } },
            { "name": "nothing", "flow": "a", "when": {}, "caller": { "refused": { "flow": "x" } } },
            { "name": "treatment", "flow": "a", "caller": { "deny": "1", "refused": {} } },
        ],
    }));
    let errors = Routes::compile(&config).unwrap_err();
    let places: Vec<_> = errors
        .iter()
        .map(|error| format!("{}: {}", error.place, error.field))
        .collect();
    let expected = [
        "routes: time-zone",
        "calendar x: holidays",
        "calendar x: holidays",
        "calendar x: holidays",
        "caller list l: l",
        "caller list l: l",
        "route number 1: name",
        "route twice: name",
        "route twice: flow",
        "route both: reject",
        "route status: reject",
        "route lists: trunk",
        "route lists: called",
        "route lists: when",
        "route lists: caller.allow",
        "route numbers: called",
        "route numbers: called",
        "route numbers: called",
        "route numbers: called",
        "route numbers: caller.allow",
        "route numbers: caller.allow",
        "route window: when.zone",
        "route window: when.days",
        "route window: when.days",
        "route window: when.times",
        "route window: when.times",
        "route window: when.times",
        "route window: when.times",
        "route window: when.dates",
        "route window: when.except",
        "route nothing: when",
        "route nothing: caller",
        "route treatment: caller.refused.flow",
    ];
    assert_eq!(places, expected, "{errors:#?}");
    // Nothing is told without a word of advice or an example.
    assert!(
        errors.iter().all(|error| error.problem.len() > 20),
        "{errors:#?}"
    );
}

#[test]
fn unknown_keys_are_errors() {
    for wrong in [
        json!({ "route": [] }),
        json!({ "routes": [{ "name": "a", "flows": "x" }] }),
        json!({ "routes": [{ "name": "a", "when": { "day": "mon" } }] }),
        json!({ "routes": [{ "name": "a", "when": [{ "day": "mon" }] }] }),
        json!({ "routes": [{ "name": "a", "caller": { "denied": "x" } }] }),
        json!({ "routes": [{ "name": "a", "caller": { "refused": { "rejects": 1 } } }] }),
        json!({ "routes": [{ "name": "a", "reject": { "status": 404, "reasons": "x" } }] }),
        json!({ "calendars": { "a": { "holiday": [] } } }),
    ] {
        let error = serde_json::from_value::<RoutesConfig>(wrong.clone())
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown field"), "{wrong}: {error}");
    }
    for wrong in [
        json!({ "routes": [{ "reject": -1 }] }),
        json!({ "routes": [{ "reject": 70_000 }] }),
    ] {
        assert!(serde_json::from_value::<RoutesConfig>(wrong).is_err());
    }
}

#[test]
fn a_configuration_survives_being_written() {
    let before = config(json!({ "routes": [
        { "name": "a", "trunk": "x", "called": ["1", "2"], "caller": "anonymous", "when": { "days": "mon" },
          "flow": "f", "parameters": { "k": "v" } },
        { "name": "b", "reject": { "status": 404 } },
    ]}));
    let text = serde_json::to_string(&before).unwrap();
    assert_eq!(serde_json::from_str::<RoutesConfig>(&text).unwrap(), before);
}

#[test]
fn the_schema_names_every_key() {
    let schema = serde_json::to_string(&schemars::schema_for!(RoutesConfig)).unwrap();
    for key in [
        "caller-lists",
        "time-zone",
        "refused",
        "holidays",
        "except",
        "parameters",
        "status",
    ] {
        assert!(
            schema.contains(&format!("\"{key}\"")),
            "{key} is not in {schema}"
        );
    }
}

#[test]
fn times_of_a_test() {
    let beirut = TimeZone::get("Asia/Beirut").unwrap();
    for (text, expected) in [
        ("2026-11-22T20:00", Some("2026-11-22T18:00:00Z")),
        ("2026-11-22 20:00:30", Some("2026-11-22T18:00:30Z")),
        ("2026-11-22T20:00Z", Some("2026-11-22T20:00:00Z")),
        ("2026-11-22T20:00:00+08:00", Some("2026-11-22T12:00:00Z")),
        // Skipped by the clock, and shown twice.
        ("2026-03-29T00:30", Some("2026-03-28T22:30:00Z")),
        ("2026-10-24T23:30", Some("2026-10-24T20:30:00Z")),
        ("2026-11-22T20:00+99:99", None),
        ("20:00", None),
        ("tomorrow", None),
        ("", None),
        ("2026-13-01T00:00", None),
    ] {
        let read = parse_time(text, &beirut).ok().map(|time| time.to_string());
        assert_eq!(read.as_deref(), expected, "{text:?}");
    }
}

#[test]
fn thousands_of_denied_callers_cost_no_more_than_one() {
    let numbers: Vec<_> = (0..20_000)
        .map(|n| format!("+1555{n:05}{}", if n % 2 == 0 { "" } else { "*" }))
        .collect();
    let routes = routes(json!({
        "caller-lists": { "big": numbers },
        "routes": [{ "name": "it", "flow": "f", "caller": { "deny": "@big" } }],
    }));
    for (caller, expected) in [
        ("+155500000", false),
        ("+1555000001", true),
        ("+1555000011", false),
        ("+1555199991", false),
        ("+49", true),
    ] {
        assert_eq!(
            takes(&routes, &Query { caller, ..query() }),
            expected,
            "{caller}"
        );
    }
}
