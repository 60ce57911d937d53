//! SAC and GAIL from clouds of points, by Burn: on a GPU, or slowly on the CPU.
//!
//! The twin of [`super::Weights::update`]: the same steps in the same order on the same noise, with
//! gradients by autodiff. A minibatch is sent to the device, which the average losses come back from.

use super::{
    Config, Critic, Losses, Temperature, Weights as Kept,
    networks::{Networks, Trained},
};
use crate::{
    device::Device,
    learn::{
        adam,
        burn::read,
        cloud::{
            self, Architecture,
            network::{Network, Seen, Weights as NetworkWeights, matrix},
        },
        gail::{Discriminator, Judge},
        replay::Transitions,
        squashed::{
            burn::{Drawn, SquashedRows},
            normals,
        },
    },
    trace::{Stage, span, traced},
};
use burn::tensor::{Tensor, activation::log_sigmoid};
use gslab_envs::{Spec, rng::Stream};

/// What is kept of an agent that sees clouds.
pub type Weights = Kept<NetworkWeights>;

/// New weights for an environment that is seen as a state and a cloud, with actions of so many
/// numbers.
pub fn weights(
    spec: &Spec,
    action: usize,
    network: &cloud::Config,
    config: &Config,
    seed: u64,
) -> Weights {
    let new = |action: usize, outputs: usize, name| {
        let architecture = Architecture::new(spec, action, outputs, network);
        NetworkWeights::new(architecture, Stream::new(seed, name))
    };
    Weights {
        policy: new(0, 2 * action, "policy weights"),
        critics: ["critic weights", "second critic weights"].map(|name| {
            let network = new(action, 1, name);
            Critic { target: network.parameters.clone(), network }
        }),
        temperature: Temperature::new(config.initial_temperature),
        updates: 0,
        discriminator: None,
    }
}

impl Trained for NetworkWeights {
    fn form(&self) -> String {
        self.architecture.to_string()
    }

    fn is_finite(&self) -> bool {
        self.parameters.iter().all(|x| x.is_finite())
    }

    fn with_fresh_moments(mut self) -> Self {
        self.moments = adam::Moments::new(self.parameters.len());
        self
    }
}

/// Policy, critics and discriminator on a device. Its methods unwind if that was lost, which
/// [`Device::work`] catches.
pub struct CloudNetworks {
    policy: Network,
    critics: [ResidentCritic; 2],
    temperature: Temperature,
    updates: u64,
    discriminator: Option<Discriminator<Network>>,
}

/// [`Critic`] on a device.
struct ResidentCritic {
    network: Network,
    /// Parameters of the copy that targets are computed with.
    target: Tensor<1>,
}

impl CloudNetworks {
    /// y of a batch, `[rows, 1]`; see [`Kept::update`].
    fn targets(&self, batch: &Transitions, gamma: f32, alpha: f32, noise: &[f32]) -> Tensor<2> {
        let (rows, device) = (batch.rows(), self.policy.device());
        let follows = batch.terminated.iter().map(|&ended| if ended { 0.0 } else { gamma });
        let follows: Vec<f32> = follows.collect();
        let [next, noise, rewards, follows] =
            [&batch.next_observations, noise, &batch.rewards, &follows]
                .map(|values| matrix(values, rows, device));
        let policy = self.policy.layers();
        let critics = self.critics.each_ref();
        let critics = critics.map(|c| c.network.architecture().cut(&c.target, |matrix| matrix));
        let parts = self.policy.parts(rows).map(|range| {
            let of = |x: &Tensor<2>| x.clone().narrow(0, range.start, range.len());
            let seen = Seen::new(of(&next), self.policy.architecture().state);
            let output = policy.forward(&seen, None);
            let Drawn { actions, log_densities } = SquashedRows::new(output).draw(of(&noise));
            let [a, b] = critics.each_ref().map(|c| c.forward(&seen, Some(actions.clone())));
            let value = a.min_pair(b) - log_densities * alpha;
            of(&rewards) + of(&follows) * value
        });
        Tensor::cat(parts.collect(), 0)
    }
}

impl Networks for CloudNetworks {
    type Weights = Weights;
    type Judge = Network;

    fn new(device: &Device, weights: Weights) -> Self {
        let device = &device.burn();
        let Weights { policy, critics, temperature, updates, discriminator } = weights;
        let critics = critics.map(|Critic { network, target }| ResidentCritic {
            target: matrix(&target, 1, device).flatten(0, 1),
            network: Network::new(network, device),
        });
        Self {
            policy: Network::new(policy, device),
            critics,
            temperature,
            updates,
            discriminator: discriminator.map(|d| d.map(|network| Network::new(network, device))),
        }
    }

    fn weights(&self) -> Weights {
        Weights {
            policy: self.policy.weights(),
            critics: self.critics.each_ref().map(|ResidentCritic { network, target }| Critic {
                network: network.weights(),
                target: read(target.clone()),
            }),
            temperature: self.temperature.clone(),
            updates: self.updates,
            discriminator: self.discriminator.as_ref().map(|d| d.as_ref().map(Network::weights)),
        }
    }

