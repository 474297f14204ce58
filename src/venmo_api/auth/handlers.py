"""What people are sent: codes, and notices of all that changes how they sign in."""

from collections.abc import Sequence
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.auth import contacts, devices, notices, passwords, undo
from venmo_api.auth.proofs import FactorKind, factor_notice
from venmo_api.auth.rules import ContactKind, new_device_notice
from venmo_api.core.events import (
    ContactChanged,
    ContactClaimed,
    ContactLost,
    DeviceAdded,
    FactorChanged,
    PasswordChanged,
    PasswordResetAsked,
    UserSignedUp,
)


class NoticeNotSent(Exception):
    """Nobody can act on what they were not told: it is tried again."""


async def welcome(app: Adapters, events: Sequence[UserSignedUp]) -> None:
    """Send new people the codes that verify their contacts."""
    await contacts.send_first_codes(app, [event.user_id for event in events])


async def warn_of_devices(app: Adapters, events: Sequence[DeviceAdded]) -> None:
    """Tell people of sign-ins on devices that are new and that no second factor vouched for."""
    for row in await app.database.read(devices.whence, [event.device_id for event in events]):
        await _warn(app, row.user_id, new_device_notice(row.name, row.network))


async def _warn(app: Adapters, user_id: UUID, text: str) -> None:
    """To each contact they have proved, or else to the mail address they gave: better than to nobody."""
    own = (await app.database.read(contacts.of, app, user_id)).values()
    told = [one for one in own if one.verified] or [one for one in own if one.kind is ContactKind.EMAIL]
    await contacts.deliver([app.messenger.send(user_id, one.kind.value, one.address, text) for one in told])


async def tell_of_claim(app: Adapters, events: Sequence[ContactClaimed]) -> None:
    """Tell people on the contacts they have that another one is being added or is to replace one."""
    for event in events:
        await _tell(app, event.user_id, notices.claimed(event.kind))


async def tell_of_change(app: Adapters, events: Sequence[ContactChanged]) -> None:
    """Tell the address that was replaced or removed how to undo that, and the person's other contacts that it was."""
    for event in events:
        contact = await app.database.read(undo.taken_away, app, event.change_id)
        if contact is None:
            continue  # undone already
        text = notices.changed(event.kind, undo.token(app, event.change_id))
        sending = app.messenger.send(event.user_id, contact.kind.value, contact.address, text)
        if await contacts.deliver([sending]):
            raise NoticeNotSent
        await _tell(app, event.user_id, notices.changed_elsewhere(event.kind), save=ContactKind(event.kind))


async def tell_of_loss(app: Adapters, events: Sequence[ContactLost]) -> None:
    """Tell people on the contacts they have left that somebody else has proved one to be theirs."""
    for event in events:
        await _tell(app, event.user_id, notices.lost(event.kind))


async def send_reset_codes(app: Adapters, events: Sequence[PasswordResetAsked]) -> None:
    """Send a code to each who asked and can be sent one. One that cannot be sent they may ask for again."""
    await passwords.send_reset_codes(app, events)


async def tell_of_password(app: Adapters, events: Sequence[PasswordChanged]) -> None:
    """Tell people on all their contacts that their password is another now."""
    for event in events:
        await _tell(app, event.user_id, notices.RESET if event.reset else notices.CHANGED)


async def tell_of_factors(app: Adapters, events: Sequence[FactorChanged]) -> None:
    """Tell people on all their contacts that they can prove themselves in another way, or no longer in one."""
    for event in events:
        await _tell(app, event.user_id, factor_notice(FactorKind(event.kind), event.change))


async def _tell(app: Adapters, user_id: UUID, text: str, *, save: ContactKind | None = None) -> None:
    """Raises NoticeNotSent, so that the relay tries again."""
    if await contacts.tell(app, user_id, text, save=save):
        raise NoticeNotSent
