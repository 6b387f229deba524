//! Checkpoints on disk: folders that are there whole or not at all, and that say themselves whether they are sound.
//!
//! ```text
//! runs/digits/checkpoints/step-820/manifest.json         format, sizes and SHA-256 of the others
//!                                  state.json            what the host knows: step, epochs, best epoch, …
//!                                  circumstances.json    adapter, driver, data, kernels
//!                                  weights.safetensors   the parameters, in PyTorch's layout
//!                                  buffers.safetensors   the rest of the adapter's state, as 32-bit words
//! ```
//!
//! A save writes a hidden folder beside, syncs every file and the folder, gives it its name, syncs the folder around it, reads it
//! back, and only then removes what is no longer wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::disk::Disk;
use crate::error::{Error, Result};
use crate::train::checkpoint::{Buffer, HostState, hexadecimal};
use crate::train::{Checkpoint, Resume, Weights};

/// The folder of a run's checkpoints.
pub(super) const FOLDER: &str = "checkpoints";

/// The version of this form.
const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const STATE: &str = "state.json";
const CIRCUMSTANCES: &str = "circumstances.json";
const WEIGHTS: &str = "weights.safetensors";
const BUFFERS: &str = "buffers.safetensors";

/// A manifest is at most this large, a file of a checkpoint at most that.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
const MAX_BYTES: u64 = 64 << 30;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    files: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Entry {
    bytes: u64,
    sha256: String,
}

impl Entry {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            sha256: hexadecimal(&Sha256::digest(bytes)),
        }
    }
}

/// The name of the checkpoint after so many steps.
fn name(step: u64) -> String {
    format!("step-{step}")
}

/// Saves a checkpoint in the folder of a run, and removes those that are neither among the `keep` newest nor named by one of these.
///
/// # Errors
/// Whatever the system refuses. Then all checkpoints that were there still are.
pub(super) fn save(
    disk: &dyn Disk,
    run: &Path,
    checkpoint: &Checkpoint,
    keep: usize,
) -> Result<PathBuf> {
    let folder = run.join(FOLDER);
    if !folder.is_dir() {
        disk.create_dir(&folder)
            .and_then(|()| disk.sync_folder(run))
            .map_err(|error| Error::io(&folder, "create", error))?;
    }
    let place = folder.join(name(checkpoint.host.step));
    let part = aside(&place, "part");
    let written = fill(disk, &part, &place, checkpoint).and_then(|()| {
        let old = aside(&place, "old");
        let io = |error| Error::io(&place, "rename", error);
        // The same step again, with another past: a training that went back.
        let replaces = place.is_dir();
        if replaces {
            disk.rename(&place, &old).map_err(io)?;
        }
        let renamed = disk.rename(&part, &place).map_err(io);
        if renamed.is_err() && replaces {
            // The first error is the one to tell.
            let _ = fs::rename(&old, &place);
        }
        renamed?;
        disk.sync_folder(&folder)
            .map_err(|error| Error::io(&place, "sync", error))
    });
    if written.is_err() {
        // The first error is the one to tell; what is left over is hidden and has no reader.
        let _ = fs::remove_dir_all(&part);
        return written.map(|()| place);
    }
    load(&place).map_err(|error| {
        Error::new(
            crate::error::Class::Storage,
            format!(
                "{}: it does not read back as it was written: {error}",
                place.display()
            ),
            "the medium may be failing: choose another place with --out",
        )
    })?;
    prune(disk, &folder, keep);
    Ok(place)
}

/// A hidden name beside a checkpoint's.
fn aside(place: &Path, kind: &str) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.{}.{kind}", std::process::id()))
}

