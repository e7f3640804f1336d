"""A small decoder from vectors to words, learnt on public texts, and correction by embedding its hypotheses again.

After Morris, Kuleshov, Shmatikov & Rush, 'Text Embeddings Reveal (Almost) As Much As Text' (EMNLP 2023, arXiv 2310.06816): write
a hypothesis, embed it, compare with the vector that was stored, write a better one. Theirs trains a large corrector; here the
hypothesis comes from a recurrent net, and words are exchanged for those that a linear map reads in the vector wherever that
brings the hypothesis's own vector nearer. It is a weaker attacker: what it reads back, a stronger one reads too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.embedding.question import Embed, Store, scaled
from govtool.attacks.embedding.texts import END, MOST_LENGTH, PAD, Vocabulary, Words
from govtool.attacks.interface import FloatArray, Labels
from govtool.errors import MissingExtraError

HIDDEN = 128
WIDTH = 48
BATCH = 64
RATE = 5e-3
STEPS = 1_500
"""Batches the net learns from, however many public texts there are; long or varied texts need more."""
RIDGE = 1.0
PROPOSALS = 8
"""Words that the linear map reads most strongly in what a hypothesis lacks, tried at every place."""
SWEEPS = 3
BETTER = 1e-6
"""A cosine must grow by so much for a word to be exchanged, so that words which change nothing stay in the net's order."""


@dataclass(frozen=True)
class Decoder:
    vocabulary: Vocabulary
    length: int
    net: Any
    weights: FloatArray
    """(d + 1, words): the linear map from a vector to how often each word stands in the text."""

    def write(self, vectors: FloatArray) -> list[Words]:
        """(n, d) scaled vectors to texts, the likeliest word at each place."""
        import torch

        with torch.inference_mode():
            return self.vocabulary.written(self.net.greedy(torch.from_numpy(vectors.astype(np.float32))).numpy())

    def proposed(self, lacking: FloatArray) -> Labels:
        """(n, proposals) numbers of words of the vocabulary that the linear map reads in (n, d) differences of scaled vectors."""
        scores = lacking @ self.weights[:-1]
        count = min(PROPOSALS, scores.shape[1])
        return np.argsort(-scores, axis=1, kind="stable")[:, :count].astype(np.int64)


def train(store: Store, steps: int, rng: np.random.Generator) -> Decoder:
    """Learn from the public texts and vectors alone.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "embedding inversion") from error
    vocabulary = Vocabulary.of(store.public)
    length = min(MOST_LENGTH, max(len(text) for text in store.public)) + 1
    codes = vocabulary.codes(store.public, length)
    vectors = scaled(store.public_vectors, store.public_vectors)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        net = _fitted(_net(vectors.shape[1], vocabulary.size, length), vectors, codes, steps)
    return Decoder(vocabulary, length, net, _linear(vectors, codes, vocabulary.size))


def _fitted(net: Any, vectors: FloatArray, codes: Labels, steps: int) -> Any:
    import torch

    inputs, wanted = torch.from_numpy(vectors.astype(np.float32)), torch.from_numpy(codes)
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(codes), (BATCH,))
        loss = torch.nn.functional.cross_entropy(
            net(inputs[rows], wanted[rows]).flatten(0, 1), wanted[rows].flatten(), ignore_index=PAD
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()


def _net(inputs: int, vocabulary: int, length: int) -> Any:
    import torch

    class Net(torch.nn.Module):
        """A gated recurrent net that starts from the vector and sees it again at every word."""

        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(vocabulary, WIDTH)
            self.start = torch.nn.Linear(inputs, HIDDEN)
            self.again = torch.nn.Linear(inputs, WIDTH)
            self.cell = torch.nn.GRU(2 * WIDTH, HIDDEN, batch_first=True)
            self.out = torch.nn.Linear(HIDDEN, vocabulary)

        def forward(self, vectors: Any, codes: Any) -> Any:
            before = torch.nn.functional.pad(codes[:, :-1], (1, 0), value=PAD)
            shown = self.again(vectors)[:, None].expand(-1, codes.shape[1], -1)
            hidden, _ = self.cell(torch.cat([self.words(before), shown], dim=2), torch.tanh(self.start(vectors))[None])
            return self.out(hidden)

        def greedy(self, vectors: Any) -> Any:
            state, shown = torch.tanh(self.start(vectors))[None], self.again(vectors)[:, None]
            last = torch.full((len(vectors), 1), PAD)
            written = []
            for _ in range(length):
                hidden, state = self.cell(torch.cat([self.words(last), shown], dim=2), state)
                scores = self.out(hidden)
                scores[:, :, PAD] = -torch.inf
                last = scores.argmax(dim=2)
                written.append(last)
            return torch.cat(written, dim=1)

    return Net()


def _linear(vectors: FloatArray, codes: Labels, size: int) -> FloatArray:
    """Ridge regression of how often each word stands in a text on the vector."""
    counts = np.zeros((len(codes), size))
    rows = np.repeat(np.arange(len(codes)), codes.shape[1])
    np.add.at(counts, (rows, codes.ravel()), 1)
    inputs = _with_one(vectors)
    gram = inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1])
    assert END + 1 == 2  # noqa: PLR2004 - words follow the two codes that are none
    return np.asarray(np.linalg.solve(gram, inputs.T @ counts[:, 2:]), dtype=np.float64)


def _with_one(vectors: FloatArray) -> FloatArray:
    return np.hstack([vectors, np.ones((len(vectors), 1))])


def corrected(decoder: Decoder, embed: Embed, store: Store, guesses: Sequence[Words]) -> tuple[list[Words], int]:
    """The guesses after exchanging, word by word, whatever brings them nearer to the stored vector; and texts embedded.

    All texts are corrected together: each sweep looks at what every hypothesis's own vector lacks, and tries it at one place
    of each after the other.
    """
    texts = list(guesses)
    best, asked = _near(embed(texts), store.vectors), len(texts)
    for _sweep in range(SWEEPS):
        own, goal = (scaled(one, store.public_vectors) for one in (embed(texts), store.vectors))
        proposals = decoder.proposed(goal - own)
        before = list(texts)
        for place in range(max(len(text) for text in texts)):
            tried = [
                (row, (*text[:place], decoder.vocabulary.known[word], *text[place + 1 :]))
                for row, text in enumerate(texts)
                if place < len(text)
                for word in proposals[row]
            ]
            rows = np.array([row for row, _text in tried])
            found = _near(embed([text for _row, text in tried]), store.vectors[rows])
            asked += len(tried)
            for position in np.argsort(found, kind="stable"):  # the best of a row comes last and stays
                row, text = tried[position]
                if found[position] > best[row] + BETTER:
                    best[row], texts[row] = found[position], text
        if texts == before:
            break
    return texts, asked


def _near(found: FloatArray, goals: FloatArray) -> FloatArray:
    """(n,) cosines of each row of one with the same row of the other."""
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(goals, axis=1)
    return np.asarray(np.divide((found * goals).sum(axis=1), lengths, out=np.zeros(len(found)), where=lengths > 0))
