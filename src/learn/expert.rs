//! The scripted policy that some environments have, as a policy like any other.

use super::agent::{Acting, Chosen, Policy};
use crate::pool::Pool;
use gslab_envs::rng::Stream;

/// Acts as [`Env::expert`](gslab_envs::Env::expert) says, without noise.
///
/// # Panics
/// Where there is none; ask [`Family::has_expert`](gslab_envs::registry::Family::has_expert).
pub struct Expert;

impl Policy for Expert {
    fn act(
        &mut self,
        pool: &Pool,
        _idle: &[bool],
        _acting: Acting,
        _noise: Stream,
        _index: u64,
    ) -> Chosen {
        Chosen::Continuous(pool.expert().expect("its users ask whether there is one"))
    }
}
