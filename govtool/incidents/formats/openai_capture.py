"""Capture of an OpenAI-compatible endpoint: one object with the request, the response and who sent it.

Shape: {"ts", "key", "ip", "request": {...}, "response": {...}}. The key field is meant for API keys, so a value that is
not visibly a digest is treated as a credential in clear. Prompt text stays in the original.
"""

import hashlib
from typing import Any

from govtool.incidents.events import Event
from govtool.incidents.formats.interface import (
    Keyed,
    UnreadableError,
    from_us,
    instant,
    integer,
    mapping,
    principal,
    text,
)

_PROMPTS = ("messages", "input", "prompt")
_LATEST = 7_258_118_400  # 2200-01-01


class OpenAiCapture:
    name = "openai_capture"
    title = "capture of an OpenAI-compatible endpoint"
    identity: tuple[bytes, ...] = (b'"ts"', b'"key"', b'"status"')

    def recognises(self, record: dict[str, Any]) -> bool:
        request, response = record.get("request"), record.get("response")
        asked = isinstance(request, dict) and any(key in request for key in _PROMPTS)
        return asked or (isinstance(response, dict) and "choices" in response)

    def event(self, record: dict[str, Any], keyed: Keyed) -> Event:
        request, response = mapping(record, "request") or {}, mapping(record, "response") or {}
        ts_us, ts_raw = _when(record, response)
        who, raw_key = principal(text(record, "key"), keyed, credential=True)
        prompt_sha256, prompt_chars = _prompt(request)
        output_kind, n_outputs = _answer(response)
        return Event(
            ts_us=ts_us,
            ts_raw=ts_raw,
            principal=who,
            source_ip=text(record, "ip"),
            user_agent=text(record, "user_agent"),
            request_id=text(response, "id"),
            model_name=text(request, "model"),
            model_version=text(response, "system_fingerprint") or text(response, "model"),
            model_sha256=None,
            endpoint=text(record, "path"),
            status=integer(record, "status"),
            n_inputs=None if prompt_sha256 is None else 1,
            fingerprints=[] if prompt_sha256 is None else [prompt_sha256],
            output_kind=output_kind,
            n_outputs=n_outputs,
            payload_state="absent" if prompt_sha256 is None else "full",
            prompt_sha256=prompt_sha256,
            prompt_chars=prompt_chars,
            raw_key=raw_key,
        )


def _when(record: dict[str, Any], response: dict[str, Any]) -> tuple[int, str]:
    """The wrapper's timestamp; else the response's `created`, which is Unix seconds by the API's definition."""
    created = response.get("created")
    if (
        record.get("ts") is None
        and isinstance(created, int | float)
        and not isinstance(created, bool)
        and 0 <= created < _LATEST
    ):
        microseconds = round(created * 1_000_000)
        return microseconds, from_us(microseconds).isoformat()
    return instant(record.get("ts"))


def _prompt(request: dict[str, Any]) -> tuple[str | None, int | None]:
    """Digest of everything the model was asked to read, and its number of characters."""
    import orjson

    asked = {key: request[key] for key in _PROMPTS if request.get(key) not in (None, {}, [], "")}
    if not asked:
        return None, None
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest(), _characters(
        list(asked.values())
    )


def _characters(value: Any) -> int:
    """Length of all content text; roles and types are not content."""
    total, stack = 0, [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item[key] for key in ("content", "text", "input_text") if key in item)
    return total


def _answer(response: dict[str, Any]) -> tuple[str, int | None]:
    """What came back: text, or text with token probabilities; n_outputs is the number of choices."""
    choices = response.get("choices")
    if choices is None:
        return "none", None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise UnreadableError("choices is not a list of objects")
    if not choices:
        return "none", 0
    kind = "logprobs" if any(choice.get("logprobs") for choice in choices) else "text"
    return kind, len(choices)
