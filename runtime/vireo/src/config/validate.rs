//! Checks a parsed file against the JSON Schema of the configuration, so that every wrong key and
//! value is found in one run, with its place; serde stops at the first and forgets where it was.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Formats;
use super::diagnostic::Diagnostic;
use crate::explain::Code;

/// Everything in `document` that the schema does not allow.
pub(super) fn validate(
    schema: &Value,
    formats: Formats,
    document: &Spanned<DeTable<'_>>,
) -> Vec<Diagnostic> {
    let mut walk = Walk {
        root: schema,
        formats,
        path: Vec::new(),
        found: Vec::new(),
    };
    walk.table(schema, document.get_ref(), document.span());
    walk.found
}

struct Walk<'s> {
    root: &'s Value,
    formats: Formats,
    path: Vec<String>,
    found: Vec<Diagnostic>,
}

impl<'s> Walk<'s> {
    fn value(&mut self, schema: &'s Value, value: &Spanned<DeValue<'_>>) {
        let schema = self.resolve(schema);
        if let Some(allowed) = enumeration(schema) {
            self.one_of(&allowed, value);
        } else if let Some(alternatives) = alternatives(schema) {
            self.alternatives(&alternatives, value);
        } else if self.has_type(schema, value) {
            self.constraints(schema, value);
        }
    }

