"""Every background effect in two tables: SUBSCRIPTIONS (event -> handlers) and SCHEDULE (when -> job)."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.redis import RedisAway
from venmo_api.adapters.system import tame_collector
from venmo_api.analytics import jobs as analytics
from venmo_api.archive import jobs as archive
from venmo_api.archive import partitions
from venmo_api.audit import jobs as audit
from venmo_api.auth import handlers as auth
from venmo_api.auth import jobs as auth_jobs
from venmo_api.core.errors import AppError, Unavailable
from venmo_api.core.events import (
    CashOutFailed,
    CashOutSettled,
    CommentAdded,
    ContactChanged,
    ContactClaimed,
    ContactLost,
    ContactVerified,
    DeviceAdded,
    Event,
    FactorChanged,
    FriendAsked,
    FriendshipEnded,
    FriendshipStarted,
    HoldCaptured,
    HoldEnded,
    HoldPlaced,
    PasswordChanged,
    PasswordResetAsked,
    PastNarrowed,
    PersonBlocked,
    PersonUnblocked,
    ProfileChanged,
    ReachChanged,
    RequestEnded,
    RequestMade,
    RequestReminded,
    StoryChanged,
    StoryLiked,
    StoryReacted,
    TopUpFailed,
    TopUpSettled,
    TransferClaimed,
    TransferEnded,
    TransferPended,
    TransferRefunded,
    TransferReleased,
    TransferSettled,
    UserSignedUp,
)
from venmo_api.crypto import keyring
from venmo_api.feed import handlers as feed
from venmo_api.holds import jobs as holds
from venmo_api.idempotency import jobs as idempotency
from venmo_api.limits import jobs as limits
from venmo_api.notifications import handlers as notifications
from venmo_api.notifications import jobs as notification_jobs
from venmo_api.outbox import queries as outbox
from venmo_api.outbox.relay import BATCH_MOST, CHANNEL, Relay, Subscriptions
from venmo_api.requests import handlers as requests
from venmo_api.requests import jobs as request_jobs
from venmo_api.risk import jobs as risk_jobs
from venmo_api.risk import scorer
from venmo_api.sandbox import jobs as sandbox_jobs
from venmo_api.sandbox import service as sandbox
from venmo_api.settings import Settings
from venmo_api.transfers import handlers as transfers
from venmo_api.transfers import jobs as transfer_jobs
from venmo_api.wallet import jobs as wallet

log = structlog.get_logger()
Handler = Callable[[Adapters, Sequence[Any]], Awaitable[None]]
POLL_SECONDS = 0.25
GATHER_SECONDS = 0.1
"""Between deliveries: most of their cost is by batch, not by event. Who has been idle so long delivers at once."""
TICK_SECONDS = 5.0
AGAIN = timedelta(seconds=30)
"""A job that something kept from running, or that was cut off, is due again after so long."""


@dataclass(frozen=True, slots=True)
class Job:
    """Runs once per ``every`` among all workers; returns how many things it did."""

    every: timedelta
    run: Callable[[Adapters, Settings], Awaitable[int]]


SUBSCRIPTIONS: Mapping[type[Event], tuple[Handler, ...]] = {
    TransferSettled: (notifications.tell, feed.record),
    TransferPended: (transfers.claim_at_once,),
    ContactVerified: (transfers.claim,),
    ProfileChanged: (feed.redraw,),
    FriendshipStarted: (notifications.tell, feed.reshuffle),
    FriendshipEnded: (feed.reshuffle,),
    PersonBlocked: (requests.end_between, feed.reshuffle),
    PersonUnblocked: (feed.reshuffle,),
    StoryChanged: (feed.redraw_stories,),
    PastNarrowed: (feed.narrow,),
    ReachChanged: (feed.change_reach,),
    UserSignedUp: (auth.welcome,),
    ContactClaimed: (notifications.tell, auth.tell_of_claim),
    ContactChanged: (notifications.tell, auth.tell_of_change),
    ContactLost: (notifications.tell, auth.tell_of_loss),
    PasswordResetAsked: (auth.send_reset_codes,),
    PasswordChanged: (notifications.tell, auth.tell_of_password),
    DeviceAdded: (notifications.tell, auth.warn_of_devices),
    FactorChanged: (notifications.tell, auth.tell_of_factors),
    CashOutFailed: (notifications.tell,),
    CashOutSettled: (notifications.tell,),
    CommentAdded: (notifications.tell,),
    FriendAsked: (notifications.tell,),
    HoldCaptured: (notifications.tell,),
    HoldEnded: (notifications.tell,),
    HoldPlaced: (notifications.tell,),
    RequestEnded: (transfers.give_back_unwanted, notifications.tell),
    RequestMade: (notifications.tell,),
    RequestReminded: (notifications.tell,),
    StoryLiked: (notifications.tell,),
    StoryReacted: (notifications.tell,),
    TopUpFailed: (notifications.tell,),
    TopUpSettled: (notifications.tell,),
    TransferClaimed: (notifications.tell,),
    TransferEnded: (notifications.tell,),
    TransferRefunded: (notifications.tell,),
    TransferReleased: (notifications.tell,),
}
SCHEDULE = {
    "settle_stuck_top_ups": Job(timedelta(seconds=10), lambda app, _: wallet.settle_top_ups(app)),
    "settle_stuck_cash_outs": Job(timedelta(seconds=10), lambda app, _: wallet.settle_cash_outs(app)),
    "settle_fundings": Job(timedelta(seconds=10), lambda app, _: transfer_jobs.settle_fundings(app)),
    "run_detections": Job(timedelta(days=1), lambda app, _: analytics.detect(app)),
    "file_cases": Job(timedelta(minutes=1), lambda app, _: analytics.file_cases(app)),
    "train_model": Job(timedelta(days=7), lambda app, _: analytics.train_model(app)),
    "forget_old_keys": Job(timedelta(hours=1), lambda app, _: idempotency.forget_old(app)),
    "forget_old_attempts": Job(timedelta(days=1), lambda app, _: auth_jobs.forget_old_attempts(app)),
    "forget_old_challenges": Job(timedelta(hours=1), lambda app, _: auth_jobs.forget_old_challenges(app)),
    "forget_old_sessions": Job(timedelta(hours=1), lambda app, _: auth_jobs.forget_old_sessions(app)),
    "forget_old_limit_uses": Job(timedelta(days=1), lambda app, _: limits.forget_old(app)),
    "expire_requests": Job(timedelta(minutes=1), lambda app, _: request_jobs.expire_requests(app)),
    "return_unclaimed": Job(timedelta(minutes=1), lambda app, _: transfer_jobs.return_unclaimed(app)),
    "return_undecided": Job(timedelta(minutes=1), lambda app, _: transfer_jobs.return_undecided(app)),
    "follow_shadows": Job(timedelta(minutes=1), lambda app, _: risk_jobs.follow_shadows(app)),
    "expire_holds": Job(timedelta(minutes=1), lambda app, _: holds.expire_holds(app)),
    "chain_audit_log": Job(timedelta(seconds=5), lambda app, _: audit.chain(app)),
    "forget_old_codes": Job(timedelta(hours=1), lambda app, _: auth_jobs.forget_old_codes(app)),
    "send_notifications": Job(timedelta(seconds=1), lambda app, _: notification_jobs.send_due(app)),
    "forget_old_notifications": Job(timedelta(hours=1), lambda app, _: notification_jobs.forget_old(app)),
    "forget_old_messages": Job(timedelta(hours=1), lambda app, _: sandbox_jobs.forget_old(app)),
    "cut_days_ahead": Job(timedelta(hours=1), lambda app, _: partitions.cut_ahead(app)),
    "tidy_archive": Job(timedelta(days=1), lambda app, _: archive.tidy(app)),
    "advance_restores": Job(timedelta(minutes=5), lambda app, _: archive.advance_restores(app)),
    "archive_closed_days": Job(
        timedelta(days=1),
        lambda app, settings: archive.archive_closed(
            app, after_days=settings.archive_after_days, risk_after_days=settings.archive_risk_after_days
        ),
    ),
}


def relay(app: Adapters) -> Relay:
    """The relay of this bundle, with every subscriber."""
    bound: Subscriptions = {
        kind: tuple(partial(handler, app) for handler in handlers) for kind, handlers in SUBSCRIPTIONS.items()
    }
    return Relay(app.database, app.clock, bound)


async def run(app: Adapters, settings: Settings) -> None:
    """Deliver events and run jobs until SIGTERM or SIGINT; what is under way is finished first."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    wakes = asyncio.Event()
    listening = asyncio.create_task(_listen(app, wakes))
    tame_collector()
    log.info("worker_started")
    async with sandbox.following(app), keyring.following(app.keys), scorer.following(app):
        schedules = [_keep_schedule(app, settings, stop, name) for name in SCHEDULE]
        await asyncio.gather(_deliver(app, wakes, stop), *schedules)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    await app.close()
    log.info("worker_stopped")


