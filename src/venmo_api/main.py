"""The HTTP composition root: ``create_app(settings)`` builds the adapters and mounts the routers under /v1."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from venmo_api import logs, readiness
from venmo_api.adapters.bank import NoBank, SandboxBank
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.identity import NoIdentityProvider, SandboxIdentity
from venmo_api.adapters.kms import AwsKms, FileKms, Kms
from venmo_api.adapters.messages import AwsMessenger, Messenger, SandboxMessenger
from venmo_api.adapters.passkeys import Passkeys
from venmo_api.adapters.passwords import Passwords
from venmo_api.adapters.postgres import Database
from venmo_api.adapters.push import AwsPush, NoPush, Platform, Push, SandboxPush
from venmo_api.adapters.redis import Redis
from venmo_api.adapters.s3 import Objects
from venmo_api.adapters.signing import Signer
from venmo_api.adapters.system import DrivenClock, SystemClock, new_id, tame_collector
from venmo_api.adapters.turns import Turns
from venmo_api.admin.case_router import router as case_router
from venmo_api.admin.risk_router import router as risk_router
from venmo_api.admin.router import router as admin_router
from venmo_api.archive.governance import Wanted, Watch
from venmo_api.auth import sessions
from venmo_api.auth.factor_router import router as factor_router
from venmo_api.auth.router import keys_router
from venmo_api.auth.router import router as auth_router
from venmo_api.auth.tokens import Verifier
from venmo_api.core.clock import Clock
from venmo_api.core.events import Event
from venmo_api.crypto import keyring
from venmo_api.crypto.keyring import Keyring
from venmo_api.feed import handlers as feed
from venmo_api.feed.acts_router import router as acts_router
from venmo_api.feed.public_router import router as public_router
from venmo_api.feed.router import router as feed_router
from venmo_api.holds.router import router as holds_router
from venmo_api.http import docs, openapi, problems, routes
from venmo_api.http.dependencies import json_response
from venmo_api.http.explanations import router as explanations_router
from venmo_api.http.middleware import RequestContext, route_of
from venmo_api.http.quotas import Meter
from venmo_api.limits.router import router as limits_router
from venmo_api.live.hub import Hub
from venmo_api.live.router import router as live_router
from venmo_api.notifications.router import router as notifications_router
from venmo_api.operations.router import router as operations_router
from venmo_api.outbox import relay
from venmo_api.requests.router import router as requests_router
from venmo_api.requests.router import splits_router
from venmo_api.risk import scorer
from venmo_api.sandbox import service as sandbox
from venmo_api.sandbox.router import router as sandbox_router
from venmo_api.settings import Settings
from venmo_api.statements.router import router as statements_router
from venmo_api.traffic import service as traffic
from venmo_api.traffic.service import Asked, Recorder
from venmo_api.transfers import schemas as transfer_schemas
from venmo_api.transfers import service as transfers
from venmo_api.transfers.router import router as transfers_router
from venmo_api.users.friend_router import router as friends_router
from venmo_api.users.router import router as users_router
from venmo_api.wallet.router import router as wallet_router

DESCRIPTION = """Pay people, see it in a social feed.

