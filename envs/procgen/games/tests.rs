use super::GAMES;
use crate::{
    check::Finding,
    procgen::{Mode, Options},
    registry,
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
