//! `report.html`: a run as a page of its own, without a network, a script or another file.

use std::fmt::Write as _;

use super::Document;
use super::numbers::{bytes, count, measured, optional, percent, seconds};
use super::pictures;
use super::svg::{self, COLORS, FIGURE_STYLE, Figure, escape};
use crate::metrics::Classification;
use crate::train::{Classes, Measured, Metric};

pub(super) const STYLE: &str = "\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-variant-numeric:tabular-nums}\
main{max-width:1120px;margin:0 auto;padding:40px 20px 64px}\
h1{font-size:clamp(30px,6vw,44px);line-height:1.1;margin:0 0 10px;letter-spacing:-.02em;overflow-wrap:anywhere}\
h2{font-size:21px;margin:52px 0 14px;letter-spacing:-.01em}p{margin:0 0 10px;max-width:70ch}\
.kicker{color:var(--muted);font-size:13px;letter-spacing:.08em;text-transform:uppercase;margin-bottom:6px}.muted{color:var(--muted)}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(148px,1fr));gap:12px;margin:26px 0 0}\
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 18px;min-width:0}\
.tile b{display:block;font-size:25px;line-height:1.25;font-weight:650;letter-spacing:-.01em}.tile span{color:var(--muted);font-size:13.5px}\
.tile.first b{color:var(--s0)}\
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px;align-items:start}\
svg.figure{display:block;width:100%;height:auto}\
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}\
table{border-collapse:collapse;width:100%;font-size:14.5px}th{font-weight:600;color:var(--muted);font-size:13px}\
th,td{padding:7px 12px 7px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th:first-child,td:first-child,.words{text-align:left}tr:last-child td{border-bottom:0}tr.sum td{font-weight:600}\
.bar{display:inline-block;height:8px;border-radius:4px;background:var(--s0);vertical-align:1px;margin-left:8px}\
.track{display:inline-block;width:84px;text-align:left}\
.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(118px,1fr));gap:12px}\
.samples figure{margin:0;padding:10px}.samples img{display:block;width:100%;aspect-ratio:1;object-fit:contain;image-rendering:pixelated;\
border-radius:6px;background:#000}.samples figcaption{font-size:13px;line-height:1.4;margin-top:8px;overflow-wrap:anywhere}\
.legend span{margin-right:18px;white-space:nowrap}.legend i{display:inline-block;width:18px;height:4px;border-radius:2px;margin-right:7px;vertical-align:4px}\
.is{color:var(--s0);font-weight:600}.not{color:var(--s1);font-weight:600}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 20px;margin:0;font-size:14.5px}dt{color:var(--muted)}\
dd{margin:0;overflow-wrap:anywhere}\
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
pre{margin:12px 0 0;padding:14px 16px;background:var(--bg);border:1px solid var(--line);border-radius:8px;overflow-x:auto}\
summary{cursor:pointer;font-weight:600}details{margin-top:14px}footer{margin-top:52px;color:var(--muted);font-size:13.5px}\
@media(max-width:560px){main{padding:26px 14px 48px}.card{padding:13px 13px}h2{margin-top:40px}\
.tiles{grid-template-columns:1fr 1fr}.tile b{font-size:21px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}}\
@media print{.card{break-inside:avoid}}";

/// The whole page.
pub(super) fn html(document: &Document<'_>) -> String {
    let name = escape(&document.start.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{name} · anygrad</title><style>{COLORS}{STYLE}{FIGURE_STYLE}</style></head>\n<body><main>\n"
    );
    head(document, &mut page);
    curves(document, &mut page);
    if let Some((names, classes)) = document.classes() {
        test(names, &classes.scores, &mut page);
        mistakes(document, &mut page);
    }
    values(document, &mut page);
    network(document, &mut page);
    circumstances(document, &mut page);
    let _ = writeln!(
        page,
        "<footer>Written by anygrad {}. The numbers behind this page are in <code>metrics.csv</code> and \
         <code>summary.json</code> beside it.</footer>\n</main></body></html>",
        env!("CARGO_PKG_VERSION")
    );
    page
}

