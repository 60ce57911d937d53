use crate::{
    bench::{
        page,
        results::{Results, Unusable},
    },
    error::{Error, Result},
    run::file::{FileError, write_atomic},
};
use clap::Args;
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(Args)]
pub struct Report {
    /// Files that `gslab bench … --json FILE` wrote
    #[arg(required = true, value_name = "FILE.json")]
    files: Vec<PathBuf>,
    /// Where the page goes
    #[arg(long, value_name = "FILE.html", default_value = "report.html")]
    out: PathBuf,
    /// Write tables in Markdown to the terminal instead of a page
    #[arg(long, conflicts_with_all = ["out", "into"])]
    markdown: bool,
    /// Write the tables into this file instead of a page, between the lines `<!-- bench -->` and
    /// `<!-- /bench -->`
    #[arg(long, value_name = "FILE.md", conflicts_with = "out")]
    into: Option<PathBuf>,
}

const BEGIN: &str = "<!-- bench -->\n";
const END: &str = "<!-- /bench -->\n";

impl Report {
    pub fn run(self) -> Result<ExitCode> {
        let files = self.files.iter().map(|path| Results::load(path));
        let files: Vec<Results> = files.collect::<Result<_, Unusable>>()?;
        let tables = || files.iter().map(page::markdown).collect::<Vec<_>>().join("\n");
        if self.markdown {
            print!("{}", tables());
        } else if let Some(path) = &self.into {
            let text = fs::read_to_string(path).map_err(FileError::io("read", path))?;
            write_atomic(path, replaced(&text, &tables(), path)?.as_bytes())?;
        } else {
            let html = page::html(&files).map_err(|e| Error::Figure(e.to_string()))?;
            write_atomic(&self.out, html.as_bytes())?;
            println!("report: {}", self.out.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `text` with `tables` between its marks.
fn replaced(text: &str, tables: &str, path: &std::path::Path) -> Result<String> {
    let marks = text.find(BEGIN).map(|i| i + BEGIN.len()).zip(text.find(END));
    match marks.filter(|(begin, end)| begin <= end) {
        Some((begin, end)) => Ok([&text[..begin], tables, &text[end..]].concat()),
        None => Err(Error::Usage(format!(
            "--into {}: it has no line `{}` with a line `{}` after it, between which the tables \
             could go",
            path.display(),
            BEGIN.trim_end(),
            END.trim_end()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn tables_take_the_place_of_those_between_the_marks() {
        let text = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        let new = replaced(text, "new\n", Path::new("x.md")).unwrap();
        assert_eq!(new, "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n");
        assert_eq!(replaced(&new, "new\n", Path::new("x.md")).unwrap(), new);
        assert!(replaced("<!-- /bench -->\n<!-- bench -->\n", "", Path::new("x.md")).is_err());
    }
}
