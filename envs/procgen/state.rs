//! States as bytes, in the layout of the original's `get_state`.

use super::{
    game::Game,
    layout::{Layout, Reader, RngForm, Value, Writer},
    mt19937::Mt19937,
    options::{Options, Settings},
    world::World,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Ends every state.
const END: i32 = 0xCAFE_CAFE_u32 as i32;

/// Bytes that are not a state of the game.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("the state is truncated: it ends after {length} bytes")]
    Truncated { length: usize },
    #[error("the state is too long: {extra} bytes follow its end")]
    TooLong { extra: usize },
    #[error("the state is corrupted or of another version: {field}, before byte {at}")]
    Invalid { field: String, at: usize },
    #[error("the state has {field} {found:?} and not {expected:?}")]
    Other { field: &'static str, found: String, expected: &'static str },
}

/// CRC-32 of parts of a state, as recordings have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksums {
    /// Reward, ends, seeds and times.
    pub step: u32,
    pub entities: u32,
    /// Action, speeds and size of the world.
    pub basic: u32,
    pub camera: u32,
    pub grid: u32,
    /// What the game adds.
    pub tail: u32,
}

impl<G: Game> World<G> {
    fn layout(&mut self, io: &mut impl Layout) {
        let Self { engine: e, game } = self;
        io.constant("version", 0);
        io.text("game_name", G::FACTS.name);
        e.layout_options(io);
        e.layout_generators(io);
        e.layout_step(io);
        io.int("grid_size", &mut e.grid_size);
        e.layout_entities(io);
        e.layout_action(io);
        e.camera.layout_center(io);
        e.layout_flags(io);
        if io.rng_form() != RngForm::Binary {
            // Paints generated assets, which are not supported: never used, hence never seeded.
            let mut unused = Mt19937::default();
            io.rng("asset_rand_gen", &mut unused);
            io.require("asset_rand_gen", !unused.is_seeded());
        }
        e.layout_world(io);
        e.camera.layout_view(io);
        e.layout_visibility(io);
        e.layout_grid(io);
        game.layout(io);
        io.constant("end", END);
    }

    fn write(&self, form: RngForm) -> Vec<u8> {
        let mut writer = Writer::new(form);
        // Writing changes nothing; the clone is what one description for both ways costs.
        self.clone().layout(&mut writer);
        writer.bytes
    }

    fn read(bytes: &[u8], form: RngForm) -> Result<Self, StateError> {
        let mut world = Self::unborn(Settings::new(&Options::default(), (0, i32::MAX), 0));
        let mut reader = Reader::new(bytes, form);
        world.layout(&mut reader);
        reader.finish()?;
        world.game.restored(&mut world.engine);
        Ok(world)
    }

    /// The state as the original's `get_state` gives it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(RngForm::Text)
    }

    /// Continues a state of [`World::to_bytes`] or of the original, which must not have generated
    /// assets.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        Self::read(bytes, RngForm::Text)
    }

    /// The state as recordings have it in their snapshots: of the random generators there is a
    /// checksum only.
    pub fn digest(&self) -> Vec<u8> {
        self.write(RngForm::Digest)
    }

    /// Names and values of all fields of a [`World::digest`].
    pub fn fields(&self, digest: &[u8]) -> Result<Vec<(String, Value)>, StateError> {
        let mut reader = Reader::listing(digest, RngForm::Digest);
        self.clone().layout(&mut reader);
        reader.finish()
    }

    /// The checksums of the state; `scratch` is overwritten.
    pub fn checksums(&mut self, scratch: &mut Vec<u8>) -> Checksums {
        let Self { engine: e, game } = self;
        let mut writer = Writer::over(std::mem::take(scratch));
        let mut crc = |write: &mut dyn FnMut(&mut Writer)| {
            writer.bytes.clear();
            write(&mut writer);
            crc32fast::hash(&writer.bytes)
        };
        let checksums = Checksums {
            step: crc(&mut |io| e.layout_step(io)),
            entities: crc(&mut |io| e.layout_entities(io)),
            basic: crc(&mut |io| {
                e.layout_action(io);
                e.layout_flags(io);
                e.layout_world(io);
            }),
            camera: crc(&mut |io| {
                e.camera.layout_center(io);
                e.camera.layout_view(io);
                e.layout_visibility(io);
            }),
            grid: crc(&mut |io| e.layout_grid(io)),
            tail: crc(&mut |io| game.layout(io)),
        };
        *scratch = writer.bytes;
        checksums
    }
}

/// A snapshot: the bytes of the state, with the random generators in binary.
impl<G: Game> Serialize for World<G> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.write(RngForm::Binary))
    }
}

impl<'de, G: Game> Deserialize<'de> for World<G> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        Self::read(&bytes, RngForm::Binary).map_err(D::Error::custom)
    }
}
