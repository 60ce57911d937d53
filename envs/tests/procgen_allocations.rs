//! Steps of the Procgen games allocate nothing, except where they go on to the next level.

use gslab_envs::procgen::{Mode, Options, games::GAMES, mt19937::Mt19937};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steps_allocate_nothing() {
    let modes = [Mode::Easy, Mode::Hard, Mode::Extreme, Mode::Memory];
    for game in GAMES {
        for mode in modes.into_iter().filter(|&mode| game.facts.has(mode)) {
            let options = Options { mode, ..Options::default() };
            let mut world = game.original(&options, 0, 1, 0).unwrap();
            let mut rng = Mt19937::new(5);
            let mut action = 0;
            for step in 0..20_000 {
                if rng.randn(4) == 0 {
                    action = rng.randn(15);
                }
                let before = ALLOCATIONS.get();
                let first = world.act(action).first;
                let allocated = ALLOCATIONS.get() - before;
                let name = game.facts.name;
                assert!(first || allocated == 0, "{name} {mode:?}: {allocated} in step {step}");
            }
        }
    }
}
