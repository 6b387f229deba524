//! Between f64 arrays and the words of a tensor's storage.

use super::Words;
use crate::graph::{Array, DType, TensorType};

/// The words in which a tensor of this element type holds the numbers; zeros beyond the last element.
pub fn pack(array: &Array, dtype: DType) -> Words {
    let mut words = vec![0; dtype.storage_bytes(array.data.len()) / 4];
    for (i, &number) in array.data.iter().enumerate() {
        match dtype {
            DType::F32 => words[i] = single(number).to_bits(),
            DType::U32 => words[i] = integer(number),
            DType::U8 => words[i / 4] |= (integer(number) & 0xff) << (8 * (i % 4)),
        }
    }
    words
}

/// The numbers that a tensor's storage holds.
///
/// # Panics
/// If there are too few words.
pub fn unpack(words: &[u32], tensor: &TensorType) -> Array {
    let number = |i: usize| match tensor.dtype {
        DType::F32 => f64::from(f32::from_bits(words[i])),
        DType::U32 => f64::from(words[i]),
        DType::U8 => f64::from((words[i / 4] >> (8 * (i % 4))) & 0xff),
    };
    let data = (0..tensor.elements()).map(number).collect();
    Array::new(tensor.shape.clone(), data)
}

/// The bytes of a tensor's elements, without what lies beyond the last one.
pub fn element_bytes(words: &[u32], tensor: &TensorType) -> Vec<u8> {
    let bytes = match tensor.dtype {
        DType::F32 | DType::U32 => tensor.elements() * 4,
        DType::U8 => tensor.elements(),
    };
    words
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .take(bytes)
        .collect()
}

/// The words of a tensor's storage with `filler` in place of the zeros beyond the last element.
pub fn padded_with(mut words: Words, tensor: &TensorType, filler: u32) -> Words {
    let elements = element_bytes(&words, tensor).len();
    for (i, word) in words.iter_mut().enumerate() {
        let kept = match elements.saturating_sub(4 * i) {
            0 => 0,
            bytes @ 1..4 => (1 << (8 * bytes)) - 1,
            _ => u32::MAX,
        };
        *word = (*word & kept) | (filler & !kept);
    }
    words
}

/// The first word beyond the last element that is neither zero nor what was there before: `(word, content)`.
pub fn dirty_padding(after: &[u32], before: &[u32], tensor: &TensorType) -> Option<(usize, u32)> {
    let first = element_bytes(after, tensor).len().div_ceil(4);
    let mut beyond = after.iter().zip(before).enumerate().skip(first);
    beyond.find_map(|(i, (&after, &before))| (after != 0 && after != before).then_some((i, after)))
}

/// The numbers as a tensor of this element type holds them.
pub fn rounded(array: &Array, dtype: DType) -> Array {
    match dtype {
        DType::F32 => {
            let data = array.data.iter().map(|&x| f64::from(single(x))).collect();
            Array::new(array.shape.clone(), data)
        }
        DType::U32 | DType::U8 => array.clone(),
    }
}

/// The nearest f32.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
fn single(number: f64) -> f32 {
    number as f32
}

/// An integer that an array holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an array of integers holds numbers of 32 bits"
)]
fn integer(number: f64) -> u32 {
    let word = number as u32;
    assert!(
        (f64::from(word) - number).abs() == 0.0,
        "{number} is no integer of 32 bits"
    );
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lie_four_to_a_word_the_first_in_the_lowest_bits() {
        let tensor = TensorType::u8([5]);
        let array = Array::new([5], vec![1.0, 2.0, 3.0, 255.0, 7.0]);
        let words = pack(&array, DType::U8);
        assert_eq!(words, [0xff03_0201, 7, 0, 0]);
        assert_eq!(unpack(&words, &tensor), array);
        assert_eq!(element_bytes(&words, &tensor), [1, 2, 3, 255, 7]);
    }

    #[test]
    fn padding_is_what_lies_beyond_the_last_element() {
        let filled =
            |tensor: &TensorType, words: &[u32]| padded_with(words.to_vec(), tensor, 0xaabb_ccdd);
        assert_eq!(
            filled(&TensorType::u32([3]), &[1, 2, 3, 0]),
            [1, 2, 3, 0xaabb_ccdd]
        );
        assert_eq!(
            filled(&TensorType::u8([5]), &[0x0403_0201, 5, 0, 0]),
            [0x0403_0201, 0xaabb_cc05, 0xaabb_ccdd, 0xaabb_ccdd]
        );
        assert_eq!(filled(&TensorType::f32([4]), &[1, 2, 3, 4]), [1, 2, 3, 4]);

        let tensor = TensorType::f32([2]);
        let dirty = |after: [u32; 4]| dirty_padding(&after, &[0, 0, 7, 8], &tensor);
        assert_eq!(dirty([1, 2, 7, 8]), None, "as before");
        assert_eq!(dirty([1, 2, 0, 0]), None, "zeros");
        assert_eq!(dirty([1, 2, 7, 9]), Some((3, 9)));
        assert_eq!(dirty([1, 2, 8, 8]), Some((2, 8)));
    }

    #[test]
    fn storage_is_padded_to_sixteen_bytes_with_zeros() {
        let tensor = TensorType::f32([5]);
        let array = Array::new([5], vec![0.1, -2.0, 3.5, 1e-40, 5.0]);
        let words = pack(&array, DType::F32);
        assert_eq!(words.len(), 8);
        assert_eq!(words[5..], [0; 3]);
        assert_eq!(unpack(&words, &tensor), rounded(&array, DType::F32));
        assert_eq!(element_bytes(&words, &tensor).len(), 20);
    }
}
