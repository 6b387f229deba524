//! A profile as the trace of a browser: `trace.json`, which <https://ui.perfetto.dev> and `chrome://tracing` open.
//!
//! The format is the Trace Event Format: complete events (`ph: "X"`) with begin and duration in microseconds.

use serde::Serialize;

use crate::train::Profile;

/// The whole file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace<'a> {
    trace_events: Vec<Event<'a>>,
    display_time_unit: &'static str,
}

/// A span of time, or (`ph: "M"`) the name of a track.
#[derive(Debug, Serialize)]
struct Event<'a> {
    name: &'a str,
    cat: &'static str,
    ph: &'static str,
    /// Microseconds.
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    pid: u32,
    tid: u32,
    args: Arguments<'a>,
}

#[derive(Debug, Default, Serialize)]
struct Arguments<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flops: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

/// The tracks: from steps to layers to kernels.
const STEPS: u32 = 1;
const LAYERS: u32 = 2;
const KERNELS: u32 = 3;

impl<'a> Trace<'a> {
    pub(super) fn new(profile: &'a Profile) -> Self {
        let mut events = Vec::new();
        for (tid, name) in [(STEPS, "steps"), (LAYERS, "layers"), (KERNELS, "kernels")] {
            events.push(Event {
                name: "thread_name",
                cat: "__metadata",
                ph: "M",
                ts: 0.0,
                dur: None,
                pid: 1,
                tid,
                args: Arguments {
                    name: Some(name),
                    ..Arguments::default()
                },
            });
        }
        for (step, laps) in profile.trace.iter().enumerate() {
            let mut span = |name, cat, tid, begin: f64, end: f64, args| {
                events.push(Event {
                    name,
                    cat,
                    ph: "X",
                    ts: begin / 1e3,
                    dur: Some((end - begin) / 1e3),
                    pid: 1,
                    tid,
                    args,
                });
            };
            let of_step = || Arguments {
                step: Some(step + 1),
                ..Arguments::default()
            };
            if let (Some(first), Some(last)) = (laps.first(), laps.last()) {
                span("step", "step", STEPS, first.begin, last.end, of_step());
            }
            // Kernels of one layer that follow each other are one span.
            let mut layer: Option<(&str, f64, f64)> = None;
            for (kernel, lap) in profile.kernels.iter().zip(laps) {
                match &mut layer {
                    Some((name, _, end)) if *name == kernel.layer() => *end = lap.end,
                    _ => {
                        if let Some((name, begin, end)) = layer.take() {
                            span(name, "layer", LAYERS, begin, end, of_step());
                        }
                        layer = Some((kernel.layer(), lap.begin, lap.end));
                    }
                }
                let args = Arguments {
                    kernel: Some(&kernel.kernel),
                    flops: Some(kernel.flops),
                    bytes: Some(kernel.bytes),
                    ..of_step()
                };
                span(&kernel.label, "kernel", KERNELS, lap.begin, lap.end, args);
            }
            if let Some((name, begin, end)) = layer {
                span(name, "layer", LAYERS, begin, end, of_step());
            }
        }
        Self {
            trace_events: events,
            display_time_unit: "ns",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fabricated;

    #[test]
    fn a_trace_has_a_span_for_each_step_layer_and_kernel() {
        let profile = fabricated::profile();
        let trace = serde_json::to_value(Trace::new(&profile)).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let of = |cat: &str| events.iter().filter(|event| event["cat"] == cat).count();
        assert_eq!(
            (of("__metadata"), of("step"), of("layer"), of("kernel")),
            (3, 1, 2, 3)
        );
        let first = events.iter().find(|event| event["cat"] == "layer").unwrap();
        assert_eq!(
            (&first["name"], &first["ts"], &first["dur"]),
            (&"conv1".into(), &0.0.into(), &3.0.into())
        );
        let last = events
            .iter()
            .rfind(|event| event["cat"] == "kernel")
            .unwrap();
        assert_eq!(last["ph"], "X");
        assert_eq!(last["name"], "dense1/matmul.forward");
        assert_eq!((&last["ts"], &last["dur"]), (&3.5.into(), &0.5.into()));
        assert_eq!(last["args"]["kernel"], "matmul.forward_nt");
    }
}
