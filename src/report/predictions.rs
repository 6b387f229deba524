//! What a network says of every test sample, as CSV: for other programs to measure, and to look at.

use std::fmt::Write as _;
use std::path::Path;

use super::write_file;
use crate::error::Result;
use crate::metrics::{Estimates, Predictions};
use crate::train::{Evaluation, Measured};

/// Writes a row per sample: its number, its true class, the class it is taken for and the probability of each class; or each true
/// number and what is predicted.
///
/// Numbers are written so that they are read back exactly.
///
/// # Errors
/// Whatever the system refuses.
pub fn write_predictions(path: &Path, evaluation: &Evaluation) -> Result<()> {
    write_file(path, csv(evaluation).as_bytes())
}

fn csv(evaluation: &Evaluation) -> String {
    match &evaluation.measured {
        Measured::Classes(classes) => classes_csv(&evaluation.names, &classes.predictions),
        Measured::Values(values) => values_csv(&evaluation.names, &values.estimates),
        Measured::Text(_) => unreachable!("nothing is kept of each character"),
    }
}

/// `sample,NAME,predicted(NAME)` and so on.
fn values_csv(names: &[String], estimates: &Estimates) -> String {
    let mut text = "sample".to_owned();
    for name in names {
        let columns = [field(name), field(&format!("predicted({name})"))];
        write!(text, ",{},{}", columns[0], columns[1]).expect("text grows");
    }
    text.push('\n');
    for sample in 0..estimates.samples() {
        write!(text, "{sample}").expect("text grows");
        let numbers = estimates
            .values(sample)
            .iter()
            .zip(estimates.predicted(sample));
        for (&value, &predicted) in numbers {
            let [value, predicted] = [value, predicted].map(f64::from);
            write!(text, ",{value},{predicted}").expect("text grows");
        }
        text.push('\n');
    }
    text
}

/// `sample,true,predicted,p(CLASS)` and so on.
fn classes_csv(names: &[String], predictions: &Predictions) -> String {
    let classes: Vec<String> = names.iter().map(|name| field(name)).collect();
    let mut text = "sample,true,predicted".to_owned();
    for name in names {
        text.push(',');
        text.push_str(&field(&format!("p({name})")));
    }
    text.push('\n');
    for sample in 0..predictions.samples() {
        let [label, guess] = [predictions.label(sample), predictions.guess(sample)];
        let written = write!(text, "{sample},{},{}", classes[label], classes[guess]);
        written.expect("text grows");
        for &p in predictions.probabilities(sample) {
            // As f64: the shortest digits of an f32 are another f64 for a reader that knows only those.
            write!(text, ",{}", f64::from(p)).expect("text grows");
        }
        text.push('\n');
    }
    text
}

/// A field, in quotes where commas, quotes or line ends would break the row (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_a_row_whose_numbers_are_exact() {
        let predictions = Predictions::new(2, vec![0.1, 0.9, 0.5, 0.5], vec![1, 1]);
        let names = ["a,\"b\"", "c"].map(str::to_owned);
        assert_eq!(
            classes_csv(&names, &predictions),
            "sample,true,predicted,\"p(a,\"\"b\"\")\",p(c)\n\
             0,c,c,0.10000000149011612,0.8999999761581421\n\
             1,c,\"a,\"\"b\"\"\",0.5,0.5\n"
        );
    }

    #[test]
    fn every_number_stands_beside_what_was_predicted() {
        let estimates = Estimates::new(1, vec![1.5, 0.1], vec![1.0, 0.0]);
        assert_eq!(
            values_csv(&["price".to_owned()], &estimates),
            "sample,price,predicted(price)\n0,1,1.5\n1,0,0.10000000149011612\n"
        );
    }
}
