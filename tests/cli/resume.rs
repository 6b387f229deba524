//! Runs that are stopped, killed and refused room, and what becomes of them when they go on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anygrad::rng::{Sequence, Stream};

use super::runs::{names_in, objects};
use super::*;

/// A short training with states kept every seven steps: five epochs of 41 steps.
const TRAIN: [&str; 7] = [
    "train",
    "--set",
    "train.epochs=5",
    "--checkpoint-every",
    "7steps",
    "--json",
    "--seed=3",
];

const RESUME: [&str; 4] = ["train", "--json", "--resume", "runs/digits"];

/// What a run is worth: weights, and metrics without the columns that depend on the clock.
#[derive(Debug, PartialEq)]
struct Worth {
    weights: Vec<u8>,
    metrics: Vec<String>,
}

fn result(folder: &Path) -> Worth {
    let run = folder.join("runs/digits");
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let names: Vec<&str> = metrics.lines().next().unwrap().split(',').collect();
    let timeless = |line: &str| {
        let cells = line.split(',').zip(&names);
        let cells = cells.filter(|(_, name)| !["samples_per_second", "seconds"].contains(name));
        cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(",")
    };
    Worth {
        weights: fs::read(run.join("weights.safetensors")).unwrap(),
        metrics: metrics.lines().map(timeless).collect(),
    }
}

/// The run that was never stopped; `None` where there is no adapter.
fn unbroken() -> Option<&'static Worth> {
    static RUN: std::sync::OnceLock<Option<Worth>> = std::sync::OnceLock::new();
    RUN.get_or_init(|| {
        common::gpu(anygrad::gpu::Trust::Trusted)?;
        let folder = empty();
        let said = anygrad(folder.path(), &TRAIN);
        assert_eq!(said.code, 0, "{}", said.stderr);
        Some(result(folder.path()))
    })
    .as_ref()
}

/// Goes on with a run, or begins it where it has not come so far as to be one.
fn go_on(folder: &Path) -> Command {
    if folder.join("runs/digits/config.toml").is_file() {
        command(folder, &RESUME)
    } else {
        let _ = fs::remove_dir_all(folder.join("runs"));
        command(folder, &TRAIN)
    }
}

fn is_finished(folder: &Path) -> bool {
    folder.join("runs/digits/summary.json").is_file()
}

/// How many times a run is killed: 6, or as many as `ANYGRAD_KILLS` says.
fn kills() -> u32 {
    let wanted = std::env::var("ANYGRAD_KILLS").ok();
    wanted.map_or(6, |text| text.parse().unwrap())
}