async def run_due(app: Adapters, settings: Settings) -> None:
    """Run each job whose time has come and that no other worker has taken."""
    for name in SCHEDULE:
        await _run_if_due(app, settings, name)


async def run_now(app: Adapters, settings: Settings, name: str, *, early: timedelta = timedelta(0)) -> int | None:
    """How many things a job did; None when it is not its time, or another has taken it. ``early``: so much before its
    time will do."""
    job, now = SCHEDULE[name], app.clock.now()
    if not await app.database.transact(outbox.begin_run, name, now=now, every=job.every - early):
        return None
    try:
        done = await job.run(app, settings)
    except (Unavailable, asyncio.CancelledError):
        if job.every > AGAIN:
            with suppress(Unavailable):  # what kept it from running is what is raised
                await app.database.transact(outbox.run_again, name, began=now, sooner=job.every - AGAIN)
        raise
    log.info("job_done", job=name, done=done)
    return done


async def _run_if_due(app: Adapters, settings: Settings, name: str) -> None:
    try:
        await run_now(app, settings, name)
    except Unavailable as error:
        log.warning("job_waits", job=name, error=type(error).__name__)
    except AppError as error:  # waiting does not help: somebody has to look
        log.error("job_refused", job=name, code=error.code, detail=error.detail)
    except Exception:
        log.exception("job_failed", job=name)


