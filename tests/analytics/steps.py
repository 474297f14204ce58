"""Findings made by hand, and the cases they become."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.admin.steps import employ
from tests.conftest import Person, World
from venmo_api.admin.rules import Role
from venmo_api.analytics import alerts, queries
from venmo_api.analytics.inputs import number
from venmo_api.analytics.rules import ACCOUNT, Finding, Payment, Raised, Source
from venmo_api.core import ids

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCE = Source(7, bytes(32))


def finding(*accounts: UUID, amounts: Sequence[int] = (900_00, 900_00), **told: Any) -> Finding:
    """What a detection says of ``accounts``: the first is its subject, and pays strangers these amounts."""
    first = accounts[0]
    start_us = int((told.pop("at", NOON)).timestamp() * 1_000_000)
    payments = tuple(
        Payment(uuid4(), "payment", NOON + timedelta(seconds=second), first, uuid4(), amount, "risk/v1/a.parquet")
        for second, amount in enumerate(amounts)
    )
    return Finding(
        **{
            "detector": "fan_out",
            "version": 1,
            "parameters": {"recipients": 20, "hours": 24},
            "subject": number(first),
            "subject_kind": ACCOUNT,
            "start_us": start_us,
            "end_us": start_us + 3_600_000_000,
            "score": 120,
            "amount": sum(amounts),
            "linked": {number(one): one for one in accounts},
            "payments": payments,
            **told,
        }
    )


async def raised(world: World, *findings: Finding) -> Raised:
    return await world.app.database.transact(alerts.keep, world.app, findings, source=SOURCE)


def user_id(person: Person) -> UUID:
    found = ids.decode(ids.USER, person.id)
    assert found is not None
    return found


async def analysts(world: World) -> tuple[Person, Person]:
    return await employ(world, Role.ANALYST), await employ(world, Role.ANALYST)


async def case_id_about(world: World, person: UUID) -> str:
    """The one case about somebody that nobody has ended."""
    (found,) = await world.app.database.read(queries.unfinished_about, [number(person)])
    return ids.encode(ids.CASE, found)


async def case_about(world: World, analyst: Person, person: UUID) -> dict[str, Any]:
    """The same, as an analyst reads it."""
    answer = await analyst.get(f"/admin/cases/{await case_id_about(world, person)}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def proposed(world: World, analyst: Person, person: UUID, ending: str = "report") -> str:
    """Its id, once this analyst has proposed how it ends."""
    case_id = await case_id_about(world, person)
    body = {"disposition": ending, "narrative": "Money came in from many and went out at once."}
    answer = await analyst.post(f"/admin/cases/{case_id}/proposal", body)
    assert answer.status_code == 200, answer.text
    return case_id
