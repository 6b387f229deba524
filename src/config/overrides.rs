//! `key.path=value` from the command line, put into the tree before anything is checked.

use super::layers;
use super::report::{Report, show};
use super::suggest;
use super::tree::{self, Entry, Node, Place, Table, Value};

/// Put every override into the tree; later ones win. Paths are only followed here: whether the keys exist and the values fit is
/// checked with the rest of the file.
pub(super) fn apply(root: &mut Table, overrides: &[String], report: &mut Report<'_>) {
    // Names as the file has them, so that the order of overrides does not matter to them.
    let names = layers::names(layers::list(root).unwrap_or(&[]).iter());
    for (i, text) in overrides.iter().enumerate() {
        if let Some((path, node)) = split(text, i + 1, report) {
            set(root, &path, node, &names, report);
        }
    }
    keep_one_length(root);
}

/// A part of a key path.
struct Part<'a> {
    text: &'a str,
    place: Place,
}

impl Part<'_> {
    fn entry(&self, node: Node) -> Entry {
        Entry {
            key: self.text.to_owned(),
            key_place: self.place.clone(),
            node,
        }
    }
}

fn split<'a>(
    text: &'a str,
    number: usize,
    report: &mut Report<'_>,
) -> Option<(Vec<Part<'a>>, Node)> {
    let place = |span| Place { text: number, span };
    let Some((path, value)) = text.split_once('=') else {
        report.mistake(
            &place(0..text.len()),
            format!("`{}` has no `=`", show(text)),
            "no value",
            "write key=value, such as train.epochs=3",
        );
        return None;
    };
    let mut start = 0;
    let mut parts = Vec::new();
    for part in path.split('.') {
        let begin = start + (part.len() - part.trim_start().len());
        let trimmed = part.trim();
        let place = place(begin..begin + trimmed.len());
        if trimmed.is_empty() {
            let message = "a key is empty";
            let help =
                "write the names of table and key with a dot between, such as train.epochs=3";
            report.mistake(&place, message, "a name is missing here", help);
            return None;
        }
        parts.push(Part {
            text: trimmed,
            place,
        });
        start += part.len() + 1;
    }
    let begin = text.len() - value.trim_start().len();
    let value = value.trim();
    if value.is_empty() {
        let help = "write the value behind the `=`";
        report.mistake(
            &place(begin..begin),
            "the value is empty",
            "nothing here",
            help,
        );
        return None;
    }
    Some((parts, tree::parse_value(value, number, begin)))
}

fn set(
    root: &mut Table,
    path: &[Part<'_>],
    node: Node,
    names: &[Option<String>],
    report: &mut Report<'_>,
) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    match rest {
        _ if first.text == "layer" => set_layer(root, first, rest, node, names, report),
        [name, layer, rest @ ..] if first.text == "block" && layer.text == "layer" => {
            let blocks = root.get_mut("block").map(|entry| &mut entry.node.value);
            let Some(Value::Table(blocks)) = blocks else {
                return insert(root, path, node, report);
            };
            let block = blocks.get_mut(name.text).map(|entry| &mut entry.node.value);
            let Some(Value::Table(block)) = block else {
                let known = blocks.entries.iter().map(|entry| entry.key.as_str());
                let message = format!("there is no block `{}`", show(name.text));
                let help = format!("blocks: {}", known.take(12).collect::<Vec<_>>().join(", "));
                return report.mistake(&name.place, message, "no such block", help);
            };
            let names = layers::names(layers::list(block).unwrap_or(&[]).iter());
            set_layer(block, layer, rest, node, &names, report);
        }
        _ => insert(root, path, node, report),
    }
}

fn set_layer(
    root: &mut Table,
    first: &Part<'_>,
    rest: &[Part<'_>],
    node: Node,
    names: &[Option<String>],
    report: &mut Report<'_>,
) {
    let [which, keys @ ..] = rest else {
        let message = "`layer` cannot be set as a whole";
        let help = "name a layer and a key, such as layer.2.out_features=64";
        return report.mistake(&first.place, message, "which layer?", help);
    };
    if keys.is_empty() {
        let message = format!("layer `{}` cannot be set as a whole", show(which.text));
        let help = "name a key as well, such as layer.2.out_features=64";
        return report.mistake(&which.place, message, "which key?", help);
    }
    let count = names.len();
    let index = match which.text.parse::<usize>() {
        Ok(number) => number.checked_sub(1).filter(|i| *i < count),
        Err(_) => names.iter().position(|n| n.as_deref() == Some(which.text)),
    };
    let list = root.get_mut("layer").map(|e| &mut e.node.value);
    let target = match (index, list) {
        (Some(index), Some(Value::List(list))) => list.get_mut(index),
        _ => None,
    };
    match target {
        Some(Node {
            value: Value::Table(table),
            ..
        }) => insert(table, keys, node, report),
        // Not a table: reported with the rest of the file.
        Some(_) => {}
        None => {
            let known = names.iter().filter_map(Option::as_deref);
            let label = match suggest::nearest(which.text, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "no such layer".to_owned(),
            };
            let known = known.take(12).collect::<Vec<_>>().join(", ");
            let help = format!("layers count from 1 to {count}, or go by name: {known}");
            let message = format!("there is no layer `{}`", show(which.text));
            report.mistake(&which.place, message, label, help);
        }
    }
}

/// Put the node at the path, making tables on the way.
fn insert(table: &mut Table, path: &[Part<'_>], node: Node, report: &mut Report<'_>) {
    let [part, rest @ ..] = path else { return };
    if let Some(entry) = table.get_mut(part.text) {
        if rest.is_empty() {
            *entry = part.entry(node);
        } else if let Value::Table(inner) = &mut entry.node.value {
            insert(inner, rest, node, report);
        } else {
            let message = format!("`{}` is no table", show(part.text));
            let help = "leave out what follows it";
            report.mistake(&part.place, message, "has no keys of its own", help);
        }
        return;
    }
    let inner = rest.iter().rev().fold(node, |node, part| Node {
        place: part.place.to(&node.place),
        value: Value::Table(Table {
            entries: vec![part.entry(node)],
        }),
    });
    table.entries.push(part.entry(inner));
}

/// Of `epochs` and `steps`, the one that was set puts aside the one of the file.
fn keep_one_length(root: &mut Table) {
    let Some(Value::Table(train)) = root.get_mut("train").map(|e| &mut e.node.value) else {
        return;
    };
    let set = |key: &str| train.get(key).is_some_and(|e| e.node.place.text > 0);
    let aside = match (set("epochs"), set("steps")) {
        (true, false) => "steps",
        (false, true) => "epochs",
        _ => return,
    };
    train.entries.retain(|e| e.key != aside);
}
