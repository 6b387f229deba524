//! `anygrad train --overfit`: can the network learn one batch by heart?

use super::super::format;
use super::super::output::{Mark, Out};
use super::super::signals;
use super::{Options, PREPARING, configuration, objects, tune};
use crate::error::{Error, Result};
use crate::train::{self, Control, Event, Request, Stop};

/// Steps on the one batch.
const STEPS: u32 = 300;

pub(super) fn run(options: &Options, out: &Out) -> Result<()> {
    let stop = Stop::default();
    let request = Request {
        config: configuration(options)?,
        data: options.data.clone(),
        fold: None,
        init: options.init.clone(),
        adapter: options.device.choice(),
        trust: options.device.trust(),
        tune: tune(&options.tune)?,
        control: Control {
            stop: stop.clone(),
            ..Control::default()
        },
        profile: false,
    };
    signals::catch(&stop)?;
    out.begin_spinner(PREPARING);
    let learned = train::overfit(&request, STEPS, &mut |event| {
        match event {
            Event::Start(start) => {
                out.end_bar();
                out.line(format!(
                    "{STEPS} steps on one batch of {} samples of {}, on {}",
                    start.samples[0],
                    format::clean(&start.data),
                    format::clean(&start.adapter)
                ))?;
                out.begin_bar(start.steps);
            }
            Event::Progress(progress) => {
                let loss = format!("loss {}", format::loss(progress.train.loss));
                out.bar(String::new(), progress.step, &[loss]);
            }
            _ => {}
        }
        Ok(())
    });
    out.end_bar();
    let learned = learned?;
    out.object(&objects::Overfit::from(&learned))?;
    let loss = |loss: f32| format::loss(f64::from(loss));
    let went = format!(
        "its loss went from {} to {}",
        loss(learned.first),
        loss(learned.last)
    );
    if learned.is_learned() {
        let text = format!("{went}: the network can learn it by heart");
        return out.marked(Mark::Good, "learned:", &text);
    }
    Err(Error::check(
        format!("one batch was not learned by heart: {went} in {STEPS} steps"),
        "try a larger or smaller optimizer.learning_rate first; then look at the last layer, the loss and the scale of the data \
         (divide_by, mean, std)",
    ))
}
