//! Which way each kernel of a training is computed: the built-in guess, what was measured on this adapter before, or a record.
//!
//! The choices decide the order of sums, and so the bits of the result. They are told in [`super::Start`], stand in the summary of
//! a run, and can be taken from there again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gpu::{self, AdapterInfo, Gpu, Kernels};
use crate::graph::{Graph, Lowering, Node, Value};
use crate::ops;
use crate::plan::Plan;

/// Where the choices come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tune {
    /// The built-in guess for adapters of this kind.
    Off,
    /// What was measured on this adapter and driver before; the guess where nothing was.
    #[default]
    Cached,
    /// As `Cached`, and what was never measured is now.
    Full,
    /// These choices: those of a run before.
    As(BTreeMap<String, String>),
}

/// A way is clearly faster than another that takes at least so many times as long.
const CLEARLY: f64 = 1.05;

/// The choices of a training, as its summary holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// For each computation that there are several ways for, the name of the one that is used.
    pub choices: BTreeMap<String, String>,
    /// Computations that were measured before this training began.
    pub measured: usize,
    /// What kept the cache from being read or written, if anything did.
    #[serde(skip)]
    pub warning: Option<String>,
}

/// What was measured for one computation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Measured {
    /// The name of the way to take: the fastest, or the guess where that is hardly slower.
    way: String,
    /// The milliseconds of every way that was right.
    milliseconds: BTreeMap<String, f64>,
}

/// The file of one adapter, driver and program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Cache {
    adapter: String,
    program: String,
    measured: BTreeMap<String, Measured>,
}

/// Makes a plan of a graph that keeps some tensors.
pub(super) type Planner<'a, E> = dyn FnMut(Graph, &[Value]) -> Result<Plan, E> + 'a;

/// Chooses while plans are made.
pub(super) struct Tuner<'a> {
    gpu: &'a Gpu,
    kernels: &'a mut Kernels,
    tune: &'a Tune,
    cache: Cache,
    tuning: Tuning,
}

impl<'a> Tuner<'a> {
    pub(super) fn new(gpu: &'a Gpu, kernels: &'a mut Kernels, tune: &'a Tune) -> Self {
        let mut tuner = Self {
            gpu,
            kernels,
            tune,
            cache: Cache {
                adapter: adapter(&gpu.info),
                program: program(),
                measured: BTreeMap::new(),
            },
            tuning: Tuning::default(),
        };
        if matches!(tune, Tune::Cached | Tune::Full) {
            tuner.load();
        }
        tuner
    }

    /// The place of the way to take.
    ///
    /// # Errors
    /// If the record has none for this computation, or one that this program does not know; if the device fails while measuring.
    pub(super) fn choose(
        &mut self,
        graph: &Graph,
        node: &Node,
        ways: &[Lowering],
    ) -> Result<usize> {
        let names = Lowering::names(ways);
        let key = key(graph, node);
        let place = match self.tune {
            Tune::Off => 0,
            Tune::As(choices) => {
                let way = choices.get(&key);
                let place = way.and_then(|way| names.iter().position(|name| name == way));
                place.ok_or_else(|| {
                    Error::data(
                        format!("the choice of kernels has no way to compute {key}"),
                        "it must be of the same network, batch, adapter and version; or use --tune off or --tune cached",
                    )
                })?
            }
            Tune::Cached | Tune::Full => {
                let known = |cache: &Cache| {
                    let measured = cache.measured.get(&key)?;
                    names.iter().position(|name| *name == measured.way)
                };
                match known(&self.cache) {
                    Some(place) => place,
                    None if *self.tune == Tune::Full => {
                        self.measure(&key, graph, node, ways, &names)?
                    }
                    None => 0,
                }
            }
        };
        self.tuning.choices.insert(key, names[place].clone());
        Ok(place)
    }

