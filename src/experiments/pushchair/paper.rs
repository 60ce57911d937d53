//! The column of Table 2 for PushChair.

/// Mean and printed deviation of the return over 3 runs, in thousands. The deviations cannot be
/// those of runs: the whole range of returns is about -5 to 0.4 (gsl.md §6).
pub const SAC: (f64, f64) = (-2.97, 2.7);
pub const GSL: (f64, f64) = (-2.78, 2.3);
