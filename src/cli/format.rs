//! Numbers, tables and words as people read them.

use std::fmt::Display;

use crate::train::Metric;

/// A whole number with separators: `12,345`.
pub(super) fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate rounded to a whole number: `12,345`.
pub(super) fn rate(per_second: f64) -> String {
    if per_second.is_finite() {
        count(format!("{:.0}", per_second.max(0.0)))
    } else {
        "–".to_owned()
    }
}

/// A number of bytes: `17 B`, `1.5 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let decimals = if amount < 99.95 { 1 } else { 0 };
    format!("{amount:.decimals$} {}", UNITS[unit])
}

/// A share as a percentage: `96.12 %`. Only all is `100.00 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // 99.996 % must not look like a perfect score.
    let shown = if percent < 100.0 {
        percent.min(99.99)
    } else {
        percent
    };
    format!("{shown:.2} %")
}

/// A loss, in four digits where they say something.
pub(super) fn loss(loss: f64) -> String {
    if loss == 0.0 || !loss.is_finite() || (0.001..10_000.0).contains(&loss.abs()) {
        format!("{loss:.4}")
    } else {
        format!("{loss:.3e}")
    }
}

/// A number of a regression, in four significant digits: `12.35`, `0.001235`, `1.235e7`.
pub(super) fn number(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    if !(1e-4..1e6).contains(&magnitude) {
        return format!("{number:.3e}");
    }
    // 10^0 has three digits behind the point, each power of ten one less.
    let decimals = (0..8).rev().find(|&decimals| {
        let shown = format!("{magnitude:.decimals$}");
        let digits = shown.trim_start_matches(['0', '.']).chars();
        digits.filter(char::is_ascii_digit).count() <= 4
    });
    let decimals = decimals.unwrap_or(0);
    format!("{number:.decimals$}")
}

/// A metric by its name: `accuracy 96.12 %`, `RMSE 1.234`.
pub(super) fn metric(metric: Metric) -> String {
    match metric {
        Metric::Accuracy(_) => format!("accuracy {}", figure(metric)),
        Metric::Rmse(_) => format!("RMSE {}", figure(metric)),
    }
}

/// A metric without its name.
pub(super) fn figure(metric: Metric) -> String {
    match metric {
        Metric::Accuracy(share) => percent(share),
        Metric::Rmse(error) => number(error),
    }
}

/// What is predicted: `10 classes`, `1 number`.
pub(super) fn outputs(count: usize, regression: bool) -> String {
    match (regression, count) {
        (true, _) => plural(count, "number"),
        (false, 1) => "1 class".to_owned(),
        (false, _) => format!("{} classes", self::count(count)),
    }
}

/// What samples are, and what is said of them: `samples of 8 × 8 × 1 in 10 classes`.
pub(super) fn samples(shape: [usize; 3], outputs: usize, regression: bool, text: bool) -> String {
    match text {
        true => format!(
            "windows of {}, {} different ones",
            plural(shape[2], "character"),
            count(outputs)
        ),
        false => format!(
            "samples of {} in {}",
            extents(&shape),
            self::outputs(outputs, regression)
        ),
    }
}

/// A time: `3.2 s`, `2 min 05 s`, `1 h 02 min`.
pub(super) fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "–".to_owned();
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round();
    let (minutes, rest) = ((whole / 60.0).floor(), whole % 60.0);
    if minutes < 60.0 {
        return format!("{minutes:.0} min {rest:02.0} s");
    }
    let (hours, minutes) = ((minutes / 60.0).floor(), minutes % 60.0);
    if hours < 48.0 {
        format!("{hours:.0} h {minutes:02.0} min")
    } else {
        format!("{:.0} d {:.0} h", (hours / 24.0).floor(), hours % 24.0)
    }
}

/// A number of things: `1 case`, `48 cases`.
pub(super) fn plural(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", count(number))
}

/// Extents: `8 × 8 × 16`.
pub(super) fn extents(extents: &[usize]) -> String {
    let extents: Vec<String> = extents.iter().map(ToString::to_string).collect();
    extents.join(" × ")
}

/// Text from outside (a file, a driver) without characters that steer a terminal.
pub(super) fn clean(text: impl Display) -> String {
    let text = text.to_string();
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// An argument as a shell takes it back.
pub(super) fn shell(argument: impl Display) -> String {
    let argument = clean(argument);
    let plain = |c: char| c.is_alphanumeric() || "/._-+:\\".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument
    } else if cfg!(windows) {
        format!("\"{argument}\"")
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// How the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under each other, columns two spaces apart, nothing at the ends of lines.
pub(super) fn table(aligns: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let width = |cell: &String| cell.chars().count();
    let widths: Vec<usize> = (0..aligns.len())
        .map(|i| rows.iter().map(|row| width(&row[i])).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(aligns);
        let cells: Vec<String> = cells
            .map(|((cell, &width), align)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The words of a text in lines of at most `width` characters; later lines begin with `indent`.
pub(super) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > indent.len() && used + 1 + length > width {
            lines.push('\n');
            lines.push_str(indent);
            used = indent.len();
        } else if !lines.is_empty() {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (123_456, "123,456"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(rate(12_344.7), "12,345");
        assert_eq!(rate(f64::NAN), "–");
    }

    #[test]
    fn bytes_have_the_unit_that_keeps_them_short() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (150 << 20, "150 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn only_all_right_is_a_hundred_percent() {
        assert_eq!(percent(0.961_234), "96.12 %");
        assert_eq!(percent(0.999_99), "99.99 %");
        assert_eq!(percent(1.0), "100.00 %");
        assert_eq!(percent(f64::NAN), "NaN %");
    }

    #[test]
    fn losses_keep_four_digits() {
        for (number, text) in [
            (0.0, "0.0000"),
            (2.302_61, "2.3026"),
            (0.000_012_34, "1.234e-5"),
            (123_456.0, "1.235e5"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(loss(number), text);
        }
    }

    #[test]
    fn numbers_of_a_regression_have_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1.000"),
            (-12.345_6, "-12.35"),
            (9999.6, "10000"),
            (123_456.0, "123456"),
            (0.012_346, "0.01235"),
            (1.5e-9, "1.500e-9"),
            (12_345_678.0, "1.235e7"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        for (number, text) in [
            (0.04, "0.0 s"),
            (3.24, "3.2 s"),
            (59.96, "1 min 00 s"),
            (125.0, "2 min 05 s"),
            (3599.7, "1 h 00 min"),
            (90_000.0, "25 h 00 min"),
            (200_000.0, "2 d 7 h"),
        ] {
            assert_eq!(seconds(number), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["name", "n"], ["×", "1,000"], ["long name", "7"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&[Align::Left, Align::Right], &rows),
            ["name           n", "×          1,000", "long name      7"]
        );
    }

    #[test]
    fn a_long_text_is_wrapped_between_words() {
        assert_eq!(wrap("a bb ccc dddd", 6, "  "), "a bb\n  ccc\n  dddd");
        assert_eq!(wrap("toolongtobreak x", 6, ""), "toolongtobreak\nx");
        assert_eq!(wrap("fits", 80, "  "), "fits");
    }

    #[test]
    fn what_would_steer_a_terminal_is_replaced() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    #[cfg(not(windows))]
    fn arguments_are_quoted_where_a_shell_needs_it() {
        assert_eq!(shell("runs/digits-2"), "runs/digits-2");
        assert_eq!(shell("my runs/it's"), r"'my runs/it'\''s'");
    }
}
