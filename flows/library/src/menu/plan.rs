//! The plan of a menu.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::hours::{Calendars, Window};
use crate::language::{Languages, is_entry};
use crate::list::{Files, List};
use crate::pin::Pin;
use crate::plan::{Asking, Plan};

/// A tree of menus.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Menus {
    /// What is done first; the menu `main` when absent.
    #[serde(default = "Menus::default_start")]
    pub start: List<Action>,
    /// Heard first.
    #[serde(default)]
    pub welcome: Files,
    /// Heard before the flow ends the call.
    #[serde(default = "Menus::default_goodbye")]
    pub goodbye: Files,
    /// How questions are asked, where a menu does not say otherwise.
    #[serde(default)]
    pub asking: Asking,
    /// The keys that work in every menu.
    #[serde(default)]
    pub navigation: Navigation,
    /// The IANA time zone of the hours; the server's own when absent.
    pub time_zone: Option<String>,
    /// When something is open, by name: of several windows any suffices.
    #[serde(default)]
    pub hours: BTreeMap<String, List<Window>>,
    /// Holidays, by name.
    #[serde(default)]
    pub calendars: Calendars,
    /// Languages to choose from; the choice comes before everything else.
    pub language: Option<Languages>,
    /// PINs that actions ask for, by name.
    #[serde(default)]
    pub pins: BTreeMap<String, Pin>,
    /// The menus, by name.
    pub menus: BTreeMap<String, Menu>,
}

/// Keys that work in every menu that does not use them itself; none when empty.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Navigation {
    /// To the menu before.
    pub back: String,
    /// The same menu again.
    pub repeat: String,
    /// To the first menu.
    pub top: String,
}

impl Default for Navigation {
    fn default() -> Self {
        Self {
            back: "*".to_owned(),
            repeat: "#".to_owned(),
            top: String::new(),
        }
    }
}

/// One menu.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Menu {
    /// What it says.
    pub prompt: Files,
    /// What its keys do.
    pub keys: BTreeMap<String, List<Action>>,
    /// What is done when the caller chooses nothing; the call ends when absent.
    #[serde(default)]
    pub otherwise: List<Action>,
    /// How its question is asked.
    pub asking: Option<Asking>,
}

/// Something that is done when its conditions hold. Of several in a list the first does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Only in these hours.
    pub when: Option<String>,
    /// Only outside these hours.
    pub unless: Option<String>,
    /// Only in this language.
    pub language: Option<String>,
    /// Only after this PIN.
    pub pin: Option<String>,
    /// What is done.
    pub deed: Deed,
    /// What follows.
    pub then: Then,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Enters a menu.
    Menu(String),
    /// Plays prompts.
    Play(Files),
    /// Takes a message, by the message box of this setting.
    LeaveMessage(String),
    /// Says the state of a message, by the message box of this setting.
    MessageState(String),
    /// Asks the survey of this setting.
    Survey(String),
    /// Asks for the language again.
    ChooseLanguage,
    /// Ends the call.
    HangUp,
}

/// What follows an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// The same menu again.
    Repeat,
    /// The menu before.
    Back,
    /// The first menu.
    Top,
    /// The end of the call.
    HangUp,
    /// This menu.
    Menu(String),
}

impl From<String> for Then {
    fn from(text: String) -> Self {
        match text.as_str() {
            "repeat" => Self::Repeat,
            "back" => Self::Back,
            "top" => Self::Top,
            "hang-up" => Self::HangUp,
            _ => Self::Menu(text),
        }
    }
}

impl Action {
    fn enter(menu: &str) -> Self {
        Self {
            when: None,
            unless: None,
            language: None,
            pin: None,
            deed: Deed::Menu(menu.to_owned()),
            then: Then::Repeat,
        }
    }
}

/// An action as a table: exactly one of the keys that say what is done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ActionTable {
    when: Option<String>,
    unless: Option<String>,
    language: Option<String>,
    pin: Option<String>,
    menu: Option<String>,
    play: Option<Files>,
    leave_message: Option<String>,
    message_state: Option<String>,
    survey: Option<String>,
    choose_language: Option<bool>,
    hang_up: Option<bool>,
    then: Option<String>,
}

const DEEDS: &str =
    "`menu`, `play`, `leave-message`, `message-state`, `survey`, `choose-language` and `hang-up`";

