//! A caller's way through the menus.

use std::collections::BTreeSet;

use vireo_sdk::{Result, clock};

use super::Others;
use super::plan::{Action, Deed, Menu, Menus, Then};
use crate::line::Line;
use crate::list::List;
use crate::pin::Verdict;

/// A caller who chose nothing in so many menus in a row is not there any more.
const SILENCES: u8 = 2;

/// A caller in the menus.
pub(super) struct Session<'a> {
    line: &'a Line<'a>,
    menus: &'a Menus,
    others: &'a Others,
    /// The way to the menu that the caller is in; the last is this one.
    way: Vec<&'a str>,
    /// The PINs that the caller has entered.
    passed: BTreeSet<&'a str>,
    /// Menus in a row in which nothing was chosen.
    silences: u8,
}

/// Does the call go on?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Go {
    On,
    Ends,
}

impl<'a> Session<'a> {
    pub(super) fn new(line: &'a Line<'a>, menus: &'a Menus, others: &'a Others) -> Self {
        Self {
            line,
            menus,
            others,
            way: Vec::new(),
            passed: BTreeSet::new(),
            silences: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<()> {
        if let Some(languages) = &self.menus.language {
            languages.greet(self.line, &self.menus.asking)?;
        }
        self.line.play(&self.menus.welcome)?;
        let mut go = self.carry_out(&self.menus.start)?;
        while go == Go::On {
            go = match self.menu() {
                Some((name, menu)) => self.ask(name, menu)?,
                // `start` led into no menu.
                None => Go::Ends,
            };
        }
        self.line.play(&self.menus.goodbye)
    }

    fn menu(&self) -> Option<(&'a str, &'a Menu)> {
        let name = *self.way.last()?;
        Some((name, self.menus.menus.get(name)?))
    }

    fn ask(&mut self, name: &str, menu: &'a Menu) -> Result<Go> {
        let navigation = &self.menus.navigation;
        let mut keys: Vec<&str> = menu.keys.keys().map(String::as_str).collect();
        let mut also = vec![&navigation.repeat];
        if self.way.len() > 1 {
            also.extend([&navigation.back, &navigation.top]);
        }
        for key in also {
            if !key.is_empty() && !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        let asking = menu.asking.as_ref().unwrap_or(&self.menus.asking);
        let Some(key) = self.line.choose(&menu.prompt, &keys, asking)? else {
            vireo_sdk::info!("nothing was chosen in the menu {name}");
            self.silences += 1;
            if self.silences == SILENCES || menu.otherwise.0.is_empty() {
                return Ok(Go::Ends);
            }
            return self.carry_out(&menu.otherwise);
        };
        self.silences = 0;
        if let Some(actions) = menu.keys.get(&key) {
            return self.carry_out(actions);
        }
        if key == navigation.back {
            self.way.pop();
        } else if key == navigation.top {
            self.way.truncate(1);
        }
        Ok(Go::On)
    }

    /// Does the first of the actions whose conditions hold; nothing when none does.
    fn carry_out(&mut self, actions: &'a List<Action>) -> Result<Go> {
        for action in &actions.0 {
            if self.holds(action)? {
                return self.act(action);
            }
        }
        Ok(Go::On)
    }

    fn holds(&self, action: &Action) -> Result<bool> {
        if let Some(language) = &action.language
            && *language != self.line.language()
        {
            return Ok(false);
        }
        if let Some(hours) = &action.when
            && !self.is_open(hours)?
        {
            return Ok(false);
        }
        match &action.unless {
            Some(hours) => Ok(!self.is_open(hours)?),
            None => Ok(true),
        }
    }

    fn is_open(&self, hours: &str) -> Result<bool> {
        let now = match &self.menus.time_zone {
            Some(zone) => clock::local_in(zone)?,
            None => clock::local()?,
        };
        let windows = self.menus.hours.get(hours);
        let mut windows = windows.into_iter().flat_map(|windows| &windows.0);
        Ok(windows.any(|window| window.holds(&now, &self.menus.calendars)))
    }

    fn act(&mut self, action: &'a Action) -> Result<Go> {
        if let Some(name) = &action.pin
            && !self.passed.contains(name.as_str())
            && let Some(pin) = self.menus.pins.get(name)
        {
            match pin.ask(name, self.line, &self.menus.asking)? {
                Verdict::Passed => self.passed.insert(name),
                Verdict::Refused => return Ok(Go::On),
            };
        }
        match &action.deed {
            Deed::HangUp => return Ok(Go::Ends),
            Deed::Menu(menu) => {
                self.enter(menu);
                return Ok(Go::On);
            }
            Deed::Play(prompts) => self.line.play(prompts)?,
            Deed::LeaveMessage(setting) => {
                if let Some(message_box) = self.others.message_boxes.get(setting) {
                    message_box.leave(self.line)?;
                }
            }
            Deed::MessageState(setting) => {
                if let Some(message_box) = self.others.message_boxes.get(setting) {
                    message_box.state(self.line)?;
                }
            }
            Deed::Survey(setting) => {
                if let Some(survey) = self.others.surveys.get(setting) {
                    survey.run(self.line)?;
                }
            }
            Deed::ChooseLanguage => {
                if let Some(languages) = &self.menus.language {
                    languages.ask(self.line, &self.menus.asking)?;
                }
            }
        }
        self.follow(&action.then)
    }

    fn follow(&mut self, then: &'a Then) -> Result<Go> {
        match then {
            Then::Repeat => {}
            Then::Back if self.way.len() > 1 => {
                self.way.pop();
            }
            Then::Back => {}
            Then::Top => self.way.truncate(1),
            Then::HangUp => return Ok(Go::Ends),
            Then::Menu(menu) => self.enter(menu),
        }
        Ok(Go::On)
    }

    /// A menu that the caller has come through is gone back to, so that the way stays short.
    fn enter(&mut self, menu: &'a str) {
        match self.way.iter().position(|passed| *passed == menu) {
            Some(at) => self.way.truncate(at + 1),
            None => self.way.push(menu),
        }
    }
}
