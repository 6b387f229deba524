//! Shader text: imports, named constants, and what naga says of the result.
//!
//! The files in `shaders/` are plain WGSL with three additions, all read here: a line `#import name` is replaced by
//! `shaders/lib/name.wgsl` (once per file), a module-level line `const NAME: type = value;` gets the value that a kernel's plan
//! asks for, and of `#if NAME`, `#else`, `#end` one side stays, by a `bool` declared above. Invariant: what leaves this room is text that naga accepts, or a bug of the project.

mod half;
mod watch;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::graph::{Constant, Function, Stage};

pub use half::halved;
pub use watch::{WATCH_BINDING, WATCH_WORDS, watched};

macro_rules! fragments {
    ($($name:ident),* $(,)?) => {
        /// The importable fragments: name and text.
        pub const FRAGMENTS: &[(&str, &str)] =
            &[$((stringify!($name), include_str!(concat!("../../shaders/lib/", stringify!($name), ".wgsl")))),*];
    };
}

fragments![
    adaptive, argmax, binary, erfc, finite, flat, groups, norm, philox, recurrence, regression,
    row_norm, squash, state, subgroup, tail, unary
];

/// Replaces each `#import name` line by the fragment of that name; a fragment already there is not repeated. Of `#if`, the side
/// of the constant as it is declared stays.
///
/// # Panics
/// On an import of a fragment that does not exist, or a condition on a constant that is not declared above.
pub fn expand(source: &str) -> String {
    decide(&with_imports(source))
}

fn with_imports(source: &str) -> String {
    let mut seen = BTreeSet::new();
    let mut text = String::new();
    expand_into(source, &mut seen, &mut text);
    text
}

/// Keeps one side of every `#if NAME`, `#else`, `#end`, and gives a kernel without stages an epilogue that does nothing.
fn decide(text: &str) -> String {
    let mut truths = BTreeSet::new();
    let mut falsehoods = BTreeSet::new();
    let mut decided = String::new();
    let mut keep = true;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("#if ") {
            keep = truths.contains(name);
            assert!(
                keep || falsehoods.contains(name),
                "no constant {name} of type bool is declared above"
            );
        } else if line == "#else" {
            keep = !keep;
        } else if line == "#end" {
            keep = true;
        } else if line == EPILOGUE {
            decided.push_str(NO_EPILOGUE);
        } else if keep {
            if let Some((name, value)) = line
                .strip_prefix("const ")
                .and_then(|declaration| declaration.split_once(": bool = "))
            {
                match value {
                    "true;" => truths.insert(name.to_owned()),
                    "false;" => falsehoods.insert(name.to_owned()),
                    _ => false,
                };
            }
            decided.push_str(line);
            decided.push('\n');
        }
    }
    decided
}

fn expand_into(source: &str, seen: &mut BTreeSet<String>, text: &mut String) {
    for line in source.lines() {
        match line.strip_prefix("#import ") {
            Some(name) => {
                let name = name.trim();
                if seen.insert(name.to_owned()) {
                    let (_, fragment) = FRAGMENTS
                        .iter()
                        .find(|(known, _)| *known == name)
                        .unwrap_or_else(|| panic!("no shader fragment is called {name}"));
                    expand_into(fragment, seen, text);
                }
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}

/// The line in a shader that is replaced by its function `epilogue`.
const EPILOGUE: &str = "#epilogue";

/// The epilogue of a kernel by itself.
const NO_EPILOGUE: &str = "\
alias Columns = u32;
fn columns(column4: u32) -> Columns {
    return column4;
}
fn epilogue(y: vec4<f32>, at: u32, column: Columns) -> vec4<f32> {
    return y;
}
";

/// What an epilogue without rows knows of a column.
const NO_COLUMNS: &str = "\
alias Columns = u32;
fn columns(column4: u32) -> Columns {
    return column4;
}
";

/// The shader with an epilogue of these stages, whose first operand has the number `binding`. `functor` gives the text of the
/// shader that a stage takes a function from.
///
/// # Panics
/// If the shader has no place for an epilogue.
pub fn with_epilogue(
    source: &str,
    stages: &[Stage],
    binding: usize,
    functor: impl Fn(&str) -> &'static str,
) -> String {
    if stages.is_empty() {
        return source.to_owned();
    }
    let functions = functions(stages);
    let imports: String = functions
        .iter()
        .flat_map(|function| functor(function.shader).lines())
        .filter(|line| line.starts_with("#import ") && !BINDINGS.contains(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let source = with_imports(&format!("{imports}{source}"));
    let (before, after) = source
        .split_once(&format!("\n{EPILOGUE}\n"))
        .expect("a shader with stages has a place for them");
    let (mut operands, mut steps) = (Vec::new(), String::new());
    let mut rows = Vec::new();
    let place = |function: &Function| functions.iter().position(|known| known == function);
    let prefix = |function: &Function| prefix(function, place(function));
    for stage in stages {
        let operand = format!("epilogue_{}", operands.len());
        let step = match stage {
            // A row is the same for all of a column: kernels ask for it once.
            Stage::AddRow => {
                rows.push(format!("{operand}[column4]"));
                format!("z = z + column.row_{};", rows.len() - 1)
            }
            Stage::Apply(function) => format!("z = {}_f(z);", prefix(function)),
            Stage::Combine(name) => format!("z = {name}_f(z, {operand}[at]);"),
            Stage::ApplyDerivative(function) => {
                format!("z = {}_df({operand}[at]) * z;", prefix(function))
            }
        };
        steps += &format!("    {step}\n");
        if stage.operands() > 0 {
            operands.push(operand);
        }
    }
    let mut text = format!("{before}\n");
    for (operand, binding) in operands.iter().zip(binding..) {
        let kind = "var<storage, read>";
        text += &format!("@group(0) @binding({binding}) {kind} {operand}: array<vec4<f32>>;\n");
    }
    for function in &functions {
        text += &renamed(functor(function.shader), function, &prefix(function));
    }
    let fields: String = (0..rows.len())
        .map(|row| format!("    row_{row}: vec4<f32>,\n"))
        .collect();
    let rows = rows.join(", ");
    let columns = if fields.is_empty() {
        NO_COLUMNS.to_owned()
    } else {
        format!(
            "struct Columns {{
{fields}}}
fn columns(column4: u32) -> Columns {{
    return Columns({rows});
}}
"
        )
    };
    text + &format!(
        "{columns}fn epilogue(y: vec4<f32>, at: u32, column: Columns) -> vec4<f32> {{
    var z = y;
{steps}    return z;
}}
{after}"
    )
}

/// The imports of a shader of a function that bring bindings and entry points, which an epilogue has no use for.
const BINDINGS: [&str; 2] = ["#import unary", "#import binary"];

/// The functions of all stages, each once.
fn functions(stages: &[Stage]) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    for stage in stages {
        let function = match *stage {
            Stage::AddRow => continue,
            Stage::Apply(function) | Stage::ApplyDerivative(function) => function,
            Stage::Combine(shader) => Function {
                shader,
                constant: None,
            },
        };
        if !functions.contains(&function) {
            functions.push(function);
        }
    }
    functions
}