/// Writes the files of a checkpoint into a new folder. Errors name the place that is wanted.
fn fill(disk: &dyn Disk, part: &Path, place: &Path, checkpoint: &Checkpoint) -> Result<()> {
    let _ = fs::remove_dir_all(part);
    disk.create_dir(part)
        .map_err(|error| Error::io(place, "create", error))?;
    let mut manifest = Manifest {
        format: FORMAT,
        files: BTreeMap::new(),
    };
    let files = [
        (STATE, json(&checkpoint.host)),
        (CIRCUMSTANCES, json(&checkpoint.circumstances)),
        (WEIGHTS, checkpoint.weights.to_bytes()?),
        (BUFFERS, tensors(&checkpoint.buffers)?),
    ];
    let write = |name: &str, bytes: &[u8]| {
        disk.create(&part.join(name), bytes)
            .map_err(|error| Error::io(&place.join(name), "write", error))
    };
    for (name, bytes) in files {
        write(name, &bytes)?;
        manifest.files.insert(name.to_owned(), Entry::of(&bytes));
    }
    write(MANIFEST, &json(&manifest))?;
    disk.sync_folder(part)
        .map_err(|error| Error::io(place, "sync", error))
}

fn json(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).expect("a record has only keys of text");
    bytes.push(b'\n');
    bytes
}

/// Buffers as safetensors.
fn tensors(buffers: &[Buffer]) -> Result<Vec<u8>> {
    let views = buffers.iter().map(|buffer| {
        let bytes = bytemuck::cast_slice(&buffer.words);
        let view = TensorView::new(Dtype::U32, vec![buffer.words.len()], bytes);
        let view = view.expect("a tensor has as many elements as its shape");
        (buffer.name.as_str(), view)
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None)
        .map_err(|error| Error::data(format!("the state cannot be written: {error}"), ""))
}

/// The checkpoints in a folder, the newest first.
fn steps_in(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut steps: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let step = name.strip_prefix("step-")?.parse().ok()?;
            Some((step, entry.path()))
        })
        .collect();
    steps.sort();
    steps.reverse();
    steps
}

/// The other checkpoints that one names: its best epoch's, and the one it would go back to.
fn named_by(host: &HostState) -> BTreeSet<u64> {
    let best = host.monitor.best.map(|best| best.step);
    let mut named: BTreeSet<u64> = best.into_iter().chain([host.anchor]).collect();
    named.remove(&host.step);
    named
}

/// Removes what is no longer wanted. What cannot be removed stays: it is only in the way.
fn prune(disk: &dyn Disk, folder: &Path, keep: usize) {
    let steps = steps_in(folder);
    let mut wanted = BTreeSet::new();
    for (step, path) in steps.iter().take(keep) {
        wanted.insert(*step);
        let host = fs::read(path.join(STATE));
        if let Some(host) = host
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        {
            wanted.extend(named_by(&host));
        }
    }
    for (step, path) in &steps {
        // Under another name first: half a checkpoint never looks like a torn one.
        let old = aside(path, "old");
        if !wanted.contains(step) && disk.rename(path, &old).is_ok() {
            let _ = disk.remove_dir_all(&old);
        }
    }
    sweep(disk, folder);
}

/// Removes what saves that were cut short have left. Only who holds the lock of the run may.
fn sweep(disk: &dyn Disk, folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(".step-") {
            let _ = disk.remove_dir_all(&entry.path());
        }
    }
}

/// What there is to go on from.
#[derive(Debug)]
pub struct Found {
    /// The newest sound checkpoint, and those that it names.
    pub resume: Option<Resume>,
    /// Those that are not sound, each with the reason.
    pub torn: Vec<String>,
}

/// Looks for the newest sound checkpoint in the folder of a run.
pub(super) fn newest(run: &Path) -> Found {
    let folder = run.join(FOLDER);
    let mut torn = Vec::new();
    let mut sound = |path: &Path| match load(path) {
        Ok(checkpoint) => Some(checkpoint),
        Err(error) => {
            torn.push(error.to_string());
            None
        }
    };
    let mut steps = steps_in(&folder).into_iter();
    let from = steps.find_map(|(_, path)| sound(&path));
    let resume = from.map(|from| {
        let others = named_by(&from.host).into_iter().filter(|step| *step > 0);
        let others = others.filter_map(|step| sound(&folder.join(name(step))));
        Resume {
            others: others.collect(),
            from,
        }
    });
    Found { resume, torn }
}

