//! Everything that decides the future of a training: what lies on the adapter, and what the host knows.
//!
//! The buffers are found by walking the training plan: whatever outlives a step and is not the data set or a constant is state,
//! whoever put it there. Invariant: a training that goes on from a checkpoint computes the same bits as one that never stopped.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::event::{Epoch, Resumed, Start};
use super::monitor::MonitorState;
use super::plateau::PlateauState;
use super::session::{Session, Sums};
use super::step::buffers;
use super::weights::Weights;
use crate::data::{Dataset, Samples, Targets, Tokens};
use crate::error::{Error, Result};
use crate::gpu::AdapterInfo;
use crate::nn::Network;
use crate::plan::Plan;

/// What the step reads and nothing changes: it is made anew from the configuration and the data.
const CONSTANTS: [&str; 8] = [
    buffers::SAMPLES,
    buffers::LABELS,
    buffers::TARGETS,
    buffers::WEIGHTS,
    buffers::ONES,
    buffers::IDENTITY,
    buffers::SHARES,
    buffers::GROUPS,
];

/// The state of a training after some step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What the host knows.
    pub host: HostState,
    /// Where it was computed, and from what.
    pub circumstances: Circumstances,
    /// The parameters and the running statistics, in the layout of files.
    pub weights: Weights,
    /// Everything else on the adapter that outlives a step, by name: 32-bit words as they lie there.
    pub buffers: Vec<Buffer>,
}

/// A buffer of the adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Its name in the plan.
    pub name: String,
    /// What it holds.
    pub words: Vec<u32>,
}

/// What the host knows of a training after some step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostState {
    /// Steps done.
    pub step: u64,
    /// Seconds of training so far, over all processes.
    pub seconds: f64,
    /// What was measured in the epoch under way.
    pub sums: Sums,
    /// The learning rate of the last step.
    pub learning_rate: f32,
    /// An epoch whose training is measured and whose validation is not.
    pub measured: Option<Epoch>,
    /// The epochs that are complete.
    pub epochs: Vec<Epoch>,
    /// The best epoch so far, and how long ago it was.
    pub monitor: MonitorState,
    /// What the learning rate between epochs follows from.
    pub plateau: PlateauState,
    /// How often the training went back to a good state after a loss that was not a number.
    pub rollbacks: u32,
    /// The step it would go back to.
    pub anchor: u64,
}

/// Where a training is computed, and from what. Another adapter or driver may round differently; other data is another training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// The version of this program.
    pub version: String,
    /// The adapter's name and interface.
    pub adapter: String,
    /// Name and version of the driver.
    pub driver: String,
    /// The data set's name.
    pub data: String,
    /// SHA-256 over samples, labels, classes and parts, in hexadecimal.
    pub data_sha256: String,
    /// For each computation that there are several ways for, the name of the one that is used.
    pub choices: BTreeMap<String, String>,
    /// One line per kernel of a step: which, how specialised, over how many invocations.
    pub kernels: Vec<String>,
}

impl Circumstances {
    /// Those of a training that is about to begin.
    pub(super) fn new(
        adapter: &AdapterInfo,
        dataset: &Dataset,
        plan: &Plan,
        choices: BTreeMap<String, String>,
    ) -> Self {
        let kernels = plan.kernels.iter().map(|kernel| {
            let constants: Vec<String> = kernel
                .constants
                .iter()
                .map(|(name, value)| format!("{name}={value:?}"))
                .collect();
            format!(
                "{} {}.{} ×{} {} {:?}",
                kernel.label,
                kernel.shader,
                kernel.entry,
                kernel.invocations,
                constants.join(" "),
                kernel.fusion,
            )
        });
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            adapter: format!("{} ({})", adapter.name, adapter.backend),
            driver: format!("{} {}", adapter.driver, adapter.driver_info)
                .trim()
                .to_owned(),
            data: dataset.name.clone(),
            data_sha256: fingerprint(dataset),
            choices,
            kernels: kernels.collect(),
        }
    }

    /// In what these differ from those of the checkpoint that a training goes on from, so that bits may differ.
    ///
    /// # Errors
    /// If the data is not the same.
    pub(super) fn differences(&self, before: &Self) -> Result<Vec<String>> {
        if self.data_sha256 != before.data_sha256 {
            return Err(Error::data(
                format!(
                    "{}: not the data that the run was begun with ({}): samples, labels or their order differ",
                    self.data, before.data
                ),
                "give the same data with --data PATH, or begin a new training from the weights with --init",
            ));
        }
        let mut differences = Vec::new();
        for (what, now, then) in [
            ("adapter", &self.adapter, &before.adapter),
            ("driver", &self.driver, &before.driver),
            ("version of anygrad", &self.version, &before.version),
        ] {
            if now != then {
                differences.push(format!("the {what} is {now}, and was {then}"));
            }
        }
        if self.kernels != before.kernels {
            let same = self.kernels.iter().zip(&before.kernels);
            let same = same.filter(|(now, then)| now == then).count();
            let other = self.kernels.len().max(before.kernels.len()) - same;
            differences.push(format!("{other} kernels are computed in another way"));
        }
        Ok(differences)
    }
}

