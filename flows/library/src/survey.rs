//! A survey: questions one after the other, with branches; what was answered is kept at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use vireo_sdk::{Call, RecordEnd, Result, kv};

use crate::language::is_entry;
use crate::line::Line;
use crate::list::Files;
use crate::plan::{self, Asking, Plan, check_name};
use crate::results::{Caller, Record};

/// The plan of a survey.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Survey {
    /// The name of its results.
    #[serde(default = "Survey::default_name")]
    pub name: String,
    /// Heard first.
    #[serde(default = "Survey::default_welcome")]
    pub welcome: Files,
    /// Heard at the end.
    #[serde(default = "Survey::default_goodbye")]
    pub goodbye: Files,
    /// How questions are asked.
    #[serde(default)]
    pub asking: Asking,
    /// True: calling numbers are not kept.
    #[serde(default)]
    pub anonymous: bool,
    /// True: who has completed it is not asked again. Callers who withhold their number are.
    #[serde(default)]
    pub once: bool,
    /// Heard by who has completed it, with `once`.
    #[serde(default = "Survey::default_already")]
    pub already: Files,
    /// The questions, in order.
    pub questions: Vec<Question>,
}

/// One question.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Question {
    /// Names the answer in the results.
    pub id: String,
    /// The question.
    pub prompt: Files,
    /// What is asked for.
    pub kind: Kind,
    /// With `rating`: the highest key, 2 to 9.
    pub highest: Option<u8>,
    /// With `choice`: answers by key.
    #[serde(default)]
    pub choices: BTreeMap<String, String>,
    /// With `digits`: the fewest.
    pub least: Option<u8>,
    /// With `digits`: the most.
    pub most: Option<u8>,
    /// With `comment`: the longest, seconds.
    pub longest_s: Option<u16>,
    /// The question that follows an answer, by answer; "end" ends the survey.
    #[serde(default)]
    pub branch: BTreeMap<String, String>,
    /// The question that follows where `branch` says nothing; the next in order when absent.
    pub next: Option<String>,
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A key from 1 to `highest`, 5 when absent.
    Rating,
    /// 1 is yes, 2 is no.
    YesNo,
    /// One of `choices`.
    Choice,
    /// A number of `least` to `most` digits.
    Digits,
    /// A recorded message.
    Comment,
}

/// Ends the survey, where a question is named.
const END: &str = "end";

/// What a branch calls a question that was not answered.
const UNANSWERED: &str = "unanswered";

/// So many questions in a row without an answer: nobody is there.
const SILENCES: u8 = 2;

impl Survey {
    fn default_name() -> String {
        "survey".to_owned()
    }
    fn default_welcome() -> Files {
        Files::one("survey/welcome")
    }
    fn default_goodbye() -> Files {
        Files::one("survey/goodbye")
    }
    fn default_already() -> Files {
        Files::one("survey/already")
    }

    /// The place of the question that comes after one; none: the survey ends.
    fn after(&self, place: usize, answer: Option<&str>) -> Option<usize> {
        let question = self.questions.get(place)?;
        let next = question
            .branch
            .get(answer.unwrap_or(UNANSWERED))
            .or(question.next.as_ref());
        match next.map(String::as_str) {
            None => Some(place + 1),
            Some(END) => None,
            Some(id) => self.questions.iter().position(|other| other.id == id),
        }
    }

    /// Asks all of it.
    ///
    /// # Errors
    ///
    /// Those of the call and of the store.
    pub fn run(&self, line: &Line<'_>) -> Result<()> {
        let caller = line.call.caller();
        let done = format!("completed/{}/{caller}", self.name);
        let once = self.once && !caller.is_empty();
        if once && kv::get(&done)?.is_some() {
            return line.play(&self.already);
        }
        line.play(&self.welcome)?;
        let info = line.call.info();
        let identity = match self.anonymous {
            true => Caller::Anonymous,
            false => Caller::Named,
        };
        let mut record = Record::new(&self.name, line, info.started_at, &info.call_id, identity);
        if !self.ask_all(line, &mut record)? {
            return line.play(&self.goodbye);
        }
        record.complete();
        record.save()?;
        if once {
            kv::set(&done, "yes")?;
        }
        line.play(&self.goodbye)
    }

    /// Asks the questions; false when nobody seems to be there.
    fn ask_all(&self, line: &Line<'_>, record: &mut Record) -> Result<bool> {
        let mut silences = 0;
        let mut place = Some(0);
        while let Some((at, question)) = place.and_then(|at| Some((at, self.questions.get(at)?))) {
            let answer = question.ask(line, &self.asking)?;
            match &answer {
                Some((_, value)) => {
                    silences = 0;
                    record.answer(&question.id, value.clone());
                    record.save()?;
                }
                None => silences += 1,
            }
            if silences == SILENCES {
                return Ok(false);
            }
            place = self.after(at, answer.as_ref().map(|(name, _)| name.as_str()));
        }
        Ok(true)
    }
}

