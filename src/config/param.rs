//! `[[param]]`: weights that are trained differently, by their names.

use std::ops::Range;

use super::keys;
use super::reader::Section;
use super::report::{Report, show};
use super::tree::{Table, Value};
use super::write::Toml;

/// The most `[[param]]` tables.
pub const MAX_PARAMS: usize = 1024;

/// The longest pattern, in bytes.
const LONGEST: usize = 256;

/// One `[[param]]`: what is said of the weights whose names match. Two are equal when they say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Param {
    /// `match`: names of weights (`conv1.weight`) or of layers (`conv1`), with `*` for any characters and `?` for one. Required.
    pub pattern: String,
    /// The bytes of the source text that stand for it, for messages.
    pub span: Range<usize>,
    /// `init_scale`: their first values are multiplied by this, above 0. Default 1.
    pub init_scale: f64,
    /// `lr_scale`: their learning rate is multiplied by this, above 0. Default 1.
    pub lr_scale: f64,
    /// `decay_scale`: their weight decay is multiplied by this, at least 0. Default 1.
    pub decay_scale: f64,
    /// `freeze`: they are not trained at all. Default false.
    pub freeze: bool,
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
            && self.init_scale == other.init_scale
            && self.lr_scale == other.lr_scale
            && self.decay_scale == other.decay_scale
            && self.freeze == other.freeze
    }
}

impl Param {
    /// Whether it speaks of the weight `name` of a layer: `conv1.weight`, `conv1`.
    pub fn matches(&self, weight: &str, layer: &str) -> bool {
        let pattern = self.pattern.as_bytes();
        fits(pattern, weight.as_bytes()) || fits(pattern, layer.as_bytes())
    }
}

/// Whether a text is what a pattern of plain bytes, `*` and `?` says.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    // The place behind the last star, and where in the text it is tried now.
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((behind, from)) => {
                    star = Some((behind, from + 1));
                    (p, t) = (behind, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// Reads all `[[param]]`.
pub(super) fn params(report: &mut Report<'_>, root: &Table) -> Vec<Param> {
    const HELP: &str = "write [[param]] on a line of its own, and `match = \"…\"` below";
    let Some(entry) = root.get("param") else {
        return Vec::new();
    };
    let Value::List(nodes) = &entry.node.value else {
        let message = "`param` must be a list of tables";
        report.mistake(&entry.node.place, message, entry.node.value.what(), HELP);
        return Vec::new();
    };
    if let Some(node) = nodes.get(MAX_PARAMS) {
        let message = format!("{} [[param]] are more than {MAX_PARAMS}", nodes.len());
        report.mistake(&node.place, message, "too many from here on", "");
        return Vec::new();
    }
    let mut params = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let Value::Table(table) = &node.value else {
            let message = format!("param {} must be a table", index + 1);
            let label = format!("this is {}", node.value.what());
            report.mistake(&node.place, message, label, HELP);
            continue;
        };
        let title = format!("param {}", index + 1);
        let mut s = Section::open(report, table, &node.place, &title, keys::PARAM);
        let pattern = s.text("match");
        if let Some(pattern) = &pattern
            && (pattern.is_empty() || pattern.len() > LONGEST || pattern.contains(char::is_control))
        {
            let message = format!(
                "`match` must be a pattern of 1 to {LONGEST} printable characters, but is {:?}",
                show(pattern)
            );
            let help = "name weights or layers: \"conv1\", \"conv*\", \"*.bias\"";
            s.mistake_at("match", &message, "no pattern", help);
        }
        let freeze = s.bool("freeze");
        for key in ["lr_scale", "decay_scale"] {
            if freeze && s.given(key).is_some() && s.sound(key) {
                let message = format!("`{key}` of weights that are not trained");
                s.mistake_at(key, &message, "has no effect", "remove it, or `freeze`");
            }
        }
        let place = s.whole("match").filter(|place| place.text == 0);
        params.push(Param {
            pattern: pattern.unwrap_or_default(),
            span: place.unwrap_or_else(|| node.place.clone()).span,
            init_scale: s.float("init_scale"),
            lr_scale: s.float("lr_scale"),
            decay_scale: s.float("decay_scale"),
            freeze,
        });
    }
    params
}

/// Writes a `[[param]]`.
pub(super) fn write(toml: &mut Toml, param: &Param) {
    toml.header("[[param]]");
    toml.text("match", &param.pattern);
    toml.float("init_scale", param.init_scale);
    toml.put("freeze", param.freeze);
    if !param.freeze {
        toml.float("lr_scale", param.lr_scale);
        toml.float("decay_scale", param.decay_scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("conv1", "conv1", true),
            ("conv1", "conv12", false),
            ("conv*", "conv12", true),
            ("conv?", "conv12", false),
            ("conv??", "conv12", true),
            ("*", "", true),
            ("?", "", false),
            ("*.bias", "conv1.bias", true),
            ("*.bias", "conv1.bias2", false),
            ("*a*b*c", "xaybzbc", true),
            ("*a*b*c", "xaybzb", false),
            ("**", "x", true),
            ("", "", true),
        ] {
            let found = fits(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, expected, "{pattern} {text}");
        }
    }
}
