"""What a process needs to do its work, asked of each part, in parallel and within a second."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import Unavailable

CHECK_SECONDS = 1.0
NEEDED = {"postgres", "schema"}
"""Without these no payment works. Without the others payments work, and feeds are slower or history waits."""


@dataclass(frozen=True, slots=True)
class Report:
    states: dict[str, str]

    @property
    def ready(self) -> bool:
        return all(self.states[name] == "ok" for name in NEEDED)

    def document(self) -> dict[str, object]:
        return {"status": "ready", "not_ready": self.wrong, "checks": self.states}

    @property
    def wrong(self) -> list[str]:
        return sorted(name for name, state in self.states.items() if state != "ok")


class NotReady(Unavailable):
    code = "not_ready"
    title = "Not ready"

    def __init__(self, report: Report) -> None:
        super().__init__("Not ready: " + ", ".join(f"{name} {report.states[name]}" for name in report.wrong) + ".")
        self.extra = {"not_ready": report.wrong, "checks": report.states}


async def check(app: Adapters) -> Report:
    names = ("postgres", "schema", "redis", "s3")
    states = await asyncio.gather(
        _state(app.database.read(_answers)),
        _state(app.database.read(_has_schema)),
        _state(app.redis.ping()),
        _state(app.objects.ensure_reachable()),
    )
    return Report(dict(zip(names, states, strict=True)))


async def _state(asked: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(asked, CHECK_SECONDS)
    except (Unavailable, TimeoutError):
        return "unreachable"
    except Exception as error:
        return f"failing: {type(error).__name__}"
    return "ok"


async def _answers(tx: Transaction) -> None:
    await tx.execute(text("SELECT 1"))


async def _has_schema(tx: Transaction) -> None:
    await tx.execute(text("SELECT 1 FROM ledger_accounts LIMIT 1"))
