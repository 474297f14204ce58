"""Does it add up? Wallets, lists of transfers, friends and feeds, each compared with the town's own books."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from demo import feeds
from demo.api import Api, expect
from demo.books import SENT_UNVERIFIED, SENT_VERIFIED, Books, Payment, wrong_fields
from demo.outcome import Complaints, DoesNotAddUp
from demo.people import Person, Town
from demo.stage import Stages

PATIENCE_SECONDS = 15.0
LOOK_AGAIN_SECONDS = 0.25
VIEWERS = 30
STRANGERS_STORIES_MOST = 50_000


@dataclass(slots=True)
class FeedReport:
    """``late``: feeds that were not complete at the first look; ``longest_wait_seconds``: until the last was."""

    viewers: int = 0
    feeds: int = 0
    stories: int = 0
    missing: int = 0
    extra: int = 0
    leaked: int = 0
    late: int = 0
    longest_wait_seconds: float = 0.0
    peeks_refused: int = 0
    differences: list[str] = field(default_factory=list)


def viewers(town: Town, *, seed: int) -> list[Person]:
    """The café, the people with most and with fewest friends, and others."""
    by_friends = sorted(town.people, key=lambda person: (len(person.friends), person.number))
    chosen = dict.fromkeys([town.cafe, *by_friends[-5:], *by_friends[:4]])
    others = [person for person in town.people if person not in chosen]
    random.Random(f"viewers {seed}").shuffle(others)
    return [*chosen, *others][:VIEWERS]


async def wallets(api: Api, stages: Stages, books: Books) -> int:
    """Cents in all wallets, less what is owed. Raises DoesNotAddUp unless every wallet, and so the sum, is what the
    books say."""
    complaints, total = Complaints(), 0

    async def check(person: Person) -> None:
        nonlocal total
        held = expect(await api.get(person, "/v1/wallet"), 200, f"the wallet of {person.username}")
        worth = held["available"] + held["pending"] + held["on_hold"] - held["debt"]
        total += worth
        wanted, on_hold = books.balance(person), books.held(person)
        if (worth, held["pending"], held["on_hold"]) != (wanted, 0, on_hold) or min(
            held["available"], held["debt"]
        ) < 0:
            complaints.add(f"{person.username} must have {wanted} cents, {on_hold} of them on hold, has {held}")

    await stages.each("wallets are counted", books.town.people, check)
    complaints.fail("Not every wallet holds what the acknowledged payments left in it")
    if total + books.fees != books.town.topped_up:
        raise DoesNotAddUp(
            f"{books.town.topped_up} cents were topped up, {total} are in the wallets and {books.fees} paid as fees."
        )
    return total


async def limits(api: Api, stages: Stages, books: Books) -> int:
    """How many people who are not verified have used their limit up to the last payment they could make. Raises
    DoesNotAddUp unless what counts is what was acknowledged, and never more than anybody may send."""
    complaints, unverified = Complaints(), 0

    async def check(person: Person) -> None:
        nonlocal unverified
        told = expect(await api.get(person, "/v1/limits"), 200, f"the limits of {person.username}")
        sent = next(one for one in told["limits"] if one["limit"] == "sent")
        most, counted = SENT_VERIFIED if person.verified else SENT_UNVERIFIED, books.counted(person)
        if (sent["limit_amount"], sent["used"]) != (most, counted) or counted > most:
            complaints.add(f"{person.username} has sent {counted} of {most} cents and is told {sent}")
        unverified += not person.verified

    await stages.each("limits are compared", books.town.people, check)
    complaints.fail("What counts towards a limit is not what was sent")
    return unverified


async def requests(api: Api, stages: Stages, books: Books) -> int:
    """How many requests and authorisations stand as they were acknowledged, with both sides. Raises DoesNotAddUp."""
    complaints, compared = Complaints(), 0

    async def check(person: Person) -> None:
        nonlocal compared
        for path, wanted in (("/v1/requests", books.requests_of(person)), ("/v1/holds", books.holds_of(person))):
            listed = {one["id"]: one["status"] async for page in api.pages(person, path) for one in page}
            if listed != wanted:
                wrong = sorted(set(listed.items()) ^ set(wanted.items()))
                complaints.add(f"{path} of {person.username} differs in {wrong[:4]}")
            compared += len(listed)

    await stages.each("requests are listed", books.town.people, check)
    complaints.fail("Requests and authorisations are not as they were acknowledged")
    return compared


async def transfers(api: Api, stages: Stages, books: Books) -> int:
    """How many entries were compared: each acknowledged payment in the list of its sender and of its recipient.
    Raises DoesNotAddUp if one is missing, too much, or told otherwise than when it was acknowledged."""
    complaints, compared = Complaints(), 0
    by_person: dict[Person, dict[str, Payment]] = {person: {} for person in books.town.people}
    for payment in books.payments:
        for person in payment.parties:
            by_person[person][payment.id] = payment

    async def check(person: Person) -> None:
        nonlocal compared
        listed: dict[str, dict[str, Any]] = {}
        async for page in api.pages(person, "/v1/transfers"):
            for document in page:
                if document["id"] in listed:
                    complaints.add(f"{document['id']} is listed twice for {person.username}")
                listed[document["id"]] = document
        for transfer_id in by_person[person].keys() ^ listed.keys():
            state = "missing" if transfer_id in by_person[person] else "not acknowledged but listed"
            complaints.add(f"{transfer_id} is {state} among the transfers of {person.username}")
        for transfer_id in by_person[person].keys() & listed.keys():
            for wrong in wrong_fields(by_person[person][transfer_id], listed[transfer_id]):
                complaints.add(wrong)
        compared += len(listed)

    await stages.each("transfers are listed", books.town.people, check)
    complaints.fail("The lists of transfers are not what was acknowledged")
    return compared


async def friends(api: Api, stages: Stages, sample: list[Person]) -> None:
    """Raises DoesNotAddUp unless everybody in the sample has exactly the friends they made."""
    complaints = Complaints()

    async def check(person: Person) -> None:
        listed = [friend["id"] async for page in api.pages(person, "/v1/friends") for friend in page]
        if Counter(listed) != Counter(friend.id for friend in person.friends):
            complaints.add(f"{person.username} has {len(person.friends)} friends, the service lists {len(listed)}")

    await stages.each("friends are listed", sample, check)
    complaints.fail("The lists of friends are not the friendships that were made")


async def newest_public(api: Api, town: Town) -> str | None:
    """The story that is on top of the public feed now."""
    page = expect(await api.get(town.cafe, "/v1/feed", scope="public", limit=1), 200, "the public feed")["data"]
    return page[0]["id"] if page else None


async def open_feeds(api: Api, stages: Stages, sample: list[Person]) -> None:
    """Every other viewer opens their feeds before anything happens: theirs are kept up to date from then on, those of
    the rest are put together when they are first read."""

    async def look(which: tuple[Person, str]) -> None:
        viewer, scope = which
        expect(await api.get(viewer, "/v1/feed", scope=scope), 200, f"the {scope} feed of {viewer.username}")

    await stages.each("feeds are opened", [(one, scope) for one in sample[::2] for scope in feeds.SCOPES], look)


async def all_feeds(
    api: Api, stages: Stages, books: Books, sample: list[Person], *, newest_before: str | None
) -> FeedReport:
    """Every feed of the sample, read to its end until it holds exactly what it must, or patience ends. Only what is
    missing may still be on its way. ``newest_before``: where the public feed of this run ends. Raises DoesNotAddUp."""
    report = FeedReport(viewers=len(sample))
    began = time.perf_counter()

    async def check(which: tuple[Person, str]) -> None:
        viewer, scope = which
        first_look, looks = time.perf_counter(), 0
        while True:
            stories = await _read(api, books, viewer, scope, newest_before=newest_before)
            found = feeds.compare(stories, books, viewer, scope)
            looks += 1
            if not found or found.leaked or found.extra or time.perf_counter() - first_look > PATIENCE_SECONDS:
                break
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        if looks > 1:
            report.late += 1
            report.longest_wait_seconds = max(report.longest_wait_seconds, time.perf_counter() - began)
        _count(report, len(stories), found)

    await stages.each("feeds are read", [(viewer, scope) for viewer in sample for scope in feeds.SCOPES], check)
    if report.differences:
        counts = f"{report.missing} missing, {report.extra} too much, {report.leaked} leaked"
        raise DoesNotAddUp(f"Feeds do not show what they must ({counts})", report.differences)
    return report


async def peeks(api: Api, stages: Stages, books: Books, sample: list[Person], report: FeedReport) -> None:
    """Strangers and friends who know the id of a private story, or of somebody's transfer, get nothing: 404.
    Raises DoesNotAddUp. Counts into ``report.peeks_refused``."""
    complaints = Complaints()

    async def check(viewer: Person) -> None:
        payment = next((one for one in books.stories if viewer in one.parties and one.audience == "private"), None)
        if payment is None:
            return
        story_id = await _story_id(api, payment)
        for peeker in _peekers(books.town, payment):
            for path in (f"/v1/stories/{story_id}", f"/v1/transfers/{payment.id}"):
                answer = await api.get(peeker, path)
                if answer.status_code == 404:
                    report.peeks_refused += 1
                else:
                    complaints.add(f"{peeker.username} got {answer.status_code} for {path}: {answer.text[:200]}")

    await stages.each("strangers try to peek", sample, check)
    complaints.fail("What is private was shown to somebody who asked for it by its id")


async def _read(
    api: Api, books: Books, viewer: Person, scope: str, *, newest_before: str | None
) -> list[dict[str, Any]]:
    """All stories of a feed; of the public one those since ``newest_before``."""
    stories: list[dict[str, Any]] = []
    most = len(books.payments) + STRANGERS_STORIES_MOST
    async for page in api.pages(viewer, "/v1/feed", scope=scope):
        for story in page:
            if scope == "public" and story["id"] == newest_before:
                return stories
            stories.append(story)
        if len(stories) > most:
            raise DoesNotAddUp(f"The {scope} feed of {viewer.username} does not end: {len(stories)} stories so far.")
    return stories


def _count(report: FeedReport, stories: int, found: feeds.Differences) -> None:
    report.feeds += 1
    report.stories += stories
    report.missing += len(found.missing)
    report.extra += len(found.extra)
    report.leaked += len(found.leaked)
    report.differences += [*found.leaked, *found.missing, *found.extra]


async def _story_id(api: Api, payment: Payment) -> str:
    """The id of a payment's story, as its payer finds it."""
    wanted = feeds.seen(payment, payment.sender)
    async for page in api.pages(payment.sender, "/v1/feed", scope="mine"):
        for story in page:
            if feeds.read_story(story) == wanted:
                return str(story["id"])
    raise DoesNotAddUp(f"{payment.id} has no story in its payer's own feed.")


def _peekers(town: Town, payment: Payment) -> list[Person]:
    """A friend of a party, and somebody who knows neither."""
    circle = {friend for party in payment.parties for friend in party.friends} - set(payment.parties)
    strangers = [person for person in town.people if person not in circle and person not in payment.parties]
    return [*sorted(circle, key=lambda person: person.number)[:1], *strangers[:1]]
