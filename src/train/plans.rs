//! The plans of a training, and what of a batch fits into the memory they are for.

use super::step::{self, Pass};
use super::tuning::Planner;
use crate::config::{Config, MAX_PARTS, MicroBatch};
use crate::data::Dataset;
use crate::graph::{Target, Value};
use crate::nn::Network;
use crate::plan::Plan;

/// The parts of the data set.
pub(super) struct Passes {
    pub(super) training: Pass,
    pub(super) validation: Pass,
    pub(super) test: Pass,
}

impl Passes {
    pub(super) fn of(dataset: &Dataset) -> Self {
        let pass = |name, part: &std::ops::Range<usize>| Pass {
            name,
            part: part.clone(),
        };
        Self {
            training: pass("training", &dataset.parts.train),
            validation: pass("validation", &dataset.parts.validation),
            test: pass("test", &dataset.parts.test),
        }
    }
}

/// The plans of a training; parts without samples have none.
pub(super) struct Plans {
    pub(super) training: Plan,
    pub(super) validation: Option<Plan>,
    pub(super) test: Option<Plan>,
    /// The tensor of the test plan that holds what the network says, where that is kept.
    pub(super) test_answers: Option<Value>,
}

impl Plans {
    /// The plans for an adapter of this kind, every kernel as it is guessed to be best.
    pub(super) fn new(
        network: &Network,
        config: &Config,
        data: &step::Resident,
        passes: &Passes,
        target: &Target,
    ) -> Self {
        let plans = Self::by(network, config, data, passes, &mut |graph, keep| {
            Ok::<_, std::convert::Infallible>(Plan::for_target(graph, keep, target))
        });
        let Ok(plans) = plans;
        plans
    }

    /// The plans that `plan` makes of the graphs; what the test says of each sample is kept.
    pub(super) fn by<E>(
        network: &Network,
        config: &Config,
        data: &step::Resident,
        passes: &Passes,
        plan: &mut Planner<'_, E>,
    ) -> Result<Self, E> {
        let training = plan(step::training(network, config, data, &passes.training), &[])?;
        let mut evaluation = |pass: &Pass, keeps_answers: bool| {
            if pass.part.is_empty() {
                return Ok(None);
            }
            let (graph, answers) = step::evaluation(network, config, data, pass);
            let keep = answers.filter(|_| keeps_answers);
            Ok(Some((plan(graph, keep.as_slice())?, answers)))
        };
        let validation = evaluation(&passes.validation, false)?;
        let (test, test_answers) = evaluation(&passes.test, true)?.unzip();
        Ok(Self {
            training,
            validation: validation.map(|(plan, _)| plan),
            test,
            test_answers: test_answers.flatten(),
        })
    }

    pub(super) fn all(&self) -> Vec<&Plan> {
        std::iter::once(&self.training)
            .chain(&self.validation)
            .chain(&self.test)
            .collect()
    }

    /// Persistent buffers once, the working memory of every plan.
    pub(super) fn peak_bytes(&self) -> usize {
        let mut persistent = std::collections::BTreeMap::new();
        let mut working = 0;
        for buffer in self.all().iter().flat_map(|plan| &plan.buffers) {
            match &buffer.persistent {
                Some(name) => {
                    persistent.insert(name.as_str(), buffer.bytes);
                }
                None => working += buffer.bytes,
            }
        }
        working + persistent.values().sum::<usize>()
    }
}

/// The configuration with as many samples at a time as can be bound in pieces of at most `limit` bytes, where it leaves that open.
pub(super) fn fitted(
    network: &Network,
    config: &Config,
    data: &step::Resident,
    passes: &Passes,
    target: &Target,
    limit: u64,
) -> Config {
    let mut config = config.clone();
    if config.train.micro_batch != MicroBatch::Auto {
        return config;
    }
    let fits = |config: &Config| {
        let plans = Plans::new(network, config, data, passes, target);
        let all = plans.all();
        let mut largest = all.iter().map(|plan| plan.largest_binding().0 as u64);
        largest.all(|bytes| bytes <= limit)
    };
    // Where nothing fits, the whole batch is refused with what would.
    let whole = config.train.batch;
    let fewest = config.train.samples_per_update().div_ceil(MAX_PARTS);
    let halves = std::iter::successors(Some(whole), |rows| (*rows > 1).then(|| rows.div_ceil(2)));
    let found = halves.take_while(|&rows| rows >= fewest).find(|&rows| {
        config.train.micro_batch = MicroBatch::Rows(rows);
        fits(&config)
    });
    config.train.micro_batch = MicroBatch::Rows(found.unwrap_or(whole));
    config
}

/// The largest power-of-two fraction of the batch whose plan binds no piece above `limit`, and no more than there are samples.
pub(super) fn batch_that_fits(
    network: &Network,
    config: &Config,
    data: &step::Resident,
    passes: &Passes,
    target: &Target,
    limit: u64,
) -> Option<usize> {
    let mut smaller = config.clone();
    while smaller.train.batch > 1 {
        smaller.train.batch /= 2;
        let plans = Plans::new(network, &smaller, data, passes, target);
        if plans
            .all()
            .iter()
            .all(|plan| plan.largest_binding().0 as u64 <= limit)
        {
            return Some(smaller.train.batch.min(passes.training.part.len()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::graph::DType;
    use crate::ops::gather_batch::Normalization;

    #[test]
    fn a_batch_is_cut_into_as_few_parts_as_fit_the_adapter() {
        let text = "[data]\nsource = \"digits\"\n[train]\nbatch = 96\naccumulate = 2\nmicro_batch = \"auto\"\n[optimizer]\n\
            kind = \"sgd\"\n[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 1000\n\
            [[layer]]\nkind = \"dense\"\nout_features = 10\n";
        let config = config::parse("wide.toml", text, &[]).expect("a configuration");
        let network = Network::new(&config, [8, 8, 1], 10).expect("a network");
        let data = step::Resident {
            samples: 500,
            sample_shape: [8, 8, 1],
            dtype: DType::U8,
            classes: 10,
            regression: false,
            weighted: false,
            window_bytes: None,
            normalization: Normalization::default(),
            windows: None,
        };
        let pass = |name| Pass { name, part: 0..500 };
        let passes = Passes {
            training: pass("training"),
            validation: pass("validation"),
            test: pass("test"),
        };
        let rows = |limit| {
            let config = fitted(&network, &config, &data, &passes, &Target::FLOOR, limit);
            config.train.micro_batch
        };
        // A row has 1000 floats behind the first layer.
        let row = 4000;
        assert_eq!(rows(1 << 30), MicroBatch::Rows(96), "the whole batch fits");
        let parameters = 4 * network.slab_elements as u64;
        assert!((75 * row..96 * row).contains(&parameters), "{parameters}");
        assert_eq!(rows(parameters), MicroBatch::Rows(48), "half of it fits");
        assert_eq!(
            rows(100),
            MicroBatch::Rows(96),
            "nothing fits, which is said elsewhere"
        );
    }
}
