//! The grammar of [`keys`] as a JSON schema (draft 2020-12), for editors that complete and check TOML.

use serde_json::{Map, Value, json};

use super::keys::{self, Bounds, Fallback, Family, Key, Takes};

/// The schema of a configuration file.
pub fn schema() -> Value {
    let mut schema = table(keys::TOP.iter());
    let properties = &mut schema["properties"];
    for (name, section) in [
        ("data", table(keys::DATA.iter())),
        ("train", table(keys::TRAIN.iter())),
        ("optimizer", family(&keys::OPTIMIZER)),
        ("param", list(&table(keys::PARAM.iter()))),
        ("average", family(&keys::AVERAGE)),
        ("schedule", family(&keys::SCHEDULE)),
        ("checkpoint", table(keys::CHECKPOINT.iter())),
        ("early_stopping", table(keys::EARLY_STOPPING.iter())),
        ("layer", list(&family(&keys::LAYER))),
        ("block", blocks()),
    ] {
        properties[name] = described(section, properties, name);
    }
    let data = &mut properties["data"]["properties"];
    data["augment"] = described(table(keys::AUGMENT.iter()), data, "augment");
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("anygrad configuration");
    schema
}

/// Blocks by their names: layers in which every value may be an argument.
fn blocks() -> Value {
    let mut layers = family(&keys::LAYER);
    for variant in layers["oneOf"].as_array_mut().into_iter().flatten() {
        let properties = variant["properties"].as_object_mut();
        for (key, property) in properties.into_iter().flatten() {
            if key != "kind" {
                let argument = json!({ "type": "string", "pattern": "^\\$" });
                let table = property.as_object_mut();
                let description = table.and_then(|table| table.remove("description"));
                *property = json!({ "anyOf": [property, argument], "description": description });
            }
        }
    }
    let mut block = table(keys::BLOCK.iter());
    let properties = &mut block["properties"];
    properties["layer"] = described(list(&layers), properties, "layer");
    json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": block })
}

/// At least one of these tables.
fn list(item: &Value) -> Value {
    json!({ "type": "array", "minItems": 1, "items": item })
}

/// A table in place of the one that the top names, with what the top says of it.
fn described(mut value: Value, properties: &Value, name: &str) -> Value {
    value["description"] = properties[name]["description"].clone();
    value
}