impl Question {
    /// Asks it: the answer as branches name it, and as it is kept.
    fn ask(&self, line: &Line<'_>, asking: &Asking) -> Result<Option<(String, Value)>> {
        if self.kind == Kind::Comment {
            return self.listen(line);
        }
        if self.kind == Kind::Digits {
            let (least, most) = (self.least.unwrap_or(1), self.most.unwrap_or(MOST_DIGITS));
            let numbers = (least..=most).map(|digits| "x".repeat(digits.into()));
            let gathered = line
                .ask(&self.prompt, asking)
                .min_digits(least)
                .terminators("#")
                .accept(numbers)
                .collect()?;
            let digits = gathered.digits();
            return Ok(digits.map(|digits| (digits.clone(), Value::from(digits))));
        }
        let keys = self.keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let pressed = line.choose(&self.prompt, &keys, asking)?;
        Ok(pressed.map(|pressed| self.meaning(&pressed)))
    }

    /// The keys that answer it.
    fn keys(&self) -> Vec<String> {
        match self.kind {
            Kind::Rating => (1..=self.highest.unwrap_or(5))
                .map(|key| key.to_string())
                .collect(),
            Kind::YesNo => vec!["1".to_owned(), "2".to_owned()],
            Kind::Choice => self.choices.keys().cloned().collect(),
            Kind::Digits | Kind::Comment => Vec::new(),
        }
    }

    fn meaning(&self, pressed: &str) -> (String, Value) {
        let name = match self.kind {
            Kind::YesNo if pressed == "1" => "yes",
            Kind::YesNo => "no",
            Kind::Choice => self.choices.get(pressed).map_or(pressed, String::as_str),
            Kind::Rating | Kind::Digits | Kind::Comment => pressed,
        };
        let value = match (self.kind, name.parse::<u8>()) {
            (Kind::Rating, Ok(rating)) => Value::from(rating),
            _ => Value::from(name),
        };
        (name.to_owned(), value)
    }

    /// A caller who hangs up after speaking has answered.
    fn listen(&self, line: &Line<'_>) -> Result<Option<(String, Value)>> {
        let message = line
            .record(&self.prompt)
            .max_duration(Duration::from_secs(self.longest_s.unwrap_or(60).into()))
            .start()?;
        if message.duration < SHORTEST {
            line.call.discard(&message)?;
            return Ok(None);
        }
        let ms = u64::try_from(message.duration.as_millis()).unwrap_or(u64::MAX);
        let ended = match message.ended_by {
            RecordEnd::HungUp => "hung-up",
            _ => "commented",
        };
        let kept = json!({ "recording": message.id.as_str(), "ms": ms });
        Ok(Some((ended.to_owned(), kept)))
    }

    fn check(&self, later: &BTreeSet<&str>, problems: &mut Vec<String>) {
        let mut wrong = |what: String| problems.push(format!("question `{}`: {what}", self.id));
        let given = [
            ("highest", self.highest.is_some(), Kind::Rating),
            ("choices", !self.choices.is_empty(), Kind::Choice),
            ("least", self.least.is_some(), Kind::Digits),
            ("most", self.most.is_some(), Kind::Digits),
            ("longest-s", self.longest_s.is_some(), Kind::Comment),
        ];
        for (key, given, kind) in given {
            if given && kind != self.kind {
                wrong(format!("`{key}` does not fit its kind"));
            }
        }
        if !(2..=9).contains(&self.highest.unwrap_or(5)) {
            wrong("`highest` must be 2 to 9".to_owned());
        }
        if self.kind == Kind::Choice && self.choices.is_empty() {
            wrong("`choices` is empty".to_owned());
        }
        for key in self.choices.keys().filter(|key| !is_entry(key)) {
            wrong(format!("{key:?} cannot be pressed"));
        }
        let (least, most) = (self.least.unwrap_or(1), self.most.unwrap_or(MOST_DIGITS));
        if least == 0 || least > most || most > MOST_DIGITS {
            wrong(format!(
                "`least` and `most` must be 1 to {MOST_DIGITS}, the least at most the most"
            ));
        }
        if !(1..=3600).contains(&self.longest_s.unwrap_or(60)) {
            wrong("`longest-s` must be 1 to 3600".to_owned());
        }
        let known = self.answers();
        for answer in self.branch.keys() {
            if let Some(known) = &known
                && answer != UNANSWERED
                && !known.contains(answer)
            {
                wrong(format!(
                    "`branch` has {answer:?}, which is no answer; answers are {}",
                    known.join(", ")
                ));
            }
        }
        for next in self.branch.values().chain(&self.next) {
            if next != END && !later.contains(next.as_str()) {
                wrong(format!(
                    "`{next}` is no later question; write one, or \"{END}\""
                ));
            }
        }
    }

