"""``ensemble:`` of an audit.yaml: other models of the same people, attacked together with the target.

::

    ensemble: surface                      # all that 'govtool audit surface' finds and that show their gradients
    ensemble:
      - other@1                            # the same classes as the target
      - {model: other@2, deployment: other-prod}      # needed where it has several deployments
      - {model: ages@1, labels: ages-of-pupils@1}     # another task: the dataset says, by subject, which class each person has
      - {model: parity@1, classes: [0, 1, 0, 1, null]}    # or say it: for each class of the target, this model's; null: unknown
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

SURFACE = "surface"
"""In place of a model: whatever the registry proposes."""


class CompanionSpec(BaseModel):
    """Another model, and how its classes follow from the target's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    deployment: str | None = None
    """None: its only deployment; without one, all that the artifact allows."""
    classes: list[Annotated[int, Field(ge=0)] | None] | None = None
    labels: str | None = None
    """A dataset version with a subject column; who is in a class of the target has one label there."""

    @field_validator("model")
    @classmethod
    def _is_a_version(cls, value: str) -> str:
        if value != SURFACE and not re.fullmatch(r"[^@\s]+@[^@\s]+|mv-\w+", value):
            raise ValueError(
                f"{value!r} is not a model version; write NAME@VERSION, or 'surface' for all that share people"
            )
        return value

    @model_validator(mode="after")
    def _one_mapping(self) -> "CompanionSpec":
        if self.classes is not None and self.labels is not None:
            raise ValueError("give either 'classes' or 'labels', not both")
        if self.model == SURFACE and (self.deployment or self.classes or self.labels):
            raise ValueError("'surface' stands alone; name a model to say more of it")
        return self


def _short_forms(value: Any) -> Any:
    """One model or a list, each by its name or as a mapping: always a list of mappings."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("an empty list of models; leave the key out to attack the target alone")
    return [{"model": item} if isinstance(item, str) else item for item in items]


Ensemble = Annotated[list[CompanionSpec], BeforeValidator(_short_forms)]
"""Empty where the target is attacked alone."""
