//! One world in play: keys, time and a trained policy in; frames and a line about it out.

use super::{
    actor::Actor,
    keys::{Command, Key, Keyboard, Meaning, action},
    media::{Film, MediaError},
    scene::{Scene, SceneError},
};
use crate::{
    pool::Pool,
    render::frame::{Frame, Painter},
    run::file::{FileError, write_atomic},
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Time from step to step: 15 a second, at which people play the original of Procgen.
pub const TICK: Duration = Duration::from_nanos(1_000_000_000 / 15);
/// Pixels of a side of what agents see.
pub const AGENTS_VIEW: u32 = 64;
/// Most pixels of a side that a world is drawn at.
const LARGEST_VIEW: u32 = 1024;
/// Pixels of a recorded GIF for one of the agent's view.
const FILM_SCALE: u16 = 4;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Go,
    Quit,
}

/// Why play ended early.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Scene(#[from] SceneError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// How far the current episode is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Episode {
    steps: u32,
    /// Sum of rewards.
    total: f32,
}

/// A state to come back to.
struct Saved {
    level: u32,
    snapshot: Vec<serde_bytes::ByteBuf>,
    episode: Episode,
}

/// The world as it is shown.
struct View {
    painter: Painter,
    frame: Frame,
    pixels: Vec<u8>,
}

/// One world in play.
pub struct Session {
    scene: Scene,
    seed: u64,
    level: u32,
    /// Of one environment.
    world: Pool,
    episode: Episode,
    /// Steps of all episodes.
    steps: u64,
    policy: Option<Actor>,
    /// Whether the policy acts, and not the person.
    watching: bool,
    paused: bool,
    /// A person's episode begins with the first control that is pressed.
    waiting: bool,
    keyboard: Keyboard,
    /// When the next step is due.
    next: Instant,
    saved: Option<Saved>,
    film: Option<Film>,
    large: bool,
    agents_view: Painter,
    /// What was shown last.
    view: Option<View>,
    /// What happened last.
    message: String,
}

impl Session {
    /// Begins at a level. With a policy, that acts until a person takes over.
    pub fn new(
        scene: Scene,
        level: u32,
        seed: u64,
        policy: Option<Actor>,
    ) -> Result<Self, SceneError> {
        Ok(Self {
            world: scene.worlds(Some(level), 1, seed)?,
            agents_view: scene.painter(AGENTS_VIEW),
            scene,
            seed,
            level,
            episode: Episode::default(),
            steps: 0,
            watching: policy.is_some(),
            policy,
            paused: false,
            waiting: true,
            keyboard: Keyboard::default(),
            next: Instant::now(),
            saved: None,
            film: None,
            large: false,
            view: None,
            message: String::new(),
        })
    }

    /// When [`Session::tick`] has something to do; never, while it is paused or waits.
    pub fn due(&self) -> Option<Instant> {
        let idle = self.paused || (self.waiting && !self.watching);
        (!idle).then_some(self.next)
    }

    /// Steps if it is time to. Whether anything changed.
    pub fn tick(&mut self, now: Instant) -> Result<bool, SessionError> {
        if self.due().is_none_or(|due| now < due) {
            return Ok(false);
        }
        // Time that was spent elsewhere is not caught up.
        let from = if now.duration_since(self.next) < TICK { self.next } else { now };
        self.next = from + TICK;
        self.step(now)?;
        Ok(true)
    }

    fn step(&mut self, now: Instant) -> Result<(), SessionError> {
        let spec = self.world.spec();
        let held = self.keyboard.look(now);
        let chosen = match &mut self.policy {
            Some(policy) if self.watching => policy.act(&self.world, self.steps),
            _ => action(self.scene.environment(), spec.action, &held),
        };
        let mut ended = Vec::new();
        let stepped = self.world.step(chosen.actions(), &mut ended);
        stepped.expect("actions are chosen for these worlds");
        self.steps += 1;
        self.episode.steps += 1;
        self.episode.total += self.world.rewards()[0];
        if let Some(episode) = ended.pop() {
            let end = if episode.solved { "solved" } else { "over" };
            let message = format!(
                "level {} {end}: {} steps, return {:.2}",
                self.level, episode.length, episode.total_reward
            );
            // A policy is seen on one level after another; a person may try again.
            if self.watching || episode.solved {
                self.go_to(self.neighbour(1)?)?;
            } else {
                self.begin();
            }
            self.message = message;
        }
        self.shoot()
    }

