//! Numbers as the cells of a sheet show them.

use crate::js;

/// A number as a cell of a sheet shows it when nobody chose a format: about eleven characters.
pub fn shown(f: f64) -> String {
    if f.fract() == 0.0 && f.abs() <= f64::from(i32::MAX) {
        return js::float_text(f);
    }
    let width = if f < 0.0 { 12 } else { 11 };
    let size = f.abs().log10().floor();
    let shown = if (-4.0..=-1.0).contains(&size) {
        precise(f, (10.0 + size) as usize)
    } else if size.abs() <= 9.0 {
        let fits = |text: &String| text.len() <= width;
        Some(without_zeros(&format!("{f:.12}")))
            .filter(fits)
            .or_else(|| Some(precise(f, 10)).filter(fits))
            .unwrap_or_else(|| exponential(f, 5))
    } else if size == 10.0 {
        format!("{f:.10}").chars().take(12).collect()
    } else {
        let text = without_zeros(&format!("{f:.11}"));
        if text.len() > width || text == "0" || text == "-0" { precise(f, 6) } else { text }
    };
    without_zeros(&shown)
}

/// `toPrecision` of JavaScript, with a capital letter and at least two digits in the exponent.
fn precise(f: f64, digits: usize) -> String {
    let (figures, exponent) = figures(f, digits);
    if exponent < -6 || exponent >= digits as i32 {
        return exponential(f, digits - 1);
    }
    let sign = if f < 0.0 { "-" } else { "" };
    match usize::try_from(exponent + 1) {
        Ok(whole) if whole > 0 => format!("{sign}{}.{}", &figures[..whole], &figures[whole..]),
        _ => format!("{sign}0.{}{figures}", "0".repeat((-1 - exponent) as usize)),
    }
}

fn exponential(f: f64, digits: usize) -> String {
    let (figures, exponent) = figures(f, digits + 1);
    let number = format!("{}{}.{}", if f < 0.0 { "-" } else { "" }, &figures[..1], &figures[1..]);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}E{sign}{:0>2}", without_zeros(&number), exponent.abs())
}

/// The first digits of a number and its exponent. As in JavaScript, halves are rounded up.
fn figures(f: f64, n: usize) -> (String, i32) {
    let text = format!("{:.60e}", f.abs());
    let (number, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let all: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
    let mut kept = all[..n].to_vec();
    if all[n] < b'5' {
        return (String::from_utf8_lossy(&kept).into_owned(), exponent);
    }
    let up = kept.iter().rposition(|digit| *digit != b'9');
    let zeros_from = up.map_or(0, |at| at + 1);
    kept[zeros_from..].fill(b'0');
    match up {
        Some(at) => kept[at] += 1,
        None => kept.rotate_right(1),
    }
    if up.is_none() {
        kept[0] = b'1';
    }
    (String::from_utf8_lossy(&kept).into_owned(), exponent + i32::from(up.is_none()))
}

/// Without the zeros at the end of a fraction.
fn without_zeros(text: &str) -> String {
    if !text.contains('.') || text.contains('E') {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_as_a_sheet_shows_them() {
        let check = |number: f64, expected: &str| {
            assert_eq!(shown(number), expected, "{number}");
        };
        check(7.0, "7");
        check(-0.1, "-0.1");
        check(0.1 + 0.2, "0.3");
        check(100.0 / 3.0, "33.33333333");
        check(-1234.56789012345, "-1234.56789");
        check(12_345_678_901.0, "12345678901");
        check(1_704_448_800_000.0, "1.70445E+12");
        check(0.000_012_345, "0.000012345");
        check(1e-7, "0.0000001");
        check(1e21, "1E+21");
        check(2_147_483_648.5, "2147483649");
        check(99_999_999_999_999.0, "1E+14");
    }
}
