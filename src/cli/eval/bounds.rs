//! `--min` and `--max`: what a script wants of a network.

use serde_json::Value;

use super::format;
use super::objects::Object;
use crate::error::{Error, Result};
use crate::train::{Evaluation, Model};

/// So many names are suggested.
const SUGGESTED: usize = 8;

/// A metric by its name and what it is held against.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    name: String,
    value: f64,
}

/// Reads `NAME=VALUE`.
pub(super) fn parse(text: &str) -> Result<Bound, String> {
    let (name, value) = text
        .rsplit_once('=')
        .ok_or("it must be NAME=VALUE, as accuracy=0.99")?;
    match value.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Bound {
            name: name.trim().to_owned(),
            value,
        }),
        _ => Err(format!(
            "`{value}` is not a number; write it as accuracy=0.99"
        )),
    }
}

/// Whether every bound names a metric of this network: known before anything is computed.
pub(super) fn check_names(model: &Model, top_k: &[usize], [min, max]: [&[Bound]; 2]) -> Result<()> {
    if min.is_empty() && max.is_empty() {
        return Ok(());
    }
    // One sample has every name that many have.
    let example = Evaluation::example(model, top_k);
    let metrics = Metrics::of(&Object::new(&example));
    for (option, bound) in with_option([min, max]) {
        if metrics.get(&bound.name).is_none() {
            let shown: String = format::clean(&bound.name).chars().take(40).collect();
            return Err(Error::usage(
                format!("{option} {shown}: no metric is called that"),
                format!("names are {}", metrics.like(&bound.name)),
            ));
        }
    }
    Ok(())
}

/// Whether every bound is held.
pub(super) fn hold(object: &Object<'_>, [min, max]: [&[Bound]; 2]) -> Result<()> {
    let metrics = Metrics::of(object);
    let missed = with_option([min, max]).filter_map(|(option, Bound { name, value })| {
        let measured = metrics.get(name).flatten();
        let (is_held, side) = match option {
            "--min" => (measured.is_some_and(|x| x >= *value), "below"),
            _ => (measured.is_some_and(|x| x <= *value), "above"),
        };
        let name = format::clean(name);
        (!is_held).then(|| match measured {
            Some(measured) => format!("{name} is {measured}, {side} {value}"),
            None => format!("{name} is not defined on these samples, where {value} was asked for"),
        })
    });
    let missed: Vec<String> = missed.collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(Error::check(
        missed.join("\n"),
        "train longer or otherwise, or ask for less",
    ))
}

fn with_option([min, max]: [&[Bound]; 2]) -> impl Iterator<Item = (&'static str, &Bound)> {
    let min = min.iter().map(|bound| ("--min", bound));
    min.chain(max.iter().map(|bound| ("--max", bound)))
}

/// The metrics of an evaluation by their dotted names, in the order of the object; some are not defined on all samples.
struct Metrics(Vec<(String, Option<f64>)>);

impl Metrics {
    fn of(object: &Object<'_>) -> Self {
        let object = serde_json::to_value(object).expect("an object has only keys of text");
        let mut all = Vec::new();
        collect(&object, "", &mut all);
        Self(all)
    }

    fn get(&self, name: &str) -> Option<Option<f64>> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }

    /// The names to choose from, those that share the most with `name` first.
    fn like(&self, name: &str) -> String {
        let mut names: Vec<&str> = self.0.iter().map(|(known, _)| known.as_str()).collect();
        names.sort_by_key(|known| {
            let inside = known.contains(name) || name.contains(known);
            let shared = known.chars().zip(name.chars()).take_while(|(a, b)| a == b);
            (!inside, std::cmp::Reverse(shared.count()))
        });
        let shown: Vec<&str> = names.iter().copied().take(SUGGESTED).collect();
        let more = names.len().saturating_sub(SUGGESTED);
        match more {
            0 => shown.join(", "),
            more => format!("{} and {more} more", format::clean(shown.join(", "))),
        }
    }
}

/// Every number of an object under its name; classes and predicted numbers go by theirs.
fn collect(value: &Value, name: &str, all: &mut Vec<(String, Option<f64>)>) {
    let inside = |key: &str| match name {
        "" => key.to_owned(),
        _ => format!("{name}.{key}"),
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(value, &inside(key), all);
            }
        }
        Value::Array(items) if ["classes", "numbers"].contains(&name) => {
            for item in items {
                if let Some(own) = item["name"].as_str() {
                    collect(item, &inside(own), all);
                }
            }
        }
        Value::Number(_) | Value::Null => all.push((name.to_owned(), value.as_f64())),
        Value::Array(_) | Value::String(_) | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evaluation, regression};
    use super::*;
    use crate::error::Class;

    fn bounds(texts: &[&str]) -> Vec<Bound> {
        texts.iter().map(|text| parse(text).unwrap()).collect()
    }

    #[test]
    fn what_is_held_is_silent_and_what_is_not_is_told_with_both_numbers() {
        let evaluation = evaluation(["cat", "a.b"]);
        let object = Object::new(&evaluation);
        let right = bounds(&[
            "accuracy=0.8",
            "classes.a.b.recall=0.66",
            "top_k.1=0",
            "samples=6",
        ]);
        assert!(
            hold(&object, [&right, &bounds(&["loss=0.25"])]).is_ok(),
            "all is held"
        );
        let wrong = bounds(&["accuracy=0.9", "macro.f1=1", "accuracy=0.5"]);
        let error = hold(&object, [&wrong, &bounds(&["ece=0.1"])]).unwrap_err();
        assert_eq!(error.class(), Class::Check);
        let text = error.to_string();
        assert!(
            text.starts_with("accuracy is 0.8333333333333334, below 0.9\nmacro.f1 is 0.82"),
            "{text}"
        );
        assert!(text.contains("\nece is 0.1458"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn a_metric_without_a_number_is_below_everything() {
        let regression = regression();
        let object = Object::new(&regression);
        assert!(
            hold(
                &object,
                [&bounds(&["numbers.price.r2=0.5"]), &bounds(&["rmse=0.5"])]
            )
            .is_ok(),
            "it has one"
        );
        let error = hold(&object, [&bounds(&["numbers.area.r2=0"]), &[]]).unwrap_err();
        assert!(error.to_string().contains("not defined"), "{error}");
    }

    #[test]
    fn a_name_that_is_none_is_told_before_the_work_with_names_like_it() {
        let mut model = crate::report::fabricated::outcome().model;
        model.classes = ["cat", "dog"].map(str::to_owned).to_vec();
        let error = check_names(&model, &[1], [&bounds(&["f1=0.9"]), &[]]).unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        assert!(error.to_string().starts_with("--min f1"), "{error}");
        assert!(error.help().contains("macro.f1"), "{}", error.help());
        let known = bounds(&["classes.dog.pr_auc=0.9", "roc_auc=0.5"]);
        assert!(
            check_names(&model, &[1], [&known, &known]).is_ok(),
            "these are names"
        );
    }

    #[test]
    fn a_bound_is_a_name_and_a_number() {
        for text in ["accuracy", "accuracy=", "accuracy=high", "accuracy=nan"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let bound = parse("classes.a=b.f1 = 0.5").unwrap();
        assert_eq!((bound.name.as_str(), bound.value), ("classes.a=b.f1", 0.5));
    }
}
