"""Strict YAML with the line of everything: what a person wrote, checked against a pydantic model, errors as file:line.

Only the scalars of the YAML 1.2 core schema are resolved, because YAML 1.1 surprises (`no` is false, `1:30` is 90, dates
become objects). Aliases, merge keys, own tags and repeated keys are refused: each is a way to say something a reader misses.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from govtool.errors import InputError

Model = TypeVar("Model", bound=BaseModel)
_TAG = "tag:yaml.org,2002:"
_MOST = 2**53 - 1
_MAX_BYTES = 1 << 20
_MAX_DEPTH = 20


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own class-level table, emptied for this loader

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's stubs lack it
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", mark)
        if self.depth > _MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {_MAX_DEPTH} levels", mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _kind, _pattern, _first in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), _first)


@dataclass(frozen=True)
class YamlFile:
    """One parsed file: its plain data, and the node tree that knows the lines."""

    name: str
    raw: bytes
    data: Any
    node: yaml.Node

    def where(self, loc: Sequence[str | int] = ()) -> str:
        """`file:line` of the deepest part of `loc` that is there; a missing key gives the line of what should hold it."""
        node, line = self.node, self.node.start_mark.line
        tag_skipped = False
        for step in loc:
            if isinstance(node, yaml.MappingNode):
                # pydantic puts the tag of a discriminated union into the path; it is the value of `type`, not a key.
                if not tag_skipped and step == _scalar(node, "type"):
                    tag_skipped = True
                    continue
                found = [(key, value) for key, value in node.value if key.value == step]
                if not found:
                    break
                line, node, tag_skipped = found[0][0].start_mark.line, found[0][1], False
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line, tag_skipped = node.start_mark.line, False
            else:
                break
        return f"{self.name}:{line + 1}"

    def validate(self, model: type[Model]) -> Model:
        """The data as `model`.

        Raises:
            InputError: it does not fit; names the key, the line and the first of the problems.
        """
        try:
            return model.model_validate_json(json.dumps(self.data))
        except ValidationError as error:
            # A misspelt key is also a missing one; the misspelling is what the person can see.
            first, *more = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
            key = ".".join(str(part) for part in first["loc"]) or "the file"
            raise InputError(
                f"{key}: {_words(first['type'], first['msg'])}" + (f" (and {len(more)} more)" if more else ""),
                where=self.where(first["loc"]),
                hint=_HINTS.get(first["type"], "policies/README.md shows what may stand there"),
            ) from error


_HINTS = {
    "extra_forbidden": "is it misspelt? unknown keys are refused, because a misspelt rule would silently not count",
    "string_type": "put it in quotes",
    "missing": "add this key",
}


def _words(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "missing"
        case _:
            return message.removeprefix("Value error, ")


def read(path: Path) -> YamlFile:
    """Parse one file.

    Raises:
        InputError: absent, unreadable, not UTF-8, not strict YAML.
    """
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}", where=str(path)) from error


def parse(raw: bytes, name: str) -> YamlFile:
    """Parse bytes that stand in a file called `name`.

    Raises:
        InputError: larger than 1 MiB, not UTF-8, not strict YAML, nested absurdly deep, or empty.
    """
    if len(raw) > _MAX_BYTES:
        raise InputError("larger than 1 MiB", where=name, hint="is it the right file?")
    try:
        node = yaml.compose(raw.decode(), _Loader)
        data = None if node is None else _plain(node, name)
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", where=name, hint="save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise InputError(f"not valid YAML: {error.problem or error.context}", where=where) from error
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {error}", where=name) from error
    if node is None:
        raise InputError("the file is empty", where=name)
    return YamlFile(name, raw, data, node)


def _scalar(node: yaml.MappingNode, key: str) -> str | None:
    return next((value.value for name, value in node.value if name.value == key), None)


def _plain(node: yaml.Node, name: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key, value in node.value:
            line = f"{name}:{key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise InputError("a key must be a plain word", where=line)
            if key.value in result:
                raise InputError(f"the key {key.value!r} stands here twice", where=line, hint="keep one of the two")
            result[key.value] = _plain(value, name)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, name) for item in node.value]
    read = _SCALARS.get(node.tag)
    try:
        if read is not None:
            return read(node.value)
    except (KeyError, ValueError):
        pass  # an explicit tag on something it does not fit, such as !!int abc
    raise InputError(
        f"{node.value[:40]!r} cannot stand here as {node.tag.removeprefix(_TAG)}",
        where=f"{name}:{node.start_mark.line + 1}",
        hint="write plain YAML values",
    )


def _integer(text: str) -> int:
    if len(text) > len(str(_MOST)) or abs(int(text)) > _MOST:
        raise ValueError("beyond what JSON carries faithfully")
    return int(text)


_SCALARS: dict[str, Callable[[str], Any]] = {
    _TAG + "str": str,
    _TAG + "null": lambda _text: None,
    _TAG + "bool": {"true": True, "false": False}.__getitem__,
    _TAG + "int": _integer,
    _TAG + "float": float,
}
