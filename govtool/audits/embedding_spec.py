"""``embeddings.yaml``: which texts stand behind stored vectors, and what an attacker holds who wants to read them.

::

    schema: govtool.embeddings/v1
    texts: notes.txt                       # one text per line, in the order of the stored vectors; for scoring only
    public:
      texts: public.txt                    # texts that anyone could have, of the same kind
      vectors: public.npz                  # array X, or a .safetensors of one tensor; not with an embedder, which makes them
    embedder:                              # leave it out where the attacker could not ask it
      factory: our_nets:embedder           # torch module: codes (texts, length), 0 where a text has ended, to vectors
      factory_params: {width: 64}
      weights: embedder.safetensors
      words: words.txt                     # the word in line k, counted from 0, has code k; line 0 is never a word
    attacks: {learned_decoder: {steps: 3000, defences: false}}      # or a list of names; default: all
    positive_control: true                 # vectors that hold every word, read first; without it, silence means nothing
    seed: 7

Files are named relative to the spec's folder.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from govtool import yamlfile
from govtool.attacks.embedding.question import EmbeddingAttack
from govtool.audits.spec import Wanted, check_attacks

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)


class Public(BaseModel):
    model_config = _STRICT

    texts: str
    vectors: str | None = None


class Embedder(BaseModel):
    """A torch module of somebody's own, which this run must be told to trust, with weights that hold no code."""

    model_config = _STRICT

    factory: str
    factory_params: dict[str, JsonValue] = {}
    weights: str
    words: str


class EmbeddingsSpec(BaseModel):
    """A whole embeddings.yaml; see the module's text for an example."""

    model_config = _STRICT

    schema_: Literal["govtool.embeddings/v1"] = Field(alias="schema")
    texts: str
    public: Public
    embedder: Embedder | None = None
    attacks: Wanted = None
    """None: all."""
    positive_control: bool = True
    seed: int = Field(default=0, ge=0, lt=2**53)

    @model_validator(mode="after")
    def _one_source_of_public_vectors(self) -> "EmbeddingsSpec":
        if (self.embedder is None) == (self.public.vectors is None):
            raise ValueError("give either an 'embedder', or the 'vectors' of the public texts")
        return self


def parse(data: bytes, name: str, known: Mapping[str, EmbeddingAttack]) -> EmbeddingsSpec:
    """Read a spec from its bytes. `name` is the file's name for messages, `known` the attacks that exist.

    Raises:
        InputError: with ``file:line`` of what is wrong.
    """
    document = yamlfile.parse(data, name, start="start with: schema: govtool.embeddings/v1")
    spec = document.validate(EmbeddingsSpec)
    check_attacks(document, spec.attacks, known)
    return spec