async def _deliver(app: Adapters, wakes: asyncio.Event, stop: asyncio.Event) -> None:
    events, outages = relay(app), app.redis.outages
    while not stop.is_set():
        try:
            if app.redis.outages > outages:
                await feed.begin_anew(app)
                outages = app.redis.outages
            delivered = await events.deliver()
        except AppError as error:
            log.warning("relay_waits", error=type(error).__name__)
            delivered = 0
        except Exception:
            log.exception("relay_failed")
            delivered = 0
        if not delivered:
            await _wait(wakes, POLL_SECONDS)
            wakes.clear()
        elif delivered < BATCH_MOST:
            await _wait(stop, GATHER_SECONDS)


async def _keep_schedule(app: Adapters, settings: Settings, stop: asyncio.Event, name: str) -> None:
    """Each job in a task of its own, so that a long one delays no other."""
    while not stop.is_set():
        await _run_if_due(app, settings, name)
        await _wait(stop, min(TICK_SECONDS, SCHEDULE[name].every.total_seconds()))


async def _listen(app: Adapters, wakes: asyncio.Event) -> None:
    """Turn Redis messages into wakes. While Redis is away the poll does alone."""
    while True:
        with suppress(RedisAway):
            await app.redis.call(partial(_receive, app, wakes))
        await asyncio.sleep(1)


async def _receive(app: Adapters, wakes: asyncio.Event) -> None:
    async with app.redis.client.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        while True:
            if await channel.get_message(ignore_subscribe_messages=True, timeout=None):
                wakes.set()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
