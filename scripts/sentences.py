#!/usr/bin/env python3
"""Writes a table of made-up opinions and whether they are for or against: scripts/sentences.py [ROWS] [SEED] > sentences.csv

The sentences are put together by rules, not taken from anywhere, and no two are the same. Each has one or two clauses; of two, the one
behind "but" counts, or the one before "although", and a negation turns a word round ("was not bad" is for). The other clause says the
opposite, so that a count of words cannot tell the two verdicts apart: their order does."""

import random
import sys

THINGS = "film book meal song game play walk trip show story talk lesson hotel garden painting".split()
GOOD = "good lovely splendid clever charming brilliant delightful".split()
BAD = "bad dull awful clumsy tedious dreadful boring".split()
ADVERBS = ["", "really ", "rather ", "quite ", "very "]
TURNS = [", but ", "; still, ", ", and yet ", ", although at first "]


def clause(rng, verdict):
    negated = rng.random() < 0.4
    word = rng.choice(GOOD if verdict != negated else BAD)
    verb = rng.choice(["was not ", "was never ", "was hardly "] if negated else ["was ", "seemed ", "turned out "])
    return f"the {rng.choice(THINGS)} {verb}{rng.choice(ADVERBS)}{word}"


def sentence(rng):
    verdict = rng.random() < 0.5
    if rng.random() < 0.4:
        return clause(rng, verdict), verdict
    turn = rng.choice(TURNS)
    other = clause(rng, not verdict)
    # After "although" comes what was thought before: the verdict is the first clause.
    if "although" in turn:
        return clause(rng, verdict) + turn + other, verdict
    return other + turn + clause(rng, verdict), verdict


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print("text,verdict")
    seen = set()
    while len(seen) < rows:
        text, verdict = sentence(rng)
        if text not in seen:
            seen.add(text)
            print(f'"{text}",{"for" if verdict else "against"}')


if __name__ == "__main__":
    main()
