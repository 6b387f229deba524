//! Numbers as people read them in a page.

/// A whole number with separators: `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share: `98.33 %`. Only all is `100.00 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let shown = if percent < 100.0 {
        percent.min(99.99)
    } else {
        percent
    };
    format!("{shown:.2} %")
}

/// A measured number, in four digits where they say something.
pub(super) fn measured(number: f64) -> String {
    if number == 0.0 || (0.001..10_000.0).contains(&number.abs()) {
        format!("{number:.4}")
    } else {
        format!("{number:.3e}")
    }
}

/// A number or a dash.
pub(super) fn optional(number: Option<f64>) -> String {
    number.map_or("–".to_owned(), measured)
}

/// A time: `3.2 s`, `2 min 5 s`, `3 h 20 min`.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 99.95 {
        return format!("{seconds:.1} s");
    }
    let minutes = (seconds / 60.0).floor();
    if minutes < 100.0 {
        format!(
            "{minutes:.0} min {:.0} s",
            (seconds - minutes * 60.0).floor()
        )
    } else {
        format!(
            "{:.0} h {:.0} min",
            (minutes / 60.0).floor(),
            minutes % 60.0
        )
    }
}

/// A number of bytes: `1.5 MiB`.
pub(super) fn bytes(bytes: usize) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            return format!("{amount:.1} {unit}");
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_say_something() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(0.99999), "99.99 %");
        assert_eq!(percent(1.0), "100.00 %");
        assert_eq!(measured(2.34567), "2.3457");
        assert_eq!(measured(0.00001), "1.000e-5");
        assert_eq!(optional(None), "–");
        assert_eq!(seconds(3.25), "3.2 s");
        assert_eq!(seconds(125.0), "2 min 5 s");
        assert_eq!(seconds(12_000.0), "3 h 20 min");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
    }
}