    /// Its possible answers; none when there are too many to list.
    fn answers(&self) -> Option<Vec<String>> {
        match self.kind {
            Kind::Digits => None,
            Kind::Comment => Some(vec!["commented".to_owned()]),
            _ => Some(self.keys().iter().map(|key| self.meaning(key).0).collect()),
        }
    }
}

/// The longest number.
const MOST_DIGITS: u8 = 32;

/// What is shorter is no comment.
const SHORTEST: Duration = Duration::from_millis(500);

impl Plan for Survey {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        check_name(&self.name, &mut problems);
        self.asking.check("asking: ", &mut problems);
        if self.questions.is_empty() {
            problems.push("there is no question".to_owned());
        }
        let mut later = BTreeSet::new();
        for question in self.questions.iter().rev() {
            question.check(&later, &mut problems);
            if question.id == END || question.id.is_empty() {
                problems.push(format!("a question cannot have the id {:?}", question.id));
            }
            if !later.insert(question.id.as_str()) {
                problems.push(format!("two questions have the id `{}`", question.id));
            }
        }
        problems
    }
}

/// The flow: the survey of the setting that the route's parameter `survey` names, or of `survey`.
///
/// # Errors
///
/// Those of the plan, of the call and of the store.
pub fn run(call: &Call) -> Result<()> {
    let survey: Survey = plan::from_setting(call.parameter("survey").unwrap_or("survey"))?;
    survey.run(&Line::new(call))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(text: &str) -> Result<Survey> {
        plan::parse("survey", text)
    }

    const GOOD: &str = "
        [[questions]]
        id = 'service'
        prompt = 'q1'
        kind = 'rating'
        branch = { 1 = 'why', 5 = 'end' }
        next = 'again'
        [[questions]]
        id = 'why'
        prompt = 'q2'
        kind = 'comment'
        [[questions]]
        id = 'again'
        prompt = 'q3'
        kind = 'yes-no'
        branch = { unanswered = 'end' }
        [[questions]]
        id = 'number'
        prompt = 'q4'
        kind = 'digits'
    ";

    #[test]
    fn branches_lead_where_they_say() {
        let survey = survey(GOOD).unwrap();
        for (place, answer, next) in [
            (0, Some("1"), Some(1)),
            (0, Some("3"), Some(2)),
            (0, None, Some(2)),
            (0, Some("5"), None),
            (1, Some("commented"), Some(2)),
            (2, Some("yes"), Some(3)),
            (2, None, None),
        ] {
            assert_eq!(survey.after(place, answer), next, "{place} {answer:?}");
        }
    }

    #[test]
    fn answers_are_kept_as_what_they_mean() {
        let survey = survey(GOOD).unwrap();
        assert_eq!(survey.questions[0].meaning("4"), ("4".into(), json!(4)));
        assert_eq!(
            survey.questions[2].meaning("1"),
            ("yes".into(), json!("yes"))
        );
        assert_eq!(survey.questions[2].meaning("2"), ("no".into(), json!("no")));
    }

    #[test]
    fn mistakes_are_told() {
        let question = |more: &str| format!("questions = [{{ id = 'a', prompt = 'p', {more} }}]");
        for (text, told) in [
            ("questions = []".to_owned(), "there is no question"),
            ("questions = [{ id = 'a', kind = 'rating' }]".to_owned(), "missing field `prompt`"),
            (question("kind = 'stars'"), "unknown variant `stars`"),
            (question("kind = 'rating', highest = 12"), "`highest` must be 2 to 9"),
            (question("kind = 'yes-no', highest = 5"), "`highest` does not fit its kind"),
            (question("kind = 'choice'"), "`choices` is empty"),
            (question("kind = 'choice', choices = { x = 'bus' }"), "\"x\" cannot be pressed"),
            (question("kind = 'digits', least = 9, most = 3"), "the least at most the most"),
            (question("kind = 'rating', branch = { 7 = 'end' }"), "`branch` has \"7\", which is no answer"),
            (question("kind = 'rating', next = 'a'"), "`a` is no later question"),
            (format!("name = 'a b'\n{}", question("kind = 'rating'")), "`name` is \"a b\""),
            (
                "questions = [{ id = 'a', prompt = 'p', kind = 'yes-no' }, { id = 'a', prompt = 'p', kind = 'yes-no' }]"
                    .to_owned(),
                "two questions have the id `a`",
            ),
        ] {
            let why = survey(&text).unwrap_err().to_string();
            assert!(why.contains(told), "{text}\n{why}");
        }
    }
}
