//! Where words go: data to standard output, talk to standard error, and neither when quiet.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use codespan_reporting::term::termcolor::{
    Buffer, Color, ColorChoice, ColorSpec, StandardStream, WriteColor,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::{Error, Result};

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ColorMode {
    // On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    // Always.
    Always,
    // Never.
    Never,
}

/// The first word of a line, which its colour repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Right.
    Good,
    /// Wrong.
    Bad,
    /// To be heeded.
    Warning,
    /// To be known.
    Hint,
}

impl Mark {
    fn color(self) -> ColorSpec {
        let color = match self {
            Self::Good => Color::Green,
            Self::Bad => Color::Red,
            Self::Warning => Color::Yellow,
            Self::Hint => Color::Cyan,
        };
        let mut spec = ColorSpec::new();
        spec.set_fg(Some(color)).set_bold(true).set_intense(true);
        spec
    }
}

/// Both streams of the process, and the progress bar between them.
#[derive(Debug)]
pub(super) struct Out {
    quiet: bool,
    json: bool,
    stdout: ColorChoice,
    stderr: ColorChoice,
    bar: RefCell<Option<ProgressBar>>,
    /// What is said while something else has the terminal, by stream.
    held: RefCell<Option<Held>>,
    outlives_its_reader: Cell<bool>,
}

/// What was said, in its order.
type Held = Vec<(Stream, Vec<u8>)>;

/// Where something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

impl Out {
    pub(super) fn new(quiet: bool, json: bool, color: ColorMode) -> Self {
        Self {
            quiet,
            json,
            stdout: choice(color, io::stdout().is_terminal()),
            stderr: choice(color, io::stderr().is_terminal()),
            bar: RefCell::new(None),
            held: RefCell::new(None),
            outlives_its_reader: Cell::new(false),
        }
    }

    /// Go on when nobody reads standard output any more: the work is worth more than its account.
    pub(super) fn outlive_the_reader(&self) {
        self.outlives_its_reader.set(true);
    }

    /// A line of data for people.
    pub(super) fn line(&self, text: impl Display) -> Result<()> {
        if self.quiet || self.json {
            return Ok(());
        }
        self.to_stdout(|stream| writeln!(stream, "{text}"))
    }

    /// A piece of a line of data for people, to be seen at once. On a terminal it cannot steer it.
    pub(super) fn piece(&self, text: &str) -> Result<()> {
        if self.quiet || self.json {
            return Ok(());
        }
        let shown: String = match io::stdout().is_terminal() {
            false => text.to_owned(),
            true => text
                .split_inclusive(['\n', '\t'])
                .map(|part| match part.strip_suffix(['\n', '\t']) {
                    Some(line) => super::format::clean(line) + &part[line.len()..],
                    None => super::format::clean(part),
                })
                .collect(),
        };
        self.to_stdout(|stream| {
            write!(stream, "{shown}")?;
            stream.flush()
        })
    }

    /// Lines of prose for people, wrapped where the terminal ends.
    pub(super) fn prose(&self, lines: &[String]) -> Result<()> {
        let width = width_of_stdout().unwrap_or(usize::MAX).max(20);
        lines
            .iter()
            .try_for_each(|line| self.line(super::format::wrap(line, width, "  ")))
    }

    /// Lines of data for people.
    pub(super) fn lines(&self, lines: &[String]) -> Result<()> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// A line of data for people with a coloured word before it.
    pub(super) fn marked(&self, mark: Mark, word: &str, text: &str) -> Result<()> {
        if self.quiet || self.json {
            return Ok(());
        }
        self.to_stdout(|stream| write_marked(stream, mark, word, text))
    }

    /// A line of data for machines: one JSON object.
    pub(super) fn object(&self, object: &impl serde::Serialize) -> Result<()> {
        if self.quiet || !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(object).expect("an object has only keys of text");
        self.to_stdout(|stream| writeln!(stream, "{text}"))
    }

    /// A text as it is, for other programs; with `--json` the object that holds it.
    pub(super) fn document(&self, text: &str, object: &impl serde::Serialize) -> Result<()> {
        if self.json {
            return self.object(object);
        }
        self.line(text.trim_end())
    }

    /// A line of talk.
    pub(super) fn talk(&self, text: impl Display) {
        if !self.quiet && !self.json {
            self.to_stderr(|stream| writeln!(stream, "{text}"));
        }
    }

    /// A line of talk with a coloured word before it.
    pub(super) fn hint(&self, word: &str, text: &str) {
        if !self.quiet && !self.json {
            let text = self.wrapped(word, text);
            self.to_stderr(|stream| write_marked(stream, Mark::Hint, word, &text));
        }
    }

