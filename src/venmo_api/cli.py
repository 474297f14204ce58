"""``venmo-api ...``: every operator verb."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvicorn
import uvloop

from venmo_api import laptop, logs, readiness, schema, worker
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import ROTATED, Purpose
from venmo_api.adapters.kms import KmsRefused, make_master_key
from venmo_api.adapters.postgres import Database
from venmo_api.adapters.redis import Redis
from venmo_api.adapters.signing import read_or_create
from venmo_api.adapters.system import SystemClock
from venmo_api.admin import service as staffing
from venmo_api.admin.rules import Role
from venmo_api.archive import governance, proof, trail
from venmo_api.archive.proof import Proof
from venmo_api.audit.rules import Link
from venmo_api.commands.analytics import analytics
from venmo_api.commands.archive import archive, tell
from venmo_api.commands.context import OptionalLocalDir, configured, fail, servers, with_adapters
from venmo_api.commands.risk import risk
from venmo_api.core.errors import Unavailable
from venmo_api.crypto import keyring
from venmo_api.crypto.keyring import Keyring
from venmo_api.http.connections import Connection
from venmo_api.laptop import DEFAULT_FOLDER
from venmo_api.main import adapters, bucket_wanted, kms, objects
from venmo_api.outbox import service as queue
from venmo_api.outbox.service import Backlog
from venmo_api.privacy import service as privacy
from venmo_api.privacy.rules import Left
from venmo_api.privacy.service import KeyInUse
from venmo_api.settings import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SANDBOX_OPEN = "this is no production (set VENMO_ENVIRONMENT=production), so /v1/sandbox is open."
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
audit = typer.Typer(no_args_is_help=True, help="The audit trail.")
staff = typer.Typer(no_args_is_help=True, help="Who is staff: support, analyst, admin.")
keys = typer.Typer(no_args_is_help=True, help="Keys of personal data.")
app.add_typer(analytics, name="analytics")
app.add_typer(archive, name="archive")
app.add_typer(audit, name="audit")
app.add_typer(keys, name="keys")
app.add_typer(risk, name="risk")
app.add_typer(staff, name="staff")
T = TypeVar("T")


LocalDir = Annotated[Path, typer.Option(help="the folder of the local stack")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


@app.command()
def run(port: Port = 8000, local_dir: LocalDir = DEFAULT_FOLDER) -> None:
    """Start everything on this machine: Postgres, Valkey, S3, the API and the worker."""
    raise typer.Exit(laptop.run(port, local_dir))


@app.command()
def serve(host: str = "127.0.0.1", port: int = 8000, processes: Annotated[int, typer.Option(min=1)] = 1) -> None:
    """Serve the API over the servers named in VENMO_* variables."""
    settings = configured()
    _require_servers(settings)
    if settings.environment != "production" and host not in LOOPBACK:
        typer.echo(f"Whoever reaches {host} can drive the clock and read everybody's codes: {SANDBOX_OPEN}", err=True)
    uvicorn.run(
        "venmo_api.main:app",
        factory=True,
        host=host,
        port=port,
        workers=processes,
        loop="uvloop",
        http=Connection,
        ssl_certfile=settings.tls_cert_file,
        ssl_keyfile=settings.tls_key_file,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=20,
        backlog=2048,
        log_level=settings.log_level.lower(),
    )


@app.command("worker")
def run_worker() -> None:
    """Deliver events and run scheduled jobs."""
    settings = configured()
    _require_servers(settings, patient=True)
    logs.configure(settings.log_level)
    uvloop.run(worker.run(adapters(settings), settings))


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; make the bucket, set to keep what it must, and the signing key."""
    settings = configured()
    try:
        schema.upgrade(settings.database_url, ca_file=settings.database_ca_file)
    except OSError as error:
        fail(f"The database cannot be reached ({type(error).__name__}); check VENMO_DATABASE_URL.")
    if settings.signing_key_file is not None:
        read_or_create(settings.signing_key_file)
    if settings.master_key_file is not None:
        make_master_key(settings.master_key_file)

    async def prepare(held: Adapters) -> Left:
        await held.objects.ensure_bucket()
        tell(await governance.apply(held.objects, bucket_wanted(settings)))
        return await privacy.seal_clear(held, typer.echo)

    found = with_adapters(settings, prepare)
    if found.in_clear:
        fail(f"Personal data is in clear yet: {found.told()}. Run this again.")
    typer.echo("schema, bucket and keys are ready")


@app.command("new-signing-key")
def new_signing_key(file: Path) -> None:
    """Make a signing key in FILE, unless there is one."""
    read_or_create(file)


