//! What an adapter can bind, and what would fit where a network needs more.

use super::step::Resident;
use crate::config::{Config, LayerKind};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::nn::Network;
use crate::plan::Plan;

/// Bytes of the largest piece that a kernel can bind on this device, and count in 32 bits.
pub(super) fn binding_limit(gpu: &Gpu) -> u64 {
    let limits = &gpu.info.limits;
    limits
        .max_binding_bytes
        .min(limits.max_buffer_bytes)
        .min(u64::from(u32::MAX))
}

/// What is to be computed, as far as it needs memory.
pub(super) struct Demand<'a> {
    pub(super) network: &'a Network,
    pub(super) data: &'a Resident,
    /// Samples per step.
    pub(super) batch: usize,
    pub(super) plans: &'a [&'a Plan],
}

/// What would fit instead, where something would.
#[derive(Default)]
pub(super) struct Fitting {
    /// Samples per step.
    pub(super) batch: Option<usize>,
    /// A layer's key, its value now, and one that fits.
    pub(super) width: Option<(String, usize, usize)>,
}

impl Demand<'_> {
    /// Refuses what the adapter cannot bind.
    ///
    /// # Errors
    /// With what is too large, and what would fit.
    pub(super) fn check(&self, gpu: &Gpu, fitting: impl Fn(u64) -> Fitting) -> Result<()> {
        match self.refusal(binding_limit(gpu), fitting) {
            None => Ok(()),
            Some((what, help)) => Err(Error::device(format!("{}: {what}", gpu.info.name), help)),
        }
    }

    /// What is wrong and what to do, if a piece is larger than `limit` bytes.
    fn refusal(&self, limit: u64, fitting: impl Fn(u64) -> Fitting) -> Option<(String, String)> {
        const ANOTHER: &str = "or choose another adapter with --adapter (`anygrad devices`)";
        let binds = format!("the adapter binds at most {}", mib(limit));
        let parameters = 4 * self.network.slab_elements as u64;
        if parameters > limit {
            let what = format!(
                "the network's {} parameters are {} in one piece, {binds}: {} parameters",
                self.network.parameter_count(),
                mib(parameters),
                limit / 4
            );
            let smaller = match fitting(limit).width {
                Some((key, now, fits)) => {
                    format!("`{key} = {fits}` fits (now {now}), as in --set {key}={fits};")
                }
                None => format!("make the network smaller, {} first,", self.largest_layer()),
            };
            return Some((what, format!("{smaller} {ANOTHER}")));
        }
        let sample: usize = self.data.sample_shape.iter().product();
        let one = self.data.dtype.storage_bytes(sample) as u64;
        let all = self.data.stored_bytes() as u64;
        if let (true, Some(windows)) = (all > limit, &self.data.windows) {
            let what = format!(
                "the {} characters of the text are {} in one piece, {binds}",
                windows.tokens,
                mib(all)
            );
            return Some((what, format!("learn from a part of it, {ANOTHER}")));
        }
        if all > limit && self.data.window_bytes.is_none() {
            let fit = limit.saturating_mul(self.data.samples as u64) / all;
            return Some((
                format!(
                    "the {} samples of the data set are {} in one piece, {binds}: {} samples",
                    self.data.samples,
                    mib(all),
                    if one > limit { 0 } else { fit }
                ),
                format!(
                    "with data.stream = auto they are streamed; else use fewer or smaller samples, {ANOTHER}"
                ),
            ));
        }
        let largest = self.plans.iter().map(|plan| plan.largest_binding());
        let (bytes, kernel) = largest.max_by_key(|(bytes, _)| *bytes)?;
        if bytes as u64 <= limit {
            return None;
        }
        let what = format!(
            "a batch of {} needs {} in one piece ({kernel}), {binds}",
            self.batch,
            mib(bytes as u64)
        );
        let help = match fitting(limit).batch {
            Some(fits) => format!(
                "`train.batch = {fits}` fits (now {}), as in --set train.batch={fits}; --set train.micro_batch=auto keeps the batch \
                 and computes it in parts that fit; {ANOTHER}",
                self.batch
            ),
            None => format!("not even a batch of 1 fits: make the layer smaller, {ANOTHER}"),
        };
        Some((what, help))
    }

    /// The layer with the most parameters, in words.
    fn largest_layer(&self) -> String {
        let layers = self.network.summary().into_iter();
        layers
            .max_by_key(|layer| layer.parameters)
            .map(|layer| format!("`{}` with its {}", layer.name, layer.parameters))
            .unwrap_or_default()
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// So many of the largest layers are tried for a width that fits.
const TRIED: usize = 3;

/// The one layer that must be narrower for the parameters to fit into `limit` bytes: its key, its width, and the largest that fits.
/// The last layer is as wide as there are classes. Where making one layer narrower is not enough, there is none.
pub(super) fn width_that_fits(
    config: &Config,
    network: &Network,
    data: &Resident,
    limit: u64,
) -> Option<(String, usize, usize)> {
    let fits = |config: &Config| {
        let network = Network::new(config, data.signal(), data.classes);
        network.is_ok_and(|network| 4 * network.slab_elements as u64 <= limit)
    };
    let parameters: Vec<usize> = (network.summary().iter())
        .map(|layer| layer.parameters)
        .collect();
    // The width of a layer that a block or a repetition made cannot be set for it alone.
    let own = |&index: &usize| !config.layers[index].name.contains('/');
    let mut hidden: Vec<usize> = (0..config.layers.len().saturating_sub(1))
        .filter(own)
        .collect();
    hidden.sort_by_key(|&index| std::cmp::Reverse(parameters[index]));
    let candidates = hidden.into_iter().take(TRIED).filter_map(|index| {
        let now = *width(&mut config.clone(), index)?;
        let with = |value: usize| {
            let mut smaller = config.clone();
            *width(&mut smaller, index)? = value;
            Some(smaller)
        };
        // Parameters grow with the width: bisection between one that fits and one that does not.
        let (mut low, mut high) = (1, now);
        if !fits(&with(low)?) {
            return None;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(&with(middle)?) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let layer = &config.layers[index];
        let key = match layer.kind {
            LayerKind::Conv2d(_) => "out_channels",
            LayerKind::Recurrent(_) => "hidden",
            _ => "out_features",
        };
        Some((format!("layer.{}.{key}", layer.name), now, low))
    });
    // The one that loses the least.
    candidates.max_by(|a, b| {
        let kept = |(_, now, fits): &(String, usize, usize)| *fits as f64 / *now as f64;
        kept(a).total_cmp(&kept(b))
    })
}

/// How wide a layer is, if it has a width that can be any number.
fn width(config: &mut Config, index: usize) -> Option<&mut usize> {
    match &mut config.layers[index].kind {
        LayerKind::Conv2d(conv) if conv.groups == 1 => Some(&mut conv.out_channels),
        LayerKind::Dense(dense) => Some(&mut dense.out_features),
        LayerKind::Recurrent(layer) => Some(&mut layer.hidden),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::step::{self, Pass};
    use super::*;
    use crate::config;
    use crate::graph::DType;
    use crate::ops::gather_batch::Normalization;

    const WIDE: &str = "[data]\nsource = \"digits\"\n[train]\nbatch = 64\n[optimizer]\nkind = \"sgd\"\n\
        [[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 1000\n\
        [[layer]]\nkind = \"dense\"\nout_features = 10\n";

    fn data(samples: usize) -> Resident {
        Resident {
            samples,
            sample_shape: [8, 8, 1],
            dtype: DType::U8,
            classes: 10,
            regression: false,
            weighted: false,
            window_bytes: None,
            normalization: Normalization {
                divide_by: 1.0,
                mean: vec![0.0],
                std: vec![1.0],
            },
            windows: None,
        }
    }

    fn wide(batch: usize) -> Config {
        let sets = [format!("train.batch={batch}")];
        config::parse("wide.toml", WIDE, &sets).expect("a configuration")
    }

    fn network() -> Network {
        Network::new(&wide(64), [8, 8, 1], 10).expect("a network")
    }

    fn refusal(
        batch: usize,
        samples: usize,
        limit: u64,
        fitting: Fitting,
    ) -> Option<(String, String)> {
        let (config, network, data) = (wide(batch), network(), data(samples));
        let pass = Pass {
            name: "training",
            part: 0..samples,
        };
        let step = step::training(&network, &config, &data, &pass);
        let demand = Demand {
            network: &network,
            data: &data,
            batch,
            plans: &[&Plan::new(&step, &[])],
        };
        let fitting = std::cell::Cell::new(Some(fitting));
        demand.refusal(limit, |_| fitting.take().expect("asked once"))
    }

    #[test]
    fn what_fits_is_not_refused() {
        assert!(
            refusal(64, 100, 1 << 20, Fitting::default()).is_none(),
            "fits"
        );
    }

    #[test]
    fn parameters_beyond_a_binding_are_counted_and_a_width_that_fits_is_named() {
        // 1000 · 64 + 1000 + 10 · 1000 + 10 = 75,010 numbers; 64 KiB hold 16,384.
        let width = width_that_fits(&wide(64), &network(), &data(100), 1 << 16);
        let Some((key, 1000, fits)) = width.clone() else {
            panic!("{width:?}");
        };
        assert_eq!(key, "layer.dense1.out_features");
        let parameters = |width: usize| width * 75 + 10;
        assert!(parameters(fits) <= 16_384, "{fits} fits");
        assert!(parameters(fits + 4) > 16_384, "{fits} is about the most");
        let (what, help) =
            refusal(64, 100, 1 << 16, Fitting { batch: None, width }).expect("refused");
        assert!(what.contains("75010 parameters"), "{what}");
        assert!(what.ends_with(": 16384 parameters"), "{what}");
        let set = format!("--set layer.dense1.out_features={fits}");
        assert!(help.contains(&set), "{help}");
        let (_, help) = refusal(64, 100, 1 << 16, Fitting::default()).expect("refused");
        assert!(help.contains("`dense1` with its 65000"), "{help}");
    }

    #[test]
    fn samples_beyond_a_binding_are_counted() {
        let (what, help) = refusal(64, 20_000, 1 << 20, Fitting::default()).expect("refused");
        assert!(what.contains("20000 samples"), "{what}");
        assert!(what.ends_with(": 16384 samples"), "{what}");
        assert!(help.contains("fewer"), "{help}");
    }

    #[test]
    fn a_batch_beyond_a_binding_names_the_kernel_and_a_batch_that_fits() {
        // Just enough for the parameters: 300 KB, and for a batch of 64 rows of 1000 floats, but not of 640.
        let limit = 4 * network().slab_elements as u64;
        assert!(
            refusal(64, 100, limit, Fitting::default()).is_none(),
            "256 KB of activations fit"
        );
        let fitting = Fitting {
            batch: Some(32),
            width: None,
        };
        let (what, help) = refusal(640, 100, limit, fitting).expect("refused");
        assert!(what.starts_with("a batch of 640 needs "), "{what}");
        assert!(what.contains("(dense1/"), "{what}");
        assert!(help.contains("--set train.batch=32"), "{help}");
        let (_, help) = refusal(640, 100, limit, Fitting::default()).expect("refused");
        assert!(help.contains("not even a batch of 1"), "{help}");
    }
}