    /// Takes the state as it is for the first of an episode.
    fn begin(&mut self) {
        self.episode = Episode::default();
        self.waiting = true;
        self.keyboard.forget_taps();
        self.message.clear();
    }

    fn go_to(&mut self, level: u32) -> Result<(), SessionError> {
        self.world = self.scene.worlds(Some(level), 1, self.seed)?;
        self.level = level;
        self.begin();
        Ok(())
    }

    /// The level so many further; after the last comes the first.
    fn neighbour(&self, by: i64) -> Result<u32, SceneError> {
        let levels = i64::from(self.scene.levels()?);
        Ok((i64::from(self.level) + by).rem_euclid(levels) as u32)
    }

    /// A key goes down, or repeats. `until` is when it counts as released, if nobody will tell.
    pub fn press(
        &mut self,
        key: Key,
        repeats: bool,
        until: Option<Instant>,
    ) -> Result<Flow, SessionError> {
        match key.meaning() {
            // What is still held when an episode ends is not meant for the next.
            Some(Meaning::Hold(control)) if !repeats => {
                match until {
                    Some(until) => self.keyboard.press_until(key, control, until),
                    None => self.keyboard.press(key, control),
                }
                self.waiting = false;
            }
            Some(Meaning::Do(Command::Quit)) => return Ok(Flow::Quit),
            Some(Meaning::Do(command)) if !repeats || command == Command::Step => {
                self.message.clear();
                self.perform(command)?;
            }
            _ => {}
        }
        Ok(Flow::Go)
    }

    pub fn release(&mut self, key: Key) {
        self.keyboard.release(key);
    }

    /// The keyboard belongs to another window now.
    pub fn release_all(&mut self) {
        self.keyboard.release_all();
    }