@app.command("with", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def with_stack(context: typer.Context, port: Port = 8000, local_dir: LocalDir = DEFAULT_FOLDER) -> None:
    """Run a command against the local stack, started for the while if it is not running: venmo-api with -- COMMAND."""
    raise typer.Exit(laptop.within(port, local_dir, context.args))


@app.command()
def verify(local_dir: OptionalLocalDir = None) -> None:
    """Prove the ledger and the archive, telling how far it is; exit code 1 when anything does not add up."""

    async def prove(held: Adapters) -> Proof:
        await held.keys.refresh()
        return await proof.verify(held, progress=partial(typer.echo, err=True))

    with servers(local_dir):
        result = with_adapters(configured(), prove)
    typer.echo(proof.report(result))
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def outbox(
    retry_parked: Annotated[bool, typer.Option(help="deliver again what was given up")] = False,
    local_dir: OptionalLocalDir = None,
) -> None:
    """What waits to be delivered, and what was given up after too many failures."""

    async def look(held: Adapters) -> Backlog:
        if retry_parked:
            await held.database.transact(queue.retry_parked, now=held.clock.now())
        return await held.database.read(queue.backlog)

    with servers(local_dir):
        backlog = with_adapters(configured(), look)
    oldest = f", the oldest since {backlog.oldest:%Y-%m-%d %H:%M:%S} UTC" if backlog.oldest else ""
    typer.echo(f"{backlog.waiting:,} events wait{oldest}; {backlog.parked:,} are parked")


@audit.command("verify")
def verify_audit(
    head: Annotated[str, typer.Option(help="POSITION:HASH, a head that was kept elsewhere, to compare with")] = "",
    local_dir: OptionalLocalDir = None,
) -> None:
    """Prove that no entry of the audit trail was changed, removed or put in; exit code 1 and the first break if so."""
    kept = _head(head) if head else None
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: trail.verify(held, kept=kept))
    typer.echo(trail.report(found))
    raise typer.Exit(1 if found.first_break else 0)


@staff.command("grant")
def grant(username: str, role: Role, local_dir: OptionalLocalDir = None) -> None:
    """Make somebody staff. From their next request on they are."""
    with servers(local_dir):
        with_adapters(configured(), lambda held: held.database.transact(staffing.grant, held, username, role))
    typer.echo(f"{username} is {role}")


@staff.command("revoke")
def revoke(username: str, role: Role, local_dir: OptionalLocalDir = None) -> None:
    """Take a role away. From their next request on they do not have it."""
    with servers(local_dir):
        with_adapters(configured(), lambda held: held.database.transact(staffing.revoke, held, username, role))
    typer.echo(f"{username} is not {role}")


@staff.command("list")
def list_staff(local_dir: OptionalLocalDir = None) -> None:
    """Who has which role."""
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: held.database.read(staffing.staff))
    for one in found:
        typer.echo(f"{one.username} {one.role} since {one.granted_at:%Y-%m-%d}")


@keys.command("list")
def list_keys(local_dir: OptionalLocalDir = None) -> None:
    """Each key that data is under, since when it counts, and how many rows it has."""

    async def look(held: Adapters) -> list[KeyInUse]:
        await held.keys.refresh()
        return await privacy.keys(held)

    with servers(local_dir):
        found = with_adapters(configured(), look)
    for key in found:
        under = "every story" if key.rows is None else f"{key.rows:,} rows"
        typer.echo(f"{key.purpose} {key.number} counts from {key.counts_from:%Y-%m-%d %H:%M:%S} UTC, {under}")


@keys.command("rotate")
def rotate_keys(
    purpose: Annotated[Purpose | None, typer.Argument(help="one of them; without, both that are ever rotated")] = None,
    local_dir: OptionalLocalDir = None,
) -> None:
    """Make new keys. They count ten seconds later, when every process has them; then run re-encrypt."""
    with servers(local_dir):
        made = with_adapters(configured(), lambda held: privacy.rotate(held, [purpose] if purpose else ROTATED))
    typer.echo(", ".join(f"{purpose} {number}" for purpose, number in made.items()) + " announced")


@keys.command("re-encrypt")
def re_encrypt(local_dir: OptionalLocalDir = None) -> None:
    """Take everything over to the newest keys, while payments run. May be stopped and begun again; exit code 1 when
    anything is left."""
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: privacy.seal_all(held, typer.echo))
    typer.echo(f"left in clear or under an old key: {found.told()}")
    raise typer.Exit(0 if found.nothing else 1)


@app.command()
def erase(username: str, local_dir: OptionalLocalDir = None) -> None:
    """Forget a person: destroy their key, remove their name, sign them out. It cannot be undone."""

    async def forget(held: Adapters) -> None:
        await held.keys.refresh()
        await held.database.transact(privacy.erase, held, username)

    with servers(local_dir):
        with_adapters(configured(), forget)
    typer.echo("erased")


def _head(text: str) -> Link:
    position, _, digest = text.partition(":")
    try:
        kept = Link(int(position), bytes.fromhex(digest))
    except ValueError:
        raise typer.BadParameter("give POSITION:HASH, as `venmo-api audit verify` tells it") from None
    return kept


def _require_servers(settings: Settings, *, patient: bool = False) -> None:
    """A server that does not prove who it is is refused, and so is a master key of another database. In production so
    is a database that may lose what it acknowledges; elsewhere a line says so. One that is away is waited for by the
    patient only: the API starts without, and is not ready until it has been asked."""
    try:
        key_service = kms(settings)
    except (OSError, ValueError) as error:
        fail(str(error))

    async def ask() -> None:
        ca_file = settings.database_ca_file
        database = Database(settings.database_url, pool_size=1, role=None, ca_file=ca_file)  # maybe without schema yet
        redis = Redis(settings.redis_url, ca_file=settings.redis_ca_file)
        try:
            await readiness.require_trusted(database, redis, objects(settings))
            await keyring.require_ours(Keyring(key_service, database, SystemClock()))
            await (readiness.until_asked if patient else readiness.require_durable)(database)
        finally:
            await database.close()
            await redis.close()

    try:
        asyncio.run(ask())
    except (readiness.NotTrusted, KmsRefused) as error:
        fail(error.detail)
    except readiness.NotDurable as error:
        if settings.environment == "production":
            fail(error.detail)
        typer.secho(error.detail, err=True, fg="yellow")
    except Unavailable:
        typer.secho("The database cannot be reached yet.", err=True, fg="yellow")