impl ActionTable {
    fn action(self) -> Result<Action, String> {
        let deeds: Vec<Deed> = [
            self.menu.map(Deed::Menu),
            self.play.map(Deed::Play),
            self.leave_message.map(Deed::LeaveMessage),
            self.message_state.map(Deed::MessageState),
            self.survey.map(Deed::Survey),
            self.choose_language
                .and_then(|yes| yes.then_some(Deed::ChooseLanguage)),
            self.hang_up.and_then(|yes| yes.then_some(Deed::HangUp)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let [deed] = <[Deed; 1]>::try_from(deeds).map_err(|deeds| {
            format!(
                "an action has exactly one of {DEEDS}; here are {}",
                deeds.len()
            )
        })?;
        if self.then.is_some() && matches!(deed, Deed::Menu(_) | Deed::HangUp) {
            return Err("nothing can follow `menu` and `hang-up`: take `then` away".to_owned());
        }
        Ok(Action {
            when: self.when,
            unless: self.unless,
            language: self.language,
            pin: self.pin,
            deed,
            then: self.then.map_or(Then::Repeat, Then::from),
        })
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

/// The name of a menu, or a table.
struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Action;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a menu, or a table that says what is done")
    }

    fn visit_str<E: Error>(self, menu: &str) -> Result<Action, E> {
        Ok(Action::enter(menu))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Action, A::Error> {
        let table = ActionTable::deserialize(MapAccessDeserializer::new(map))?;
        table.action().map_err(A::Error::custom)
    }
}

impl Menus {
    fn default_start() -> List<Action> {
        List(vec![Action::enter("main")])
    }

    fn default_goodbye() -> Files {
        Files::one("ready/goodbye")
    }

    /// Every action of the plan.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        let of_menus = self.menus.values().flat_map(|menu| {
            let of_keys = menu.keys.values().flat_map(|actions| &actions.0);
            of_keys.chain(&menu.otherwise.0)
        });
        self.start.0.iter().chain(of_menus)
    }

    fn check_actions(&self, of: &str, actions: &List<Action>, problems: &mut Vec<String>) {
        let mut wrong = |what: String| problems.push(format!("{of}: {what}"));
        for action in &actions.0 {
            for hours in action.when.iter().chain(&action.unless) {
                if !self.hours.contains_key(hours) {
                    wrong(format!("there are no hours `{hours}`"));
                }
            }
            if let Some(pin) = action
                .pin
                .as_ref()
                .filter(|pin| !self.pins.contains_key(*pin))
            {
                wrong(format!("there is no pin `{pin}`"));
            }
            let entered = match &action.deed {
                Deed::Menu(menu) => Some(menu),
                _ => None,
            };
            let followed = match &action.then {
                Then::Menu(menu) => Some(menu),
                _ => None,
            };
            for menu in entered.into_iter().chain(followed) {
                if !self.menus.contains_key(menu) {
                    wrong(format!("there is no menu `{menu}`"));
                }
            }
            if action.deed == Deed::ChooseLanguage && self.language.is_none() {
                wrong("there is no `[language]` to choose from".to_owned());
            }
        }
    }

    fn check_menu(&self, name: &str, menu: &Menu, problems: &mut Vec<String>) {
        if menu.keys.is_empty() {
            problems.push(format!("menu `{name}`: it has no keys"));
        }
        if let Some(asking) = &menu.asking {
            asking.check(&format!("menu `{name}`: asking: "), problems);
        }
        if matches!(
            Then::from(name.to_owned()),
            Then::Repeat | Then::Back | Then::Top | Then::HangUp
        ) {
            problems.push(format!(
                "menu `{name}`: the name has a meaning of its own; choose another"
            ));
        }
        for (key, actions) in &menu.keys {
            if !is_entry(key) {
                problems.push(format!("menu `{name}`: {key:?} cannot be pressed"));
            }
            if actions.0.is_empty() {
                problems.push(format!("menu `{name}`, key {key}: nothing is done"));
            }
            self.check_actions(&format!("menu `{name}`, key {key}"), actions, problems);
        }
        self.check_actions(
            &format!("menu `{name}`, otherwise"),
            &menu.otherwise,
            problems,
        );
    }
}

