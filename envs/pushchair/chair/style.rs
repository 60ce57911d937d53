//! The eight archetypes of chairs (pushchair.md §8.2).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Spokes from the column to as many casters.
    Star(usize),
    /// A plate with balls under it.
    Disc,
    /// Straight legs from the corners of the seat.
    Legs,
    /// Two runners and a crossbar.
    Sled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    Slab,
    /// A slab with a rim.
    Rounded,
    Disc,
    /// Falls away to the front.
    Wedge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    None,
    Slab,
    Slats,
    /// Two posts and a rail.
    Frame,
    Curved,
    /// A slab and a head rest.
    High,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arms {
    None,
    /// A post and a pad.
    T,
    /// Two posts and a pad.
    Loop,
    /// A plate.
    Panel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caster {
    /// A ball that rolls any way.
    Ball,
    /// A fork with one wheel.
    Single,
    /// A fork with a wheel on either side, on one axle.
    Twin,
}

/// An archetype: what a chair is made of, and the ranges of its measures in metres.
#[derive(Debug, PartialEq)]
pub struct Style {
    pub name: &'static str,
    pub base: Base,
    pub seat: Seat,
    pub back: Back,
    pub arms: Arms,
    pub caster: Caster,
    pub swivels: bool,
    /// Whether the back tilts.
    pub tilts: bool,
    pub(super) width: [f32; 2],
    pub(super) depth: [f32; 2],
    pub(super) thickness: [f32; 2],
    /// Of the seat's upper side above the ground.
    pub(super) height: [f32; 2],
    pub(super) back_height: [f32; 2],
    /// Of the back, in degrees.
    pub(super) recline: [f32; 2],
}

/// The archetypes; a seed has that of its remainder.
pub const STYLES: [Style; 8] = [
    Style {
        name: "task chair",
        base: Base::Star(5),
        seat: Seat::Rounded,
        back: Back::Slab,
        arms: Arms::None,
        caster: Caster::Twin,
        swivels: true,
        tilts: false,
        width: [0.42, 0.48],
        depth: [0.40, 0.46],
        thickness: [0.05, 0.07],
        height: [0.42, 0.48],
        back_height: [0.32, 0.44],
        recline: [5.0, 12.0],
    },
    Style {
        name: "executive chair",
        base: Base::Star(5),
        seat: Seat::Slab,
        back: Back::High,
        arms: Arms::Loop,
        caster: Caster::Twin,
        swivels: true,
        tilts: true,
        width: [0.46, 0.52],
        depth: [0.44, 0.50],
        thickness: [0.08, 0.10],
        height: [0.44, 0.50],
        back_height: [0.48, 0.52],
        recline: [8.0, 14.0],
    },
    Style {
        name: "stool",
        base: Base::Disc,
        seat: Seat::Disc,
        back: Back::None,
        arms: Arms::None,
        caster: Caster::Ball,
        swivels: true,
        tilts: false,
        width: [0.36, 0.42],
        depth: [0.36, 0.42],
        thickness: [0.05, 0.09],
        height: [0.42, 0.50],
        back_height: [0.0, 0.0],
        recline: [0.0, 0.0],
    },
    Style {
        name: "mesh chair",
        base: Base::Star(5),
        seat: Seat::Rounded,
        back: Back::Slats,
        arms: Arms::T,
        caster: Caster::Single,
        swivels: true,
        tilts: false,
        width: [0.42, 0.50],
        depth: [0.40, 0.48],
        thickness: [0.04, 0.06],
        height: [0.42, 0.48],
        back_height: [0.45, 0.60],
        recline: [6.0, 14.0],
    },
    Style {
        name: "bar chair",
        base: Base::Star(4),
        seat: Seat::Slab,
        back: Back::Frame,
        arms: Arms::None,
        caster: Caster::Single,
        swivels: true,
        tilts: false,
        width: [0.36, 0.40],
        depth: [0.36, 0.40],
        thickness: [0.04, 0.06],
        height: [0.47, 0.50],
        back_height: [0.25, 0.32],
        recline: [5.0, 8.0],
    },
    Style {
        name: "conference chair",
        base: Base::Legs,
        seat: Seat::Slab,
        back: Back::Curved,
        arms: Arms::Panel,
        caster: Caster::Single,
        swivels: false,
        tilts: false,
        width: [0.46, 0.52],
        depth: [0.44, 0.50],
        thickness: [0.05, 0.08],
        height: [0.40, 0.46],
        back_height: [0.32, 0.42],
        recline: [5.0, 12.0],
    },
    Style {
        name: "kneeling chair",
        base: Base::Star(6),
        seat: Seat::Wedge,
        back: Back::None,
        arms: Arms::None,
        caster: Caster::Single,
        swivels: true,
        tilts: false,
        width: [0.42, 0.50],
        depth: [0.42, 0.50],
        thickness: [0.07, 0.10],
        height: [0.42, 0.50],
        back_height: [0.0, 0.0],
        recline: [0.0, 0.0],
    },
    Style {
        name: "lounge chair",
        base: Base::Sled,
        seat: Seat::Slab,
        back: Back::Slab,
        arms: Arms::None,
        caster: Caster::Twin,
        swivels: true,
        tilts: true,
        width: [0.50, 0.52],
        depth: [0.46, 0.50],
        thickness: [0.09, 0.10],
        height: [0.38, 0.42],
        back_height: [0.50, 0.60],
        recline: [16.0, 20.0],
    },
];
