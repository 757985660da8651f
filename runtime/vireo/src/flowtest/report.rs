//! What `vireo test` prints.

use std::time::Duration;

use serde_json::{Value, json};
use vireo_sim::{Happened, Span, Trouble};

use super::Checked;
use super::stage::Unreached;
use super::transcript::{self, render, rows};
use crate::cli::{CliError, Output};
use crate::explain::Code;

/// The results of a run.
pub(super) struct Report<'a> {
    pub checked: &'a [Checked],
    pub coverage: &'a [Unreached],
    pub took: Duration,
    pub verbose: bool,
}

impl Report<'_> {
    /// Prints it.
    ///
    /// # Errors
    /// [`Code::TestsFailed`] when a case did not pass.
    pub fn show(&self, output: &Output) -> Result<(), CliError> {
        match output.is_json() {
            true => output.json(&self.json())?,
            false => self.text(output),
        }
        match self.failed() {
            0 => Ok(()),
            failed => {
                let all = self.checked.len();
                let message = format!("{failed} of {all} flow tests did not pass");
                Err(CliError::new(Code::TestsFailed, message))
            }
        }
    }

    fn failed(&self) -> usize {
        self.checked
            .iter()
            .filter(|checked| !checked.passed())
            .count()
    }

    fn text(&self, output: &Output) {
        let mut file = "";
        for checked in self.checked {
            if checked.file != file {
                file = &checked.file;
                output.line(&output.heading(file));
            }
            let name = &checked.case.name;
            let lasted = checked.verdict.lasted.as_secs_f64();
            match checked.passed() {
                true => output.line(&format!("  ok    {name} ({lasted:.1} s)")),
                false => output.line(&format!("  {}  {name}", output.alarm("FAIL"))),
            }
            if self.verbose || !checked.passed() {
                output.raw(&render(&rows(checked), output));
                for line in explain(checked) {
                    output.line(&format!("        {line}"));
                }
            }
        }
        for unreached in self.coverage {
            output.line("");
            cover(unreached, output);
        }
        let (all, failed) = (self.checked.len(), self.failed());
        let lasted: Duration = self
            .checked
            .iter()
            .map(|checked| checked.verdict.lasted)
            .sum();
        output.line(&format!(
            "\n{} passed, {failed} failed: {:.0} s of calls in {:.2} s",
            all - failed,
            lasted.as_secs_f64(),
            self.took.as_secs_f64()
        ));
    }

    fn json(&self) -> Value {
        let cases = self.checked.iter().map(|checked| {
            let transcript = rows(checked).into_iter().map(|row| {
                json!({
                    "at_ms": row.at.as_millis() as u64, "who": row.who, "what": row.text,
                    "steps": row.steps, "expected": row.wanted,
                })
            });
            json!({
                "file": checked.file,
                "name": checked.case.name,
                "passed": checked.passed(),
                "troubles": explain(checked),
                "line": line(checked),
                "ends": checked.verdict.end.name(),
                "lasted_ms": checked.verdict.lasted.as_millis() as u64,
                "transcript": transcript.collect::<Vec<_>>(),
                "verbs": verbs(checked),
            })
        });
        let coverage = self.coverage.iter().map(|unreached| {
            let gathers = unreached.reached.gathers.iter();
            let gathers = gathers.map(|(prompt, gathered)| (prompt, gathered.never()));
            json!({
                "flow": unreached.flow,
                "component": unreached.component,
                "prompts": unreached.reached.prompts,
                "prompts_never_heard": unreached.prompts,
                "functions": unreached.reached.functions,
                "functions_never_called": unreached.functions,
                "gathers": gathers
                    .map(|(prompt, never)| json!({ "prompt": prompt, "never": never }))
                    .collect::<Vec<_>>(),
            })
        });
        json!({
            "passed": self.checked.len() - self.failed(),
            "failed": self.failed(),
            "cases": cases.collect::<Vec<_>>(),
            "coverage": coverage.collect::<Vec<_>>(),
        })
    }
}

/// What the flow asked and was told, as the journal of a server's call has it.
fn verbs(checked: &Checked) -> Vec<Value> {
    let records = checked.verdict.log.iter();
    let verbs = records.filter_map(|record| match &record.what {
        Happened::Verb {
            asked,
            request,
            answer,
        } => Some(json!({
            "at_ms": asked.as_millis() as u64,
            "name": request.verb(),
            "request": request,
            "reply": transcript::reply(*asked, record.at, answer),
        })),
        _ => None,
    });
    verbs.collect()
}

/// The line of the step that was to come.
fn line(checked: &Checked) -> Option<usize> {
    checked
        .verdict
        .troubles
        .iter()
        .find_map(|trouble| match trouble {
            Trouble::Mismatch(mismatch) => {
                let step = checked.case.steps.get(mismatch.step?)?;
                Some(step.line)
            }
            _ => None,
        })
}

/// What is wrong with a case, in lines.
pub(super) fn explain(checked: &Checked) -> Vec<String> {
    let mut lines = Vec::new();
    for trouble in &checked.verdict.troubles {
        match trouble {
            Trouble::Mismatch(mismatch) => {
                let place = match line(checked) {
                    Some(line) => format!("   {}:{line}", checked.file),
                    None => String::new(),
                };
                let wanted = transcript::wanted(checked, mismatch.step);
                lines.push(format!("expected  {wanted}{place}"));
                lines.push(format!(
                    "but       {} at {}",
                    mismatch.actual,
                    time(mismatch.at)
                ));
            }
            Trouble::FlowFailed { why, backtrace } => {
                lines.push(format!(
                    "the flow failed: {}",
                    why.trim_start_matches("failed: ")
                ));
                lines.extend(backtrace.iter().map(|function| format!("  in {function}")));
            }
            Trouble::Missing(what) => lines.push(what.clone()),
        }
    }
    lines
}

fn time(at: Duration) -> String {
    // To the millisecond, as it is in the transcript.
    Span(Duration::from_millis(at.as_millis() as u64)).to_string()
}

/// What no case has reached.
fn cover(unreached: &Unreached, output: &Output) {
    let Unreached {
        flow,
        reached,
        functions,
        prompts,
        ..
    } = unreached;
    output.line(&output.heading(&format!("Coverage of {flow}")));
    let lists = [
        ("prompts", reached.prompts.len(), prompts, "never heard"),
        (
            "functions",
            reached.functions.len(),
            functions,
            "never called",
        ),
    ];
    for (what, count, left, never) in lists {
        let left = match left.as_slice() {
            [] => String::new(),
            left => format!("; {never}: {}", left.join(", ")),
        };
        output.line(&format!("  {what:<10} {count} reached{left}"));
    }
    for (prompt, gathered) in &reached.gathers {
        let never = match gathered.never().as_slice() {
            [] => "everything".to_owned(),
            never => format!("never: {}", never.join(", ")),
        };
        output.line(&format!("  gather     {prompt}: {never}"));
    }
}
