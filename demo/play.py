"""The payments are made as planned, retries and blunders included, and each answer is judged as it comes."""

import asyncio

import httpx2
import orjson

from demo import feeds
from demo.api import Api, code_of
from demo.books import Books, Payment
from demo.outcome import Complaints
from demo.people import Person
from demo.plan import LOOKS_EVERY, REFUSED, Manner, Planned

PAGES_LOOKED_AT = 3
REPLAYED = "idempotent-replayed"


class Play:
    """``replays``: repeated requests whose answers were compared. ``own_seen``: payments found in the payer's feed
    right after paying. ``glances``: feeds of others read meanwhile, and found without a leak."""

    def __init__(self, api: Api, books: Books, complaints: Complaints) -> None:
        self._api = api
        self._books = books
        self._complaints = complaints
        self.replays = 0
        self.own_seen = 0
        self.glances = 0

    async def carry_out(self, planned: Planned) -> None:
        """Send one payment in its manner. What is wrong becomes a complaint."""
        if planned.manner in REFUSED and planned.manner is not Manner.TOO_MUCH:
            await self._refused(planned, *REFUSED[planned.manner])
        else:
            await self._paid(planned)
        if planned.number % LOOKS_EVERY == LOOKS_EVERY // 2:
            await self._glance(planned.recipient, scope=feeds.SCOPES[planned.number // LOOKS_EVERY % 3])

    async def _refused(self, planned: Planned, status: int, code: str) -> None:
        key = None if planned.manner is Manner.NO_KEY else self._key(planned)
        answer = await self._api.pay(planned.sender, orjson.dumps(planned.body()), key=key)
        self._must_refuse(planned, answer, status, code)

    async def _paid(self, planned: Planned) -> None:
        body = orjson.dumps(planned.body())
        received = self._books.begin(planned)
        copies = 3 if planned.manner is Manner.AT_ONCE else 1
        answers = await asyncio.gather(*(self._send(planned, body) for _ in range(copies)))
        payment = self._settle(planned, answers[0], received=received)
        if planned.manner is Manner.AT_ONCE:
            self._must_be_one(planned, answers)
        if planned.manner is Manner.RESENT:
            self._must_replay(planned, answers[0], await self._send(planned, body))
        if planned.manner is Manner.OTHER_BODY:
            other = orjson.dumps(planned.body() | {"amount": planned.amount + 1})
            self._must_refuse(planned, await self._send(planned, other), 422, "idempotency_key_reused")
        if planned.looks and payment is not None:
            await self._must_see(payment, scope=("friends", "mine")[planned.number // LOOKS_EVERY % 2])

    async def _send(self, planned: Planned, body: bytes) -> httpx2.Response:
        return await self._api.pay(planned.sender, body, key=self._key(planned))

    def _settle(self, planned: Planned, answer: httpx2.Response, *, received: int) -> Payment | None:
        """Enter the answer into the books; the payment, if it is one."""
        if answer.status_code == 201 and planned.manner is not Manner.TOO_MUCH:
            self._complain_of(self._books.acknowledge(planned, orjson.loads(answer.content)))
            return self._books.payments[-1]
        could_pay = self._books.refuse(planned, received=received)
        if planned.manner is not Manner.TOO_MUCH and answer.status_code != 402:
            self._complain(planned, f"was neither paid nor refused: {answer.status_code} {answer.text[:200]}")
            return None
        self._must_refuse(planned, answer, *REFUSED[Manner.TOO_MUCH])
        if could_pay:
            self._complain(planned, "was refused though the sender surely had the money")
        return None

    def _must_refuse(self, planned: Planned, answer: httpx2.Response, status: int, code: str) -> None:
        if (answer.status_code, code_of(answer)) == (status, code):
            self._books.refused[code] += 1
        else:
            self._complain(planned, f"must be {status} {code}, was {answer.status_code} {answer.text[:200]}")

    def _must_replay(self, planned: Planned, first: httpx2.Response, again: httpx2.Response) -> None:
        self.replays += 1
        if (again.status_code, again.content) != (first.status_code, first.content):
            self._complain(planned, f"was answered {first.text[:200]} and, sent again, {again.text[:200]}")
        elif again.headers.get(REPLAYED) != "true":
            self._complain(planned, "was sent again and answered the same, without Idempotent-Replayed")

    def _must_be_one(self, planned: Planned, answers: list[httpx2.Response]) -> None:
        """Of copies sent at once at most one is the payment (none if its answer was lost), the others are replays."""
        self.replays += len(answers) - 1
        if len({(answer.status_code, answer.content) for answer in answers}) > 1:
            told = "; ".join(f"{answer.status_code} {answer.text[:120]}" for answer in answers)
            self._complain(planned, f"was sent {len(answers)} times at once and answered differently: {told}")
        elif sum(answer.headers.get(REPLAYED) != "true" for answer in answers) > 1:
            self._complain(planned, "was sent several times at once and more than one answer is no replay")

    async def _must_see(self, payment: Payment, *, scope: str) -> None:
        """The payer finds their own payment in this feed at once."""
        wanted, looked_at = feeds.seen(payment, payment.sender), 0
        async for page in self._api.pages(payment.sender, "/v1/feed", scope=scope):
            self._complain_of([leak for story in page for leak in feeds.leaks(story, payment.sender)])
            self._complain_of(feeds.out_of_order(page, f"{scope} feed of {payment.sender.username}"))
            if wanted in map(feeds.read_story, page):
                self.own_seen += 1
                return
            looked_at += 1
            if looked_at == PAGES_LOOKED_AT:
                break
        self._complaints.add(f"{payment.id}: not in its payer's {scope} feed right after it was acknowledged")

    async def _glance(self, viewer: Person, *, scope: str) -> None:
        """Somebody opens a feed while everybody pays: it may lag, but not leak."""
        async for page in self._api.pages(viewer, "/v1/feed", scope=scope):
            wrong = [leak for story in page for leak in feeds.leaks(story, viewer)]
            wrong += feeds.out_of_order(page, f"{scope} feed of {viewer.username}")
            self._complain_of(wrong)
            self.glances += not wrong
            break

    def _complain_of(self, differences: list[str]) -> None:
        for difference in differences:
            self._complaints.add(difference)

    def _complain(self, planned: Planned, what: str) -> None:
        self._complaints.add(f"payment {planned.number} ({planned.manner}, key {self._key(planned)}) {what}")

    def _key(self, planned: Planned) -> str:
        return f"demo-{self._books.town.run}-pay-{planned.number}"