Sign up or sign in, put the `access_token` into **Authorize**, and try. Amounts are integers of cents.
Every POST that moves money needs an `Idempotency-Key`; send the same key again when you lost the answer."""
PROBES = {"/livez", "/readyz"}
# Tokens travel in a header and never in a cookie, so credentials stay off.
CORS: dict[str, Any] = {
    "allow_methods": ("GET", "POST", "PUT", "PATCH", "DELETE"),
    "allow_headers": (
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "Approval",
        "Last-Event-ID",
        "X-Request-Id",
    ),
    "expose_headers": ("X-Request-Id", "Idempotent-Replayed", "Retry-After", "RateLimit", "RateLimit-Policy"),
}
# Matched in this order: what is asked most stands first.
ROUTERS = (
    transfers_router,
    feed_router,
    requests_router,
    splits_router,
    public_router,
    acts_router,
    live_router,
    notifications_router,
    wallet_router,
    users_router,
    friends_router,
    auth_router,
    factor_router,
    limits_router,
    holds_router,
    operations_router,
    statements_router,
    keys_router,
    admin_router,
    risk_router,
    case_router,
    explanations_router,
)


def adapters(settings: Settings) -> Adapters:
    """The real adapters of these settings. Opens no connection yet."""
    database = Database(settings.database_url, pool_size=settings.database_pool_size, ca_file=settings.database_ca_file)
    production = settings.environment == "production"
    clock, wall_clock = SystemClock() if production else DrivenClock(), SystemClock()
    return Adapters(
        database=database,
        redis=Redis(settings.redis_url, ca_file=settings.redis_ca_file),
        objects=objects(settings),
        bank=NoBank() if production else SandboxBank(database, clock),
        messenger=_messenger(settings, database, clock),
        push=_push(settings, database, clock),
        identity=NoIdentityProvider() if production else SandboxIdentity(),
        passkeys=Passkeys(rp_id=settings.passkey_rp_id, origins=settings.passkey_origins, name="venmo-api"),
        passwords=Passwords(),
        turns=Turns(),
        signer=Signer(
            settings.signing_key_pem,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            previous_key_pem=settings.previous_signing_key_pem,
        ),
        clock=clock,
        keys=Keyring(kms(settings), database, wall_clock),
        wall_clock=wall_clock,
        new_id=new_id,
        figures=settings.figures,
        scorer=scorer.Following(),
    )


def kms(settings: Settings) -> Kms:
    """Raises ValueError when no key was given, or a file that others may read."""
    if settings.kms_key_id is not None:
        return AwsKms(settings.kms_key_id, region=settings.kms_region, endpoint_url=settings.kms_endpoint_url)
    if settings.master_key_file is None:
        raise ValueError("set VENMO_KMS_KEY_ID, or VENMO_MASTER_KEY_FILE (made by `venmo-api migrate`)")
    return FileKms(settings.master_key_file)


def objects(settings: Settings) -> Objects:
    """The bucket of these settings."""
    return Objects(
        bucket=settings.s3_bucket,
        endpoint_url=settings.s3_endpoint_url,
        region=settings.s3_region,
        ca_file=settings.s3_ca_file,
    )


def bucket_wanted(settings: Settings) -> Wanted:
    """What the bucket of these settings must be set to."""
    return Wanted(
        bucket=settings.s3_bucket,
        cold_after_days=settings.archive_cold_after_days,
        archivist=settings.archive_role_arn,
        tls=(settings.s3_endpoint_url or "https://").startswith("https://"),
    )


def _messenger(settings: Settings, database: Database, clock: Clock) -> Messenger:
    if settings.environment == "production" and settings.mail_from is not None:
        return AwsMessenger(region=settings.messages_region, mail_from=settings.mail_from)
    return SandboxMessenger(database, clock, new_id, takes_word=settings.environment == "local")


def _push(settings: Settings, database: Database, clock: Clock) -> Push:
    """In production to those platforms that are set up."""
    if not settings.production:
        return SandboxPush(database, clock, new_id)
    named: dict[Platform, str | None] = {"apns": settings.push_apns_arn, "fcm": settings.push_fcm_arn}
    applications = {platform: arn for platform, arn in named.items() if arn is not None}
    return AwsPush(region=settings.messages_region, applications=applications) if applications else NoPush()


def create_app(settings: Settings, bundle: Adapters | None = None) -> FastAPI:
    """The API over ``bundle``, which the caller closes; without one, over adapters of its own."""
    held = bundle or adapters(settings)
    recorder = Recorder(held)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tame_collector()
        async with (
            sandbox.following(held),
            sessions.following(held, app.state.verifier),
            keyring.following(held.keys),
            scorer.following(held),
            traffic.recording(recorder),
        ):
            yield
        if bundle is None:
            await held.close()

    app = FastAPI(
        title="venmo-api",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.adapters = held
    app.state.verifier = Verifier(held.signer)
    app.state.meter = Meter(held)
    app.state.hub = Hub(held)
    app.state.recorder = recorder
    app.state.staff_need_factor = settings.environment == "production"
    app.state.pay = held.database.grouped(partial(transfers.pay, app=held, render=transfer_schemas.reply))
    held.database.on_commit = partial(_tell, held.redis)
    problems.install(app)
    openapi.install(app)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **CORS)
    app.add_middleware(RequestContext, strict_transport=settings.production, record=partial(_record, held, recorder))
    routers = ROUTERS if settings.environment == "production" else (*ROUTERS, sandbox_router)
    for router in (*routers, _probes(held, settings)):
        app.router.routes.extend(router.routes)  # one flat list; include_router would add a layer to walk
    if settings.shows_docs:
        docs.mount(app)
    return app


def app() -> FastAPI:
    """For ``uvicorn --factory venmo_api.main:app``: settings from the environment."""
    settings = Settings()
    logs.configure(settings.log_level)
    return create_app(settings)


async def _tell(redis: Redis, events: Sequence[Event]) -> None:
    """After a commit: wake the relay, and let people see at once what they did."""
    await asyncio.gather(relay.wake(redis), feed.show_at_once(redis, events))


def _record(held: Adapters, recorder: Recorder, scope: Scope, request_id: str, status: int, seconds: float) -> None:
    if (route := route_of(scope)) in PROBES:
        return
    recorder.note(
        Asked(
            at=held.wall_clock.now(),
            request_id=request_id,
            method=scope["method"],
            route=route,
            status=status,
            duration_us=int(seconds * 1_000_000),
            actor_id=scope.get("actor_id"),
            address=scope["client"][0] if scope.get("client") else None,
        )
    )


def _probes(held: Adapters, settings: Settings) -> APIRouter:
    router = routes.router(tag="health")
    watch = Watch(held.objects, bucket_wanted(settings)) if settings.production else None

    @router.get("/livez", operation_id="live")
    async def live() -> Response:
        """The process answers."""
        return json_response({"status": "ok"})

    @router.get("/readyz", operation_id="ready")
    async def ready(request: Request) -> Response:
        """What this process needs, and what of it is not there. 503 only for what payments need."""
        report = await readiness.check(held, production=settings.production, watch=watch)
        if report.ready:
            return json_response(report.document())
        return problems.response(readiness.NotReady(report), problems.request_id_of(request))

    return router
