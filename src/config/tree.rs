//! TOML text as a plain tree in which every key and value knows its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::report::Report;

/// A range of bytes in one of the texts: 0 is the file, `n` the n-th override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) text: usize,
    pub(super) span: Range<usize>,
}

impl Place {
    /// The two and all between them, if they are in one text; else the first.
    pub(super) fn to(&self, end: &Self) -> Self {
        let mut place = self.clone();
        if self.text == end.text {
            place.span = self.span.start..end.span.end.max(self.span.end);
        }
        place
    }
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// `None` is a number beyond all bounds.
    Int(Option<i128>),
    Float(f64),
    Bool(bool),
    Date,
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// What it is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Bool(_) => "a truth value",
            Self::Date => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

/// Entries in the order of the text, keys unique.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.key == key)
    }
}

/// What to do about the mistakes that people make in TOML itself, by what its reader says of them.
const HELP: &[(&str, &str)] = &[
    (
        "string values must be quoted",
        "put text in double quotes: \"like this\"",
    ),
    (
        "invalid basic string",
        "end the text with a double quote, in the same line",
    ),
    (
        "invalid literal string",
        "end the text with a single quote, in the same line",
    ),
    ("unclosed table", "close the bracket: [name]"),
    ("unclosed array", "close the bracket: [1, 2]"),
    (
        "key with no value",
        "write `key = value`, with an equals sign",
    ),
    ("invalid boolean", "write true or false, in small letters"),
    (
        "unexpected key or value",
        "one `key = value` a line; decimals have a point: 0.1",
    ),
];

/// The tree of the file, or `None` with the mistake in the report. A key that is there twice is reported, and the rest read on.
pub(super) fn parse(text: &str, report: &mut Report<'_>) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let twice = |e: &toml::de::Error| e.message() == "duplicate key";
    if let Some(error) = errors.iter().find(|e| !twice(e)) {
        let (message, label) = match error.message().split_once(", expected ") {
            Some((message, expected)) => (message, format!("expected {expected}")),
            None => (error.message(), "here".to_owned()),
        };
        let found = HELP.iter().find(|(begin, _)| message.contains(begin));
        let help = found.map_or("", |(_, help)| help);
        let place = file_place(error.span(), text);
        report.mistake(&place, format!("invalid TOML: {message}"), label, help);
        return None;
    }
    for error in errors {
        report.mistake(
            &file_place(error.span(), text),
            "a key or table is there twice",
            "the second one",
            "keep one of them",
        );
    }
    Some(from_toml(table.get_ref(), 0, 0))
}

fn file_place(span: Option<Range<usize>>, text: &str) -> Place {
    let end = text.trim_end().len();
    Place {
        text: 0,
        span: span.unwrap_or(end..end),
    }
}

/// The value of an override: TOML, or else text as it stands. `offset` is where `text` begins in override number `number`.
pub(super) fn parse_value(text: &str, number: usize, offset: usize) -> Node {
    match DeValue::parse(text) {
        Ok(value) => node(&value, number, offset),
        Err(_) => Node {
            value: Value::Text(text.to_owned()),
            place: Place {
                text: number,
                span: offset..offset + text.len(),
            },
        },
    }
}

fn from_toml(table: &DeTable<'_>, number: usize, offset: usize) -> Table {
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        key_place: place(key, number, offset),
        node: node(value, number, offset),
    };
    Table {
        entries: table.iter().map(entry).collect(),
    }
}

fn node(value: &Spanned<DeValue<'_>>, number: usize, offset: usize) -> Node {
    let place = place(value, number, offset);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.as_ref().to_owned()),
        DeValue::Integer(int) => Value::Int(i128::from_str_radix(int.as_str(), int.radix()).ok()),
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(bool) => Value::Bool(*bool),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(list) => Value::List(list.iter().map(|v| node(v, number, offset)).collect()),
        DeValue::Table(table) => Value::Table(from_toml(table, number, offset)),
    };
    Node { value, place }
}

fn place<T>(spanned: &Spanned<T>, number: usize, offset: usize) -> Place {
    let span = spanned.span();
    Place {
        text: number,
        span: span.start + offset..span.end + offset,
    }
}
