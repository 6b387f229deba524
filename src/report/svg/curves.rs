//! Curves over epochs.

use std::fmt::Write as _;

use super::{Figure, SERIES, WIDTH, shortened, tick_text, ticks};

/// Where the curves are: left, top, right, bottom.
const BOX: [f64; 4] = [50.0, 38.0, WIDTH - 14.0, 264.0];
const HEIGHT: f64 = 300.0;
/// More points than pixels are no finer picture.
const MOST_POINTS: usize = 600;
/// Few points are shown as such.
const DOTS: usize = 40;

/// A curve with its name.
#[derive(Clone, Debug)]
pub(in super::super) struct Series {
    /// What it is called in the legend.
    pub(in super::super) name: String,
    /// Its points (x, y), in the order of x.
    pub(in super::super) points: Vec<(f64, f64)>,
}

/// How the vertical axis is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Axis {
    /// From 0, as a loss.
    FromZero,
    /// Up to 1, in percent.
    Percent,
    /// Around the points.
    Free,
}

/// Curves over epochs, each in its colour; `None` if there is no point.
pub(in super::super) fn curves(title: &str, axis: Axis, series: &[Series]) -> Option<Figure> {
    let points = || series.iter().flat_map(|series| &series.points);
    let [mut left, mut right, mut low, mut high] = [
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for &(x, y) in points() {
        (left, right) = (left.min(x), right.max(x));
        (low, high) = (low.min(y), high.max(y));
    }
    if !(left.is_finite() && low.is_finite() && high.is_finite()) {
        return None;
    }
    match axis {
        Axis::FromZero => low = low.min(0.0),
        Axis::Percent => (low, high) = (low.min(0.99), 1.0),
        Axis::Free => {}
    }
    let margin = ((high - low) * 0.06).max(high.abs() * 1e-6).max(1e-12);
    high += margin;
    if axis != Axis::FromZero || low < 0.0 {
        low -= margin;
    }
    if right <= left {
        (left, right) = (left - 0.5, right + 0.5);
    }
    let [x0, y0, x1, y1] = BOX;
    let at = |(x, y): (f64, f64)| {
        [
            x0 + (x - left) / (right - left) * (x1 - x0),
            y1 - (y - low) / (high - low) * (y1 - y0),
        ]
    };
    let mut figure = Figure::new(title, HEIGHT);
    figure.text("", [0.0, 16.0], title);
    let rows = ticks(low, high, 5.0);
    let row_step = step(&rows);
    for &tick in &rows {
        let [_, y] = at((left, tick));
        figure.line("grid", [x0, y], [x1, y]);
        let text = match axis {
            Axis::Percent => format!("{} %", tick_text(tick * 100.0, row_step * 100.0)),
            Axis::FromZero | Axis::Free => tick_text(tick, row_step),
        };
        figure.text("muted end", [x0 - 6.0, y + 4.5], &text);
    }
    let columns = ticks(left, right, 6.0);
    let columns: Vec<f64> = columns
        .into_iter()
        .filter(|tick| tick.fract() == 0.0)
        .collect();
    for &tick in &columns {
        let [x, _] = at((tick, low));
        figure.line("grid", [x, y1], [x, y1 + 4.0]);
        figure.text(
            "muted mid",
            [x, y1 + 18.0],
            &tick_text(tick, step(&columns)),
        );
    }
    figure.text("muted end", [x1, HEIGHT - 2.0], "epoch");
    for (i, series) in series.iter().enumerate() {
        draw(&mut figure, series, i % SERIES, at);
    }
    legend(&mut figure, series);
    Some(figure)
}

/// The distance between ticks.
fn step(ticks: &[f64]) -> f64 {
    match ticks {
        [first, second, ..] => second - first,
        _ => 1.0,
    }
}

fn draw(figure: &mut Figure, series: &Series, color: usize, at: impl Fn((f64, f64)) -> [f64; 2]) {
    let points = &series.points;
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let mut path = String::new();
    for (i, &point) in points.iter().enumerate() {
        if i % stride == 0 || i == last {
            let [x, y] = at(point);
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
        }
    }
    if path.is_empty() {
        return;
    }
    let _ = write!(
        figure.body,
        "<path class=\"curve\" style=\"stroke:var(--s{color})\" d=\"{path}\"/>"
    );
    if points.len() <= DOTS {
        for &point in points {
            let [x, y] = at(point);
            let _ = write!(
                figure.body,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\" style=\"fill:var(--s{color})\"/>"
            );
        }
    }
}

/// Names in a row above the curves, from the right.
fn legend(figure: &mut Figure, series: &[Series]) {
    const CHARACTER: f64 = 7.0;
    if series.len() > 4 {
        return;
    }
    let mut right = BOX[2];
    for (i, series) in series.iter().enumerate().rev() {
        if series.points.is_empty() {
            continue;
        }
        let name = shortened(&series.name, 16);
        let width = name.chars().count() as f64 * CHARACTER;
        figure.text("end", [right, 16.0], &name);
        let _ = write!(
            figure.body,
            "<path class=\"curve\" style=\"stroke:var(--s{})\" d=\"M{:.1} 11.5h14\"/>",
            i % SERIES,
            right - width - 22.0
        );
        right -= width + 36.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        Series {
            name: "training".to_owned(),
            points: points.to_vec(),
        }
    }

    #[test]
    fn nothing_to_draw_is_no_figure() {
        assert!(
            curves("loss", Axis::FromZero, &[series(&[])]).is_none(),
            "no points"
        );
        assert!(curves("loss", Axis::FromZero, &[]).is_none(), "no series");
    }

    #[test]
    fn curves_stay_inside_of_their_figure_and_are_finite() {
        for points in [
            &[(1.0, 0.0)][..],
            &[(1.0, 2.3), (2.0, 0.1)],
            &[(1.0, 1e30), (2.0, 1e-30)],
            &[(3.0, -5.0), (4.0, -5.0)],
        ] {
            for axis in [Axis::FromZero, Axis::Free] {
                let figure = curves("loss", axis, &[series(points)]).unwrap();
                assert!(
                    !figure.body.contains("NaN") && !figure.body.contains("inf"),
                    "{}",
                    figure.body
                );
                let circles = figure.body.split("<circle cx=\"").skip(1);
                for circle in circles {
                    let x: f64 = circle.split('"').next().unwrap().parse().unwrap();
                    assert!((BOX[0]..=BOX[2]).contains(&x), "{circle}");
                }
            }
        }
    }

    #[test]
    fn a_long_training_is_a_short_file() {
        let points: Vec<(f64, f64)> = (1..100_000)
            .map(|i| (f64::from(i), 1.0 / f64::from(i)))
            .collect();
        let figure = curves("loss", Axis::FromZero, &[series(&points)]).unwrap();
        assert!(
            figure.standalone().len() < 20_000,
            "{}",
            figure.standalone().len()
        );
    }
}