/// What the names of a function begin with in an epilogue: with another value of its constant it is another function.
fn prefix(function: &Function, place: Option<usize>) -> String {
    match (function.constant, place) {
        (Some(_), Some(place)) => format!("{}_{place}", function.shader),
        _ => function.shader.to_owned(),
    }
}

/// The functions of a shader under other names, and its constant with another name and its value.
fn renamed(text: &str, function: &Function, prefix: &str) -> String {
    let mut renamed = String::new();
    for line in text.lines().filter(|line| !line.starts_with("#import")) {
        let mut line = line
            .replace("fn f(", &format!("fn {prefix}_f("))
            .replace("fn df(", &format!("fn {prefix}_df("));
        if let Some((name, value)) = function.constant {
            let own = format!("{prefix}_{name}");
            line = if line.starts_with(&format!("const {name}:")) {
                let (kind, value) = literal(value);
                format!("const {own}: {kind} = {value};")
            } else {
                with_word(&line, name, &own)
            };
        }
        renamed.push_str(&line);
        renamed.push('\n');
    }
    renamed
}

/// The text with one whole word in place of another.
fn with_word(text: &str, word: &str, other: &str) -> String {
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, found) = rest.split_at(at);
        let after = &found[word.len()..];
        let whole = !before.ends_with(belongs) && !after.starts_with(belongs);
        replaced.push_str(before);
        replaced.push_str(if whole { other } else { word });
        rest = after;
    }
    replaced + rest
}