#[test]
fn a_run_that_is_killed_at_any_moment_goes_on_to_the_same_bits() {
    let Some(unbroken) = unbroken() else { return };
    let mut random = Sequence::new(5, Stream::Test, 0);
    let (mut killed, mut runs, mut inside) = (0, 0, 0);
    while killed < kills() {
        let folder = empty();
        runs += 1;
        while !is_finished(folder.path()) {
            let mut next = go_on(folder.path());
            next.stdout(Stdio::null()).stderr(Stdio::piped());
            if killed >= kills() {
                let said = next.output().unwrap();
                let text = String::from_utf8_lossy(&said.stderr);
                assert!(said.status.success(), "{text}");
                continue;
            }
            killed += 1;
            if killed % 2 == 0 {
                // Inside a write: a save is about 25 steps on the disk, and there are 30 saves.
                let at = 1 + random.below(500);
                next.env("ANYGRAD_FAULT", format!("kill:{at}"));
                let said = next.output().unwrap();
                inside += u32::from(said.status.code().is_none());
            } else {
                let mut child = next.spawn().unwrap();
                let wait = u64::from(random.below(2500));
                std::thread::sleep(Duration::from_millis(wait));
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
        assert_eq!(result(folder.path()), *unbroken, "after {killed} kills");
        let kept = names_in(&folder.path().join("runs/digits/checkpoints"));
        assert_eq!(
            kept,
            ["step-203", "step-205"],
            "two are kept, nothing is left over"
        );
    }
    common::say(&format!(
        "{runs} runs killed {killed} times, {inside} of these inside a write: the same bits"
    ));
}

#[test]
#[cfg(unix)]
fn signals_keep_the_state_and_exit_with_their_codes() {
    let Some(unbroken) = unbroken() else { return };
    let folder = empty();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let never = TRAIN.map(|word| if word == "7steps" { "never" } else { word });
        let mut next = match folder.path().join("runs").is_dir() {
            true => go_on(folder.path()),
            false => command(folder.path(), &never),
        };
        let mut child = next
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_an_epoch(folder.path(), &mut child);
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let said = said(&child.wait_with_output().unwrap());
        assert_eq!(said.code, code, "{}\n{}", said.stdout, said.stderr);
        let error = error_object(&said);
        assert_eq!(error["class"], "stopped", "{error}");
        assert_eq!(
            error["help"], "anygrad train --resume runs/digits",
            "{error}"
        );
        assert!(!is_finished(folder.path()));
        let eval = anygrad(folder.path(), &["eval", "runs/digits"]);
        assert_eq!(eval.code, 3);
        assert!(
            eval.stderr.contains("--resume runs/digits"),
            "{}",
            eval.stderr
        );
    }
    let said = anygrad(folder.path(), &RESUME);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let start = &objects(&said.stdout)[0];
    assert!(start["resumed_from_step"].as_u64().unwrap() > 41, "{start}");
    assert_eq!(result(folder.path()), *unbroken);
}

/// Until the metrics have one more line.
fn wait_for_an_epoch(folder: &Path, child: &mut std::process::Child) {
    let metrics = folder.join("runs/digits/metrics.csv");
    let lines = || fs::read_to_string(&metrics).map_or(1, |text| text.lines().count());
    let before = lines();
    let begin = Instant::now();
    while lines() <= before && begin.elapsed() < Duration::from_secs(120) {
        assert!(child.try_wait().unwrap().is_none(), "it is still running");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_finished_run_says_so_and_goes_on_only_to_more_epochs() {
    let Some(unbroken) = unbroken() else { return };
    let folder = empty();
    let shorter: Vec<&str> = TRAIN
        .iter()
        .map(|&word| {
            if word == "train.epochs=5" {
                "train.epochs=3"
            } else {
                word
            }
        })
        .collect();
    assert_eq!(anygrad(folder.path(), &shorter).code, 0);
    let three = result(folder.path());
    let said = anygrad(folder.path(), &["train", "--resume", "runs/digits"]);
    assert_eq!(said.code, 0);
    assert!(said.stderr.contains("is finished"), "{}", said.stderr);
    assert_eq!(result(folder.path()), three);

    let refused = |set: &str| {
        let said = anygrad(
            folder.path(),
            &["train", "--resume", "runs/digits", "--set", set],
        );
        assert_eq!(said.code, 2, "{}", said.stderr);
        said.stderr
    };
    let said = refused("optimizer.learning_rate=0.5");
    assert!(
        said.contains("another training") && said.contains("learning_rate = 0.5"),
        "{said}"
    );
    assert_eq!(result(folder.path()), three, "a refusal changes nothing");

    let more = [
        "train",
        "--resume",
        "runs/digits",
        "--set",
        "train.epochs=5",
    ];
    let said = anygrad(folder.path(), &more);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("`epochs = 5`"), "{}", said.stderr);
    assert_eq!(result(folder.path()), *unbroken);
}

#[test]
fn a_torn_checkpoint_is_left_out_with_a_warning() {
    let Some(unbroken) = unbroken() else { return };
    let folder = empty();
    let said = command(folder.path(), &TRAIN)
        .env("ANYGRAD_FAULT", "kill:200")
        .output()
        .unwrap();
    assert_eq!(said.status.code(), None, "it was killed");
    let checkpoints = folder.path().join("runs/digits/checkpoints");
    let steps: Vec<PathBuf> = names_in(&checkpoints)
        .iter()
        .filter(|name| name.starts_with("step-"))
        .map(|name| checkpoints.join(name))
        .collect();
    assert!(steps.len() >= 2, "{steps:?}");
    for step in &steps {
        let file = step.join("buffers.safetensors");
        let mut bytes = fs::read(&file).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let said = anygrad(folder.path(), &RESUME);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        said.stderr.matches("a checkpoint is left out").count(),
        steps.len(),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("begins again"), "{}", said.stderr);
    assert_eq!(result(folder.path()), *unbroken);
}

#[test]
fn a_disk_that_fills_up_or_breaks_costs_checkpoints_but_no_bits() {
    let Some(unbroken) = unbroken() else { return };
    let (mut codes, mut warned) = (std::collections::BTreeSet::new(), false);
    for fault in [
        "broken:1",
        "full:2",
        "broken:9",
        "full:40",
        "broken:100",
        "full:200",
    ] {
        let folder = empty();
        let output = command(folder.path(), &TRAIN)
            .env("ANYGRAD_FAULT", fault)
            .output()
            .unwrap();
        let said = said(&output);
        codes.insert(said.code);
        assert!([0, 5].contains(&said.code), "{fault}: {}", said.stderr);
        if said.code == 5 {
            assert_eq!(error_object(&said)["class"], "storage", "{fault}");
            assert!(!is_finished(folder.path()), "{fault}");
            let output = go_on(folder.path()).output().unwrap();
            assert!(output.status.success(), "{fault}");
        }
        warned |= said.stderr.contains("no checkpoint after step");
        assert_eq!(result(folder.path()), *unbroken, "{fault}");
    }
    assert_eq!(codes.len(), 2, "some faults end a run, some do not");
    assert!(warned, "a lost checkpoint is told");
}

#[test]
fn a_run_is_not_gone_on_with_while_it_is_running() {
    if unbroken().is_none() {
        return;
    }
    let folder = empty();
    let long = ["train", "-q", "--set", "train.epochs=100000"];
    let mut child = command(folder.path(), &long).spawn().unwrap();
    wait_for_an_epoch(folder.path(), &mut child);
    let said = anygrad(folder.path(), &["train", "--resume", "runs/digits"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(
        said.stderr.contains(&format!("(process {})", child.id())),
        "{}",
        said.stderr
    );
    // A lock whose holder was killed is nobody's.
    child.kill().unwrap();
    child.wait().unwrap();
    let said = anygrad(
        folder.path(),
        &[
            "train",
            "--resume",
            "runs/digits",
            "--set",
            "train.epochs=1",
        ],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[test]
fn weights_to_begin_with_are_there_even_when_the_file_is_gone() {
    if unbroken().is_none() {
        return;
    }
    let folder = empty();
    assert_eq!(anygrad(folder.path(), &TRAIN).code, 0);
    let start = folder.path().join("start.safetensors");
    fs::rename(
        folder.path().join("runs/digits/weights.safetensors"),
        &start,
    )
    .unwrap();
    let train: Vec<&str> = TRAIN
        .iter()
        .copied()
        .chain(["--init", "start.safetensors"])
        .collect();
    fs::remove_dir_all(folder.path().join("runs")).unwrap();
    assert_eq!(anygrad(folder.path(), &train).code, 0);
    let whole = result(folder.path());
    fs::remove_dir_all(folder.path().join("runs")).unwrap();
    // Killed within its first save.
    let output = command(folder.path(), &train)
        .env("ANYGRAD_FAULT", "kill:40")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), None);
    fs::remove_file(&start).unwrap();
    let said = anygrad(folder.path(), &RESUME);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(result(folder.path()), whole);
}

#[test]
fn a_training_whose_time_is_over_ends_with_what_it_has_and_goes_on_later() {
    if unbroken().is_none() {
        return;
    }
    let folder = empty();
    let long: Vec<&str> = TRAIN
        .iter()
        .copied()
        .chain(["--time", "1s", "--set", "train.epochs=100000"])
        .collect();
    let said = anygrad(folder.path(), &long);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let events = objects(&said.stdout);
    let end = events.last().unwrap();
    assert_eq!(end["ending"], "time_is_up", "{end}");
    assert!(end["test"]["accuracy"].as_f64().unwrap() > 0.1, "{end}");
    let said = anygrad(folder.path(), &["eval", "runs/digits"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let again: Vec<&str> = RESUME.iter().copied().chain(["--time", "1s"]).collect();
    let said = anygrad(folder.path(), &again);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(objects(&said.stdout)[0]["resumed_from_step"], end["steps"]);
}

#[test]
fn one_batch_is_learned_by_heart_or_it_is_said_that_it_was_not() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let said = anygrad(folder.path(), &["train", "--overfit", "--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let told = &objects(&said.stdout)[0];
    assert_eq!(told["learned"], true, "{told}");
    assert_eq!(told["samples"], 32);
    let losses = ["last_loss", "first_loss"].map(|loss| told[loss].as_f64().unwrap());
    assert!(losses[0] < losses[1] * 0.01, "{told}");
    let rate = "optimizer.learning_rate=1e-9";
    let said = anygrad(folder.path(), &["train", "--overfit", "--set", rate]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(
        said.stderr.contains("not learned by heart"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("learning_rate"), "{}", said.stderr);
    assert_eq!(names_in(folder.path()), [""; 0], "no run is left");
}

#[test]
fn a_learning_rate_is_found_that_trains() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let said = anygrad(folder.path(), &["lr-find", "--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let told = &objects(&said.stdout)[0];
    let rate = told["suggestion"].as_f64().unwrap();
    assert!((1e-4..1.0).contains(&rate), "{told}");
    assert!(rate < told["lowest"].as_f64().unwrap(), "{told}");
    let steps = told["steps"].as_u64().unwrap();
    assert!((50..=140).contains(&steps), "{told}");
    assert_eq!(
        names_in(&folder.path().join("lr-find")),
        ["curve.csv", "curve.svg"]
    );
    let said = anygrad(folder.path(), &["lr-find", "--from", "1", "--to", "0.1"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    let said = anygrad(
        folder.path(),
        &["lr-find", "--from", "1e-30", "--to", "1e-20"],
    );
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stderr.contains("did not fall"), "{}", said.stderr);
}

#[test]
fn a_schedule_that_spans_the_training_is_not_stretched() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let cosine: Vec<&str> = TRAIN
        .iter()
        .copied()
        .chain(["--set", "train.epochs=1", "--set", "schedule.kind=cosine"])
        .collect();
    let said = anygrad(folder.path(), &cosine);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let more = [
        "train",
        "--resume",
        "runs/digits",
        "--set",
        "train.epochs=2",
    ];
    let said = anygrad(folder.path(), &more);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains("no `period`"), "{}", said.stderr);
}
