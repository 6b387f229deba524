//! The program as its users meet it: what it prints where, and the code it exits with.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::common;

mod bench;
mod evaluation;
mod failures;
mod get;
mod mistakes;
mod python;
mod readme;
mod resume;
mod runs;
mod sources;
mod texts;
mod transfer;

const VERBS: [&str; 15] = [
    "train",
    "eval",
    "predict",
    "generate",
    "compare",
    "init",
    "inspect",
    "data",
    "lr-find",
    "devices",
    "verify",
    "bench",
    "schema",
    "completions",
    "man",
];

/// What the program says in an empty folder.
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

fn anygrad(folder: &Path, args: &[&str]) -> Said {
    let output = command(folder, args).output().unwrap();
    said(&output)
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.current_dir(folder).args(args).env("NO_COLOR", "1");
    // What was measured on this machine before decides nothing here.
    command.env("ANYGRAD_CACHE", folder.join("cache"));
    command
}

fn said(output: &Output) -> Said {
    let said = Said {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    };
    for text in [&said.stdout, &said.stderr] {
        assert!(
            !text.contains(['\u{1b}', '\r']),
            "a pipe gets plain lines: {text:?}"
        );
    }
    said
}

fn empty() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn in_empty(args: &[&str]) -> Said {
    anygrad(empty().path(), args)
}

/// The one object of an error, behind whatever else was said.
fn error_object(said: &Said) -> serde_json::Value {
    let last = said.stdout.lines().last().unwrap();
    let object: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(object["event"], "error", "{last}");
    assert_eq!(object["code"], said.code, "{last}");
    object
}

#[test]
fn the_help_of_every_verb_fits_a_screen_and_has_examples() {
    for verb in std::iter::once(None).chain(VERBS.map(Some)) {
        let args: Vec<&str> = verb.into_iter().chain(["--help"]).collect();
        let said = in_empty(&args);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{verb:?}");
        let lines = said.stdout.lines().count();
        assert!(lines <= 55, "{verb:?} has {lines} lines");
        for line in said.stdout.lines() {
            assert!(line.chars().count() <= 100, "{verb:?}: {line}");
        }
        assert!(said.stdout.contains("Examples:\n  anygrad "), "{verb:?}");
        let short: Vec<&str> = verb.into_iter().chain(["-h"]).collect();
        assert_eq!(in_empty(&short).stdout, said.stdout, "{verb:?}");
    }
}

#[test]
fn the_help_names_every_exit_code() {
    let help = in_empty(&["--help"]).stdout;
    for code in ["0  ", "1  ", "2  ", "3  ", "4  ", "5  ", "70 "] {
        assert!(help.contains(&format!("  {code}")), "{code}in\n{help}");
    }
}

#[test]
fn a_command_line_that_is_wrong_exits_with_2_and_suggests() {
    for (args, part) in [
        (&["trian"][..], "'train'"),
        (&["train", "--sed", "3"], "'--seed'"),
        (&["train", "--seed", "x"], "'x'"),
        (&["train", "--seed", "-1"], "from 0 to 18446744073709551615"),
        (&["train", "--epochs", "3"], "'--set train.epochs=VALUE'"),
        (
            &["train", "--learning-rate=0.1"],
            "'--set optimizer.learning_rate=VALUE'",
        ),
        (
            &["train", "--lr", "0.1"],
            "'--set optimizer.learning_rate=VALUE'",
        ),
        (&["train", "--name", "a/b"], "--name must not contain"),
        (&["predict", "run"], "<FILE>"),
        (&[], "Usage: anygrad"),
    ] {
        let said = in_empty(args);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{args:?}");
        assert!(said.stderr.contains(part), "{part} in\n{}", said.stderr);
    }
}

#[test]
fn machines_are_told_of_a_wrong_command_line_too() {
    let said = in_empty(&["train", "--sed", "3", "--json"]);
    let object = error_object(&said);
    assert_eq!(object["class"], "usage");
    assert!(
        object["message"].as_str().unwrap().contains("--sed"),
        "{object}"
    );
    assert!(said.stderr.contains("--sed"), "{}", said.stderr);
}

