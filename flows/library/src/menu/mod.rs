//! A menu: a tree of choices, with hours, languages and PINs.

mod plan;
mod session;

use std::collections::BTreeMap;

use vireo_sdk::{Call, Error, Result, clock, settings};

pub use plan::{Action, Deed, Menu, Menus, Navigation, Then};

use crate::line::Line;
use crate::message_box::MessageBox;
use crate::plan::from_setting;
use crate::survey::Survey;

/// The plans that a menu leads to, by the settings that hold them.
#[derive(Debug, Default)]
struct Others {
    message_boxes: BTreeMap<String, MessageBox>,
    surveys: BTreeMap<String, Survey>,
}

impl Others {
    /// Reads them, so that what is wrong with one is told before a caller comes to it.
    fn read(menus: &Menus) -> Result<Self> {
        let mut others = Self::default();
        for action in menus.actions() {
            match &action.deed {
                Deed::LeaveMessage(setting) | Deed::MessageState(setting)
                    if !others.message_boxes.contains_key(setting) =>
                {
                    let plan = from_setting(setting)?;
                    others.message_boxes.insert(setting.clone(), plan);
                }
                Deed::Survey(setting) if !others.surveys.contains_key(setting) => {
                    others
                        .surveys
                        .insert(setting.clone(), from_setting(setting)?);
                }
                _ => {}
            }
        }
        Ok(others)
    }
}

/// Finds out what the server does not have and a plan needs: a time zone, a secret.
fn check_server(setting: &str, menus: &Menus) -> Result<()> {
    if let Some(zone) = &menus.time_zone {
        clock::local_in(zone).map_err(|error| {
            Error::Invalid(format!("setting `{setting}`: `time-zone`: {error}"))
        })?;
    }
    for secret in menus.pins.values().filter_map(|pin| pin.secret.as_ref()) {
        settings::secret(secret)?;
    }
    Ok(())
}

/// The flow: the menu of the setting that the route's parameter `menu` names, or of `menu`.
///
/// # Errors
///
/// Those of the plan, of the call and of the store.
pub fn run(call: &Call) -> Result<()> {
    let setting = call.parameter("menu").unwrap_or("menu");
    let menus: Menus = from_setting(setting)?;
    check_server(setting, &menus)?;
    let others = Others::read(&menus)?;
    session::Session::new(&Line::new(call), &menus, &others).run()
}
