//! The dashboard as it is drawn: a function of what is known.

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, LegendPosition, Paragraph};

use super::board::Board;
use crate::cli::format;
use crate::train::{Metric, Scores};

/// Below this height there is no room for curves.
const LEAST_HEIGHT: u16 = 12;
/// From this width on both curves stand side by side.
const WIDE: u16 = 60;

/// Draws what is known.
pub(super) fn draw(frame: &mut Frame<'_>, board: &Board) {
    let facts = facts(board);
    let height = u16::try_from(facts.len()).unwrap_or(u16::MAX);
    let area = frame.area();
    let has_curves = area.height >= LEAST_HEIGHT && board.start.is_some();
    let [title, gauge, curves, below, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(height),
        Constraint::Length(1),
    ])
    .areas(area);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(Paragraph::new(heading(board)).style(bold), title);
    frame.render_widget(progress(board), gauge);
    if has_curves && curves.width >= WIDE {
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(curves);
        losses(frame, left, board);
        metrics(frame, right, board);
    } else if has_curves {
        losses(frame, curves, board);
    }
    let facts: Vec<Line<'_>> = facts.into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(facts), below);
    frame.render_widget(Paragraph::new(help(board)), keys);
}

fn heading(board: &Board) -> String {
    match &board.start {
        None => format!("anygrad {}", env!("CARGO_PKG_VERSION")),
        Some((start, _)) => format!(
            "{} on {}",
            format::clean(&start.name),
            format::clean(&start.adapter)
        ),
    }
}

fn progress(board: &Board) -> Gauge<'_> {
    let [done, all] = board.steps();
    let label = if board.start.is_none() {
        board.preparing.clone()
    } else {
        let [_, left] = board.clock(Instant::now());
        format!(
            "{}  step {}/{}  {} left",
            board.epoch(),
            format::count(done),
            format::count(all),
            format::seconds(left)
        )
    };
    Gauge::default()
        .gauge_style(style(board, Color::Cyan))
        .label(label)
        .ratio((done as f64 / all as f64).clamp(0.0, 1.0))
}

/// What stands below the curves.
fn facts(board: &Board) -> Vec<String> {
    let Some((start, _)) = &board.start else {
        return Vec::new();
    };
    let [seconds, _] = board.clock(Instant::now());
    let speed = board
        .progress
        .map_or(f64::NAN, |progress| progress.samples_per_second);
    let rate = board
        .learning_rate
        .map_or("–".to_owned(), |rate| format!("{rate:.3e}"));
    let kept = match board.kept {
        None => "no checkpoint yet".to_owned(),
        Some(step) => format!("checkpoint at step {}", format::count(step)),
    };
    let mut lines = vec![
        format!(
            "{} samples/s   {} on the adapter   {}",
            format::rate(speed),
            format::bytes(start.planned_bytes as u64),
            format::seconds(seconds)
        ),
        format!("learning rate {rate}   {kept}"),
    ];
    if let Some(epoch) = board.epochs.last() {
        let scores = |scores: Scores| {
            format!(
                "loss {}  {}",
                format::loss(scores.loss),
                format::metric(scores.metric)
            )
        };
        lines.push(format!("epoch {}: {}", epoch.epoch, scores(epoch.train)));
        if let Some(validation) = epoch.validation {
            lines.push(format!("validation: {}", scores(validation)));
        }
    }
    if !board.message.is_empty() {
        lines.push(format::clean(&board.message));
    }
    lines
}

fn help(board: &Board) -> &'static str {
    if board.is_stopping {
        "stopping after the step under way; Ctrl-C again ends at once"
    } else {
        "q  stop and keep what there is"
    }
}

fn losses(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let validation = board.validation_losses();
    let curves = [board.losses.points(), &validation];
    curve(frame, area, board, "loss", curves, &format::loss);
}

fn metrics(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let metric = board.metric();
    let (title, show): (&str, fn(f64) -> String) = match metric {
        Some(Metric::Rmse(_)) => ("RMSE", format::loss),
        Some(Metric::Accuracy(_)) | None => ("accuracy", format::percent),
    };
    let [train, validation] = board.metrics();
    curve(frame, area, board, title, [&train, &validation], &show);
}

/// A curve of the training, and one of the validation if there is any.
fn curve(
    frame: &mut Frame<'_>,
    area: Rect,
    board: &Board,
    title: &str,
    curves: [&[(f64, f64)]; 2],
    show: &dyn Fn(f64) -> String,
) {
    let [_, all] = board.steps();
    let values = || {
        let points = curves.iter().copied().flatten();
        points
            .map(|&(_, value)| value)
            .filter(|value| value.is_finite())
    };
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let block = Block::bordered().title(title.to_owned());
    if low > high {
        frame.render_widget(Paragraph::new("no epoch yet").block(block), area);
        return;
    }
    // A flat curve has a height, too.
    let margin = ((high - low) * 0.05).max(high.abs() * 1e-3).max(1e-9);
    let bounds = [low - margin, high + margin];
    let data = |name: &'static str, color, points| {
        Dataset::default()
            .name(name)
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(style(board, color))
            .data(points)
    };
    let mut sets = vec![data("training", Color::Cyan, curves[0])];
    if !curves[1].is_empty() {
        sets.push(data("validation", Color::Yellow, curves[1]));
    }
    let count = |steps: u64| format::count(steps);
    // Where no curve is: a loss falls to the right, an accuracy grows.
    let falls = curves[0]
        .last()
        .is_some_and(|&(_, last)| last < (low + high) / 2.0);
    let chart = Chart::new(sets)
        .block(block)
        .legend_position(Some(if falls {
            LegendPosition::TopRight
        } else {
            LegendPosition::BottomRight
        }))
        .hidden_legend_constraints((Constraint::Percentage(60), Constraint::Percentage(60)))
        .x_axis(
            Axis::default()
                .bounds([0.0, all as f64])
                .labels(["0".to_owned(), count(all)]),
        )
        .y_axis(Axis::default().bounds(bounds).labels([
            show(low),
            show((low + high) / 2.0),
            show(high),
        ]));
    frame.render_widget(chart, area);
}

