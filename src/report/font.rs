//! Letters of 5 × 7 pixels, for words in pictures.

/// Width and height of a letter.
pub(super) const SIZE: [usize; 2] = [5, 7];

/// Every letter with its rows from the top: a digit of base 32 each, whose five bits are the pixels from the left.
const GLYPHS: &[(char, &str)] = &[
    (' ', "0000000"),
    ('!', "4444004"),
    ('"', "aaa0000"),
    ('#', "aavavaa"),
    ('%', "op248j3"),
    ('&', "cik8lid"),
    ('\'', "4480000"),
    ('(', "2488842"),
    (')', "8422248"),
    ('*', "04lel40"),
    ('+', "044v440"),
    (',', "0000c48"),
    ('-', "000v000"),
    ('.', "00000cc"),
    ('/', "01248g0"),
    ('0', "ehjlphe"),
    ('1', "4c4444e"),
    ('2', "eh1248v"),
    ('3', "v2421he"),
    ('4', "26aiv22"),
    ('5', "vgu11he"),
    ('6', "68guhhe"),
    ('7', "v124888"),
    ('8', "ehhehhe"),
    ('9', "ehhf12c"),
    (':', "0cc0cc0"),
    ('=', "00v0v00"),
    ('?', "eh12404"),
    ('A', "ehhvhhh"),
    ('B', "uhhuhhu"),
    ('C', "ehggghe"),
    ('D', "sihhhis"),
    ('E', "vgguggv"),
    ('F', "vgguggg"),
    ('G', "ehgnhhf"),
    ('H', "hhhvhhh"),
    ('I', "e44444e"),
    ('J', "72222ic"),
    ('K', "hikokih"),
    ('L', "ggggggv"),
    ('M', "hrllhhh"),
    ('N', "hhpljhh"),
    ('O', "ehhhhhe"),
    ('P', "uhhuggg"),
    ('Q', "ehhhlid"),
    ('R', "uhhukih"),
    ('S', "fgge11u"),
    ('T', "v444444"),
    ('U', "hhhhhhe"),
    ('V', "hhhhha4"),
    ('W', "hhhllla"),
    ('X', "hha4ahh"),
    ('Y', "hhha444"),
    ('Z', "v1248gv"),
    ('_', "000000v"),
    ('a', "00e1fhf"),
    ('b', "ggmphhu"),
    ('c', "00egghe"),
    ('d', "11djhhf"),
    ('e', "00ehvge"),
    ('f', "698s888"),
    ('g', "0fhhf1e"),
    ('h', "ggmphhh"),
    ('i', "40c444e"),
    ('j', "20622ic"),
    ('k', "ggikoki"),
    ('l', "c44444e"),
    ('m', "00qllhh"),
    ('n', "00mphhh"),
    ('o', "00ehhhe"),
    ('p', "00uhugg"),
    ('q', "00djf11"),
    ('r', "00mpggg"),
    ('s', "00ege1u"),
    ('t', "88s8896"),
    ('u', "00hhhjd"),
    ('v', "00hhha4"),
    ('w', "00hhlla"),
    ('x', "00ha4ah"),
    ('y', "00hhf1e"),
    ('z', "00v248v"),
    ('…', "000000l"),
];

/// The pixels of a letter that are ink, as (column, row). A letter that is not there is a box.
pub(super) fn ink(letter: char) -> impl Iterator<Item = [usize; 2]> {
    let found = GLYPHS.iter().find(|(known, _)| *known == letter);
    let rows = found.map_or("vhhhhhv", |(_, rows)| rows);
    rows.chars().enumerate().flat_map(|(y, digit)| {
        let bits = digit.to_digit(32).unwrap_or(0);
        let inked = move |x: &usize| bits >> (SIZE[0] - 1 - x) & 1 == 1;
        (0..SIZE[0]).filter(inked).map(move |x| [x, y])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_seven_rows_and_differ() {
        for (i, (letter, rows)) in GLYPHS.iter().enumerate() {
            assert_eq!(rows.len(), SIZE[1], "{letter}");
            assert!(rows.chars().all(|digit| digit.is_digit(32)), "{letter}");
            let twin = GLYPHS[..i]
                .iter()
                .find(|other| other.1 == *rows || other.0 == *letter);
            assert_eq!(twin, None, "{letter} is itself");
        }
    }

    #[test]
    fn a_one_is_a_stroke_with_a_foot_and_what_is_unknown_a_box() {
        let row = |letter, row| ink(letter).filter(|[_, y]| *y == row).count();
        assert_eq!([row('1', 0), row('1', 3), row('1', 6)], [1, 1, 3]);
        assert_eq!([row('数', 0), row('数', 3)], [5, 2]);
    }
}
