//! Packing: every want gets a buffer and an offset, so that the buffers together are small.
//!
//! That is a packing of rectangles (bytes × life) and has no fast exact answer. One want after the other is placed where it makes the
//! buffers grow least; the order decides how good that is. Orders that are known to be good are tried first, then the best of them is
//! improved: what made buffers grow beyond the need is placed earlier the next time. The answer depends on the wants alone.

use std::collections::BTreeSet;

/// Offsets are multiples of this: what every adapter binds.
const ALIGNMENT: usize = 256;

/// Packings that are tried for a few wants; for many wants fewer, so that planning stays quick: each takes time by their square.
const MOST_ROUNDS: usize = 400;
const EFFORT: usize = 4_000_000;

/// A size, the first and last moment (inclusive) when it is needed, and the wants that must lie in other buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) bytes: usize,
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) apart: BTreeSet<usize>,
}

impl Want {
    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Where a want lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) buffer: usize,
    pub(super) offset: usize,
}

/// Where all wants lie, and how large the buffers are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) buffers: Vec<usize>,
    pub(super) places: Vec<Place>,
}

impl Packed {
    fn bytes(&self) -> usize {
        self.buffers.iter().sum()
    }
}

/// The largest sum of bytes alive at one moment: no packing can be smaller.
pub(super) fn most_alive(wants: &[Want]) -> usize {
    let mut changes: Vec<(usize, bool, usize)> = wants
        .iter()
        .flat_map(|want| {
            [
                (want.first, true, want.bytes),
                (want.last + 1, false, want.bytes),
            ]
        })
        .collect();
    // At one moment the dead go before the living come.
    changes.sort_unstable();
    let (mut alive, mut most) = (0, 0);
    for (_, begins, bytes) in changes {
        if begins {
            alive += bytes;
            most = most.max(alive);
        } else {
            alive -= bytes;
        }
    }
    most
}

/// Packs the wants; stops when no packing can be smaller than `bound` bytes.
pub(super) fn pack(wants: &[Want], bound: usize) -> Packed {
    let life = |i: usize| wants[i].last - wants[i].first + 1;
    let by = |key: &dyn Fn(usize) -> usize| {
        let mut order: Vec<usize> = (0..wants.len()).collect();
        // A stable sort: the order of the graph breaks ties.
        order.sort_by_key(|&i| std::cmp::Reverse(key(i)));
        order
    };
    let orders = [
        by(&|i| wants[i].bytes),
        by(&|i| wants[i].bytes * life(i)),
        by(&life),
    ];
    let mut best: Option<(Packed, Vec<usize>, Vec<usize>)> = None;
    for order in orders {
        let (packed, grew) = place_all(wants, &order);
        if best
            .as_ref()
            .is_none_or(|(best, ..)| packed.bytes() < best.bytes())
        {
            best = Some((packed, order, grew));
        }
    }
    let (mut best, mut order, mut grew) = best.expect("some order was tried");
    let rounds = (EFFORT / wants.len().max(1).pow(2)).min(MOST_ROUNDS);
    for round in 0..rounds {
        if best.bytes() <= bound || grew.is_empty() {
            break;
        }
        // Each in its turn, the last first: what came late found the least room.
        let blamed = grew[grew.len() - 1 - round % grew.len()];
        let at = order
            .iter()
            .position(|&i| i == blamed)
            .expect("it is in the order");
        order.remove(at);
        order.insert(if round % 2 == 0 { at / 2 } else { 0 }, blamed);
        let (packed, now) = place_all(wants, &order);
        grew = now;
        if packed.bytes() < best.bytes() {
            best = packed;
        }
    }
    best
}

/// Places the wants one after the other; also gives those that made a buffer grow.
fn place_all(wants: &[Want], order: &[usize]) -> (Packed, Vec<usize>) {
    let mut packed = Packed {
        buffers: Vec::new(),
        places: vec![Place::default(); wants.len()],
    };
    let mut tenants: Vec<Vec<usize>> = Vec::new();
    let mut grew = Vec::new();
    for &i in order {
        let want = &wants[i];
        // A new buffer; what is found later must be better.
        let mut best = (
            want.bytes,
            usize::MAX,
            Place {
                buffer: tenants.len(),
                offset: 0,
            },
        );
        for (buffer, residents) in tenants.iter().enumerate() {
            if residents
                .iter()
                .any(|resident| want.apart.contains(resident))
            {
                continue;
            }
            let (offset, slack) = gap(wants, &packed, residents, want, packed.buffers[buffer]);
            let growth = (offset + want.bytes).saturating_sub(packed.buffers[buffer]);
            if (growth, slack) < (best.0, best.1) && growth < want.bytes {
                best = (growth, slack, Place { buffer, offset });
            }
        }
        let (growth, _, place) = best;
        if place.buffer == tenants.len() {
            tenants.push(Vec::new());
            packed.buffers.push(0);
        }
        if growth > 0 {
            grew.push(i);
        }
        tenants[place.buffer].push(i);
        let bytes = &mut packed.buffers[place.buffer];
        *bytes = (*bytes).max(place.offset + want.bytes);
        packed.places[i] = place;
    }
    // The first few wants must make buffers grow; blame those beyond.
    (packed, grew.split_off(grew.len().min(1)))
}

