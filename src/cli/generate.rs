//! `anygrad generate`: a language model goes on with a text.

use std::path::PathBuf;

use super::Device;
use super::output::Out;
use crate::error::Result;
use crate::report;
use crate::train::{self, Wish};

/// Have a language model go on with a text, character by character
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The network is one that was trained with source = \"text\". It sees as many of the
last characters as data.context said, and knows those of its text alone.

Examples:
  anygrad generate runs/poems --prompt \"The moon \"
  anygrad generate runs/poems --tokens 2000 --temperature 0.5 --seed 7 > poem.txt
  anygrad generate runs/poems --prompt \"O \" --temperature 0   the most probable
  anygrad generate runs/poems --top-k 5                       few surprises")]
pub(super) struct Options {
    /// The folder of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// What to go on from; without it, a new line
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Characters to add
    #[arg(long, value_name = "N", default_value_t = 300)]
    tokens: usize,
    /// How daring: below 1 it keeps to what is probable, 0 takes the most probable
    #[arg(long, value_name = "X", default_value_t = 0.8, value_parser = temperature)]
    temperature: f64,
    /// Draw from the K most probable characters alone
    #[arg(long, value_name = "K")]
    top_k: Option<std::num::NonZeroUsize>,
    /// Another seed draws another text
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    device: Device,
}

/// Reads a temperature.
fn temperature(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("it must be a number of at least 0, as 0.8".to_owned()),
    }
}

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let trained = report::load(&options.run)?;
    let wish = Wish {
        prompt: options.prompt.clone(),
        tokens: options.tokens,
        temperature: options.temperature,
        top_k: options.top_k.map(std::num::NonZeroUsize::get),
        seed: options.seed,
    };
    let device = &options.device;
    out.begin_spinner("reading the network");
    let mut text = String::new();
    let mut begun = false;
    let prompt = options.prompt.as_deref().unwrap_or("");
    train::generate(
        &trained,
        &wish,
        &device.choice(),
        device.trust(),
        &mut |c| {
            if !begun {
                begun = true;
                out.end_bar();
                out.piece(prompt)?;
            }
            text.push(c);
            out.piece(c.encode_utf8(&mut [0; 4]))
        },
    )?;
    out.end_bar();
    out.line("")?;
    out.object(&Object {
        prompt,
        text: &text,
        temperature: wish.temperature,
        top_k: wish.top_k,
        seed: wish.seed,
    })
}

/// What was written, for machines.
#[derive(serde::Serialize)]
struct Object<'a> {
    prompt: &'a str,
    text: &'a str,
    temperature: f64,
    top_k: Option<usize>,
    seed: u64,
}
