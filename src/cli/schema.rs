//! `anygrad schema`: the grammar of configurations for editors.

use super::output::Out;
use crate::config;
use crate::error::Result;

/// Print the JSON schema of configurations, for editors that complete and check TOML
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Editors with Taplo or Even Better TOML read it from the first line of a file:
  #:schema anygrad.schema.json

Examples:
  anygrad schema > anygrad.schema.json")]
pub(super) struct Options {}

pub(super) fn run(_options: &Options, out: &Out) -> Result<()> {
    let schema = config::schema();
    let text = serde_json::to_string_pretty(&schema).expect("a schema has only keys of text");
    out.document(&text, &schema)
}
