//! A menu: a tree of choices, with hours, languages and PINs.

mod plan;
mod session;

use vireo_sdk::{Call, Result};

pub use plan::{Action, Deed, Menu, Menus, Navigation, Then};

use crate::line::Line;

/// The flow: the menu of the setting that the route's parameter `menu` names, or of `menu`.
///
/// # Errors
///
/// Those of the plan, of the call and of the store.
pub fn run(call: &Call) -> Result<()> {
    let menus: Menus = crate::plan::from_setting(call.parameter("menu").unwrap_or("menu"))?;
    session::Session::new(&Line::new(call), &menus).run()
}
