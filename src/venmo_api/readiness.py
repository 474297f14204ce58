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
    asked = {
        "postgres": app.database.read(_answers),
        "schema": app.database.read(_has_schema),
        "redis": app.redis.ping(),
        "s3": app.objects.ensure_reachable(),
    }
    tasks = {name: asyncio.create_task(_state(question)) for name, question in asked.items()}
    _, late = await asyncio.wait(tasks.values(), timeout=CHECK_SECONDS)
    for task in late:
        task.cancel()  # and not awaited: giving up a server that hangs takes longer than the probe has
    return Report({name: "unreachable" if task in late else task.result() for name, task in tasks.items()})


async def _state(asked: Awaitable[None]) -> str:
    try:
        await asked
    except Unavailable:
        return "unreachable"
    except Exception as error:
        return f"failing: {type(error).__name__}"
    return "ok"


async def _answers(tx: Transaction) -> None:
    await tx.execute(text("SELECT 1"))


async def _has_schema(tx: Transaction) -> None:
    await tx.execute(text("SELECT 1 FROM ledger_accounts LIMIT 1"))