/// A table of these keys and no others.
fn table(keys: impl Iterator<Item = &'static Key> + Clone) -> Value {
    let is_required = |key: &&Key| key.default == Fallback::Required;
    let required: Vec<&str> = keys
        .clone()
        .filter(is_required)
        .map(|key| key.name)
        .collect();
    let properties: Map<String, Value> = keys
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A table whose keys depend on its `kind`.
fn family(family: &'static Family) -> Value {
    let variants = family.variants.iter().map(|variant| {
        let mut table = table(family.common.iter().chain(variant.keys));
        table["properties"]["kind"] = json!({
            "const": variant.kind,
            "description": table["properties"]["kind"]["description"],
        });
        table
    });
    json!({ "oneOf": variants.collect::<Vec<_>>() })
}

fn property(key: &Key) -> Value {
    let mut property = values(key.takes);
    let (default, rule) = match key.default {
        Fallback::Required => (None, None),
        Fallback::Int(number) => (Some(json!(number)), None),
        Fallback::Float(number) => (Some(json!(number)), None),
        Fallback::Bool(truth) => (Some(json!(truth)), None),
        Fallback::Word(word) => (Some(json!(word)), None),
        Fallback::Rule(rule) => (None, Some(rule)),
    };
    if let Some(default) = default {
        property["default"] = default;
    }
    let doc = match rule {
        Some(rule) => format!("{} (default: {rule})", key.doc),
        None => key.doc.to_owned(),
    };
    property["description"] = json!(doc);
    property
}

fn values(takes: Takes) -> Value {
    let int = |min, max| json!({ "type": "integer", "minimum": min, "maximum": max });
    let float =
        |bounds: &Bounds| json!({ "type": "number", "minimum": bounds.min, "maximum": bounds.max });
    let one_or = |one: Value, list: Value| json!({ "anyOf": [one, list] });
    match takes {
        Takes::Text => json!({ "type": "string" }),
        Takes::Bool => json!({ "type": "boolean" }),
        Takes::Int(min, max) => int(min, max),
        Takes::Size(min, max) => {
            let two =
                json!({ "type": "array", "items": int(min, max), "minItems": 2, "maxItems": 2 });
            one_or(int(min, max), two)
        }
        Takes::Float(bounds) => float(bounds),
        Takes::Floats(bounds) => one_or(
            float(bounds),
            json!({ "type": "array", "items": float(bounds), "minItems": 1 }),
        ),
        Takes::IntOrWord(min, max, word) => one_or(int(min, max), json!({ "enum": [word] })),
        Takes::Ints(min, max, most) => json!({
            "type": "array",
            "items": int(min, max),
            "minItems": 1,
            "maxItems": most,
        }),
        Takes::ClassWeights(bounds) => one_or(
            json!({ "enum": ["balanced"] }),
            json!({
                "type": "object",
                "properties": {},
                "required": [],
                "additionalProperties": float(bounds),
                "minProperties": 1,
            }),
        ),
        Takes::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Takes::Arguments => {
            let one = ["string", "number", "boolean"].map(|kind| json!({ "type": kind }));
            let items = json!({ "anyOf": one });
            let any = one_or(items.clone(), json!({ "type": "array", "items": items }));
            json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": any })
        }
        Takes::Choice(words) => json!({ "enum": words() }),
        Takes::Table => json!({ "type": "object" }),
        Takes::Tables => json!({ "type": "array" }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{STARTERS, parse, shipped};
    use super::*;

    /// Whether a value is what a schema of this module allows: enough of the standard for what `schema` uses.
    fn allows(schema: &Value, value: &toml::Value) -> bool {
        let some = |key: &str| schema[key].as_array();
        if let Some(one_of) = some("oneOf") {
            return one_of.iter().filter(|schema| allows(schema, value)).count() == 1;
        }
        if let Some(any_of) = some("anyOf") {
            return any_of.iter().any(|schema| allows(schema, value));
        }
        if let Some(words) = some("enum") {
            return words.iter().any(|word| word.as_str() == value.as_str());
        }
        if let Some(word) = schema["const"].as_str() {
            return value.as_str() == Some(word);
        }
        let within = |number: f64| {
            let (low, high) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
            low.is_none_or(|low| low <= number) && high.is_none_or(|high| number <= high)
        };
        match (schema["type"].as_str().unwrap(), value) {
            ("string", toml::Value::String(_)) | ("boolean", toml::Value::Boolean(_)) => true,
            ("integer" | "number", toml::Value::Integer(number)) => within(*number as f64),
            ("number", toml::Value::Float(number)) => within(*number),
            ("array", toml::Value::Array(items)) => {
                let count = |key: &str| schema[key].as_u64();
                let enough = count("minItems").is_none_or(|least| items.len() as u64 >= least);
                let few = count("maxItems").is_none_or(|most| items.len() as u64 <= most);
                enough && few && items.iter().all(|item| allows(&schema["items"], item))
            }
            ("object", toml::Value::Table(table)) => {
                let required = some("required").unwrap().iter();
                required
                    .map(|name| name.as_str().unwrap())
                    .all(|name| table.contains_key(name))
                    && table.iter().all(|(key, value)| {
                        let property = match &schema["properties"][key] {
                            Value::Null => &schema["additionalProperties"],
                            property => property,
                        };
                        property.is_object() && allows(property, value)
                    })
            }
            _ => false,
        }
    }

    pub(in super::super) fn is_allowed(text: &str) -> bool {
        let table: toml::Table = toml::from_str(text).unwrap();
        allows(&schema(), &toml::Value::Table(table))
    }

    #[test]
    fn the_schema_says_something_wherever_it_speaks() {
        let text = schema().to_string();
        assert!(!text.contains(":null"), "{text}");
    }

    #[test]
    fn what_the_program_reads_and_writes_the_schema_allows() {
        for (name, text) in shipped().chain(STARTERS) {
            assert!(is_allowed(text), "{name}");
            let written = parse(name, text, &[]).unwrap().to_toml();
            assert!(is_allowed(&written), "{written}");
        }
        for text in super::super::tests::all_full() {
            assert!(is_allowed(&text), "{text}");
        }
    }

    #[test]
    fn what_the_program_refuses_the_schema_refuses() {
        let small = super::super::tests::SMALL;
        assert!(is_allowed(small), "{small}");
        for (right, wrong) in [
            ("out_features = 10", "out_features = 0"),
            ("out_features = 10", "out_features = 1.5"),
            ("out_features = 10", "features = 10"),
            ("out_features = 10\n", ""),
            ("kind = \"sgd\"", "kind = \"adam\"\nmomentum = 0.5"),
            ("kind = \"sgd\"", "kind = \"sdg\""),
            ("[optimizer]", "[optimiser]"),
            (
                "source = \"digits\"",
                "source = \"digits\"\nvalidation = 1.5",
            ),
            ("source = \"digits\"", "source = 3"),
        ] {
            let text = small.replace(right, wrong);
            assert!(
                parse("x", &text, &[]).is_err() && !is_allowed(&text),
                "{text}"
            );
        }
    }

    #[test]
    fn every_key_is_described() {
        let schema = schema();
        for key in keys::TOP {
            let tables = matches!(key.takes, Takes::Table | Takes::Tables);
            let property = &schema["properties"][key.name];
            let inside = property.to_string().contains("\"properties\"");
            assert_eq!(tables, inside, "{}: {property}", key.name);
        }
        let text = schema.to_string();
        let families = [
            &keys::OPTIMIZER,
            &keys::AVERAGE,
            &keys::SCHEDULE,
            &keys::LAYER,
        ];
        let tables = [
            keys::TOP,
            keys::DATA,
            keys::TRAIN,
            keys::PARAM,
            keys::CHECKPOINT,
            keys::EARLY_STOPPING,
        ];
        let keys = families.into_iter().flat_map(Family::keys);
        for key in tables.into_iter().flatten().chain(keys) {
            let doc = Value::from(key.doc).to_string();
            assert!(text.contains(doc.trim_matches('"')), "{}", key.name);
        }
    }
}
