//! `std::sort` of libstdc++: what it does with equal items is part of the results.

/// Longer runs are split; shorter ones are left to insertion.
const THRESHOLD: usize = 16;

/// Sorts by `before`, a strict weak order: quicksort of what is long, then insertion sort of all.
///
/// The original goes over to a heap sort where splitting does not help, which does not happen to
/// the few hundred items in no special order that are sorted here.
pub fn sort<T>(items: &mut [T], before: &impl Fn(&T, &T) -> bool) {
    split(items, before);
    for i in 1..items.len() {
        let mut j = i;
        while j > 0 && before(&items[j], &items[j - 1]) {
            items.swap(j, j - 1);
            j -= 1;
        }
    }
}

/// Leaves runs of up to [`THRESHOLD`] items that only have to be sorted in themselves.
fn split<T>(mut items: &mut [T], before: &impl Fn(&T, &T) -> bool) {
    while items.len() > THRESHOLD {
        let (first, mid, last) = (1, items.len() / 2, items.len() - 1);
        let is_before = |a: usize, b: usize| before(&items[a], &items[b]);
        let median = match (is_before(first, mid), is_before(mid, last)) {
            (true, true) | (false, false) => mid,
            (true, false) if is_before(first, last) => last,
            (false, true) if !is_before(first, last) => last,
            _ => first,
        };
        items.swap(0, median);
        let (mut low, mut high) = (1, items.len());
        // The median bounds both searches.
        let cut = loop {
            while before(&items[low], &items[0]) {
                low += 1;
            }
            high -= 1;
            while before(&items[0], &items[high]) {
                high -= 1;
            }
            if low >= high {
                break low;
            }
            items.swap(low, high);
            low += 1;
        };
        let (left, right) = items.split_at_mut(cut);
        split(right, before);
        items = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procgen::mt19937::Mt19937;

    #[test]
    fn sorts_whatever_the_length() {
        let mut rng = Mt19937::new(3);
        for n in 0..200 {
            let mut items: Vec<i32> = (0..n).map(|_| rng.randn(40)).collect();
            let mut sorted = items.clone();
            sorted.sort_unstable();
            sort(&mut items, &|a, b| a < b);
            assert_eq!(items, sorted);
        }
    }
}
