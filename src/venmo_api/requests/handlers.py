"""What requests do when something has happened. Every handler may run twice."""

from collections.abc import Sequence

from venmo_api.adapters.bundle import Adapters
from venmo_api.core.events import Event, PersonBlocked
from venmo_api.requests import service

ENDED_AT_ONCE = 100


async def end_between(app: Adapters, events: Sequence[Event]) -> None:
    """Who blocks somebody neither pays them nor asks them for money: open requests between the two end, as if who
    blocked had declined or withdrawn each."""
    for event in events:
        if isinstance(event, PersonBlocked):
            pair = (event.user_id, event.blocked_id)
            while await app.database.transact(service.end_between, app, *pair, most=ENDED_AT_ONCE) == ENDED_AT_ONCE:
                pass
