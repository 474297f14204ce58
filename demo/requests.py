"""People ask for money: requests are accepted, declined, withdrawn, all of it at once, and bills are split."""

import asyncio
from typing import Any, Final

import httpx2
import orjson

from demo.api import Api
from demo.books import Books, Payment, audience_of
from demo.judge import Judge
from demo.people import Person
from demo.plan import Manner, Planned

REQUESTED: Final = {Manner.ASKED, Manner.DECLINED, Manner.WITHDRAWN, Manner.RACED, Manner.SPLIT}
ENDED = (409, "request_not_pending")


class Requests:
    def __init__(self, api: Api, books: Books, judge: Judge) -> None:
        self._api = api
        self._books = books
        self._judge = judge

    async def carry_out(self, planned: Planned) -> None:
        """The recipient asks the sender, and whoever shares the bill, for the money."""
        if planned.manner is Manner.SPLIT:
            await self._split(planned)
            return
        body = {"payer": {"user_id": planned.sender.id}, "amount": planned.amount, "note": planned.note}
        key = f"demo-{self._books.town.run}-ask-{planned.number}"
        answer = await self._api.post(planned.recipient, "/v1/requests", body, key=key)
        request = self._judge.done(planned, answer, 201)
        if request is None:
            return
        self._judge.replayed(planned, answer, await self._api.post(planned.recipient, "/v1/requests", body, key=key))
        self._books.note_request(request, planned.sender, planned.recipient)
        if planned.manner is Manner.ASKED:
            await self._accept(planned, request, planned.sender)
        elif planned.manner is Manner.RACED:
            await self._race(planned, request)
        else:
            await self._end(planned, request)

    async def _accept(self, planned: Planned, request: dict[str, Any], payer: Person) -> None:
        attempt = self._books.begin(payer, request["amount"])
        answer = await self._send(payer, request, "accept")
        accepted = self._judge.paid(planned, answer, attempt, status=200)
        self._judge.replayed(planned, answer, await self._send(payer, request, "accept"))
        if accepted is not None:
            self._enter(planned, accepted, payer)
            self._judge.refused(planned, await self._send(payer, request, "decline"), *ENDED)

    async def _race(self, planned: Planned, request: dict[str, Any]) -> None:
        """Both sides end it at once, in three ways: one of them wins."""
        payer, requester = planned.sender, planned.recipient
        attempt = self._books.begin(payer, planned.amount)
        accepted, declined, withdrawn = await asyncio.gather(
            self._send(payer, request, "accept"),
            self._send(payer, request, "decline"),
            self._send(requester, request, "cancel"),
        )
        winners = [one for one in (accepted, declined, withdrawn) if one.status_code == 200]
        if len(winners) != 1:
            self._judge.complain(planned, f"was ended {len(winners)} times at once")
        for loser in (declined, withdrawn):
            if loser.status_code != 200:
                self._judge.refused(planned, loser, *ENDED)
        if accepted.status_code == 409:
            self._books.refuse(attempt)
            self._judge.refused(planned, accepted, *ENDED)
        elif document := self._judge.paid(planned, accepted, attempt, status=200):
            self._enter(planned, document, payer)
        if winners and winners[0] is not accepted:
            self._books.note_request(orjson.loads(winners[0].content))

    async def _end(self, planned: Planned, request: dict[str, Any]) -> None:
        """Declined, or withdrawn; twice is as once, and then it cannot be accepted."""
        payer, requester = planned.sender, planned.recipient
        who, step = (payer, "decline") if planned.manner is Manner.DECLINED else (requester, "cancel")
        for _ in range(2):
            ended = self._judge.done(planned, await self._send(who, request, step))
            if ended is None:
                return
            if (ended["status"], ended["ended_by"]) != ("cancelled", who.id):
                self._judge.complain(planned, f"was ended by {who.username} and is told as {ended}")
            self._books.note_request(ended)
        self._judge.refused(planned, await self._send(payer, request, "accept"), *ENDED)

    async def _split(self, planned: Planned) -> None:
        """Everybody's part to the cent, and each pays theirs."""
        people = [planned.sender, *planned.others]
        body = {
            "total": planned.amount,
            "note": planned.note,
            "method": "equal",
            "participants": [{"user_id": person.id} for person in people],
        }
        key = f"demo-{self._books.town.run}-split-{planned.number}"
        split = self._judge.done(planned, await self._api.post(planned.recipient, "/v1/splits", body, key=key), 201)
        if split is None:
            return
        parts = [request["amount"] for request in split["requests"]]
        if sum(parts) + split["own_share"] != planned.amount or len(parts) != len(people):
            self._judge.complain(planned, f"was split into {parts} and {split['own_share']}")
        if max(parts) - min([*parts, split["own_share"]]) > 1:
            self._judge.complain(planned, f"was not split equally: {parts} and {split['own_share']}")
        for request, payer in zip(split["requests"], people, strict=True):
            self._books.note_request(request, payer, planned.recipient)
            await self._accept(planned, request, payer)

    def _enter(self, planned: Planned, accepted: dict[str, Any], payer: Person) -> None:
        """An accepted request and its payment, in the books."""
        transfer = accepted["transfer"]
        self._books.note_request(accepted)
        if (accepted["status"], accepted["transfer_id"]) != ("settled", transfer["id"]):
            self._judge.complain(planned, f"was accepted and is told as {accepted}")
        payment = Payment(
            transfer["id"],
            payer,
            planned.recipient,
            accepted["amount"],
            planned.note,
            audience_of(payer, planned.recipient),
            transfer["created_at"],
            request_id=accepted["id"],
        )
        self._judge.complain_of(self._books.acknowledge(payment, transfer))

    async def _send(self, person: Person, request: dict[str, Any], step: str) -> httpx2.Response:
        key = f"{step}-{request['id']}"
        return await self._api.post(person, f"/v1/requests/{request['id']}/{step}", {}, key=key)
