"""People authorise others: money is held, captured in parts, never above, and what is left goes back."""

from typing import Any

import httpx2

from demo.api import Api
from demo.books import Books, Payment, audience_of
from demo.judge import Judge
from demo.plan import Planned


class Holds:
    def __init__(self, api: Api, books: Books, judge: Judge) -> None:
        self._api = api
        self._books = books
        self._judge = judge

    async def carry_out(self, planned: Planned) -> None:
        """The sender authorises the recipient, who captures a part; then the rest, or some of it, or gives it back."""
        body = {
            "payee": {"user_id": planned.recipient.id},
            "amount": planned.amount,
            "note": planned.note,
            "audience": planned.audience or "private",
        }
        key = f"demo-{self._books.town.run}-hold-{planned.number}"
        attempt = self._books.begin(planned.sender, planned.amount)
        answer = await self._api.post(planned.sender, "/v1/holds", body, key=key)
        hold = self._judge.paid(planned, answer, attempt)
        self._judge.replayed(planned, answer, await self._api.post(planned.sender, "/v1/holds", body, key=key))
        if hold is None:
            return
        self._books.hold(planned.sender, planned.amount)
        self._books.note_hold(hold, planned.sender, planned.recipient)
        part = planned.amount // 2
        if not await self._capture(planned, hold, {"amount": part}, part):
            return
        left = planned.amount - part
        above = await self._post(planned, hold, "capture", {"amount": left + 1})
        self._judge.refused(planned, above, 402, "hold_exceeded")
        how = planned.number % 4
        if how == 0:
            await self._capture(planned, hold, {}, left)
        elif how == 1:
            await self._capture(planned, hold, {"amount": 1, "final": True}, 1, given_back=left - 1)
        elif how == 2:
            await self._void(planned, hold, left)
        if how != 3:  # it has ended
            late = {"amount": 2, "note": "late"}
            self._judge.refused(planned, await self._post(planned, hold, "capture", late), 409, "hold_ended")

    async def _capture(
        self, planned: Planned, hold: dict[str, Any], body: dict[str, Any], amount: int, *, given_back: int = 0
    ) -> bool:
        answer = await self._post(planned, hold, "capture", body)
        captured = self._judge.done(planned, answer, 201)
        self._judge.replayed(planned, answer, await self._post(planned, hold, "capture", body))
        if captured is None:
            return False
        transfer = captured["transfer"]
        payment = Payment(
            transfer["id"],
            planned.sender,
            planned.recipient,
            amount,
            planned.note,
            audience_of(planned.sender, planned.recipient, planned.audience or "private"),
            transfer["created_at"],
            hold_id=hold["id"],
        )
        self._judge.complain_of(self._books.capture(payment, transfer))
        self._books.release(planned.sender, given_back)
        self._books.note_hold(captured["hold"])
        return True

    async def _void(self, planned: Planned, hold: dict[str, Any], left: int) -> None:
        """Twice is as once."""
        for turn in range(2):
            ended = self._judge.done(planned, await self._post(planned, hold, "void", {}))
            if ended is not None and not turn:
                self._books.release(planned.sender, left)
                self._books.note_hold(ended)

    async def _post(self, planned: Planned, hold: dict[str, Any], step: str, body: dict[str, Any]) -> httpx2.Response:
        which = "-".join(map(str, body.values())) or "rest"
        key = f"demo-{self._books.town.run}-{step}-{which}-{planned.number}"
        return await self._api.post(planned.recipient, f"/v1/holds/{hold['id']}/{step}", body, key=key)