impl Plan for Menus {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.asking.check("asking: ", &mut problems);
        if self.menus.is_empty() {
            problems.push("there is no menu: write [menus.main]".to_owned());
        }
        for (name, key) in [
            ("back", &self.navigation.back),
            ("repeat", &self.navigation.repeat),
            ("top", &self.navigation.top),
        ] {
            if !key.is_empty() && !is_entry(key) {
                problems.push(format!(
                    "navigation: `{name}` is {key:?}, which cannot be pressed"
                ));
            }
        }
        for (name, windows) in &self.hours {
            for window in &windows.0 {
                window.check(&format!("hours `{name}`"), &self.calendars, &mut problems);
            }
        }
        for (name, pin) in &self.pins {
            pin.check(name, &mut problems);
        }
        if let Some(language) = &self.language {
            language.check(&mut problems);
        }
        self.check_actions("start", &self.start, &mut problems);
        for (name, menu) in &self.menus {
            self.check_menu(name, menu, &mut problems);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::parse;

    #[test]
    fn a_small_plan_suffices() {
        let text = "[menus.main]\nprompt = 'a'\nkeys = { 1 = { play = 'b' } }";
        let menus: Menus = parse("menu", text).unwrap();
        assert_eq!(menus.start, List(vec![Action::enter("main")]));
        assert_eq!(menus.menus["main"].keys["1"].0[0].then, Then::Repeat);
    }

    #[test]
    fn mistakes_are_told() {
        let key = |action: &str| format!("[menus.main]\nprompt = 'a'\nkeys = {{ 1 = {action} }}");
        for (text, told) in [
            ("", "missing field `menus`"),
            ("menus = {}", "there is no menu"),
            (
                "[menus.other]\nprompt = 'a'\nkeys = { 1 = 'other' }",
                "start: there is no menu `main`",
            ),
            (
                "[menus.main]\nkeys = { 1 = 'main' }",
                "line 1, column 1: missing field `prompt`",
            ),
            (
                "[menus.main]\nprompt = 'a'\nkeys = {}",
                "menu `main`: it has no keys",
            ),
            (
                &key("'traffic'"),
                "menu `main`, key 1: there is no menu `traffic`",
            ),
            (
                &key("{}"),
                "line 3, column 14: an action has exactly one of `menu`, `play`",
            ),
            (&key("{ play = 'b', menu = 'main' }"), "here are 2"),
            (
                &key("{ ply = 'b' }"),
                "unknown field `ply`, expected one of",
            ),
            (&key("{ menu = 'main', then = 'top' }"), "take `then` away"),
            (
                &key("{ play = 'b', then = 'end' }"),
                "there is no menu `end`",
            ),
            (
                &key("{ play = 'b', when = 'office' }"),
                "there are no hours `office`",
            ),
            (
                &key("{ play = 'b', pin = 'staff' }"),
                "there is no pin `staff`",
            ),
            (&key("{ choose-language = true }"), "no `[language]`"),
            (&key("[]"), "menu `main`, key 1: nothing is done"),
            (
                &key("7"),
                "invalid type: integer `7`, expected one value or a list of them",
            ),
            (
                "[menus.main]\nprompt = 'a'\nkeys = { e = 'main' }",
                "\"e\" cannot be pressed",
            ),
            (
                "[menus.main]\nprompt = 'a'\nkeys = { 1 = 'back' }\n[menus.back]\nprompt = 'a'\nkeys = { 1 = 'main' }",
                "menu `back`: the name has a meaning of its own",
            ),
            (
                &format!("navigation = {{ top = 'x' }}\n{}", key("'main'")),
                "navigation: `top` is \"x\"",
            ),
            (
                &format!("hours = {{ a = {{ except = 'b' }} }}\n{}", key("'main'")),
                "there is no calendar `b`",
            ),
            (
                &format!("pins = {{ a = {{ }} }}\n{}", key("'main'")),
                "pin `a`: exactly one of",
            ),
            (
                &format!("hours = {{ a = {{ days = 'x' }} }}\n{}", key("'main'")),
                "\"x\" is no day of the week",
            ),
        ] {
            let why = parse::<Menus>("menu", text).unwrap_err().to_string();
            assert!(why.contains(told), "{text}\n{why}");
        }
    }
}