fn style(board: &Board, color: Color) -> Style {
    if board.is_coloured {
        Style::new().fg(color)
    } else {
        Style::new()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::report::fabricated;
    use crate::train::{Event, Progress, Steps};

    /// The screen of a board, line by line.
    fn screen(board: &Board, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, board)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let lines = buffer.content().chunks(usize::from(width).max(1));
        lines
            .map(|cells| cells.iter().map(|cell| cell.symbol()).collect())
            .collect()
    }

    /// Two epochs of a training and a half.
    fn board() -> Board {
        let mut board = Board::new(true);
        board.tell(&Event::Start(Box::new(fabricated::start())));
        let losses: Vec<f32> = (0..100_u8).map(|i| 2.0 / (1.0 + f32::from(i))).collect();
        let learning_rates = vec![0.01; losses.len()];
        board.tell(&Event::Steps(Steps {
            first: 1,
            losses,
            learning_rates,
        }));
        for number in 1..=2 {
            let validation = Scores {
                loss: 0.4,
                metric: Metric::Accuracy(0.9125),
            };
            board.tell(&Event::Epoch(fabricated::epoch(number, Some(validation))));
        }
        board.tell(&Event::Progress(Progress {
            epoch: 3,
            step: 100,
            train: Scores {
                loss: 0.02,
                metric: Metric::Accuracy(0.97),
            },
            samples_per_second: 12_345.0,
        }));
        board
    }

    fn assert_shows(screen: &[String], words: &[&str]) {
        for word in words {
            let is_there = screen.iter().any(|line| line.contains(word));
            assert!(is_there, "{word:?} in\n{}", screen.join("\n"));
        }
    }

    #[test]
    fn all_figures_and_both_curves_fit_terminals_of_usual_sizes() {
        let board = board();
        for (width, height) in [(80, 24), (200, 50), (100, 30)] {
            let screen = screen(&board, width, height);
            assert_shows(
                &screen,
                &[
                    "digits on ",
                    "epoch ",
                    "step 100/",
                    " left",
                    "loss",
                    "accuracy",
                    "training",
                    "validation",
                    "12,345 samples/s",
                    "on the adapter",
                    "learning rate 1.000e-2",
                    "91.25 %",
                    "q  stop",
                ],
            );
            let dots = screen.iter().flat_map(|line| line.chars());
            let dots = dots
                .filter(|c| ('\u{2801}'..='\u{28ff}').contains(c))
                .count();
            assert!(dots > 20, "{dots} points of curves on {width} × {height}");
        }
    }

    #[test]
    fn a_narrow_terminal_shows_one_curve_and_a_tiny_one_what_fits() {
        let board = board();
        let narrow = screen(&board, 50, 24);
        assert_shows(&narrow, &["loss", "step 100/"]);
        assert!(
            !narrow.iter().any(|line| line.contains("accuracy─")),
            "one curve"
        );
        for (width, height) in [(1, 1), (5, 2), (10, 3), (30, 11), (60, 12), (500, 4)] {
            screen(&board, width, height);
        }
        assert_shows(&screen(&board, 60, 8), &["step 100/", "q  stop"]);
    }

    #[test]
    fn what_happens_before_the_first_step_and_at_the_end_is_told() {
        let mut board = Board::new(false);
        assert_shows(&screen(&board, 80, 24), &["anygrad", "planning", "q  stop"]);
        board.tell(&Event::Reading { done: 7, total: 9 });
        assert_shows(&screen(&board, 80, 24), &["reading sample 7 of 9"]);
        board.tell(&Event::Start(Box::new(fabricated::start())));
        assert_shows(
            &screen(&board, 80, 24),
            &["no epoch yet", "no checkpoint yet"],
        );
        board.is_stopping = true;
        board.message = "the disk is full".to_owned();
        assert_shows(
            &screen(&board, 80, 24),
            &["stopping after the step", "the disk is full"],
        );
    }

    #[test]
    fn without_colours_there_are_none() {
        let mut board = board();
        board.is_coloured = false;
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(frame, &board)).unwrap();
        let cells = terminal.backend().buffer().content();
        assert!(
            cells.iter().all(|cell| cell.fg == Color::Reset),
            "no colour"
        );
    }
}
