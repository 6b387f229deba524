//! Shader text that counts what it does wrong: accesses outside an array, and loops that run too long.
//!
//! Kernels run without bounds checks, and adapters hide the consequences in different ways: a write beyond a binding is dropped
//! here, and lands in the neighbour there. The proof therefore asks each access itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The number of the binding that [`watched`] adds: behind the eight that WebGPU allows everywhere.
pub const WATCH_BINDING: u32 = 8;

/// Words of that binding: invocations that reached outside of an array, and invocations that looped too long.
pub const WATCH_WORDS: usize = 2;

/// What stands before the name and behind the name of an entry point.
const ENTRY: [&str; 2] = [
    "fn ",
    "(@builtin(global_invocation_id) global_id: vec3<u32>) {",
];

/// The text with every index into an array, of storage or of a function, compared with the array's length, and the iterations of
/// all loops of an invocation counted and compared with `loop_trips`.
///
/// An index outside reads or writes the last element instead. Each entry point becomes a function that is called by one of its
/// name, which then reports.
///
/// # Panics
/// If the text holds loops or entry points in a form that this does not know.
pub fn watched(text: &str, loop_trips: usize) -> String {
    let mut lengths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut watched = String::new();
    let mut entries = String::new();
    let mut attributes = None;
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default().trim_end();
        if code.starts_with("@compute") {
            attributes = Some(code);
            continue;
        }
        if let Some(attributes) = attributes.take() {
            let name = code.strip_prefix(ENTRY[0]);
            let name = name.and_then(|code| code.strip_suffix(ENTRY[1]));
            let name = name.unwrap_or_else(|| panic!("the head of an entry point: {code}"));
            writeln!(watched, "fn watched_{name}(global_id: vec3<u32>) {{")
                .expect("a string takes any text");
            write!(
                entries,
                "{attributes}\n{}{name}{}\n    watched_{name}(global_id);\n    watch_report();\n}}\n",
                ENTRY[0], ENTRY[1]
            )
            .expect("a string takes any text");
            continue;
        }
        match declaration(code) {
            // A declaration itself indexes nothing.
            Some((name, of)) => {
                lengths.insert(name, of);
                watched.push_str(code);
            }
            None => watched.push_str(&indices(code, &lengths)),
        }
        let words = code.trim_start();
        assert!(
            !words.starts_with("while") && !words.starts_with("loop"),
            "loops are written with `for`: {code}"
        );
        if words.starts_with("for ") {
            assert!(code.ends_with('{'), "a loop's head is one line: {code}");
            watched.push_str(" watch_trips += 1u;");
        }
        watched.push('\n');
    }
    format!(
        "{watched}
@group(0) @binding({WATCH_BINDING}) var<storage, read_write> watch_words: array<atomic<u32>, {WATCH_WORDS}>;
var<private> watch_outside: u32;
var<private> watch_trips: u32;
fn watch_index(index: u32, length: u32) -> u32 {{
    watch_outside |= u32(index >= length);
    return min(index, length - 1u);
}}
fn watch_report() {{
    if (watch_outside > 0u) {{
        atomicAdd(&watch_words[0], 1u);
    }}
    if (watch_trips > {loop_trips}u) {{
        atomicAdd(&watch_words[1], 1u);
    }}
}}
{entries}"
    )
}

/// The name of the array that a line declares, and the lengths of its dimensions as WGSL expressions.
fn declaration(code: &str) -> Option<(String, Vec<String>)> {
    let (_, after) = code.split_once("var")?;
    let after = match after.strip_prefix('<') {
        Some(space) => space.split_once('>')?.1,
        None => after,
    };
    let (name, kind) = after.split_once(':')?;
    let name = name.trim().to_owned();
    let mut kind = kind.split(['=', ';']).next()?.trim();
    let mut lengths = Vec::new();
    while let Some(inner) = kind.strip_prefix("array<") {
        let inner = inner.strip_suffix('>')?;
        // The length stands behind the last comma outside of brackets; without one it is known at run time.
        let comma = inner
            .char_indices()
            .rfind(|&(at, c)| c == ',' && inner[at..].matches('>').count() == 0);
        kind = match comma {
            Some((at, _)) => {
                lengths.push(inner[at + 1..].trim().to_owned());
                inner[..at].trim()
            }
            None => {
                lengths.push(format!("arrayLength(&{name})"));
                inner
            }
        };
    }
    (!lengths.is_empty()).then_some((name, lengths))
}

/// The code with every index into a known array watched, indices within indices too.
fn indices(code: &str, lengths: &BTreeMap<String, Vec<String>>) -> String {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut watched = String::new();
    let mut rest = code;
    while let Some(open) = rest.find('[') {
        let before = &rest[..open];
        let word = before
            .rfind(|c| !part_of_word(c))
            .map_or(before, |at| &before[at + 1..]);
        watched.push_str(before);
        rest = &rest[open..];
        let known = lengths.get(word).map_or(&[][..], Vec::as_slice);
        let mut dimension = 0;
        while rest.starts_with('[') {
            let close = closing(rest);
            let index = indices(&rest[1..close], lengths);
            match known.get(dimension) {
                Some(length) => write!(watched, "[watch_index({index}, {length})]"),
                // A component of a vector or a column of a matrix.
                None => write!(watched, "[{index}]"),
            }
            .expect("a string takes any text");
            rest = &rest[close + 1..];
            dimension += 1;
        }
    }
    watched + rest
}

/// Where the bracket with which the code begins is closed.
fn closing(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("an index is one line: {code}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "const N: u32 = 4u;
@group(0) @binding(0) var<storage, read> x: array<u32>; // x[0]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(1)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    var acc: array<array<mat4x4<f32>, 2>, N>;
    for (var i = 0u; i < N; i++) {
        acc[i][1][3].x += y[x[i + 1u]].x;
    }
    y[0][1u] = acc[0][1][2][3];
}
";

    #[test]
    fn every_index_into_an_array_is_watched_and_no_other() {
        let text = watched(TEXT, 9);
        for line in [
            "        acc[watch_index(i, N)][watch_index(1, 2)][3].x += y[watch_index(x[watch_index(i + 1u, arrayLength(&x))], arrayLength(&y))].x;",
            "    y[watch_index(0, arrayLength(&y))][1u] = acc[watch_index(0, N)][watch_index(1, 2)][2][3];",
            "fn watched_forward(global_id: vec3<u32>) {",
            "    watched_forward(global_id);",
            "    for (var i = 0u; i < N; i++) { watch_trips += 1u;",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        crate::wgsl::parse(&text).unwrap();
    }

    #[test]
    fn every_shader_can_be_watched() {
        for op in crate::ops::OPS {
            let text = watched(&crate::wgsl::expand(op.shader), 9);
            crate::wgsl::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", op.name));
        }
    }
}
