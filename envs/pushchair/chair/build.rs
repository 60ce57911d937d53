//! How a chair is put together from an archetype and random numbers.

use super::{
    super::solid::{Class, Shape, Solid},
    Arms, Back, Base, Caster, Chair, Joint, Link, ROOT_HEIGHT, STYLES, Seat, Style,
};
use crate::rng::Stream;
use rapier3d::math::{Pose, Rotation, Vector};
use std::f32::consts::{FRAC_PI_2, TAU};

/// What a chair may weigh, in kilograms. With 200 kg/m³, as in the original, most would weigh less: its
/// meshes are not these solids.
const MASS: [f32; 2] = [6.0, 18.0];
/// Twelve colours, none near the goal's red.
const COLOURS: [[u8; 3]; 12] = [
    [40, 44, 52],
    [88, 96, 105],
    [178, 186, 194],
    [232, 232, 226],
    [32, 78, 140],
    [72, 140, 200],
    [26, 122, 110],
    [74, 150, 74],
    [150, 168, 60],
    [222, 184, 60],
    [104, 76, 150],
    [150, 132, 84],
];

/// Random numbers of one attempt at a chair.
struct Draw {
    stream: Stream,
    next: u64,
}

impl Draw {
    fn between(&mut self, [low, high]: [f32; 2]) -> f32 {
        let [bits, ..] = self.stream.bits(0, self.next);
        self.next += 1;
        low + (high - low) * (bits as f32 / 2f32.powi(32))
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let i = self.between([0.0, choices.len() as f32]) as usize;
        choices[i.min(choices.len() - 1)]
    }
}

/// The chair that an attempt at a seed gives, valid or not.
pub(super) fn draw(seed: u64, attempt: u64) -> Chair {
    let style = &STYLES[(seed % STYLES.len() as u64) as usize];
    let mut draw = Draw { stream: Stream::new(seed, "chair"), next: attempt << 16 };
    let mut build = Build {
        style,
        width: draw.between(style.width),
        depth: draw.between(style.depth),
        thickness: draw.between(style.thickness),
        height: draw.between(style.height),
        base_colour: draw.of(&COLOURS[..4]),
        seat_colour: draw.of(&COLOURS),
        back_colour: draw.of(&COLOURS),
        links: Vec::new(),
        draw,
    };
    build.base();
    let seat = build.seat();
    build.back(seat);
    build.arms(seat);
    let mass = build.draw.between(MASS);
    let mut chair = Chair { style, links: build.links, density: 1.0 };
    chair.density = mass / chair.mass();
    chair
}

/// A chair in the making.
struct Build {
    style: &'static Style,
    draw: Draw,
    width: f32,
    depth: f32,
    thickness: f32,
    /// Of the seat's upper side above the ground.
    height: f32,
    base_colour: [u8; 3],
    seat_colour: [u8; 3],
    back_colour: [u8; 3],
    links: Vec<Link>,
}

impl Build {
    fn link(&mut self, parent: usize, joint: Joint, at: Vector, solids: Vec<Solid>) -> usize {
        let origin = Pose::from_translation(at);
        self.links.push(Link { parent: Some(parent), joint, origin, solids });
        self.links.len() - 1
    }

