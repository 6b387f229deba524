//! A language model that goes on with a text, character by character.

use super::evaluate::{network_of_run, slab_of_run};
use super::limits::{Demand, Fitting};
use super::session::Session;
use super::step::{self, Resident, buffers};
use super::{Trained, resident};
use crate::data::Windows;
use crate::data::text::{self, Piece};
use crate::error::{Error, Result};
use crate::gpu::{Choice, Executor, Gpu, Trust};
use crate::graph::{DType, Value};
use crate::metrics;
use crate::ops::gather_batch::Normalization;
use crate::plan::Plan;
use crate::rng::{Sequence, Stream};

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// What it goes on from; `None` for a line break, where the network knows one.
    pub prompt: Option<String>,
    /// Characters to add.
    pub tokens: usize,
    /// Logits are divided by this before one is drawn; with 0 the most probable is always taken.
    pub temperature: f64,
    /// Only so many of the most probable are drawn from.
    pub top_k: Option<usize>,
    /// What is drawn by.
    pub seed: u64,
}

/// The most unknown characters that are named.
const MOST_UNKNOWN: usize = 10;

/// Goes on with a prompt, and tells each character as it comes.
///
/// # Errors
/// If the network is no language model, does not know a character of the prompt, or sees what it shall predict; whatever is wrong with
/// the device; an error of `tell` ends it.
pub fn generate(
    trained: &Trained,
    wish: &Wish,
    adapter: &Choice,
    trust: Trust,
    tell: &mut dyn FnMut(char) -> Result<()>,
) -> Result<()> {
    let vocabulary = &trained.model.classes;
    let mut ids = prompt(trained, wish)?;
    let mut writer = Writer::new(trained, adapter, trust)?;
    writer.refuse_looking_ahead()?;
    let mut sequence = Sequence::new(wish.seed, Stream::Generation, 0);
    for _ in 0..wish.tokens {
        let logits = writer.next(&ids)?;
        let id = choose(&logits, wish.temperature, wish.top_k, &mut sequence);
        let name = vocabulary.get(id).and_then(|name| name.chars().next());
        tell(name.expect("a network has an output for every character"))?;
        ids.push(u32::try_from(id).expect("characters are counted in 32 bits"));
        // What no window will hold again need not be kept.
        let beyond = ids.len().saturating_sub(writer.context);
        ids.drain(..beyond);
    }
    Ok(())
}

