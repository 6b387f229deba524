//! `[block.NAME]`: layers that are used more than once.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Section;
use super::report::{Report, show};
use super::tree::{Node, Place, Table, Value};
use super::{MAX_LAYERS, keys};

const HELP: &str = "write [[block.NAME.layer]] with a kind each, as for [[layer]]";

/// A block as it is described.
#[derive(Clone)]
pub(super) struct Block<'t> {
    /// Where its name is.
    pub(super) place: Place,
    /// Its layers; `None` where they cannot be read.
    pub(super) nodes: Option<&'t [Node]>,
    /// The arguments that its layers take: `channels` where one says `"$channels"`.
    pub(super) parameters: BTreeSet<&'t str>,
    /// What they are where a use does not say.
    pub(super) defaults: Option<&'t Table>,
    /// Whether it stands somewhere.
    pub(super) used: bool,
}

/// All blocks of a file, by their names.
pub(super) fn blocks<'t>(report: &mut Report<'_>, root: &'t Table) -> BTreeMap<&'t str, Block<'t>> {
    let Some(entry) = root.get("block") else {
        return BTreeMap::new();
    };
    let Value::Table(table) = &entry.node.value else {
        let message = "`block` must be a table of blocks";
        let label = format!("this is {}", entry.node.value.what());
        report.mistake(&entry.node.place, message, label, HELP);
        return BTreeMap::new();
    };
    let mut blocks = BTreeMap::new();
    for entry in &table.entries {
        let name = entry.key.as_str();
        let title = format!("[block.{}]", show(name));
        let Value::Table(table) = &entry.node.value else {
            let message = format!("{title} must be a table");
            let label = format!("this is {}", entry.node.value.what());
            report.mistake(&entry.node.place, message, label, HELP);
            continue;
        };
        let block = block(report, table, &entry.key_place, &title);
        blocks.insert(name, block);
    }
    blocks
}

fn block<'t>(report: &mut Report<'_>, table: &'t Table, place: &Place, title: &str) -> Block<'t> {
    let mut section = Section::open(report, table, place, title, keys::BLOCK);
    section.arguments("with");
    if section.given("layer").is_none() {
        section.require("layer");
    }
    let defaults = match table.get("with").map(|entry| &entry.node.value) {
        Some(Value::Table(defaults)) => Some(defaults),
        _ => None,
    };
    let nodes = match table.get("layer").map(|entry| &entry.node) {
        Some(Node {
            value: Value::List(nodes),
            place,
        }) => {
            if nodes.is_empty() {
                report.mistake(place, "`layer` must not be empty", "no layers", HELP);
            } else if let Some(node) = nodes.get(MAX_LAYERS) {
                let message = format!("{} layers are more than {MAX_LAYERS}", nodes.len());
                report.mistake(&node.place, message, "too many from here on", "");
            }
            (1..=MAX_LAYERS)
                .contains(&nodes.len())
                .then_some(nodes.as_slice())
        }
        Some(node) => {
            let label = format!("this is {}", node.value.what());
            report.mistake(&node.place, "`layer` must be a list of tables", label, HELP);
            None
        }
        None => None,
    };
    let mut parameters = BTreeSet::new();
    for node in nodes.unwrap_or(&[]) {
        node.arguments(&mut parameters);
    }
    for entry in defaults.iter().flat_map(|table| &table.entries) {
        if !parameters.contains(entry.key.as_str()) {
            let message = format!("no layer of {title} takes `{}`", show(&entry.key));
            let help = "remove it, or write \"$NAME\" where a layer shall take it";
            report.mistake(&entry.key_place, message, "not used", help);
        }
    }
    Block {
        place: place.clone(),
        nodes,
        parameters,
        defaults,
        used: false,
    }
}

impl Node {
    /// Collects the arguments of a block that are in it: texts that begin with a dollar sign.
    fn arguments<'t>(&'t self, found: &mut BTreeSet<&'t str>) {
        match &self.value {
            Value::Text(text) => found.extend(text.strip_prefix('$')),
            Value::List(list) => list.iter().for_each(|node| node.arguments(found)),
            Value::Table(table) => {
                let entries = table.entries.iter();
                entries.for_each(|entry| entry.node.arguments(found));
            }
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Date => {}
        }
    }

    /// Whether there are arguments in it.
    pub(super) fn has_arguments(&self) -> bool {
        let mut found = BTreeSet::new();
        self.arguments(&mut found);
        !found.is_empty()
    }
}
