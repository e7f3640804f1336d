"""``sensitive:`` of an audit.yaml: the attributes that attribute inference is to infer.

::

    sensitive:
      - {column: sex, values: {female: 0, male: 1}}        # by the header's name; numbers as they stand in the file
      - {name: ward, columns: [ward_a, ward_b, ward_c]}    # a one-hot group is one attribute
      - {column: 7, name: income, bins: 4}                 # by number, from 0; continuous, cut at quantiles
"""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from govtool.attacks.attribute.encoding import MOST_VALUES
from govtool.audits.column_spec import Column

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class SensitiveAttribute(BaseModel):
    """A column, or a group of columns that encode one attribute, that people would not want inferred."""

    model_config = _STRICT

    column: Column | None = None
    columns: list[Column] = []
    """By name as in the file's header, or by number counted from 0 without label and subject."""
    name: str = Field(default="", max_length=80)
    values: list[float] | dict[str, float] | None = None
    """What the numbers of a single column mean."""
    bins: int = Field(default=4, ge=2, le=20)

    @model_validator(mode="after")
    def _one_attribute(self) -> "SensitiveAttribute":
        if (self.column is None) == (not self.columns):
            raise ValueError("give either 'column', or 'columns' for a one-hot group")
        if self.columns and not self.name:
            raise ValueError("a group of columns needs a 'name'")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a column is named twice")
        if self.values is not None and self.column is None:
            raise ValueError("'values' belong to a single column; those of a group are read from the records")
        numbers = list(self.values.values()) if isinstance(self.values, dict) else self.values
        if numbers is not None and (len(set(numbers)) != len(numbers) or not 2 <= len(numbers) <= MOST_VALUES):  # noqa: PLR2004
            raise ValueError(f"'values' must be 2 to {MOST_VALUES} different numbers")
        return self

    @property
    def all_columns(self) -> list[str | int]:
        return self.columns if self.column is None else [self.column]

    @property
    def title(self) -> str:
        return self.name or (self.column if isinstance(self.column, str) else f"column {self.column}")

    @property
    def named_values(self) -> dict[str, float] | None:
        return {f"{value:g}": value for value in self.values} if isinstance(self.values, list) else self.values
