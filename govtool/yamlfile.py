"""Strict YAML with the line of everything: what a person wrote, checked against a pydantic model, errors as file:line.

Scalars mean what the YAML 1.2 core schema says, for YAML 1.1 surprises: `no` is false, 1:30 is 90, 1e-3 is text. Only
hexadecimal and octal stay text. Aliases, merge keys, tags and repeated keys are refused: each can say what a reader
misses, and aliases can unfold to gigabytes. So are numbers that JSON, the ledger's form, cannot carry.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from govtool.errors import InputError

Model = TypeVar("Model", bound=BaseModel)
_TAG = "tag:yaml.org,2002:"
_END_OF_INTEGERS = 2**53
_MAX_BYTES = 1 << 20
_MAX_DEPTH = 20
_HINTS = {"string_type": "put it in quotes", "missing": "add this key"}


@dataclass(frozen=True)
class YamlFile:
    """One parsed file: its plain data, and the node tree that knows the lines."""

    name: str
    raw: bytes
    data: dict[str, Any]
    node: yaml.MappingNode
    start: str = ""
    """The hint for a file that does not begin as it must."""

    def where(self, loc: Sequence[str | int] = ()) -> str:
        """`file:line` of the deepest part of `loc` that is there; a missing key gives the line of what should hold it."""
        return f"{self.name}:{self._line(loc)}"

    def validate(self, model: type[Model], hint: str = "") -> Model:
        """The data as `model`. `hint` is said when nothing better is known about the problem.

        Raises:
            InputError: it does not fit; names the key, the line and the first of the problems.
        """
        try:
            return model.model_validate_json(json.dumps(self.data))
        except ValidationError as error:
            # A misspelt key is also a missing one; the misspelling is what the person can see.
            found = error.errors(include_url=False)
            first = min(found, key=lambda one: (one["type"] != "extra_forbidden", self._line(one["loc"])))
            kind, loc = first["type"], first["loc"]
            if kind == "extra_forbidden":
                hint = f"known here: {', '.join(_known_keys(model, loc))}"
            else:
                hint = self.start if loc == ("schema",) else _HINTS.get(kind, hint)
            if len(found) > 1:
                hint = f"{hint}; {len(found) - 1} more to correct after this one".removeprefix("; ")
            raise InputError(_sentence(kind, loc, first["msg"]), where=self.where(loc), hint=hint) from error

    def _line(self, loc: Sequence[str | int]) -> int:
        node: yaml.Node = self.node
        line, tag_skipped = node.start_mark.line, False
        for step in loc:
            # pydantic puts a union's tag into the path: the value of `type`, or a word that matches nothing here.
            kind = _child(node, "type")
            if not tag_skipped and kind is not None and kind[1].value == step:
                tag_skipped = True
            elif (found := _child(node, step)) is not None:
                (marked, node), tag_skipped = found, False
                line = marked.start_mark.line
        return int(line) + 1


def read(path: Path, start: str = "") -> YamlFile:
    """Parse one file; `start` as in `parse`.

    Raises:
        InputError: absent, unreadable, not UTF-8, not strict YAML.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}", where=str(path)) from error
    return parse(raw, str(path), start)


def parse(raw: bytes, name: str, start: str = "") -> YamlFile:
    """Parse bytes that stand in a file called `name`. `start` is the hint for a file that does not begin as it must.

    Raises:
        InputError: larger than 1 MiB, not UTF-8, not strict YAML, nested deeper than 20, or not a mapping at the top.
    """
    if len(raw) > _MAX_BYTES:
        raise InputError("larger than 1 MiB", where=name, hint="is it the right file?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError("not UTF-8 text", where=f"{name}:{line}", hint="save it as UTF-8") from error
    node = _compose(text, name)
    if not isinstance(node, yaml.MappingNode):
        empty = "the file is empty: " if node is None else ""
        raise InputError(f"{empty}the top level must be a mapping of names to values", where=f"{name}:1", hint=start)
    return YamlFile(name, raw, _mapping(node), node, start)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own class-level table, emptied for this loader
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs lack it
        if isinstance(event, yaml.AliasEvent):
            _refuse("YAML aliases are not accepted", event.start_mark, "write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            shown = tag.replace(_TAG, "!!")[:60]
            _refuse(f"YAML tags are not accepted; here {shown!r}", event.start_mark, "quotes make text of anything")
        if isinstance(event, yaml.CollectionStartEvent) and self.depth == _MAX_DEPTH:
            _refuse(f"nested deeper than {_MAX_DEPTH} levels", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _kind, _pattern, _first in (
    ("null", r"^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", list("-+.")),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), _first)


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        loader.name = name  # every mark carries it
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        tab = "'\\t'" in (error.problem or "")
        message = "a tab is used for indentation" if tab else f"not valid YAML: {error.problem or error.context}"
        _refuse(message, error.problem_mark or error.context_mark, "indent with spaces" if tab else "")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError("not valid YAML: a character that it does not allow", where=f"{name}:{line}") from error
    except (ValueError, OverflowError) as error:  # PyYAML hands "\UFFFFFFFF" to chr unchecked
        raise InputError("not valid YAML: an escape out of range", where=f"{name}:{loader.line + 1}") from error


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int" | "float" as kind:
            return _number(node, kind)
    return _text(node)


def _number(node: yaml.Node, kind: str) -> int | float:
    text: str = node.value
    if kind == "float":
        number = math.nan if text[-1].isalpha() else float(text)  # only .inf and .nan end in a letter
        return number if math.isfinite(number) else _refuse("not a finite number", node.start_mark)
    digits = text.lstrip("+-0") or "0"
    if len(digits) > len(str(_END_OF_INTEGERS)) or int(digits) >= _END_OF_INTEGERS:
        _refuse("an integer beyond 2^53, which JSON cannot carry faithfully", node.start_mark)
    return -int(digits) if text.startswith("-") else int(digits)


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if key.tag != _TAG + "str":
            _refuse("a key must be text", key.start_mark)
        if key.value == "<<" and key.style is None:
            _refuse("YAML merge keys (<<) are not accepted", key.start_mark, "write the keys out")
        if key.value in found:
            _refuse(f"the key {key.value!r} stands here twice", key.start_mark, "keep one of the two")
        found[_text(key)] = _plain(value)
    return found


def _text(node: yaml.Node) -> str:
    if any("\ud800" <= character <= "\udfff" for character in node.value):
        _refuse("an escape for half a character", node.start_mark, "write the character itself")
    return str(node.value)


def _refuse(message: str, mark: Any, hint: str = "") -> NoReturn:
    raise InputError(message, where=f"{mark.name}:{mark.line + 1}", hint=hint)


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node whose line to say, and the node to go on from: a key and its value, an item by number, or by its text."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode):
        return next(((item, item) for number, item in enumerate(node.value) if step in (number, item.value)), None)
    return None


def _sentence(kind: str, loc: Sequence[str | int], message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown key {loc[-1]!r}"
    if kind == "missing":
        return f"the key {loc[-1]!r} is missing"
    message = message.removeprefix("Value error, ")
    return f"{'.'.join(map(str, loc)) or 'the file'}: {message[0].lower()}{message[1:]}"


def _known_keys(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that may stand where the unknown key `loc[-1]` stands."""
    models = [model]
    for step in loc[:-1]:
        fields = [(one, name, field) for one in models for name, field in one.model_fields.items()]
        tagged = [one for one, name, field in fields if name == "type" and step in get_args(field.annotation)]
        inner = [m for _, name, field in fields if step in (name, field.alias) for m in _models_in(field.annotation)]
        models = tagged or inner or models
    return [field.alias or name for one in models for name, field in one.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
