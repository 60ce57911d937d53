//! Numbers, tables and claims as text.

use super::claim::Claim;
use crate::plot;

/// Rows of cells, each column as wide as its widest cell.
pub fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(i, cell)| format!("{cell:>width$}", width = width(i).unwrap_or(0)))
            .collect();
        text.push_str(&format!("  {}\n", cells.join("  ")));
    }
    text
}

/// One line for each claim, or more if it is long, at most 100 columns wide.
pub fn claims_text(claims: &[Claim]) -> String {
    let mut text = String::new();
    let width = claims.iter().map(|claim| claim.title.len()).max().unwrap_or(0);
    for claim in claims {
        let start = format!("  {}  {:width$}  ", claim.verdict.name(), claim.title);
        let lines = wrap(&claim.measured, 100 - start.len());
        let indent = format!("\n{}", " ".repeat(start.len()));
        text.push_str(&format!("{start}{}\n", lines.join(&indent)));
    }
    text
}

/// Breaks a text between words into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Two decimals; a dash for what is unknown.
pub fn fixed(value: f64) -> String {
    if value.is_nan() { "\u{2013}".to_owned() } else { plot::number(value, 2) }
}

pub fn percent(share: f64) -> String {
    if share.is_nan() { "\u{2013}".to_owned() } else { format!("{:.0} %", 100.0 * share) }
}

pub fn millions(samples: f64) -> String {
    format!("{:.2} M", samples / 1e6)
}

/// `0.19 to 0.21`, or one number if it is the same to the printed digits.
pub fn range(values: &[f64], print: impl Fn(f64) -> String) -> String {
    let known = || values.iter().copied().filter(|value| !value.is_nan());
    if known().next().is_none() {
        return "\u{2013}".to_owned();
    }
    let low = print(known().fold(f64::INFINITY, f64::min));
    let high = print(known().fold(f64::NEG_INFINITY, f64::max));
    if low == high { low } else { format!("{low} to {high}") }
}
