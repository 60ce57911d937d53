//! Which levels are the same world: a test level that occurs in training tests nothing.

use super::{games::Entry, options::Options};
use crate::OptionError;
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// What tells the first state of a level from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Of the entities, the grid and the game's own state, without the pictures chosen for them.
    pub world: u128,
    /// Of the same with the pictures and the background.
    pub look: u128,
}

/// The fingerprint of a level; `options` give the mode, their range of levels is not looked at.
pub fn fingerprint(
    game: &Entry,
    options: &Options,
    level_seed: i32,
) -> Result<Fingerprint, OptionError> {
    let options = Options { num_levels: 1, start_level: level_seed, ..options.clone() };
    let world = game.original(&options, 0, 0, 0)?;
    let fields = world.fields(&world.digest()).expect("a world can read its own state");
    // The game's own state is what follows the grid.
    let grid = fields.iter().rposition(|(name, _)| name.starts_with("grid")).unwrap_or(0);
    let mut hashes = [Wide::default(), Wide::default()];
    for (i, (name, value)) in fields.iter().enumerate() {
        let is_picture = name.contains("theme") || name == "background_index";
        if is_picture {
            hashes[1].add(name, &value.to_string());
        } else if i > grid || name.starts_with("grid") || name.starts_with("entities") {
            hashes.iter_mut().for_each(|hash| hash.add(name, &value.to_string()));
        }
    }
    let [world, look] = hashes.map(Wide::finish);
    Ok(Fingerprint { world, look })
}

/// Two hashes of 64 bits with different beginnings: among a million levels, two that differ get
/// the same one with a probability below 1e-26.
struct Wide([DefaultHasher; 2]);

impl Default for Wide {
    fn default() -> Self {
        let mut halves = [DefaultHasher::new(), DefaultHasher::new()];
        halves[1].write_u8(1);
        Self(halves)
    }
}

impl Wide {
    fn add(&mut self, name: &str, value: &str) {
        self.0.iter_mut().for_each(|half| (name, value).hash(half));
    }

    fn finish(self) -> u128 {
        let [low, high] = self.0.map(|half| u128::from(half.finish()));
        high << 64 | low
    }
}

/// How many levels are not new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Repeats {
    /// Training levels equal to an earlier training level.
    pub within_training: usize,
    /// Test levels equal to an earlier test level.
    pub within_test: usize,
    /// Test levels equal to a training level.
    pub test_in_training: usize,
}

impl Repeats {
    /// Counts among fingerprints of one kind, in the order of the levels.
    pub fn count(training: &[u128], test: &[u128]) -> Self {
        let repeated = |levels: &[u128]| {
            let mut seen = HashSet::new();
            levels.iter().filter(|&level| !seen.insert(level)).count()
        };
        let known: HashSet<_> = training.iter().collect();
        Self {
            within_training: repeated(training),
            within_test: repeated(test),
            test_in_training: test.iter().filter(|level| known.contains(level)).count(),
        }
    }
}

/// Test levels of which none repeats a training level or another test level: those of `test`
/// that are new, in their places, and for the others the next levels from `next` on that are.
///
/// `fingerprint` tells worlds apart. Gives up, with what is still missing, after `tries` further
/// levels.
pub fn without_repeats(
    training: &[u128],
    test: &[(i32, u128)],
    next: i32,
    tries: i32,
    mut fingerprint: impl FnMut(i32) -> u128,
) -> Result<Vec<i32>, usize> {
    let mut taken: HashSet<u128> = training.iter().copied().collect();
    let mut places: HashMap<usize, i32> = HashMap::new();
    for (place, &(seed, world)) in test.iter().enumerate() {
        if taken.insert(world) {
            places.insert(place, seed);
        }
    }
    let mut further = next..next.saturating_add(tries);
    let mut levels = Vec::with_capacity(test.len());
    for place in 0..test.len() {
        let level = match places.get(&place) {
            Some(&seed) => Some(seed),
            None => further.find(|&seed| taken.insert(fingerprint(seed))),
        };
        levels.push(level.ok_or(test.len() - place)?);
    }
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procgen::{Mode, games};

    #[test]
    fn the_same_level_has_one_fingerprint_and_others_have_others() {
        let options = Options { mode: Mode::Easy, ..Options::default() };
        for game in games::GAMES {
            let of = |seed| fingerprint(game, &options, seed).unwrap();
            assert_eq!(of(5), of(5), "{}", game.facts.name);
            let looks: HashSet<_> = (0..20).map(|seed| of(seed).look).collect();
            assert!(looks.len() > 10, "{}: {}", game.facts.name, looks.len());
        }
    }

    /// By its rules, a maze of easy mode has 3, 5, … 15 cells a side: the smallest has few forms.
    #[test]
    fn small_mazes_repeat() {
        let game = games::find("maze").unwrap();
        let options = Options { mode: Mode::Easy, ..Options::default() };
        let worlds: Vec<u128> =
            (0..300).map(|seed| fingerprint(game, &options, seed).unwrap().world).collect();
        let looks: Vec<u128> =
            (0..300).map(|seed| fingerprint(game, &options, seed).unwrap().look).collect();
        let [worlds, looks] = [worlds, looks].map(|all| Repeats::count(&all, &[]).within_training);
        assert!(worlds > 20 && worlds < 100, "{worlds}");
        // One of nine backgrounds each.
        assert!(looks > 0 && looks < worlds, "{looks}");
    }

    #[test]
    fn repeats_are_counted_and_replaced() {
        let (training, test) = ([1, 2, 2, 3], [9, 3, 9, 1, 8]);
        let repeats = Repeats { within_training: 1, within_test: 1, test_in_training: 2 };
        assert_eq!(Repeats::count(&training, &test), repeats);
        let levels: Vec<(i32, u128)> = (100..).zip(test).collect();
        // Levels 105, 107 and 109 are new.
        let world = |seed: i32| if seed % 2 == 1 { 1000 + seed as u128 } else { 8 };
        let replaced = without_repeats(&training, &levels, 105, 10, world);
        assert_eq!(replaced, Ok(vec![100, 105, 107, 109, 104]));
        assert_eq!(without_repeats(&training, &levels, 105, 3, world), Err(2));
    }
}
