"""Texts as words and numbers, and how well one text was recovered as another. Nothing here prints a text."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import Labels

PAD, END = 0, 1
"""Codes that are no words: after the end, and the end."""
MOST_WORDS = 5_000
MOST_LENGTH = 32
"""Words of a text that are read; vec2text's usual length."""
_WORD = re.compile(r"\w+|[^\w\s]")
_BLEU = 4

Words = tuple[str, ...]


def words(text: str) -> Words:
    """Words, numbers and punctuation marks in lower case, the first 32."""
    return tuple(_WORD.findall(text.lower())[:MOST_LENGTH])


def fields(text: str) -> frozenset[str]:
    """What names or numbers of a person look like: words with a digit, and capitalised words that begin no sentence."""
    found, begins = set(), True
    for word in _WORD.findall(text)[:MOST_LENGTH]:
        if any(letter.isdigit() for letter in word) or (word[0].isupper() and not begins):
            found.add(word.lower())
        begins = word in ".!?"
    return frozenset(found)


@dataclass(frozen=True)
class Vocabulary:
    """The commonest words of public texts; others cannot be written by an attacker who knows only those texts."""

    known: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[Words]) -> "Vocabulary":
        counts = Counter(word for text in texts for word in text)
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return cls(tuple(word for word, _count in ranked[:MOST_WORDS]))

    @property
    def size(self) -> int:
        """Codes in all, the two that are no words included."""
        return len(self.known) + 2

    def codes(self, texts: Sequence[Words], length: int) -> Labels:
        """(n, length) codes: the words that are known, the end, and padding."""
        numbers = {word: code for code, word in enumerate(self.known, start=2)}
        found = np.full((len(texts), length), PAD, dtype=np.int64)
        for row, text in enumerate(texts):
            coded = [numbers[word] for word in text if word in numbers][: length - 1]
            found[row, : len(coded) + 1] = [*coded, END]
        return found

    def written(self, codes: Labels) -> list[Words]:
        """The words of (n, length) codes, up to each end."""
        texts = []
        for row in codes:
            stop = np.flatnonzero((row == END) | (row == PAD))
            texts.append(tuple(self.known[code - 2] for code in row[: stop[0] if len(stop) else len(row)]))
        return texts


def f1(guess: Words, truth: Words) -> float:
    """Of words as bags: the harmonic mean of how many guessed are right and how many of the true are guessed."""
    common = sum((Counter(guess) & Counter(truth)).values())
    return 2 * common / (len(guess) + len(truth)) if guess or truth else 1.0


def bleu(guess: Words, truth: Words) -> float:
    """Sentence BLEU with runs of up to four words, one added to the counts of runs of two and more (Lin & Och 2004)."""
    if not guess or not truth:
        return float(guess == truth)
    total = 0.0
    for size in range(1, _BLEU + 1):
        made, right = _runs(guess, size), _runs(truth, size)
        hits, tried = sum((made & right).values()), sum(made.values())
        if size == 1 and not hits:
            return 0.0
        total += math.log(hits / tried) if size == 1 else math.log((hits + 1) / (tried + 1))
    short = min(0.0, 1 - len(truth) / len(guess))
    return math.exp(short + total / _BLEU)


def _runs(text: Words, size: int) -> "Counter[Words]":
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))


def typical(texts: Sequence[Words], most: int = 200) -> Words:
    """The public text that is most like the others: the best guess of somebody who sees no vector.

    With more texts than `most`, evenly spaced ones are compared.
    """
    step = max(1, len(texts) // most)
    chosen = list(texts[::step])
    return max(chosen, key=lambda one: sum(f1(one, other) for other in chosen))