    /// Follows `$ref` to the definition; our schemas refer only to their own `$defs`.
    fn resolve(&self, mut schema: &'s Value) -> &'s Value {
        // A definition may be a reference again; the bound ends a circle.
        for _ in 0..16 {
            let target = schema["$ref"]
                .as_str()
                .and_then(|name| self.root.pointer(name.strip_prefix('#')?));
            match target {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn report(&mut self, code: Code, span: Range<usize>, message: String, help: Option<String>) {
        self.found.push(Diagnostic {
            code,
            span,
            message,
            help,
        });
    }

    fn one_of(&mut self, allowed: &[&Value], value: &Spanned<DeValue<'_>>) {
        let given = plain(value.get_ref());
        if allowed
            .iter()
            .any(|allowed| given.as_ref() == Some(*allowed))
        {
            return;
        }
        let choices: Vec<String> = allowed.iter().map(|value| value.to_string()).collect();
        let near = value
            .get_ref()
            .as_str()
            .and_then(|given| nearest(given, allowed.iter().filter_map(|value| value.as_str())));
        let help = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write {}", listed(&choices)),
        };
        let message = format!("{} is not {}", self.name(), listed(&choices));
        self.report(Code::ConfigValue, value.span(), message, Some(help));
    }

    /// A value may have one of several shapes: the errors shown are those of the shape it
    /// resembles.
    fn alternatives(&mut self, alternatives: &[&'s Value], value: &Spanned<DeValue<'_>>) {
        if let (Some(kinds), DeValue::Table(table)) = (kinds(alternatives), value.get_ref()) {
            return self.kinds(&kinds, table, value.span());
        }
        let mut tried = Vec::new();
        for alternative in alternatives {
            let mut walk = Walk {
                root: self.root,
                formats: self.formats,
                path: self.path.clone(),
                found: Vec::new(),
            };
            walk.value(alternative, value);
            if walk.found.is_empty() {
                return;
            }
            tried.push((self.resolve(alternative), walk.found));
        }
        let kind = kind(value.get_ref());
        let alike = tried.iter().position(|(schema, _)| {
            let types = types(schema);
            types.is_empty() || types.iter().any(|allowed| fits(kind, allowed))
        });
        match alike {
            Some(index) => self.found.append(&mut tried.swap_remove(index).1),
            None => {
                let mut allowed: Vec<&str> =
                    tried.iter().flat_map(|(schema, _)| types(schema)).collect();
                allowed.dedup();
                self.wrong_type(&allowed, value);
            }
        }
    }

    /// A table whose key `kind` says which other keys it has.
    fn kinds(&mut self, kinds: &[(&'s Value, &'s Value)], table: &DeTable<'_>, span: Range<usize>) {
        let given = table.iter().find(|(key, _)| key.get_ref() == KIND);
        let named = given.and_then(|(_, kind)| {
            let kind = plain(kind.get_ref());
            let mut kinds = kinds.iter();
            kinds.find(|(allowed, _)| kind.as_ref() == Some(*allowed))
        });
        match (given, named) {
            (_, Some((_, schema))) => self.table(schema, table, span),
            (Some((_, kind)), None) => {
                let allowed: Vec<&Value> = kinds.iter().map(|(kind, _)| *kind).collect();
                self.path.push(KIND.to_owned());
                self.one_of(&allowed, kind);
                self.path.pop();
            }
            (None, None) => {
                let kinds: Vec<String> = kinds.iter().map(|(kind, _)| kind.to_string()).collect();
                let message = format!("{} lacks `{KIND}`", self.section());
                let help = format!("write kind = {}", listed(&kinds));
                self.report(Code::ConfigMissingKey, span, message, Some(help));
            }
        }
    }

    fn has_type(&mut self, schema: &Value, value: &Spanned<DeValue<'_>>) -> bool {
        let allowed = types(schema);
        let kind = kind(value.get_ref());
        if allowed.is_empty() || allowed.iter().any(|allowed| fits(kind, allowed)) {
            return true;
        }
        self.wrong_type(&allowed, value);
        false
    }

    fn wrong_type(&mut self, allowed: &[&str], value: &Spanned<DeValue<'_>>) {
        let wanted: Vec<&str> = allowed.iter().map(|kind| in_words(kind)).collect();
        let given = kind(value.get_ref());
        let message = format!(
            "{} is {}; it must be {}",
            self.name(),
            in_words(given),
            wanted.join(" or ")
        );
        let help = match value.get_ref() {
            DeValue::String(text)
                if allowed.contains(&"integer") && text.parse::<i64>().is_ok() =>
            {
                Some(format!("write it without quotes: {text}"))
            }
            DeValue::String(text)
                if allowed.contains(&"boolean") && matches!(text.as_ref(), "true" | "false") =>
            {
                Some(format!("write it without quotes: {text}"))
            }
            DeValue::Integer(number) if allowed == ["string"] => {
                Some(format!("write it with quotes: \"{}\"", number.as_str()))
            }
            DeValue::String(_) if allowed == ["array"] => {
                Some("write it in brackets: [\"...\"]".to_owned())
            }
            _ => None,
        };
        self.report(Code::ConfigValue, value.span(), message, help);
    }

    fn constraints(&mut self, schema: &'s Value, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => self.number(schema, value),
            DeValue::String(given) => self.string(schema, given, value.span()),
            DeValue::Array(items) => {
                self.size(
                    schema,
                    ["minItems", "maxItems"],
                    items.len(),
                    "entries",
                    value.span(),
                );
                if let Some(inner) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.path.push(format!("{index}"));
                        self.value(inner, item);
                        self.path.pop();
                    }
                }
            }
            DeValue::Table(table) => self.table(schema, table, value.span()),
            DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
    }

    fn number(&mut self, schema: &Value, value: &Spanned<DeValue<'_>>) {
        let Some(given) = plain(value.get_ref()).and_then(|given| given.as_f64()) else {
            let message = format!("{} is no number that fits into 64 bits", self.name());
            return self.report(Code::ConfigValue, value.span(), message, None);
        };
        let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        if least.is_none_or(|least| given >= least) && most.is_none_or(|most| given <= most) {
            return;
        }
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (None, most) => format!("at most {}", most.unwrap_or_default()),
        };
        let message = format!("{} is {given}; it must be {range}", self.name());
        self.report(Code::ConfigValue, value.span(), message, None);
    }

    fn string(&mut self, schema: &Value, given: &str, span: Range<usize>) {
        let length = given.chars().count();
        self.size(
            schema,
            ["minLength", "maxLength"],
            length,
            "characters",
            span.clone(),
        );
        let format = schema["format"].as_str().unwrap_or_default();
        if let Some(Err(error)) = (self.formats)(format, given) {
            let message = format!("{} is not understood", self.name());
            self.report(Code::ConfigValue, span, message, Some(error));
        }
    }

    fn size(
        &mut self,
        schema: &Value,
        keys: [&str; 2],
        size: usize,
        unit: &str,
        span: Range<usize>,
    ) {
        let bound = |key: &str| {
            schema[key]
                .as_u64()
                .and_then(|bound| usize::try_from(bound).ok())
        };
        let help = match keys.map(bound) {
            [Some(least), _] if size < least => format!("it needs at least {least}"),
            [_, Some(most)] if size > most => format!("it may have at most {most}"),
            _ => return,
        };
        let message = format!("{} has {size} {unit}", self.name());
        self.report(Code::ConfigValue, span, message, Some(help));
    }

    fn table(&mut self, schema: &'s Value, table: &DeTable<'_>, span: Range<usize>) {
        let properties = schema["properties"].as_object();
        let others = schema.get("additionalProperties");
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if let Some(inner) = properties.and_then(|properties| properties.get(name)) {
                self.path.push(name.to_owned());
                self.value(inner, value);
                self.path.pop();
            } else if others == Some(&Value::Bool(false)) {
                self.unknown_key(schema, name, key.span());
            } else if let Some(inner) = others.filter(|others| others.is_object()) {
                self.path.push(name.to_owned());
                self.value(inner, value);
                self.path.pop();
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !table.iter().any(|(key, _)| key.get_ref() == name) {
                let message = format!("{} lacks `{name}`", self.section());
                let about = properties
                    .and_then(|properties| properties.get(name))
                    .and_then(|property| property["description"].as_str())
                    .map(|about| format!("{name}: {}", first_sentence(about)));
                self.report(Code::ConfigMissingKey, span.clone(), message, about);
            }
        }
    }

    fn unknown_key(&mut self, schema: &Value, name: &str, span: Range<usize>) {
        let known: Vec<&str> = schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        let help = if let Some(near) = nearest(name, known.iter().copied()) {
            format!("did you mean `{near}`?")
        } else if let Some(section) = self.section_with(name) {
            format!("`{name}` belongs to [{section}]")
        } else {
            let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
            format!("known here: {}", known.join(", "))
        };
        let message = match self.path.is_empty() {
            true => format!("unknown section or key `{name}`"),
            false => format!("unknown key `{name}` in {}", self.section()),
        };
        self.report(Code::ConfigUnknownKey, span, message, Some(help));
    }

    /// The section that has this key.
    fn section_with(&self, name: &str) -> Option<&'s str> {
        let sections = self.root["properties"].as_object()?;
        sections.iter().find_map(|(section, schema)| {
            self.resolve(schema)["properties"]
                .get(name)
                .map(|_| section.as_str())
        })
    }

