"""What is told when something has happened. May run twice: each person is told once."""

from collections.abc import Sequence

from venmo_api.adapters.bundle import Adapters
from venmo_api.core.events import Event
from venmo_api.notifications import notices, service


async def tell(app: Adapters, events: Sequence[Event]) -> None:
    """Put what there is to tell into inboxes, and wake who looks at one right now."""
    told = [notice for event in events for notice in notices.of(event)]
    if told:
        await service.wake(app.redis, await app.database.transact(service.tell, app, told))
