"""Candidates of policies that decide nothing: each is run over what was decided, after the fact, and reported on.

A decision's log row holds all it was taken on, so a candidate's answer is exact, and payments never wait for it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError, Kind
from venmo_api.core.policy import Policy
from venmo_api.risk import decisions, rules
from venmo_api.risk.decisions import Logged

SETTLES_AFTER = timedelta(seconds=60)
"""A payment's id is made before it commits, and far less than this before."""
NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
ADD = text("""
    INSERT INTO risk_shadows (name, figures, created_at, seen_id)
    VALUES (:name, CAST(:figures AS jsonb), :at, :seen_id) ON CONFLICT (name) DO NOTHING
""")
REMOVE = text("DELETE FROM risk_shadows WHERE name = :name")
ALL = text("SELECT * FROM risk_shadows ORDER BY name")
ONE = text("SELECT * FROM risk_shadows WHERE name = :name")
LOCK = text("SELECT * FROM risk_shadows WHERE name = :name FOR UPDATE SKIP LOCKED")
MOVE_ON = text("""
    UPDATE risk_shadows SET seen_id = :seen_id, seen = seen + :seen, amount = amount + :amount WHERE name = :name
""")
CHANGE = text("""
    INSERT INTO risk_shadow_changes (shadow, tx_id, decided_at, amount, was, would, reasons)
    SELECT :name, c.tx_id, c.decided_at, c.amount, c.was, c.would, string_to_array(c.reasons, ',')
    FROM unnest(CAST(:tx_ids AS uuid[]), CAST(:moments AS timestamptz[]), CAST(:amounts AS bigint[]),
                CAST(:was AS text[]), CAST(:would AS text[]), CAST(:reasons AS text[]))
         AS c (tx_id, decided_at, amount, was, would, reasons)
""")
MOVES = text("""
    SELECT c.was, c.would, count(*) AS changes, sum(c.amount)::bigint AS amount,
           count(*) FILTER (WHERE l.fraud) AS fraud, count(*) FILTER (WHERE NOT l.fraud) AS legitimate
    FROM risk_shadow_changes c
    LEFT JOIN (SELECT tx_id, bool_or(fraud) AS fraud FROM risk_labels GROUP BY tx_id) l ON l.tx_id = c.tx_id
    WHERE c.shadow = :name GROUP BY c.was, c.would ORDER BY c.was, c.would
""")
REASONS = text("""
    SELECT reason, count(*) AS changes, sum(amount)::bigint AS amount
    FROM risk_shadow_changes CROSS JOIN LATERAL unnest(reasons) AS reason
    WHERE shadow = :name GROUP BY reason ORDER BY changes DESC, reason
""")


class ShadowNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "shadow_not_found"
    title = "No such candidate"

    def __init__(self) -> None:
        super().__init__("There is no candidate of a policy with this name; `venmo-api risk shadow add` makes one.")


class ShadowExists(AppError):
    kind = Kind.CONFLICT
    code = "shadow_exists"
    title = "This name is taken"

    def __init__(self) -> None:
        super().__init__("There is a candidate with this name; remove it first, or choose another name.")


class ShadowNameInvalid(AppError):
    kind = Kind.INVALID
    code = "shadow_name_invalid"
    title = "This cannot be a name"

    def __init__(self) -> None:
        super().__init__("A candidate's name has up to 40 lower-case letters, digits and hyphens; choose another one.")