    /// The root with everything under the seat.
    fn base(&mut self) {
        let wheel = self.draw.between([0.025, 0.035]);
        let trail = self.draw.between([0.01, 0.03]);
        let colour = self.base_colour;
        // Where the casters hang on the base, above the ground.
        let top = 2.0 * wheel + 0.012;
        let under = self.height - self.thickness;
        let least = 0.42 * self.width;
        let radius = self.draw.between([0.24, 0.31]).max(least);
        let mut solids = Vec::new();
        let mut feet: Vec<Vector> = Vec::new();
        let corners = |x: f32, y: f32| [(x, y), (x, -y), (-x, y), (-x, -y)];
        match self.style.base {
            Base::Star(n) => {
                let section = [self.draw.between([0.03, 0.05]), self.draw.between([0.02, 0.04])];
                let rise = radius * libm::tanf(self.draw.between([0.0, 15.0]).to_radians());
                for k in 0..n {
                    let angle = TAU * k as f32 / n as f32;
                    let foot =
                        Vector::new(radius * libm::cosf(angle), radius * libm::sinf(angle), top);
                    let hub = Vector::new(0.0, 0.0, top + rise);
                    solids.push(bar(hub, foot, section, colour));
                    feet.push(foot);
                }
                self.column(top + rise - 0.02, under, &mut solids);
            }
            Base::Disc => {
                let plate = 0.02;
                for k in 0..5 {
                    let angle = TAU * k as f32 / 5.0;
                    let reach = radius - wheel;
                    feet.push(Vector::new(
                        reach * libm::cosf(angle),
                        reach * libm::sinf(angle),
                        wheel,
                    ));
                }
                let shape = Shape::Cylinder { radius, half_height: plate / 2.0 };
                solids.push(still(shape, Vector::new(0.0, 0.0, top + plate / 2.0), colour));
                self.column(top + plate, under, &mut solids);
            }
            Base::Legs => {
                let (x, y) = (0.46 * self.depth, 0.46 * self.width);
                for (x, y) in corners(x, y) {
                    let foot = Vector::new(x, y, top);
                    let high = Vector::new(x, y, under);
                    solids.push(bar(foot, high, [0.035, 0.035], colour));
                    feet.push(foot);
                }
                // What holds the legs together.
                let frame = Shape::Box { half: Vector::new(x + 0.017, y + 0.017, 0.01) };
                solids.push(still(frame, Vector::new(0.0, 0.0, under - 0.01), colour));
            }
            Base::Sled => {
                let (x, y) = (radius.max(0.28), radius.max(0.28) * 0.95);
                for side in [-y, y] {
                    let [front, rear] = [x, -x].map(|x| Vector::new(x, side, top + 0.015));
                    solids.push(bar(rear, front, [0.045, 0.03], colour));
                }
                let [left, right] = [y, -y].map(|y| Vector::new(0.0, y, top + 0.015));
                solids.push(bar(right, left, [0.05, 0.03], colour));
                feet.extend(corners(x, y).map(|(x, y)| Vector::new(x, y, top)));
                self.column(top + 0.02, under, &mut solids);
            }
        }
        let down = Vector::new(0.0, 0.0, -ROOT_HEIGHT);
        for solid in &mut solids {
            solid.pose.translation += down;
        }
        self.links.push(Link { parent: None, joint: Joint::Root, origin: Pose::IDENTITY, solids });
        for foot in feet {
            self.caster(foot + down, wheel, trail);
        }
    }

    fn column(&mut self, from: f32, to: f32, solids: &mut Vec<Solid>) {
        let radius = self.draw.between([0.022, 0.04]);
        let shape = Shape::Cylinder { radius, half_height: (to - from) / 2.0 };
        solids.push(still(shape, Vector::new(0.0, 0.0, (from + to) / 2.0), self.base_colour));
    }

    /// A caster that hangs on the root at a foot, which is where its fork turns.
    fn caster(&mut self, foot: Vector, radius: f32, trail: f32) {
        const WHEEL: [u8; 3] = [34, 34, 38];
        let ground = Vector::new(foot.x, foot.y, radius - ROOT_HEIGHT);
        let wheel = |half_height: f32| Solid {
            shape: Shape::Cylinder { radius, half_height },
            pose: Pose::from_rotation(Rotation::from_rotation_x(FRAC_PI_2)),
            colour: WHEEL,
            class: Class::Chair,
        };
        if self.style.caster == Caster::Ball {
            let ball = still(Shape::Sphere { radius }, Vector::ZERO, WHEEL);
            self.link(0, Joint::Ball, ground, vec![ball]);
            return;
        }
        let half_width = self.draw.between([0.006, 0.01]);
        let high = foot.z - ground.z;
        let post = Shape::Box { half: Vector::new(0.008, 0.006, high / 2.0) };
        let twin = self.style.caster == Caster::Twin;
        let beside = if twin { 0.0 } else { half_width + 0.006 };
        // It stands behind the axis around which it turns, where the wheel is.
        let behind = Vector::new(-trail, 0.0, -high);
        let post = still(post, behind + Vector::new(0.0, beside, high / 2.0), self.base_colour);
        let fork = self.link(0, Joint::Fork, foot, vec![post]);
        // Twin wheels share an axle.
        let sides: &[f32] = if twin { &[-1.0, 1.0] } else { &[0.0] };
        let wheels = sides.iter().map(|side| {
            let mut wheel = wheel(half_width);
            wheel.pose.translation.y = side * (half_width + 0.007);
            wheel
        });
        let wheels = wheels.collect();
        self.link(fork, Joint::Wheel, behind, wheels);
    }