/// The tightest gap of a buffer for a want, or else the end of what lives there meanwhile: the offset and the bytes left over.
fn gap(
    wants: &[Want],
    packed: &Packed,
    residents: &[usize],
    want: &Want,
    bytes: usize,
) -> (usize, usize) {
    let alive = residents.iter().filter(|&&i| wants[i].meets(want));
    let mut taken: Vec<(usize, usize)> = alive
        .map(|&i| {
            let begin = packed.places[i].offset;
            (begin, begin + wants[i].bytes)
        })
        .collect();
    taken.sort_unstable();
    let (mut free, mut best) = (0, None);
    for (begin, end) in taken.into_iter().chain([(bytes, bytes)]) {
        let offset = usize::next_multiple_of(free, ALIGNMENT);
        if offset + want.bytes <= begin {
            let slack = begin - offset - want.bytes;
            if best.is_none_or(|(_, least)| slack < least) {
                best = Some((offset, slack));
            }
        }
        free = free.max(end);
        if begin == bytes {
            break;
        }
    }
    best.unwrap_or_else(|| {
        let alive = residents.iter().filter(|&&i| wants[i].meets(want));
        let ends = alive.map(|&i| packed.places[i].offset + wants[i].bytes);
        (ends.max().unwrap_or(0).next_multiple_of(ALIGNMENT), 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wants of (bytes, first, last), none apart.
    fn wants(list: &[(usize, usize, usize)]) -> Vec<Want> {
        let list = list.iter();
        list.map(|&(bytes, first, last)| Want {
            bytes,
            first,
            last,
            apart: BTreeSet::new(),
        })
        .collect()
    }

    /// Whether no two wants share a byte at one moment, all lie inside at aligned offsets, and what is apart is apart.
    fn assert_sound(wants: &[Want], packed: &Packed) {
        for (i, (a, at)) in wants.iter().zip(&packed.places).enumerate() {
            assert_eq!(at.offset % ALIGNMENT, 0, "aligned");
            assert!(at.offset + a.bytes <= packed.buffers[at.buffer], "inside");
            for (j, (b, bt)) in wants.iter().zip(&packed.places).enumerate().skip(i + 1) {
                let bytes = at.offset < bt.offset + b.bytes && bt.offset < at.offset + a.bytes;
                let shared = at.buffer == bt.buffer && bytes && a.meets(b);
                assert!(!shared, "{i} {a:?} and {j} {b:?}");
                assert!(
                    !a.apart.contains(&j) || at.buffer != bt.buffer,
                    "{i} and {j} are apart"
                );
            }
        }
    }

    #[test]
    fn two_small_tensors_follow_a_large_one_in_its_bytes() {
        let wants = wants(&[(1024, 0, 1), (512, 2, 3), (512, 2, 3), (1024, 4, 5)]);
        let packed = pack(&wants, most_alive(&wants));
        assert_sound(&wants, &packed);
        assert_eq!(packed.buffers, [1024]);
    }

    #[test]
    fn what_one_dispatch_reads_and_writes_lies_in_different_buffers() {
        let mut wants = wants(&[(512, 0, 1), (512, 1, 2), (512, 2, 3)]);
        for (a, b) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
            wants[a].apart.insert(b);
        }
        let packed = pack(&wants, most_alive(&wants));
        assert_sound(&wants, &packed);
        assert_eq!(packed.buffers, [512, 512]);
    }

    #[test]
    fn packings_of_many_random_wants_are_sound_and_tight() {
        // A linear congruential generator (Knuth's MMIX): the test is about the packing, not the numbers.
        let mut state = 1u64;
        let mut below = |n: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % n
        };
        for _ in 0..20 {
            let count = 3 + below(60);
            let mut list = wants(&[]);
            for i in 0..count {
                let first = below(count);
                list.extend(wants(&[(256 * (1 + below(40)), first, first + below(9))]));
                let other = below(i + 1);
                if other != i && below(3) == 0 {
                    list[i].apart.insert(other);
                    list[other].apart.insert(i);
                }
            }
            let bound = most_alive(&list);
            let packed = pack(&list, bound);
            assert_sound(&list, &packed);
            let bytes: usize = packed.buffers.iter().sum();
            assert!(bytes as f64 <= 1.35 * bound as f64, "{bytes} over {bound}");
            assert_eq!(
                packed,
                pack(&list, bound),
                "the same wants, the same packing"
            );
        }
    }
}
