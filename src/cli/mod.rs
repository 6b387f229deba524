//! The command line: one file per verb, and the only room that prints.
//!
//! Data goes to standard output, talk to standard error; `--json` makes the data objects for machines, one a line, and `--quiet`
//! leaves only errors. Invariant: whatever happens ends in a documented exit code, and no panic reaches the user.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::error::Result;
use crate::gpu::{Choice, Trust};
use output::{ColorMode, Out};

mod bench;
mod bugs;
mod compare;
mod completions;
mod data;
mod devices;
mod diagnostics;
mod eval;
mod format;
mod generate;
mod init;
mod inspect;
mod lr_find;
mod output;
mod predict;
mod schema;
mod signals;
mod train;
mod verify;

/// What stands below the options of `anygrad --help`.
const BELOW: &str = "\
A network stands in a TOML file; data, training and evaluation stay on the GPU
(Vulkan, Metal or DX12); the result is a folder of plain files.

Examples:
  anygrad train                           digits, inside the program: seconds
  anygrad train mnist-cnn --data mnist/   a network that comes along, your data
  anygrad train my.toml                   a network of your own
  anygrad eval runs/digits                what it is worth, class by class
  anygrad predict runs/digits image.png   what it says of an image
  anygrad generate runs/poems             what a language model writes
  anygrad inspect digits --plan           what a training would do, kernel by kernel
  anygrad data check pictures/            duplicates, leaks, damage: before training
  anygrad verify                          is every kernel right on this GPU?
  anygrad bench                           how fast is it, and how much is left?

Networks that come along: digits, mnist-mlp, mnist-cnn, mnist-99, cifar-resnet20

Exit codes:
  0  done                      4  no adapter, or trouble with it
  1  a check is not met        5  a file cannot be read or written
  2  usage or configuration    70 a bug of anygrad
  3  data or a model refused   130, 143  stopped by a signal, to be resumed";

/// Train neural networks on any GPU: one binary, one TOML file, no CUDA, no Python
#[derive(Debug, Parser)]
#[command(name = "anygrad", version, after_help = BELOW, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    verb: Verb,
}

/// The options of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
struct Everywhere {
    /// Print nothing but errors
    #[arg(short, long, global = true, conflicts_with = "json")]
    quiet: bool,
    /// Print JSON for machines, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// When to use colours: auto (on a terminal, without NO_COLOR), always, never
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    color: ColorMode,
}

/// The options of verbs that compute.
#[derive(Debug, Args)]
struct Device {
    /// Where to compute: part of a name, a number of `anygrad devices`, or `software` [env: ANYGRAD_ADAPTER]
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// Run the shaders with run-time checks: slower, for hunting bugs
    #[arg(long)]
    checked: bool,
}

impl Device {
    fn choice(&self) -> Choice {
        let text = match &self.adapter {
            Some(text) => text.clone(),
            None => std::env::var("ANYGRAD_ADAPTER").unwrap_or_default(),
        };
        Choice::from(text.as_str())
    }

    fn trust(&self) -> Trust {
        if self.checked {
            Trust::Checked
        } else {
            Trust::Trusted
        }
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    Train(train::Options),
    Eval(eval::Options),
    Predict(predict::Options),
    Generate(generate::Options),
    Compare(compare::Options),
    Init(init::Options),
    Inspect(inspect::Options),
    Data(data::Options),
    LrFind(lr_find::Options),
    Devices(devices::Options),
    Verify(verify::Options),
    Bench(bench::Options),
    Schema(schema::Options),
    Completions(completions::Completions),
    Man(completions::Manual),
}

/// Does what the command line says. Gives the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let (json, color) = peek(&args);
    let code = bugs::guard(|| match parse(&args, color) {
        Ok(cli) => {
            let out = Out::new(
                cli.everywhere.quiet,
                cli.everywhere.json,
                cli.everywhere.color,
            );
            match work(&cli.verb, &out) {
                Ok(()) => 0,
                Err(error) => diagnostics::show(&error, &out),
            }
        }
        Err(error) => refuse(&error, &Out::new(false, json, color)),
    });
    ExitCode::from(code.unwrap_or_else(|said| bugs::show(&said, &Out::new(false, json, color))))
}

