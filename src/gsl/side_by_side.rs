//! Agents that train at the same time.

use rayon::prelude::*;

/// Does `work` for every item, as many at the same time as there are threads; what they gave is
/// in the order of the items.
///
/// Work that waits for its own inner parallel loops may be handed another item of a plain
/// parallel iterator, and so hold more agents in memory than there are threads.
pub fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut done = Vec::with_capacity(items.len());
    for together in items.chunks(rayon::current_num_threads()) {
        done.par_extend(together.par_iter().with_max_len(1).map(&work));
    }
    done
}