    /// The link of the seat; its frame is at the middle of the upper side.
    fn seat(&mut self) -> usize {
        let (w, d, t) = (self.width / 2.0, self.depth / 2.0, self.thickness / 2.0);
        let colour = self.seat_colour;
        let at = Vector::new(0.0, 0.0, -t);
        let tilt = self.draw.between([0.0, 6.0]).to_radians();
        let mut solids = match self.style.seat {
            Seat::Slab => vec![still(Shape::Box { half: Vector::new(d, w, t) }, at, colour)],
            Seat::Disc => vec![still(Shape::Cylinder { radius: w, half_height: t }, at, colour)],
            Seat::Rounded => {
                let inner = Shape::Box { half: Vector::new(d - t, w - t, t) };
                let mut solids = vec![still(inner, at, colour)];
                let corner = |x: f32, y: f32| at + Vector::new(x * (d - t), y * (w - t), 0.0);
                let corners = [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (1.0, 1.0)];
                for pair in corners.windows(2) {
                    let (a, b) = (corner(pair[0].0, pair[0].1), corner(pair[1].0, pair[1].1));
                    solids.push(rod(a, b, t, colour));
                }
                solids
            }
            Seat::Wedge => {
                // The rear half is level, the front half falls away.
                let half = Vector::new(d / 2.0, w, t);
                let rear = still(Shape::Box { half }, at - Vector::new(d / 2.0, 0.0, 0.0), colour);
                let slope = self.draw.between([14.0, 20.0]).to_radians();
                let turn = Rotation::from_rotation_y(slope);
                let front = Pose::from_parts(at, turn) * Pose::translation(d / 2.0, 0.0, 0.0);
                let front = Solid { pose: front, ..rear };
                vec![rear, front]
            }
        };
        if self.style.seat != Seat::Wedge {
            // Seats lean back a little.
            let lean = Pose::from_rotation(Rotation::from_rotation_y(-tilt));
            for solid in &mut solids {
                solid.pose = lean * solid.pose;
            }
        }
        let joint = Joint::Seat { swivels: self.style.swivels };
        self.link(0, joint, Vector::new(0.0, 0.0, self.height - ROOT_HEIGHT), solids)
    }

    fn back(&mut self, seat: usize) {
        let style = self.style;
        if style.back == Back::None {
            return;
        }
        let high = self.draw.between(style.back_height);
        let gap = self.draw.between([0.0, 0.12]);
        let recline = self.draw.between(style.recline).to_radians();
        let half = self.width / 2.0 * self.draw.between([0.85, 1.0]);
        let colour = self.back_colour;
        let dark = self.base_colour;
        let mut solids = Vec::new();
        let middle = gap + high / 2.0;
        let slab =
            |half: Vector, z: f32| still(Shape::Box { half }, Vector::new(0.0, 0.0, z), colour);
        // A spine, or two, from the seat up to where the back begins.
        let spine = |y: f32, to: f32| {
            bar(Vector::new(0.0, y, -self.thickness), Vector::new(0.0, y, to), [0.025, 0.05], dark)
        };
        match style.back {
            Back::None => {}
            Back::Slab => {
                let thick = self.draw.between([0.03, 0.05]) / 2.0;
                solids.push(slab(Vector::new(thick, half, high / 2.0), middle));
                solids.push(spine(0.0, gap + 0.1));
            }
            Back::High => {
                let thick = self.draw.between([0.05, 0.08]) / 2.0;
                let low = 0.72 * high;
                solids.push(slab(Vector::new(thick, half, low / 2.0), gap + low / 2.0));
                let head = Vector::new(thick, 0.55 * half, 0.11 * high);
                solids.push(slab(head, gap + 0.87 * high));
                solids.push(spine(0.0, gap + 0.76 * high));
            }
            Back::Slats => {
                let n = self.draw.of(&[3usize, 4, 5, 6, 7]);
                for side in [-1.0, 1.0] {
                    let y = side * (half - 0.0125);
                    solids.push(bar(
                        Vector::new(0.0, y, -self.thickness),
                        Vector::new(0.0, y, gap + high),
                        [0.03, 0.025],
                        dark,
                    ));
                }
                for k in 0..n {
                    let z = gap + high * (k as f32 + 0.5) / n as f32;
                    let tall = 0.32 * high / n as f32;
                    solids.push(slab(Vector::new(0.01, half - 0.025, tall), z));
                }
            }
            Back::Frame => {
                for side in [-1.0, 1.0] {
                    solids.push(spine(side * (half - 0.03), gap + high));
                }
                solids.push(slab(Vector::new(0.015, half, 0.05), gap + high - 0.05));
            }
            Back::Curved => {
                let bend = self.draw.between([0.3, 0.6]);
                let all = 2.0 * half / bend;
                for k in -2..=2 {
                    let angle = all * k as f32 / 5.0;
                    // Its middle lies in front of it.
                    let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
                    let at = Vector::new(bend * (1.0 - cos), bend * sin, middle);
                    let half = Vector::new(0.0175, 0.52 * bend * all / 5.0, high / 2.0);
                    let pose = Pose::from_parts(at, Rotation::from_rotation_z(-angle));
                    solids.push(Solid { pose, ..still(Shape::Box { half }, at, colour) });
                }
                solids.push(spine(0.0, gap + 0.1));
            }
        }
        let lean = Pose::from_rotation(Rotation::from_rotation_y(-recline));
        let hinge = Vector::new(0.03 - self.depth / 2.0, 0.0, 0.0);
        for solid in &mut solids {
            solid.pose = lean * solid.pose;
        }
        if style.tilts {
            let range = self.draw.between([0.1, 0.2]);
            self.link(seat, Joint::Back { range }, hinge, solids);
        } else {
            for mut solid in solids {
                solid.pose.translation += hinge;
                self.links[seat].solids.push(solid);
            }
        }
    }

