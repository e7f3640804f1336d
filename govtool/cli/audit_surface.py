"""govtool audit surface: which models were made from the same people, and who can ask them together."""

from typing import TYPE_CHECKING, Annotated

import typer

from govtool.cli.output import JsonFlag, examples, show, table

if TYPE_CHECKING:
    from govtool.audits.surface import Exposure, Neighbour, Surface

EXAMPLES = examples("govtool audit surface triage@1.2", "govtool audit surface triage@1.2 --json")
_UNDECIDED = 4


def surface(
    model: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="The registered version to start from.")],
    as_json: JsonFlag = False,
) -> None:
    """Which other versions share people or records with this one? Leaves 4 when some could not be compared."""
    from govtool.audits import surface as surfaces
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    with open_workspace().read() as session:
        found = surfaces.find(session, service.model_version(session, model))
    warnings = [f"{ref}: {why}" for ref, why in found.unknown.items()]
    show(
        "audit.surface/1",
        found,
        _text(found),
        as_json=as_json,
        exit_code=_UNDECIDED if found.unknown else 0,
        warnings=warnings,
    )


def _text(found: "Surface") -> str:
    people = "an unknown number of" if found.people is None else f"{found.people:,}"
    lines = [f"{found.model} was made from {found.records:,} different records of {people} people"]
    if found.neighbours:
        rows = [_row(one) for one in found.neighbours]
        lines += [
            "",
            table(
                ["shares with", "people", "records", "its deployments show", "who can ask both, and sees of both"], rows
            ),
        ]
    others = f"{found.apart} other version{'' if found.apart == 1 else 's'}"
    lines += ["", f"{others} compared that {'has' if found.apart == 1 else 'have'} nothing in common with it"]
    return "\n".join(lines)


def _row(one: "Neighbour") -> list[str]:
    people = "unknown" if one.people is None else f"{one.people:,}"
    if one.through:
        people += f" (through {', '.join(one.through)})"
    both = (
        "whoever has the files" if one.together is None else f"{one.together.audience}: {_most(one.together.exposes)}"
    )
    name = f"{one.model} (the same weights)" if one.same_weights else one.model
    return [name, people, f"{one.records:,}", "; ".join(map(_shown, one.deployments)) or "not deployed", both]


def _shown(one: "Exposure") -> str:
    return f"{one.name} ({one.audience}): {_most(one.exposes)}"


def _most(exposes: tuple[str, ...]) -> str:
    """Of what follows from one another, only what the rest follows from."""
    from govtool.access import Access, reachable

    access = [Access(name) for name in exposes]
    kept = [
        one for one in access if not any(one in reachable(frozenset({other})) for other in access if other is not one)
    ]
    return ", ".join(kept) or "nothing"
