//! Errors as they are shown: mistakes in a text with the line they stand in, and all of them at once.

use codespan_reporting::diagnostic::{Diagnostic as Shown, Label};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{self, Config};
use serde::Serialize;

use super::format;
use super::output::Out;
use crate::error::{Class, Error, SourceErrors};

/// Shows an error on standard error, and for machines on standard output too. Gives the exit code.
pub(super) fn show(error: &Error, out: &Out) -> u8 {
    out.end_bar();
    if is_closed_pipe(error) {
        return 0;
    }
    match error {
        Error::Source(errors) => show_source(errors, out),
        Error::Plain { .. } if matches!(error.class(), Class::Stopped(_)) => {
            out.hint("anygrad:", &lines(&error.to_string()));
            out.hint("go on with:", &lines(error.help()));
        }
        Error::Plain { .. } | Error::Io { .. } => {
            out.error(&lines(&error.to_string()), &lines(error.help()));
        }
    }
    // Whoever cannot be told on standard output has been told on standard error.
    let _ = out.object(&Object::new(error));
    error.class().exit_code()
}

/// Whether the only trouble is that nobody reads on.
fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Every line without characters that steer a terminal.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(format::clean).collect();
    lines.join("\n")
}

fn show_source(errors: &SourceErrors, out: &Out) {
    let file = SimpleFile::new(format::clean(&errors.name), harmless(&errors.text));
    for diagnostic in &errors.diagnostics {
        if line_length(&errors.text, diagnostic.span.start) > LONGEST_LINE {
            let (line, column) = errors.line_column(diagnostic.span.start);
            let [message, label] = [&diagnostic.message, &diagnostic.label].map(|text| lines(text));
            let name = format::clean(&errors.name);
            let label = if label.is_empty() {
                String::new()
            } else {
                format!("; {label}")
            };
            out.error(
                &format!("{name}:{line}:{column}: {message}{label}"),
                &lines(&diagnostic.help),
            );
            continue;
        }
        let shown = shown(diagnostic, errors.text.len());
        out.to_stderr(|stream| {
            term::emit_to_write_style(stream, &Config::default(), &file, &shown)
                .map_err(std::io::Error::other)
        });
    }
    if errors.diagnostics.len() > 1 {
        out.error(&summary(errors), "");
    }
}

/// A line of more bytes is not shown with its mistake.
const LONGEST_LINE: usize = 300;

/// The bytes of the line in which a place is.
fn line_length(text: &str, place: usize) -> usize {
    let bytes = text.as_bytes();
    let (before, after) = bytes.split_at(place.min(bytes.len()));
    let is_part = |byte: &&u8| **byte != b'\n';
    before.iter().rev().take_while(is_part).count() + after.iter().take_while(is_part).count()
}

fn shown(diagnostic: &crate::error::Diagnostic, end: usize) -> Shown<()> {
    let span = diagnostic.span.start.min(end)..diagnostic.span.end.min(end);
    let label = Label::primary((), span).with_message(lines(&diagnostic.label));
    let mut shown = Shown::error()
        .with_message(lines(&diagnostic.message))
        .with_label(label);
    if !diagnostic.help.is_empty() {
        shown = shown.with_note(format!("help: {}", lines(&diagnostic.help)));
    }
    shown
}

fn summary(errors: &SourceErrors) -> String {
    let number = format::plural(errors.diagnostics.len(), "mistake");
    format!("{}: {number}", format::clean(&errors.name))
}

/// The text with every control character replaced by one that is as many bytes long, so that places stay where they are.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\r' => ' ',
            c if c.is_control() && c.len_utf8() == 1 => '?',
            c if c.is_control() => '¿',
            c => c,
        })
        .collect()
}

/// An error for machines.
#[derive(Serialize)]
pub(super) struct Object {
    event: &'static str,
    class: &'static str,
    code: u8,
    message: String,
    help: String,
    diagnostics: Vec<Place>,
}

/// A mistake in a text for machines.
#[derive(Serialize)]
struct Place {
    file: String,
    line: usize,
    column: usize,
    message: String,
    label: String,
    help: String,
}

impl Object {
    fn new(error: &Error) -> Self {
        let (message, diagnostics) = match error {
            Error::Source(errors) => (summary(errors), places(errors)),
            other => (other.to_string(), Vec::new()),
        };
        Self {
            event: "error",
            class: match error.class() {
                Class::Check => "check",
                Class::Usage => "usage",
                Class::Data => "data",
                Class::Device => "device",
                Class::Storage => "storage",
                Class::Stopped(_) => "stopped",
            },
            code: error.class().exit_code(),
            message,
            help: error.help().to_owned(),
            diagnostics,
        }
    }

    /// An error that is none of [`Error`]: of the command line's grammar, or a bug.
    pub(super) fn other(class: &'static str, code: u8, message: &str, help: &str) -> Self {
        Self {
            event: "error",
            class,
            code,
            message: message.to_owned(),
            help: help.to_owned(),
            diagnostics: Vec::new(),
        }
    }
}

fn places(errors: &SourceErrors) -> Vec<Place> {
    let place = |diagnostic: &crate::error::Diagnostic| {
        let (line, column) = errors.line_column(diagnostic.span.start);
        Place {
            file: errors.name.clone(),
            line,
            column,
            message: diagnostic.message.clone(),
            label: diagnostic.label.clone(),
            help: diagnostic.help.clone(),
        }
    };
    errors.diagnostics.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn mistakes() -> Error {
        let text = "epochs = 3\n[train]\nbatsh = 32\n";
        config::parse("a.toml", text, &[]).unwrap_err()
    }

    #[test]
    fn a_mistake_is_shown_in_its_line_with_label_and_help() {
        let Error::Source(errors) = mistakes() else {
            panic!("mistakes have places");
        };
        let file = SimpleFile::new(&errors.name, harmless(&errors.text));
        let at = errors
            .diagnostics
            .iter()
            .find(|d| d.message.contains("batsh"));
        let shown = shown(at.unwrap(), errors.text.len());
        let text = term::emit_into_string(&Config::default(), &file, &shown).unwrap();
        for part in ["error: ", "a.toml:3:1", "batsh = 32", "^^^^^", "`batch`"] {
            assert!(text.contains(part), "{part} is in\n{text}");
        }
    }

    #[test]
    fn the_length_of_a_line_is_that_between_its_ends() {
        let text = "ab\ncdef\n\ng";
        for (place, length) in [
            (0, 2),
            (2, 2),
            (3, 4),
            (7, 4),
            (8, 0),
            (9, 1),
            (10, 1),
            (99, 1),
        ] {
            assert_eq!(line_length(text, place), length, "{place}");
        }
    }

    #[test]
    fn machines_get_every_mistake_with_its_place() {
        let object = serde_json::to_value(Object::new(&mistakes())).unwrap();
        assert_eq!(object["code"], 2);
        assert_eq!(object["class"], "usage");
        let places = object["diagnostics"].as_array().unwrap();
        assert!(places.len() >= 2, "{places:?}");
        assert!(
            places
                .iter()
                .any(|place| place["line"] == 3 && place["column"] == 1),
            "{places:?}"
        );
    }

    #[test]
    fn control_characters_are_replaced_without_moving_a_place() {
        let text = "a\u{1b}b\u{85}c\td\n";
        assert_eq!(harmless(text), "a?b¿c\td\n");
        assert_eq!(harmless(text).len(), text.len());
    }
}
