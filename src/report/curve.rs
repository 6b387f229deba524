//! The curve of a learning-rate test as files: a table and a picture.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::atomic;
use super::disk::System;
use crate::error::{Error, Result};
use crate::train::Curve;

/// Writes `curve.csv` and `curve.svg` into a folder, which is made if it is not there.
///
/// # Errors
/// Whatever the system refuses.
pub fn write_curve(folder: &Path, curve: &Curve) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", error))?;
    let mut csv = "learning_rate,loss,smoothed_loss\n".to_owned();
    for point in &curve.points {
        let (rate, loss, smoothed) = (point.learning_rate, point.loss, point.smoothed);
        let _ = writeln!(csv, "{rate:e},{loss},{smoothed}");
    }
    atomic::write(&System, &folder.join("curve.csv"), csv.as_bytes())?;
    atomic::write(&System, &folder.join("curve.svg"), svg(curve).as_bytes())
}

/// The picture in pixels, and the margins around the axes: left, right, top, bottom.
const SIZE: [f64; 2] = [720.0, 420.0];
const MARGINS: [f64; 4] = [64.0, 20.0, 36.0, 48.0];

/// From values to pixels.
struct Axes {
    /// Decades of the learning rate.
    x: [f64; 2],
    /// Loss.
    y: [f64; 2],
}

impl Axes {
    fn of(curve: &Curve) -> Self {
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            let [low, high] = values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| {
                [low.min(x), high.max(x)]
            });
            let room = ((high - low) * 0.05).max(1e-9);
            if low.is_finite() {
                [low - room, high + room]
            } else {
                [0.0, 1.0]
            }
        };
        let points = || curve.points.iter();
        Self {
            x: ends(&mut points().map(|point| point.learning_rate.log10())),
            y: ends(&mut points().flat_map(|point| [point.loss, point.smoothed])),
        }
    }

    fn x(&self, rate: f64) -> f64 {
        let [left, right, ..] = MARGINS;
        left + (rate.log10() - self.x[0]) / (self.x[1] - self.x[0]) * (SIZE[0] - left - right)
    }

    fn y(&self, loss: f64) -> f64 {
        let [.., top, bottom] = MARGINS;
        SIZE[1] - bottom - (loss - self.y[0]) / (self.y[1] - self.y[0]) * (SIZE[1] - top - bottom)
    }
}

/// Lines in the loss's direction: so many.
const LEVELS: u32 = 5;

fn svg(curve: &Curve) -> String {
    let axes = Axes::of(curve);
    let [width, height] = SIZE;
    let [left, right, top, bottom] = MARGINS;
    let (floor, end) = (height - bottom, width - right);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Loss over learning rate</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"22\" font-size=\"15\">loss over learning rate</text>\n"
    );
    let mut line = |text_line: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{text_line}");
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "decades of an f64 are few hundreds"
    )]
    for decade in axes.x[0].ceil() as i32..=axes.x[1].floor() as i32 {
        let x = axes.x(10f64.powi(decade));
        line(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{floor}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">1e{decade}</text>",
            floor + 18.0
        ));
    }
    for level in 0..LEVELS {
        let share = f64::from(level) / f64::from(LEVELS - 1);
        let loss = axes.y[0] + share * (axes.y[1] - axes.y[0]);
        let y = axes.y(loss);
        line(format_args!(
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{end}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{loss:.3}</text>",
            left - 6.0,
            y + 4.0
        ));
    }
    line(format_args!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">learning rate</text>",
        (left + end) / 2.0,
        height - 10.0
    ));
    let path = |value: &dyn Fn(&crate::train::Point) -> f64| {
        let places = curve.points.iter();
        let places =
            places.map(|p| format!("{:.1},{:.1}", axes.x(p.learning_rate), axes.y(value(p))));
        places.collect::<Vec<_>>().join(" ")
    };
    line(format_args!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#9ab\"/>",
        path(&|point| point.loss)
    ));
    line(format_args!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"2\"/>",
        path(&|point| point.smoothed)
    ));
    if let Some(rate) = curve.suggestion() {
        let x = axes.x(rate);
        line(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{floor}\" stroke=\"#c30\" stroke-dasharray=\"4 3\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#c30\">{rate:.1e}</text>",
            x + 5.0,
            top + 12.0
        ));
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Point;

    #[test]
    fn the_curve_of_a_test_is_a_table_and_a_picture() {
        let points = (0..30).map(|i| {
            let log = -5.0 + f64::from(i) * 0.2;
            let loss = 1.0 / (1.0 + (2.0 * (log + 2.5)).exp());
            Point {
                learning_rate: 10f64.powf(log),
                loss,
                smoothed: loss,
            }
        });
        let curve = Curve {
            points: points.collect(),
        };
        let folder = tempfile::tempdir().unwrap();
        write_curve(&folder.path().join("new"), &curve).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join("new").join(name)).unwrap();
        let csv = read("curve.csv");
        assert_eq!(csv.lines().count(), 31);
        assert!(
            csv.starts_with("learning_rate,loss,smoothed_loss\n1e-5,"),
            "{csv}"
        );
        let svg = read("curve.svg");
        for part in [
            "<svg ",
            ">1e-3<",
            "polyline",
            "stroke-dasharray",
            "</svg>\n",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        // Nothing to draw is drawn without numbers that are none.
        let empty = super::svg(&Curve { points: Vec::new() });
        assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
    }
}