/// The text of a shader with its imports expanded and `constants` set.
///
/// # Panics
/// If a constant is not declared in the text, is set twice, or has another type there: a mistake in an op's `lower`.
pub fn specialise(source: &str, constants: &[(&'static str, Constant)]) -> String {
    let mut set = BTreeSet::new();
    let mut text = String::new();
    for line in with_imports(source).lines() {
        let declared = line
            .strip_prefix("const ")
            .and_then(|rest| rest.split_once(':'))
            .and_then(|(name, rest)| Some((name.trim(), rest.split_once('=')?.0.trim())));
        let wanted =
            declared.and_then(|(name, _)| constants.iter().find(|(constant, _)| *constant == name));
        match (declared, wanted) {
            (Some((_, kind)), Some((name, value))) => {
                let (value_kind, value) = literal(*value);
                assert_eq!(kind, value_kind, "the type of shader constant {name}");
                assert!(
                    set.insert(*name),
                    "shader constant {name} is declared or set twice"
                );
                writeln!(text, "const {name}: {kind} = {value};").expect("a string takes any text");
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    for (name, _) in constants {
        assert!(set.contains(name), "the shader declares no constant {name}");
    }
    decide(&text)
}

/// Type and literal of a constant in WGSL.
fn literal(constant: Constant) -> (&'static str, String) {
    match constant {
        Constant::U32(value) => ("u32", format!("{value}u")),
        Constant::F32(value) => {
            assert!(value.is_finite(), "a shader constant is a finite number");
            ("f32", format!("{value:e}f"))
        }
        Constant::Bool(value) => ("bool", value.to_string()),
    }
}

/// One compute entry point, as naga sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// Its name.
    pub name: String,
    /// Invocations per workgroup along x, y, z.
    pub workgroup_size: [u32; 3],
}

/// A parsed shader.
#[derive(Clone, Debug)]
pub struct Module {
    /// naga's representation, ready for wgpu.
    pub naga: naga::Module,
    /// The compute entry points in the order of the text.
    pub entry_points: Vec<EntryPoint>,
}

/// Parses shader text.
///
/// # Errors
/// naga's message, with the place in the text.
pub fn parse(text: &str) -> Result<Module, String> {
    let naga = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    let entry_points = naga
        .entry_points
        .iter()
        .map(|entry| EntryPoint {
            name: entry.name.clone(),
            workgroup_size: entry.workgroup_size,
        })
        .collect();
    Ok(Module { naga, entry_points })
}

impl Module {
    /// The module with this entry point alone, and nothing that it does not use: what an adapter cannot do does not matter
    /// where another entry point asks for it.
    ///
    /// # Errors
    /// If there is no such entry point.
    pub fn only(mut self, entry: &str) -> Result<Self, String> {
        self.entry_points.retain(|point| point.name == entry);
        self.naga.entry_points.retain(|point| point.name == entry);
        if self.entry_points.is_empty() {
            return Err(format!("there is no entry point `{entry}`"));
        }
        naga::compact::compact(&mut self.naga, naga::compact::KeepUnused::No);
        Ok(self)
    }

    /// Whether the array at this binding holds floats of 16 bits.
    pub fn stores_half(&self, binding: usize) -> bool {
        let types = &self.naga.types;
        let of = |kind: naga::Handle<naga::Type>| match types[kind].inner {
            naga::TypeInner::Array { base, .. } => types[base].inner.scalar(),
            _ => None,
        };
        let mut globals = self.naga.global_variables.iter();
        globals.any(|(_, global)| {
            let here = global.binding.as_ref();
            here.is_some_and(|here| here.binding as usize == binding)
                && of(global.ty) == Some(naga::Scalar::F16)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_replaced_and_the_rest_kept() {
        let text = specialise(
            "const A: u32 = 1u;\nconst B: f32 = 2.0;\nconst C: bool = false;\nfn f() {}\n",
            &[
                ("A", 7usize.into()),
                ("B", 1e-7f32.into()),
                ("C", true.into()),
            ],
        );
        assert_eq!(
            text,
            "const A: u32 = 7u;\nconst B: f32 = 1e-7f;\nconst C: bool = true;\nfn f() {}\n"
        );
        parse(&text).unwrap();
    }

    #[test]
    #[should_panic(expected = "declares no constant")]
    fn an_unknown_constant_is_a_bug() {
        specialise("const A: u32 = 1u;\n", &[("B", 7usize.into())]);
    }

    #[test]
    fn one_side_of_a_condition_stays_by_the_value_of_its_constant() {
        let source =
            "const A: bool = false;\n#if A\nfn f() {}\n#else\nfn g() {}\n#end\nfn h() {}\n";
        let (f, g, h) = ("fn f() {}\n", "fn g() {}\n", "fn h() {}\n");
        assert_eq!(expand(source), format!("const A: bool = false;\n{g}{h}"));
        let text = specialise(source, &[("A", true.into())]);
        assert_eq!(text, format!("const A: bool = true;\n{f}{h}"));
    }

    #[test]
    #[should_panic(expected = "no constant B of type bool is declared above")]
    fn a_condition_on_an_unknown_constant_is_a_bug() {
        expand("const A: bool = false;\n#if B\nfn f() {}\n#end\n");
    }

    #[test]
    fn functions_of_one_shader_with_other_constants_are_others_in_an_epilogue() {
        let functor = |_: &str| "#import unary\nconst A: f32 = 9.0;\nfn f(x: vec4<f32>) -> vec4<f32> {\n    return A * x + BAR;\n}\n";
        let stage = |a: f32| {
            Stage::Apply(Function {
                shader: "times",
                constant: Some(("A", a.into())),
            })
        };
        let source = "const BAR: f32 = 1.0;\n\n#epilogue\n\n";
        let text = with_epilogue(source, &[stage(2.0), stage(3.0), stage(2.0)], 1, functor);
        for (wanted, times) in [
            ("const times_0_A: f32 = 2e0f;", 1),
            ("const times_1_A: f32 = 3e0f;", 1),
            ("return times_0_A * x + BAR;", 1),
            ("z = times_0_f(z);", 2),
            ("z = times_1_f(z);", 1),
        ] {
            assert_eq!(text.matches(wanted).count(), times, "{wanted} in {text}");
        }
        parse(&text).unwrap();
    }

    #[test]
    fn an_import_stands_once_however_often_it_is_named() {
        let text = expand("#import flat\n#import flat\n");
        assert_eq!(text.matches("fn flat_id").count(), 1);
    }
}
