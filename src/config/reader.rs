//! Reads one table against its keys: unknown keys, wrong types, numbers out of range and missing keys all go to the report, and
//! reading goes on with a value that is allowed.

use super::ClassWeights;
use super::keys::{self, Choice, Fallback, Family, Key, Takes};
use super::report::{Report, show};
use super::suggest;
use super::tree::{Entry, Node, Place, Table, Value};
use super::value::{Wrong, float, int, size};

/// The most channels that can have a mean and a deviation of their own.
const MAX_CHANNELS: usize = 1024;

/// A table that is being read.
pub(super) struct Section<'s, 'r> {
    report: &'s mut Report<'r>,
    table: &'s Table,
    /// Keys whose value was refused, is missing, or probably stands under a misspelt name.
    refused: Vec<&'static str>,
    /// The place of what is missing.
    place: Place,
    /// How messages call the table.
    title: String,
    keys: Vec<&'static Key>,
}

impl<'s, 'r> Section<'s, 'r> {
    /// A table with these keys and no others.
    pub(super) fn open(
        report: &'s mut Report<'r>,
        table: &'s Table,
        place: &Place,
        title: &str,
        keys: &'static [Key],
    ) -> Self {
        let keys = keys.iter().collect();
        let mut section = Self::bare(report, table, place, title, keys);
        section.refuse_unknown(|_| None);
        section
    }

    /// A table whose keys depend on its `kind`, and that kind; `None` when there is no kind that is known: then only keys which
    /// no kind has are mistakes beside it.
    pub(super) fn open_family(
        report: &'s mut Report<'r>,
        table: &'s Table,
        place: &Place,
        title: &str,
        family: &'static Family,
    ) -> (Self, Option<&'static str>) {
        let common = family.common.iter().collect();
        let mut section = Self::bare(report, table, place, title, common);
        let kind = match section.given("kind") {
            Some(_) => section.word("kind"),
            None => None,
        };
        let variant = family.variants.iter().find(|v| Some(v.kind) == kind);
        let Some(variant) = variant else {
            section.keys = family.keys().collect();
            section.refuse_unknown(|_| None);
            if section.given("kind").is_none() {
                section.word("kind");
            }
            return (section, None);
        };
        section.keys.extend(variant.keys);
        // "not dense", or, when the kind was set on the command line, where that came from.
        let mine = match section.given("kind") {
            Some(node) if node.place.text > 0 => format!("{}, as set by --set", variant.kind),
            _ => variant.kind.to_owned(),
        };
        section.refuse_unknown(|key| {
            let others = family.variants.iter();
            let owners: Vec<_> = others
                .filter(|v| v.keys.iter().any(|k| k.name == key))
                .map(|v| v.kind)
                .collect();
            let (last, others) = owners.split_last()?;
            Some(match others {
                [] => format!("`{key}` belongs to {last}, not {mine}"),
                _ => format!(
                    "`{key}` belongs to {} and {last}, not {mine}",
                    others.join(", ")
                ),
            })
        });
        (section, Some(variant.kind))
    }

    fn bare(
        report: &'s mut Report<'r>,
        table: &'s Table,
        place: &Place,
        title: &str,
        keys: Vec<&'static Key>,
    ) -> Self {
        Self {
            report,
            table,
            refused: Vec::new(),
            place: place.clone(),
            title: title.to_owned(),
            keys,
        }
    }

