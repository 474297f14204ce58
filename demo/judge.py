"""Each answer is judged as it comes: paid, refused as it must be, or replayed to the byte."""

from typing import Any

import httpx2
import orjson

from demo.api import code_of
from demo.books import Attempt, Books
from demo.outcome import Complaints

REPLAYED = "idempotent-replayed"


class Judge:
    """``replays``: repeated requests whose answers were compared."""

    def __init__(self, books: Books, complaints: Complaints) -> None:
        self._books = books
        self._complaints = complaints
        self.replays = 0

    def paid(
        self, what: object, answer: httpx2.Response, attempt: Attempt, *, status: int = 201
    ) -> dict[str, Any] | None:
        """The document of what was paid; None when it was refused, and surely not without reason."""
        if answer.status_code == status:
            document: dict[str, Any] = orjson.loads(answer.content)
            return document
        affordable, allowed = self._books.refuse(attempt)
        said = (answer.status_code, code_of(answer))
        if said == (402, "insufficient_funds"):
            self._books.refused[said[1]] += 1
            if affordable:
                self.complain(what, "was refused though the sender surely had the money")
        elif said == (402, "limit_exceeded"):
            self._books.refused[said[1]] += 1
            if allowed:
                self.complain(what, "was refused though the sender's limit surely left room for it")
        else:
            self.complain(what, f"was neither paid nor refused: {answer.status_code} {answer.text[:200]}")
        return None

    def done(self, what: object, answer: httpx2.Response, status: int = 200) -> dict[str, Any] | None:
        """The document of a step that had to succeed."""
        if answer.status_code == status:
            document: dict[str, Any] = orjson.loads(answer.content)
            return document
        self.complain(what, f"must be {status}, was {answer.status_code} {answer.text[:200]}")
        return None

    def refused(self, what: object, answer: httpx2.Response, status: int, code: str) -> None:
        if (answer.status_code, code_of(answer)) == (status, code):
            self._books.refused[code] += 1
        else:
            self.complain(what, f"must be {status} {code}, was {answer.status_code} {answer.text[:200]}")

    def replayed(self, what: object, first: httpx2.Response, again: httpx2.Response) -> None:
        self.replays += 1
        if (again.status_code, again.content) != (first.status_code, first.content):
            self.complain(what, f"was answered {first.text[:200]} and, sent again, {again.text[:200]}")
        elif again.headers.get(REPLAYED) != "true":
            self.complain(what, "was sent again and answered the same, without Idempotent-Replayed")

    def one(self, what: object, answers: list[httpx2.Response]) -> None:
        """Of copies sent at once at most one is the payment (none if its answer was lost), the others are replays."""
        self.replays += len(answers) - 1
        if len({(answer.status_code, answer.content) for answer in answers}) > 1:
            told = "; ".join(f"{answer.status_code} {answer.text[:120]}" for answer in answers)
            self.complain(what, f"was sent {len(answers)} times at once and answered differently: {told}")
        elif sum(answer.headers.get(REPLAYED) != "true" for answer in answers) > 1:
            self.complain(what, "was sent several times at once and more than one answer is no replay")

    def complain_of(self, differences: list[str]) -> None:
        for difference in differences:
            self._complaints.add(difference)

    def complain(self, what: object, how: str) -> None:
        self._complaints.add(f"{what} {how}")
