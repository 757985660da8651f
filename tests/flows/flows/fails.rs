//! Returns an error of its own after the call was answered.

use vireo_sdk::prelude::*;

vireo_sdk::flow!(main);

fn main(call: &Call) -> Result<()> {
    call.answer()?;
    Err("the timetable is empty".into())
}
