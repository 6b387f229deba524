//! `anygrad completions` and `anygrad man`: what shells and manual readers want to know of the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::format;
use super::output::Out;
use crate::error::{Error, Result};

/// Print what makes a shell complete the command line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad completions bash > ~/.local/share/bash-completion/completions/anygrad
  anygrad completions zsh > ~/.zfunc/_anygrad
  anygrad completions fish > ~/.config/fish/completions/anygrad.fish")]
pub(super) struct Completions {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    shell: Shell,
}

/// Print the manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anygrad man > anygrad.1 && man ./anygrad.1
  anygrad man train | man -l -")]
pub(super) struct Manual {
    /// The command it is about; without one, the program
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(super) fn completions(options: &Completions, out: &Out) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "anygrad", &mut script);
    let script = String::from_utf8_lossy(&script);
    out.document(&script, &serde_json::json!({ "completions": script }))
}

pub(super) fn manual(options: &Manual, out: &Out) -> Result<()> {
    let mut command = Cli::command();
    command.build();
    if let Some(name) = &options.command {
        command = match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                let shown: String = format::clean(name).chars().take(40).collect();
                let verbs = command.get_subcommands().map(clap::Command::get_name);
                let verbs: Vec<&str> = verbs.collect();
                return Err(Error::usage(
                    format!("{shown}: no command is called that"),
                    format!("commands are {}", verbs.join(", ")),
                ));
            }
        };
    }
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.expect("memory takes every page");
    let page = String::from_utf8_lossy(&page);
    out.document(&page, &serde_json::json!({ "man": page }))
}