fn head(document: &Document<'_>, page: &mut String) {
    let (start, outcome) = (document.start, document.outcome);
    let [train, validation, test] = start.samples.map(|samples| count(samples as u64));
    let _ = writeln!(
        page,
        "<header><p class=\"kicker\">training run</p><h1>{}</h1><p class=\"muted\">{} layers with {} parameters, trained on {} \
         ({train} samples; {validation} to validate, {test} to test) for {} steps of {} in {}, on {}.</p></header>",
        escape(&start.name),
        start.layers.len(),
        count(start.parameters as u64),
        escape(&start.data),
        count(outcome.steps),
        start.batch,
        seconds(outcome.train_seconds),
        escape(&start.adapter.name),
    );
    let mut tiles: Vec<(String, &str)> = Vec::new();
    if let Some(test) = &outcome.test {
        tiles.push(match test.metric {
            Metric::Accuracy(share) => (percent(share), "test accuracy"),
            Metric::Rmse(error) => (measured(error), "test error (RMSE)"),
        });
        tiles.push((measured(test.loss), "test loss"));
    }
    if let Some((_, Classes { scores, .. })) = document.classes() {
        tiles.extend([
            (percent(scores.macro_mean.f1), "F1, mean of the classes"),
            (optional(scores.roc_auc), "ROC-AUC, one against the rest"),
            (percent(scores.calibration.ece), "calibration error"),
        ]);
    }
    if let Some(Measured::Text(text)) = outcome.evaluation.as_ref().map(|test| &test.measured) {
        tiles.extend([
            (measured(text.bits_per_character), "bits per character"),
            (measured(text.perplexity), "perplexity"),
        ]);
    }
    let trained = start.batch as f64 * outcome.steps as f64 / outcome.train_seconds.max(1e-9);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate, saturating"
    )]
    let rate = trained as u64;
    tiles.push((count(rate), "samples a second"));
    page.push_str("<div class=\"tiles\">");
    for (i, (value, what)) in tiles.iter().enumerate() {
        let first = if i == 0 { " first" } else { "" };
        let _ = write!(
            page,
            "<div class=\"card tile{first}\"><b>{value}</b><span>{what}</span></div>"
        );
    }
    page.push_str("</div>\n");
}

fn curves(document: &Document<'_>, page: &mut String) {
    let figures = document.curves();
    if figures.is_empty() {
        return;
    }
    page.push_str("<h2>Learning</h2><div class=\"two\">");
    for figure in figures {
        card(&figure, page);
    }
    page.push_str("</div>\n");
}

fn card(figure: &Figure, page: &mut String) {
    let _ = write!(page, "<div class=\"card\">{}</div>", figure.inline());
}

fn test(names: &[String], scores: &Classification, page: &mut String) {
    let samples = count(scores.samples as u64);
    let _ = write!(
        page,
        "<h2>On the {samples} test samples</h2><div class=\"two\">"
    );
    if let Some(figure) = svg::confusion(names, &scores.confusion) {
        card(&figure, page);
    }
    card(&svg::reliability(&scores.calibration), page);
    page.push_str(
        "</div>\n<h2>Class by class</h2><div class=\"card scroll\"><table><tr><th>class</th>",
    );
    for name in ["precision", "recall", "F1", "ROC-AUC", "PR-AUC", "samples"] {
        let _ = write!(page, "<th>{name}</th>");
    }
    page.push_str("</tr>");
    for (name, class) in names.iter().zip(&scores.classes) {
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}<span class=\"track\"><span class=\"bar\" style=\"width:{:.0}px\"></span></span></td>\
             <td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            percent(class.precision),
            percent(class.recall),
            percent(class.f1),
            class.f1 * 76.0,
            optional(class.roc_auc),
            optional(class.pr_auc),
            count(class.support),
        );
    }
    let mean = &scores.macro_mean;
    let _ = writeln!(
        page,
        "<tr class=\"sum\"><td>mean</td><td>{}</td><td>{}</td><td>{}<span class=\"track\"></span></td><td>{}</td><td>{}</td><td>{samples}</td></tr>\
         </table></div>",
        percent(mean.precision),
        percent(mean.recall),
        percent(mean.f1),
        optional(scores.roc_auc),
        optional(scores.pr_auc),
    );
}

/// The errors of each number of a regression.
fn values(document: &Document<'_>, page: &mut String) {
    let Some(evaluation) = &document.outcome.evaluation else {
        return;
    };
    let Measured::Values(values) = &evaluation.measured else {
        return;
    };
    let samples = count(evaluation.samples as u64);
    let _ = write!(
        page,
        "<h2>On the {samples} test samples</h2><div class=\"card scroll\"><table><tr><th>number</th><th>mean absolute error</th>\
         <th>RMSE</th><th>R²</th></tr>"
    );
    for (name, scores) in evaluation.names.iter().zip(&values.scores) {
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            measured(scores.mae),
            measured(scores.rmse),
            optional(scores.r2),
        );
    }
    page.push_str("</table></div>\n");
}