    /// A line that is seen even when machines read along.
    pub(super) fn warn(&self, text: &str) {
        if !self.quiet {
            let text = self.wrapped("warning:", text);
            self.to_stderr(|stream| write_marked(stream, Mark::Warning, "warning:", &text));
        }
    }

    /// What went wrong, and what to do: seen always.
    pub(super) fn error(&self, what: &str, help: &str) {
        let wrapped = self.wrapped("error:", what);
        self.to_stderr(|stream| write_marked(stream, Mark::Bad, "error:", &wrapped));
        if !help.is_empty() {
            let wrapped = self.wrapped("  help:", help);
            self.to_stderr(|stream| write_marked(stream, Mark::Hint, "  help:", &wrapped));
        }
    }

    /// A text behind a word, in lines of the terminal's width; as it is where there is no terminal.
    fn wrapped(&self, word: &str, text: &str) -> String {
        let indent = " ".repeat(word.len() + 1);
        match width_of_stderr() {
            Some(width) => {
                let lines = text.split('\n');
                let room = width.saturating_sub(indent.len()).max(20);
                let lines: Vec<String> = lines
                    .map(|line| super::format::wrap(line, room, ""))
                    .collect();
                lines.join("\n").replace('\n', &format!("\n{indent}"))
            }
            None => text.to_owned(),
        }
    }

    /// Writes to standard error around the progress bar. Who closed it does not want to know.
    pub(super) fn to_stderr(&self, write: impl FnOnce(&mut dyn WriteColor) -> io::Result<()>) {
        let Some(write) = self.hold(Stream::Error, self.stderr, write) else {
            return;
        };
        self.around_bar(|| {
            let _ = write(&mut StandardStream::stderr(self.stderr));
        });
    }

    fn to_stdout(&self, write: impl FnOnce(&mut dyn WriteColor) -> io::Result<()>) -> Result<()> {
        let Some(write) = self.hold(Stream::Output, self.stdout, write) else {
            return Ok(());
        };
        let written = self.around_bar(|| {
            let mut stream = StandardStream::stdout(self.stdout);
            write(&mut stream).and_then(|()| stream.flush())
        });
        match written {
            Ok(()) => Ok(()),
            Err(error)
                if error.kind() == io::ErrorKind::BrokenPipe && self.outlives_its_reader.get() =>
            {
                Ok(())
            }
            Err(error) => Err(Error::io(Path::new("standard output"), "write", error)),
        }
    }

    /// From now on nothing is said, but kept to be said later: something else has the terminal.
    pub(super) fn hold_back(&self) {
        self.end_bar();
        self.held.borrow_mut().get_or_insert_default();
    }

    /// Says what was held back, in its order.
    pub(super) fn release(&self) {
        for (stream, bytes) in self.held.take().into_iter().flatten() {
            // Who closed a stream does not want to know.
            let _ = match stream {
                Stream::Output => io::stdout()
                    .write_all(&bytes)
                    .and_then(|()| io::stdout().flush()),
                Stream::Error => io::stderr().write_all(&bytes),
            };
        }
    }

    /// Keeps what shall be written, if everything is held back; else gives it back.
    fn hold<W: FnOnce(&mut dyn WriteColor) -> io::Result<()>>(
        &self,
        stream: Stream,
        color: ColorChoice,
        write: W,
    ) -> Option<W> {
        let mut held = self.held.borrow_mut();
        let Some(held) = held.as_mut() else {
            return Some(write);
        };
        let mut buffer = match color {
            ColorChoice::Never => Buffer::no_color(),
            _ => Buffer::ansi(),
        };
        // Memory takes everything.
        let _ = write(&mut buffer);
        held.push((stream, buffer.into_inner()));
        None
    }

    /// Whether everything is held back.
    pub(super) fn is_held(&self) -> bool {
        self.held.borrow().is_some()
    }

    /// Whether there is a terminal with someone before it, whose whole screen may be drawn on.
    #[cfg(feature = "tui")]
    pub(super) fn has_screen(&self) -> bool {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        !self.quiet && !self.json && is_terminal && console_moves()
    }

    /// Whether standard output has colours.
    #[cfg(feature = "tui")]
    pub(super) fn is_coloured(&self) -> bool {
        self.stdout != ColorChoice::Never
    }

    /// Whether progress is drawn: a terminal that can move its cursor, and someone before it.
    pub(super) fn is_live(&self) -> bool {
        let is_terminal = io::stderr().is_terminal() && console_moves();
        !self.quiet && !self.json && !self.is_held() && is_terminal
    }

