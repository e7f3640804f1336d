"""``synthetic.yaml``: what a synthetic dataset is compared with, and how.

::

    schema: govtool.synthetic/v1
    original: patients@1                   # default: what lineage says it was synthesised from
    control: {dataset: held-out@1, rows: "0:1000"}     # records of the same kind that the synthesiser never saw
    reference: others@1                    # a third set; makes the membership attack stronger
    columns: {ward: category, visits: number}          # where whole numbers with few values are not what they look like
    attacks:                               # or a list of names; default: all
      linkability: {views: [[age, sex], [ward, visits]]}
      inference: {secrets: [diagnosis], known: [age, sex, ward]}
    positive_control: true                 # attack a table with planted copies; without it, silence means nothing
    seed: 7
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from govtool import yamlfile
from govtool.attacks.synthetic.interface import SyntheticAttack
from govtool.audits.spec import Sources, Wanted, check_attacks


class SyntheticSpec(BaseModel):
    """A whole synthetic.yaml; see the module's text for an example."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)

    schema_: Literal["govtool.synthetic/v1"] = Field(alias="schema")
    original: Sources = []
    """Empty: what lineage says."""
    control: Sources
    reference: Sources = []
    columns: dict[str, Literal["number", "category"]] = {}
    attacks: Wanted = None
    """None: all."""
    positive_control: bool = True
    seed: int = Field(default=0, ge=0, lt=2**53)


def parse(data: bytes, name: str, known: Mapping[str, SyntheticAttack]) -> SyntheticSpec:
    """Read a spec from its bytes. `name` is the file's name for messages, `known` the attacks that exist.

    Raises:
        InputError: with ``file:line`` of what is wrong.
    """
    document = yamlfile.parse(data, name, start="start with: schema: govtool.synthetic/v1")
    spec = document.validate(SyntheticSpec)
    check_attacks(document, spec.attacks, known)
    return spec
