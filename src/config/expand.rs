//! From `[[layer]]` and `[block.NAME]` as they are written to one layer after the other: blocks and repetitions written out, names
//! made paths, inputs found.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::block::{Block, blocks};
use super::layers::{check_names, names, text};
use super::reader::Section;
use super::report::{Report, show};
use super::tree::{Node, Place, Table, Value};
use super::{Input, MAX_LAYERS, keys, suggest};

/// Blocks stand in each other at most so deep.
const DEEPEST: usize = 16;

/// Writing blocks out copies at most so many bytes of the text.
const MOST_COPIED: usize = 1 << 24;

/// The word for what comes into a block, or into the network.
pub(super) const INPUT: &str = "input";

/// A layer that is written out.
pub(super) struct Written<'t> {
    /// Its table, with the arguments of its block in their places.
    pub(super) node: Cow<'t, Node>,
    /// Its path: `block2/conv1`. A layer of no known kind has none.
    pub(super) name: Option<String>,
    /// How messages call it: `layer 3`.
    pub(super) title: String,
    /// What comes in.
    pub(super) inputs: Vec<Input>,
}

/// All layers, written out. What is wrong with blocks, names and inputs is reported.
pub(super) fn expand<'t>(
    report: &mut Report<'_>,
    root: &'t Table,
    nodes: &'t [Node],
) -> Vec<Written<'t>> {
    let mut expander = Expander {
        blocks: blocks(report, root),
        report,
        written: Vec::new(),
        outputs: BTreeMap::new(),
        open: Vec::new(),
        visited: 0,
        copied: 0,
        sound: true,
    };
    let scope = Scope {
        prefix: String::new(),
        block: None,
        arguments: BTreeMap::new(),
    };
    expander.list(nodes, &scope, Input::Sample);
    expander.refuse_unused();
    expander.written
}

/// What layers see of where they stand.
struct Scope<'t> {
    /// What stands before their names.
    prefix: String,
    /// The block they are of.
    block: Option<&'t str>,
    /// What its arguments are.
    arguments: BTreeMap<String, Node>,
}

/// A layer and where it stands.
struct Here<'t, 'a> {
    node: Cow<'t, Node>,
    title: String,
    /// The names of all layers of its list, and its number among them.
    names: &'a [Option<String>],
    index: usize,
    scope: &'a Scope<'t>,
}

struct Expander<'t, 'a, 'r> {
    report: &'a mut Report<'r>,
    blocks: BTreeMap<&'t str, Block<'t>>,
    written: Vec<Written<'t>>,
    /// What comes out of the layers and blocks written out so far, by their paths.
    outputs: BTreeMap<String, Input>,
    /// The blocks that are being written out, the outermost first.
    open: Vec<&'t str>,
    visited: usize,
    copied: usize,
    /// Whether nothing was wrong so far.
    sound: bool,
}

impl<'t> Expander<'t, '_, '_> {
    fn mistake(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.sound = false;
        self.report.mistake(place, message, label, help);
    }

    /// Writes layers out, of which the first takes `input`; gives what comes out of the last.
    fn list(&mut self, nodes: &'t [Node], scope: &Scope<'t>, input: Input) -> Input {
        let nodes: Vec<Cow<'t, Node>> = nodes
            .iter()
            .map(|node| self.substitute(node, scope))
            .collect();
        let names = names(nodes.iter().map(AsRef::as_ref));
        self.sound &= check_names(self.report, nodes.iter().map(AsRef::as_ref), &names);
        let mut before = input;
        for (i, node) in nodes.into_iter().enumerate() {
            self.visited += 1;
            let too_many = self.written.len() >= MAX_LAYERS || self.visited > 2 * MAX_LAYERS;
            if too_many || self.copied > MOST_COPIED {
                let message = format!("written out, these are more than {MAX_LAYERS} layers");
                let help = "repeat less, or use smaller blocks";
                self.mistake(&node.place, message, "too many from here on", help);
                return before;
            }
            let title = match scope.block {
                None => format!("layer {}", i + 1),
                Some(block) => format!("layer {} of block `{block}`", i + 1),
            };
            let here = Here {
                node,
                title,
                names: &names,
                index: i,
                scope,
            };
            before = self.layer(&here, [input, before]);
        }
        before
    }

