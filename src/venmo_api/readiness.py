"""What a process needs to do its work, asked of each part, in parallel and within a second; and whether the database
keeps what it has acknowledged."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from sqlalchemy import text

from venmo_api.adapters import trust
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Database, Transaction
from venmo_api.adapters.redis import Redis
from venmo_api.adapters.s3 import Objects
from venmo_api.archive.governance import BucketWeak, Watch
from venmo_api.core.errors import Unavailable

CHECK_SECONDS = 1.0
NEEDED = {"postgres", "schema", "durability"}
"""Without these no payment works, or it could be lost. Without the others feeds are slower or history waits."""
ASK_AGAIN_SECONDS = 1.0
DURABLE = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply"},
    "data_checksums": {"on"},
}
"""With any of these otherwise, a crash of the database can lose or silently change what was acknowledged."""


@dataclass(frozen=True, slots=True)
class Report:
    states: dict[str, str]

    @property
    def ready(self) -> bool:
        return all(state == "ok" for name, state in self.states.items() if name in NEEDED)

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


class NotDurable(Unavailable):
    code = "not_durable"
    title = "The database may lose what it acknowledges"

    def __init__(self, weak: dict[str, str]) -> None:
        told = ", ".join(f"{name} is {value}" for name, value in sorted(weak.items()))
        super().__init__(f"The database may lose payments it has acknowledged: {told}. Turn on what is named.")


class NoPlatform(Unavailable):
    code = "no_push_platform"
    title = "No platform for pushes was set up"


class NotTrusted(Unavailable):
    code = "not_trusted"
    title = "A server did not prove who it is"

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"TLS with {' and '.join(names)} fails: the server speaks none, is not the one of its URL, or was not "
            "signed by the authority given. Check the address, the certificate and the CA file."
        )


async def check(app: Adapters, *, production: bool, watch: Watch | None = None) -> Report:
    """In production also whether the database is durable: it may have changed since the start, by a failover; and, with
    ``watch``, whether the bucket keeps what it must keep."""
    asked: dict[str, Awaitable[None]] = {
        "postgres": app.database.read(_answers),
        "schema": app.database.read(_has_schema),
        "redis": app.redis.ping(),
        "s3": app.objects.ensure_reachable(),
        "push": _sends_pushes(app),
    }
    if production:
        asked["durability"] = require_durable(app.database)
    if watch is not None:
        asked["bucket"] = watch.require(now=app.wall_clock.now())
    tasks = {name: asyncio.create_task(_state(question)) for name, question in asked.items()}
    _, late = await asyncio.wait(tasks.values(), timeout=CHECK_SECONDS)
    for task in late:
        task.cancel()  # and not awaited: giving up a server that hangs takes longer than the probe has
    return Report({name: "unreachable" if task in late else task.result() for name, task in tasks.items()})


async def require_durable(database: Database) -> None:
    """Raises NotDurable, naming the settings, and Unavailable when the database cannot be asked."""
    if weak := weaknesses(await database.read(_durability)):
        raise NotDurable(weak)


async def require_trusted(database: Database, redis: Redis, objects: Objects) -> None:
    """Raises NotTrusted, naming the servers that are there and did not prove over TLS who they are."""
    asked = {"Postgres": database.read(_answers), "Redis": redis.ping(), "S3": objects.ensure_reachable()}
    states = await asyncio.gather(*(_state(question) for question in asked.values()))
    if wrong := [name for name, state in zip(asked, states, strict=True) if state == "untrusted"]:
        raise NotTrusted(wrong)


async def until_asked(database: Database) -> None:
    """``require_durable``, asked again until the database answers."""
    while True:
        try:
            return await require_durable(database)
        except NotDurable:
            raise
        except Unavailable:
            await asyncio.sleep(ASK_AGAIN_SECONDS)


def weaknesses(found: Mapping[str, str]) -> dict[str, str]:
    """Those of the durability settings that are not as they must be."""
    return {name: value for name, value in found.items() if value not in DURABLE[name]}


async def _state(asked: Awaitable[None]) -> str:
    try:
        await asked
    except (NotDurable, BucketWeak):
        return "weak"
    except NoPlatform:
        return "off"
    except Unavailable as error:
        return "untrusted" if trust.is_distrust(error) else "unreachable"
    except Exception as error:
        return f"failing: {type(error).__name__}"
    return "ok"


async def _sends_pushes(app: Adapters) -> None:
    """Whether some platform was set up. It is not asked: it would be asked to send."""
    if not app.push.platforms:
        raise NoPlatform("No pushes go out: set VENMO_PUSH_APNS_ARN or VENMO_PUSH_FCM_ARN.")


async def _answers(tx: Transaction) -> None:
    await tx.execute(text("SELECT 1"))


async def _durability(tx: Transaction) -> dict[str, str]:
    """As a session of ours finds them: a role or a database may have settings of its own."""
    rows = await tx.execute(
        text("SELECT name, current_setting(name) AS value FROM unnest(CAST(:names AS text[])) AS names (name)"),
        {"names": list(DURABLE)},
    )
    return {row.name: row.value for row in rows}


async def _has_schema(tx: Transaction) -> None:
    await tx.execute(text("SELECT 1 FROM ledger_accounts LIMIT 1"))