/// The ids that a text begins with.
fn prompt(trained: &Trained, wish: &Wish) -> Result<Vec<u32>> {
    let vocabulary = &trained.model.classes;
    if !trained.model.text {
        return Err(Error::usage(
            "the network was not trained on a text: it says nothing of what comes next",
            "train one with source = \"text\" under [data]; `anygrad predict` asks other networks",
        ));
    }
    let given = match &wish.prompt {
        None => match text::ids("\n", vocabulary) {
            Ok(ids) => return Ok(ids),
            Err(_) => "",
        },
        Some(given) => given.as_str(),
    };
    if given.is_empty() {
        return Err(Error::usage(
            "the prompt is empty: there is nothing to go on from",
            "give the beginning of a text, as in --prompt \"The \"",
        ));
    }
    text::ids(given, vocabulary).map_err(|unknown| {
        let named: Vec<String> = unknown
            .iter()
            .take(MOST_UNKNOWN)
            .map(|c| format!("{c:?}"))
            .collect();
        let more = match unknown.len().saturating_sub(MOST_UNKNOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let known: String = vocabulary.iter().flat_map(|name| name.escape_debug()).collect();
        let known: String = known.chars().take(200).collect();
        Error::usage(
            format!(
                "the network does not know {}{more} of the prompt: the text it was trained on has no such character",
                named.join(", ")
            ),
            format!("use the characters that it has: {known}"),
        )
    })
}

/// The place that is drawn: that of the largest logit at temperature 0; else by their softmax at this temperature, among the `top_k`
/// largest. Of equal logits the first counts as the larger.
fn choose(
    logits: &[f32],
    temperature: f64,
    top_k: Option<usize>,
    sequence: &mut Sequence,
) -> usize {
    if temperature == 0.0 {
        return metrics::most_probable(logits);
    }
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
    order.truncate(top_k.unwrap_or(order.len()).max(1));
    let largest = f64::from(logits[order[0]]);
    let shares: Vec<f64> = order
        .iter()
        .map(|&place| ((f64::from(logits[place]) - largest) / temperature).exp())
        .collect();
    let mut left = sequence.uniform() * shares.iter().sum::<f64>();
    for (&place, share) in order.iter().zip(&shares) {
        left -= share;
        if left < 0.0 {
            return place;
        }
    }
    order[0]
}

/// A trained language model on the device.
///
/// Each character is asked for with a window from its beginning to the last character, computed anew: what a layer remembers of the
/// characters before (the keys and values of an attention, the state of a recurrent layer) is not kept from one to the next.
struct Writer {
    session: Session,
    executor: Executor,
    logits: Value,
    context: usize,
    vocabulary: usize,
}

impl Writer {
    fn new(trained: &Trained, adapter: &Choice, trust: Trust) -> Result<Self> {
        let Trained {
            config,
            model,
            weights,
        } = trained;
        let network = network_of_run(config, model)?;
        let slab = slab_of_run(weights, &network)?;
        let context = model.sample_shape[2];
        let piece = Piece {
            windows: 0..1,
            first: 0,
            stride: 1,
        };
        let data = Resident {
            samples: 1,
            sample_shape: model.sample_shape,
            dtype: DType::U32,
            classes: model.outputs(),
            regression: false,
            weighted: false,
            window_bytes: None,
            normalization: Normalization::default(),
            windows: Some(Windows {
                // A window, and a place for what follows it.
                tokens: context + 1,
                context,
                pieces: [piece.clone(), piece.clone(), piece],
            }),
        };
        let gpu = Gpu::open(adapter, trust)?;
        let (graph, logits) = step::next(&network, config, &data);
        let plan = Plan::for_target(graph, &[logits], &gpu.target());
        let demand = Demand {
            network: &network,
            data: &data,
            batch: 1,
            plans: &[&plan],
        };
        demand.check(&gpu, |_| Fitting::default())?;
        let mut session = Session::new(gpu, resident::measure(model));
        session.write_parameters(&network, &slab)?;
        let Session {
            gpu,
            memory,
            kernels,
            ..
        } = &mut session;
        let executor = Executor::new(gpu, memory, kernels, plan)?;
        Ok(Self {
            session,
            executor,
            logits,
            context,
            vocabulary: model.outputs(),
        })
    }

    /// What the network says comes behind these characters, of which it sees the last that fit into a window. A text that is shorter
    /// than that stands at the window's beginning; what lies behind it cannot matter to a network that does not look ahead.
    fn next(&mut self, ids: &[u32]) -> Result<Vec<f32>> {
        let seen = &ids[ids.len().saturating_sub(self.context)..];
        self.ask(seen, seen.len() - 1)
    }

    /// The logits behind the character at `place` of a window that begins with `seen`.
    fn ask(&mut self, seen: &[u32], place: usize) -> Result<Vec<f32>> {
        let mut window = vec![0; self.context + 1];
        window[..seen.len()].copy_from_slice(seen);
        let Session { gpu, memory, .. } = &mut self.session;
        let bytes = (window.len() * 4).next_multiple_of(16);
        memory.write(gpu, buffers::SAMPLES, bytes, &window)?;
        let place = u32::try_from(place).expect("a place in a window");
        memory.write(gpu, buffers::POSITION, 16, &[place])?;
        self.executor.submit(gpu, memory, 1, None)?;
        let words = self.executor.read(gpu, self.logits)?;
        let logits: Vec<f32> = words[..self.vocabulary]
            .iter()
            .map(|&word| f32::from_bits(word))
            .collect();
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(Error::check(
                "what the network says of the text is not a number",
                "the training diverged until the network overflows: train again, with a smaller learning rate",
            ));
        }
        Ok(logits)
    }

    /// Refuses a network whose answer for the first character depends on those behind it.
    fn refuse_looking_ahead(&mut self) -> Result<()> {
        if self.context == 1 {
            return Ok(());
        }
        let last = u32::try_from(self.vocabulary - 1).expect("characters are counted in 32 bits");
        let alone = self.ask(&[0], 0)?;
        let followed = self.ask(&[&[0][..], &vec![last; self.context - 1]].concat(), 0)?;
        if alone == followed {
            return Ok(());
        }
        Err(Error::check(
            "the network looks ahead: what it says of a character depends on those behind it, which are not there when it writes",
            "train with layers that only look back, such as attention with `causal = true`; its loss so far says nothing, since it saw \
             what it was to predict",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(temperature: f64, top_k: Option<usize>) -> Vec<usize> {
        let mut sequence = Sequence::new(7, Stream::Test, 0);
        let logits = [0.0, 2.0, 1.0, 2.0, -1.0];
        let mut counts = vec![0; logits.len()];
        for _ in 0..4000 {
            counts[choose(&logits, temperature, top_k, &mut sequence)] += 1;
        }
        counts
    }

    #[test]
    fn without_temperature_the_first_of_the_largest_is_taken() {
        assert_eq!(drawn(0.0, None), [0, 4000, 0, 0, 0]);
        assert_eq!(drawn(0.0, Some(3)), [0, 4000, 0, 0, 0]);
    }

    #[test]
    fn logits_are_drawn_by_their_softmax_among_the_largest() {
        let share = |counts: &[usize], place: usize| counts[place] as f64 / 4000.0;
        for (temperature, top_k) in [(1.0, None), (0.5, None), (1.0, Some(3)), (2.0, Some(9))] {
            let counts = drawn(temperature, top_k);
            let kept: &[usize] = match top_k {
                Some(3) => &[1, 2, 3],
                _ => &[0, 1, 2, 3, 4],
            };
            let weight = |place: usize| {
                let logits: [f64; 5] = [0.0, 2.0, 1.0, 2.0, -1.0];
                match kept.contains(&place) {
                    true => (logits[place] / temperature).exp(),
                    false => 0.0,
                }
            };
            let sum: f64 = (0..5).map(weight).sum();
            for place in 0..5 {
                let wanted = weight(place) / sum;
                let found = share(&counts, place);
                // Four standard deviations of a share of 4000 draws.
                let off = 4.0 * (wanted * (1.0 - wanted) / 4000.0).sqrt();
                assert!((found - wanted).abs() <= off, "{found} is not {wanted}");
            }
        }
        assert_eq!(drawn(1.0, Some(1)), [0, 4000, 0, 0, 0]);
    }

    #[test]
    fn a_small_temperature_does_not_overflow() {
        assert_eq!(drawn(1e-300, None).iter().sum::<usize>(), 4000);
        assert_eq!(
            drawn(1e-300, None)[1..4],
            [4000 - drawn(1e-300, None)[3], 0, drawn(1e-300, None)[3]]
        );
    }
}