    /// Writes one layer out, as often as it is repeated; gives what comes out of it in the end.
    fn layer(&mut self, here: &Here<'t, '_>, [input, before]: [Input; 2]) -> Input {
        let Here {
            node,
            title,
            names,
            index,
            scope,
        } = here;
        let index = *index;
        let is_block = text(node, "kind") == Some("block");
        let mut inputs = self.inputs(node, names, index, scope, [input, before]);
        let repeat = self.repeat(node, &inputs);
        let mut output = before;
        for copy in 1..=repeat {
            let name = names[index].as_ref().map(|name| match repeat {
                1 => format!("{}{name}", scope.prefix),
                _ => format!("{}{name}/{copy}", scope.prefix),
            });
            let path = name.clone();
            output = if is_block {
                let path = path.as_deref().unwrap_or("block");
                self.block(node, path, title, &inputs, before)
            } else {
                self.written.push(Written {
                    node: node.clone(),
                    name,
                    title: title.clone(),
                    inputs,
                });
                Input::Layer(self.written.len() - 1)
            };
            if let Some(path) = path {
                self.remember(path, output, node);
            }
            if !self.sound || self.written.len() >= MAX_LAYERS {
                break;
            }
            inputs = vec![output];
        }
        if let (Some(name), true) = (&names[index], repeat > 1) {
            self.remember(format!("{}{name}", scope.prefix), output, node);
        }
        output
    }

    /// Keeps what comes out of a path. Names of one list are unique; a path written as a name may be one that a block makes.
    fn remember(&mut self, path: String, output: Input, node: &Node) {
        let message = format!("two layers are called `{}`", show(&path));
        let before = self.outputs.insert(path, output);
        if before.is_some() && self.sound {
            let help = "give one of them another `name`";
            self.mistake(&node.place, message, "not unique", help);
        }
    }

    /// How often a layer stands there. That the number is one is checked with the other keys.
    fn repeat(&mut self, node: &Node, inputs: &[Input]) -> usize {
        let Value::Table(table) = &node.value else {
            return 1;
        };
        let Some(repeat) = table.get("repeat") else {
            return 1;
        };
        let Value::Int(Some(count)) = repeat.node.value else {
            return 1;
        };
        let count = usize::try_from(count).map_or(1, |count| count.clamp(1, MAX_LAYERS));
        if count > 1 && inputs.len() > 1 {
            let message = "a layer with several inputs cannot be repeated";
            let help = "repeat a block around it: its `input` is what comes out of the one before";
            self.mistake(&repeat.key_place, message, "has several inputs", help);
            return 1;
        }
        count
    }

    /// What comes into a layer: what its `inputs` name, or else what the one before it gives.
    fn inputs(
        &mut self,
        node: &Node,
        names: &[Option<String>],
        index: usize,
        scope: &Scope<'t>,
        [input, before]: [Input; 2],
    ) -> Vec<Input> {
        let Value::Table(table) = &node.value else {
            return vec![before];
        };
        let Some(Value::List(list)) = table.get("inputs").map(|entry| &entry.node.value) else {
            return vec![before];
        };
        let mut inputs = Vec::new();
        for each in list {
            let Value::Text(name) = &each.value else {
                self.sound = false;
                continue;
            };
            if name == INPUT {
                inputs.push(input);
            } else if let Some(&found) = self.outputs.get(&format!("{}{name}", scope.prefix)) {
                inputs.push(found);
            } else {
                self.unknown_input(each, name, names, index, scope);
                inputs.push(before);
            }
        }
        if list.is_empty() {
            let message = "`inputs` must name at least one layer, not []";
            let place = node_place(table, "inputs", &node.place);
            self.mistake(&place, message, "an empty list", "remove it, or name one");
        }
        if inputs.is_empty() {
            inputs.push(before);
        }
        inputs
    }

