//! Every kernel on the adapter that is there, against its f64 reference.

use anygrad::check::{OnGpu, prove_all};
use anygrad::gpu::Trust;

use crate::common;

fn every_kernel_is_right(trust: Trust) {
    let Some(gpu) = common::gpu(trust) else {
        return;
    };
    let reports = prove_all(&mut OnGpu::new(&gpu));
    let mut failures = Vec::new();
    for report in &reports {
        for row in &report.rows {
            common::say(&format!(
                "{:<28} {:>3} cases, worst error {:.2} of its tolerance ({})",
                row.name, row.cases, row.worst, row.worst_case
            ));
        }
        failures.extend(report.failures().map(str::to_owned));
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_kernel_agrees_with_its_reference() {
    every_kernel_is_right(Trust::Trusted);
}

#[test]
fn every_kernel_agrees_under_run_time_checks_and_stays_in_its_arrays_and_within_its_loop_trips() {
    every_kernel_is_right(Trust::Watched);
}
