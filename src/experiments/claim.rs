//! Claims of the paper, judged by what was measured.

/// Whether a claim was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Fail,
    /// The results are too few to tell.
    Open,
}

impl Verdict {
    pub fn of(seen: bool) -> Self {
        if seen { Self::Pass } else { Self::Fail }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Open => "open",
        }
    }
}

/// One claim of the paper and what was measured for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Two or three words for tables.
    pub title: &'static str,
    /// What the paper says.
    pub paper: &'static str,
    /// Where it says so.
    pub place: &'static str,
    /// What gslab measured.
    pub measured: String,
    pub verdict: Verdict,
    /// What was demanded for the verdict, and the numbers behind it.
    pub detail: String,
}

/// Whether a claim about runs held in enough of them: 80 %, 4 of the paper's 5.
pub fn is_most(good: usize, seeds: usize) -> bool {
    good as f64 >= 0.8 * seeds as f64
}