    fn unknown_input(
        &mut self,
        node: &Node,
        name: &str,
        names: &[Option<String>],
        index: usize,
        scope: &Scope<'t>,
    ) {
        // A list before it that could not be read has no outputs.
        let later = names[index..].iter().flatten();
        let own = names[index].as_deref() == Some(name);
        if own || later.clone().any(|later| later == name) {
            let (label, help) = if own {
                (
                    "this is the layer itself",
                    "name a layer before it; `kind = \"add\"` with \"input\" makes a way around",
                )
            } else {
                (
                    "computed only later",
                    "move that layer before this one: layers stand in the order in which they are computed",
                )
            };
            let message = format!("`inputs` names `{}`, which would be a cycle", show(name));
            return self.mistake(&node.place, message, label, help);
        }
        // A layer of no known kind, which is reported, may be the one that is meant.
        if names[..index].iter().any(Option::is_none) {
            self.sound = false;
            return;
        }
        let known = names[..index].iter().flatten().map(String::as_str);
        let known: Vec<&str> = known.chain([INPUT]).collect();
        let label = match suggest::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "no such layer".to_owned(),
        };
        let place = match scope.block {
            None => String::new(),
            Some(block) => format!(" in block `{block}`"),
        };
        let shown = known.iter().rev().take(12).copied();
        let help = format!(
            "layers before it{place}: {}",
            shown.collect::<Vec<_>>().join(", ")
        );
        let message = format!(
            "`inputs` names `{}`, and there is no such layer",
            show(name)
        );
        self.mistake(&node.place, message, label, help);
    }

    /// Writes the layers of a block out that stands here under this path.
    fn block(
        &mut self,
        node: &Node,
        path: &str,
        title: &str,
        inputs: &[Input],
        before: Input,
    ) -> Input {
        let Value::Table(table) = &node.value else {
            return before;
        };
        let (mut section, _) =
            Section::open_family(self.report, table, &node.place, title, &keys::LAYER);
        section.text("name");
        section.texts("inputs");
        section.int("repeat");
        let name = section.text("block");
        section.arguments("with");
        let place = node_place(table, "block", &node.place);
        let Some(name) = name else {
            self.sound = false;
            return before;
        };
        let Some((&name, block)) = self.blocks.get_key_value(name.as_str()) else {
            let known = self.blocks.keys().copied();
            let label = match suggest::nearest(&name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "no such block".to_owned(),
            };
            let help = match known.collect::<Vec<_>>().join(", ") {
                known if known.is_empty() => {
                    format!("describe it with [[block.{}.layer]]", show(&name))
                }
                known => format!("blocks: {known}"),
            };
            let message = format!("there is no block `{}`", show(&name));
            self.mistake(&place, message, label, help);
            return before;
        };
        let block = block.clone();
        if let Some(block) = self.blocks.get_mut(name) {
            block.used = true;
        }
        if self.open.contains(&name) {
            let message = format!("block `{}` contains itself", show(name));
            self.mistake(&place, message, "would never end", "remove it here");
            return before;
        }
        if self.open.len() >= DEEPEST {
            let message = format!("blocks stand in each other more than {DEEPEST} deep");
            self.mistake(&place, message, "too deep", "use fewer levels");
            return before;
        }
        let [input] = inputs else {
            let message = format!("block `{name}` has {} inputs", inputs.len());
            let help = "a block has one; join them before it with `kind = \"add\"` or \"concat\"";
            let place = node_place(table, "inputs", &node.place);
            self.mistake(&place, message, "takes one", help);
            return before;
        };
        let Some(arguments) = self.arguments(table, name, &block, &place) else {
            return before;
        };
        let Some(nodes) = block.nodes else {
            self.sound = false;
            return before;
        };
        let scope = Scope {
            prefix: format!("{path}/"),
            block: Some(name),
            arguments,
        };
        self.open.push(name);
        let output = self.list(nodes, &scope, *input);
        self.open.pop();
        output
    }

    /// What the arguments of a block are where it is used: what the use says, or else the block. `None`: something is wrong.
    fn arguments(
        &mut self,
        table: &Table,
        name: &str,
        block: &Block<'t>,
        place: &Place,
    ) -> Option<BTreeMap<String, Node>> {
        let given = match table.get("with").map(|entry| &entry.node.value) {
            Some(Value::Table(given)) => given.entries.as_slice(),
            Some(_) => {
                self.sound = false;
                return None;
            }
            None => &[],
        };
        let mut sound = true;
        for entry in given {
            if block.parameters.contains(entry.key.as_str()) {
                continue;
            }
            sound = false;
            let known = block.parameters.iter().copied();
            let label = match suggest::nearest(&entry.key, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "no layer of the block uses it".to_owned(),
            };
            let known = known.collect::<Vec<_>>().join(", ");
            let help = match known.is_empty() {
                true => "it has none: write \"$NAME\" where a layer of the block shall take it"
                    .to_owned(),
                false => format!("arguments of block `{name}`: {known}"),
            };
            let message = format!("block `{name}` has no argument `{}`", show(&entry.key));
            self.mistake(&entry.key_place, message, label, help);
        }
        let mut arguments = BTreeMap::new();
        for &parameter in &block.parameters {
            let given = given.iter().find(|entry| entry.key == parameter);
            let default = block.defaults.and_then(|table| table.get(parameter));
            if let Some(entry) = given.or(default) {
                self.copied += entry.node.place.span.len();
                arguments.insert(parameter.to_owned(), entry.node.clone());
                continue;
            }
            sound = false;
            let message = format!("block `{name}` needs a value for `{}`", show(parameter));
            let help =
                format!("write with = {{ {parameter} = … }} here, or in [block.{name}] for all");
            self.mistake(place, message, "not given", help);
        }
        sound.then_some(arguments)
    }

    /// A layer with the arguments of its block in their places.
    fn substitute(&mut self, node: &'t Node, scope: &Scope<'t>) -> Cow<'t, Node> {
        if scope.arguments.is_empty() || !node.has_arguments() {
            return Cow::Borrowed(node);
        }
        let mut own = node.clone();
        self.put(&mut own, scope);
        Cow::Owned(own)
    }

    fn put(&mut self, node: &mut Node, scope: &Scope<'t>) {
        self.copied += node.place.span.len();
        match &mut node.value {
            Value::Text(text) => {
                let argument = text
                    .strip_prefix('$')
                    .and_then(|name| scope.arguments.get(name));
                if let Some(argument) = argument {
                    *node = argument.clone();
                }
            }
            Value::List(list) => list.iter_mut().for_each(|node| self.put(node, scope)),
            Value::Table(table) => {
                let nodes = table.entries.iter_mut().map(|entry| &mut entry.node);
                nodes.for_each(|node| self.put(node, scope));
            }
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Date => {}
        }
    }

    /// Every layer but the last is one's input, and every block stands somewhere.
    fn refuse_unused(&mut self) {
        if !self.sound {
            return;
        }
        let mut used = BTreeSet::new();
        for input in self.written.iter().flat_map(|layer| &layer.inputs) {
            used.insert(*input);
        }
        let last = self.written.len().saturating_sub(1);
        for (i, layer) in self.written[..last].iter().enumerate() {
            if used.contains(&Input::Layer(i)) {
                continue;
            }
            let name = layer.name.as_deref().unwrap_or_default();
            self.report.mistake(
                &node_place_of(&layer.node),
                format!("what comes out of layer `{name}` goes nowhere"),
                "no layer takes it",
                "name it in the `inputs` of a layer behind it, or remove it",
            );
        }
        for (name, block) in self.blocks.iter().filter(|(_, block)| !block.used) {
            self.report.mistake(
                &block.place,
                format!("block `{name}` stands nowhere"),
                "not used",
                format!(
                    "use it in a layer with kind = \"block\" and block = \"{name}\", or remove it"
                ),
            );
        }
    }
}

/// From the key to its value, or else the whole.
fn node_place(table: &Table, key: &str, whole: &Place) -> Place {
    match table.get(key) {
        Some(entry) => entry.key_place.to(&entry.node.place),
        None => whole.clone(),
    }
}

/// A layer's `kind = "…"`.
fn node_place_of(node: &Node) -> Place {
    match &node.value {
        Value::Table(table) => node_place(table, "kind", &node.place),
        _ => node.place.clone(),
    }
}
