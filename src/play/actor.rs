//! Who acts in worlds that are shown: chance, a scripted policy, or a trained one.

pub use crate::learn::agent::Chosen;
use crate::{
    device::Device,
    learn::{
        actor_critic::Weights,
        agent::{Acting, Agent, Policy},
        expert::Expert,
        impala,
        pixels::{PixelNetwork, Pixels},
        sac::{self, agent::SacAgent},
        vectors::GaussianAgent,
    },
    pool::Pool,
};
use gslab_envs::{ActionSpace, Spec, rng::Stream};

/// Steps for which a random action is held: long enough to get somewhere.
const HELD: u64 = 6;

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

impl OtherPolicy {
    fn new(found: (usize, usize), observation: usize, spec: &Spec) -> Self {
        let action = match spec.action {
            ActionSpace::Continuous { dim } => dim.to_string(),
            ActionSpace::Discrete { n } => format!("one of {n} choices"),
        };
        Self { found, observation, action }
    }
}

/// Whether a policy that takes and gives so many numbers fits an environment.
fn on_vectors(found: (usize, usize), spec: &Spec) -> Result<(), OtherPolicy> {
    match spec.action {
        ActionSpace::Continuous { dim } if found == (spec.observation, dim) => Ok(()),
        _ => Err(OtherPolicy::new(found, spec.observation, spec)),
    }
}

/// Chooses actions.
pub enum Actor {
    /// Uniformly random actions, held for a while.
    Random(Stream),
    /// Samples of a policy, as in training.
    Policy { policy: Box<dyn Policy + Send>, noise: Stream },
}

impl Actor {
    pub fn random(seed: u64) -> Self {
        Self::Random(Stream::new(seed, "shown actions"))
    }

    /// The scripted policy of these worlds' environment; `None` where there is none.
    pub fn expert(worlds: &Pool) -> Option<Self> {
        worlds.expert().map(|_| Self::of(Expert, 0))
    }

    /// A policy on vectors in an environment with these facts.
    ///
    /// # Errors
    /// The policy is of another form than the environment needs.
    pub fn gaussian(weights: Weights, spec: &Spec, seed: u64) -> Result<Self, OtherPolicy> {
        let shape = &weights.policy_shape;
        on_vectors((shape.inputs(), shape.outputs()), spec)?;
        // A step of few worlds at a time is soonest done here.
        let policy: GaussianAgent = Device::Cpu.actor_critic(weights);
        Ok(Self::of(policy, seed))
    }

    /// [`Actor::gaussian`] for a policy that learned by SAC.
    ///
    /// # Errors
    /// As there.
    pub fn squashed(weights: sac::Weights, spec: &Spec, seed: u64) -> Result<Self, OtherPolicy> {
        on_vectors((weights.policy.shape.inputs(), weights.action()), spec)?;
        Ok(Self::of(SacAgent::<sac::Weights>::new(&Device::Cpu, "", weights), seed))
    }

    /// [`Actor::squashed`] for a policy that sees clouds of points, on `device`.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "gpu")]
    pub fn clouds(
        weights: sac::cloud::Weights,
        device: &Device,
        spec: &Spec,
        seed: u64,
    ) -> Result<Self, OtherPolicy> {
        let form = &weights.policy.architecture;
        on_vectors((form.observation(), form.outputs / 2), spec)?;
        Ok(Self::of(SacAgent::<sac::cloud::CloudNetworks>::new(device, "", weights), seed))
    }

    /// A policy on frames, in our own pictures, in an environment by name with these facts.
    ///
    /// # Errors
    /// The policy is of another form than the environment needs.
    pub fn pixels<N: PixelNetwork + 'static>(
        weights: N::Weights,
        environment: &str,
        spec: &Spec,
        seed: u64,
    ) -> Result<Self, OtherPolicy> {
        let policy = Pixels::<N>::new(&Device::Cpu, environment, weights);
        let found = policy.actions();
        match spec.action {
            ActionSpace::Discrete { n } if n as usize == found => Ok(Self::of(policy, seed)),
            _ => Err(OtherPolicy::new((impala::FRAME, found), impala::FRAME, spec)),
        }
    }

    fn of(policy: impl Policy + Send + 'static, seed: u64) -> Self {
        Self::Policy { policy: Box::new(policy), noise: Stream::new(seed, "shown noise") }
    }

    /// Actions in the worlds of a pool for step number `t`, counted from 0. With the seed, `t`
    /// decides what is random.
    pub fn act(&mut self, pool: &Pool, t: u64) -> Chosen {
        let worlds = pool.len();
        match (self, pool.spec().action) {
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
            (Self::Policy { policy, noise }, _) => {
                policy.act(pool, &[], Acting::Sampled, *noise, t)
            }
        }
    }
}
