//! The table of the design's section 2, held against `src/`: who may use whom, and what stays out of where.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("rng", &[]),
    ("metrics", &[]),
    ("config", &["error"]),
    ("data", &["error", "rng"]),
    ("graph", &["error"]),
    ("reference", &["graph", "rng"]),
    ("wgsl", &["error", "graph"]),
    ("ops", &["graph", "reference", "wgsl", "rng", "error"]),
    ("nn", &["config", "graph", "ops", "rng", "error", "data"]),
    ("plan", &["graph", "ops", "error"]),
    ("gpu", &["plan", "wgsl", "graph", "ops", "error"]),
    (
        "train",
        &[
            "config", "data", "nn", "plan", "gpu", "graph", "ops", "rng", "error", "metrics",
        ],
    ),
    ("report", &["error", "train", "config", "gpu", "metrics"]),
    (
        "check",
        &[
            "graph",
            "ops",
            "reference",
            "plan",
            "gpu",
            "rng",
            "wgsl",
            "error",
        ],
    ),
    (
        "bench",
        &[
            "error", "config", "data", "graph", "ops", "plan", "gpu", "train", "check",
        ],
    ),
    (
        "cli",
        &[
            "error",
            "rng",
            "metrics",
            "config",
            "data",
            "graph",
            "reference",
            "wgsl",
            "ops",
            "nn",
            "plan",
            "gpu",
            "train",
            "report",
            "check",
            "bench",
        ],
    ),
];

/// Words that stand in some rooms only.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("wgpu::", &["gpu"]),
    ("image::", &["data", "report"]),
    ("ureq::", &["data"]),
    ("clap::", &["cli"]),
    ("indicatif::", &["cli"]),
    ("ratatui::", &["cli"]),
    ("println!", &["cli", "main"]),
    ("print!", &["cli", "main"]),
    ("eprintln!", &["cli", "main"]),
    ("eprint!", &["cli", "main"]),
];

/// Words that do not stand in some rooms.
const NEVER_IN: &[(&str, &[&str])] = &[
    ("HashMap", &["graph", "plan"]),
    ("HashSet", &["graph", "plan"]),
    (".reference(", &["nn", "plan", "gpu", "train"]),
];

/// Files are short enough to read at one sitting.
const LINES: usize = 600;

/// A source file.
struct Source {
    /// From the root of the project.
    path: String,
    /// The module under `src/` it belongs to; `lib` and `main` for the roots.
    room: String,
    text: String,
}

impl Source {
    /// The code without comments, up to the unit tests: line number and text.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]")
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(i, line)| (i + 1, line.split(" // ").next().unwrap_or(line)))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(root.join("src"));
            let inside = inside.expect("a path inside src");
            let first = inside.iter().next().map(Path::new);
            let room = first.and_then(Path::file_stem).expect("a name");
            Source {
                room: room.to_string_lossy().into_owned(),
                path: format!("src/{}", inside.display()),
                text: fs::read_to_string(&path).expect("a source file is text"),
            }
        })
        .collect()
}

/// Whether `word` stands in `line` as a word of its own, not as the end of another or of a path.
fn stands_in(line: &str, word: &str) -> bool {
    let part_of_another = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    line.match_indices(word).any(|(at, _)| {
        let begins = word.starts_with('.') || !line[..at].ends_with(part_of_another);
        let inside = word.ends_with(|c: char| c.is_alphanumeric());
        let ends = !inside || !line[at + word.len()..].starts_with(part_of_another);
        begins && (ends || line[at + word.len()..].starts_with("::"))
    })
}