    /// Measures every way and remembers the fastest; the guess where none can be compared.
    fn measure(
        &mut self,
        key: &str,
        graph: &Graph,
        node: &Node,
        ways: &[Lowering],
        names: &[String],
    ) -> Result<usize> {
        let seconds = gpu::measure(self.gpu, self.kernels, graph, node, ways)?;
        let right = || (0..).zip(&seconds).filter_map(|(i, s)| Some((i, (*s)?)));
        let Some((mut place, shortest)) = right().min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
            return Ok(0);
        };
        // The guess stays where nothing is clearly faster.
        if seconds[0].is_some_and(|guess| guess <= CLEARLY * shortest) {
            place = 0;
        }
        let measured = Measured {
            way: names[place].clone(),
            milliseconds: right()
                .map(|(i, s)| (names[i].clone(), (s * 1e6).round() / 1e3))
                .collect(),
        };
        self.cache.measured.insert(key.to_owned(), measured);
        self.tuning.measured += 1;
        Ok(place)
    }

    /// Writes what was measured, and gives the choices.
    pub(super) fn finish(mut self) -> Tuning {
        if self.tuning.measured > 0
            && let Some(Err(error)) = self.path().map(|path| store(&path, &self.cache))
        {
            self.tuning.warning = Some(format!("what was measured cannot be kept: {error}"));
        }
        self.tuning
    }

    /// Reads what was measured before. A file that is no such cache is left out, and told.
    fn load(&mut self) {
        let Some(path) = self.path() else { return };
        let Ok(text) = fs::read_to_string(&path) else {
            return;
        };
        match serde_json::from_str::<Cache>(&text) {
            Ok(cache)
                if (&cache.adapter, &cache.program)
                    == (&self.cache.adapter, &self.cache.program) =>
            {
                self.cache = cache;
            }
            Ok(_) => {
                self.tuning.warning = Some(format!(
                    "{}: of another adapter or program; left out",
                    path.display()
                ));
            }
            Err(error) => {
                self.tuning.warning = Some(format!(
                    "{}: no cache of measured kernels ({error}); left out",
                    path.display()
                ));
            }
        }
    }

    /// The file of this adapter, driver and program, where the system has a place for it.
    fn path(&self) -> Option<PathBuf> {
        let what = format!("{}\n{}", self.cache.adapter, self.cache.program);
        Some(folder()?.join(format!("kernels-{:016x}.json", fnv1a(&what))))
    }
}

/// The folder of caches: `$ANYGRAD_CACHE`, or `anygrad` where the system keeps what programs can compute again.
fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = variable("ANYGRAD_CACHE") {
        return Some(folder.into());
    }
    let parent = if cfg!(windows) {
        variable("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| Path::new(&home).join("Library/Caches"))
    } else {
        let xdg = variable("XDG_CACHE_HOME").map(PathBuf::from);
        xdg.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")))
    };
    parent.map(|parent| parent.join("anygrad"))
}

/// Writes the cache whole or not at all; of two processes that measure at once, the last one wins.
fn store(path: &Path, cache: &Cache) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)?;
    let mut text = serde_json::to_string_pretty(cache).expect("a cache has only keys of text");
    text.push('\n');
    let temporary = path.with_extension(format!("{}.part", std::process::id()));
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The adapter and its driver, as far as they decide how fast kernels are.
fn adapter(info: &AdapterInfo) -> String {
    format!("{info}, subgroups of {:?}", info.subgroups)
}

/// The version of the program and the text of its kernels.
fn program() -> String {
    let shaders: String = ops::OPS.iter().map(|op| op.shader).collect();
    format!("{} {:016x}", env!("CARGO_PKG_VERSION"), fnv1a(&shaders))
}

/// A computation: the op with its attributes, and the types of its inputs.
fn key(graph: &Graph, node: &Node) -> String {
    let types: Vec<String> = node
        .inputs
        .iter()
        .map(|&input| graph.tensor(input).to_string())
        .collect();
    format!("{}: {:?} of {}", node.name(), node.op, types.join(", "))
}

/// FNV-1a, 64 bits: a name for a text that is the same for every build and machine.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