    fn perform(&mut self, command: Command) -> Result<(), SessionError> {
        match command {
            Command::Pause => self.paused = !self.paused,
            Command::Step => {
                self.paused = true;
                self.step(Instant::now())?;
            }
            Command::Restart => self.go_to(self.level)?,
            Command::NextLevel => self.go_to(self.neighbour(1)?)?,
            Command::PreviousLevel => self.go_to(self.neighbour(-1)?)?,
            Command::Save => {
                let (level, snapshot) = (self.level, self.world.snapshot());
                self.saved = Some(Saved { level, snapshot, episode: self.episode });
                self.message = "kept: l comes back to here".into();
            }
            Command::Restore => self.restore()?,
            Command::Record if self.film.is_some() => self.finish()?,
            Command::Record => {
                let side = AGENTS_VIEW as u16;
                self.film = Some(Film::new(side, side, FILM_SCALE)?);
                self.shoot()?;
            }
            Command::View => self.large = !self.large,
            Command::TakeOver if self.policy.is_some() => {
                self.watching = !self.watching;
                self.waiting = !self.watching;
            }
            Command::TakeOver => {
                self.message = "there is no policy: begin with --policy RUN".into()
            }
            Command::Quit => {}
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), SessionError> {
        let Some(Saved { level, snapshot, episode }) = self.saved.take() else {
            self.message = "nothing was kept yet".into();
            return Ok(());
        };
        self.go_to(level)?;
        self.world.restore(&snapshot).expect("it was taken of the same level");
        self.episode = episode;
        self.saved = Some(Saved { level, snapshot, episode });
        Ok(())
    }

    /// Puts the agent's view on film, if one is being made.
    fn shoot(&mut self) -> Result<(), SessionError> {
        let Some(film) = &mut self.film else { return Ok(()) };
        film.push(self.agents_view.show(&self.world, 0))?;
        Ok(())
    }

    /// Writes the film, if one is being made, into the first free file.
    pub fn finish(&mut self) -> Result<(), SessionError> {
        let Some(film) = self.film.take() else { return Ok(()) };
        let name = self.scene.environment().replace(':', "-");
        let path: PathBuf = (1u32..)
            .map(|n| Path::new(&format!("{name}-{n}.gif")).to_owned())
            .find(|path| !path.exists())
            .expect("there are more numbers than files");
        let frames = film.frames();
        write_atomic(&path, &film.finish()?)?;
        self.message = format!("{}: {frames} frames", path.display());
        Ok(())
    }

    /// The world as it is, `[size, size, 3]`, and the size in pixels: what the agent sees, or a
    /// large view of `most` pixels a side. Where there are fewer than the agent's, it is smaller.
    pub fn view(&mut self, most: u32) -> (&[u8], u32) {
        let size = match self.large {
            false => most.min(AGENTS_VIEW),
            true => most.min(LARGEST_VIEW),
        };
        let size = size.max(1);
        let view = match self.view.take() {
            Some(view) if view.painter.size() == size => self.view.insert(view),
            _ => self.view.insert(View {
                painter: self.scene.painter(size),
                frame: Frame::default(),
                pixels: vec![0; 3 * (size * size) as usize],
            }),
        };
        view.frame.show(&mut view.painter, &self.world, 0, &mut view.pixels);
        (&view.pixels, size)
    }

    /// What there is to say in one line.
    pub fn status(&self) -> String {
        let mut parts = vec![
            format!("{} level {}", self.scene.environment(), self.level),
            format!("step {}, return {:.2}", self.episode.steps, self.episode.total),
        ];
        if self.film.is_some() {
            parts.push("recording".into());
        }
        match (self.paused, self.watching, self.waiting) {
            (true, ..) => parts.push("paused".into()),
            (_, true, _) => parts.push("the policy acts".into()),
            (_, _, true) => parts.push("press a key to begin".into()),
            _ => {}
        }
        if !self.message.is_empty() {
            parts.push(self.message.clone());
        }
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::config::Config;

    fn session(environment: &str) -> Session {
        let config = Config::of_environment(environment, &[]).unwrap();
        Session::new(Scene::new(config, None).unwrap(), 3, 0, None).unwrap()
    }

    impl Session {
        fn tap(&mut self, key: Key) {
            assert_eq!(self.press(key, false, None).unwrap(), Flow::Go);
            self.release(key);
        }

        fn steps_on(&mut self, steps: u32) {
            for _ in 0..steps {
                assert!(self.tick(self.due().unwrap()).unwrap());
            }
        }

        fn sign(&mut self, sign: char) {
            self.tap(Key::Sign(sign));
        }
    }

    #[test]
    fn nothing_is_due_until_a_control_is_pressed_nor_while_paused() {
        let mut session = session("procgen:coinrun");
        assert_eq!(session.due(), None);
        session.tap(Key::Right);
        session.steps_on(5);
        session.sign('p');
        assert_eq!(session.due(), None);
        session.sign('.');
        assert_eq!(session.episode.steps, 6);
        assert!(session.status().contains("paused"), "{}", session.status());
        session.sign('p');
        assert!(session.due().is_some());
    }

    #[test]
    fn what_is_kept_comes_back_from_another_level() {
        let mut session = session("procgen:coinrun");
        session.press(Key::Right, false, None).unwrap();
        session.steps_on(9);
        session.sign('k');
        let kept = (session.view(64).0.to_vec(), session.world.snapshot());
        session.steps_on(4);
        session.sign('n');
        assert_eq!(session.level, 4);
        session.sign('l');
        assert_eq!((session.level, session.episode.steps), (3, 9));
        assert!((session.view(64).0.to_vec(), session.world.snapshot()) == kept);
    }

    #[test]
    fn levels_go_round() {
        let mut session = session("maze");
        session.sign('n');
        session.sign('n');
        assert_eq!(session.level, 0);
        session.sign('b');
        assert_eq!(session.level, 4);
    }

    #[test]
    fn an_episode_that_ends_waits_for_a_person() {
        let mut session = session("maze");
        session.tap(Key::Right);
        session.steps_on(150);
        assert_eq!(session.due(), None);
        assert!(session.status().contains("level 3 over: 150 steps"), "{}", session.status());
    }

    #[test]
    fn views_are_the_agents_or_as_large_as_there_is_room() {
        let mut session = session("procgen:maze");
        let sizes = |session: &mut Session| [40, 100, 2000].map(|most| session.view(most).1);
        assert_eq!(sizes(&mut session), [40, 64, 64]);
        session.sign('v');
        assert_eq!(sizes(&mut session), [40, 100, 1024]);
    }
}
