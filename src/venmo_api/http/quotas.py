"""Quotas: how many requests of a class a person, or a network when nobody is signed in, may make in a while (GCRA)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from fastapi import Request

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.redis import RedisAway
from venmo_api.core.errors import AppError, Kind
from venmo_api.core.figures import DAY, Figures
from venmo_api.core.origin import network

MARK: Final = "x-quota"
SECOND: Final = 1_000_000
HOUR: Final = 3600
KEPT_MOST: Final = 50_000
# In microseconds of the server. Kept is when everything used so far will have been given back; what lies further ahead
# than the window can hold was written before the clock was set back.
TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local price, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local back = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now), now + room)
local wait = math.max(back + price - now - room, 0)
if wait == 0 then back = back + price end
if back > now then redis.call('SET', KEYS[1], string.format('%.0f', back), 'PX', math.ceil((back - now) / 1000)) end
return {back - now, wait}
"""


class RateLimited(AppError):
    kind = Kind.LIMITED
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, wait_microseconds: int) -> None:
        detail = "You have asked more often than your quota allows; `RateLimit-Policy` tells it. Go on more slowly."
        super().__init__(detail, retry_after_seconds=max(1, -(-wait_microseconds // SECOND)))


@dataclass(frozen=True)
class Quota:
    """``most`` requests in ``seconds``, given back one by one. ``shared`` is counted in Redis, for all processes
    together, and while Redis is away here; any other only here, so that N processes let N times as many through."""

    name: str
    most: int
    seconds: int
    shared: bool

    @cached_property
    def price(self) -> int:
        """Microseconds until one request is given back."""
        return max(1, self.seconds * SECOND // self.most)

    @cached_property
    def room(self) -> int:
        return self.price * self.most

    @cached_property
    def policy(self) -> tuple[bytes, bytes]:
        return b"ratelimit-policy", f'"{self.name}";q={self.most};w={self.seconds}'.encode()

    @cached_property
    def told(self) -> bytes:
        return f'"{self.name}";r=%d;t=%d'.encode()


SIGN_IN: Final = {MARK: "sign-in"}
LOOK_UPS: Final = {MARK: "look-ups"}
COMMENTS: Final = {MARK: "comments"}
REPORTS: Final = {MARK: "reports"}
"""Marks of routes, for ``openapi_extra``. Any other route is of the class ``reads``, ``writes`` or ``anonymous``."""


def quotas(figures: Figures) -> dict[str, Quota]:
    """Every class by name: all but the last two through Redis, since few requests are of them and their sum counts."""
    made = (
        Quota("sign-in", figures.quota_sign_in, HOUR, shared=True),
        Quota("anonymous", figures.quota_anonymous, HOUR, shared=True),
        Quota("look-ups", figures.quota_look_ups, DAY, shared=True),
        Quota("contacts", figures.quota_contacts, DAY, shared=True),
        Quota("matches", figures.quota_matches, DAY, shared=True),
        Quota("comments", figures.quota_comments, HOUR, shared=True),
        Quota("reports", figures.quota_reports, DAY, shared=True),
        Quota("reads", figures.quota_reads, HOUR, shared=False),
        Quota("writes", figures.quota_writes, HOUR, shared=False),
    )
    return {quota.name: quota for quota in made}


def class_of(marks: Mapping[str, Any], methods: set[str], *, signed_in: bool) -> str:
    """The class of a route, from what it is marked with, or else from its methods."""
    if MARK in marks:
        return str(marks[MARK])
    if not signed_in:
        return "anonymous"
    return "reads" if methods == {"GET"} else "writes"


class Meter:
    """Counts what is taken of all quotas in this process."""

    def __init__(self, app: Adapters) -> None:
        self._app = app
        self._quotas = quotas(app.figures)
        self._backs: dict[str, dict[UUID | str, int]] = {name: {} for name in self._quotas}

    async def take(self, request: Request, name: str, who: UUID | str, *, times: int = 1) -> None:
        """Count ``times`` requests of a class by a person or network, and tell the answer what is left. Raises
        RateLimited, and counts nothing then."""
        quota = self._quotas[name]
        price = quota.price * times
        if quota.shared:
            used, wait = await self._take_shared(quota, who, price)
        else:
            used, wait = self._take_here(quota, who, price)
        left = (quota.room - used) // quota.price
        told = (b"ratelimit", quota.told % (left, -(-used // SECOND)))
        request.scope.setdefault("quota_headers", []).extend((quota.policy, told))
        if wait:
            raise RateLimited(wait)

    async def _take_shared(self, quota: Quota, who: UUID | str, price: int) -> tuple[int, int]:
        # Hashed: Redis holds no addresses.
        key = f"quota:{quota.name}:{self._app.signer.keyed_hash(f'quota {who}').hex()[:32]}"
        try:
            used, wait = await self._app.redis.run(TAKE, [key], [price, quota.room])
        except RedisAway:
            return self._take_here(quota, who, price)
        return used, wait

    def _take_here(self, quota: Quota, who: UUID | str, price: int) -> tuple[int, int]:
        """What is used of the room, and how long to wait if nothing was taken: microseconds."""
        backs = self._backs[quota.name]
        now = int(self._app.wall_clock.now().timestamp() * SECOND)
        room = quota.room
        back = min(max(backs.get(who, 0), now), now + room)
        wait = max(back + price - now - room, 0)
        if not wait:
            back += price
        if len(backs) >= KEPT_MOST and who not in backs:
            _forget(backs, now)
        backs[who] = back
        return back - now, wait


async def take(request: Request, name: str, who: UUID | str, *, times: int = 1) -> None:
    """``Meter.take`` of the app that serves this request."""
    meter: Meter = request.app.state.meter
    await meter.take(request, name, who, times=times)


async def take_contacts(request: Request, who: UUID, *, named: int = 1) -> None:
    """Count people who were named by e-mail or phone, so that nobody tries whole lists of them."""
    await take(request, "contacts", who, times=named)


async def take_matches(request: Request, who: UUID, *, named: int) -> None:
    """Count those of an address book: also by network, since whoever wants to try more numbers signs up again."""
    await take_contacts(request, who, named=named)
    await take(request, "matches", network_of(request), times=named)


def network_of(request: Request) -> str:
    return network(request.client.host if request.client else None)


def _forget(backs: dict[UUID | str, int], now: int) -> None:
    """Drop those who have everything back; all, when that is nobody: memory is bounded, whoever comes."""
    for who in [who for who, back in backs.items() if back <= now]:
        del backs[who]
    if len(backs) >= KEPT_MOST:
        backs.clear()
