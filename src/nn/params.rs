//! What the configuration says of single weights, by their names.

use super::{Network, Parameter};
use crate::config::{Config, Param};
use crate::error::{Error, Result};

/// Gives every weight the factors of the last `[[param]]` that speaks of it.
///
/// # Errors
/// If one speaks of no weight, or nothing is left to train.
pub(super) fn apply(config: &Config, network: &mut Network) -> Result<()> {
    for param in &config.params {
        let mut matched = false;
        for parameter in &mut network.parameters {
            if speaks_of(param, parameter) {
                matched = true;
                set(param, parameter);
            }
        }
        if !matched {
            let names = network.parameters.iter().map(|p| p.name.as_str());
            return Err(config.error_at(
                &param.span,
                format!("`match = \"{}\"` speaks of no weight", param.pattern),
                "no such name",
                format!("the weights are {}", listed(names)),
            ));
        }
    }
    if network.parameters.iter().all(Parameter::is_frozen) {
        return Err(Error::usage(
            format!("{}: every weight is frozen", config.source.name),
            "remove `freeze = true` from a [[param]], or let it match fewer weights",
        ));
    }
    Ok(())
}

fn speaks_of(param: &Param, parameter: &Parameter) -> bool {
    let layer = parameter
        .name
        .split_once('.')
        .map_or("", |(layer, _)| layer);
    param.matches(&parameter.name, layer)
}

#[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
fn set(param: &Param, parameter: &mut Parameter) {
    parameter.lr_scale = if param.freeze {
        0.0
    } else {
        param.lr_scale as f32
    };
    parameter.init_scale = param.init_scale as f32;
    parameter.decay_scale = param.decay_scale as f32;
}

/// The first few names.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let names: Vec<&str> = names.collect();
    let more = if names.len() > MOST { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(MOST)].join(", "))
}