    /// The table that the walk is in, as users write it: `[trunks.carrier]`.
    fn section(&self) -> String {
        match self.path.as_slice() {
            [] => "the file".to_owned(),
            [list, index, rest @ ..] if index.parse::<usize>().is_ok() => {
                let number = index.parse::<usize>().unwrap_or_default() + 1;
                let inner = rest.iter().map(|part| match part.parse::<usize>() {
                    Ok(index) => format!(" number {}", index + 1),
                    Err(_) => format!(" {part}"),
                });
                let inner: String = inner.collect();
                format!("[[{list}]] number {number}{inner}")
            }
            path => format!("[{}]", path.join(".")),
        }
    }

    /// The value that the walk is at: `max-calls in [sip]`.
    fn name(&self) -> String {
        match self.path.as_slice() {
            [] => "the file".to_owned(),
            [key] => format!("`{key}`"),
            [section @ .., list, index]
                if !section.is_empty() && index.parse::<usize>().is_ok() =>
            {
                let number = index.parse::<usize>().unwrap_or_default() + 1;
                format!("entry {number} of `{list}` in [{}]", section.join("."))
            }
            [section @ .., key] => {
                let outer = Walk {
                    root: self.root,
                    formats: self.formats,
                    path: section.to_vec(),
                    found: Vec::new(),
                };
                format!("`{key}` in {}", outer.section())
            }
        }
    }
}

/// The values of an enumeration: `enum`, or `oneOf` with nothing but `const`s.
pub(super) fn enumeration(schema: &Value) -> Option<Vec<&Value>> {
    if let Some(values) = schema["enum"].as_array() {
        return Some(values.iter().filter(|value| !value.is_null()).collect());
    }
    let alternatives = schema["oneOf"].as_array()?;
    let mut values = Vec::new();
    for alternative in alternatives {
        match (alternative.get("const"), alternative["enum"].as_array()) {
            (Some(value), _) => values.push(value),
            (None, Some(several)) => values.extend(several),
            (None, None) => return None,
        }
    }
    Some(values)
}

/// The shapes that a value may have, without `null`, which TOML does not know.
pub(super) fn alternatives(schema: &Value) -> Option<Vec<&Value>> {
    let all = schema["anyOf"]
        .as_array()
        .or_else(|| schema["oneOf"].as_array())?;
    Some(all.iter().filter(|one| one["type"] != "null").collect())
}

/// The key that tells tables of several shapes apart.
const KIND: &str = "kind";

/// The value of the key `kind`, and the shape that goes with it, of tables that are told apart by it.
pub(super) fn kinds<'s>(alternatives: &[&'s Value]) -> Option<Vec<(&'s Value, &'s Value)>> {
    let kind = |shape: &&'s Value| Some((shape["properties"][KIND].get("const")?, *shape));
    alternatives.iter().map(kind).collect()
}

/// The JSON types that a schema allows, without `null`.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several
            .iter()
            .filter_map(Value::as_str)
            .filter(|kind| *kind != "null")
            .collect(),
        _ => Vec::new(),
    }
}

fn fits(given: &str, allowed: &str) -> bool {
    given == allowed || (given == "integer" && allowed == "number")
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "datetime",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "datetime" => "a date or time",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

/// A scalar as JSON; none for everything else and for numbers beyond 64 bits.
fn plain(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Value::from),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The name that a mistyped one most likely stands for: a third of its letters wrong at the most, or
/// the same beginning.
pub(super) fn nearest<'n>(given: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// Lower, unrelated keys of this schema begin to be suggested.
    const ALIKE: f64 = 0.88;
    let given = given.to_lowercase();
    known
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let wrong = strsim::damerau_levenshtein(&given, &lower);
            let alike = strsim::jaro_winkler(&given, &lower);
            let letters = lower.chars().count();
            let near = (wrong < letters && wrong <= (letters / 3).max(1)) || alike >= ALIKE;
            near.then_some((wrong, name))
        })
        .min()
        .map(|(_, name)| name)
}

fn listed(choices: &[String]) -> String {
    match choices {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

pub(super) fn first_sentence(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.find(". ") {
        Some(end) => flat[..=end].to_owned(),
        None => flat,
    }
}