    fn arms(&mut self, seat: usize) {
        let style = self.style;
        if style.arms == Arms::None {
            return;
        }
        let high = self.draw.between([0.16, 0.26]);
        let long = self.draw.between([0.18, 0.30]);
        let dark = self.base_colour;
        for side in [-1.0, 1.0] {
            let y = side * (self.width / 2.0 + 0.02);
            let at = |x: f32, z: f32| Vector::new(x, y, z);
            let pad = Shape::Box { half: Vector::new(long / 2.0, 0.03, 0.0125) };
            let pad = still(pad, at(0.0, high), self.seat_colour);
            let solids = match style.arms {
                Arms::None => vec![],
                Arms::T => vec![pad, bar(at(0.0, -0.04), at(0.0, high), [0.04, 0.02], dark)],
                Arms::Loop => {
                    let post = |x: f32| bar(at(x, -0.04), at(x, high), [0.03, 0.02], dark);
                    vec![pad, post(0.4 * long), post(-0.4 * long)]
                }
                Arms::Panel => {
                    let half = Vector::new(0.45 * long, 0.012, (high + 0.04) / 2.0);
                    let panel = Shape::Box { half };
                    vec![pad, still(panel, at(0.0, (high - 0.04) / 2.0), self.back_colour)]
                }
            };
            self.links[seat].solids.extend(solids);
        }
    }
}

/// A shape that is not turned.
fn still(shape: Shape, at: Vector, colour: [u8; 3]) -> Solid {
    Solid { shape, pose: Pose::from_translation(at), colour, class: Class::Chair }
}

/// A capsule between two points.
fn rod(a: Vector, b: Vector, radius: f32, colour: [u8; 3]) -> Solid {
    let along = b - a;
    let rotation = Rotation::from_rotation_arc(Vector::Z, along.normalize());
    Solid {
        shape: Shape::Capsule { radius, half_height: along.length() / 2.0 },
        pose: Pose::from_parts((a + b) / 2.0, rotation),
        colour,
        class: Class::Chair,
    }
}

/// A bar of rectangular section, across and the other way, between two points.
fn bar(a: Vector, b: Vector, [across, other]: [f32; 2], colour: [u8; 3]) -> Solid {
    let along = b - a;
    let z = along.normalize();
    // Across lies in the horizontal plane where it can, else along x.
    let x = match Vector::Z.cross(z) {
        c if c.length() > 1e-3 => c.normalize(),
        _ => Vector::X,
    };
    let matrix = rapier3d::glamx::Mat3::from_cols(x, z.cross(x), z);
    Solid {
        shape: Shape::Box { half: Vector::new(across / 2.0, other / 2.0, along.length() / 2.0) },
        pose: Pose::from_parts((a + b) / 2.0, Rotation::from_mat3(&matrix)),
        colour,
        class: Class::Chair,
    }
}
