//! A training as people read it.

use super::super::format::{self, Align};
use crate::report::Summary;
use crate::train::{Ending, Epoch, Metric, Progress, Scores, Start, Transfer};

/// How many epochs a training has; the last one may be cut short.
pub(super) fn epochs(start: &Start) -> u64 {
    start.steps.div_ceil(start.steps_per_epoch.max(1))
}

/// `epoch  3/20`.
pub(super) fn epoch_of(epoch: u64, epochs: u64) -> String {
    let width = epochs.to_string().len();
    format!("epoch {epoch:>width$}/{epochs}")
}

/// Everything known before the first step.
pub(super) fn start(start: &Start, folder: &str) -> Vec<String> {
    let [train, validation, test] = start.samples.map(format::count);
    let mut lines = vec![
        format!(
            "anygrad {} on {}",
            env!("CARGO_PKG_VERSION"),
            format::clean(&start.adapter)
        ),
        format!(
            "data: {}, {}: {train} to train, {validation} to validate, {test} to test",
            format::clean(&start.data),
            format::samples(
                start.sample_shape,
                start.classes,
                start.regression,
                start.text
            ),
        ),
        String::new(),
    ];
    lines.extend(layers(start));
    lines.push(String::new());
    lines.push(format!(
        "{} of {} in {}, seed {}",
        format::plural(usize::try_from(start.steps).unwrap_or(usize::MAX), "step"),
        format::plural(start.batch, "sample"),
        format::plural(
            usize::try_from(epochs(start)).unwrap_or(usize::MAX),
            "epoch"
        ),
        start.seed
    ));
    if start.micro_batch < start.batch {
        lines.push(format!(
            "each step in {} of at most {}",
            format::plural(start.batch.div_ceil(start.micro_batch), "part"),
            format::plural(start.micro_batch, "sample")
        ));
    }
    lines.push(format!(
        "peak memory on the adapter: {}, of these {} data",
        format::bytes(start.planned_bytes as u64),
        format::bytes(start.data_bytes as u64)
    ));
    if start.kernels.measured > 0 {
        let measured = format::plural(start.kernels.measured, "kernel");
        lines.push(format!(
            "measured {measured}, which the next training of this kind need not"
        ));
    }
    lines.push(format!("run folder: {folder}"));
    if let Some(transfer) = &start.transfer {
        lines.push(transferred(transfer));
    }
    if let Some(resumed) = &start.resumed {
        lines.push(format!(
            "goes on after step {} of {}",
            resumed.step, start.steps
        ));
    }
    lines
}

/// What it begins with of another network.
fn transferred(transfer: &Transfer) -> String {
    const MOST: usize = 8;
    let left = &transfer.left;
    let rest = match left.len() {
        0 => String::new(),
        count => {
            let more = if count > MOST { ", …" } else { "" };
            format!("; random: {}{more}", left[..count.min(MOST)].join(", "))
        }
    };
    format!(
        "{} of {} tensors loaded{rest}",
        transfer.loaded, transfer.tensors
    )
}

/// A batch of more samples than there are is mostly padding.
pub(super) fn batch_too_large(start: &Start) -> Option<String> {
    let [samples, ..] = start.samples;
    (start.batch > samples).then(|| {
        format!(
            "the batch is larger than the {samples} training samples; --set train.batch={samples} learns the same in less time"
        )
    })
}

