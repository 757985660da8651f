//! `docs/configuration.md`, written from the JSON Schema and so from the types themselves.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::schema;
use super::validate::{alternatives, enumeration, kinds, types};

const HEAD: &str = "\
# Configuration

<!-- Written by `vireo config reference`; edit the comments in runtime/vireo/src/config/types.rs. -->

One TOML file, named by `--config` or `VIREO_CONFIG`. Unknown keys are errors. Relative paths are
relative to the directory of the file. Quantities are numbers with their unit in the key.

- `vireo config check FILE` shows everything that is wrong with a file, with line and column;
- `vireo config print` shows the configuration in force, defaults included;
- `vireo config schema` prints the JSON Schema, which editors use to complete and check keys:
  put `#:schema ./vireo.schema.json` at the top of the file.
";

/// The reference of every key, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    let root = schema();
    for (name, section) in properties(root) {
        write_section(&mut out, name, section);
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    schema["properties"].as_object().unwrap_or(&NONE).iter()
}

/// Follows a reference to its definition.
fn resolve(value: &Value) -> &Value {
    let target = value["$ref"]
        .as_str()
        .and_then(|name| schema().pointer(name.strip_prefix('#')?));
    let shape = target.unwrap_or(value);
    // An optional value of a named type: `anyOf [type, null]`.
    match alternatives(shape).as_deref() {
        Some([only]) => resolve(only),
        _ => shape,
    }
}

/// One table of the file, then the tables in it.
fn write_section(out: &mut String, path: &str, section: &Value) {
    let shape = resolve(section);
    let plain_entries = shape
        .get("additionalProperties")
        .filter(|entry| entry.is_object() && !is_table(entry));
    if let Some(entry) = plain_entries.filter(|entry| resolve(entry)["type"] != "object") {
        let about = section["description"].as_str().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n## `[{path}]`\n\n{about}\n\nEach entry is a {}.\n",
            kind(entry)
        );
        return;
    }
    let (heading, shape) = if let Some(entry) = shape
        .get("additionalProperties")
        .filter(|inner| inner.is_object())
    {
        (format!("{path}.NAME"), resolve(entry))
    } else if let Some(entry) = shape.get("items") {
        (format!("[{path}]"), resolve(entry))
    } else {
        (path.to_owned(), shape)
    };
    let about = section["description"]
        .as_str()
        .or_else(|| shape["description"].as_str())
        .unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(out, "\n## `[{heading}]`\n\n{about}\n");
    if let Some(kinds) = shapes_by_kind(shape) {
        for (kind, shape) in kinds {
            let about = shape["description"].as_str().unwrap_or_default();
            let _ = write!(out, "\n### `kind = {kind}`\n\n{about}\n");
            let keys = properties(shape).filter(|(key, _)| *key != "kind");
            write_keys(out, shape, keys.collect());
        }
        return;
    }
    let (tables, keys): (Vec<_>, Vec<_>) =
        properties(shape).partition(|(_, value)| is_table(value));
    write_keys(out, shape, keys);
    let own = heading.trim_start_matches('[').trim_end_matches(']');
    for (key, value) in tables {
        write_section(out, &format!("{own}.{key}"), value);
    }
}

fn write_keys(out: &mut String, shape: &Value, keys: Vec<(&String, &Value)>) {
    if !keys.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n| key | value | default | |\n| --- | --- | --- | --- |\n"
        );
    }
    for (key, value) in keys {
        let about = cell(&described(value));
        let _ = writeln!(
            out,
            "| `{key}` | {} | {} | {about} |",
            cell(&kind(value)),
            cell(&default(shape, key, value))
        );
    }
}

/// The shapes of a table that has one of several, by its key `kind`.
fn shapes_by_kind(shape: &Value) -> Option<Vec<(&Value, &Value)>> {
    kinds(&alternatives(shape)?)
}

/// Is it a table with keys of its own? Maps of plain values are shown as one key.
fn is_table(value: &Value) -> bool {
    let has_keys =
        |shape: &Value| shape.get("properties").is_some() || shapes_by_kind(shape).is_some();
    let shape = resolve(value);
    let entries = shape.get("additionalProperties").or(shape.get("items"));
    has_keys(shape) || entries.is_some_and(|entry| has_keys(resolve(entry)))
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// The description, with what each choice of an enumeration means.
fn described(value: &Value) -> String {
    let shape = resolve(value);
    let mut about = value["description"]
        .as_str()
        .or_else(|| shape["description"].as_str())
        .unwrap_or_default()
        .to_owned();
    for choice in shape["oneOf"].as_array().into_iter().flatten() {
        if let (Some(constant), Some(meaning)) =
            (choice.get("const"), choice["description"].as_str())
        {
            let _ = write!(about, " `{constant}`: {meaning}");
        }
    }
    about
}

/// The values that a key takes, in words.
fn kind(value: &Value) -> String {
    let shape = resolve(value);
    if let Some(choices) = enumeration(shape) {
        let choices: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        return choices.join(", ");
    }
    if let Some(shapes) = alternatives(shape) {
        let shapes: Vec<String> = shapes.iter().map(|shape| kind(shape)).collect();
        return shapes.join(" or ");
    }
    let words: Vec<String> = types(shape)
        .iter()
        .map(|kind| one_kind(shape, kind))
        .collect();
    words.join(" or ")
}

fn one_kind(shape: &Value, kind: &str) -> String {
    let range = match (shape["minimum"].as_f64(), shape["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (None, Some(most)) => format!(", at most {most}"),
        (Some(least), None) if least > 0.0 => format!(", at least {least}"),
        _ => String::new(),
    };
    match kind {
        "integer" => format!("whole number{range}"),
        "number" => format!("number{range}"),
        "boolean" => "`true`, `false`".to_owned(),
        "array" => format!("list of: {}", self::kind(&shape["items"])),
        "object" => match shape
            .get("additionalProperties")
            .filter(|inner| inner.is_object())
        {
            Some(inner) => format!("table of: {}", self::kind(inner)),
            None => "table".to_owned(),
        },
        _ => match shape["examples"].as_array() {
            Some(examples) => {
                let examples: Vec<String> = examples
                    .iter()
                    .map(|example| format!("`{example}`"))
                    .collect();
                format!("text: {}", examples.join(", "))
            }
            None => "text".to_owned(),
        },
    }
}

fn default(section: &Value, key: &str, value: &Value) -> String {
    let required = section["required"]
        .as_array()
        .is_some_and(|keys| keys.iter().any(|name| name == key));
    match value.get("default").or_else(|| section["default"].get(key)) {
        _ if required => "required".to_owned(),
        None | Some(Value::Null) => String::new(),
        Some(default) => format!("`{default}`"),
    }
}