/// SHA-256 over everything that a training sees of a data set.
fn fingerprint(dataset: &Dataset) -> String {
    let mut hash = Sha256::new();
    let parts = &dataset.parts;
    let names = dataset.targets.names();
    let described = format!(
        "{:?} {names:?} {:?} {:?} {:?}\n",
        dataset.sample_shape, parts.train, parts.validation, parts.test
    );
    hash.update(described.as_bytes());
    match &dataset.targets {
        Targets::Classes { labels, .. } => hash.update(bytemuck::cast_slice::<u32, u8>(labels)),
        Targets::Values { values, .. } => hash.update(bytemuck::cast_slice::<f32, u8>(values)),
        Targets::Next { .. } => {}
    }
    if let Some(weights) = &dataset.weights {
        hash.update(bytemuck::cast_slice::<f32, u8>(weights));
    }
    match &dataset.samples {
        Samples::Bytes(bytes) => hash.update(bytes),
        Samples::Floats(floats) => hash.update(bytemuck::cast_slice::<f32, u8>(floats)),
        Samples::Ids(ids) => hash.update(bytemuck::cast_slice::<u32, u8>(ids)),
        Samples::Text(text) => {
            hash.update(format!("{:?}\n", text.windows.pieces).as_bytes());
            match &text.tokens {
                Tokens::Bytes(tokens) => hash.update(tokens),
                Tokens::Words(tokens) => hash.update(bytemuck::cast_slice::<u32, u8>(tokens)),
            }
        }
    }
    hexadecimal(&hash.finalize())
}

/// Two digits a byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names of the buffers that a training's future depends on: those that outlive its step, without the data and constants.
pub(super) fn state_buffers(plan: &Plan) -> BTreeSet<String> {
    plan.buffers
        .iter()
        .filter_map(|buffer| buffer.persistent.clone())
        .filter(|name| !CONSTANTS.contains(&name.as_str()))
        .collect()
}

impl Checkpoint {
    /// Writes this state to the adapter.
    ///
    /// # Errors
    /// If it is not the state of such a training: the first buffer that is missing, too much, or of another size.
    pub(super) fn restore(
        &self,
        session: &Session,
        network: &Network,
        names: &BTreeSet<String>,
    ) -> Result<()> {
        let refuse = |what: String| {
            Error::data(
                format!(
                    "the checkpoint of step {} does not fit its configuration: {what}",
                    self.host.step
                ),
                "another version of anygrad wrote it, or it was changed; begin a new training from its weights.safetensors with --init",
            )
        };
        let slab = self.weights.to_slab(network).map_err(refuse)?;
        let slab: &[u32] = bytemuck::cast_slice(&slab);
        let (parameters, statistics) = slab.split_at(network.slab_elements);
        if let Some(other) = self.buffers.iter().find(|b| !names.contains(&b.name)) {
            return Err(refuse(format!("`{}` is not in the plan", other.name)));
        }
        for name in names {
            let words = match name.as_str() {
                buffers::PARAMETERS => parameters,
                buffers::STATISTICS => statistics,
                _ => {
                    let found = self.buffers.iter().find(|buffer| buffer.name == *name);
                    let found = found.ok_or_else(|| refuse(format!("`{name}` is missing")))?;
                    &found.words
                }
            };
            let bytes = session.memory.bytes(name);
            if words.len() * 4 != bytes {
                return Err(refuse(format!(
                    "`{name}` has {} bytes, the plan {bytes}",
                    words.len() * 4
                )));
            }
            session.memory.overwrite(&session.gpu, name, words);
        }
        Ok(())
    }
}

/// What a training goes on from.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The newest state.
    pub from: Checkpoint,
    /// The best one, and the one it would go back to, where the newest names them and they are others.
    pub others: Vec<Checkpoint>,
}

/// What a start says of the checkpoint it goes on from.
pub(super) fn note(start: &mut Start, host: &HostState, differences: &[String]) {
    start.resumed = Some(Resumed {
        step: host.step,
        epochs: host.epochs.clone(),
    });
    if !differences.is_empty() {
        start.notes.push(format!(
            "{}: the rest of the training may differ from an unbroken run in its last bits",
            differences.join("; ")
        ));
    }
}