#[test]
fn all_mistakes_of_a_configuration_are_shown_in_their_places() {
    let folder = empty();
    let text = "[data]\nsource = \"digts\"\n[train]\nbatsh = 32\n[optimizer]\nkind = \"adam\"\n\
                [[layer]]\nkind = \"dense\"\nout_features = 10\n";
    fs::write(folder.path().join("net.toml"), text).unwrap();
    let said = anygrad(folder.path(), &["train", "net.toml", "--json"]);
    assert_eq!(said.code, 2);
    for part in [
        "net.toml:2:10",
        "net.toml:4:1",
        "batsh = 32",
        "did you mean `batch`?",
        "did you mean \"digits\"?",
        "net.toml: 2 mistakes",
    ] {
        assert!(said.stderr.contains(part), "{part} in\n{}", said.stderr);
    }
    let object = error_object(&said);
    let places: Vec<_> = object["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| {
            (
                place["line"].as_u64().unwrap(),
                place["column"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(places, [(2, 10), (4, 1)]);
    assert!(!folder.path().join("runs").exists(), "no run, no folder");
}

#[test]
fn a_wrong_value_on_the_command_line_is_shown_there() {
    let said = in_empty(&["train", "--set", "train.epoch=3"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("train.epoch=3"), "{}", said.stderr);
    assert!(said.stderr.contains("epochs"), "{}", said.stderr);
}

#[test]
fn a_configuration_that_is_not_there_exits_with_2_and_names_those_that_are() {
    let said = in_empty(&["train", "mnist-cn.toml"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("mnist-cnn.toml"), "{}", said.stderr);
}

#[test]
fn what_is_no_configuration_is_told_without_showing_all_of_it() {
    let folder = empty();
    let deep = format!("a = {}", "[".repeat(100_000));
    let words = [
        ("deep.toml", deep.as_bytes(), "deep.toml:1:"),
        ("net.bin", b"\x89PNG\r\n\x1a\n\0\0\0", "not a text file"),
        ("latin.toml", b"name = \"caf\xe9\"\n", "UTF-8"),
    ];
    for (name, bytes, part) in words {
        fs::write(folder.path().join(name), bytes).unwrap();
        let said = anygrad(folder.path(), &["train", name]);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{name}");
        assert!(said.stderr.contains(part), "{part} in\n{}", said.stderr);
        assert!(said.stderr.len() < 1000, "{} bytes", said.stderr.len());
    }
}

#[test]
fn data_that_is_not_there_exits_with_3_or_2_and_says_how_to_give_it() {
    let folder = empty();
    fs::create_dir_all(folder.path().join("mnist/train-images-idx3-ubyte")).unwrap();
    for (args, code, part) in [
        (&["train", "mnist-cnn"][..], 2, "--data"),
        (&["train", "mnist-cnn", "--data", "none"], 3, "--data"),
        (
            &["train", "mnist-cnn", "--data", "mnist"],
            3,
            "`train-images-idx3-ubyte/`",
        ),
        (&["train", "--data", "mnist"], 2, "mnist-cnn"),
    ] {
        let said = anygrad(folder.path(), args);
        assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{args:?}");
        assert!(said.stderr.contains(part), "{part} in\n{}", said.stderr);
    }
    assert!(!folder.path().join("runs").exists(), "no run, no folder");
}

#[test]
fn a_folder_that_is_no_run_exits_with_3_and_says_what_is_missing() {
    let folder = empty();
    for args in [&["eval", "."][..], &["predict", ".", "a.png"]] {
        let said = anygrad(folder.path(), args);
        assert_eq!(said.code, 3, "{args:?}");
        assert!(
            said.stderr.contains("weights.safetensors"),
            "{}",
            said.stderr
        );
        assert!(said.stderr.contains("anygrad train"), "{}", said.stderr);
    }
    assert_eq!(anygrad(folder.path(), &["eval", "runs/none"]).code, 3);
}

#[test]
fn a_network_is_inspected_for_people_and_for_machines_without_a_trace() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let said = in_empty(&["inspect", "digits", "--plan"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    // 8 · 8 · 16 outputs of 9 multiply-adds, a bias and a maximum each.
    let conv1 = said.stdout.lines().find(|line| line.starts_with("conv1"));
    assert!(conv1.unwrap().ends_with("20,480"), "{}", said.stdout);
    assert!(said.stdout.contains("conv2d.forward"), "{}", said.stdout);
    assert!(said.stdout.contains("first moments"), "{}", said.stdout);

    let said = in_empty(&["inspect", "digits", "--json"]);
    let object: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(object["parameters"], 13_706);
    let kernels = object["step"]["kernels"].as_array().unwrap();
    let total: u64 = kernels
        .iter()
        .map(|kernel| kernel["flops"].as_u64().unwrap())
        .sum();
    assert!(kernels.len() > 20 && total > 1_000_000, "{total}");
    let buffers = object["step"]["buffers"].as_array().unwrap();
    let bytes: u64 = buffers
        .iter()
        .map(|buffer| buffer["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(object["step"]["peak_bytes"], bytes);
}

#[test]
fn the_devices_are_listed_for_people_for_machines_and_for_nobody() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let said = in_empty(&["devices"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert!(said.stdout.starts_with("0: "), "{}", said.stdout);
    let said = in_empty(&["devices", "--json"]);
    for (index, line) in said.stdout.lines().enumerate() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["index"], index, "{line}");
        assert!(object["limits"]["max_binding_bytes"].is_u64(), "{line}");
    }
    let said = in_empty(&["devices", "-q"]);
    assert_eq!(
        (said.code, said.stdout, said.stderr),
        (0, String::new(), String::new())
    );
}

#[test]
fn an_adapter_that_is_not_there_exits_with_4_and_names_those_that_are() {
    let said = in_empty(&["verify", "--filter", "add", "--adapter", "no such adapter"]);
    assert_eq!((said.code, said.stdout.as_str()), (4, ""));
}

#[test]
fn verify_tells_each_op_and_a_verdict() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let said = in_empty(&["verify", "--filter", "sigmoid"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.starts_with("ok     sigmoid"), "{}", said.stdout);
    assert!(
        said.stdout.contains("\n1 of 1 ops are right on "),
        "{}",
        said.stdout
    );
    let said = in_empty(&["verify", "--filter", "sigmoid", "--json"]);
    let events: Vec<serde_json::Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["op"], "sigmoid");
    assert_eq!(events[1]["right"], 1);
    assert_eq!(said.stderr, "");
    assert_eq!(in_empty(&["verify", "--filter", "nothing"]).code, 2);
}

#[test]
#[cfg(unix)]
fn a_reader_that_leaves_is_no_error() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let mut child = command(folder.path(), &["devices"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let said = said(&child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_standard_output_exits_with_5() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let folder = empty();
    let output = command(folder.path(), &["devices"])
        .stdout(full)
        .output()
        .unwrap();
    let said = said(&output);
    assert_eq!(said.code, 5);
    assert!(said.stderr.contains("standard output"), "{}", said.stderr);
}

#[test]
fn editors_shells_and_readers_of_manuals_get_theirs() {
    let schema: serde_json::Value = serde_json::from_str(&in_empty(&["schema"]).stdout).unwrap();
    assert_eq!(
        schema["properties"]["train"]["properties"]["batch"]["default"],
        32
    );
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = in_empty(&["completions", shell]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{shell}");
        for verb in VERBS {
            assert!(said.stdout.contains(verb), "{verb} in {shell}");
        }
    }
    let page = in_empty(&["man"]).stdout;
    assert!(
        page.contains(".TH anygrad 1") && page.contains("train"),
        "{page}"
    );
    let page = in_empty(&["man", "train"]).stdout;
    assert!(page.contains("seed"), "{page}");
    assert_eq!(in_empty(&["man", "trian"]).code, 2);
}
