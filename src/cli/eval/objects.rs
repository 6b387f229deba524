//! An evaluation as machines read it.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::metrics::{Averages, Classification, ReliabilityBin, ValueScores};
use crate::train::{Evaluation, Measured, Scores};

/// An evaluation.
#[derive(serde::Serialize)]
pub(super) struct Object<'a> {
    samples: usize,
    #[serde(flatten)]
    scores: Scores,
    #[serde(flatten)]
    measured: MeasuredObject<'a>,
}

/// What is known beside the scores.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum MeasuredObject<'a> {
    Classes(Box<Classes<'a>>),
    Values {
        numbers: Vec<Value<'a>>,
    },
    Text {
        characters: usize,
        perplexity: f64,
        bits_per_character: f64,
    },
}

/// A classification.
#[derive(serde::Serialize)]
struct Classes<'a> {
    top_k: TopK<'a>,
    log_loss: f64,
    roc_auc: Option<f64>,
    pr_auc: Option<f64>,
    ece: f64,
    r#macro: Averages,
    weighted: Averages,
    classes: Vec<Class<'a>>,
    confusion: &'a [Vec<u64>],
    reliability: &'a [ReliabilityBin],
}

/// A number of a regression.
#[derive(serde::Serialize)]
struct Value<'a> {
    name: &'a str,
    mae: f64,
    rmse: f64,
    r2: Option<f64>,
}

/// The shares by their k.
struct TopK<'a>(&'a [(usize, f64)]);

impl Serialize for TopK<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (k, share) in self.0 {
            map.serialize_entry(&k.to_string(), share)?;
        }
        map.end()
    }
}

/// A class.
#[derive(serde::Serialize)]
struct Class<'a> {
    name: &'a str,
    precision: f64,
    recall: f64,
    f1: f64,
    support: u64,
    roc_auc: Option<f64>,
    pr_auc: Option<f64>,
}

impl<'a> Object<'a> {
    pub(super) fn new(evaluation: &'a Evaluation) -> Self {
        let names = &evaluation.names;
        Self {
            samples: evaluation.samples,
            scores: evaluation.scores,
            measured: match &evaluation.measured {
                Measured::Classes(classes) => {
                    MeasuredObject::Classes(Box::new(Classes::new(names, &classes.scores)))
                }
                Measured::Values(values) => MeasuredObject::Values {
                    numbers: numbers(names, &values.scores),
                },
                Measured::Text(text) => MeasuredObject::Text {
                    characters: text.characters,
                    perplexity: text.perplexity,
                    bits_per_character: text.bits_per_character,
                },
            },
        }
    }
}

impl<'a> Classes<'a> {
    fn new(names: &'a [String], measured: &'a Classification) -> Self {
        let classes = names.iter().zip(&measured.classes);
        let classes = classes.map(|(name, class)| Class {
            name,
            precision: class.precision,
            recall: class.recall,
            f1: class.f1,
            support: class.support,
            roc_auc: class.roc_auc,
            pr_auc: class.pr_auc,
        });
        Self {
            top_k: TopK(&measured.top_k),
            log_loss: measured.log_loss,
            roc_auc: measured.roc_auc,
            pr_auc: measured.pr_auc,
            ece: measured.calibration.ece,
            r#macro: measured.macro_mean,
            weighted: measured.weighted_mean,
            classes: classes.collect(),
            confusion: &measured.confusion,
            reliability: &measured.calibration.bins,
        }
    }
}

fn numbers<'a>(names: &'a [String], scores: &[ValueScores]) -> Vec<Value<'a>> {
    let numbers = names.iter().zip(scores);
    let numbers = numbers.map(|(name, scores)| Value {
        name,
        mae: scores.mae,
        rmse: scores.rmse,
        r2: scores.r2,
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_get_the_fields_of_the_contract_in_order() {
        let evaluation = super::super::tests::evaluation(["cat", "dog"]);
        let text = serde_json::to_string(&Object::new(&evaluation)).unwrap();
        let begin = r#"{"samples":6,"loss":0.25,"accuracy":0.8333333333333334,"top_k":{"1":0.8"#;
        assert!(text.starts_with(begin), "{text}");
        for part in [
            r#""macro":{"precision":0.875,"#,
            r#""classes":[{"name":"cat","precision":0.75"#,
            r#""confusion":[[3,0],[1,2]],"reliability":[{"low":0.0,"#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn machines_get_the_errors_of_a_regression() {
        let regression = super::super::tests::regression();
        let text = serde_json::to_string(&Object::new(&regression)).unwrap();
        let begin = r#"{"samples":2,"loss":0.25,"rmse":0.5,"numbers":[{"name":"price","mae":0.5,"#;
        assert!(text.starts_with(begin), "{text}");
    }
}
