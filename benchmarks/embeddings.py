"""Texts read back from stored vectors: generated notes with names, and news lines where a folder of text corpora is given.

python -m benchmarks.embeddings                     # generated notes
python -m benchmarks.embeddings FOLDER              # and ag_news_test.csv.xz of that folder (or GOVTOOL_BENCH_TEXTS)
"""

import csv
import lzma
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from table import Row, show

from govtool.attacks.embedding.catalog import EMBEDDING_ATTACKS, positive_control
from govtool.attacks.embedding.question import Store
from govtool.attacks.embedding.texts import Vocabulary, Words, fields, words
from govtool.attacks.interface import AttackResult, FloatArray
from govtool.runtime import rng

FIRST = [
    "Anna",
    "Bela",
    "Carl",
    "Dora",
    "Emil",
    "Frida",
    "Georg",
    "Hanna",
    "Ivan",
    "Jutta",
    "Karl",
    "Lena",
    "Moritz",
    "Nora",
    "Otto",
    "Paula",
]
LAST = [
    "Adler",
    "Bauer",
    "Conrad",
    "Dorn",
    "Engel",
    "Fuchs",
    "Gruber",
    "Huber",
    "Issel",
    "Jansen",
    "Keller",
    "Lang",
    "Maurer",
    "Neumann",
    "Ott",
    "Pohl",
]
WARDS = ["cardiology", "oncology", "surgery", "neurology"]
SHORT = 12
"""Words of a news title that are read; longer ones are left out."""


def notes(n: int, draw: np.random.Generator) -> list[str]:
    return [
        f"The patient {draw.choice(FIRST)} {draw.choice(LAST)}, aged {draw.integers(20, 90)}, was moved to {draw.choice(WARDS)}."
        for _ in range(n)
    ]


def titles(folder: Path, draw: np.random.Generator) -> list[str]:
    with lzma.open(folder / "ag_news_test.csv.xz", "rt", encoding="utf-8", newline="") as stream:
        found = sorted({row[1] for row in csv.reader(stream)})
    short = [title for title in found if 4 <= len(words(title)) <= SHORT]
    return [short[position] for position in draw.permutation(len(short))]


def mean_of_words(
    vocabulary: Vocabulary, width: int, draw: np.random.Generator
) -> Callable[[Sequence[Words]], FloatArray]:
    """A squashed mean of random word vectors: word order is lost, nothing else."""
    table = draw.normal(size=(vocabulary.size, width))
    table[:2] = 0

    def embed(texts: Sequence[Words]) -> FloatArray:
        codes = vocabulary.codes(texts, 33)
        parts = [table[part].sum(axis=1) for part in np.array_split(codes, max(1, len(codes) // 2000))]
        return np.tanh(2 * np.concatenate(parts) / np.maximum((codes > 1).sum(axis=1), 1)[:, None])

    return embed


def measured(
    name: str, secret: list[str], public: list[str], width: int, steps: int, *, defences: bool
) -> Iterator[Row]:
    texts, others = tuple(map(words, secret)), tuple(map(words, public))
    embed = mean_of_words(Vocabulary.of([*others, *texts]), width, rng(7, "embedder"))
    held = Store(embed(texts), texts, tuple(map(fields, secret)), others, embed(others), embed)
    for attack in EMBEDDING_ATTACKS.values():
        own = {"steps": steps} if "steps" in attack.params else {}
        control = positive_control(attack, held, own, rng(7, "control"))
        started = time.process_time()
        more = {"defences": defences} if own else {}
        found = attack.run(held, {**own, **more, "positive_control": control}, rng(7, attack.name))
        took = time.process_time() - started
        assert isinstance(found, AttackResult)
        passed = "control found" if control["passed"] else "control MISSED"
        for metric, estimate in found.metrics.items():
            note = f"{estimate.low:.3f} to {estimate.high:.3f}, n = {estimate.n}; without vectors {found.baselines[metric]:.3f}; {passed}"
            yield Row(f"{name}: {metric}", estimate.value, "share", note)
        for row in found.detail.get("vector_defences", []):
            figures = row["figures"]
            note = f"token F1 {figures['token_f1']['value']:.3f}; neighbours kept {row['neighbours_kept']:.2f}"
            yield Row(f"{name}: {row['defence']}", figures["field_gain"]["value"], "field gain", note)
        yield Row(
            f"{name}: {attack.name}", took, "CPU-s", f"{len(texts)} stored, {len(others)} public, {width} dimensions"
        )


def rows(folder: str | None = None) -> Iterator[Row]:
    draw = rng(7, "notes")
    yield from measured("notes", notes(100, draw), notes(600, draw), 48, 150, defences=True)
    folder = folder or os.environ.get("GOVTOOL_BENCH_TEXTS")
    if folder:
        news = titles(Path(folder), rng(7, "news"))
        yield from measured("news titles", news[:100], news[100:5100], 384, 400, defences=False)


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else None))
