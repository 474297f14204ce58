"""The payments are made as planned, retries and blunders included, and each answer is judged as it comes."""

import asyncio
from typing import Any

import httpx2
import orjson

from demo import feeds
from demo.api import Api, code_of
from demo.books import Books, Payment, audience_of, seller_fee
from demo.holds import Holds
from demo.judge import Judge
from demo.outcome import Complaints
from demo.people import Person
from demo.plan import CONFIRM_ABOVE, LOOKS_EVERY, REFUSED, Manner, Planned
from demo.requests import REQUESTED, Requests

PAGES_LOOKED_AT = 3


class Play:
    """``own_seen``: payments found in the payer's feed right after paying. ``glances``: feeds of others read
    meanwhile, and found without a leak."""

    def __init__(self, api: Api, books: Books, complaints: Complaints) -> None:
        self._api = api
        self._books = books
        self._complaints = complaints
        self.judge = Judge(books, complaints)
        self._requests = Requests(api, books, self.judge)
        self._holds = Holds(api, books, self.judge)
        self.own_seen = 0
        self.glances = 0

    async def carry_out(self, planned: Planned) -> None:
        """Send one payment in its manner. What is wrong becomes a complaint."""
        if planned.manner in REQUESTED:
            await self._requests.carry_out(planned)
        elif planned.manner is Manner.AUTHORISED:
            await self._holds.carry_out(planned)
        elif planned.manner in REFUSED:
            await self._refused(planned, *REFUSED[planned.manner])
        elif planned.manner is Manner.STRANGER:
            await self._pay_stranger(planned)
        else:
            await self._paid(planned)
        if planned.number % LOOKS_EVERY == LOOKS_EVERY // 2:
            await self._glance(planned.recipient, scope=feeds.SCOPES[planned.number // LOOKS_EVERY % 3])

    async def _refused(self, planned: Planned, status: int, code: str) -> None:
        key = None if planned.manner is Manner.NO_KEY else self._key(planned)
        answer = await self._api.pay(planned.sender, orjson.dumps(planned.body()), key=key)
        self.judge.refused(planned, answer, status, code)

    async def _paid(self, planned: Planned) -> None:
        body = orjson.dumps(planned.body())
        attempt = self._books.begin(planned.sender, planned.amount)
        copies = 3 if planned.manner is Manner.AT_ONCE else 1
        answers = await asyncio.gather(*(self._send(planned, body) for _ in range(copies)))
        document = self.judge.paid(planned, answers[0], attempt)
        payment = self._enter(planned, document) if document else None
        if planned.manner is Manner.AT_ONCE:
            self.judge.one(planned, answers)
        if planned.manner is Manner.RESENT:
            self.judge.replayed(planned, answers[0], await self._send(planned, body))
        if planned.manner is Manner.OTHER_BODY:
            other = orjson.dumps(planned.body() | {"amount": planned.amount + 1})
            self.judge.refused(planned, await self._send(planned, other), 422, "idempotency_key_reused")
        if payment is not None:
            await self._then(planned, payment)

    async def _then(self, planned: Planned, payment: Payment) -> None:
        """What follows a payment."""
        if planned.manner is Manner.DUPLICATE:
            await self._pay_twice(planned)
        if planned.manner is Manner.REFUNDED:
            await self._give_back(planned, payment)
        if planned.manner is Manner.LATER and planned.number % 2:
            await self._cancel(planned, payment)
        if planned.looks and payment.is_told:
            await self._must_see(payment, scope=("friends", "mine")[planned.number // LOOKS_EVERY % 2])

    async def _pay_twice(self, planned: Planned) -> None:
        """The same under a new key looks like a slip; it is paid when it is said to be meant."""
        again = await self._api.pay(planned.sender, orjson.dumps(planned.body()), key=self._key(planned, "again"))
        if again.status_code == 402:  # a sender who has no money left is told that first
            self._books.refused[code_of(again)] += 1
        else:
            self.judge.refused(planned, again, 409, "possible_duplicate")
        attempt = self._books.begin(planned.sender, planned.amount)
        meant = orjson.dumps(planned.body() | {"allow_duplicate": True})
        answer = await self._api.pay(planned.sender, meant, key=self._key(planned, "again"))
        if again.status_code == 402:  # that answer binds the key, and this is another body
            self._books.refuse(attempt)
            self.judge.refused(planned, answer, 422, "idempotency_key_reused")
        elif document := self.judge.paid(planned, answer, attempt):
            self._enter(planned, document)

    async def _pay_stranger(self, planned: Planned) -> None:
        """Refused until the payee's own code is sent along; that refusal binds no key."""
        attempt = self._books.begin(planned.sender, planned.amount)
        answer = await self._send(planned, orjson.dumps(planned.body()))
        if answer.status_code == 403:
            self.judge.refused(planned, answer, 403, "payee_confirmation_needed")
            code = self.judge.done(planned, await self._api.get(planned.recipient, "/v1/me/pay-code"))
            if code is None:
                return
            confirmed = planned.body() | {"confirmation": {"pay_code": code["pay_code"]}}
            answer = await self._send(planned, orjson.dumps(confirmed))
        elif answer.status_code == 201 and planned.amount > CONFIRM_ABOVE and not self._knows(planned):
            self.judge.complain(planned, "was paid to a stranger who was not confirmed")
        if document := self.judge.paid(planned, answer, attempt):
            self._enter(planned, document)

    def _knows(self, planned: Planned) -> bool:
        """Whether the sender has confirmed this payee before."""
        return any(
            one.sender is planned.sender and one.recipient is planned.recipient and one.amount > CONFIRM_ABOVE
            for one in self._books.payments
        )

    async def _give_back(self, planned: Planned, payment: Payment) -> None:
        """A part, more than is left, the rest, and the rest once more."""
        part = payment.amount // 3
        if await self._refund(planned, payment, part, "part"):
            above = {"amount": payment.amount - part + 1}
            self.judge.refused(planned, await self._send_back(payment, above, "above"), 409, "refund_exceeds_transfer")
        if planned.number % 2 and await self._refund(planned, payment, None, "rest"):
            self.judge.refused(planned, await self._send_back(payment, {}, "more"), 409, "refund_exceeds_transfer")

    async def _refund(self, planned: Planned, payment: Payment, amount: int | None, which: str) -> bool:
        giver = payment.recipient
        assert giver is not None
        cents = payment.amount - payment.refunded if amount is None else amount
        attempt = self._books.begin(giver, cents, counts=False)
        body = {} if amount is None else {"amount": amount}
        answer = await self._send_back(payment, body, which)
        document = self.judge.paid(planned, answer, attempt)
        if document is None:
            return False
        refund = Payment(
            document["id"],
            giver,
            payment.sender,
            cents,
            payment.note,
            "private",
            document["created_at"],
            refund_of=payment.id,
        )
        self.judge.complain_of(self._books.give_back(payment, refund, document))
        self.judge.replayed(planned, answer, await self._send_back(payment, body, which))
        return True

    async def _send_back(self, payment: Payment, body: dict[str, Any], which: str) -> httpx2.Response:
        assert payment.recipient is not None
        key = f"demo-{self._books.town.run}-{which}-{payment.id}"
        return await self._api.post(payment.recipient, f"/v1/transfers/{payment.id}/refund", body, key=key)

    async def _cancel(self, planned: Planned, payment: Payment) -> None:
        """Nobody has signed up under the name yet: twice is as once."""
        for turn in range(2):
            answer = await self._api.post(payment.sender, f"/v1/transfers/{payment.id}/cancel", {}, key=payment.id)
            document = self.judge.done(planned, answer)
            if document and not turn:
                self._books.cancel(payment)

    async def _send(self, planned: Planned, body: bytes) -> httpx2.Response:
        return await self._api.pay(planned.sender, body, key=self._key(planned))

    def _enter(self, planned: Planned, document: dict[str, Any]) -> Payment:
        """An acknowledged payment, in the books."""
        is_later, is_sale = planned.manner is Manner.LATER, planned.manner is Manner.SALE
        recipient = None if is_later else planned.recipient
        payment = Payment(
            document["id"],
            planned.sender,
            recipient,
            planned.amount,
            planned.note,
            audience_of(planned.sender, recipient, planned.audience),
            document["created_at"],
            seller_fee=seller_fee(planned.amount) if is_sale else 0,
            goods_and_services=is_sale,
            status="pending" if is_later else "settled",
        )
        self.judge.complain_of(self._books.acknowledge(payment, document))
        return payment

    async def _must_see(self, payment: Payment, *, scope: str) -> None:
        """The payer finds their own payment in this feed at once."""
        wanted, looked_at = feeds.seen(payment, payment.sender), 0
        async for page in self._api.pages(payment.sender, "/v1/feed", scope=scope):
            self.judge.complain_of([leak for story in page for leak in feeds.leaks(story, payment.sender)])
            self.judge.complain_of(feeds.out_of_order(page, f"{scope} feed of {payment.sender.username}"))
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
            self.judge.complain_of(wrong)
            self.glances += not wrong
            break

    def _key(self, planned: Planned, which: str = "pay") -> str:
        return f"demo-{self._books.town.run}-{which}-{planned.number}"
