//! What `bench` measures, and how it tells it.

use super::*;

/// A number that was measured: finite and above zero.
fn measured(object: &serde_json::Value, key: &str) -> f64 {
    let number = object[key].as_f64();
    let number = number.unwrap_or_else(|| panic!("`{key}` is a number in {object}"));
    assert!(number > 0.0 && number.is_finite(), "{key} {number}");
    number
}

#[test]
fn probes_and_kernels_are_measured_for_machines_in_one_object() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let said = in_empty(&["bench", "--quick", "--json", "--filter", "cross_entropy"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(report["adapter"]["name"].is_string());
    for key in [
        "fma_gflops",
        "copy_gbps",
        "dispatch_us",
        "independent_dispatch_us",
        "host_us",
        "submit_us",
        "readback_us",
    ] {
        measured(&report["probe"], key);
    }
    let kernels = report["kernels"].as_array().unwrap();
    let names: Vec<&str> = kernels
        .iter()
        .map(|k| k["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "binary_cross_entropy.forward",
            "binary_cross_entropy.backward_prediction",
            "cross_entropy.forward",
            "cross_entropy.backward_logits"
        ]
    );
    // Those that are timed at the shape of scores.
    for kernel in &kernels[2..] {
        assert_eq!(kernel["ok"], true);
        assert!(kernel["shape"].as_str().unwrap().starts_with("8192×100"));
        let ms = measured(kernel, "ms");
        let of_probe = measured(kernel, "of_probe");
        assert!(
            of_probe < 50.0,
            "a kernel does not beat the probes by far: {of_probe}"
        );
        // The share is what the time and the probe say.
        let gbps = measured(kernel, "gbps");
        let gflops = measured(kernel, "gflops");
        let copy = gbps / measured(&report["probe"], "copy_gbps");
        let fma = gflops / measured(&report["probe"], "fma_gflops");
        assert!(
            (of_probe / copy.max(fma) - 1.0).abs() < 1e-6,
            "{ms} {of_probe}"
        );
    }
    assert_eq!(report["training"], serde_json::json!([]));
}

#[test]
fn the_training_of_a_network_is_timed_on_its_data_or_on_noise_and_leaves_no_trace() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let args = [
        "bench",
        "digits",
        "mnist-mlp",
        "--quick",
        "--json",
        "--set",
        "train.batch=16",
    ];
    let said = anygrad(folder.path(), &args);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let report: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(report["kernels"], serde_json::json!([]));
    let nets = report["training"].as_array().unwrap();
    assert_eq!(nets.len(), 2);
    for (net, (name, data)) in nets
        .iter()
        .zip([("digits", "digits"), ("mnist-mlp", "random bytes")])
    {
        assert_eq!((&net["net"], &net["data"]), (&name.into(), &data.into()));
        assert_eq!(net["batch"], 16);
        let rate = 16.0 / measured(net, "ms_per_step") * 1e3;
        assert!((measured(net, "samples_per_second") / rate - 1.0).abs() < 1e-6);
        assert!(measured(net, "first_step_s") * 1e3 > measured(net, "ms_per_step"));
    }
}

#[test]
fn people_get_tables_of_probes_and_kernels() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let said = in_empty(&["bench", "--quick", "--filter", "mse"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stdout.contains("multiply-adds of f32"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("\nmse.backward_prediction"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_filter_that_fits_nothing_is_told_before_anything_is_measured() {
    let said = in_empty(&["bench", "--filter", "conv3d"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(
        said.stderr.contains("`conv3d`") && said.stderr.contains("conv2d"),
        "{}",
        said.stderr
    );
}

/// The memory that a process holds, in bytes, as Linux tells it.
#[cfg(target_os = "linux")]
fn resident_bytes(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_steps_take_no_more_memory_than_the_first_thousands() {
    if common::gpu(anygrad::gpu::Trust::Trusted).is_none() {
        return;
    }
    let folder = empty();
    let tiny = "[data]\nsource = \"digits\"\n[train]\nbatch = 2\nsteps = 10000\n[optimizer]\nkind = \"sgd\"\n\
                learning_rate = 0.01\n[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 10\n";
    fs::write(folder.path().join("tiny.toml"), tiny).unwrap();
    let mut child = command(folder.path(), &["train", "tiny.toml", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    // After each epoch of 719 steps; the last ones are those of the last steps.
    let mut epochs = Vec::new();
    for line in std::io::BufRead::lines(stdout) {
        let object: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if object["event"] == "epoch"
            && let Some(bytes) = resident_bytes(child.id())
        {
            epochs.push(bytes);
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(epochs.len() >= 8, "{} epochs were seen", epochs.len());
    let early = epochs[..epochs.len() / 3].iter().max().unwrap();
    let late = epochs.iter().max().unwrap();
    assert!(
        late - early < 4 << 20,
        "{early} bytes, later {late}: {epochs:?}"
    );
}
