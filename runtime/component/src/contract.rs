//! The contract as it was when this binary was built.

use wit_parser::{Resolve, SourceMap, WorldId};

/// The files of `sdk/wit`: name and text.
const CONTRACT: &[(&str, &str)] = &[
    ("call.wit", include_str!("../../../sdk/wit/call.wit")),
    ("flow.wit", include_str!("../../../sdk/wit/flow.wit")),
    ("media.wit", include_str!("../../../sdk/wit/media.wit")),
    (
        "services.wit",
        include_str!("../../../sdk/wit/services.wit"),
    ),
    ("types.wit", include_str!("../../../sdk/wit/types.wit")),
];

/// The world that every flow is of.
const WORLD: &str = "flow";

/// The world `vireo:flow/flow` with what belongs to it; the error is the parser's text.
pub(crate) fn world() -> Result<(Resolve, WorldId), String> {
    let mut files = SourceMap::default();
    for (name, text) in CONTRACT {
        files.push_str(name, *text);
    }
    let package = files.parse().map_err(|(_, error)| format!("{error:#}"))?;
    let mut resolve = Resolve::default();
    let package = resolve
        .push_group(package)
        .map_err(|error| format!("{error:#}"))?;
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .map_err(|error| format!("{error:#}"))?;
    Ok((resolve, world))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_contract_is_here() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit");
        let mut found: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let names: Vec<&str> = CONTRACT.iter().map(|(name, _)| *name).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn the_world_exports_run() {
        let (resolve, world) = world().unwrap();
        let exports: Vec<String> = resolve.worlds[world]
            .exports
            .keys()
            .map(|key| resolve.name_world_key(key))
            .collect();
        assert_eq!(exports, ["run"]);
    }
}
