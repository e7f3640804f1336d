"""``unlearning.yaml``: what was to be forgotten, and what retraining would have given.

::

    schema: govtool.unlearning/v1
    forget: {dataset: patients@1, rows: "0:200"}       # or on the command line: --forget
    nonmembers: held-out@1                 # default: what the model from before was tested on
    retained: kept@1                       # default: what the model from before was trained on, without the forget set
    retrained: triage@retrained            # the yardstick; or on the command line; without it `recipe` trains one
    recipe: {factory_params: {hidden: [128]}, epochs: 150}     # how the model from before was trained
    population: others@1                   # with the recipe: reference models for the stronger attacks
    references: 8
    attacks: [loss_threshold, rmia]        # any membership attacks; this is the default, rmia where there are references
    margin: 0.05                           # difference of AUC between after and retrained that counts as none
    seed: 7
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from govtool import yamlfile
from govtool.attacks.interface import Attack
from govtool.attacks.unlearning.comparison import MARGIN
from govtool.audits.recipe import Recipe
from govtool.audits.spec import Sources, Wanted, check_attacks
from govtool.errors import InputError


class UnlearningSpec(BaseModel):
    """A whole unlearning.yaml; see the module's text for an example."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)

    schema_: Literal["govtool.unlearning/v1"] = Field(default="govtool.unlearning/v1", alias="schema")
    forget: Sources = []
    nonmembers: Sources = []
    retained: Sources = []
    """Empty: what lineage says."""
    population: Sources = []
    retrained: str | None = None
    recipe: Recipe | None = None
    references: int = Field(default=8, ge=0, le=1024, multiple_of=2)
    attacks: Wanted = None
    margin: float = Field(default=MARGIN, gt=0, lt=0.5)
    seed: int = Field(default=0, ge=0, lt=2**53)


def parse(data: bytes, name: str, known: Mapping[str, Attack]) -> UnlearningSpec:
    """Read a spec from its bytes; `known` are the membership attacks.

    Raises:
        InputError: with ``file:line`` of what is wrong.
    """
    document = yamlfile.parse(data, name, start="start with: schema: govtool.unlearning/v1")
    if "schema" not in document.data:
        raise InputError("the file does not say what it is", where=f"{name}:1", hint=document.start)
    spec = document.validate(UnlearningSpec)
    check_attacks(document, spec.attacks, known)
    return spec
