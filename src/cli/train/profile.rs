//! Where the time of a training went, as people read it.

use super::super::format::{self, Align};
use crate::train::Profile;

/// The layers and the kernels of a step, with their times.
pub(super) fn lines(profile: &Profile) -> Vec<String> {
    let step = profile.step_nanoseconds();
    let time = |nanoseconds: f64| {
        let share = 100.0 * nanoseconds / step.max(1e-9);
        [format!("{:.3}", nanoseconds / 1e6), format!("{share:.1} %")]
    };
    let mut layers = vec![["layer", "ms", "share"].map(str::to_owned).to_vec()];
    for (layer, nanoseconds) in profile.layers() {
        layers.push([vec![layer.to_owned()], time(nanoseconds).to_vec()].concat());
    }
    layers.push([vec!["a step".to_owned()], time(step).to_vec()].concat());

    let header = ["kernel", "ms", "share", "GFLOP/s", "GB/s"];
    let mut kernels = vec![header.map(str::to_owned).to_vec()];
    for kernel in &profile.kernels {
        let nanoseconds = kernel.nanoseconds / profile.steps.max(1) as f64;
        let rate = |amount: u64| match nanoseconds {
            n if n > 0.0 => format!("{:.1}", amount as f64 / n),
            _ => "–".to_owned(),
        };
        let rates = vec![rate(kernel.flops), rate(kernel.bytes)];
        let name = vec![shortened(&kernel.label)];
        kernels.push([name, time(nanoseconds).to_vec(), rates].concat());
    }
    let mut aligns = [Align::Right; 5];
    aligns[0] = Align::Left;
    let mut lines = vec![
        String::new(),
        format!(
            "time of the kernels on the adapter, mean of {}",
            format::plural(
                usize::try_from(profile.steps).unwrap_or(usize::MAX),
                "timed step"
            )
        ),
        String::new(),
    ];
    lines.extend(format::table(&aligns[..3], &layers));
    lines.push(String::new());
    lines.extend(format::table(&aligns, &kernels));
    lines
}

/// A label within what 80 columns leave; `add_bias+relu` at the end goes first.
fn shortened(label: &str) -> String {
    const WIDTH: usize = 44;
    if label.chars().count() <= WIDTH {
        return label.to_owned();
    }
    let kept: String = label.chars().take(WIDTH - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fabricated;

    #[test]
    fn kernels_and_layers_have_their_time_in_a_step_and_their_share() {
        let mut profile = fabricated::profile();
        profile.kernels[1].label = format!("conv1/max_pool2d.forward{}", "+relu".repeat(9));
        assert_eq!(
            lines(&profile),
            [
                "",
                "time of the kernels on the adapter, mean of 2 timed steps",
                "",
                "layer      ms    share",
                "conv1   0.003   85.7 %",
                "dense1  0.001   14.3 %",
                "a step  0.004  100.0 %",
                "",
                "kernel                                           ms   share  GFLOP/s  GB/s",
                "conv1/conv2d.forward                          0.002  57.1 %      4.0   2.0",
                "conv1/max_pool2d.forward+relu+relu+relu+rel…  0.001  28.6 %      8.0   4.0",
                "dense1/matmul.forward                         0.001  14.3 %     16.0   8.0",
            ]
        );
    }
}
