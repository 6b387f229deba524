//! Confidence against accuracy: what is well calibrated lies on the diagonal.

use super::{Figure, WIDTH};
use crate::metrics::Calibration;

const BOX: [f64; 4] = [50.0, 38.0, WIDTH - 14.0, 330.0];
/// Below: how many samples have which confidence.
const COUNTS: [f64; 2] = [340.0, 384.0];
const HEIGHT: f64 = 430.0;

/// A bar for each bin: the share of right guesses among those of about this confidence.
pub(in super::super) fn reliability(calibration: &Calibration) -> Figure {
    let title = "calibration: how often a guess of a given confidence is right";
    let mut figure = Figure::new(title, HEIGHT);
    let [x0, y0, x1, y1] = BOX;
    let x = |share: f64| x0 + share * (x1 - x0);
    let y = |share: f64| y1 - share * (y1 - y0);
    figure.text("", [0.0, 16.0], "calibration");
    let ece = format!("expected error {:.2} %", calibration.ece * 100.0);
    figure.text("muted end", [x1, 16.0], &ece);
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        figure.line("grid", [x0, y(share)], [x1, y(share)]);
        let text = format!("{:.0} %", share * 100.0);
        figure.text("muted end", [x0 - 6.0, y(share) + 4.5], &text);
        figure.text(
            "muted mid",
            [x(share).min(x1 - 12.0), COUNTS[1] + 17.0],
            &text,
        );
    }
    let most = calibration.bins.iter().map(|bin| bin.samples).max();
    for bin in &calibration.bins {
        let (Some(accuracy), Some(_)) = (bin.accuracy, bin.confidence) else {
            continue;
        };
        let [left, right] = [x(bin.low) + 1.0, x(bin.high) - 1.0];
        let width = right - left;
        figure.rect([left, y(accuracy)], [width, y1 - y(accuracy)], "s0", 0.75);
        let share = bin.samples as f64 / most.unwrap_or(1).max(1) as f64;
        let height = (share * (COUNTS[1] - COUNTS[0])).max(1.0);
        figure.rect([left, COUNTS[1] - height], [width, height], "muted", 0.5);
    }
    figure.line("diagonal", [x(0.0), y(0.0)], [x(1.0), y(1.0)]);
    figure.body = figure.body.replace(
        "class=\"diagonal\"",
        "style=\"stroke:var(--s1);stroke-width:1.6;stroke-dasharray:5 4;fill:none\"",
    );
    figure.text(
        "muted",
        [x0, HEIGHT - 3.0],
        "confidence of the guess; below the bars, how many samples",
    );
    figure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Classification, Predictions};

    #[test]
    fn bins_with_samples_have_a_bar_and_a_count() {
        let predictions =
            Predictions::new(2, vec![0.75, 0.25, 0.6, 0.4, 0.75, 0.25], vec![0, 1, 0]);
        let calibration = Classification::of(&predictions, &[]).calibration;
        let body = reliability(&calibration).body;
        assert_eq!(body.matches("<rect").count(), 4, "{body}");
        assert!(body.contains("stroke-dasharray"), "{body}");
    }
}
