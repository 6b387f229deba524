//! `README.md` of a run: the model card that model hubs show, with their head of YAML.

use std::fmt::Write as _;

use super::Document;
use super::numbers::{count, measured, optional, percent, seconds};
use super::pictures;
use crate::train::{Classes, Evaluation, Measured};

/// The whole card.
pub(super) fn markdown(document: &Document<'_>) -> String {
    let (start, outcome) = (document.start, document.outcome);
    // A text in JSON is the same text in YAML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut card = "---\nlibrary_name: anygrad\ntags:\n- anygrad\n- safetensors\n".to_owned();
    if let Some((_, Classes { scores, .. })) = document.classes() {
        let _ = write!(
            card,
            "metrics:\n- accuracy\n- f1\nmodel-index:\n- name: {}\n  results:\n  - task:\n      type: {}\n    \
             dataset:\n      name: {}\n      type: {}\n      split: test\n    metrics:\n    - type: accuracy\n      value: {}\n    \
             - type: f1\n      name: F1 (macro)\n      value: {}\n",
            quoted(&start.name),
            match pictures::are_pictures(start.sample_shape) {
                true => "image-classification",
                false => "tabular-classification",
            },
            quoted(&start.data),
            quoted(&start.data),
            scores.accuracy,
            scores.macro_mean.f1,
        );
    }
    let [height, width, channels] = start.sample_shape;
    let samples = match start.text {
        true => format!("windows of {channels} characters of {}", plain(&start.data)),
        false => format!(
            "samples of {} ({height} × {width} × {channels})",
            plain(&start.data)
        ),
    };
    let (verb, argument) = match start.text {
        true => ("generate", "--prompt \"Once upon a time\""),
        false => ("predict", "image.png"),
    };
    let _ = write!(
        card,
        "---\n\n# {}\n\nA network of {} layers and {} parameters, trained from {} {samples} \
         by anygrad {} with seed {}: {} steps of {} samples in {}, on {}.\n",
        plain(&start.name),
        start.layers.len(),
        count(start.parameters as u64),
        count(start.samples[0] as u64),
        env!("CARGO_PKG_VERSION"),
        start.seed,
        count(outcome.steps),
        start.batch,
        seconds(outcome.train_seconds),
        plain(&start.adapter.name),
    );
    if let Some(evaluation) = &outcome.evaluation {
        results(evaluation, &mut card);
    }
    let _ = write!(
        card,
        "\n## Use\n\n```console\n$ anygrad {verb} RUN {argument}\n$ anygrad eval RUN\n```\n\nwhere `RUN` is this folder. The weights in \
         `weights.safetensors` have PyTorch's names and shapes; `model.json` holds the classes and what is done to pixels first.\n\n\
         ## Limits\n\nThe numbers above are of one training and of the test samples of this data set. How the network does on other \
         data is not known from them. `report.html` shows where it is wrong.\n",
    );
    card
}

/// What was measured on the test samples.
fn results(evaluation: &Evaluation, card: &mut String) {
    let samples = count(evaluation.samples as u64);
    let _ = write!(card, "\n## Results on {samples} test samples\n\n");
    match &evaluation.measured {
        Measured::Classes(classes) => {
            let scores = &classes.scores;
            let _ = write!(
                card,
                "| | |\n|---|---|\n| accuracy | {} |\n| F1, mean of the classes | {} |\n| ROC-AUC, mean of the classes | {} |\n\
                 | loss | {} |\n| log loss | {} |\n| calibration error (ECE) | {} |\n\n\
                 | class | precision | recall | F1 | samples |\n|---|---|---|---|---|\n",
                percent(scores.accuracy),
                percent(scores.macro_mean.f1),
                optional(scores.roc_auc),
                measured(evaluation.scores.loss),
                measured(scores.log_loss),
                percent(scores.calibration.ece),
            );
            for (name, class) in evaluation.names.iter().zip(&scores.classes) {
                let _ = writeln!(
                    card,
                    "| {} | {} | {} | {} | {} |",
                    plain(name),
                    percent(class.precision),
                    percent(class.recall),
                    percent(class.f1),
                    count(class.support),
                );
            }
        }
        Measured::Text(text) => {
            let _ = write!(
                card,
                "| | |\n|---|---|\n| characters predicted | {} |\n| accuracy | {} |\n| loss, nats per character | {} |\n\
                 | bits per character | {} |\n| perplexity | {} |\n",
                count(text.characters as u64),
                percent(evaluation.scores.metric.value()),
                measured(evaluation.scores.loss),
                measured(text.bits_per_character),
                measured(text.perplexity),
            );
        }
        Measured::Values(values) => {
            card.push_str("| number | mean absolute error | RMSE | R² |\n|---|---|---|---|\n");
            for (name, scores) in evaluation.names.iter().zip(&values.scores) {
                let _ = writeln!(
                    card,
                    "| {} | {} | {} | {} |",
                    plain(name),
                    measured(scores.mae),
                    measured(scores.rmse),
                    optional(scores.r2),
                );
            }
        }
    }
}

/// A text without what Markdown takes for more than text.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if "\\`*_{}[]<>#|~!".contains(c) {
            plain.push('\\');
        }
        plain.push(if c.is_control() { ' ' } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::fabricated;
    use super::*;

    #[test]
    fn the_card_has_a_head_results_and_a_use() {
        let card = fabricated::with_document(markdown);
        assert!(card.starts_with("---\nlibrary_name: anygrad\n"), "{card}");
        for part in [
            "\n---\n\n# digits\n",
            "| accuracy | 50.00 % |",
            "      value: 0.5\n",
            "anygrad predict",
        ] {
            assert!(card.contains(part), "{part} in {card}");
        }
    }

    #[test]
    fn names_stay_text() {
        assert_eq!(plain("a|b*<c>\n"), "a\\|b\\*\\<c\\> ");
    }
}
