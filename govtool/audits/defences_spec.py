"""``defences.yaml``: which defences to try on a registered model, and by which attacks.

::

    schema: govtool.defences/v1
    members: patients-train@1              # default: what lineage says the version was trained on
    nonmembers: held-out@1                 # default: what it was tested on
    population: others@1                   # for distillation: records that the student learns from
    evaluation: strangers@1                # with it, inversion is tried too: what its judges learn from
    public: faces-of-others@1              # the prior of an attacker who asks only
    recipe: {factory_params: {hidden: [128]}, epochs: 150}     # how the model was trained; defences in training need it
    defences:                              # default: all of the first five, as below
      rounding: [1, 2]                     # decimals of each probability
      top_k: [1, 3]                        # how many scores are shown
      labels: true                         # the class alone
      noise: [0.05]                        # spread of noise on each probability
      temperature: [5]                     # what logits are divided by
      dp_sgd: [8]                          # epsilon, at delta
      weight_decay: [0.01]
      distillation: true                   # a student that never sees a member
    delta: 1.0e-5
    shape: [8, 8]                          # of pictures
    queries: 300                           # for each class, of an attacker who asks only
    seed: 7
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from govtool import yamlfile
from govtool.attacks.inversion.answers import drawing
from govtool.audits.recipe import Recipe
from govtool.audits.spec import Sources

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)
IN_TRAINING = ("dp_sgd", "weight_decay", "distillation")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Decimals = Annotated[list[Annotated[int, Field(ge=0, le=12)]], BeforeValidator(_listed)]
Counts = Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], BeforeValidator(_listed)]
Positive = Annotated[list[Annotated[float, Field(gt=0, le=1e6)]], BeforeValidator(_listed)]


class Defences(BaseModel):
    """Settings of each defence; an empty list or false leaves it out."""

    model_config = _STRICT

    rounding: Decimals = []
    top_k: Counts = []
    labels: bool = False
    noise: Positive = []
    temperature: Positive = []
    dp_sgd: Positive = []
    weight_decay: Positive = []
    distillation: bool = False

    @model_validator(mode="after")
    def _once(self) -> "Defences":
        asked = self.settings()
        if twice := [f"{name}: {setting:g}" for name, setting in asked if asked.count((name, setting)) > 1]:
            raise ValueError(f"{twice[0]} stands there twice")
        return self

    def settings(self) -> list[tuple[str, float]]:
        """Every (defence, setting) asked for, in order; 0 where a defence has none."""
        found = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            found += [(name, 0.0)] if value is True else [(name, float(one)) for one in value or []]
        return found


USUAL = Defences(rounding=[1, 2], top_k=[1, 3], labels=True, noise=[0.05], temperature=[5.0])


class DefencesSpec(BaseModel):
    """A whole defences.yaml; see the module's text for an example."""

    model_config = _STRICT

    schema_: Literal["govtool.defences/v1"] = Field(alias="schema")
    members: Sources = []
    """Empty lists: what lineage says."""
    nonmembers: Sources = []
    population: Sources = []
    evaluation: Sources = []
    public: Sources = []
    recipe: Recipe | None = None
    defences: Defences = USUAL
    delta: float = Field(default=1e-5, gt=0, lt=1)
    shape: list[Annotated[int, Field(ge=1)]] | None = Field(default=None, min_length=2, max_length=3)
    queries: int = Field(default=300, ge=drawing.FEWEST, le=1_000_000)
    seed: int = Field(default=0, ge=0, lt=2**53)

    @model_validator(mode="after")
    def _possible(self) -> "DefencesSpec":
        asked = [name for name, _ in self.defences.settings()]
        if not asked:
            raise ValueError("no defence is named; leave 'defences' out to try the usual ones")
        if self.recipe is None and (needing := [name for name in IN_TRAINING if name in asked]):
            raise ValueError(f"{needing[0]} trains the model again and needs a 'recipe'")
        if self.recipe is not None and not self.recipe.by_epochs:
            raise ValueError("defences in training need a torch recipe (a factory)")
        if "distillation" in asked and not self.population:
            raise ValueError("distillation needs a 'population' for the student to learn from")
        return self


def parse(data: bytes, name: str) -> DefencesSpec:
    """Read a spec from its bytes.

    Raises:
        InputError: with ``file:line`` of what is wrong.
    """
    return yamlfile.parse(data, name, start="start with: schema: govtool.defences/v1").validate(DefencesSpec)
