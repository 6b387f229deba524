//! Damage to files, for tests of their readers.

use crate::rng::Sequence;

/// One to four small damages.
pub(crate) fn mutate(bytes: &mut Vec<u8>, sequence: &mut Sequence) {
    for _ in 0..=sequence.below(4) {
        if bytes.is_empty() {
            return;
        }
        let n = u32::try_from(bytes.len()).unwrap();
        let at = sequence.below(n) as usize;
        match sequence.below(6) {
            0 => bytes[at] ^= 1 << sequence.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][sequence.below(5) as usize],
            // Headers are at the front.
            2 => bytes[at % 20] = sequence.next_u32().to_le_bytes()[0],
            3 => bytes.truncate(at),
            4 => bytes.insert(at, sequence.next_u32().to_le_bytes()[0]),
            _ => {
                let end = (at + 1 + sequence.below(8) as usize).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}
