"""Settings: which source wins, where a value came from, and what is refused."""

from pathlib import Path

import pytest

from govtool import settings
from govtool.errors import InputError
from govtool.settings import Settings, find_root, resolve


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_config_path", lambda _name: tmp_path / "user")
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


def workspace(folder: Path, text: str = "") -> Path:
    (folder / settings.FILE_NAME).write_text(text)
    return folder


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    found = resolve(workspace(tmp_path), environ={})
    assert found.settings.model_copy(update={"actor": ""}) == Settings()
    assert set(found.origins.values()) == {"default"}
    assert "@" in found.settings.actor
    assert found.path("keys/x.pem") == tmp_path / "keys" / "x.pem"


def test_each_source_beats_the_one_below_and_is_named(tmp_path: Path, user_folder: Path) -> None:
    levels = {"vault_url": 1, "signing_key": 2, "policies": 3, "actor": 4}

    def text(source: int) -> str:
        return "".join(f'{key} = "from-{source}"\n' for key, highest in levels.items() if highest >= source)

    workspace(user_folder, text(1))
    workspace(tmp_path, text(2))
    environ = {"GOVTOOL_POLICIES": "from-3", "GOVTOOL_ACTOR": "from-3", "UNRELATED": "x"}
    found = resolve(tmp_path, {"actor": "from-4"}, environ)
    assert {key: getattr(found.settings, key) for key in levels} == {
        key: f"from-{source}" for key, source in levels.items()
    }
    origins = {key: found.origins[key] for key in levels}
    assert origins == {"vault_url": "user", "signing_key": "workspace", "policies": "environment", "actor": "flag"}
    assert found.origins["database_url"] == "default"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("actor =", "not valid TOML"),
        ('colour = "red"', "unknown setting 'colour'"),
        ("actor = 3", "setting actor"),
        ('ledger_origin = "two words"', "ledger_origin"),
        ('ledger_origin = "a+b"', "ledger_origin"),
        ('[organisation]\ntimezone = "Mars/Olympus"', "organisation.timezone"),
        ('[organisation]\ncolour = "red"', "organisation.colour"),
        ("[organisation.contact]\nemail = 1", "organisation.contact.email"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace(".", r"\.")) as caught:
        resolve(workspace(tmp_path, text), environ={})
    assert caught.value.where == str(tmp_path / settings.FILE_NAME)


def test_an_unknown_flag_is_a_flag_and_not_the_files_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        resolve(workspace(tmp_path), {"colour": "red"}, {})
    assert caught.value.where == "flags"


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_bytes(b'actor = "\xff"')
    with pytest.raises(InputError, match="not valid TOML"):
        resolve(tmp_path, environ={})


def test_the_organisation_is_read(tmp_path: Path) -> None:
    text = (
        '[organisation]\nname = "St. Example"\ntimezone = "Europe/Paris"\n[organisation.contact]\nname = "A. Smith"\n'
    )
    organisation = resolve(workspace(tmp_path, text), environ={}).settings.organisation
    assert (organisation.name, organisation.timezone, organisation.contact.name) == (
        "St. Example",
        "Europe/Paris",
        "A. Smith",
    )
    assert organisation.authority == ""  # unknown stays unknown


def test_the_workspace_is_the_nearest_folder_upward(tmp_path: Path) -> None:
    workspace(tmp_path)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_root(deep, {}) == tmp_path
    assert find_root(tmp_path, {}) == tmp_path
    assert find_root(workspace(tmp_path / "a"), {}) == tmp_path / "a"


def test_the_named_workspace_is_the_only_one_looked_at(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    workspace(tmp_path)
    with pytest.raises(InputError, match=r"no govtool\.toml in .*elsewhere$"):
        find_root(tmp_path, {"GOVTOOL_WORKSPACE": str(tmp_path / "elsewhere")})
    assert find_root(tmp_path / "elsewhere", {"GOVTOOL_WORKSPACE": str(tmp_path)}) == tmp_path


def test_no_workspace_anywhere_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_root(tmp_path / "x", {})
    assert "govtool init" in caught.value.hint


def test_an_actor_that_the_records_could_not_hold_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL would refuse it in the middle of a command; SQLite would keep it, for the next database to refuse."""
    root = workspace(tmp_path)
    assert resolve(root, environ={"GOVTOOL_ACTOR": "a" * 200}).settings.actor == "a" * 200
    for actor in ("a" * 201, "a\nb", "\x1b[2J"):
        with pytest.raises(InputError, match="actor"):
            resolve(root, environ={"GOVTOOL_ACTOR": actor})
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 300)
    assert len(resolve(root, environ={}).settings.actor) == 200