    /// Report every key that is not among ours; `foreign` says whose it is, if another kind of this table has it.
    fn refuse_unknown(&mut self, foreign: impl Fn(&str) -> Option<String>) {
        for entry in &self.table.entries {
            let key = entry.key.as_str();
            if self.keys.iter().any(|k| k.name == key) {
                continue;
            }
            if let Some(message) = foreign(key) {
                let help = "remove it, or change `kind`";
                self.report
                    .mistake(&entry.key_place, message, "not known here", help);
                continue;
            }
            let known = self.keys.iter().map(|k| k.name);
            let near = suggest::nearest(key, known.clone());
            let is_table = match &entry.node.value {
                Value::Table(_) => true,
                Value::List(items) => items
                    .iter()
                    .any(|item| matches!(item.value, Value::Table(_))),
                _ => false,
            };
            // The name itself elsewhere is a better guess than a similar one here, but not for a table like one that belongs here.
            let home = keys::home(key).filter(|_| !is_table || near.is_none());
            let (label, help) = if let Some(home) = home {
                let label = format!("`{key}` belongs to {home}");
                (label, "move it there".to_owned())
            } else if let Some(near) = near {
                self.refused.push(near);
                (format!("did you mean `{near}`?"), String::new())
            } else {
                let known: Vec<_> = known.collect();
                let help = format!("keys of {}: {}", self.title, known.join(", "));
                ("not known here".to_owned(), help)
            };
            let message = format!("unknown key `{}` in {}", show(key), self.title);
            self.report.mistake(&entry.key_place, message, label, help);
        }
    }

