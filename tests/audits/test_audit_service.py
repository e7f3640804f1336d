"""Which record counts: the latest that was tried."""

from typing import Any

import pytest
from test_audit_runner import fake, found_something

from govtool.access import Access
from govtool.audits import service
from govtool.errors import AmbiguousError, NotFoundError, WorkError
from govtool.registry import service as registry


def breaks(*_given: Any) -> Any:
    raise WorkError("gone")


def latest(ws: Any) -> dict[str, tuple[str, str]]:
    with ws.read() as session:
        version = registry.model_version(session, "leaky@1")
        return {row.attack: (row.status, row.run_id) for row in service.latest_records(session, version.id)}


BOTH = {"a": fake(found_something, "a"), "b": fake(found_something, "b")}


def test_the_newest_run_counts(registered: Any) -> None:
    registered.audit("leaky@1", "", attacks=BOTH)
    newer = registered.audit("leaky@1", "", attacks=BOTH)
    assert latest(registered) == {"a": ("completed", newer.run_id), "b": ("completed", newer.run_id)}


def test_not_asking_again_does_not_hide_what_was_found(registered: Any) -> None:
    older = registered.audit("leaky@1", "", attacks=BOTH)
    newer = registered.audit("leaky@1", "attacks: [a]\n", attacks=BOTH)
    assert latest(registered) == {"a": ("completed", newer.run_id), "b": ("completed", older.run_id)}


def test_a_narrower_deployment_does_not_hide_what_was_found(registered: Any) -> None:
    older = registered.audit("leaky@1", "", attacks={"a": fake(found_something, "a", needs=Access.WEIGHTS)})
    registered.deploy("narrow", "leaky@1", Access.LABELS)
    newer = registered.audit("leaky@1", "", attacks={"a": fake(found_something, "a", needs=Access.WEIGHTS)})
    assert newer.attacks[0].status == "not_applicable"
    assert latest(registered) == {"a": ("completed", older.run_id)}


def test_a_newer_failure_counts_more_than_an_older_success(registered: Any) -> None:
    registered.audit("leaky@1", "", attacks=BOTH)
    registered.audit("leaky@1", "", attacks={**BOTH, "b": fake(breaks, "b")})
    assert latest(registered)["b"][0] == "failed"


def test_a_failed_run_counts_as_a_failure(registered: Any) -> None:
    """It was invisible, so that an older pass stood although every attack had broken off since."""
    registered.audit("leaky@1", "", attacks={"a": fake(found_something, "a")})
    failed = registered.audit("leaky@1", "", attacks={"a": fake(breaks, "a")})
    assert failed.status == "failed"
    assert latest(registered) == {"a": ("failed", failed.run_id)}


def test_the_family_of_an_attack_is_known_before_it_has_a_record(registered: Any) -> None:
    def die(*_given: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registered.audit("leaky@1", "", attacks={"a": fake(die, "a")})
    with registered.read() as session:
        version = registry.model_version(session, "leaky@1")
        assert service.families(session, version.id) == {"a": "data_reconstruction"}


def test_runs_are_found_by_the_beginning_of_their_id(registered: Any) -> None:
    done = [registered.audit("leaky@1", "", attacks=BOTH).run_id for _run in range(2)]
    with registered.read() as session:
        assert service.run(session, done[0]).id == done[0]
        assert service.run(session, done[0].removeprefix("run-")).id == done[0]
        assert [row.id for row in service.runs(session)] == done[::-1]
        assert [row.attack for row in service.records(session, done[0])] == ["a", "b"]
        with pytest.raises(AmbiguousError):
            service.run(session, "run-")
        with pytest.raises(NotFoundError):
            service.run(session, "zzzz")


def test_runs_of_another_version_are_not_listed(registered: Any) -> None:
    registered.audit("leaky@1", "", attacks=BOTH)
    registered.model("other@1", endpoint="http://127.0.0.1:1")
    with registered.read() as session:
        assert service.runs(session, registry.model_version(session, "other@1")) == []
        assert len(service.runs(session, registry.model_version(session, "leaky@1"))) == 1
