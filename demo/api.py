"""The service as a careful client meets it: keep-alive, patience with what is temporary, nothing sent twice unkeyed."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson

from demo.outcome import DoesNotAddUp, NoAnswer
from demo.people import Person

PATIENCE_SECONDS = 20.0
IN_FLIGHT_SECONDS = 100.0
"""A top-up that lost its process half-way is finished by a job, which comes round within about a minute."""
IN_FLIGHT = "operation_in_flight"
WAIT_MOST_SECONDS = 2.0
TIMEOUT_SECONDS = 30.0
PAGE = 100


class Api:
    """``latencies``: seconds from sending to the final answer, of every POST /v1/transfers. ``resent``: requests
    sent again because the service was busy or the connection broke, by reason."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._refreshing = asyncio.Lock()
        self.latencies: list[float] = []
        self.requests = 0
        self.resent: Counter[str] = Counter()

    async def get(self, person: Person | None, path: str, **params: str | int) -> httpx2.Response:
        return await self._send(person, "GET", path, params=params)

    async def put(self, person: Person, path: str) -> httpx2.Response:
        return await self._send(person, "PUT", path)

    async def patch(self, person: Person, path: str, body: Mapping[str, Any]) -> httpx2.Response:
        return await self._send(person, "PATCH", path, content=orjson.dumps(body))

    async def post(
        self, person: Person | None, path: str, body: Mapping[str, Any], *, key: str | None = None
    ) -> httpx2.Response:
        return await self._send(person, "POST", path, content=orjson.dumps(body), key=key)

    async def pay(self, person: Person, body: bytes, *, key: str | None) -> httpx2.Response:
        """POST /v1/transfers with exactly these bytes."""
        began = time.perf_counter()
        answer = await self._send(person, "POST", "/v1/transfers", content=body, key=key)
        self.latencies.append(time.perf_counter() - began)
        return answer

    async def pages(self, person: Person, path: str, **params: str | int) -> AsyncIterator[list[dict[str, Any]]]:
        """Each page of a list, until the last. Raises DoesNotAddUp when a page is not one."""
        cursor: dict[str, str] = {}
        while True:
            answer = await self.get(person, path, limit=PAGE, **params, **cursor)
            page = expect(answer, 200, f"GET {path} for {person.username}")
            yield page["data"]
            if page["has_more"] != (page["next_cursor"] is not None):
                raise DoesNotAddUp(f"{path}: has_more is {page['has_more']}, next_cursor {page['next_cursor']!r}.")
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    async def _send(
        self,
        person: Person | None,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        key: str | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> httpx2.Response:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        repeatable = method in ("GET", "PUT", "PATCH") or key is not None
        began, problem = time.perf_counter(), ""
        for attempt in itertools.count():
            if time.perf_counter() - began > (IN_FLIGHT_SECONDS if IN_FLIGHT in problem else PATIENCE_SECONDS):
                break
            token = person.access_token if person else ""
            if token:
                headers["Authorization"] = f"Bearer {token}"
            self.requests += 1
            if attempt:
                self.resent[problem] += 1
            try:
                answer = await self._client.request(method, path, content=content, headers=headers, params=params)
            except httpx2.TransportError as error:
                problem = f"{type(error).__name__} {error}".strip()
                if not repeatable:
                    break
                await asyncio.sleep(min(0.05 * 2 ** min(attempt, 10), WAIT_MOST_SECONDS))
                continue
            if answer.status_code == 401 and person is not None and token:
                problem = "401 the access token ran out"
                await self._refresh(person, stale=token)
            elif not _is_temporary(answer):
                return answer
            else:
                problem = f"{answer.status_code} {code_of(answer)}"
                await asyncio.sleep(_wait_seconds(answer))
        raise NoAnswer(f"{method} {path}: no final answer; the last: {problem}.")

    async def _refresh(self, person: Person, *, stale: str) -> None:
        async with self._refreshing:
            if person.access_token == stale:
                answer = await self.post(None, "/v1/auth/refresh", {"refresh_token": person.refresh_token})
                remember_tokens(person, expect(answer, 200, f"a new access token for {person.username}"))


@asynccontextmanager
async def connect(base_url: str, *, at_once: int) -> AsyncIterator[Api]:
    """Raises NoAnswer unless the service says that it is ready."""
    limits = httpx2.Limits(max_connections=at_once + 3, max_keepalive_connections=at_once + 3)
    async with httpx2.AsyncClient(base_url=base_url, limits=limits, timeout=TIMEOUT_SECONDS) as client:
        try:
            answer = await client.get("/readyz")
        except httpx2.TransportError as error:
            raise NoAnswer(
                f"Nothing answers at {base_url} ({type(error).__name__}). Start it with `make run`."
            ) from None
        if answer.status_code != 200:
            raise NoAnswer(f"{base_url} is not ready: {answer.status_code} {answer.text[:200]}")
        yield Api(client)


def remember_tokens(person: Person, tokens: Mapping[str, Any]) -> None:
    person.access_token = tokens["access_token"]
    person.refresh_token = tokens["refresh_token"]


def expect(answer: httpx2.Response, status: int, what: str) -> dict[str, Any]:
    """The document of an answer with this status. Raises DoesNotAddUp for any other."""
    if answer.status_code != status:
        raise DoesNotAddUp(
            f"{what}: expected {status}, got {answer.status_code} {code_of(answer)}.", [answer.text[:300]]
        )
    document: dict[str, Any] = orjson.loads(answer.content)
    return document


def code_of(answer: httpx2.Response) -> str:
    """The ``code`` of a problem document; empty for anything else."""
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return ""
    return str(orjson.loads(answer.content).get("code", ""))


def _is_temporary(answer: httpx2.Response) -> bool:
    if answer.status_code == 409:
        return code_of(answer) == IN_FLIGHT
    return answer.status_code in (429, 502, 503, 504)


def _wait_seconds(answer: httpx2.Response) -> float:
    told = answer.headers.get("retry-after", "")
    return min(float(told), WAIT_MOST_SECONDS) if told.isdigit() else 0.2