    fn widths(&self) -> (usize, usize) {
        let architecture = self.policy.architecture();
        (architecture.observation(), architecture.outputs / 2)
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn temperature(&self) -> f32 {
        self.temperature.alpha()
    }

    fn policy(&self, observations: &[f32]) -> Vec<f32> {
        let (width, _) = self.widths();
        self.policy.infer(observations, &[], observations.len() / width)
    }

    fn update(
        &mut self,
        batch: &Transitions,
        online: usize,
        config: &Config,
        noise: Stream,
    ) -> Losses {
        let (rows, (_, dim), adam) = (batch.rows(), self.widths(), config.adam());
        let noise = normals(noise, self.updates, rows + online, dim);
        let (of_next, of_actions) = noise.split_at(rows * dim);
        let alpha = self.temperature.alpha();
        let device = self.policy.device().clone();
        let state = self.policy.architecture().state;

        let targets = traced(Stage::Forward, || self.targets(batch, config.gamma, alpha, of_next));
        let observations = matrix(&batch.observations, rows, &device);
        let actions = matrix(&batch.actions, rows, &device);
        let noise = matrix(of_actions, online, &device);
        let mut tallies = Vec::with_capacity(3);
        for ResidentCritic { network, .. } in &mut self.critics {
            tallies.push(network.minimise(rows, &adam, &|range, layers| {
                let of = |x: &Tensor<2>| x.clone().narrow(0, range.start, range.len()).autodiff();
                let seen = Seen::new(of(&observations), state);
                let values = layers.forward(&seen, Some(of(&actions)));
                vec![(values - of(&targets)).square().sum() / rows as f32]
            }));
        }

        let critics = self.critics.each_ref().map(|critic| critic.network.constant());
        tallies.push(self.policy.minimise(online, &adam, &|range, layers| {
            let of = |x: &Tensor<2>| x.clone().narrow(0, range.start, range.len()).autodiff();
            let seen = Seen::new(of(&observations), state);
            let output = layers.forward(&seen, None);
            let Drawn { actions, log_densities } = SquashedRows::new(output).draw(of(&noise));
            let [a, b] = critics.each_ref().map(|c| c.forward(&seen, Some(actions.clone())));
            let value = a.min_pair(b);
            let loss = log_densities.clone() * alpha - value.clone();
            [loss, log_densities, value].map(|x| x.sum() / online as f32).into()
        }));

        let optimiser = span(Stage::Optimiser);
        for ResidentCritic { network, target } in &mut self.critics {
            let way = network.parameters().clone() - target.clone();
            *target = target.clone() + way * config.tau;
        }
        drop(optimiser);
        let found: Vec<f64> = read(Tensor::cat(tallies, 0)).into_iter().map(f64::from).collect();
        let [first, second, policy, log_density, value] = found[..] else {
            unreachable!("a loss for each critic and three numbers of the policy")
        };
        self.temperature.descend(log_density as f32, config.target_entropy * dim as f32, &adam);
        self.updates += 1;
        Losses { policy, critic: first + second, entropy: -log_density, value }
    }

    fn discriminator(&mut self, _config: &Config, new: Stream) -> &mut Discriminator<Network> {
        let critic = &self.critics[0].network;
        self.discriminator.get_or_insert_with(|| {
            let weights = NetworkWeights::new(critic.architecture().clone(), new);
            Discriminator {
                network: Network::new(weights, critic.device()),
                steps: 0,
                fresh_from: 0,
            }
        })
    }

    fn imitate(&mut self, pairs: &Transitions, settings: &adam::Settings) -> f64 {
        let (rows, (_, dim)) = (pairs.rows(), self.widths());
        let state = self.policy.architecture().state;
        let observations = matrix(&pairs.observations, rows, self.policy.device());
        let tally = self.policy.minimise(rows, settings, &|range, layers| {
            let seen = observations.clone().narrow(0, range.start, range.len()).autodiff();
            let output = layers.forward(&Seen::new(seen, state), None);
            let actions = &pairs.actions[range.start * dim..range.end * dim];
            vec![SquashedRows::new(output).log_density(actions).sum() / -(rows as f32)]
        });
        read(tally)[0].into()
    }
}

impl Judge for Network {
    fn logits(&self, pairs: &Transitions) -> Vec<f32> {
        self.infer(&pairs.observations, &pairs.actions, pairs.rows())
    }

    fn step(
        &mut self,
        policy: &Transitions,
        experts: &Transitions,
        settings: &adam::Settings,
    ) -> f64 {
        let counts = [policy.rows(), experts.rows()];
        let (rows, device) = (counts[0] + counts[1], self.device().clone());
        let both = |of: fn(&Transitions) -> &Vec<f32>| {
            let parts = [policy, experts].map(|pairs| matrix(of(pairs), pairs.rows(), &device));
            Tensor::cat(parts.into(), 0)
        };
        let (observations, actions) = (both(|t| &t.observations), both(|t| &t.actions));
        // -log D = -log σ(z) of the policy's pairs, -log(1 - D) = -log σ(-z) of the experts'.
        let each = |values: [f32; 2]| {
            let values = values.iter().zip(counts).flat_map(|(&v, n)| vec![v; n]);
            matrix(&values.collect::<Vec<_>>(), rows, &device)
        };
        let (signs, shares) = (each([1.0, -1.0]), each(counts.map(|n| -1.0 / n as f32)));
        let state = self.architecture().state;
        let tally = self.minimise(rows, settings, &|range, layers| {
            let of = |x: &Tensor<2>| x.clone().narrow(0, range.start, range.len()).autodiff();
            let logits = layers.forward(&Seen::new(of(&observations), state), Some(of(&actions)));
            vec![(log_sigmoid(logits * of(&signs)) * of(&shares)).sum()]
        });
        read(tally)[0].into()
    }
}

#[cfg(test)]
#[path = "cloud_tests.rs"]
mod tests;
