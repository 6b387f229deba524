//! Measurements as people read them: rows that can be printed one by one, within 80 columns.

use super::super::format::{self, Align};
use crate::bench::{Figure, KernelBench, NetBench, Probes};

/// From so many columns on, kernels are told with all their rates.
pub(super) const WIDE: usize = 120;

/// Three digits of a number that is not negative: `0.0123`, `4.56`, `789`.
fn digits(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    match number {
        n if n >= 99.95 => format::rate(n),
        n if n >= 9.995 => format!("{n:.1}"),
        n if n >= 0.0995 => format!("{n:.2}"),
        n if n >= 0.00995 => format!("{n:.3}"),
        n => format!("{n:.4}"),
    }
}

/// A share without decimals: `87 %`.
fn share(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn spread(spread: f64) -> String {
    format!("±{:.0} %", spread * 100.0)
}

/// At most so many characters; what is cut off leaves an ellipsis.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// What the adapter can do.
pub(super) fn probes(probes: &Probes) -> Vec<String> {
    let row = |name: String, scale: f64, unit: &str, figure: Figure| {
        vec![
            name,
            format!("{} {unit}", digits(figure.value * scale)),
            spread(figure.spread),
        ]
    };
    let copy = format!(
        "copy of {}, reads and writes counted",
        format::bytes(probes.copy_bytes as u64)
    );
    let mut rows = vec![
        vec!["probe".to_owned(), "median".to_owned(), String::new()],
        row(
            "multiply-adds of f32 in registers".to_owned(),
            1e-9,
            "GFLOP/s",
            probes.fma,
        ),
    ];
    rows.push(match probes.fma_f16 {
        Some(figure) => row(
            "multiply-adds of f16 in registers".to_owned(),
            1e-9,
            "GFLOP/s",
            figure,
        ),
        None => ["multiply-adds of f16: the adapter has none", "–", ""]
            .map(str::to_owned)
            .to_vec(),
    });
    rows.push(row(copy, 1e-9, "GB/s   ", probes.copy));
    for (name, figure) in [
        ("dispatch that waits for the one before", probes.dispatch),
        ("dispatch that need not wait", probes.independent),
        ("encoding a dispatch, on the host", probes.host),
        ("submitting one dispatch and waiting", probes.submit),
        ("reading 16 bytes back", probes.readback),
    ] {
        rows.push(row(name.to_owned(), 1e6, "µs     ", figure));
    }
    format::table(&[Align::Left, Align::Right, Align::Right], &rows)
}

/// The names of the columns of kernels.
pub(super) fn kernel_header(wide: bool) -> String {
    if wide {
        wide_row([
            "op", "inputs", "ms", "", "GFLOP/s", "GB/s", "of probe", "of roof", "kernels",
        ])
    } else {
        narrow_row(["op", "inputs", "ms", "", "rate", "of roof"])
    }
}

fn narrow_row([name, shape, ms, spread, rate, roof]: [&str; 6]) -> String {
    format!("{name:<22} {shape:<19} {ms:>7} {spread:>6} {rate:>12} {roof:>7}")
}

fn wide_row([name, shape, ms, spread, flops, bytes, probe, roof, kernels]: [&str; 9]) -> String {
    let row = format!(
        "{name:<30} {shape:<26} {ms:>8} {spread:>6} {flops:>8} {bytes:>6} {probe:>8} {roof:>8}  {kernels}"
    );
    row.trim_end().to_owned()
}

/// A kernel in one line.
pub(super) fn kernel(kernel: &KernelBench, probes: &Probes, wide: bool) -> String {
    let entries = {
        let mut entries = kernel.entries.clone();
        entries.dedup();
        entries.join(" + ")
    };
    let Some(timing) = kernel.timing else {
        let (name, shape) = (cut(&kernel.name, 30), cut(&kernel.shape, 26));
        return format!("{name:<30} {shape:<26} not timed");
    };
    let seconds = timing.seconds;
    let gflops = kernel.work.flops as f64 / seconds / 1e9;
    let gbps = kernel.work.bytes as f64 / seconds / 1e9;
    let of_probe = share(probes.share(&kernel.work, seconds));
    let of_roof = share(kernel.roof_seconds / seconds);
    let (ms, spread) = (digits(seconds * 1e3), spread(timing.spread));
    if wide {
        return wide_row([
            &cut(&kernel.name, 30),
            &cut(&kernel.shape, 26),
            &ms,
            &spread,
            &digits(gflops),
            &digits(gbps),
            &of_probe,
            &of_roof,
            &entries,
        ]);
    }
    // The rate that is nearer to what the adapter can do.
    let rate = if gflops * 1e9 / probes.fma.value > gbps * 1e9 / probes.copy.value {
        format!("{} GFLOP/s", digits(gflops))
    } else {
        format!("{} GB/s", digits(gbps))
    };
    let (name, shape) = (cut(&kernel.name, 22), cut(&kernel.shape, 19));
    narrow_row([&name, &shape, &ms, &spread, &rate, &of_roof])
}

fn net_row([net, batch, ms, spread, samples, gflops, roof, first, memory]: [&str; 9]) -> String {
    format!(
        "{net:<14} {batch:>5} {ms:>8} {spread:>6} {samples:>9} {gflops:>8} {roof:>7} {first:>7} {memory:>7}"
    )
}

/// The names of the columns of networks.
pub(super) fn net_header() -> String {
    net_row([
        "training",
        "batch",
        "ms/step",
        "",
        "samples/s",
        "GFLOP/s",
        "of roof",
        "first",
        "memory",
    ])
}

/// A network in one line.
pub(super) fn net(net: &NetBench) -> String {
    let seconds = net.timing.seconds;
    let [planned, fewest] = net.memory;
    net_row([
        &cut(&format::clean(&net.net), 14),
        &net.batch.to_string(),
        &digits(seconds * 1e3),
        &spread(net.timing.spread),
        &format::rate(net.samples_per_second()),
        &digits(net.work.flops as f64 / seconds / 1e9),
        &share(net.roof_seconds / seconds),
        &format::seconds(net.first_step_seconds),
        &format!("{:.3}", planned as f64 / fewest.max(1) as f64),
    ])
}

/// What stands below the tables.
pub(super) fn notes(nets: &[NetBench], seconds: f64) -> Vec<String> {
    let mut notes = Vec::new();
    if !nets.is_empty() {
        notes.push(
            "first: seconds from nothing to the end of the first step; memory: planned bytes over the fewest possible".to_owned(),
        );
    }
    let random: Vec<&str> = nets
        .iter()
        .filter(|net| net.data == "random bytes")
        .map(|net| net.net.as_str())
        .collect();
    if !random.is_empty() {
        notes.push(format!(
            "on random bytes in place of images: {}; --data gives files",
            format::clean(random.join(", "))
        ));
    }
    notes.push(format!("measured in {}", format::seconds(seconds)));
    notes
}

/// Measurements that nobody made, for tests of what is told of them.
#[cfg(test)]
pub(super) mod fabricated {
    use super::*;
    use crate::bench::{Timing, Work};

    pub(in super::super) fn probes() -> Probes {
        let figure = |value| Figure {
            value,
            spread: 0.0123,
        };
        Probes {
            fma: figure(1e11),
            fma_f16: None,
            copy: figure(8e9),
            copy_bytes: 64 << 20,
            dispatch: figure(2.7e-5),
            independent: figure(1e-6),
            host: figure(3e-7),
            submit: figure(5e-5),
            readback: figure(6e-5),
        }
    }

    pub(in super::super) fn kernel() -> KernelBench {
        KernelBench {
            name: "cross_entropy.backward_logits".to_owned(),
            shape: "32×13×13×32 64×3×3×32".to_owned(),
            entries: vec!["forward_split", "sum", "sum"],
            work: Work {
                flops: 1_000_000_000,
                bytes: 8_000_000,
                dispatches: 3,
            },
            failures: Vec::new(),
            timing: Some(Timing {
                seconds: 0.02,
                spread: 0.04,
                runs: 5,
            }),
            roof_seconds: 0.01,
        }
    }

    pub(in super::super) fn net() -> NetBench {
        NetBench {
            net: "a-network-of-a-long-name".to_owned(),
            data: "random bytes".to_owned(),
            batch: 10_000,
            timing: Timing {
                seconds: 12.345,
                spread: 0.5,
                runs: 3,
            },
            first_step_seconds: 2.25,
            work: kernel().work,
            roof_seconds: 0.01,
            memory: [110, 100],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_80_columns_or_tell_everything() {
        let probes = fabricated::probes();
        assert_eq!(
            kernel(&fabricated::kernel(), &probes, false),
            "cross_entropy.backwar… 32×13×13×32 64×3×3…    20.0   ±4 % 50.0 GFLOP/s    50 %"
        );
        assert_eq!(
            kernel(&fabricated::kernel(), &probes, true),
            "cross_entropy.backward_logits  32×13×13×32 64×3×3×32          20.0   ±4 %     50.0   0.40     50 %     50 %  forward_split + sum"
        );
        assert_eq!(
            net(&fabricated::net()),
            "a-network-of-… 10000   12,345  ±50 %       810    0.081     0 %   2.2 s   1.100"
        );
        let lines = super::probes(&probes);
        let rows = [kernel_header(false), net_header()];
        for line in lines.iter().chain(&rows) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(lines[2].contains("the adapter has none"), "{lines:?}");
    }

    #[test]
    fn numbers_keep_three_digits() {
        for (number, text) in [
            (12345.6, "12,346"),
            (99.94, "99.9"),
            (9.996, "10.0"),
            (1.234, "1.23"),
            (0.09876, "0.099"),
            (0.001234, "0.0012"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(digits(number), text);
        }
    }
}
