//! Mandarin.

pub mod date;
pub mod digits;
pub mod number;

/// What means yes; the first must be known to a model.
pub const YES: &[&str] = &[
    "是", "是的", "对", "对的", "好", "好的", "要", "可以", "没错", "确认", "确定", "行", "嗯",
    "正确",
];
/// What means no.
pub const NO: &[&str] = &[
    "不是",
    "不",
    "不对",
    "不好",
    "不要",
    "不用",
    "不可以",
    "不行",
    "没有",
    "错",
    "错了",
    "不正确",
];

/// 0 to 9, as they are in numbers.
const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// The digit of a character.
fn digit(c: char) -> Option<u32> {
    let at = DIGITS.iter().position(|known| *known == c);
    match c {
        '两' => Some(2),
        '〇' => Some(0),
        _ => u32::try_from(at?).ok(),
    }
}
