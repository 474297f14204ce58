"""The app itself, with nobody at the desk: what it is held against to see what risk costs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from venmo_api import logs
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.main import create_app
from venmo_api.risk import service
from venmo_api.risk.counters import Counters, Party
from venmo_api.risk.desk import Asked, Desk, Judged, Known, Seated
from venmo_api.risk.rules import ALLOWED, DecisionKind, Facts
from venmo_api.settings import Settings

NOTHING = Facts(DecisionKind.PAYMENT, 1, ())
NOBODY = Seated(UUID(int=0), Party(0, 0, Counters()), Known())


class Nobody(Desk):
    def judge(self, asked: Asked) -> Judged:
        return Judged(asked, 0, NOTHING, ALLOWED, None, (NOBODY, None))

    def keep(self, judged: Judged) -> None:
        pass


async def _read(tx: Transaction, app: Adapters, people: Collection[UUID]) -> Desk:
    return Nobody()


async def _listed(tx: Transaction, app: Adapters, contacts: Iterable[Any]) -> Mapping[str, Sequence[str]]:
    return {}


async def _write(tx: Transaction, app: Adapters, desk: Desk) -> None:
    pass


def app() -> FastAPI:
    service.read, service.listed, service.write = _read, _listed, _write
    settings = Settings()
    logs.configure(settings.log_level)
    return create_app(settings)