/// The table of layers.
fn layers(start: &Start) -> Vec<String> {
    let header = ["layer", "kind", "output", "parameters"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for layer in &start.layers {
        rows.push(vec![
            layer.name.clone(),
            layer.kind.clone(),
            format::extents(&layer.output),
            match layer.parameters {
                0 => "–".to_owned(),
                parameters => format::count(parameters),
            },
        ]);
    }
    let total = ["total", "", ""].map(str::to_owned).into_iter();
    rows.push(total.chain([format::count(start.parameters)]).collect());
    let aligns = [Align::Left, Align::Left, Align::Left, Align::Right];
    format::table(&aligns, &rows)
}

/// The end of an epoch; in short words where the terminal is narrow.
pub(super) fn epoch(epoch: &Epoch, epochs: u64, width: Option<usize>) -> String {
    let long = long_epoch(epoch, epochs);
    match width {
        Some(width) if long.chars().count() > width => short_epoch(epoch, epochs),
        _ => long,
    }
}

fn long_epoch(epoch: &Epoch, epochs: u64) -> String {
    let scores = |scores: Scores| {
        format!(
            "loss {}  {}",
            format::loss(scores.loss),
            match scores.metric {
                Metric::Accuracy(share) => format!("accuracy {:>8}", format::percent(share)),
                metric @ Metric::Rmse(_) => format::metric(metric),
            }
        )
    };
    let validation = match epoch.validation {
        Some(validation) => format!("  validation: {}", scores(validation)),
        None => String::new(),
    };
    format!(
        "{}  {}{validation}  {} samples/s  {}",
        epoch_of(epoch.epoch, epochs),
        scores(epoch.train),
        format::rate(epoch.samples_per_second),
        format::seconds(epoch.seconds)
    )
}

fn short_epoch(epoch: &Epoch, epochs: u64) -> String {
    let scores = |scores: Scores| {
        format!(
            "{} {:>8}",
            format::loss(scores.loss),
            format::figure(scores.metric)
        )
    };
    let validation = match epoch.validation {
        Some(validation) => format!("  val {}", scores(validation)),
        None => String::new(),
    };
    format!(
        "{}  loss {}{validation}  {}/s  {}",
        epoch_of(epoch.epoch, epochs),
        scores(epoch.train),
        format::rate(epoch.samples_per_second),
        format::seconds(epoch.seconds)
    )
}

/// What stands behind the progress bar, the most wanted first.
pub(super) fn bar_parts(progress: &Progress, steps: u64, seconds_left: f64) -> [String; 5] {
    [
        format!("{} left", clock(seconds_left)),
        format!("loss {}", format::loss(progress.train.loss)),
        format::figure(progress.train.metric),
        format!(
            "step {}/{}",
            format::count(progress.step),
            format::count(steps)
        ),
        format!("{} samples/s", format::rate(progress.samples_per_second)),
    ]
}

/// A line in the midst of a long epoch, where no bar can be drawn.
pub(super) fn progress(progress: &Progress, start: &Start, seconds_left: f64) -> String {
    format!(
        "{}  step {}/{}  loss {}  {}  {} samples/s  {} left",
        epoch_of(progress.epoch, epochs(start)),
        format::count(progress.step),
        format::count(start.steps),
        format::loss(progress.train.loss),
        format::metric(progress.train.metric),
        format::rate(progress.samples_per_second),
        format::seconds(seconds_left)
    )
}

/// A time that changes in place: `0:05`, `2:05`, `1:02:05`.
fn clock(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "–:––".to_owned();
    }
    let whole = seconds.ceil();
    let (hours, minutes, seconds) = (
        (whole / 3600.0).floor(),
        (whole / 60.0).floor() % 60.0,
        whole % 60.0,
    );
    if hours > 0.0 {
        format!("{hours:.0}:{minutes:02.0}:{seconds:02.0}")
    } else {
        format!("{minutes:.0}:{seconds:02.0}")
    }
}

/// The result.
pub(super) fn end(summary: &Summary, folder: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(test) = summary.test {
        lines.push(format!(
            "test: {}, loss {}",
            format::metric(test.metric),
            format::loss(test.loss)
        ));
    }
    lines.push(format!(
        "trained in {}, after {} to get ready",
        format::seconds(summary.seconds),
        format::seconds(summary.startup_seconds)
    ));
    lines.extend(ending(summary));
    lines.push(format!(
        "the trained network is in {folder}, with a page about it: report.html"
    ));
    lines
}