/// Reads a checkpoint.
///
/// # Errors
/// If a file is missing, of another size or with another checksum than the manifest says, or makes no sense.
pub(super) fn load(path: &Path) -> Result<Checkpoint> {
    let place = path.join(MANIFEST);
    let bytes = read(&place, MAX_MANIFEST_BYTES)?;
    let manifest: Manifest = parse(&place, &bytes)?;
    if json(&manifest) != bytes {
        return Err(refuse(&place, "it is not as it was written"));
    }
    if manifest.format != FORMAT {
        return Err(refuse(
            path,
            &format!(
                "it is of format {}, this version reads {FORMAT}",
                manifest.format
            ),
        ));
    }
    let file = |name: &str| {
        let place = path.join(name);
        let entry = manifest.files.get(name);
        let entry = entry.ok_or_else(|| refuse(&place, "the manifest does not know it"))?;
        let bytes = read(&place, entry.bytes.min(MAX_BYTES))?;
        if Entry::of(&bytes) != *entry {
            return Err(refuse(&place, "its checksum is not that of the manifest"));
        }
        Ok((place, bytes))
    };
    let (place, bytes) = file(STATE)?;
    let host: HostState = parse(&place, &bytes)?;
    if path.file_name().and_then(|name| name.to_str()) != Some(&name(host.step)) {
        return Err(refuse(path, &format!("it holds step {}", host.step)));
    }
    let (place, bytes) = file(CIRCUMSTANCES)?;
    let circumstances = parse(&place, &bytes)?;
    let (place, bytes) = file(WEIGHTS)?;
    let weights = Weights::parse(&place, &bytes)?;
    let (place, bytes) = file(BUFFERS)?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| refuse(&place, &format!("no whole safetensors file: {error}")))?;
    let mut buffers = Vec::new();
    for (name, view) in tensors.iter() {
        if view.dtype() != Dtype::U32 {
            return Err(refuse(&place, &format!("`{name}` is {}", view.dtype())));
        }
        buffers.push(Buffer {
            name: name.to_owned(),
            words: bytemuck::pod_collect_to_vec(view.data()),
        });
    }
    buffers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Checkpoint {
        host,
        circumstances,
        weights,
        buffers,
    })
}

