//! What keys mean, wherever they are pressed.

use super::actor::Chosen;
use gslab_envs::{ActionSpace, pushchair::robot::DOF};
use std::time::Instant;

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Left,
    Right,
    Up,
    Down,
    Escape,
    /// A letter in lower case, or another sign.
    Sign(char),
}

/// A part of an action, for as long as its key is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    Left,
    Right,
    Up,
    Down,
    /// One of the choices after the nine directions, counted from 0.
    Extra(u32),
}

/// What is done once when a key goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Pause,
    Step,
    Restart,
    NextLevel,
    PreviousLevel,
    Save,
    Restore,
    Record,
    /// Between the agent's view and a large one.
    View,
    /// Between the policy and the person.
    TakeOver,
    Quit,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Hold(Control),
    Do(Command),
}

/// The keys, for people, in lines no wider than the agent's view on a terminal.
pub const KEYS: &str = "arrows or WASD move · space or 1 to 6 act · r restart · q quit\n\
    p pause · . one step · n/b next/previous level · v view\n\
    k keep · l load · g record a GIF · t take over, or give back";

impl Key {
    /// What the key does, if anything.
    pub fn meaning(self) -> Option<Meaning> {
        use Meaning::{Do, Hold};
        Some(match self {
            Self::Left | Self::Sign('a') => Hold(Control::Left),
            Self::Right | Self::Sign('d') => Hold(Control::Right),
            Self::Up | Self::Sign('w') => Hold(Control::Up),
            Self::Down | Self::Sign('s') => Hold(Control::Down),
            Self::Sign(' ') => Hold(Control::Extra(0)),
            Self::Sign(digit @ '1'..='6') => Hold(Control::Extra(digit as u32 - '1' as u32)),
            Self::Sign('p') => Do(Command::Pause),
            Self::Sign('.') => Do(Command::Step),
            Self::Sign('r') => Do(Command::Restart),
            Self::Sign('n') => Do(Command::NextLevel),
            Self::Sign('b') => Do(Command::PreviousLevel),
            Self::Sign('k') => Do(Command::Save),
            Self::Sign('l') => Do(Command::Restore),
            Self::Sign('g') => Do(Command::Record),
            Self::Sign('v') => Do(Command::View),
            Self::Sign('t') => Do(Command::TakeOver),
            Self::Sign('q') | Self::Escape => Do(Command::Quit),
            Self::Sign(_) => return None,
        })
    }
}

/// The action of one world while some controls are held.
///
/// In the fifteen choices of Procgen, left and right, up and down make nine directions, numbered
/// `3 * column + row` from the lower left; a further control takes their place. In other spaces of
/// choices the controls are numbered likewise, as far as there are choices. Of real numbers, the
/// first goes right with 1 and left with -1, the second up and down, and all others are 0; a robot
/// is driven by [`drive`].
pub fn action(environment: &str, space: ActionSpace, held: &[Control]) -> Chosen {
    if environment == "pushchair" {
        return Chosen::Continuous(drive(held).into());
    }
    let is_held = |control| i32::from(held.contains(&control));
    let x = is_held(Control::Right) - is_held(Control::Left);
    let y = is_held(Control::Up) - is_held(Control::Down);
    match space {
        ActionSpace::Continuous { dim } => {
            let axes = [x as f32, y as f32].into_iter().chain(std::iter::repeat(0.0));
            Chosen::Continuous(axes.take(dim).collect())
        }
        ActionSpace::Discrete { n } => {
            let extra = held.iter().find_map(|&control| match control {
                Control::Extra(extra) => Some(9 + extra),
                _ => None,
            });
            let direction = (3 * (x + 1) + y + 1) as u32;
            Chosen::Discrete(vec![extra.unwrap_or(direction).min(n - 1)])
        }
    }
}

