//! What a finished run leaves to look at: figures, pictures, the page, the card.

use std::fs;
use std::path::Path;

use super::svg::{self, Axis, Figure, Series};
use super::table::Table;
use super::{CONFIG, card, page, pictures};
use crate::error::{Error, Result};
use crate::train::{Classes, Measured, Outcome, Start};

/// A run, as it is told.
#[derive(Clone, Debug)]
pub(super) struct Document<'a> {
    pub(super) start: &'a Start,
    pub(super) outcome: &'a Outcome,
    /// The epochs.
    pub(super) table: Table,
    /// The text of `config.toml`.
    pub(super) config: String,
}

impl<'a> Document<'a> {
    /// Everything that is known of the run in a folder.
    ///
    /// # Errors
    /// If its metrics or its configuration cannot be read.
    pub(super) fn of(run: &Path, start: &'a Start, outcome: &'a Outcome) -> Result<Self> {
        let config = run.join(CONFIG);
        Ok(Self {
            start,
            outcome,
            table: Table::read(run)?,
            config: fs::read_to_string(&config)
                .map_err(|error| Error::io(&config, "read", error))?,
        })
    }

    /// The test of a classification, if there was one, with the names of the classes.
    pub(super) fn classes(&self) -> Option<(&'a [String], &'a Classes)> {
        let evaluation = self.outcome.evaluation.as_ref()?;
        match &evaluation.measured {
            Measured::Classes(classes) => Some((&evaluation.names, classes)),
            Measured::Values(_) | Measured::Text(_) => None,
        }
    }

    /// The curves of every metric.
    pub(super) fn curves(&self) -> Vec<Figure> {
        let metrics = self.table.metrics().into_iter();
        let figures = metrics.filter_map(|metric| curve(&self.table, metric));
        figures.collect()
    }

    /// Writes the files, by their names.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub(super) fn write(&self, write: &dyn Fn(&str, &[u8]) -> Result<()>) -> Result<()> {
        if let Some(figure) = curve(&self.table, "loss") {
            write("loss.svg", figure.standalone().as_bytes())?;
        }
        if let Some((names, classes)) = self.classes()
            && let Some(figure) = svg::confusion(names, &classes.scores.confusion)
        {
            write("confusion.svg", figure.standalone().as_bytes())?;
        }
        let (mistakes, model) = (&self.outcome.mistakes, &self.outcome.model);
        if !mistakes.is_empty() && pictures::are_pictures(model.sample_shape) {
            write("samples.png", &pictures::sheet(mistakes, model))?;
        }
        write("README.md", card::markdown(self).as_bytes())?;
        write("report.html", page::html(self).as_bytes())
    }
}

/// A metric on the training and the validation samples.
fn curve(table: &Table, metric: &str) -> Option<Figure> {
    let parts = [("training", "train"), ("validation", "validation")];
    let series: Vec<Series> = parts
        .map(|(name, part)| Series {
            name: name.to_owned(),
            points: table.points(&format!("{part}_{metric}")),
        })
        .into();
    svg::curves(metric, axis(metric), &series)
}

/// How a metric is drawn.
pub(super) fn axis(metric: &str) -> Axis {
    match metric {
        "accuracy" => Axis::Percent,
        "loss" => Axis::FromZero,
        _ => Axis::Free,
    }
}
