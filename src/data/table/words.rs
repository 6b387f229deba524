//! Cells of text as rows of tokens: words or characters, by their numbers in a vocabulary of the training part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What stands where there is no token: number 0.
pub const PAD: &str = "<pad>";
/// What stands for a token that is not in the vocabulary: number 1.
pub const UNKNOWN: &str = "<unk>";

/// What a text is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Runs of letters, digits and apostrophes, in lower case; every other character that is not white space is a token of its own.
    Words,
    /// Characters, as they are.
    Characters,
}

/// How a column of texts becomes tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextColumn {
    /// The column.
    pub name: String,
    /// What it is cut into.
    pub unit: Unit,
    /// Tokens of a sample.
    pub length: usize,
    /// The most entries of the vocabulary, with [`PAD`] and [`UNKNOWN`].
    pub most: usize,
}

/// The tokens that a network knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    /// What texts are cut into.
    pub unit: Unit,
    /// Tokens of a sample.
    pub length: usize,
    /// The token of each number: [`PAD`], [`UNKNOWN`], then the most frequent first, of equally frequent ones the first in the alphabet.
    pub tokens: Vec<String>,
}

/// The tokens of a text.
fn cut(text: &str, unit: Unit) -> Vec<String> {
    if unit == Unit::Characters {
        return text.chars().map(String::from).collect();
    }
    let is_of_word = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let mut tokens = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if is_of_word(c) {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if !c.is_whitespace() {
            tokens.push(c.to_string());
        }
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    tokens
}

impl Vocabulary {
    /// Of these texts.
    pub(super) fn fit<'a>(column: &TextColumn, texts: impl Iterator<Item = &'a str>) -> Self {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for token in texts.flat_map(|text| cut(text, column.unit)) {
            *counts.entry(token).or_default() += 1;
        }
        // A text that spells them is none of them.
        counts.remove(PAD);
        counts.remove(UNKNOWN);
        let mut counted: Vec<(String, u64)> = counts.into_iter().collect();
        // The sort keeps the alphabet where counts are equal.
        counted.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let known = counted.into_iter().map(|(token, _)| token);
        let tokens = [PAD, UNKNOWN].map(str::to_owned).into_iter().chain(known);
        Self {
            unit: column.unit,
            length: column.length,
            tokens: tokens.take(column.most).collect(),
        }
    }

    /// The number of every token.
    pub(super) fn numbers(&self) -> BTreeMap<&str, u32> {
        (self.tokens.iter().map(String::as_str)).zip(0..).collect()
    }

    /// Appends the numbers of a text: its first tokens, behind so many [`PAD`]s that they end with the row. What reads from the left,
    /// as a recurrent layer does, has the text's last token last.
    pub(super) fn push(&self, text: &str, numbers: &BTreeMap<&str, u32>, ids: &mut Vec<u32>) {
        let mut tokens = cut(text, self.unit);
        tokens.truncate(self.length);
        ids.resize(ids.len() + self.length - tokens.len(), 0);
        let number = |token: &String| numbers.get(token.as_str()).copied().unwrap_or(1);
        ids.extend(tokens.iter().map(number));
    }

    /// Whether it can be one, which may come from a file.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_headed =
            matches!(&self.tokens[..], [pad, unknown, ..] if pad == PAD && unknown == UNKNOWN);
        if !is_headed || self.length == 0 {
            return Err(format!("a vocabulary begins with {PAD} and {UNKNOWN}"));
        }
        if self.numbers().len() != self.tokens.len() {
            return Err("a token is in the vocabulary twice".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(unit: Unit, length: usize, most: usize, texts: &[&str]) -> Vocabulary {
        let name = "review".to_owned();
        let column = TextColumn {
            name,
            unit,
            length,
            most,
        };
        Vocabulary::fit(&column, texts.iter().copied())
    }

    fn ids(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        vocabulary.push(text, &vocabulary.numbers(), &mut ids);
        ids
    }

    #[test]
    fn words_are_in_lower_case_and_punctuation_stands_alone() {
        assert_eq!(
            cut("Don't stop!  Überall: 12.5€", Unit::Words),
            ["don't", "stop", "!", "überall", ":", "12", ".", "5", "€"]
        );
        assert_eq!(cut("Aä\n", Unit::Characters), ["A", "ä", "\n"]);
        assert!(cut(" \t\n", Unit::Words).is_empty());
    }

    #[test]
    fn the_most_frequent_tokens_come_first_and_the_rest_is_unknown() {
        let vocabulary = fitted(Unit::Words, 4, 5, &["b a c", "a b", "a d <pad> <unk>"]);
        // `<`, `pad`, `>` and so on are tokens like others: no text can spell the padding.
        assert_eq!(vocabulary.tokens, [PAD, UNKNOWN, "a", "<", ">"]);
        assert_eq!(ids(&vocabulary, "a b <"), [0, 2, 1, 3]);
        assert_eq!(ids(&vocabulary, ""), [0; 4]);
        assert_eq!(ids(&vocabulary, "a < > a b b b"), [2, 3, 4, 2]);
    }

    #[test]
    fn what_cannot_be_a_vocabulary_is_refused() {
        let good = fitted(Unit::Characters, 3, 100, &["abc"]);
        assert_eq!(good.check(), Ok(()));
        let wrong: [fn(&mut Vocabulary); 4] = [
            |v| v.tokens[0] = "x".to_owned(),
            |v| v.tokens.truncate(1),
            |v| v.tokens[3] = "a".to_owned(),
            |v| v.length = 0,
        ];
        for spoil in wrong {
            let mut vocabulary = good.clone();
            spoil(&mut vocabulary);
            assert!(vocabulary.check().is_err(), "{vocabulary:?}");
        }
    }
}