@dataclass(frozen=True, slots=True)
class Shadow:
    """``seen`` decisions of ``amount`` cents were looked at so far."""

    name: str
    policy: Policy
    figures: Mapping[str, float]
    created_at: datetime
    seen: int
    amount: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Decisions that would be ``would`` and were ``was``; ``fraud`` and ``legitimate``: how many of them are known to
    be so by now."""

    was: rules.Verdict
    would: rules.Verdict
    changes: int
    amount: int
    fraud: int
    legitimate: int

    @property
    def is_stricter(self) -> bool:
        return rules.SEVERITY[self.would] > rules.SEVERITY[self.was]


@dataclass(frozen=True, slots=True)
class Report:
    """What a candidate would change. ``reasons``: which spoke on one side only, with how many changes and cents."""

    shadow: Shadow
    moved: tuple[Moved, ...]
    reasons: tuple[tuple[str, int, int], ...]

    @property
    def changes(self) -> int:
        return sum(each.changes for each in self.moved)

    @property
    def amount(self) -> int:
        return sum(each.amount for each in self.moved)

    @property
    def agrees(self) -> int:
        """Changes that what is known by now speaks for: harder on fraud, softer on who is honest."""
        return sum(each.fraud if each.is_stricter else each.legitimate for each in self.moved)

    @property
    def disagrees(self) -> int:
        return sum(each.legitimate if each.is_stricter else each.fraud for each in self.moved)


async def add(tx: Transaction, app: Adapters, name: str, figures: Mapping[str, float], *, back: timedelta) -> Shadow:
    """Make a candidate: the policy in force with these ``figures``, run from ``back`` ago on. Raises ShadowExists,
    ShadowNameInvalid, UnknownFigure."""
    if not re.fullmatch(NAME, name):
        raise ShadowNameInvalid
    policy = rules.policy_of({**app.figures.risk.document, **figures})
    since = decisions.first_id(app.wall_clock.now() - back)
    row = {"name": name, "figures": json.dumps(policy.document), "at": app.clock.now(), "seen_id": since}
    if not (await tx.execute(ADD, row)).rowcount:
        raise ShadowExists
    return await find(tx, name)


async def remove(tx: Transaction, name: str) -> None:
    """Forget a candidate and what it would have changed. Raises ShadowNotFound."""
    if not (await tx.execute(REMOVE, {"name": name})).rowcount:
        raise ShadowNotFound


async def find(tx: Transaction, name: str) -> Shadow:
    """Raises ShadowNotFound."""
    row = (await tx.execute(ONE, {"name": name})).first()
    if row is None:
        raise ShadowNotFound
    return _from_row(row)


async def every(tx: Transaction) -> list[Shadow]:
    """All candidates, by name."""
    return [_from_row(row) for row in await tx.execute(ALL)]


async def follow(tx: Transaction, name: str, *, until: UUID) -> int:
    """Run a candidate over the next stretch of decisions; how many those were. Somebody else at it: none."""
    row = (await tx.execute(LOCK, {"name": name})).first()
    found = await decisions.after(tx, row.seen_id, until=until) if row else []
    if row is None or not found:
        return 0
    policy = rules.policy_of(row.figures)
    taken = [(one, rules.screen(one.facts, policy)) for one in found]
    await _keep(tx, name, [(one, would) for one, would in taken if would.verdict is not one.decision.verdict])
    amount = sum(one.facts.amount for one in found)
    await tx.execute(MOVE_ON, {"name": name, "seen_id": found[-1].tx_id, "seen": len(found), "amount": amount})
    return len(found)


async def report(tx: Transaction, name: str) -> Report:
    """Raises ShadowNotFound."""
    shadow = await find(tx, name)
    moved = [
        Moved(rules.Verdict(row.was), rules.Verdict(row.would), row.changes, row.amount, row.fraud, row.legitimate)
        for row in await tx.execute(MOVES, {"name": name})
    ]
    reasons = [(row.reason, row.changes, row.amount) for row in await tx.execute(REASONS, {"name": name})]
    return Report(shadow, tuple(moved), tuple(reasons))


async def _keep(tx: Transaction, name: str, changed: Sequence[tuple[Logged, rules.Decision]]) -> None:
    if not changed:
        return
    await tx.execute(
        CHANGE,
        {
            "name": name,
            "tx_ids": [one.tx_id for one, _ in changed],
            "moments": [one.decided_at for one, _ in changed],
            "amounts": [one.facts.amount for one, _ in changed],
            "was": [one.decision.verdict for one, _ in changed],
            "would": [would.verdict for _, would in changed],
            "reasons": [",".join(sorted({*one.decision.reasons} ^ {*would.reasons})) for one, would in changed],
        },
    )


def _from_row(row: Any) -> Shadow:
    return Shadow(row.name, rules.policy_of(row.figures), row.figures, row.created_at, row.seen, row.amount)
