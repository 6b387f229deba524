//! Proofs that need no adapter: every gradient by finite differences, every comparison by sabotage.

use std::thread;

use anygrad::check::{
    GradientReport, SabotageReport, prove_gradient, prove_gradient_of, sabotage_op,
};
use anygrad::ops::{Definition, OPS, VIEWS};

/// What has no gradient, and why. An exemption is added here by hand, so that it is seen.
const EXEMPTIONS: &[&str] = &[
    "accumulate.forward: an update is not differentiated",
    "adam.forward: an update is not differentiated",
    "advance.forward: counters are not differentiable",
    "attention.forward: output 1 passes no gradient on",
    "augment.apply: data has no gradient",
    "augment.draw: data has no gradient",
    "average.equal: an update is not differentiated",
    "average.moving: an update is not differentiated",
    "batch_indices.forward: counters are not differentiable",
    "batch_norm.evaluate input 3: no gradient, though the outputs depend on it",
    "batch_norm.evaluate input 4: no gradient, though the outputs depend on it",
    "batch_norm.forward input 3: no gradient, and the outputs do not depend on it",
    "batch_norm.forward: output 1 passes no gradient on",
    "batch_norm.forward: output 2 passes no gradient on",
    "batch_norm.update: an update is not differentiated",
    "binary_cross_entropy.forward input 1: no gradient, though the outputs depend on it",
    "binary_cross_entropy.forward input 2: no gradient, though the outputs depend on it",
    "clip_norm.forward: an update is not differentiated",
    "clip_value.forward: an update is not differentiated",
    "confusion_matrix.forward: counts have no gradient",
    "count_correct.forward: counts have no gradient",
    "cross_entropy.forward input 2: no gradient, though the outputs depend on it",
    "gather_batch.bytes: data has no gradient",
    "gather_batch.floats: data has no gradient",
    "gather_batch.words: data has no gradient",
    "gather_windows.bytes: data has no gradient",
    "gather_windows.words: data has no gradient",
    "gru.forward: output 1 passes no gradient on",
    "huber.forward input 1: no gradient, though the outputs depend on it",
    "huber.forward input 2: no gradient, though the outputs depend on it",
    "lion.forward: an update is not differentiated",
    "loss_scale.forward: it belongs to an update, which is not differentiated",
    "loss_scale.unscale: it belongs to an update, which is not differentiated",
    "lstm.forward: output 1 passes no gradient on",
    "mae.forward input 1: no gradient, though the outputs depend on it",
    "mae.forward input 2: no gradient, though the outputs depend on it",
    "mixup.apply: data has no gradient",
    "mixup.draw: data has no gradient",
    "mse.forward input 1: no gradient, though the outputs depend on it",
    "mse.forward input 2: no gradient, though the outputs depend on it",
    "rmsprop.forward: an update is not differentiated",
    "schedule.forward: a learning rate is not differentiated",
    "sgd.forward: an update is not differentiated",
    "stream_rows.forward: counters are not differentiable",
    "weigh.forward: weights have no gradient",
];

/// Runs `check` on every op, on as many threads as there are cores.
fn of_all_ops<T: Send>(check: fn(&'static Definition) -> T) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let mine = OPS.iter().skip(worker).step_by(threads);
                    mine.map(check).collect::<Vec<T>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a proof does not panic"))
            .collect()
    })
}

/// Why a fused op has no gradient.
const FUSED: &str = "ops are made one after their gradients have been made";

#[test]
fn every_gradient_is_that_of_finite_differences_and_every_exemption_is_listed() {
    let mut reports: Vec<GradientReport> = of_all_ops(prove_gradient);
    reports.extend(
        VIEWS
            .iter()
            .map(|view| prove_gradient_of(view.name, &(view.cases)())),
    );
    let failures: Vec<&String> = reports.iter().flat_map(|r| &r.failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    for report in &reports {
        assert!(
            report.directions > 0 || !report.exemptions.is_empty(),
            "{} is proved or exempt",
            report.op
        );
        assert!(report.worst <= 1.0, "{} is within tolerance", report.op);
    }
    let mut exemptions: Vec<&String> = reports.iter().flat_map(|r| &r.exemptions).collect();
    // Fusion comes after the gradients: what is fused has none of its own.
    let count = exemptions.len();
    exemptions.retain(|exemption| !exemption.ends_with(FUSED));
    assert!(exemptions.len() < count, "there are fused cases");
    exemptions.sort();
    assert_eq!(
        exemptions, EXEMPTIONS,
        "what has no gradient is listed, and what is listed has none"
    );
}

#[test]
fn no_sabotaged_output_passes_for_the_truth() {
    let reports: Vec<SabotageReport> = of_all_ops(sabotage_op);
    let failures: Vec<&String> = reports.iter().flat_map(|r| &r.failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    for report in &reports {
        assert!(report.refused > 0, "{} is sabotaged", report.op);
        assert!(
            report.refused * 2 > report.tried,
            "most sabotage of {} is refused",
            report.op
        );
    }
}
