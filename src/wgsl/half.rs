//! Shader text whose tensors are stored in 16 bits: what is loaded becomes f32, what is stored is rounded, and between them
//! nothing changes.

use std::collections::BTreeMap;

/// The text with the arrays of these bindings stored as f16, as `enable f16;` allows.
///
/// A load `x[i]` of a `vec4<f32>` becomes `vec4<f32>(x[i])`, a store `y[i] = z;` becomes `y[i] = vec4<f16>(z);`, to the nearest.
/// Bindings of other types stay as they are: [`super::Module::stores_half`] tells whether one was changed.
pub fn halved(text: &str, bindings: &[usize]) -> String {
    let aliases: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("alias ")?
                .strip_suffix(';')?
                .split_once(" = ")
        })
        .collect();
    let mut arrays = BTreeMap::new();
    let mut code = String::from("enable f16;\n");
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim_end();
        match declaration(line, bindings, &aliases) {
            Some((name, kind)) => {
                let at = line.rfind(&format!("{name}:")).unwrap_or(line.len());
                code += &format!("{}{name}: array<{}>;\n", &line[..at], half(kind));
                arrays.insert(name.to_owned(), kind.to_owned());
            }
            None => {
                code += line;
                code.push('\n');
            }
        }
    }
    accesses(&code, &arrays)
}

/// Name and element type of the array of floats that a line declares at one of the bindings, perhaps under an alias.
fn declaration<'a>(
    line: &'a str,
    bindings: &[usize],
    aliases: &BTreeMap<&'a str, &'a str>,
) -> Option<(&'a str, &'a str)> {
    let rest = line.strip_prefix("@group(0) @binding(")?;
    let (number, rest) = rest.split_once(')')?;
    if !bindings.contains(&number.parse().ok()?) {
        return None;
    }
    let (name, kind) = rest.split_once('>')?.1.split_once(':')?;
    let kind = kind.trim().strip_prefix("array<")?.strip_suffix(">;")?;
    let kind = aliases.get(kind).copied().unwrap_or(kind);
    let floats = kind == "f32" || kind.starts_with("vec") && kind.ends_with("<f32>");
    floats.then_some((name.trim(), kind))
}

/// The type of half the size.
fn half(kind: &str) -> String {
    kind.replace("f32", "f16")
}

/// The code with all loads from the arrays and all stores to them converted.
fn accesses(code: &str, arrays: &BTreeMap<String, String>) -> String {
    let mut converted = String::new();
    let mut rest = code;
    while let Some(open) = rest.find('[') {
        let word = last_word(&rest[..open]);
        let close = closing(rest, open);
        let Some(kind) = arrays.get(word) else {
            converted += &rest[..=open];
            converted += &accesses(&rest[open + 1..close], arrays);
            rest = &rest[close..];
            continue;
        };
        let before = &rest[..open - word.len()];
        let index = accesses(&rest[open + 1..close], arrays);
        let (component, behind) = component(&rest[close + 1..]);
        let place = format!("{word}[{index}]{component}");
        let kind = if component.is_empty() { kind } else { "f32" };
        converted += before;
        rest = match assignment(behind) {
            Some((operator, after)) => {
                let end = after.find(';').expect("an assignment ends");
                let value = accesses(after[..end].trim(), arrays);
                let value = match operator {
                    "=" => value,
                    _ => format!("{kind}({place}) {} ({value})", &operator[..1]),
                };
                converted += &format!("{place} = {}({value})", half(kind));
                &after[end..]
            }
            None => {
                converted += &format!("{kind}({place})");
                behind
            }
        };
    }
    converted + rest
}

/// The name with which the code ends.
fn last_word(code: &str) -> &str {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let begin = code.rfind(|c| !part_of_word(c)).map_or(0, |at| {
        at + code[at..].chars().next().map_or(1, char::len_utf8)
    });
    &code[begin..]
}

/// Where the bracket at `open` is closed.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at;
        }
    }
    panic!("a bracket is closed: {}", &code[open..])
}

/// The one component of a vector that is spoken of (`.x`, `[1u]`), and the code behind it. Several (`.xy`) are taken of what was
/// loaded.
fn component(code: &str) -> (&str, &str) {
    if code.starts_with('[') {
        return code.split_at(closing(code, 0) + 1);
    }
    let mut letters = code.chars();
    let one = letters.next() == Some('.')
        && letters.next().is_some_and(|c| "xyzwrgba".contains(c))
        && !letters
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.split_at(if one { 2 } else { 0 })
}

/// The operator with which the code assigns to what stands before it, and the code behind that.
fn assignment(code: &str) -> Option<(&str, &str)> {
    let code = code.trim_start();
    let operators = ["=", "+=", "-=", "*=", "/="];
    let operator = operators
        .into_iter()
        .find(|operator| code.starts_with(operator))?;
    let after = &code[operator.len()..];
    (!after.starts_with('=')).then_some((operator, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "const N: u32 = 4u;
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>; // x[0]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> at: array<u32>;
@group(0) @binding(3) var<storage, read> kept: array<f32>;
@compute @workgroup_size(1)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    var sums: array<vec4<f32>, 2>;
    sums[1] += x[at[0] + 1u] * x[1].w;
    let pair = x[2].xy;
    if (y[0] == y[at[u32(y[3])]]) {
        y[2] = sums[1][2u] + pair.x
            * kept[0];
    }
    y[1] -= y[0] + 1.0;
}
";

    #[test]
    fn loads_become_f32_and_stores_f16() {
        let text = halved(TEXT, &[0, 1, 2]);
        for line in [
            "@group(0) @binding(0) var<storage, read> x: array<vec4<f16>>;",
            "@group(0) @binding(1) var<storage, read_write> y: array<f16>;",
            "@group(0) @binding(2) var<storage, read> at: array<u32>;",
            "@group(0) @binding(3) var<storage, read> kept: array<f32>;",
            "    sums[1] += vec4<f32>(x[at[0] + 1u]) * f32(x[1].w);",
            "    let pair = vec4<f32>(x[2]).xy;",
            "    if (f32(y[0]) == f32(y[at[u32(f32(y[3]))]])) {",
            "        y[2] = f16(sums[1][2u] + pair.x",
            "            * kept[0]);",
            "    y[1] = f16(f32(y[1]) - (f32(y[0]) + 1.0));",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let module = crate::wgsl::parse(&text).unwrap();
        let stored: Vec<bool> = (0..4).map(|binding| module.stores_half(binding)).collect();
        assert_eq!(stored, [true, true, false, false]);
    }
}