/// The action of PushChair's robot. Up and down drive its base forward and back, left and right
/// turn it; the further controls are two each for the torso (up, down) and both arms (up, down;
/// together, apart).
fn drive(held: &[Control]) -> [f32; DOF] {
    /// Joints with the velocity that one way of a pair takes, a share of the greatest.
    type Way = &'static [(usize, f32)];
    const FORWARD: Way = &[(0, 1.0)];
    const TURN: Way = &[(2, 1.0)];
    const TORSO: Way = &[(3, 1.0)];
    // The first joint of the right arm and of the left one, whose bases are mirrored.
    const LIFT: Way = &[(4, 1.0), (13, -1.0)];
    // The second.
    const CLOSE: Way = &[(5, 1.0), (14, 1.0)];
    let mut action = [0.0; DOF];
    for control in held {
        let (way, sign) = match control {
            Control::Up => (FORWARD, 1.0),
            Control::Down => (FORWARD, -1.0),
            Control::Left => (TURN, 1.0),
            Control::Right => (TURN, -1.0),
            Control::Extra(0) => (TORSO, 1.0),
            Control::Extra(1) => (TORSO, -1.0),
            Control::Extra(2) => (LIFT, 1.0),
            Control::Extra(3) => (LIFT, -1.0),
            Control::Extra(4) => (CLOSE, 1.0),
            Control::Extra(_) => (CLOSE, -1.0),
        };
        way.iter().for_each(|&(joint, velocity)| action[joint] += sign * velocity);
    }
    action
}

/// Which controls are held.
#[derive(Clone, Debug, Default)]
pub struct Keyboard {
    /// Until when, if nobody will tell when the key is released.
    held: Vec<(Key, Control, Option<Instant>)>,
    /// Pressed since the last look, though they may be released by now.
    tapped: Vec<Control>,
}

impl Keyboard {
    /// A key goes down, and will be told to go up.
    pub fn press(&mut self, key: Key, control: Control) {
        self.hold(key, control, None);
    }

    /// A key goes down or repeats on a terminal that does not tell when it goes up: it counts as
    /// held until then. So does whatever else is held, since only the last key repeats; pressing
    /// the opposite releases a key.
    pub fn press_until(&mut self, key: Key, control: Control, until: Instant) {
        let opposite = match control {
            Control::Left => Some(Control::Right),
            Control::Right => Some(Control::Left),
            Control::Up => Some(Control::Down),
            Control::Down => Some(Control::Up),
            Control::Extra(_) => None,
        };
        self.held.retain(|(_, held, _)| Some(*held) != opposite);
        self.held.iter_mut().for_each(|(.., end)| *end = Some(until));
        self.hold(key, control, Some(until));
    }

    fn hold(&mut self, key: Key, control: Control, until: Option<Instant>) {
        self.release(key);
        self.held.push((key, control, until));
        self.tapped.push(control);
    }

    pub fn release(&mut self, key: Key) {
        self.held.retain(|(held, ..)| *held != key);
    }

    /// Nothing is held any more: another window has the keyboard.
    pub fn release_all(&mut self) {
        self.held.clear();
        self.tapped.clear();
    }

    /// Forgets what was pressed and released since the last look.
    pub fn forget_taps(&mut self) {
        self.tapped.clear();
    }

