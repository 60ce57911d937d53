//! Networks, losses and algorithms.

pub mod actor_critic;
pub mod adam;
pub mod agent;
pub mod bc;
#[cfg(feature = "gpu")]
pub mod burn;
pub mod categorical;
pub mod conv;
pub mod cpu;
pub mod dapg;
pub mod gae;
pub mod gaussian;
pub mod impala;
pub mod loss;
pub mod matmul;
pub mod mlp;
pub mod pixels;
pub mod pool;
pub mod ppg;
pub mod ppo;
pub mod reward_scale;
pub mod rollout;
pub mod vectors;
