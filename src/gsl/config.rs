//! Settings of Algorithm 1.

use super::evaluate::Acting;
use serde::{Deserialize, Serialize};

/// Where phase II takes up the generalist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlateauMode {
    /// Go back to the iteration t at which H held; what was trained beyond it is not charged.
    /// This is what the paper's figures show.
    #[default]
    Retro,
    /// Go on from the iteration at which H was known to hold, t plus the window, and charge it.
    Online,
}

/// How the low-performing variations are dealt to the specialists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// In a random order, evenly (the paper's).
    #[default]
    Random,
    /// In the order of their numbers: neighbours share a specialist.
    Index,
    /// In the order of the generalist's return, dealt like cards: specialists of equal difficulty.
    Return,
    /// By shape: variations that look alike share a specialist (GSL-PCD, arXiv 2411.06733). The
    /// paper clusters what a trained network makes of point clouds; here it is
    /// [`gslab_envs::Env::descriptor`], which environments without shapes do not have.
    Pcd,
}

/// Phase II.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    /// PPO with the demonstrations as an auxiliary term.
    #[default]
    Dapg,
    /// SAC on rewards that a discriminator mixes imitation into (ManiSkill).
    Gail,
    /// Behaviour cloning: the paper's negative control (Table 3).
    Bc,
}

/// Who begins with the replay that the generalist had at its plateau. The paper does not tell;
/// algorithms.md §6 proposes it for phase II.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inherit {
    /// All begin with an empty one, and a warm-up.
    Nobody,
    /// Phase II.
    #[default]
    Merge,
    /// The specialists, too.
    All,
}

/// Shares of a specialist's training at which a scheduled standard deviation begins to fall and
/// has fallen.
pub const SPECIALIST_STD_FALL: [f32; 2] = [0.3, 0.8];

/// What H looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlateauScore {
    #[default]
    MeanReward,
    Success,
    /// Mean return of the last 100 episodes, normalised where the environment has a scale for it.
    Return,
}

/// Width of the Gaussian that smooths the curve, from the paper's "kernel size" k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelMeaning {
    /// k is the whole support: σ = k/8, cut at ±4σ.
    #[default]
    Support,
    /// k is σ, cut at ±4σ.
    Sigma,
}

/// Options of Algorithm 1; the names in comments are the paper's. Defaults are Table 5, for the
/// maze.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// N_s: specialists.
    pub specialists: usize,
    /// N_lenv: low-performing variations dealt to the specialists.
    pub low_variations: usize,
    /// If above 0: only variations with a success below this are low-performing (Meta-World).
    pub low_success: f64,
    pub partition: Partition,
    /// Samples of each specialist.
    pub specialist_samples: u64,
    /// Environments of each specialist, which keep their number of steps in an iteration; 0 for
    /// as many as the generalist's.
    pub specialist_environments: usize,
    /// Standard deviation that a specialist's policy begins with, in action units; 0 keeps the
    /// generalist's. A generalist at its plateau is sure of itself: its clones may explore too
    /// little to find what it ignored.
    pub specialist_std: f32,
    /// If above 0: the specialists' standard deviation is not learned but falls from
    /// `specialist_std` to this. Demonstrations of a policy that still explores are hard to
    /// imitate.
    pub specialist_final_std: f32,
    /// Samples of fine-tuning on the low-performing variations before cloning; 0 for none.
    pub low_finetune_samples: u64,
    /// N_D^s over N_s: demonstration samples of each specialist.
    pub demonstration_samples: u64,
    /// N_D^g: demonstration samples of the generalist on the other variations.
    pub generalist_demonstration_samples: u64,
    /// τ: only episodes with a higher return, normalised where the environment has a scale for
    /// it, become demonstrations; -inf keeps all.
    pub demonstration_threshold: f64,
    /// H: nothing within this many iterations beats the smoothed score by more than `epsilon`.
    pub window: usize,
    pub epsilon: f64,
    /// H: kernel size of the smoothing.
    pub kernel: f64,
    pub kernel_meaning: KernelMeaning,
    /// H is not evaluated on this share of the budget at either end (Appendix B).
    pub margin: f64,
    pub score: PlateauScore,
    pub plateau: PlateauMode,
    /// Algorithm 1, lines 3 to 5: stop where the generalist's success is at least this; where
    /// returns have a scale, the normalised return.
    pub good_enough: f64,
    pub merge: Merge,
    /// Of algorithms that have a replay.
    pub inherit_replay: Inherit,
    /// Samples of phase II.
    pub merge_samples: u64,
    /// Standard deviation that the policy begins phase II with, in action units; 0 keeps the
    /// generalist's. A wider policy finds demonstrations that differ from it likelier, so they
    /// pull more.
    pub merge_std: f32,
    /// If above 0: the standard deviation in phase II is not learned but falls from `merge_std`
    /// to this. Learned, it shrinks before all demonstrations are followed, and those that differ
    /// from the policy by several standard deviations no longer pull.
    pub merge_final_std: f32,
    /// Shares of phase II at which it begins to fall and has fallen.
    pub merge_std_fall: [f32; 2],
    /// Standard deviation of the policy that phase II leaves, when exploring is over; 0 keeps the
    /// last.
    pub final_std: f32,
    /// Whether phase II is measured now and then and ends with the best weights, as the
    /// specialists do, instead of the last.
    pub merge_keep_best: bool,
    /// Whether phase II goes on with the generalist's optimiser state or a fresh one.
    pub merge_fresh_optimiser: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            specialists: 5,
            low_variations: 5,
            low_success: 0.0,
            partition: Partition::Random,
            specialist_samples: 500_000,
            specialist_environments: 0,
            specialist_std: 0.0,
            specialist_final_std: 0.0,
            low_finetune_samples: 0,
            demonstration_samples: 1500,
            generalist_demonstration_samples: 0,
            demonstration_threshold: f64::NEG_INFINITY,
            window: 50,
            epsilon: 0.01,
            kernel: 10.0,
            kernel_meaning: KernelMeaning::Support,
            margin: 0.15,
            score: PlateauScore::MeanReward,
            plateau: PlateauMode::Retro,
            good_enough: 0.98,
            merge: Merge::Dapg,
            inherit_replay: Inherit::Merge,
            merge_samples: 1_000_000,
            merge_std: 0.0,
            merge_final_std: 0.0,
            merge_std_fall: SPECIALIST_STD_FALL,
            final_std: 0.0,
            merge_keep_best: false,
            merge_fresh_optimiser: true,
        }
    }
}

impl Config {
    /// Table 8 of the paper, for PPO on Procgen, and the kernel of Section 6.3.
    pub fn procgen() -> Self {
        Self {
            specialists: 75,
            low_variations: 300,
            specialist_samples: 16 * 256 * 64,
            specialist_environments: 16,
            low_finetune_samples: 200 * 256 * 64,
            demonstration_samples: 256 * 32,
            generalist_demonstration_samples: 256 * 8 * 724,
            demonstration_threshold: 0.15,
            window: 600,
            epsilon: 0.03,
            kernel: 200.0,
            score: PlateauScore::Return,
            merge_samples: 50 * 256 * 64,
            ..Self::default()
        }
    }
}

/// How policies are measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Episodes of each variation.
    pub episodes: usize,
    pub acting: Acting,
    /// Iterations between evaluations of a specialist, or of phase II, which decide its best
    /// checkpoint.
    pub every: u64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { episodes: 40, acting: Acting::Sampled, every: 5 }
    }
}