fn mistakes(document: &Document<'_>, page: &mut String) {
    let (outcome, shape) = (document.outcome, document.outcome.model.sample_shape);
    if outcome.mistakes.is_empty() || !pictures::are_pictures(shape) {
        return;
    }
    page.push_str("<h2>Where it is most wrong</h2><div class=\"samples\">");
    let name = |class: usize| escape(outcome.model.classes.get(class).map_or("?", String::as_str));
    for mistake in &outcome.mistakes {
        let picture = pictures::base64(&pictures::png(&mistake.pixels, shape));
        let [label, guess] = [mistake.label, mistake.guess].map(name);
        let _ = write!(
            page,
            "<figure class=\"card\"><img alt=\"test sample {}\" src=\"data:image/png;base64,{picture}\">\
             <figcaption>is <span class=\"is\">{label}</span>, not <span class=\"not\">{guess}</span><br>\
             <span class=\"muted\">{} sure</span></figcaption></figure>",
            mistake.sample,
            percent(f64::from(mistake.confidence)),
        );
    }
    page.push_str("</div>\n");
}

fn network(document: &Document<'_>, page: &mut String) {
    page.push_str(
        "<h2>Network</h2><div class=\"card scroll\"><table><tr><th>layer</th><th class=\"words\">kind</th>\
         <th>output</th><th>parameters</th></tr>",
    );
    for layer in &document.start.layers {
        let extents: Vec<String> = layer.output.iter().map(ToString::to_string).collect();
        let parameters = match layer.parameters {
            0 => "–".to_owned(),
            parameters => count(parameters as u64),
        };
        let _ = write!(
            page,
            "<tr><td>{}</td><td class=\"words\">{}</td><td>{}</td><td>{parameters}</td></tr>",
            escape(&layer.name),
            escape(&layer.kind),
            extents.join(" × "),
        );
    }
    let _ = writeln!(
        page,
        "<tr class=\"sum\"><td>total</td><td></td><td></td><td>{}</td></tr></table></div>",
        count(document.start.parameters as u64)
    );
}

fn circumstances(document: &Document<'_>, page: &mut String) {
    let (start, outcome) = (document.start, document.outcome);
    let adapter = &start.adapter;
    let rows = [
        (
            "adapter",
            format!("{} ({}, {})", adapter.name, adapter.backend, adapter.kind),
        ),
        (
            "driver",
            format!("{} {}", adapter.driver, adapter.driver_info),
        ),
        ("seed", start.seed.to_string()),
        (
            "memory on the adapter",
            format!(
                "{} at the peak, of these {} data",
                bytes(start.planned_bytes),
                bytes(start.data_bytes)
            ),
        ),
        (
            "time",
            format!(
                "{} to get ready, {} of training",
                seconds(outcome.startup_seconds),
                seconds(outcome.train_seconds)
            ),
        ),
        ("version", format!("anygrad {}", env!("CARGO_PKG_VERSION"))),
    ];
    page.push_str("<h2>To get it again</h2><div class=\"card\"><dl>");
    for (name, value) in rows {
        let _ = write!(page, "<dt>{name}</dt><dd>{}</dd>", escape(value.trim()));
    }
    let _ = writeln!(
        page,
        "</dl><details><summary>config.toml</summary><pre>{}</pre></details></div>",
        escape(&document.config)
    );
}

#[cfg(test)]
mod tests {
    use super::super::fabricated;
    use super::*;

    #[test]
    fn the_page_stands_alone_and_holds_what_is_known() {
        let page = fabricated::with_document(html);
        for part in [
            "<!doctype html>",
            "prefers-color-scheme:dark",
            "name=\"viewport\"",
            "Class by class",
            "Radeon RX 6700",
            "<svg class=\"figure\"",
            "data:image/png;base64,",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        for outside in ["http://", "https://", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        for element in [
            "div", "table", "tr", "td", "figure", "svg", "section", "details", "dl", "main",
            "header",
        ] {
            let opened = page.matches(&format!("<{element}>")).count()
                + page.matches(&format!("<{element} ")).count();
            let closed = page.matches(&format!("</{element}>")).count();
            assert_eq!(opened, closed, "{element}");
        }
    }

    #[test]
    fn names_from_outside_cannot_become_elements() {
        let page = fabricated::with_document(|document| {
            let mut start = document.start.clone();
            start.name = "<b>&".to_owned();
            start.data = "</p><script>".to_owned();
            start.adapter.name = "\"><img>".to_owned();
            html(&Document {
                start: &start,
                ..document.clone()
            })
        });
        assert!(
            !page.contains("<script>") && !page.contains("<b>&") && !page.contains("<img>"),
            "all is escaped"
        );
    }
}