fn work(verb: &Verb, out: &Out) -> Result<()> {
    match verb {
        Verb::Train(options) => train::run(options, out),
        Verb::Eval(options) => eval::run(options, out),
        Verb::Predict(options) => predict::run(options, out),
        Verb::Generate(options) => generate::run(options, out),
        Verb::Compare(options) => compare::run(options, out),
        Verb::Init(options) => init::run(options, out),
        Verb::Inspect(options) => inspect::run(options, out),
        Verb::Data(options) => data::run(options, out),
        Verb::LrFind(options) => lr_find::run(options, out),
        Verb::Devices(options) => devices::run(options, out),
        Verb::Verify(options) => verify::run(options, out),
        Verb::Bench(options) => bench::run(options, out),
        Verb::Schema(options) => schema::run(options, out),
        Verb::Completions(options) => completions::completions(options, out),
        Verb::Man(options) => completions::manual(options, out),
    }
}

/// The command line, as far as it is text.
fn command_line() -> Vec<String> {
    let words = std::env::args_os();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

fn parse(args: &[OsString], color: ColorMode) -> Result<Cli, clap::Error> {
    let color = match color {
        ColorMode::Auto => ColorChoice::Auto,
        ColorMode::Always => ColorChoice::Always,
        ColorMode::Never => ColorChoice::Never,
    };
    let matches = Cli::command()
        .color(color)
        .try_get_matches_from(args)
        .map_err(|error| with_key_meant(error, args))?;
    Cli::from_arg_matches(&matches)
}

/// Who writes `train --epochs 3` means a key of the configuration.
fn with_key_meant(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let is_train = args.iter().any(|arg| {
        ["train", "inspect", "lr-find", "bench"]
            .iter()
            .any(|verb| arg == verb)
    });
    let has_better = error.get(ContextKind::SuggestedArg).is_some();
    if error.kind() != ErrorKind::UnknownArgument || !is_train || has_better {
        return error;
    }
    let word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) => word.trim_start_matches('-'),
        _ => return error,
    };
    if let Some(key) = crate::config::key_like(word) {
        let tip = format!("a value of the configuration is changed with '--set {key}=VALUE'");
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

/// What the command line says about how to print, before it is known to be right.
fn peek(args: &[OsString]) -> (bool, ColorMode) {
    let words = || {
        let words = args.iter().skip(1).map(|arg| arg.to_str().unwrap_or(""));
        words.take_while(|word| *word != "--")
    };
    let json = words().any(|word| word == "--json");
    let color = words()
        .zip(words().skip(1).chain([""]))
        .find_map(|(word, next)| match word.strip_prefix("--color") {
            Some("") => Some(next.to_owned()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        });
    let color = match color.as_deref() {
        Some("always") => ColorMode::Always,
        Some("never") => ColorMode::Never,
        _ => ColorMode::Auto,
    };
    (json, color)
}

/// Help, the version, or what is wrong with the command line.
fn refuse(error: &clap::Error, out: &Out) -> u8 {
    // Who closed the stream does not want to know.
    let _ = error.print();
    if error.use_stderr() {
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ");
        let (message, help) = text.split_once('\n').unwrap_or((text, ""));
        let object = diagnostics::Object::other("usage", 2, message, help.trim());
        // Who is not reached on standard output is on standard error.
        let _ = out.object(&object);
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn how_to_print_is_known_even_when_the_command_line_is_wrong() {
        for (text, json, color) in [
            ("anygrad", false, ColorMode::Auto),
            ("anygrad trian --json --color=never", true, ColorMode::Never),
            ("anygrad --color always trian", false, ColorMode::Always),
            ("anygrad predict run -- --json", false, ColorMode::Auto),
            ("anygrad --color", false, ColorMode::Auto),
        ] {
            assert_eq!(peek(&words(text)), (json, color), "{text}");
        }
    }

    #[test]
    fn options_of_every_verb_stand_before_or_behind_it() {
        for text in ["anygrad -q devices", "anygrad devices --quiet"] {
            let cli = parse(&words(text), ColorMode::Never).unwrap();
            assert!(cli.everywhere.quiet, "{text}");
        }
        assert!(
            parse(&words("anygrad devices -q --json"), ColorMode::Never).is_err(),
            "nothing and JSON are two wishes"
        );
    }
}
