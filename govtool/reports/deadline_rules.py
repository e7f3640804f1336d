"""The legal limits as dated records. Data, not code: a change of law is a new record, and old cases keep the old one.

Compiled in November 2026 from published texts. No record has been confirmed by counsel; `confirmed_by` says so.
A rule without `effective_from` is a proposal and is never applied.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

Regime = Literal["eu_gdpr", "uk_gdpr", "hipaa", "us_ca", "eu_ai_act"]


class Unit(StrEnum):
    HOURS = "hours"
    DAYS = "calendar_days"
    DAYS_AFTER_YEAR = "calendar_days_after_the_year_of_the_anchor"
    MONTHS = "months"
    YEARS = "years"
    NONE = "none"


class Anchor(StrEnum):
    AWARENESS = "controller_awareness"
    PROCESSOR_AWARENESS = "processor_awareness"
    HIGH_RISK = "high_risk_determined"
    FIRST_NOTICE = "initial_notification"
    DISCOVERY = "discovery"
    ASSOCIATE_DISCOVERY = "business_associate_discovery"
    CONSUMER_NOTICE = "individuals_notified"
    LOG_CREATED = "log_created"
    DOCUMENT = "document_created_or_last_in_effect"


class Standard(StrEnum):
    """What the law says beside, or instead of, the number."""

    NOT_LATER_THAN = "not_later_than"
    WITHOUT_UNDUE_DELAY = "without_undue_delay"
    WITHOUT_UNDUE_FURTHER_DELAY = "without_undue_further_delay"
    KEEP_AT_LEAST = "keep_at_least_until"


@dataclass(frozen=True)
class Rule:
    id: str
    regime: Regime
    jurisdiction: str
    duty: str
    anchor: Anchor
    amount: int | None
    unit: Unit
    threshold: str
    source: str
    effective_from: date | None
    effective_to: date | None = None
    standard: Standard = Standard.NOT_LATER_THAN
    roll: Literal["none", "reg1182_outer_only"] = "none"
    confirmed_by: str = ""
    """Counsel who confirmed the record, with the date; empty: nobody has."""

    def in_force(self, day: date) -> bool:
        if self.effective_from is None or day < self.effective_from:
            return False
        return self.effective_to is None or day <= self.effective_to


_GDPR, _HIPAA = date(2018, 5, 25), date(2009, 9, 23)
_AI_REPORTS, _AI_LOGS = date(2026, 8, 2), date(2027, 12, 2)
"""Regulation (EU) 2026/1744 deferred the duties for Annex III systems, logs among them, but not the chapter of Art. 73."""
_UK = date(2021, 1, 1)
_RISK = "unless the breach is unlikely to result in a risk to people (a decision with reasons)"
_HIGH = "if the risk to people is likely high and no exemption of Art. 34(3) applies"

_ALL = (
    Rule("GDPR33-72H", "eu_gdpr", "EU", "notify the supervisory authority", Anchor.AWARENESS, 72, Unit.HOURS, _RISK,
         "GDPR Art. 33(1)", _GDPR),
    Rule("OMNIBUS33-96H", "eu_gdpr", "EU", "notify the supervisory authority", Anchor.AWARENESS, 96, Unit.HOURS,
         "if the risk to people is likely high", "Commission proposal of 19 November 2025 (Digital Omnibus); not adopted", None),
    Rule("GDPR33-2", "eu_gdpr", "EU", "processor informs the controller", Anchor.PROCESSOR_AWARENESS, None, Unit.NONE,
         "every breach", "GDPR Art. 33(2)", _GDPR, standard=Standard.WITHOUT_UNDUE_DELAY),
    Rule("GDPR33-4", "eu_gdpr", "EU", "send the authority what was missing", Anchor.FIRST_NOTICE, None, Unit.NONE,
         "if the first notice was incomplete", "GDPR Art. 33(4)", _GDPR, standard=Standard.WITHOUT_UNDUE_FURTHER_DELAY),
    Rule("GDPR34-1", "eu_gdpr", "EU", "communicate to the data subjects", Anchor.HIGH_RISK, None, Unit.NONE,
         _HIGH, "GDPR Art. 34(1)", _GDPR, standard=Standard.WITHOUT_UNDUE_DELAY),
    Rule("UKGDPR33-72H", "uk_gdpr", "UK", "notify the ICO", Anchor.AWARENESS, 72, Unit.HOURS, _RISK,
         "UK GDPR Art. 33(1)", _UK),
    Rule("UKGDPR34-1", "uk_gdpr", "UK", "communicate to the data subjects", Anchor.HIGH_RISK, None, Unit.NONE,
         _HIGH, "UK GDPR Art. 34(1)", _UK, standard=Standard.WITHOUT_UNDUE_DELAY),
    Rule("HIPAA-60D", "hipaa", "US", "notify the individuals", Anchor.DISCOVERY, 60, Unit.DAYS,
         "breach of unsecured PHI, presumed unless a low probability of compromise is shown", "45 CFR 164.404(b)", _HIPAA),
    Rule("HIPAA-BA-60D", "hipaa", "US", "business associate notifies the covered entity", Anchor.ASSOCIATE_DISCOVERY, 60, Unit.DAYS,
         "breach discovered by a business associate", "45 CFR 164.410(b)", _HIPAA),
    Rule("HIPAA-500", "hipaa", "US", "notify the Secretary, together with the individuals", Anchor.DISCOVERY, 60, Unit.DAYS,
         "500 or more individuals in total", "45 CFR 164.408(b)", _HIPAA),
    Rule("HIPAA-SEC-LT500", "hipaa", "US", "log it, and notify the Secretary after the year", Anchor.DISCOVERY, 60,
         Unit.DAYS_AFTER_YEAR, "fewer than 500 individuals; the year is that of discovery", "45 CFR 164.408(c)", _HIPAA),
    Rule("HIPAA-MEDIA", "hipaa", "US", "notify prominent media", Anchor.DISCOVERY, 60, Unit.DAYS,
         "more than 500 residents of one State or jurisdiction", "45 CFR 164.406(b)", _HIPAA),
    Rule("HIPAA-6Y", "hipaa", "US", "keep the documentation", Anchor.DOCUMENT, 6, Unit.YEARS,
         "every document", "45 CFR 164.530(j)", _HIPAA, standard=Standard.KEEP_AT_LEAST),
    Rule("CA-PRE2026", "us_ca", "US-CA", "notify the residents", Anchor.DISCOVERY, None, Unit.NONE,
         "unencrypted personal information acquired", "Civ. Code 1798.82 before SB 446", date(2003, 7, 1), date(2025, 12, 31),
         standard=Standard.WITHOUT_UNDUE_DELAY),
    Rule("CA-30D", "us_ca", "US-CA", "notify the residents", Anchor.DISCOVERY, 30, Unit.DAYS,
         "unencrypted personal information acquired", "Civ. Code 1798.82(a) as amended by SB 446", date(2026, 1, 1)),
    Rule("CA-AG-15D", "us_ca", "US-CA", "send the Attorney General a sample", Anchor.CONSUMER_NOTICE, 15, Unit.DAYS,
         "more than 500 residents notified; counted from that notice, not from discovery", "Civ. Code 1798.82(f) as amended by SB 446",
         date(2026, 1, 1)),
    Rule("AIA73", "eu_ai_act", "EU", "report a serious incident", Anchor.AWARENESS, 15, Unit.DAYS,
         "serious incident with a high-risk system: 15 days, death 10, widespread or critical infrastructure 2; a human decision, "
         "because the duties of Annex III systems are deferred to 2 December 2027",
         "AI Act Art. 73(2)-(4)", _AI_REPORTS, roll="reg1182_outer_only"),
    Rule("AIA-LOG-6M", "eu_ai_act", "EU", "keep the automatic logs", Anchor.LOG_CREATED, 6, Unit.MONTHS,
         "high-risk systems of Annex III, subject to data-protection law", "AI Act Art. 19 and 26(6), as deferred by Regulation (EU) 2026/1744", _AI_LOGS, standard=Standard.KEEP_AT_LEAST),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