    /// Says that something is going on, until a bar begins or ends.
    pub(super) fn begin_spinner(&self, text: &'static str) {
        self.end_bar();
        if self.is_live() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style("{spinner} {msg}"));
            bar.set_message(text);
            bar.enable_steady_tick(Duration::from_millis(100));
            *self.bar.borrow_mut() = Some(bar);
        }
    }

    /// Begins a progress bar of `length`.
    pub(super) fn begin_bar(&self, length: u64) {
        self.end_bar();
        if self.is_live() {
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            bar.set_style(style(if self.stderr == ColorChoice::Never {
                "{prefix} {wide_bar} {msg}"
            } else {
                "{prefix} {wide_bar:.cyan} {msg}"
            }));
            *self.bar.borrow_mut() = Some(bar);
        }
    }

    /// Moves the bar: words before it, how far it is, and the words behind it in the order in which they are dropped last.
    pub(super) fn bar(&self, prefix: String, position: u64, parts: &[String]) {
        let Some(bar) = self.bar.borrow().clone() else {
            return;
        };
        /// The bar itself and the spaces around it.
        const BAR: usize = 12;
        let room = width_of_stderr().unwrap_or(80);
        let room = room.saturating_sub(prefix.chars().count() + BAR);
        bar.set_prefix(prefix);
        bar.set_message(fitting(parts, room));
        bar.set_position(position);
    }

    /// Takes the bar away.
    pub(super) fn end_bar(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn around_bar<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = self.bar.borrow().clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.end_bar();
        self.release();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the template is right");
    style.progress_chars("━━·")
}

/// The first of the parts that fit into `room`, two spaces apart.
fn fitting(parts: &[String], room: usize) -> String {
    let mut text = String::new();
    for part in parts {
        let gap = if text.is_empty() { "" } else { "  " };
        if text.chars().count() + gap.len() + part.chars().count() > room {
            break;
        }
        text.push_str(gap);
        text.push_str(part);
    }
    text
}

fn write_marked(stream: &mut dyn WriteColor, mark: Mark, word: &str, text: &str) -> io::Result<()> {
    stream.set_color(&mark.color())?;
    write!(stream, "{word}")?;
    stream.reset()?;
    writeln!(stream, " {text}")
}

fn choice(mode: ColorMode, is_terminal: bool) -> ColorChoice {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match mode {
        ColorMode::Always => ColorChoice::Always,
        ColorMode::Auto if is_terminal && !refused && console_moves() => ColorChoice::Auto,
        ColorMode::Auto | ColorMode::Never => ColorChoice::Never,
    }
}

/// Whether the terminal understands more than lines of text.
fn console_moves() -> bool {
    match std::env::var_os("TERM") {
        Some(term) => term != "dumb",
        None => cfg!(windows),
    }
}

/// The width of the terminal that standard output is, if it is one.
pub(super) fn width_of_stdout() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0))
}

fn width_of_stderr() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stderr())?;
    Some(usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_shows_the_first_parts() {
        let parts = ["12:34 left", "loss 0.1234"].map(str::to_owned);
        assert_eq!(fitting(&parts, 40), "12:34 left  loss 0.1234");
        assert_eq!(fitting(&parts, 22), "12:34 left");
        assert_eq!(fitting(&parts, 5), "");
    }

    #[test]
    fn what_is_held_back_is_kept_in_its_order_with_its_colours() {
        let out = Out::new(false, false, ColorMode::Always);
        out.hold_back();
        out.line("one").unwrap();
        out.warn("two");
        assert!(out.is_held() && !out.is_live(), "no bar either");
        let held = out.held.take().unwrap();
        let said: Vec<(Stream, String)> = (held.into_iter())
            .map(|(stream, bytes)| (stream, String::from_utf8(bytes).unwrap()))
            .collect();
        assert_eq!(said[0], (Stream::Output, "one\n".to_owned()));
        assert_eq!(said[1].0, Stream::Error);
        assert!(
            said[1].1.contains("\u{1b}[") && said[1].1.ends_with(" two\n"),
            "{said:?}"
        );
        assert!(!out.is_held(), "it was taken");
    }

    #[test]
    fn colours_asked_for_come_and_colours_refused_do_not() {
        assert_eq!(choice(ColorMode::Always, false), ColorChoice::Always);
        assert_eq!(choice(ColorMode::Never, true), ColorChoice::Never);
        assert_eq!(choice(ColorMode::Auto, false), ColorChoice::Never);
    }
}
