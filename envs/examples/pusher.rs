//! What the scripted pusher reaches with each of the training chairs, and how fast the world is:
//! `cargo run --release -p gslab-envs --example pusher [EPISODES]`.

use gslab_envs::{
    Action, Env, Level,
    pushchair::{Observed, Options, PushChair, pusher},
    rng::Stream,
};
use std::time::Instant;

fn main() {
    let episodes = std::env::args().nth(1).map_or(Ok(20), |n| n.parse());
    let Ok(episodes @ 1..) = episodes else {
        eprintln!("error: EPISODES must be a number from 1, such as 20");
        std::process::exit(2);
    };
    let options = Options::default();
    println!("chair                solved  mean return");
    let (mut all_solved, mut all_returns) = (0, 0.0);
    for variation in 0..options.chairs {
        let (mut solved, mut total) = (0u64, 0.0);
        let mut name = "";
        for seed in 0..episodes {
            let mut world = PushChair::reset(&options, Level { variation, seed });
            name = world.chair().style.name;
            let mut ever = false;
            for _ in 0..options.horizon {
                let step = world.step(Action::Continuous(&pusher::act(&world)));
                ever |= step.solved;
                total += f64::from(step.reward);
            }
            solved += u64::from(ever);
        }
        println!("{name:20} {solved:3}/{episodes:<3}  {:10.0}", total / episodes as f64);
        all_solved += solved;
        all_returns += total / episodes as f64;
    }
    let chairs = options.chairs;
    println!("all                  {all_solved}/{}", episodes * u64::from(chairs));
    println!("mean return {:.0}", all_returns / f64::from(chairs));

    for observed in [Observed::Privileged, Observed::Cloud] {
        let options = Options { observed, ..Options::default() };
        let mut rates: Vec<f64> = (0..5).map(|run| steps_per_second(&options, run)).collect();
        rates.sort_by(f64::total_cmp);
        println!("{observed:?}: {:.0} steps/s on one core, median of 5", rates[2]);
    }
}

/// Of random actions, resets among them.
fn steps_per_second(options: &Options, run: u64) -> f64 {
    const EPISODES: u64 = 4;
    let noise = Stream::new(run, "bench");
    let began = Instant::now();
    for episode in 0..EPISODES {
        let level = Level { variation: (2 * episode) as u32, seed: run };
        let mut world = PushChair::reset(options, level);
        for t in 0..u64::from(options.horizon) {
            let action: Vec<f32> = (0..22)
                .map(|dof| noise.bits(dof, 1000 * episode + t)[0] as f32 / 2f32.powi(31) - 1.0)
                .collect();
            world.step(Action::Continuous(&action));
        }
    }
    (EPISODES * u64::from(options.horizon)) as f64 / began.elapsed().as_secs_f64()
}