fn refuse(path: &Path, why: &str) -> Error {
    Error::data(format!("{}: {why}", path.display()), "")
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| Error::io(path, "read", error))?;
    if bytes.len() as u64 > most {
        return Err(refuse(path, "it is larger than it may be"));
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| refuse(path, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::disk::System;
    use super::super::disk::faulty::{Fault, Faulty};
    use super::super::fabricated;
    use super::*;
    use crate::data::mutate::mutate;
    use crate::error::Class;
    use crate::rng::{Sequence, Stream};
    use crate::train::{Best, Metric, Scores};

    fn checkpoint(step: u64, best: Option<u64>) -> Checkpoint {
        let mut checkpoint = fabricated::checkpoint(step);
        checkpoint.host.monitor.best = best.map(|step| Best {
            epoch: step / 41,
            step,
            value: 0.1 + 0.2,
        });
        checkpoint
    }

    fn steps(run: &Path) -> Vec<u64> {
        let steps = steps_in(&run.join(FOLDER)).into_iter();
        steps.map(|(step, _)| step).collect()
    }

    fn hidden(run: &Path) -> Vec<String> {
        let entries = fs::read_dir(run.join(FOLDER)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written_to_the_last_bit() {
        let run = tempfile::tempdir().unwrap();
        let mut written = checkpoint(41, Some(41));
        written.host.epochs = vec![fabricated::epoch(
            1,
            Some(Scores {
                loss: 1.0 / 3.0,
                metric: Metric::Accuracy(0.1 + 0.7),
            }),
        )];
        written.buffers[0].words = vec![0, 1, 0x7fc0_dead, u32::MAX];
        let path = save(&System, run.path(), &written, 2).unwrap();
        assert!(path.ends_with("checkpoints/step-41"), "{path:?}");
        assert_eq!(load(&path).unwrap(), written);
        assert_eq!(hidden(run.path()), [""; 0]);
    }

    #[test]
    fn the_newest_stay_and_those_that_they_name() {
        let run = tempfile::tempdir().unwrap();
        for (step, best) in [
            (10, None),
            (20, Some(20)),
            (30, Some(20)),
            (40, Some(20)),
            (100, Some(20)),
        ] {
            save(&System, run.path(), &checkpoint(step, best), 2).unwrap();
        }
        assert_eq!(steps(run.path()), [100, 40, 20]);
        let found = newest(run.path());
        let resume = found.resume.unwrap();
        assert_eq!(resume.from.host.step, 100);
        assert_eq!(resume.others[0].host.step, 20);
        assert!(found.torn.is_empty(), "{:?}", found.torn);
        // A better one takes the place of the best.
        save(&System, run.path(), &checkpoint(110, Some(110)), 2).unwrap();
        save(&System, run.path(), &checkpoint(120, Some(110)), 2).unwrap();
        assert_eq!(steps(run.path()), [120, 110]);
    }

    #[test]
    fn every_step_of_a_save_may_fail_and_the_one_before_is_still_there() {
        for fault in [Fault::Broken, Fault::Full] {
            for at in 1.. {
                let run = tempfile::tempdir().unwrap();
                save(&System, run.path(), &checkpoint(10, None), 1).unwrap();
                let disk = Faulty::new(fault, at);
                let saved = save(&disk, run.path(), &checkpoint(20, None), 1);
                let found = newest(run.path());
                assert!(found.torn.is_empty(), "{fault:?} {at}: {:?}", found.torn);
                let newest = found.resume.unwrap().from.host.step;
                match &saved {
                    Ok(_) => assert_eq!(newest, 20, "{fault:?} {at}"),
                    Err(error) => {
                        assert_eq!(error.class(), Class::Storage, "{error}");
                        assert!(error.to_string().contains("checkpoints"), "{error}");
                        assert!(newest == 10 || newest == 20, "{fault:?} {at}: {newest}");
                    }
                }
                // The next one succeeds and tidies up.
                save(&System, run.path(), &checkpoint(30, None), 1).unwrap();
                assert_eq!(steps(run.path()), [30], "{fault:?} {at}");
                assert_eq!(hidden(run.path()), [""; 0], "{fault:?} {at}");
                if !disk.has_struck() {
                    assert!(at > 20, "a save has more than {at} steps");
                    break;
                }
            }
        }
    }

    #[test]
    fn the_same_step_again_replaces_what_was_there_or_leaves_it() {
        for at in 1.. {
            let run = tempfile::tempdir().unwrap();
            save(&System, run.path(), &checkpoint(10, None), 2).unwrap();
            let disk = Faulty::new(Fault::Broken, at);
            let saved = save(&disk, run.path(), &checkpoint(10, Some(7)), 2);
            let found = newest(run.path()).resume.unwrap().from;
            if saved.is_ok() {
                assert_eq!(found, checkpoint(10, Some(7)), "{at}");
            } else {
                let is_one = [None, Some(7)].map(|best| found == checkpoint(10, best));
                assert_ne!(is_one, [false; 2], "{at}");
            }
            if !disk.has_struck() {
                break;
            }
        }
    }

    #[test]
    fn any_change_of_any_file_makes_a_checkpoint_torn() {
        let run = tempfile::tempdir().unwrap();
        save(&System, run.path(), &checkpoint(10, None), 2).unwrap();
        let path = save(&System, run.path(), &checkpoint(20, None), 2).unwrap();
        let torn = |what: &str| {
            let found = newest(run.path());
            assert_eq!(found.resume.unwrap().from.host.step, 10, "{what}");
            assert_eq!(found.torn.len(), 1, "{what}");
            assert!(found.torn[0].contains("step-20"), "{:?}", found.torn);
        };
        for name in [MANIFEST, STATE, CIRCUMSTANCES, WEIGHTS, BUFFERS] {
            let file = path.join(name);
            let bytes = fs::read(&file).unwrap();
            // JSON without its last line end is still the same.
            for length in [0, bytes.len() / 2, bytes.len() - 2] {
                fs::write(&file, &bytes[..length]).unwrap();
                torn(&format!("{name} cut to {length}"));
            }
            let mut flipped = bytes.clone();
            flipped[bytes.len() / 2] ^= 4;
            fs::write(&file, &flipped).unwrap();
            torn(&format!("{name} flipped"));
            let mut longer = bytes.clone();
            longer.push(b'x');
            fs::write(&file, longer).unwrap();
            torn(&format!("{name} longer"));
            fs::remove_file(&file).unwrap();
            torn(&format!("{name} gone"));
            fs::write(&file, &bytes).unwrap();
        }
        fs::rename(&path, path.with_file_name("step-21")).unwrap();
        let found = newest(run.path());
        assert!(
            found.torn[0].contains("it holds step 20"),
            "{:?}",
            found.torn
        );
        assert_eq!(found.resume.unwrap().from.host.step, 10);
    }

    /// Makes the manifest agree with files that were changed.
    fn seal(path: &Path) {
        let place = path.join(MANIFEST);
        let mut manifest: Manifest = parse(&place, &fs::read(&place).unwrap()).unwrap();
        for (name, entry) in &mut manifest.files {
            *entry = Entry::of(&fs::read(path.join(name)).unwrap());
        }
        fs::write(&place, json(&manifest)).unwrap();
    }

    #[test]
    fn damage_that_its_manifest_vouches_for_is_read_or_refused_and_holds_no_more_than_its_files() {
        let run = tempfile::tempdir().unwrap();
        let path = save(&System, run.path(), &checkpoint(20, Some(10)), 2).unwrap();
        let names = [MANIFEST, STATE, CIRCUMSTANCES, WEIGHTS, BUFFERS];
        let whole = names.map(|name| fs::read(path.join(name)).unwrap());
        let mut accepted = 0;
        for case in 0..2000 {
            let mut sequence = Sequence::new(32, Stream::Test, case);
            let place = sequence.below(5) as usize;
            let mut bytes = whole[place].clone();
            mutate(&mut bytes, &mut sequence);
            fs::write(path.join(names[place]), &bytes).unwrap();
            if place > 0 {
                seal(&path);
            }
            match load(&path) {
                Ok(checkpoint) => {
                    accepted += 1;
                    let words: usize = checkpoint.buffers.iter().map(|b| b.words.len()).sum();
                    assert!(words * 4 <= whole[4].len() + bytes.len(), "case {case}");
                }
                Err(error) => assert_eq!(error.class(), Class::Data, "case {case}: {error}"),
            }
            for (name, bytes) in names.iter().zip(&whole) {
                fs::write(path.join(name), bytes).unwrap();
            }
        }
        assert!((20..1900).contains(&accepted), "{accepted} of 2000");
    }

    #[test]
    fn a_folder_without_a_sound_checkpoint_has_nothing_to_go_on_from() {
        let run = tempfile::tempdir().unwrap();
        assert!(newest(run.path()).resume.is_none(), "there is none");
        fs::create_dir_all(run.path().join(FOLDER).join("step-5")).unwrap();
        let found = newest(run.path());
        assert!(found.resume.is_none(), "it is empty");
        assert_eq!(found.torn.len(), 1);
    }
}
