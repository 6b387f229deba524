//! `anygrad train --folds K`: a training for each fold, and what they say together.

use std::path::Path;

use serde::Serialize;

use super::super::format::{self, Align};
use super::super::output::Out;
use crate::config::Config;
use crate::data::Fold;
use crate::error::Result;
use crate::report::{Folds, FoldsFolder};
use crate::train::{Metric, Request};

/// The end of a cross-validation for machines.
#[derive(Serialize)]
struct End<'a> {
    event: &'static str,
    run: String,
    #[serde(flatten)]
    folds: &'a Folds,
}

/// Trains once for each fold, and tells mean and deviation over the held-out samples.
pub(super) fn run(
    request: &Request,
    kept: &Config,
    count: usize,
    parent: &Path,
    out: &Out,
) -> Result<()> {
    let folder = FoldsFolder::create(parent, &request.config.name)?;
    let trained = (0..count).map(|index| {
        out.line(format!("fold {} of {count}", index + 1))?;
        let name = format!("fold-{}", index + 1);
        let mut request = request.clone();
        request.fold = Some(Fold { index, count });
        request.config.name.clone_from(&name);
        let mut kept = kept.clone();
        kept.name = name;
        let (summary, _) = super::once(&request, &kept, None, folder.path(), false, out)?;
        out.line("")?;
        Ok(summary)
    });
    let summaries = trained.collect::<Result<Vec<_>>>();
    if summaries.is_err() {
        folder.remove_if_empty();
    }
    let folds = Folds::new(&request.config.name, request.config.seed, &summaries?);
    folder.finish(&folds)?;
    out.object(&End {
        event: "folds",
        run: folder.path().display().to_string(),
        folds: &folds,
    })?;
    out.lines(&lines(&folds))?;
    let shown = format::clean(folder.path().display());
    out.line(format!("the runs of the folds are in {shown}"))
}

/// A row for each fold, then mean and deviation.
fn lines(folds: &Folds) -> Vec<String> {
    let first = folds.folds.first().map(|fold| fold.validation.metric);
    let of_metric = |value: f64| match first {
        Some(Metric::Rmse(_)) => Metric::Rmse(value),
        Some(Metric::Accuracy(_)) | None => Metric::Accuracy(value),
    };
    let title = match first {
        Some(Metric::Rmse(_)) => "RMSE",
        Some(Metric::Accuracy(_)) | None => "accuracy",
    };
    let row = |name: String, loss: f64, metric: f64| {
        vec![name, format::loss(loss), format::figure(of_metric(metric))]
    };
    let header = ["fold", "loss", title].map(str::to_owned).to_vec();
    let mut rows = vec![header];
    for (number, fold) in (1..).zip(&folds.folds) {
        let scores = fold.validation;
        rows.push(row(format!("{number}"), scores.loss, scores.metric.value()));
    }
    rows.push(row("mean".to_owned(), folds.mean.loss, folds.mean.metric));
    let deviation = folds.deviation;
    rows.push(row(
        "deviation".to_owned(),
        deviation.loss,
        deviation.metric,
    ));
    format::table(&[Align::Left, Align::Right, Align::Right], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Summary;
    use crate::report::fabricated::{outcome, start};
    use crate::train::Scores;

    #[test]
    fn each_fold_has_a_row_and_mean_and_deviation_are_last() {
        let summaries = [0.5, 0.75].map(|value| {
            let metric = Metric::Accuracy(value);
            let scores = Scores {
                loss: value,
                metric,
            };
            Summary::new(&start(), &outcome(), None, Some(scores))
        });
        assert_eq!(
            lines(&Folds::new("digits", 1, &summaries)),
            [
                "fold         loss  accuracy",
                "1          0.5000   50.00 %",
                "2          0.7500   75.00 %",
                "mean       0.6250   62.50 %",
                "deviation  0.1768   17.68 %",
            ]
        );
    }
}