    /// The controls that were held at any time since the last look, the latest first.
    pub fn look(&mut self, now: Instant) -> Vec<Control> {
        self.held.retain(|(.., until)| until.is_none_or(|until| now < until));
        let held = self.held.iter().map(|(_, control, _)| *control);
        let mut all: Vec<Control> = held.chain(self.tapped.drain(..)).collect();
        all.reverse();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Control::{Down, Extra, Left, Right, Up};
    use gslab_envs::{
        Action, Env, Level,
        pushchair::{Options, PushChair, math::Vector},
    };
    use std::time::Duration;

    const PROCGEN: ActionSpace = ActionSpace::Discrete { n: 15 };

    #[test]
    fn directions_and_extras_are_the_originals_fifteen() {
        let of = |held: &[Control]| action("procgen:bigfish", PROCGEN, held);
        let held: [&[Control]; 9] = [
            &[Left, Down],
            &[Left],
            &[Left, Up],
            &[Down],
            &[],
            &[Up],
            &[Down, Right],
            &[Right],
            &[Up, Right],
        ];
        for (number, held) in held.into_iter().enumerate() {
            assert_eq!(of(held), Chosen::Discrete(vec![number as u32]), "{held:?}");
        }
        assert_eq!(of(&[Left, Right, Up, Down]), Chosen::Discrete(vec![4]));
        for extra in 0..6 {
            assert_eq!(of(&[Left, Extra(extra)]), Chosen::Discrete(vec![9 + extra]));
        }
        assert_eq!(
            action("other", ActionSpace::Discrete { n: 3 }, &[Right]),
            Chosen::Discrete(vec![2])
        );
    }

    #[test]
    fn real_actions_go_right_and_up() {
        let of = |dim, held: &[Control]| action("maze", ActionSpace::Continuous { dim }, held);
        assert_eq!(of(2, &[Right, Down]), Chosen::Continuous(vec![1.0, -1.0]));
        assert_eq!(of(1, &[Left]), Chosen::Continuous(vec![-1.0]));
        assert_eq!(of(4, &[Up]), Chosen::Continuous(vec![0.0, 1.0, 0.0, 0.0]));
    }

    /// Each control has effect on the part of the robot that it names.
    #[test]
    fn controls_move_the_robot_as_they_say() {
        let after = |held: &[Control]| {
            let level = Level { variation: 0, seed: 3 };
            let mut world = PushChair::reset(&Options::default(), level);
            let space = ActionSpace::Continuous { dim: DOF };
            let Chosen::Continuous(action) = action("pushchair", space, held) else { panic!() };
            for _ in 0..6 {
                world.step(Action::Continuous(&action));
            }
            world
        };
        let joints = |held: &[Control]| after(held).scene().joint_positions();
        let still = joints(&[]);
        let turned = |held| joints(held)[2] - still[2];
        assert!(turned(&[Left]) > 0.2 && turned(&[Right]) < -0.2);
        let heading = |way: [f32; DOF]| {
            (way[0] - still[0]) * still[2].cos() + (way[1] - still[1]) * still[2].sin()
        };
        assert!(heading(joints(&[Up])) > 0.1 && heading(joints(&[Down])) < -0.1);
        assert!(joints(&[Extra(0)])[3] > joints(&[Extra(1)])[3] + 0.02);
        let tips = |held: &[Control]| after(held).finger_tips();
        let between = |[right, _, left, _]: [Vector; 4]| (right - left).length();
        for side in [0, 2] {
            assert!(tips(&[Extra(2)])[side].z > tips(&[Extra(3)])[side].z + 0.2);
        }
        assert!(between(tips(&[Extra(4)])) < between(tips(&[Extra(5)])) - 0.2);
    }

    #[test]
    fn letters_are_arrows() {
        for (letter, arrow) in
            [('a', Key::Left), ('d', Key::Right), ('w', Key::Up), ('s', Key::Down)]
        {
            assert_eq!(Key::Sign(letter).meaning(), arrow.meaning());
        }
        assert_eq!(Key::Sign(' ').meaning(), Key::Sign('1').meaning());
        assert_eq!(Key::Sign('6').meaning(), Some(Meaning::Hold(Extra(5))));
        assert_eq!(Key::Sign('x').meaning(), None);
    }

    #[test]
    fn a_tap_between_two_looks_counts_once() {
        let (mut keyboard, now) = (Keyboard::default(), Instant::now());
        keyboard.press(Key::Up, Up);
        keyboard.release(Key::Up);
        assert_eq!(keyboard.look(now), [Up]);
        assert_eq!(keyboard.look(now), []);
    }

    #[test]
    fn without_releases_keys_end_by_themselves_and_by_their_opposites() {
        let (mut keyboard, now) = (Keyboard::default(), Instant::now());
        let later = |ms| now + Duration::from_millis(ms);
        keyboard.press_until(Key::Right, Right, later(100));
        // The repeating key keeps the other.
        keyboard.press_until(Key::Up, Up, later(200));
        keyboard.look(now);
        assert_eq!(keyboard.look(later(150)), [Up, Right]);
        keyboard.press_until(Key::Left, Left, later(300));
        keyboard.look(now);
        assert_eq!(keyboard.look(later(250)), [Left, Up]);
        assert_eq!(keyboard.look(later(300)), []);
    }
}
