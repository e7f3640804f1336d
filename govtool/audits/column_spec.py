"""How a spec names a column: by the file's header, or by number counted from 0 without label and subject."""

from typing import Annotated, Any

from pydantic import BeforeValidator


def _name_or_number(value: Any) -> Any:
    by_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if by_number or (isinstance(value, str) and value):
        return value
    raise ValueError("must be a column's name, or its number counted from 0")


Column = Annotated[str | int, BeforeValidator(_name_or_number)]
