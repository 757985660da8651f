//! The pages of the flows hold what they say: their examples are plans, and every key is described.

use serde::de::DeserializeOwned;

use crate::menu::Menus;
use crate::message_box::MessageBox;
use crate::notice::Notice;
use crate::plan::{Plan, parse};
use crate::survey::Survey;

/// The TOML of a page.
fn examples(page: &str) -> Vec<&str> {
    let parts = page.split("```toml\n").skip(1);
    parts
        .filter_map(|part| Some(part.split_once("```")?.0))
        .collect()
}

/// The keys of a table, by the message about one that is not there.
fn keys<P: DeserializeOwned>(text: &str) -> Vec<String> {
    let Err(error) = toml::from_str::<P>(text) else {
        panic!("nothing is wrong with {text}");
    };
    let (_, known) = error.message().split_once("expected ").unwrap();
    known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn check<P: Plan>(page: &str, tables: &[&str]) {
    let examples = examples(page);
    assert!(!examples.is_empty(), "no example");
    for example in examples {
        if let Err(why) = parse::<P>("example", example) {
            panic!("{why}");
        }
    }
    for table in tables {
        let keys = keys::<P>(table);
        assert!(keys.len() > 1, "{table}: {keys:?}");
        for key in keys {
            assert!(
                page.contains(&format!("`{key}`")) || page.contains(&format!("`{key} = ")),
                "`{key}` of {table:?} is not described"
            );
        }
    }
}

#[test]
fn menu() {
    let small = "[menus.main]\nprompt = 'a'\nkeys = { 1 = 'main' }\n";
    let within = |table: &str| format!("{small}{table}\nnothing = 1");
    check::<Menus>(
        include_str!("../../menu/README.md"),
        &[
            "nothing = 1",
            "[menus.main]\nnothing = 1",
            "[menus.main]\nprompt = 'a'\nkeys = { 1 = { nothing = 1 } }",
            &within("[asking]"),
            &within("[navigation]"),
            &within("[hours.a]"),
            &within("[language]"),
            &within("[pins.a]"),
        ],
    );
}

#[test]
fn survey() {
    check::<Survey>(
        include_str!("../../survey/README.md"),
        &[
            "nothing = 1",
            "[asking]\nnothing = 1",
            "[[questions]]\nnothing = 1",
        ],
    );
}

#[test]
fn message_box() {
    check::<MessageBox>(
        include_str!("../../message-box/README.md"),
        &[
            "nothing = 1",
            "[asking]\nnothing = 1",
            "[prompts]\nnothing = 1",
        ],
    );
}

#[test]
fn notice() {
    check::<Notice>(
        include_str!("../../notice/README.md"),
        &["nothing = 1", "[asking]\nnothing = 1"],
    );
}
