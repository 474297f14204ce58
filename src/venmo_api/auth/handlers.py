"""What happens after people have signed up."""

from collections.abc import Sequence

from venmo_api.adapters.bundle import Adapters
from venmo_api.auth import contacts
from venmo_api.core.events import UserSignedUp


async def welcome(app: Adapters, events: Sequence[UserSignedUp]) -> None:
    """Send new people the codes that verify their contacts."""
    await contacts.send_first_codes(app, [event.user_id for event in events])
