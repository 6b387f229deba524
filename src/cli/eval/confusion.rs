//! The confusion matrix for people: whole where there is room, its largest entries where there is not.

use super::format::{self, Align};

/// A confusion matrix of more classes is told as its largest entries.
const MOST_CLASSES: usize = 20;

/// So many of the most confused pairs are told.
const PAIRS: usize = 10;

/// The confusion matrix, or its largest entries where it is too wide.
pub(super) fn lines(names: &[String], confusion: &[Vec<u64>], width: Option<usize>) -> Vec<String> {
    if names.len() <= MOST_CLASSES {
        let matrix = matrix(names, confusion);
        let widest = matrix.iter().map(|line| line.chars().count()).max();
        if width.is_none_or(|width| widest.unwrap_or(0) <= width) {
            return matrix;
        }
    }
    pairs(names, confusion)
}

fn matrix(classes: &[String], confusion: &[Vec<u64>]) -> Vec<String> {
    let names: Vec<String> = classes.iter().map(format::clean).collect();
    let are_short = names.iter().all(|name| name.chars().count() <= 5);
    // Long names stand once, at the rows; the columns then bear numbers.
    let (rows, columns): (Vec<String>, Vec<String>) = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            if are_short {
                (name.clone(), name.clone())
            } else {
                (format!("{i} {name}"), i.to_string())
            }
        })
        .unzip();
    let mut cells = vec![[vec!["true".to_owned()], columns].concat()];
    for (name, counts) in rows.into_iter().zip(confusion) {
        let counts = counts.iter().map(|&count| match count {
            0 => "·".to_owned(),
            count => format::count(count),
        });
        cells.push([name].into_iter().chain(counts).collect());
    }
    let mut aligns = vec![Align::Right; classes.len() + 1];
    aligns[0] = Align::Left;
    let mut lines =
        vec!["confusion: a row is the true class, a column what was predicted".to_owned()];
    lines.extend(format::table(&aligns, &cells));
    lines
}

/// The most confused pairs, the most frequent first.
fn pairs(classes: &[String], confusion: &[Vec<u64>]) -> Vec<String> {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (i, row) in confusion.iter().enumerate() {
        let wrong = row
            .iter()
            .enumerate()
            .filter(|(j, count)| *j != i && **count > 0);
        pairs.extend(wrong.map(|(j, &count)| (count, i, j)));
    }
    if pairs.is_empty() {
        return vec!["confusion: none, every sample was predicted right".to_owned()];
    }
    pairs.sort_by(|a, b| b.0.cmp(&a.0).then(a.cmp(b)));
    let header = ["true", "predicted", "samples", "of the class"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for &(count, i, j) in pairs.iter().take(PAIRS) {
        let [from, to] = [i, j].map(|class| format::clean(&classes[class]));
        let support = confusion[i].iter().sum::<u64>().max(1);
        rows.push(vec![
            from,
            to,
            format::count(count),
            format::percent(count as f64 / support as f64),
        ]);
    }
    let mut lines = vec![format!(
        "confusion: {} of {}, the most frequent",
        rows.len() - 1,
        format::plural(pairs.len(), "confused pair")
    )];
    let aligns = [Align::Left, Align::Left, Align::Right, Align::Right];
    lines.extend(format::table(&aligns, &rows));
    lines
}

#[cfg(test)]
mod tests {
    const CONFUSION: [[u64; 2]; 2] = [[1000, 0], [16, 24]];

    fn lines(names: [&str; 2], confusion: [[u64; 2]; 2], width: Option<usize>) -> Vec<String> {
        let names = names.map(str::to_owned);
        super::lines(&names, &confusion.map(|row| row.to_vec()), width)
    }

    #[test]
    fn a_confusion_matrix_has_dots_for_zeros() {
        assert_eq!(
            lines(["cat", "dog"], CONFUSION, None)[1..],
            ["true    cat  dog", "cat   1,000    ·", "dog      16   24"]
        );
    }

    #[test]
    fn long_names_stand_only_at_the_rows() {
        assert_eq!(
            lines(["aeroplane", "dog"], CONFUSION, Some(80))[1..],
            [
                "true             0   1",
                "0 aeroplane  1,000   ·",
                "1 dog           16  24",
            ]
        );
    }

    #[test]
    fn a_matrix_that_is_too_wide_becomes_its_most_confused_pairs() {
        assert_eq!(
            lines(["cat", "dog"], CONFUSION, Some(10)),
            [
                "confusion: 1 of 1 confused pair, the most frequent",
                "true  predicted  samples  of the class",
                "dog   cat             16       40.00 %",
            ]
        );
    }

    #[test]
    fn nothing_confused_is_said_so() {
        assert!(
            lines(["cat", "dog"], [[1000, 0], [0, 40]], Some(10))[0].contains("none"),
            "none is said"
        );
    }
}