    /// The value of a key as it stands there.
    pub(super) fn given(&self, name: &str) -> Option<&'s Node> {
        self.table.get(name).map(|entry| &entry.node)
    }

    /// From the key to its value.
    pub(super) fn whole(&self, name: &str) -> Option<Place> {
        let entry = self.table.get(name)?;
        Some(entry.key_place.to(&entry.node.place))
    }

    fn key(&self, name: &str) -> &'static Key {
        let found = self.keys.iter().find(|k| k.name == name);
        found.unwrap_or_else(|| panic!("the tables of keys have no `{name}` in {}", self.title))
    }

    /// The value, if it is given and allowed. All that is wrong with it is reported.
    fn read<T>(
        &mut self,
        name: &str,
        convert: impl FnOnce(&'s Node, Takes) -> Result<T, Wrong>,
    ) -> Option<T> {
        let key = self.key(name);
        let Some(node) = self.given(name) else {
            if key.default == Fallback::Required && self.sound(name) {
                self.refused.push(key.name);
                self.missing(name, key.takes);
            }
            return None;
        };
        match convert(node, key.takes) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let found = show(self.report.text(&wrong.place));
                let message = format!("`{name}` must be {}, not {found}", key.takes.words());
                self.report
                    .mistake(&wrong.place, message, wrong.label, wrong.help);
                self.refused.push(key.name);
                None
            }
        }
    }

    fn missing(&mut self, name: &str, takes: Takes) {
        let title = &self.title;
        self.report.mistake(
            &self.place,
            format!("`{name}` is missing in {title}"),
            format!("needs `{name}`"),
            format!("add `{name} = …`, {}", takes.words()),
        );
    }

    /// A key whose default is a rule, but no rule applies.
    pub(super) fn require(&mut self, name: &str) {
        self.missing(name, self.key(name).takes);
    }

    /// A whole number; its default.
    pub(super) fn int(&mut self, name: &str) -> u64 {
        let value = self.int_if_given(name);
        match (self.key(name).default, self.key(name).takes) {
            (Fallback::Int(default), _) => value.unwrap_or(default),
            (_, Takes::Int(min, _)) => value.unwrap_or(min),
            _ => value.unwrap_or_default(),
        }
    }

    /// A whole number as a count or size; its default.
    pub(super) fn count(&mut self, name: &str) -> usize {
        size(self.int(name))
    }

    /// A whole number, if it is given.
    pub(super) fn int_if_given(&mut self, name: &str) -> Option<u64> {
        self.read(name, |node, takes| match takes {
            Takes::Int(min, max) => int(node, min, max),
            _ => panic!("`{name}` is no whole number in the tables of keys"),
        })
    }

    /// A whole number of 32 bits; its default.
    pub(super) fn small(&mut self, name: &str) -> u32 {
        u32::try_from(self.int(name)).unwrap_or(u32::MAX)
    }

    /// A whole number of 32 bits, if it is given.
    pub(super) fn small_if_given(&mut self, name: &str) -> Option<u32> {
        let value = self.int_if_given(name)?;
        Some(u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// A whole number, or `None` for the word in place of one; if either is given.
    pub(super) fn int_or_word(&mut self, name: &str) -> Option<Option<u64>> {
        self.read(name, |node, takes| {
            let Takes::IntOrWord(min, max, word) = takes else {
                panic!("`{name}` is no whole number or word in the tables of keys")
            };
            match &node.value {
                Value::Text(text) if text == word => Ok(None),
                Value::Text(text) if text.parse::<u64>().is_err() => {
                    Err(Wrong::new(node, "not known", ""))
                }
                _ => int(node, min, max).map(Some),
            }
        })
    }

    /// A list of whole numbers of 32 bits, if it is given.
    pub(super) fn ints(&mut self, name: &str) -> Option<Vec<u32>> {
        self.read(name, |node, takes| {
            let Takes::Ints(min, max, most) = takes else {
                panic!("`{name}` is no list of whole numbers in the tables of keys")
            };
            match &node.value {
                Value::List(list) if (1..=most).contains(&list.len()) => list
                    .iter()
                    .map(|node| int(node, min, max))
                    .map(|n| n.map(|n| u32::try_from(n).unwrap_or(u32::MAX)))
                    .collect(),
                Value::List(list) => Err(Wrong::new(node, format!("a list of {}", list.len()), "")),
                _ => Err(Wrong::kind(node, "write it in brackets: [30, 60]")),
            }
        })
    }

    /// `[height, width]` from one number or two; its default, or else the smallest.
    pub(super) fn size(&mut self, name: &str) -> [usize; 2] {
        let value = self.size_if_given(name);
        match (self.key(name).default, self.key(name).takes) {
            (Fallback::Int(default), _) => value.unwrap_or([size(default); 2]),
            (_, Takes::Size(min, _)) => value.unwrap_or([size(min); 2]),
            _ => value.unwrap_or_default(),
        }
    }

    /// `[height, width]` from one number or two, if it is given.
    pub(super) fn size_if_given(&mut self, name: &str) -> Option<[usize; 2]> {
        self.read(name, |node, takes| {
            let Takes::Size(min, max) = takes else {
                panic!("`{name}` is no size in the tables of keys")
            };
            match &node.value {
                Value::List(list) => match list.as_slice() {
                    [height, width] => {
                        Ok([size(int(height, min, max)?), size(int(width, min, max)?)])
                    }
                    _ => Err(Wrong::new(
                        node,
                        format!("a list of {}", list.len()),
                        "give [height, width], or one number for both",
                    )),
                },
                _ => int(node, min, max).map(|n| [size(n); 2]),
            }
        })
    }

    /// A number; its default.
    pub(super) fn float(&mut self, name: &str) -> f64 {
        let value = self.float_if_given(name);
        match self.key(name).default {
            Fallback::Float(default) => value.unwrap_or(default),
            _ => value.unwrap_or_default(),
        }
    }

    /// A number, if it is given.
    pub(super) fn float_if_given(&mut self, name: &str) -> Option<f64> {
        self.read(name, |node, takes| match takes {
            Takes::Float(bounds) => float(node, bounds),
            _ => panic!("`{name}` is no number in the tables of keys"),
        })
    }

    /// One number or a list of them, if given.
    pub(super) fn floats(&mut self, name: &str) -> Option<Vec<f64>> {
        self.read(name, |node, takes| {
            let Takes::Floats(bounds) = takes else {
                panic!("`{name}` is no list of numbers in the tables of keys")
            };
            match &node.value {
                Value::List(list) if list.is_empty() => Err(Wrong::new(
                    node,
                    "an empty list",
                    "give one number per channel",
                )),
                Value::List(list) if list.len() > MAX_CHANNELS => Err(Wrong::new(
                    node,
                    format!("a list of {}", list.len()),
                    "give one number per channel",
                )),
                Value::List(list) => list.iter().map(|node| float(node, bounds)).collect(),
                _ => float(node, bounds).map(|value| vec![value]),
            }
        })
    }

    /// A truth value; its default.
    pub(super) fn bool(&mut self, name: &str) -> bool {
        let value = self.read(name, |node, _| match &node.value {
            Value::Bool(value) => Ok(*value),
            Value::Text(text) if text == "true" || text == "false" => Err(Wrong::new(
                node,
                "this is text",
                format!("write {text} without quotes"),
            )),
            _ => Err(Wrong::kind(node, "")),
        });
        match self.key(name).default {
            Fallback::Bool(default) => value.unwrap_or(default),
            _ => value.unwrap_or_default(),
        }
    }

    /// Text, if it is given. What an override says counts as text even where it looks like a number or a date.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let spoken = self.given(name).map(|n| self.report.text(&n.place));
        self.read(name, |node, _| match (&node.value, spoken) {
            (Value::Text(text), _) => Ok(text.clone()),
            (Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Date, Some(spoken))
                if node.place.text > 0 =>
            {
                Ok(spoken.to_owned())
            }
            _ => Err(Wrong::kind(node, "")),
        })
    }

    /// A list of texts; empty if it is not given.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let text = |node: &Node| match &node.value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(Wrong::kind(node, "")),
        };
        let texts = self.read(name, |node, _| match &node.value {
            Value::List(list) => list.iter().map(text).collect(),
            _ => Err(Wrong::kind(node, "write a list, as in [\"a\", \"b\"]")),
        });
        texts.unwrap_or_default()
    }

    /// A table of arguments, if it is given: names with a value each, which are checked where they are put.
    pub(super) fn arguments(&mut self, name: &str) -> Option<&'s Table> {
        self.read(name, |node, _| match &node.value {
            Value::Table(table) => Ok(table),
            _ => Err(Wrong::kind(node, "as in { channels = 32, stride = 2 }")),
        })
    }

    /// Weights of classes, if they are given.
    pub(super) fn class_weights(&mut self, name: &str) -> Option<ClassWeights> {
        self.read(name, |node, takes| {
            let Takes::ClassWeights(bounds) = takes else {
                panic!("`{name}` is no table of weights in the tables of keys")
            };
            match &node.value {
                Value::Text(text) if text == "balanced" => Ok(ClassWeights::Balanced),
                Value::Text(_) => Err(Wrong::new(node, "did you mean \"balanced\"?", "")),
                Value::Table(table) if !table.entries.is_empty() => {
                    let weight =
                        |entry: &Entry| Ok((entry.key.clone(), float(&entry.node, bounds)?));
                    let weights = table
                        .entries
                        .iter()
                        .map(weight)
                        .collect::<Result<_, Wrong>>();
                    weights.map(ClassWeights::Table)
                }
                _ => Err(Wrong::kind(node, "as in { cat = 1.0, dog = 2.5 }")),
            }
        })
    }

    /// One of the words the key takes; its default.
    pub(super) fn word(&mut self, name: &str) -> Option<&'static str> {
        let value = self.read(name, |node, takes| {
            let Takes::Choice(words) = takes else {
                panic!("`{name}` is no choice in the tables of keys")
            };
            let Value::Text(text) = &node.value else {
                return Err(Wrong::kind(node, ""));
            };
            let words = words();
            if let Some(word) = words.iter().find(|w| *w == text) {
                return Ok(*word);
            }
            Err(match suggest::nearest(text, words) {
                Some(near) => Wrong::new(node, format!("did you mean \"{near}\"?"), ""),
                None => Wrong::new(node, "not known", ""),
            })
        });
        match (value, self.key(name).default) {
            (None, Fallback::Word(default)) => Some(default),
            _ => value,
        }
    }

    /// What one of a few words stands for; its default.
    pub(super) fn choice<T: Choice>(&mut self, name: &str) -> Option<T> {
        let word = self.word(name)?;
        let found = T::ALL.iter().find(|(w, _)| *w == word);
        found.map(|&(_, value)| value)
    }

    /// Is the value read for a key what the file means, and no stand-in?
    pub(super) fn sound(&self, name: &str) -> bool {
        !self.refused.contains(&name)
    }

    /// A mistake at a key's value that is there.
    pub(super) fn mistake_at(&mut self, name: &str, message: &str, label: &str, help: &str) {
        if let Some(node) = self.given(name) {
            self.report.mistake(&node.place, message, label, help);
        }
    }
}
