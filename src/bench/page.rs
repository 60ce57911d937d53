//! Benchmark files as a page of figures that needs no network, and as tables in Markdown.

mod bars;
mod roofline;
mod scaling;

use super::results::{Measurement, Per, Results, geometric_means, grouped};
use crate::{
    experiments::html::{escape, figures, page},
    plot::{self, svg},
};
use bars::Bars;
use roofline::Roofline;
use scaling::Scaling;
use std::fmt::Write as _;

/// A page of each file's figures and tables.
///
/// # Errors
/// A figure cannot be drawn.
pub fn html(files: &[Results]) -> Result<String, plot::Error> {
    let mut parts = vec!["<h1>gslab bench</h1>\n".to_owned()];
    for results in files {
        parts.push(format!("<h2>{}</h2>\n<p>{}</p>\n", escape(&results.command), of_host(results)));
        let mut drawn: Vec<(String, &str, String)> = Vec::new();
        for bars in Bars::of(results) {
            let caption = bars.caption();
            drawn.push((svg(&bars)?, "Beside each other", caption));
        }
        for scaling in Scaling::of(results) {
            let caption = scaling.caption();
            drawn.push((svg(&scaling)?, "How it grows", caption));
        }
        if let Some(roofline) = Roofline::of(results) {
            let caption = roofline.caption();
            drawn.push((svg(&roofline)?, "Roofline", caption));
        }
        parts.push(figures(&drawn));
        parts.push(html_table(results));
    }
    Ok(page("gslab bench", &parts))
}

fn of_host(results: &Results) -> String {
    let Results { gslab, host, device, .. } = results;
    let text = format!(
        "gslab {gslab} on {}, {} hardware threads, {}; {device}.",
        host.processor, host.threads, host.system
    );
    escape(&text)
}

/// Headings of the tables.
const COLUMNS: [&str; 6] =
    ["what", "items", "sizes", "per CPU second", "lowest to highest", "per second"];

fn cells(measurement: &Measurement) -> [String; 6] {
    let rate = measurement.rate(Per::CpuSecond);
    [
        measurement.name.clone(),
        measurement.items.clone(),
        measurement.sizes(),
        grouped(rate.median),
        format!("{} to {}", grouped(rate.lowest), grouped(rate.highest)),
        grouped(measurement.rate(Per::Second).median),
    ]
}

fn html_table(results: &Results) -> String {
    let row = |tag: &str, cells: [String; 6]| {
        let cells = cells.map(|cell| format!("<{tag}>{}</{tag}>", escape(&cell)));
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let rows: String = results.measurements.iter().map(|m| row("td", cells(m))).collect();
    format!(
        "<table>\n<thead>{}</thead>\n<tbody>\n{rows}</tbody></table>\n",
        row("th", COLUMNS.map(String::from))
    )
}

/// A file as a table in Markdown, with the machine below.
pub fn markdown(results: &Results) -> String {
    let row = |cells: [String; 6]| format!("| {} |\n", cells.join(" | "));
    let mut text = row(COLUMNS.map(String::from)) + "|---|---|---|---:|---:|---:|\n";
    results.measurements.iter().for_each(|m| text += &row(cells(m)));
    for (items, sizes, mean) in geometric_means(&results.measurements) {
        let empty = String::new;
        text += &row(["geometric mean".into(), items, sizes, grouped(mean), empty(), empty()]);
    }
    let Results { command, gslab, host, device, .. } = results;
    let runs = results.measurements.iter().map(|m| m.runs.len()).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "\n`gslab {command}`, gslab {gslab}, {}, {} hardware threads, {device}; medians of {runs} runs.",
        host.processor, host.threads
    );
    text
}

#[cfg(test)]
mod tests;
