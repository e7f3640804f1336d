"""YAML whose every value knows its line, so that a complaint about it says ``file:line``.

Hostile input is refused before anything is built from it: no aliases (a few lines of them unfold to gigabytes), no
tags, bounded size and depth, no key twice. Numbers that JSON cannot carry are refused too, because the resolved spec
goes into the ledger as JSON.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from govtool.errors import InputError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
_MAX_INT = 2**53
_PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq"))


@dataclass(frozen=True)
class Located:
    """A document: plain values, and the nodes they came from."""

    value: dict[str, Any]
    name: str
    root: MappingNode

    def where(self, path: Sequence[int | str]) -> str:
        """``file:line`` of the value at `path`, or of its nearest enclosing value."""
        node: Node = self.root
        mark = node.start_mark
        for part in path:
            step = _child(node, part)
            if step is not None:
                mark, node = step.start_mark, _value(node, part)
        return f"{self.name}:{mark.line + 1}"


def load(data: bytes, name: str) -> Located:
    """Parse one YAML document whose top level is a mapping.

    Raises:
        InputError: anything that is not that, with the line.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES >> 20} MiB", where=name, hint="is it the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", where=f"{name}:{data.count(bytes([10]), 0, error.start) + 1}") from error
    try:
        _survey(text, name)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(root, MappingNode):
            raise InputError(
                "the top level must be a mapping of names to values",
                where=f"{name}:1",
                hint="start with: schema: govtool.audit/v1",
            )
        return Located(_plain(root, name), name, root)
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        tab = "'\\t'" in (error.problem or "")
        raise InputError(
            "a tab is used for indentation" if tab else f"not valid YAML: {error.problem}",
            where=f"{name}:{mark.line + 1}" if mark else name,
            hint="indent with spaces" if tab else "",
        ) from error
    except yaml.reader.ReaderError as error:
        raise InputError(
            "a character that YAML does not allow", where=f"{name}:{text[: error.position].count(chr(10)) + 1}"
        ) from error


def _survey(text: str, name: str) -> None:
    """Walk the events, which never unfold anything, and refuse what could."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{name}:{_line(event.start_mark)}"
        if isinstance(event, yaml.AliasEvent):
            raise InputError("YAML aliases are not accepted", where=where, hint="write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(f"nested deeper than {MAX_DEPTH} levels", where=where)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _plain(node: Node, name: str) -> Any:
    where = f"{name}:{node.start_mark.line + 1}"
    if node.tag not in _PLAIN:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        raise InputError(
            f"a value of the kind {kind!r} is not accepted", where=where, hint="put it in quotes to make it text"
        )
    if isinstance(node, MappingNode):
        return _mapping(node, name)
    if isinstance(node, SequenceNode):
        return [_plain(item, name) for item in node.value]
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except (ValueError, OverflowError) as error:
        raise InputError("not a readable number", where=where) from error
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError("not a finite number", where=where)
    if isinstance(value, int) and abs(value) >= _MAX_INT:
        raise InputError("an integer beyond 2^53, which JSON cannot carry faithfully", where=where)
    return value


def _mapping(node: MappingNode, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        where = f"{name}:{key.start_mark.line + 1}"
        if not isinstance(key, ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            raise InputError("a key must be text", where=where)
        if key.value in found:
            raise InputError(f"the key {key.value!r} stands here twice", where=where, hint="keep one of them")
        found[key.value] = _plain(value, name)
    return found


def _line(mark: Any) -> int:
    return int(mark.line) + 1


def _child(node: Node, part: int | str) -> Node | None:
    """The node to point at: a mapping's key, a sequence's item, or an item that reads like `part`."""
    if isinstance(node, MappingNode):
        keys: list[Node] = [key for key, _value in node.value if key.value == str(part)]
        return keys[0] if keys else None
    if isinstance(node, SequenceNode):
        items: list[Node] = node.value
        return next((item for number, item in enumerate(items) if part in (number, item.value)), None)
    return None


def _value(node: Node, part: int | str) -> Node:
    if isinstance(node, MappingNode):
        values: list[Node] = [value for key, value in node.value if key.value == str(part)]
        return values[0]
    return _child(node, part) or node
