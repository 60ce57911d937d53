use super::{GAMES, OBSTACLES, bigfish::Bigfish};
use crate::{
    Env, Level,
    check::Finding,
    draw::DrawList,
    procgen::{
        Mode, Options, World,
        engine::AGENT,
        game::Game,
        options::{LevelRange, Levels},
    },
    registry,
    rng::Stream,
};

const MODES: [Mode; 5] = [Mode::Easy, Mode::Hard, Mode::Extreme, Mode::Memory, Mode::Exploration];

fn table(options: &Options) -> toml::Table {
    toml::Table::try_from(options).unwrap()
}

#[test]
fn every_mode_of_every_game_keeps_the_promises_of_an_environment() {
    for game in GAMES {
        let entry = registry::find(&format!("procgen:{}", game.facts.name)).unwrap();
        for mode in MODES.into_iter().filter(|&mode| game.facts.has(mode)) {
            let options = Options { mode, num_levels: 20, start_level: 1000, ..Options::default() };
            let findings = entry.build(&table(&options)).unwrap().check(3);
            let broken: Vec<Finding> =
                findings.into_iter().filter(|f| f.broken.is_some()).collect();
            assert!(broken.is_empty(), "{} {mode:?}: {broken:#?}", game.facts.name);
        }
    }
}

/// Whatever blocks or reflects any kind of mover in a first level of the game is among what movement
/// looks at.
pub(super) fn what_blocks_stops<G: Game>(mode: Mode) {
    let options = Options { mode, ..Options::default() };
    let World { engine: mut e, mut game } = World::<G>::original(&options, 0, 0).unwrap();
    let target = e.add_entity(0.0, 0.0, 0.0, 0.0, 0.5, 0);
    let mut blocking = 0;
    for kind in -2..1100 {
        e.entities[target].kind = kind;
        let stops = game.stops(&e, kind);
        for mover in 0..100 {
            e.agent_mut().kind = mover;
            let blocks = [false, true].iter().any(|&horizontal| {
                game.is_blocked(&mut e, AGENT, kind, horizontal)
                    || game.is_blocked_ents(&mut e, AGENT, target, horizontal)
            }) || game.will_reflect(&e, mover, kind);
            assert!(stops || !blocks, "{} {mode:?}: {mover} at {kind}", G::FACTS.name);
            blocking += u32::from(blocks);
        }
    }
    assert!(blocking > 0, "{} {mode:?}", G::FACTS.name);
}

#[test]
fn movement_looks_at_all_that_blocks() {
    for (game, check) in GAMES.iter().zip(OBSTACLES) {
        MODES.into_iter().filter(|&mode| game.facts.has(mode)).for_each(check);
    }
}

#[test]
fn games_are_named_as_their_files_and_sorted() {
    let names: Vec<_> = GAMES.iter().map(|game| format!("procgen:{}", game.facts.name)).collect();
    assert!(names.is_sorted());
    let registered: Vec<_> = super::ENVIRONMENTS.iter().map(|entry| entry.name).collect();
    assert_eq!(names, registered);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let maze = registry::find("procgen:maze").unwrap();
    let refused = |options: Options| {
        maze.build(&table(&options)).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let default = Options::default();
    let mode = refused(Options { mode: Mode::Extreme, ..default.clone() });
    assert_eq!(mode, "mode = extreme: must be easy, hard, memory or exploration");
    assert!(refused(Options { num_levels: -1, ..default.clone() }).contains("num_levels"));
    assert!(refused(Options { start_level: -1, ..default.clone() }).contains("start_level"));
    let range = Options { num_levels: 10, start_level: i32::MAX - 9, ..default.clone() };
    assert!(refused(range).contains("2147483647"));
    assert_eq!(refused(Options { start_level: i32::MAX - 10, num_levels: 10, ..default }), "");
}

#[test]
fn levels_are_those_that_the_option_names() {
    let seed_of = |levels: Levels, variation: u32| {
        let options = Options { levels, ..Options::default() };
        let level = Level { variation, seed: 3 };
        let world = World::<Bigfish>::reset(&options, level);
        (World::<Bigfish>::spec(&options).variations, world.engine().current_level_seed)
    };
    let named = Levels::Named;
    assert_eq!(seed_of(named(LevelRange::Range), 0), (1, 3));
    assert_eq!(seed_of(named(LevelRange::Training), 1023), (1024, 2023));
    assert_eq!(seed_of(named(LevelRange::Test), 999), (1000, 100_999));
    assert_eq!(seed_of(Levels::Seeds(vec![7, 5, 6]), 1), (3, 5));

    let bigfish = registry::find("procgen:bigfish").unwrap();
    let built = |levels: &str| {
        let built = bigfish.build(&format!("levels = {levels}").parse().unwrap());
        built.map(|family| family.spec().variations).map_err(|error| error.to_string())
    };
    assert_eq!(built("'test'"), Ok(1000));
    assert_eq!(built("[4, 4]"), Ok(2));
    for wrong in ["[]", "[-1]", "[2147483647]", "[2147483648]", "'all'", "0.5"] {
        assert!(built(wrong).unwrap_err().contains("list of seeds"), "{wrong}");
    }
}

/// No option and no action makes a game panic, whatever its picture's size.
#[test]
fn nothing_panics() {
    for (g, game) in GAMES.iter().enumerate() {
        let noise = Stream::new(g as u64, "fuzz");
        for (m, mode) in MODES.into_iter().filter(|&mode| game.facts.has(mode)).enumerate() {
            for round in 0..6 {
                let mut at = 0;
                let mut below = |n: u32| {
                    at += 1;
                    noise.below(m as u32 * 6 + round, at, n)
                };
                let options = Options {
                    mode,
                    levels: Levels::Named(LevelRange::Range),
                    num_levels: [0, 1, 3, i32::MAX][below(4) as usize],
                    start_level: 0,
                    use_sequential_levels: below(2) == 0,
                    center_agent: below(2) == 0,
                    use_backgrounds: below(2) == 0,
                    restrict_themes: below(2) == 0,
                    use_monochrome_assets: below(2) == 0,
                    paint_vel_info: below(2) == 0,
                };
                let mut world = game.original(&options, 0, round as i32, 0).unwrap();
                let mut list = DrawList::default();
                for _ in 0..150 {
                    let wild = [i32::MIN, i32::MAX, -1, 15, 1 << 20];
                    let action = match below(8) {
                        0 => wild[below(5) as usize],
                        _ => below(15) as i32,
                    };
                    world.act(action);
                    list.clear();
                    world.draw([1, 64, 513][below(3) as usize], &mut list);
                }
            }
        }
    }
}
