"""``gradients.yaml``: what an update of federated learning is like, and what whoever intercepts it knows.

::

    schema: govtool.gradients/v1
    update:                                # what the file of --update holds; leave it out to let govtool make updates
      holds: gradients                     # or deltas (new weights minus old), or weights (the new ones)
      records: 4                           # how many records made it; with secure aggregation, of all clients
      labels: [0, 0, 1, 2]                 # where the attacker knows them; default: read from the update
    simulate: {updates: 20, records: 1, labels_known: false, server: curious, at: [registered, untrained]}
      # server: curious looks; trap_weights and trap_thresholds send out a first layer of their own making
    records: visits@1                      # of --update: the rows that made it, where known; else: what clients hold
    others: visits@1                       # more of the same kind, for the line-up; default: what the version was trained on
    public: others@1                       # what anybody could have of the kind: sets traps, and cleans noisy readings
    client: {local_steps: 1, learning_rate: 0.1, batch_norm: frozen}      # batch: statistics of the records themselves
    range: [0, 1]                          # of every feature; default: what the public records (else the others) span
    shape: [8, 8]                          # of pictures: height and width, or channels first
    attacks: [first_layer, idlg, cosine_tv]     # this is the default; dlg searches for labels too
    most_searched: 4                       # records in one update up to which is searched
    seed: 7
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from govtool import yamlfile
from govtool.attacks.gradient.attacker import MOST_SEARCHED, GradientAttack
from govtool.audits.spec import Sources
from govtool.errors import InputError

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)
Stage = Literal["registered", "untrained"]


class UpdateSpec(BaseModel):
    """What an intercepted file holds."""

    model_config = _STRICT

    holds: Literal["gradients", "deltas", "weights"] = "gradients"
    records: int = Field(ge=1, le=4096)
    labels: list[Annotated[int, Field(ge=0)]] | None = None

    @model_validator(mode="after")
    def _one_label_each(self) -> "UpdateSpec":
        if self.labels is not None and len(self.labels) != self.records:
            raise ValueError(f"{len(self.labels)} labels for {self.records} records; give one for each, or none")
        return self


class Simulate(BaseModel):
    """Updates as clients would send them."""

    model_config = _STRICT

    updates: int = Field(default=20, ge=1, le=1000)
    records: int = Field(default=1, ge=1, le=4096)
    labels_known: bool = False
    server: Literal["curious", "trap_weights", "trap_thresholds"] = "curious"
    at: list[Stage] = Field(default=["registered"], min_length=1)

    @field_validator("at")
    @classmethod
    def _once(cls, value: list[Stage]) -> list[Stage]:
        if len(set(value)) != len(value):
            raise ValueError("name each once")
        return value


class Client(BaseModel):
    """How a client trains."""

    model_config = _STRICT

    local_steps: int = Field(default=1, ge=1, le=100)
    learning_rate: float | None = Field(default=None, gt=0)
    batch_norm: Literal["frozen", "batch"] = "frozen"

    @model_validator(mode="after")
    def _rate_of_steps(self) -> "Client":
        if self.local_steps > 1 and self.learning_rate is None:
            raise ValueError("several local steps need their learning_rate")
        return self


class GradientsSpec(BaseModel):
    """A whole gradients.yaml; see the module's text for an example."""

    model_config = _STRICT

    schema_: Literal["govtool.gradients/v1"] = Field(alias="schema")
    update: UpdateSpec | None = None
    simulate: Simulate | None = None
    records: Sources = []
    others: Sources = []
    public: Sources = []
    client: Client = Client()
    range: tuple[float, float] | None = Field(default=None, strict=False)
    shape: list[Annotated[int, Field(ge=1)]] | None = Field(default=None, min_length=2, max_length=3)
    attacks: list[str] | None = Field(default=None, min_length=1)
    most_searched: int = Field(default=MOST_SEARCHED, ge=1, le=256)
    seed: int = Field(default=0, ge=0, lt=2**53)

    @model_validator(mode="after")
    def _one_kind(self) -> "GradientsSpec":
        if self.update is not None and self.simulate is not None:
            raise ValueError("give either 'update' (of an intercepted file) or 'simulate', not both")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError("'range' goes from the lower to the higher value")
        if self.update is not None and self.update.holds != "gradients" and self.client.learning_rate is None:
            raise ValueError("weights and deltas give gradients only with client: {learning_rate: ...}")
        return self


def parse(data: bytes, name: str, known: Mapping[str, GradientAttack]) -> GradientsSpec:
    """Read a spec from its bytes. `name` is the file's name for messages, `known` the attacks that exist.

    Raises:
        InputError: with ``file:line`` of what is wrong.
    """
    document = yamlfile.parse(data, name, start="start with: schema: govtool.gradients/v1")
    spec = document.validate(GradientsSpec)
    for number, attack in enumerate(spec.attacks or []):
        if attack not in known:
            where = document.where(("attacks", number))
            raise InputError(f"unknown attack {attack!r}", where=where, hint=f"known: {', '.join(known)}")
    return spec
