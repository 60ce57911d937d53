//! What the reports of all experiments share: one HTML page that needs no network.

use super::claim::Claim;
use crate::run::config::Config;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");

/// A page of parts.
pub fn page(title: &str, parts: &[String]) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         {}</main>\n</body>\n</html>\n",
        escape(title),
        parts.concat()
    )
}

/// Figures as (svg, heading, caption).
pub fn figures(figures: &[(String, &str, String)]) -> String {
    let mut html = String::new();
    for (svg, heading, caption) in figures {
        let (heading, caption) = (escape(heading), escape(caption));
        html.push_str(&format!(
            "<h2>{heading}</h2>\n<figure role=\"img\" aria-label=\"{heading}\">\n{}\n\
             <figcaption>{caption}</figcaption></figure>\n",
            scalable(svg)
        ));
    }
    html
}

/// How to get the result again.
pub fn reproduction(command: &str, config_toml: &str) -> String {
    format!(
        "<h2>How to reproduce</h2>\n<pre>{}</pre>\n\
         <p>A run that was interrupted and resumed leaves the same files, this page \
         included.</p>\n\
         <h2>Configuration</h2>\n<pre>{}</pre>\n",
        escape(command),
        escape(config_toml.trim_end())
    )
}

/// Text for HTML, also within double quotes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An SVG whose size the page decides: without its own, it keeps the shape of its view box.
fn scalable(svg: &str) -> String {
    let Some(end) = svg.find('>') else { return svg.to_owned() };
    let view_box = svg[..end].split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next());
    match view_box {
        Some(view_box) => format!(
            "<svg viewBox=\"{view_box}\" xmlns=\"http://www.w3.org/2000/svg\"{}",
            &svg[end..]
        ),
        None => svg.to_owned(),
    }
}

/// The claims with their verdicts.
pub fn claims_table(claims: &[Claim]) -> String {
    let mut html = String::from(
        "<h2>The paper's claims</h2>\n<table class=\"claims\">\n<thead><tr><th>Paper</th>\
         <th>Ours</th><th>Verdict</th></tr></thead>\n<tbody>\n",
    );
    for claim in claims {
        let verdict = claim.verdict.name();
        html.push_str(&format!(
            "<tr><td><strong>{}.</strong> {} <span class=\"detail\">{}</span></td>\
             <td>{} <span class=\"detail\">{}</span></td>\
             <td><span class=\"verdict {verdict}\">{verdict}</span></td></tr>\n",
            escape(claim.title),
            escape(claim.paper),
            escape(claim.place),
            escape(&claim.measured),
            escape(&claim.detail),
        ));
    }
    html.push_str("</tbody>\n</table>\n");
    html
}

/// A table of numbers: the first column holds names.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut html = String::from("<div class=\"wide\"><table class=\"numbers\">\n<thead><tr>");
    for name in header {
        html.push_str(&format!("<th>{}</th>", escape(name)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            html.push_str(&format!("<td>{}</td>", escape(cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// The command that gives this result again: the preset with what differs from it.
///
/// `flags` are those of the experiment, with a blank before each.
pub fn command(experiment: &str, preset: &Config, flags: &str, config_toml: &str) -> String {
    let mut command = format!("gslab reproduce {experiment}{flags}");
    let preset = settings(&preset.to_toml());
    for (key, value) in settings(config_toml) {
        if !preset.contains(&(key.clone(), value.clone())) {
            let _ = write!(command, " \\\n    --set '{key}={value}'");
        }
    }
    command
}

/// The settings of a configuration with dotted keys.
fn settings(config_toml: &str) -> Vec<(String, String)> {
    fn visit(table: &toml::Table, prefix: &str, found: &mut Vec<(String, String)>) {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => visit(inner, &format!("{prefix}{key}."), found),
                value => found.push((format!("{prefix}{key}"), value.to_string())),
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(table) = config_toml.parse() {
        visit(&table, "", &mut found);
    }
    found
}
