//! Folders of runs, made and gone on with.

use super::super::fabricated::{epoch, outcome, shipped, start};
use super::*;
use crate::config;
use crate::error::Class;
use crate::train::{Metric, Weights};

/// The folder of a run of the digits that has just begun.
fn create(parent: &Path) -> RunFolder {
    RunFolder::create(parent, "digits", &shipped(), None, &Tuning::default()).unwrap()
}

#[test]
fn the_second_run_of_a_name_gets_a_number_and_so_does_the_third() {
    let parent = tempfile::tempdir().unwrap();
    let runs = parent.path().join("deep/runs");
    let names: Vec<_> = (0..3)
        .map(|_| create(&runs))
        .map(|run| run.path().strip_prefix(&runs).unwrap().to_owned())
        .collect();
    assert_eq!(names, ["digits", "digits-2", "digits-3"].map(PathBuf::from));
}

#[test]
fn a_file_in_place_of_the_folder_for_runs_is_told_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("runs");
    fs::write(&file, "mine").unwrap();
    let error =
        RunFolder::create(&file, "digits", &shipped(), None, &Tuning::default()).unwrap_err();
    assert_eq!(error.class(), Class::Usage);
    assert!(error.to_string().contains("a file"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn runs_that_begin_together_never_share_a_folder() {
    let parent = tempfile::tempdir().unwrap();
    let config = shipped();
    let mut paths: Vec<PathBuf> = std::thread::scope(|scope| {
        let create = || {
            RunFolder::create(parent.path(), "digits", &config, None, &Tuning::default()).unwrap()
        };
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        runs.into_iter()
            .map(|run| run.join().unwrap().path().to_owned())
            .collect()
    });
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 8);
}

#[test]
fn metrics_grow_by_a_line_per_epoch_and_leave_missing_scores_empty() {
    let parent = tempfile::tempdir().unwrap();
    let mut run = create(parent.path());
    let text = || fs::read_to_string(parent.path().join("digits/metrics.csv")).unwrap();
    let columns = columns(Task::Classification);
    assert_eq!(text(), format!("{columns}\n"));
    run.epoch(&epoch(1, None)).unwrap();
    assert_eq!(
        text(),
        format!("{columns}\n1,41,0.5,0.875,,,0.01,12345.5,1.5\n")
    );
    let scores = Scores {
        loss: 0.25,
        metric: Metric::Accuracy(0.9375),
    };
    run.epoch(&epoch(2, Some(scores))).unwrap();
    assert!(
        text().ends_with("\n2,82,0.5,0.875,0.25,0.9375,0.01,12345.5,1.5\n"),
        "{}",
        text()
    );
}

#[test]
fn a_finished_run_has_all_files_and_a_summary_of_its_last_epoch() {
    let parent = tempfile::tempdir().unwrap();
    let mut run = create(parent.path());
    run.epoch(&epoch(1, None)).unwrap();
    run.finish(&start(), &outcome()).unwrap();
    let mut names: Vec<_> = fs::read_dir(run.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let told = [
        LOCK,
        "README.md",
        CONFIG,
        "events.out.tfevents.0.anygrad",
        KERNELS,
        "loss.svg",
        METRICS,
        "metrics.jsonl",
        MODEL,
        "report.html",
        SUMMARY,
        WEIGHTS,
    ];
    assert_eq!(names, told);
    let text = fs::read_to_string(run.path().join(SUMMARY)).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["test"]["accuracy"], 0.975);
    assert_eq!(summary["train"]["loss"], 0.5);
    assert_eq!(summary["validation"], serde_json::Value::Null);
    assert_eq!(summary["samples"]["validation"], 144);
    assert_eq!(summary["adapter"]["backend"], "Vulkan");
}

#[test]
fn the_weights_of_the_last_step_stand_beside_their_average() {
    let parent = tempfile::tempdir().unwrap();
    let mut run = create(parent.path());
    let last = Weights::default();
    let outcome = Outcome {
        raw_weights: Some(last.clone()),
        ..outcome()
    };
    run.finish(&start(), &outcome).unwrap();
    let file = parent.path().join("digits").join(LAST_WEIGHTS);
    assert_eq!(fs::read(file).unwrap(), last.to_bytes().unwrap());
}

#[test]
fn a_run_that_was_profiled_has_a_trace() {
    let parent = tempfile::tempdir().unwrap();
    let mut run = create(parent.path());
    let outcome = Outcome {
        profile: Some(super::super::fabricated::profile()),
        ..outcome()
    };
    run.finish(&start(), &outcome).unwrap();
    let text = fs::read_to_string(run.path().join(TRACE)).unwrap();
    let trace: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(trace["traceEvents"].is_array());
}

#[test]
fn the_configuration_of_a_run_says_the_same_as_the_one_it_came_from() {
    let parent = tempfile::tempdir().unwrap();
    let config = shipped();
    let run =
        RunFolder::create(parent.path(), "digits", &config, None, &Tuning::default()).unwrap();
    assert_eq!(config::load(&run.path().join(CONFIG), &[]).unwrap(), config);
}

#[test]
fn two_processes_never_train_in_one_folder() {
    let parent = tempfile::tempdir().unwrap();
    let run = create(parent.path());
    let error = RunFolder::reopen(run.path()).unwrap_err();
    assert_eq!(error.class(), Class::Usage);
    let process = format!("(process {})", std::process::id());
    assert!(error.to_string().contains(&process), "{error}");
    let path = run.path().to_owned();
    drop(run);
    RunFolder::reopen(&path).unwrap();
}

#[test]
fn a_run_that_goes_on_has_the_metrics_of_its_checkpoint_and_no_more() {
    let parent = tempfile::tempdir().unwrap();
    let mut run = create(parent.path());
    for number in 1..=3 {
        run.epoch(&epoch(number, None)).unwrap();
    }
    let file = run.path().join(METRICS);
    let before = fs::read_to_string(&file).unwrap();
    run.rewind(&[epoch(1, None)], None).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
    run.epoch(&epoch(2, None)).unwrap();
    run.epoch(&epoch(3, None)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn weights_to_begin_with_are_kept_with_the_run() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("start.safetensors");
    fs::write(&file, "weights").unwrap();
    let run = RunFolder::create(
        parent.path(),
        "digits",
        &shipped(),
        Some(&file),
        &Tuning::default(),
    )
    .unwrap();
    let path = run.path().to_owned();
    drop(run);
    let (_, begun) = RunFolder::reopen(&path).unwrap();
    assert_eq!(fs::read(begun.init.as_ref().unwrap()).unwrap(), b"weights");
    assert!(
        !begun.is_finished && begun.found.resume.is_none(),
        "{begun:?}"
    );
}
