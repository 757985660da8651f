//! Panics in a function with a name to look for in the backtrace.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    choose_from_an_empty_menu(&[])
}

#[inline(never)]
fn choose_from_an_empty_menu(entries: &[&str]) -> Result<()> {
    match entries.first() {
        Some(entry) => Err(Error::NotFound((*entry).to_owned())),
        None => panic!("the menu has no entry"),
    }
}
