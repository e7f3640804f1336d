"""`govtool incident clocks`: what is due when, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from govtool.cli.incident_view import (
    IncidentArgument,
    clock_data,
    clocks_text,
    regimes_of,
)
from govtool.cli.output import JsonFlag, examples, show
from govtool.errors import InputError

if TYPE_CHECKING:
    pass

_INPUT = 2


def clocks(
    incident: IncidentArgument,
    regime: Annotated[
        list[str] | None,
        typer.Option(
            "--regime", help="eu_gdpr, uk_gdpr, hipaa, us_ca, eu_ai_act; from the organisation's country if left out."
        ),
    ] = None,
    tz: Annotated[
        str | None, typer.Option("--tz", help="Civil zone of the authority; the organisation's if left out.")
    ] = None,
    individuals: Annotated[
        int | None, typer.Option("--individuals", min=0, help="Individuals affected, for the thresholds.")
    ] = None,
    ai_act_days: Annotated[
        int | None,
        typer.Option("--ai-act-days", help="The limit under AI Act Art. 73 that a person decided on: 15, 10 or 2."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what is due when, and why. Every rule must be confirmed by counsel."""
    from govtool.cli.context import open_workspace
    from govtool.incidents import service
    from govtool.incidents.instants import known_zone
    from govtool.reports import deadlines

    workspace = open_workspace()
    organisation, now = workspace.settings.organisation, workspace.now
    zone = tz or organisation.timezone
    known_zone(zone)
    chosen = tuple(regime) if regime else regimes_of(organisation.country)
    if unknown := [name for name in chosen if name not in deadlines.REGIMES]:
        raise InputError(f"unknown regime {unknown[0]!r}", hint=f"known: {', '.join(deadlines.REGIMES)}")
    if ai_act_days not in (None, 2, 10, 15):
        raise InputError(
            f"AI Act Art. 73 knows no limit of {ai_act_days} days", hint="15, 10 (death) or 2 (widespread)"
        )
    with workspace.read() as session:
        case = service.incident(session, incident)
        instants = service.instants(session, case.id)
        last = [row.last_event_at for row in service.ingests(session, case.id) if row.last_event_at]
    civil = known_zone(zone)
    facts = deadlines.Facts(
        individuals=individuals,
        ai_act_days=ai_act_days,
        log_created=max(last).astimezone(civil).date() if last else None,
    )
    found = deadlines.clocks(instants, now, zone=zone, regimes=chosen, facts=facts)
    left = [name for name in deadlines.REGIMES if name not in chosen]
    warnings = service.concerns(instants)
    if any(each.state in (deadlines.State.RUNNING, deadlines.State.OVERDUE) for each in found):
        warnings.append(
            "notices that were sent are not recorded by this version: a state says only whether the limit passed"
        )
    warnings += [f"not shown: {', '.join(left)} (--regime)"] if left else []
    data = {"incident": case.id, "as_of": now, "zone": zone, "clocks": [clock_data(each) for each in found]}
    show("incident.clocks/1", data, clocks_text(found, now), as_json=as_json, warnings=warnings)


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "govtool incident clocks inc-7k3m",
            "govtool incident clocks inc-7k3m --regime eu_gdpr --regime hipaa --tz Europe/Paris --json",
        )
    )(clocks)
