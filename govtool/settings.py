"""Settings: flag > GOVTOOL_* > govtool.toml > user configuration > default. The only file that reads the environment."""

import getpass
import os
import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from govtool.errors import InputError

FILE_NAME = "govtool.toml"
ACTOR_LENGTH = 200
"""What the column `recorded_by` holds; PostgreSQL refuses more, SQLite would keep it."""
Origin = Literal["flag", "environment", "workspace", "user", "default"]


class Contact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    role: str = ""
    email: str = ""
    phone: str = ""


class Organisation(BaseModel):
    """The controller, as notices name it. An empty field is printed as 'to be determined', never guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    registration: str = ""
    address: str = ""
    country: str = ""
    sector: str = ""
    authority: str = ""
    timezone: str = "UTC"
    contact: Contact = Contact()
    contact_is_dpo: bool = False

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {value!r}; use an IANA name such as Europe/Paris") from error
        return value


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ledger_origin: str = "govtool.local/ledger"
    database_url: str = "sqlite:///govtool.db"
    vault_url: str = "vault"
    signing_key: str = "keys/signing.pem"
    policies: str = "policies"
    cache_dir: str = "cache"
    actor: str = ""
    organisation: Organisation = Organisation()

    @field_validator("ledger_origin")
    @classmethod
    def _origin_is_a_note_name(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s+]+", value):
            raise ValueError("the ledger's origin may contain neither spaces nor '+' (C2SP signed-note)")
        return value

    @field_validator("actor")
    @classmethod
    def _actor_fits(cls, value: str) -> str:
        if len(value) > ACTOR_LENGTH or not value.isprintable():
            raise ValueError(f"the actor is one line of at most {ACTOR_LENGTH} printable characters")
        return value.strip()


@dataclass(frozen=True)
class Resolved:
    """Settings and where each value came from."""

    settings: Settings
    origins: dict[str, Origin]
    root: Path

    def path(self, value: str) -> Path:
        """A path from the settings, relative to the workspace."""
        return self.root / value


def environment(environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    return os.environ if environ is None else environ


def set_default(name: str, value: str) -> None:
    """For this process and its children, unless the user has set it: libraries that ask nobody are told this way."""
    os.environ.setdefault(name, value)


def find_root(start: Path, environ: Mapping[str, str] | None = None) -> Path:
    """The workspace: GOVTOOL_WORKSPACE, or the nearest folder upward that holds govtool.toml.

    Raises:
        InputError: there is none.
    """
    named = environment(environ).get("GOVTOOL_WORKSPACE")
    candidates = [Path(named)] if named else [start, *start.parents]
    for folder in candidates:
        if (folder / FILE_NAME).is_file():
            return folder.resolve()
    raise InputError(
        f"no {FILE_NAME} in {candidates[0]}" + ("" if named else " or any folder above it"),
        hint="make a workspace with: govtool init",
    )


def resolve(root: Path, flags: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> Resolved:
    """Merge all sources, strongest last.

    Raises:
        InputError: a file is not TOML, a key is unknown, a value has the wrong form.
    """
    from platformdirs import user_config_path

    values: dict[str, Any] = {}
    origins: dict[str, Origin] = dict.fromkeys(Settings.model_fields, "default")
    sources: list[tuple[Origin, Mapping[str, Any], str]] = [
        ("user", _toml(user_config_path("govtool") / FILE_NAME), str(user_config_path("govtool") / FILE_NAME)),
        ("workspace", _toml(root / FILE_NAME), str(root / FILE_NAME)),
        ("environment", _from_environment(environment(environ)), "GOVTOOL_* variables"),
        ("flag", flags or {}, "flags"),
    ]
    for origin, source, where in sources:
        for key, value in source.items():
            if key not in Settings.model_fields:
                raise InputError(
                    f"unknown setting {key!r}", where=where, hint=f"known: {', '.join(Settings.model_fields)}"
                )
            values[key], origins[key] = value, origin
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"setting {key}: {first['msg']}", where=str(root / FILE_NAME)) from error
    if not settings.actor:
        settings = settings.model_copy(update={"actor": f"{getpass.getuser()}@{socket.gethostname()}"[:ACTOR_LENGTH]})
    return Resolved(settings, origins, root)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not valid TOML: {error}", where=str(path)) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    scalar = [key for key in Settings.model_fields if key != "organisation"]
    return {key: environ[f"GOVTOOL_{key.upper()}"] for key in scalar if f"GOVTOOL_{key.upper()}" in environ}
