//! Numbers as JavaScript writes and reads them.

use serde_json::{Number, Value};

/// Integers beyond this lose digits in JavaScript.
pub(crate) const SAFE_MAX: f64 = 9_007_199_254_740_992.0;

/// A number as JSON, whole where it is whole; `None` for NaN and the infinities.
pub(crate) fn to_json(n: f64) -> Option<Value> {
    if n.fract() == 0.0 && n.abs() <= SAFE_MAX {
        return Some(Value::Number(Number::from(n as i64)));
    }
    Number::from_f64(n).map(Value::Number)
}

/// `String(n)`.
pub(crate) fn to_text(n: f64) -> String {
    let mut text = String::new();
    push_text(n, &mut text);
    text
}

/// Appends `String(n)`.
pub(crate) fn push_text(n: f64, out: &mut String) {
    use std::fmt::Write;
    if n.is_nan() {
        out.push_str("NaN");
    } else if n.is_infinite() {
        out.push_str(if n > 0.0 { "Infinity" } else { "-Infinity" });
    } else if n.fract() == 0.0 && n.abs() <= SAFE_MAX {
        let _ = write!(out, "{}", n as i64);
    } else {
        push_shortest(n, out);
    }
}

/// The shortest digits that read back as the same number, in the layout of the language.
fn push_shortest(n: f64, out: &mut String) {
    use std::fmt::Write;
    let scientific = format!("{n:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a number behind the e");
    if !(-6..21).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{mantissa}e{sign}{}", exponent.abs());
        return;
    }
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if n < 0.0 {
        out.push('-');
    }
    let point = exponent + 1;
    if point <= 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', (-point) as usize));
        out.push_str(&digits);
    } else if point as usize >= digits.len() {
        out.push_str(&digits);
        out.extend(std::iter::repeat_n('0', point as usize - digits.len()));
    } else {
        out.push_str(&digits[..point as usize]);
        out.push('.');
        out.push_str(&digits[point as usize..]);
    }
}

/// `Number(text)` for plain decimal texts; `None` where the answer takes more thought.
pub(crate) fn of_text(text: &str) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.len() <= 15
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && digits.bytes().any(|b| b.is_ascii_digit());
    if is_plain {
        return text.parse().ok();
    }
    // A letter at the front that begins no number: certainly none.
    text.bytes().next().filter(|b| b.is_ascii_alphabetic() && *b != b'I').map(|_| f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_javascript() {
        for (n, text) in [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1e+21"),
            (123456789012345680000.0, "123456789012345680000"),
            (1e-7, "1e-7"),
            (0.000001, "0.000001"),
            (-1.5e-10, "-1.5e-10"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (-1234.5, "-1234.5"),
        ] {
            assert_eq!(to_text(n), text);
        }
    }
}
