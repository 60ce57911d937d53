//! Who acts in worlds that are shown: chance, or a trained policy.

use crate::learn::actor_critic::{ActorCritic, Weights, sample};
use gslab_envs::{ActionSpace, Spec, batch::Actions, rng::Stream};

/// Steps for which a random action is held: long enough to get somewhere.
const HELD: u64 = 6;

/// Actions of a number of worlds, of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen {
    /// Row-major `[worlds, dim]`.
    Continuous(Vec<f32>),
    /// `[worlds]`.
    Discrete(Vec<u32>),
}

impl Chosen {
    pub fn actions(&self) -> Actions<'_> {
        match self {
            Self::Continuous(actions) => Actions::Continuous(actions),
            Self::Discrete(actions) => Actions::Discrete(actions),
        }
    }
}

/// A policy was made for other observations or actions than an environment has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the policy takes {} numbers and gives {}; the environment needs one that takes \
     {observation} and gives {action}",
    found.0,
    found.1
)]
pub struct OtherPolicy {
    /// Numbers that it takes and gives.
    found: (usize, usize),
    observation: usize,
    action: String,
}

/// Chooses actions.
pub enum Actor {
    /// Uniformly random actions, held for a while.
    Random(Stream),
    /// Samples of a policy, as in training.
    Policy { network: Box<dyn ActorCritic>, noise: Stream },
}

impl Actor {
    pub fn random(seed: u64) -> Self {
        Self::Random(Stream::new(seed, "shown actions"))
    }

    /// A policy in an environment with these facts. `network` makes one of the weights.
    ///
    /// # Errors
    /// The policy is of another form than the environment needs.
    pub fn policy(
        weights: Weights,
        spec: &Spec,
        seed: u64,
        network: impl FnOnce(Weights) -> Box<dyn ActorCritic>,
    ) -> Result<Self, OtherPolicy> {
        let widths = &weights.policy_shape.0;
        let found = (widths[0], widths[widths.len() - 1]);
        match spec.action {
            ActionSpace::Continuous { dim } if found == (spec.observation, dim) => {}
            action => {
                let action = match action {
                    ActionSpace::Continuous { dim } => dim.to_string(),
                    ActionSpace::Discrete { n } => format!("one of {n} choices"),
                };
                return Err(OtherPolicy { found, observation: spec.observation, action });
            }
        }
        Ok(Self::Policy { network: network(weights), noise: Stream::new(seed, "shown noise") })
    }

    /// Actions on observations `[worlds, observation]` for step number `t`, counted from 0. With
    /// the seed, `t` decides what is random.
    pub fn act(&mut self, spec: &Spec, observations: &[f32], t: u64) -> Chosen {
        let worlds = observations.len() / spec.observation;
        match (self, spec.action) {
            (Self::Random(stream), ActionSpace::Discrete { n }) => {
                Chosen::Discrete((0..worlds).map(|i| stream.below(i as u32, t / HELD, n)).collect())
            }
            (Self::Random(stream), ActionSpace::Continuous { dim }) => {
                let action = |i: usize| {
                    let lane = (i / dim * dim.div_ceil(4) + i % dim / 4) as u32;
                    2.0 * stream.uniform(lane, t / HELD)[i % dim % 4] - 1.0
                };
                Chosen::Continuous((0..worlds * dim).map(action).collect())
            }
            (Self::Policy { network, noise }, ActionSpace::Continuous { dim }) => {
                let mut mean = vec![0.0; worlds * dim];
                let (mut actions, mut log_densities) = (mean.clone(), vec![0.0; worlds]);
                network.policy_mean(observations, &mut mean);
                let log_std = network.log_std();
                sample(&mean, &log_std, *noise, t, &mut actions, &mut log_densities);
                Chosen::Continuous(actions)
            }
            (Self::Policy { .. }, ActionSpace::Discrete { .. }) => {
                unreachable!("checked when the actor was made")
            }
        }
    }
}
