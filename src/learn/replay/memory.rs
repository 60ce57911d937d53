//! Whether replays fit into memory, asked before a run begins.

use super::Form;
use gslab_envs::End;
use indicatif::HumanBytes;
use std::fmt;

/// Replays that are in memory at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub form: Form,
    /// Rows of each.
    pub rows: u64,
    /// How many: specialists learn side by side.
    pub replays: u64,
    /// Transitions that are demonstrated beside them.
    pub demonstrations: u64,
}

/// They do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TooLarge {
    needs: Needs,
    /// Bytes of memory that are free.
    free: u64,
}

impl Needs {
    /// Bytes of a row, without what its episode may have ended in.
    fn row(&self) -> u64 {
        let numbers = self.form.words() + self.form.action + 1;
        (numbers * size_of::<f32>() + size_of::<End>()) as u64
    }

    /// Bytes of all of them, when they are full.
    pub fn bytes(&self) -> u64 {
        (self.replays * self.rows + self.demonstrations) * self.row()
    }

    /// Whether `free` bytes hold them.
    ///
    /// # Errors
    /// They do not.
    pub fn fit(self, free: u64) -> Result<(), TooLarge> {
        if self.bytes() <= free { Ok(()) } else { Err(TooLarge { needs: self, free }) }
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needs, free } = self;
        let Needs { rows, replays, demonstrations, .. } = needs;
        let beside = match demonstrations {
            0 => String::new(),
            n => format!(" and {n} that are demonstrated"),
        };
        let each = match replays {
            1 => String::new(),
            _ => format!("{replays} replays, which are learned from side by side, of "),
        };
        write!(
            f,
            "sac.capacity: {each}{rows} transitions{beside} take {} of memory, {} are free; \
             {} fit: set sac.capacity to at most that, or free memory",
            HumanBytes(needs.bytes()),
            HumanBytes(*free),
            (free / needs.row()).saturating_sub(*demonstrations) / replays,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_needed_and_what_fits() {
        let form = Form { environments: 4, observation: 5, points: 0, action: 2 };
        let needs = Needs { form, rows: 2_000_000, replays: 1, demonstrations: 0 };
        assert_eq!(needs.fit(66_000_000), Ok(()));
        assert_eq!(
            needs.fit(65_999_999).unwrap_err().to_string(),
            "sac.capacity: 2000000 transitions take 62.94 MiB of memory, 62.94 MiB are free; \
             1999999 fit: set sac.capacity to at most that, or free memory"
        );
        let side_by_side = Needs { rows: 1000, replays: 8, ..needs };
        assert_eq!(
            side_by_side.fit(132_000).unwrap_err().to_string(),
            "sac.capacity: 8 replays, which are learned from side by side, of 1000 transitions \
             take 257.81 KiB of memory, 128.91 KiB are free; 500 fit: set sac.capacity to at most \
             that, or free memory"
        );
        let shown = Needs { rows: 1000, demonstrations: 500, ..needs };
        assert_eq!(
            shown.fit(33_000).unwrap_err().to_string(),
            "sac.capacity: 1000 transitions and 500 that are demonstrated take 48.34 KiB of \
             memory, 32.23 KiB are free; 500 fit: set sac.capacity to at most that, or free memory"
        );
    }

    #[test]
    fn clouds_are_counted_as_they_are_packed() {
        let form = Form { environments: 4, observation: 90 + 1200 * 7, points: 1200, action: 22 };
        let needs = Needs { form, rows: 2_000_000, replays: 1, demonstrations: 0 };
        // 90 numbers, 1200 times 9 bytes and a bit, action, reward and end.
        assert_eq!(needs.bytes(), 2_000_000 * (360 + 10_952 + 88 + 4 + 1));
        let error = needs.fit(11_405 * 1_000_000).unwrap_err().to_string();
        assert!(error.contains("take 21.24 GiB of memory"), "{error}");
        assert!(error.contains("; 1000000 fit: set sac.capacity"), "{error}");
    }
}
