//! Figures as SVG: drawn once, shown alone or inside a page, in the colours of the reader's desktop.

use std::fmt::Write as _;

mod confusion;
mod curves;
mod reliability;

pub(super) use confusion::confusion;
pub(super) use curves::{Axis, Series, curves};
pub(super) use reliability::reliability;

/// Every figure is this wide, in units of its own: text of 13 stays readable on a phone.
const WIDTH: f64 = 480.0;

/// Colours by their meaning, for light and for dark. Series are told apart by the colour-blind, too (after Okabe and Ito).
pub(super) const COLORS: &str = "\
:root{color-scheme:light dark;--bg:#fff;--card:#fff;--text:#1a1d21;--muted:#5c6570;--line:#dfe3e8;--on:#fff;\
--s0:#1d5fc4;--s1:#c4480c;--s2:#0b7a5b;--s3:#9b3d83;--s4:#8a6d00;--s5:#3a87b8;--s6:#6b5b95;--s7:#5c6570}\
@media(prefers-color-scheme:dark){:root{--bg:#101317;--card:#181c22;--text:#e7eaee;--muted:#9aa4b0;--line:#2b323b;--on:#0c1016;\
--s0:#79b0ff;--s1:#ff9d66;--s2:#4fd1a5;--s3:#e894d0;--s4:#e3c34a;--s5:#7fcdf0;--s6:#b9a7f0;--s7:#9aa4b0}}";

/// How many colours there are for series.
pub(super) const SERIES: usize = 8;

/// The look of lines and words in a figure.
pub(super) const FIGURE_STYLE: &str = "\
svg.figure{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:var(--text)}\
svg.figure .muted{fill:var(--muted)}svg.figure .grid{stroke:var(--line);stroke-width:1;fill:none}\
svg.figure .curve{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}\
svg.figure .end{text-anchor:end}svg.figure .mid{text-anchor:middle}";

/// A drawing of [`WIDTH`] by `height`.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// What it shows, for who cannot see it.
    title: String,
    height: f64,
    body: String,
}

impl Figure {
    fn new(title: impl Into<String>, height: f64) -> Self {
        Self {
            title: title.into(),
            height,
            body: String::new(),
        }
    }

    /// As part of a page that has [`COLORS`] and [`FIGURE_STYLE`].
    pub(super) fn inline(&self) -> String {
        let Self {
            title,
            height,
            body,
        } = self;
        let title = escape(title);
        format!(
            "<svg class=\"figure\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">{body}</svg>"
        )
    }

    /// As a file.
    pub(super) fn standalone(&self) -> String {
        let Self {
            title,
            height,
            body,
        } = self;
        let title = escape(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"figure\" width=\"{:.0}\" height=\"{:.0}\" \
             viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\"><title>{title}</title><style>{COLORS}{FIGURE_STYLE}</style>\
             <rect width=\"100%\" height=\"100%\" style=\"fill:var(--bg)\"/>{body}</svg>\n",
            WIDTH * 1.5,
            height * 1.5,
        )
    }

    fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ = write!(
            self.body,
            "<path class=\"{class}\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>"
        );
    }

    fn text(&mut self, class: &str, [x, y]: [f64; 2], text: &str) {
        let text = escape(text);
        let _ = write!(
            self.body,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        );
    }

    /// A rectangle in a colour of [`COLORS`], at most opaque.
    fn rect(&mut self, [x, y]: [f64; 2], [w, h]: [f64; 2], color: &str, opacity: f64) {
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" style=\"fill:var(--{color});fill-opacity:{opacity:.2}\"/>"
        );
    }
}

/// Text from outside as part of HTML or SVG. Characters that XML has no place for are replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The first `most` characters of a text.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let first: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{first}…")
}

/// About `count` round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten.
fn ticks(low: f64, high: f64, count: f64) -> Vec<f64> {
    let rough = (high - low) / count;
    if !(rough.is_finite() && rough > 0.0) {
        return vec![low];
    }
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps.into_iter().find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    (0..64)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        .collect()
}

/// A tick's number, as short as the distance to the next one allows.
fn tick_text(tick: f64, step: f64) -> String {
    if tick != 0.0 && (tick.abs() >= 1e6 || step < 1e-4) {
        return format!("{tick:e}");
    }
    let decimals = (0..6).find(|d| {
        let scaled = step * 10f64.powi(*d);
        (scaled - scaled.round()).abs() < 1e-6
    });
    let decimals = usize::try_from(decimals.unwrap_or(6)).unwrap_or(0);
    format!("{tick:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 2.4, 5.0), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(1.0, 24.0, 6.0), [5.0, 10.0, 15.0, 20.0]);
        assert_eq!(ticks(1.0, 1.0, 5.0), [1.0]);
        assert_eq!(ticks(0.0, f64::NAN, 5.0), [0.0]);
        assert_eq!(tick_text(0.5, 0.5), "0.5");
        assert_eq!(tick_text(20.0, 5.0), "20");
        assert_eq!(tick_text(0.05, 0.05), "0.05");
    }

    #[test]
    fn words_from_outside_are_words_and_not_elements() {
        assert_eq!(
            escape("<script>\"&'\u{1b}"),
            "&lt;script&gt;&quot;&amp;&#39;\u{fffd}"
        );
        let mut figure = Figure::new("a < b", 10.0);
        figure.text("muted", [1.0, 2.0], "</text><script>");
        for shown in [figure.inline(), figure.standalone()] {
            assert!(!shown.contains("<script"), "{shown}");
            assert!(shown.contains("a &lt; b"), "{shown}");
        }
    }

    #[test]
    fn long_names_are_shortened() {
        assert_eq!(shortened("aeroplane", 5), "aero…");
        assert_eq!(shortened("dog", 5), "dog");
    }
}
