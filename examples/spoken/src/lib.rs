//! A line that listens: which department, the customer number, and is that right?
//!
//! Everything can be said and everything can be typed. When the server cannot listen, the flow asks
//! for keys. It speaks English, and Mandarin to callers whose route says so.

use vireo_sdk::prelude::*;
use vireo_sdk::text;

vireo_sdk::flow!(listening_line);

/// What is said in one language.
struct Words {
    which: &'static str,
    /// What callers may say, what the flow calls it, and its key.
    departments: [(&'static str, &'static str, &'static str); 3],
    which_key: &'static str,
    number: &'static str,
    number_keys: &'static str,
    right: [&'static str; 2],
    right_keys: &'static str,
    again: &'static str,
    done: &'static str,
    sorry: &'static str,
}

const ENGLISH: Words = Words {
    which: "Do you want sales, billing, or the operator?",
    departments: [
        ("sales", "sales", "1"),
        ("billing", "billing", "2"),
        ("operator", "operator", "0"),
    ],
    which_key: "For sales, press 1. For billing, press 2. For the operator, press 0.",
    number: "Please say your customer number, four digits.",
    number_keys: "Please type your customer number, four digits.",
    right: ["Your number is", "Is that right?"],
    right_keys: "Press 1 for yes, or 2 for no.",
    again: "I did not understand.",
    done: "Thank you. Goodbye.",
    sorry: "Please call again later. Goodbye.",
};

const MANDARIN: Words = Words {
    which: "请说客服、账单，或者人工。",
    departments: [
        ("客服", "sales", "1"),
        ("账单", "billing", "2"),
        ("人工", "operator", "0"),
    ],
    which_key: "客服请按一，账单请按二，人工请按零。",
    number: "请说四位客户号码。",
    number_keys: "请输入四位客户号码。",
    right: ["您的号码是", "对吗？"],
    right_keys: "对请按一，不对请按二。",
    again: "没有听懂。",
    done: "谢谢，再见。",
    sorry: "请稍后再拨，再见。",
};

fn listening_line(call: &Call) -> Result<()> {
    let words = match call.info().language.starts_with("zh") {
        true => &MANDARIN,
        false => &ENGLISH,
    };
    call.answer()?;
    let Some(department) = department(call, words)? else {
        return call.play(text(words.sorry));
    };
    info!("department {department}");
    for _ in 0..3 {
        let Some(number) = number(call, words)? else {
            break;
        };
        if is_right(call, words, &number)? {
            info!("customer {number} for {department}");
            return call.play(text(words.done));
        }
    }
    call.play(text(words.sorry))
}

fn department(call: &Call, words: &Words) -> Result<Option<String>> {
    let keys = words.departments.map(|(_, _, key)| key);
    let speech = (words.departments.iter()).fold(Speech::new(), |speech, (said, name, _)| {
        speech.phrase(*said, *name)
    });
    let answer = call
        .gather(text(words.which))
        .accept(keys)
        .no_match(text(words.again))
        .listen(speech)
        .collect()?;
    let value = match answer {
        Answer::Unheard(why) => {
            warn!("{}", why.text);
            call.gather(text(words.which_key))
                .accept(keys)
                .collect()?
                .digits()
        }
        answer => answer.value(),
    };
    Ok(value.map(|value| {
        let pressed = words.departments.iter().find(|(_, _, key)| *key == value);
        pressed.map_or(value, |(_, name, _)| (*name).to_owned())
    }))
}

fn number(call: &Call, words: &Words) -> Result<Option<String>> {
    let answer = call
        .gather(text(words.number))
        .digits(4)
        .no_match(text(words.again))
        .listen(Speech::new().digits(4))
        .collect()?;
    Ok(match answer {
        Answer::Unheard(_) => call
            .gather(text(words.number_keys))
            .digits(4)
            .collect()?
            .digits(),
        answer => answer.value(),
    })
}

/// Says the number and asks. A caller who says nothing is content.
fn is_right(call: &Call, words: &Words, number: &str) -> Result<bool> {
    let [before, after] = words.right;
    let answer = call
        .gather((text(before), say::digits(number), text(after)))
        .accept(["1", "2"])
        .no_match(text(words.again))
        .listen(Speech::new().yes_no())
        .collect()?;
    let value = match answer {
        Answer::Unheard(_) => call
            .gather(text(words.right_keys))
            .accept(["1", "2"])
            .collect()?
            .digits(),
        answer => answer.value(),
    };
    Ok(!matches!(value.as_deref(), Some("no" | "2")))
}

#[cfg(test)]
mod tests {
    use vireo_sdk::UnheardReason;
    use vireo_sdk::testing::{Caller, End};

    use super::*;

    #[test]
    fn everything_is_said() {
        let call = Caller::new()
            .says("billing")
            .says("0421")
            .says("yes")
            .calls(listening_line);
        assert_eq!(
            call.log(),
            ["department billing", "customer 0421 for billing"]
        );
        assert_eq!(call.end(), &End::Completed);
    }

    #[test]
    fn everything_is_typed_where_nobody_listens() {
        let call = Caller::new()
            .language("zh-CN")
            .unheard(UnheardReason::Busy)
            .silent()
            .presses("2")
            .silent()
            .presses("0421")
            .silent()
            .presses("1")
            .calls(listening_line);
        assert_eq!(
            call.log().last().map(String::as_str),
            Some("customer 0421 for billing")
        );
    }

    #[test]
    fn a_wrong_number_is_asked_again() {
        let call = Caller::new()
            .language("zh")
            .says("人工")
            .says("1111")
            .says("no")
            .says("0421")
            .says("yes")
            .calls(listening_line);
        assert_eq!(
            call.log().last().map(String::as_str),
            Some("customer 0421 for operator")
        );
    }
}
