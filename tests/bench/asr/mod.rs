//! Speech recognition: how well the models of the repository, or others, hear voices that they were not
//! trained on, through the product's own way, and what that costs.

mod caller;
mod held_out;
mod load;
mod matrix;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use caller::{Heard, Room};
use held_out::{CONDITIONS, HeldOut, Kind};

use crate::bench::Bench;
use crate::error::{Context as _, Result};

/// Recognitions at the same time that accuracy is measured with: their sound comes faster than it is spoken.
const AT_ONCE: usize = 4;

/// Measures each language that has a model; English stands for the section.
pub fn run(bench: &mut Bench) -> Result<Value> {
    let runtime = (tokio::runtime::Builder::new_multi_thread().enable_all())
        .worker_threads(2)
        .on_thread_start(crate::machine::Machine::leave_generator)
        .build()
        .context(|| "threads".into())?;
    let mut report = json!({});
    for language in ["en", "zh"] {
        let model = bench.options.model(language);
        if !model.is_dir() {
            bench.note(&format!("asr: {} is not there", model.display()));
            continue;
        }
        bench.step(&format!("asr: {language}, accuracy"), bench.seconds(60, 25));
        let set = HeldOut::make(language, bench.options.quick)?;
        let room = Room::open(language, &model)?;
        let part = runtime.block_on(accuracy(&room, &set, &bench.options.out))?;
        match language {
            "en" => {
                report = part;
                bench.step("asr: recognitions at the same time", bench.seconds(80, 25));
                let load = runtime.block_on(load::run(bench, &room, &set))?;
                if let (Some(whole), Some(load)) = (report.as_object_mut(), load.as_object()) {
                    whole.extend(load.clone());
                }
            }
            _ => report[language] = part,
        }
    }
    Ok(report)
}

/// How often what was said is what was understood.
async fn accuracy(room: &Room, set: &HeldOut, out: &Path) -> Result<Value> {
    let heard = room.all(set, AT_ONCE).await?;
    let share = |kind: Kind, condition: &str, right: &dyn Fn(&str, &Heard) -> bool| {
        let of: Vec<_> = (set.utterances.iter().zip(&heard))
            .filter(|(said, _)| said.kind == kind && said.condition == condition)
            .collect();
        let good = of.iter().filter(|(said, heard)| right(&said.words, heard));
        percent(good.count(), of.len())
    };
    let mut report = json!({ "utterances": set.utterances.len(), "grammar": set.grammar });
    for condition in CONDITIONS {
        // Whatever its confidence: the model's part alone.
        report[format!("accuracy_{condition}")] = share(Kind::Word, condition, &|said, heard| {
            heard.value.as_deref() == Some(said)
        });
        report[format!("digits_{condition}")] = share(Kind::Digits, condition, &|said, heard| {
            heard.digits() == set.digits(said)
        });
        // With the usual threshold of confidence: the product's.
        report[format!("understood_{condition}")] = share(Kind::Word, condition, &|said, heard| {
            heard.is_match() && heard.value.as_deref() == Some(said)
        });
        report[format!("misunderstood_{condition}")] =
            share(Kind::Word, condition, &|said, heard| {
                heard.is_match() && heard.value.as_deref() != Some(said)
            });
        report[format!("outside_rejected_{condition}")] =
            share(Kind::Outside, condition, &|_, heard| !heard.is_match());
    }
    report["per_word"] = per_word(set, &heard);
    let picture = matrix::svg(set, &heard);
    let file = out.join(format!("asr-{}.svg", room.language()));
    std::fs::create_dir_all(out).context(|| format!("{}", out.display()))?;
    std::fs::write(&file, picture).context(|| format!("{}", file.display()))?;
    Ok(report)
}

/// The accuracy of each word, by condition.
fn per_word(set: &HeldOut, heard: &[Heard]) -> Value {
    let mut words: BTreeMap<&str, BTreeMap<&str, (usize, usize)>> = BTreeMap::new();
    for (said, heard) in set.utterances.iter().zip(heard) {
        if said.kind == Kind::Word {
            let cell = words
                .entry(&said.words)
                .or_default()
                .entry(&said.condition)
                .or_default();
            cell.0 += usize::from(heard.value.as_ref() == Some(&said.words));
            cell.1 += 1;
        }
    }
    let words = words.into_iter().map(|(word, conditions)| {
        let shares = conditions
            .into_iter()
            .map(|(name, (good, all))| (name.to_owned(), percent(good, all)));
        (word.to_owned(), Value::Object(shares.collect()))
    });
    Value::Object(words.collect())
}

#[allow(clippy::cast_precision_loss)]
fn percent(good: usize, all: usize) -> Value {
    match all {
        0 => Value::Null,
        all => json!((1000.0 * good as f64 / all as f64).round() / 10.0),
    }
}