/// Why it ended before its last step, and which epoch's weights these are.
fn ending(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let steps = format::count(usize::try_from(summary.steps).unwrap_or(usize::MAX));
    match (summary.ending, &summary.best) {
        (Ending::Complete, _) => {}
        (Ending::TimeIsUp, _) => lines.push(format!(
            "its time was over after step {steps}; --resume goes on from there"
        )),
        (Ending::EarlyStopping, Some(best)) => lines.push(format!(
            "stopped early after step {steps}: {} has not improved since epoch {}",
            best.metric, best.epoch
        )),
        (Ending::EarlyStopping, None) => lines.push(format!("stopped early after step {steps}")),
    }
    if let Some(best) = &summary.best {
        let value = format::loss(best.value);
        lines.push(if summary.restored {
            format!(
                "the weights are those of the best epoch, {}: {} {value}",
                best.epoch, best.metric
            )
        } else {
            format!("the best epoch was {}: {} {value}", best.epoch, best.metric)
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fabricated;

    const VALIDATION: Scores = Scores {
        loss: 0.25,
        metric: Metric::Accuracy(1.0),
    };

    #[test]
    fn the_start_tells_adapter_data_layers_and_memory() {
        assert_eq!(
            start(&fabricated::start(), "runs/digits"),
            [
                concat!(
                    "anygrad ",
                    env!("CARGO_PKG_VERSION"),
                    " on Radeon RX 6700 (Vulkan, discrete GPU, radv Mesa 25.0.7)"
                ),
                "data: digits, samples of 8 × 8 × 1 in 2 classes: 1,293 to train, 144 to validate, 360 to test",
                "",
                "layer     kind              output      parameters",
                "conv1     conv2d 3×3, relu  8 × 8 × 16         160",
                "flatten1  flatten           1024                 –",
                "dense1    dense             2               13,546",
                "total                                       13,706",
                "",
                "820 steps of 32 samples in 20 epochs, seed 1",
                "peak memory on the adapter: 1.9 MiB, of these 112 KiB data",
                "run folder: runs/digits",
            ]
        );
    }

    #[test]
    fn a_batch_larger_than_the_data_is_told() {
        let mut start = fabricated::start();
        assert_eq!(batch_too_large(&start), None);
        start.batch = 1294;
        let hint = batch_too_large(&start).unwrap_or_default();
        assert!(hint.contains("--set train.batch=1293"), "{hint}");
    }

    #[test]
    fn an_epoch_is_one_line() {
        assert_eq!(
            epoch(&fabricated::epoch(3, Some(VALIDATION)), 20, None),
            "epoch  3/20  loss 0.5000  accuracy  87.50 %  validation: loss 0.2500  accuracy 100.00 %  12,346 samples/s  1.5 s"
        );
        assert_eq!(
            epoch(&fabricated::epoch(3, None), 20, Some(80)),
            "epoch  3/20  loss 0.5000  accuracy  87.50 %  12,346 samples/s  1.5 s"
        );
    }

    #[test]
    fn an_epoch_fits_a_terminal_of_80_columns() {
        let line = epoch(&fabricated::epoch(3, Some(VALIDATION)), 20, Some(80));
        assert_eq!(
            line,
            "epoch  3/20  loss 0.5000  87.50 %  val 0.2500 100.00 %  12,346/s  1.5 s"
        );
        assert!(line.chars().count() <= 80, "{line}");
    }

    #[test]
    fn the_last_epoch_counts_even_when_it_is_cut_short() {
        let mut start = fabricated::start();
        start.steps = start.steps_per_epoch * 2 + 1;
        assert_eq!(epochs(&start), 3);
    }

    #[test]
    fn a_long_epoch_says_how_far_it_is() {
        let now = Progress {
            epoch: 2,
            step: 60,
            train: VALIDATION,
            samples_per_second: 999.6,
        };
        assert_eq!(
            progress(&now, &fabricated::start(), 125.0),
            "epoch  2/20  step 60/820  loss 0.2500  accuracy 100.00 %  1,000 samples/s  2 min 05 s left"
        );
        assert_eq!(
            bar_parts(&now, 820, 124.2),
            [
                "2:05 left",
                "loss 0.2500",
                "100.00 %",
                "step 60/820",
                "1,000 samples/s"
            ]
        );
        assert_eq!(clock(3725.0), "1:02:05");
        assert_eq!(clock(f64::INFINITY), "–:––");
    }

    #[test]
    fn the_end_tells_the_result_and_where_it_is() {
        let start = fabricated::start();
        let summary = Summary::new(&start, &fabricated::outcome(), None, None);
        assert_eq!(
            end(&summary, "runs/digits"),
            [
                "test: accuracy 97.50 %, loss 0.0625",
                "trained in 3.2 s, after 0.5 s to get ready",
                "the trained network is in runs/digits, with a page about it: report.html",
            ]
        );
    }
}
