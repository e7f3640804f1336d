"""The section ``property`` of an audit.yaml: which property of the training set, and which two worlds to tell apart.

::

    property:
      column: sex               # the feature by name, or by number counted from 0 where the file has no names
      value: 1                  # records with this value have the property
      also: [{column: ward, value: 2}]  # and this one, where the property is two things at once
      worlds: [0.3, 0.7]        # its share of the training records; 0 first asks whether there are any
      shadows: 64               # models to learn from, half in each world
      tests: 200                # models to be scored on, half in each world; below 200 a low figure settles nothing
      records: 1000             # training records of each model; default: what the data allow, at most 1000
      queries: 200              # records that every model is asked about
      poison: 0.006             # SNAP: assume an attacker who can add this share of training rows; default: nobody can
"""

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from govtool.audits.column_spec import Column

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
_WORLDS = 2
_MOST_ANSWERS = 50_000_000
"""Numbers kept in memory at once: 400 MB."""


class Condition(BaseModel):
    """A feature by its name or number, and the value that it must have."""

    model_config = _STRICT

    column: Column
    value: float

    def __str__(self) -> str:
        named = f"feature {self.column}" if isinstance(self.column, int) else self.column
        return f"{named} equals {self.value:g}"


class Property(Condition):
    """The property, the two worlds, and how much is spent on telling them apart."""

    also: list[Condition] = []
    worlds: list[float]
    shadows: int = Field(default=64, ge=16, le=4096)
    tests: int = Field(default=200, ge=16, le=100_000)
    records: int | None = Field(default=None, ge=20)
    queries: int = Field(default=200, ge=10, le=10_000)
    poison: float = Field(default=0.0, ge=0, le=0.2)

    @field_validator("worlds")
    @classmethod
    def _two(cls, value: list[float]) -> list[float]:
        if len(value) != _WORLDS or not 0 <= value[0] < value[1] <= 1:
            raise ValueError("must be two shares of the training records, the lower one first, such as [0.3, 0.7]")
        return value

    @field_validator("shadows", "tests")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even: half of the models are trained in each world")
        return value

    @model_validator(mode="after")
    def _fits_in_memory(self) -> "Property":
        if (self.shadows + self.tests) * self.queries > _MOST_ANSWERS:
            raise ValueError(f"shadows and tests times queries must be at most {_MOST_ANSWERS:,} answers")
        return self

    @property
    def conditions(self) -> list[Condition]:
        return [self, *self.also]

    @property
    def name(self) -> str:
        return " and ".join(Condition.__str__(one) for one in self.conditions)
