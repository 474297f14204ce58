"""Friends by mutual consent, whose lists of friends may be seen, and who could be a friend too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.events import FriendAsked, FriendshipEnded, FriendshipStarted
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.outbox import service as outbox
from venmo_api.users import queries, service
from venmo_api.users.rules import Card, Relation, pair

SUGGESTED_MOST: Final = 25
LOOKED_AT_MOST: Final = 2_000
"""Of somebody's friends: those who signed up last. So many are asked whether they show their lists."""
LISTS_MOST: Final = 100
EACH_MOST: Final = 100
"""So many lists are looked through, so many friends of each: a suggestion costs the same for whoever has 100 friends
and for who has 10,000."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``mutual``: friends of both, of those whose friendship with each of the two may be seen anyway."""

    card: Card
    mutual: int


async def befriend(tx: Transaction, app: Adapters, user_id: UUID, friend_id: UUID) -> tuple[Relation, Card]:
    """Ask ``friend_id``, or accept if they asked first. Asking again changes nothing.

    Raises CannotBefriendSelf, and UserNotFound, also for who is hidden.
    """
    low, high = pair(user_id, friend_id)
    await queries.hold_pair(tx, low, high)  # nobody is blocked from here on
    friend = await service.shown(tx, user_id, friend_id)
    now = app.clock.now()
    changed = await queries.ask_or_accept(tx, low, high, me=user_id, now=now)
    if changed is None:
        stands = await queries.relation(tx, low, high)
        return Relation.ACCEPTED if stands.accepted_at else Relation.OUTGOING, friend
    if changed.accepted_at is None:
        await outbox.emit(tx, [FriendAsked(user_id, friend_id, now)], new_id=app.new_id)
        return Relation.OUTGOING, friend
    await outbox.emit(tx, [FriendshipStarted(user_id, friend_id, now)], new_id=app.new_id)
    return Relation.ACCEPTED, friend


async def unfriend(tx: Transaction, app: Adapters, user_id: UUID, friend_id: UUID) -> None:
    """Withdraw, decline or end, whichever there is. Nothing to end is no error. Raises CannotBefriendSelf."""
    low, high = pair(user_id, friend_id)
    await queries.hold_pair(tx, low, high)
    ended = await queries.end_friendship(tx, low, high)
    if ended is not None and ended.accepted_at is not None:
        await outbox.emit(tx, [FriendshipEnded(user_id, friend_id, app.clock.now())], new_id=app.new_id)


async def own(tx: Transaction, user_id: UUID, relation: Relation, page: PageRequest) -> Page[Card]:
    """One's own friends, or those who asked or were asked, by username."""
    rows = await queries.friends(tx, user_id, relation, page)
    return cut([service.card_of(row) for row in rows], page.limit, lambda friend: friend.id)


async def of(tx: Transaction, viewer: UUID, user_id: UUID, page: PageRequest) -> Page[Card]:
    """Somebody's friends, as far as both they and the friend let ``viewer`` see it; none, where they do not. Raises
    UserNotFound."""
    if viewer == user_id:
        return await own(tx, user_id, Relation.ACCEPTED, page)
    await service.shown(tx, viewer, user_id)
    rows = await queries.friends_of_another(tx, viewer, user_id, page)
    return cut([service.card_of(row) for row in rows], page.limit, lambda friend: friend.id)


async def suggestions(tx: Transaction, viewer: UUID) -> Sequence[Suggestion]:
    """Who has most friends in common with ``viewer``, counted over friendships that they may see in lists. Not who is a
    friend, asked, was asked, is hidden, or was dismissed."""
    bounds = {"looked_at": LOOKED_AT_MOST, "lists": LISTS_MOST, "each": EACH_MOST, "most": SUGGESTED_MOST}
    rows = await queries.suggestions(tx, viewer, bounds=bounds)
    return [Suggestion(service.card_of(row), row.mutual) for row in rows]


async def dismiss(tx: Transaction, user_id: UUID, other_id: UUID) -> None:
    """Never suggest them again. Says nothing of whether there is such a person."""
    await queries.dismiss(tx, user_id, other_id)
