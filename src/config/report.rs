//! All mistakes of one reading, collected and made into one error.

use super::source_error;
use super::tree::Place;
use crate::error::{Diagnostic, Error};

/// So many mistakes are shown; more are counted.
const SHOWN: usize = 50;

/// A mistake is compared with so many before it.
const LOOKED_BACK: usize = 256;

/// Mistakes in the file and in the overrides.
pub(super) struct Report<'a> {
    name: &'a str,
    texts: Vec<&'a str>,
    mistakes: Vec<(Place, Diagnostic)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(name: &'a str, text: &'a str, overrides: &'a [String]) -> Self {
        let overrides = overrides.iter().map(String::as_str);
        Self {
            name,
            texts: std::iter::once(text).chain(overrides).collect(),
            mistakes: Vec::new(),
        }
    }

    /// Add a mistake: what is wrong, a few words to draw under the place, and what to do. The same one at the same place is one,
    /// however often a block stands in the network.
    pub(super) fn mistake(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic {
            message: message.into(),
            span: place.span.clone(),
            label: label.into(),
            help: help.into(),
        };
        let same = |(at, before): &(Place, Diagnostic)| {
            at == place && before.message == diagnostic.message
        };
        // Those of one place mostly follow each other; a bound keeps a file of nothing but mistakes quick.
        if !self.mistakes.iter().rev().take(LOOKED_BACK).any(same) {
            self.mistakes.push((place.clone(), diagnostic));
        }
    }

    /// The name of the file.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// What stands at a place.
    pub(super) fn text(&self, place: &Place) -> &'a str {
        let text = self.texts.get(place.text).copied().unwrap_or("");
        text.get(place.span.clone()).unwrap_or("")
    }

    /// The end of the file: the place of what is missing altogether.
    pub(super) fn end(&self) -> Place {
        let end = self.texts[0].trim_end().len();
        Place {
            text: 0,
            span: end..end,
        }
    }

    /// The error, if there were mistakes. Those in overrides come first and alone: the caller has just typed them, and they
    /// stand in another text.
    pub(super) fn finish(mut self) -> Option<Error> {
        let in_overrides = self.mistakes.iter().any(|(place, _)| place.text > 0);
        self.mistakes.retain(|(p, _)| (p.text > 0) == in_overrides);
        self.mistakes
            .sort_by_key(|(place, _)| (place.text, place.span.start));
        let more = self.mistakes.len().saturating_sub(SHOWN);
        if more > 0 {
            self.mistakes.truncate(SHOWN + 1);
            let last = &mut self.mistakes[SHOWN].1;
            last.message = format!("{more} more mistakes from here on");
            last.label = String::new();
            last.help = "correct the others first".to_owned();
        }
        if self.mistakes.is_empty() {
            return None;
        }
        if !in_overrides {
            let diagnostics = self.mistakes.into_iter().map(|(_, d)| d).collect();
            return Some(source_error(self.name, self.texts[0], diagnostics));
        }
        // The text shown is the overrides that have mistakes, one per line.
        let (mut text, mut shown, mut start) = (String::new(), 0, 0);
        let mut diagnostics = Vec::new();
        for (place, mut diagnostic) in self.mistakes {
            if place.text != shown {
                if shown > 0 {
                    text.push('\n');
                }
                (shown, start) = (place.text, text.len());
                text.push_str(self.texts[place.text]);
            }
            diagnostic.span = place.span.start + start..place.span.end + start;
            diagnostics.push(diagnostic);
        }
        Some(source_error("--set", &text, diagnostics))
    }
}

/// Words of the user for a message: one line, not long, nothing that moves a terminal's cursor.
pub(super) fn show(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or("");
    let mut shown: String = line
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if shown.len() < text.trim_end().len() {
        shown.push('…');
    }
    shown
}
