//! Every number against scikit-learn's, as `scripts/metrics-reference.py` has written them down.

use serde_json::Value;

use super::*;

const REFERENCE: &str = include_str!("tests/reference.json");

#[expect(clippy::cast_possible_truncation, reason = "the numbers are f32")]
fn predictions(case: &Value) -> Predictions {
    let rows = case["probabilities"].as_array().unwrap();
    let classes = rows[0].as_array().unwrap().len();
    let numbers = rows.iter().flat_map(numbers);
    let labels = case["labels"].as_array().unwrap().iter();
    Predictions::new(
        classes,
        numbers.map(|p| p as f32).collect(),
        labels
            .map(|label| u32::try_from(label.as_u64().unwrap()).unwrap())
            .collect(),
    )
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap().iter();
    list.map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn close(case: &str, what: &str, ours: f64, theirs: &Value) {
    let theirs = theirs.as_f64().unwrap();
    let difference = (ours - theirs).abs();
    assert!(
        difference <= 1e-12 * theirs.abs().max(1.0),
        "{case}: {what} is {ours}, scikit-learn says {theirs}"
    );
}

#[track_caller]
fn close_or_none(case: &str, what: &str, ours: Option<f64>, theirs: &Value) {
    match ours {
        Some(ours) => close(case, what, ours, theirs),
        None => assert!(theirs.is_null(), "{case}: {what} is none, not {theirs}"),
    }
}

fn averages(case: &str, what: &str, ours: Averages, theirs: &Value) {
    close(case, what, ours.precision, &theirs["precision"]);
    close(case, what, ours.recall, &theirs["recall"]);
    close(case, what, ours.f1, &theirs["f1"]);
}

#[test]
fn every_metric_is_that_of_scikit_learn() {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let ours = Classification::of(&predictions(case), &[1, 2, 3, 5]);
        close(name, "accuracy", ours.accuracy, &case["accuracy"]);
        close(name, "log loss", ours.log_loss, &case["log_loss"]);
        close_or_none(name, "ROC-AUC", ours.roc_auc, &case["roc_auc"]);
        close_or_none(name, "PR-AUC", ours.pr_auc, &case["pr_auc"]);
        averages(name, "macro mean", ours.macro_mean, &case["macro"]);
        averages(name, "weighted mean", ours.weighted_mean, &case["weighted"]);
        for [k, share] in case["top_k"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| [&pair[0], &pair[1]])
        {
            let of_k = ours.top_k.iter().find(|(ours, _)| *k == *ours as u64);
            close(name, "top-k accuracy", of_k.unwrap().1, share);
        }
        for (i, class) in ours.classes.iter().enumerate() {
            let theirs = &case["per_class"];
            close(name, "precision", class.precision, &theirs["precision"][i]);
            close(name, "recall", class.recall, &theirs["recall"][i]);
            close(name, "F1", class.f1, &theirs["f1"][i]);
            close_or_none(name, "ROC-AUC", class.roc_auc, &case["roc"][i]);
            close_or_none(name, "PR-AUC", class.pr_auc, &case["pr"][i]);
            assert_eq!(
                class.support,
                case["support"][i].as_u64().unwrap(),
                "{name}"
            );
        }
        assert_eq!(
            serde_json::json!(ours.confusion),
            case["confusion"],
            "{name}"
        );
        close(name, "ECE", ours.calibration.ece, &case["ece"]);
        let bins = &ours.calibration.bins;
        let samples: Vec<u64> = bins.iter().map(|bin| bin.samples).collect();
        assert_eq!(serde_json::json!(samples), case["bin_samples"], "{name}");
        for (what, ours, theirs) in [
            (
                "accuracy",
                bins.iter()
                    .filter_map(|bin| bin.accuracy)
                    .collect::<Vec<_>>(),
                numbers(&case["bin_accuracy"]),
            ),
            (
                "confidence",
                bins.iter().filter_map(|bin| bin.confidence).collect(),
                numbers(&case["bin_confidence"]),
            ),
        ] {
            assert_eq!(ours.len(), theirs.len(), "{name}: {what} of the bins");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                close(name, what, *ours, &Value::from(*theirs));
            }
        }
    }
}

#[test]
fn of_two_equally_probable_classes_the_first_is_guessed() {
    let tied = Predictions::new(3, vec![0.5, 0.5, 0.0, 0.0, 0.5, 0.5], vec![1, 2]);
    assert_eq!([tied.guess(0), tied.guess(1)], [0, 1]);
    assert_eq!(most_probable(&[]), 0);
}

#[test]
fn the_k_that_say_nothing_are_left_out() {
    let two = Predictions::new(2, vec![0.75, 0.25], vec![0]);
    let measured = Classification::of(&two, &[1, 2, 3]);
    assert_eq!(measured.top_k, [(1, 1.0)]);
}

#[test]
#[should_panic(expected = "every label is a class")]
fn a_label_beyond_the_classes_is_a_mistake_of_the_caller() {
    let _ = Predictions::new(2, vec![0.5, 0.5], vec![2]);
}
