//! `anygrad train --tui`: a dashboard in place of lines, while the training runs.
//!
//! A thread of its own owns the terminal, draws what is known ten times a second and heeds the keys, so that it moves while the training
//! plans and compiles. Whatever ends it, the terminal is as it was before; then everything is said that was held back.

mod board;
mod view;

use std::io::{self, Stdout};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    self, Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use self::board::Board;
use crate::cli::output::Out;
use crate::error::{Error, Result};
use crate::train::{Event, Stop};

/// Between two looks at the keys, after which the screen is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// SIGINT, which `q` and Ctrl-C stand for: the keyboard sends none while keys are read one by one.
const INTERRUPT: u8 = 2;

/// The dashboard of a training. It is taken away when this is dropped.
#[derive(Debug)]
pub(super) struct Dashboard {
    board: Arc<Mutex<Board>>,
    thread: Option<JoinHandle<()>>,
}

impl Dashboard {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// If there is none before which someone sits, or it cannot be taken over.
    pub(super) fn open(stop: Stop, out: &Out) -> Result<Self> {
        if !out.has_screen() {
            return Err(Error::usage(
                "--tui: there is no terminal to draw on, or nothing shall be drawn (--quiet, --json, TERM=dumb)",
                "leave --tui out: then the training is told line by line, which goes into files as well",
            ));
        }
        let screen = Screen::open().map_err(|error| {
            Error::usage(
                format!("--tui: the terminal cannot be taken over: {error}"),
                "leave --tui out",
            )
        })?;
        let board = Arc::new(Mutex::new(Board::new(out.is_coloured())));
        let shown = Arc::clone(&board);
        let thread = thread::spawn(move || show(screen, &shown, &stop));
        Ok(Self {
            board,
            thread: Some(thread),
        })
    }

    /// Tells the dashboard what happened.
    pub(super) fn tell(&self, event: &Event) {
        lock(&self.board).tell(event);
    }

    /// Tells it of trouble, which is said again afterwards.
    pub(super) fn warn(&self, text: &str) {
        lock(&self.board).message = text.to_owned();
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        lock(&self.board).is_over = true;
        if let Some(thread) = self.thread.take() {
            // A panic of it is told by the hook, and no reason for another.
            let _ = thread.join();
        }
    }
}

/// What is known; a panic of the other thread leaves it as good as before.
fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws and heeds keys until the training is over, or the terminal is lost: the training goes on without one.
fn show(mut screen: Screen, board: &Mutex<Board>, stop: &Stop) {
    loop {
        {
            let board = lock(board);
            if board.is_over
                || screen
                    .terminal
                    .draw(|frame| view::draw(frame, &board))
                    .is_err()
            {
                return;
            }
        }
        match event::poll(FRAME).and_then(|is_there| is_there.then(event::read).transpose()) {
            Ok(Some(Input::Key(key))) => match wish(key) {
                Some(Wish::Stop) if stop.requested().is_none() => {
                    stop.request(INTERRUPT);
                    lock(board).is_stopping = true;
                }
                // A second Ctrl-C is an order, as the second signal is.
                Some(Wish::Stop) if key.code != KeyCode::Char('q') => {
                    drop(screen);
                    process::exit(128 + i32::from(INTERRUPT));
                }
                _ => {}
            },
            // A new size is seen when it is drawn next.
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Stop,
}

fn wish(key: KeyEvent) -> Option<Wish> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match (key.kind, key.code) {
        (KeyEventKind::Release, _) => None,
        (_, KeyCode::Char('c')) if is_control => Some(Wish::Stop),
        (_, KeyCode::Char('q' | 'Q')) if !is_control => Some(Wish::Stop),
        _ => None,
    }
}

/// The terminal, taken over until this is dropped.
struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        let opened = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match opened {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. Where that fails there is none any more.
fn restore() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_control_c_ask_for_an_end_and_other_keys_for_nothing() {
        let key = |code, modifiers| wish(KeyEvent::new(KeyCode::Char(code), modifiers));
        for (code, modifiers) in [
            ('q', KeyModifiers::NONE),
            ('Q', KeyModifiers::SHIFT),
            ('c', KeyModifiers::CONTROL),
        ] {
            assert_eq!(key(code, modifiers), Some(Wish::Stop), "{code}");
        }
        for (code, modifiers) in [
            ('c', KeyModifiers::NONE),
            ('q', KeyModifiers::CONTROL),
            ('x', KeyModifiers::NONE),
        ] {
            assert_eq!(key(code, modifiers), None, "{code}");
        }
        let mut released = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        released.kind = KeyEventKind::Release;
        assert_eq!(wish(released), None);
    }
}
