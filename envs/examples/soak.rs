//! Whether the physics of PushChair hold under any action, and what they do to the chair:
//! `cargo run --release -p gslab-envs --example soak [STEPS]`.

use gslab_envs::{
    Action, End, Env, Level,
    pushchair::{Options, PushChair, robot::DOF},
    rng::Stream,
};

fn main() {
    let steps = std::env::args().nth(1).map_or(Ok(1_000_000), |n| n.parse());
    let Ok(steps @ 1u64..) = steps else {
        eprintln!("error: STEPS must be a number from 1, such as 1000000");
        std::process::exit(2);
    };
    let options = Options::default();
    let noise = Stream::new(0, "soak");
    let level = |episode: u64| Level { variation: (episode % 8) as u32, seed: episode };
    let (mut episode, mut failed) = (0, 0u64);
    let (mut fastest, mut farthest) = (0.0f32, 0.0f32);
    let mut world = PushChair::reset(&options, level(episode));
    for step in 0..steps {
        // By turns evenly random, at full strength, and at full strength held for 20 steps.
        let at = if episode % 3 == 2 { step / 20 } else { step };
        let action: Vec<f32> = (0..DOF as u32)
            .map(|dof| match (noise.uniform(dof, at)[0] * 2.0 - 1.0, episode % 3) {
                (a, 0) => a,
                (a, _) => a.signum(),
            })
            .collect();
        let end = world.step(Action::Continuous(&action)).end;
        failed += u64::from(world.failed());
        let (velocity, _) = world.scene().chair_velocity();
        fastest = fastest.max(velocity.length());
        farthest = farthest.max(world.measures(0.0).offset.length());
        if end != End::Running {
            episode += 1;
            world = PushChair::reset(&options, level(episode));
        }
    }
    println!("{steps} steps, {episode} episodes: {failed} ended in a state that is not finite");
    println!("fastest chair {fastest:.2} m/s, farthest from the target {farthest:.1} m");
}