/// The names that follow `crate::` in the code, each with its line; of `crate::{…}` those of the outermost braces.
fn used_rooms(source: &Source) -> Vec<(usize, String)> {
    let mut code = String::new();
    let mut line_of = Vec::new();
    for (number, line) in source.code() {
        code.push_str(line);
        code.push('\n');
        line_of.resize(code.len(), number);
    }
    let name = |text: &str| -> String {
        let of_name = |c: &char| c.is_alphanumeric() || *c == '_';
        text.chars().take_while(of_name).collect()
    };
    let mut used = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let begin = at + path.len();
        if !code[begin..].starts_with('{') {
            used.push((line_of[at], name(&code[begin..])));
            continue;
        }
        let (mut depth, mut expected) = (0, false);
        for (i, c) in code[begin..].char_indices() {
            match c {
                '{' => (depth, expected) = (depth + 1, depth == 0),
                '}' => depth -= 1,
                ',' => expected = depth == 1,
                c if expected && !c.is_whitespace() => {
                    used.push((line_of[begin + i], name(&code[begin + i..])));
                    expected = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    used
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_room_uses_only_the_rooms_it_may() {
    let mut breaches = Vec::new();
    let sources = sources();
    for source in &sources {
        let room = source.room.as_str();
        if room == "main" || room == "lib" {
            continue;
        }
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            breaches.push(format!("{}:1: {room} is a room of no plan", source.path));
            continue;
        };
        for (line, used) in used_rooms(source) {
            let is_room = ROOMS.iter().any(|(name, _)| *name == used);
            if is_room && used != room && !allowed.contains(&used.as_str()) {
                let path = &source.path;
                breaches.push(format!("{path}:{line}: {room} may not use {used}"));
            }
        }
    }
    assert_none(&breaches);
    let graph_is_used = sources
        .iter()
        .filter(|source| source.room == "ops")
        .flat_map(used_rooms)
        .any(|(_, used)| used == "graph");
    assert!(graph_is_used, "what is used is found");
}

#[test]
fn the_table_itself_never_goes_backwards() {
    // `check` and `cli` stand beside the flow; `data` and `config` before it; the ops hold their references.
    for (i, (room, allowed)) in ROOMS.iter().enumerate() {
        for used in *allowed {
            let position = ROOMS.iter().position(|(name, _)| name == used);
            let position = position.unwrap_or_else(|| panic!("{used} is a room"));
            assert!(position < i, "{room} stands after {used}");
        }
    }
}

#[test]
fn each_word_stands_only_where_it_may() {
    let mut breaches = Vec::new();
    for source in &sources() {
        let room = source.room.as_str();
        for (line, text) in source.code() {
            let mut refuse = |word: &str| {
                let path = &source.path;
                breaches.push(format!("{path}:{line}: no `{word}` in {room}"));
            };
            for (word, rooms) in ONLY_IN {
                if stands_in(text, word) && !rooms.contains(&room) {
                    refuse(word);
                }
            }
            for (word, rooms) in NEVER_IN {
                if stands_in(text, word) && rooms.contains(&room) {
                    refuse(word);
                }
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn what_is_unsafe_stands_in_one_file_of_the_gpu_room() {
    let mut places: Vec<(String, usize, bool)> = Vec::new();
    for source in &sources() {
        for (line, text) in source.code() {
            if stands_in(text, "unsafe") {
                places.push((source.path.clone(), line, source.room == "gpu"));
            }
        }
    }
    let first = places.first().map(|(path, ..)| path.clone());
    let breaches: Vec<String> = places
        .iter()
        .filter(|(path, _, in_gpu)| !in_gpu || Some(path) != first.as_ref())
        .map(|(path, line, _)| format!("{path}:{line}: `unsafe` outside the one file for it"))
        .collect();
    assert_none(&breaches);
}

#[test]
fn every_file_can_be_read_at_one_sitting() {
    let breaches: Vec<String> = sources()
        .iter()
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(source, lines)| format!("{}:{LINES}: {lines} lines", source.path))
        .collect();
    assert_none(&breaches);
}

#[test]
fn the_search_finds_what_it_looks_for() {
    for (line, word) in [
        ("    println!(\"{x}\");", "println!"),
        ("use wgpu::Device;", "wgpu::"),
        ("let x = (wgpu::Limits::default());", "wgpu::"),
        ("let m: HashMap<u8, u8>;", "HashMap"),
        ("let m = HashMap::new();", "HashMap"),
        ("let y = node.op.reference(&x);", ".reference("),
        ("unsafe { x }", "unsafe"),
    ] {
        assert!(stands_in(line, word), "{word} stands in {line}");
    }
    for (line, word) in [
        ("eprintln!()", "println!"),
        ("writeln!(f)", "println!"),
        ("crate::data::image::decode()", "image::"),
        ("my_wgpu::x", "wgpu::"),
        ("unsafe_code", "unsafe"),
    ] {
        assert!(!stands_in(line, word), "{word} does not stand in {line}");
    }
    let source = Source {
        path: String::new(),
        room: String::new(),
        text: "use crate::{\n    graph::{Array, Op},\n    ops,\n};\nlet x = crate::rng::key(1);\n// crate::gpu\n#[cfg(test)]\nuse crate::plan;\n"
            .to_owned(),
    };
    let used = [(2, "graph"), (3, "ops"), (5, "rng")].map(|(line, room)| (line, room.to_owned()));
    assert_eq!(used_rooms(&source), used);
}
