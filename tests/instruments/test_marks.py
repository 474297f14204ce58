"""The search finds what is planted: each class of secret, in each place; and not what is hashed or sealed."""

import json
from pathlib import Path

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import World
from tests.instruments import marks
from tests.instruments.marks import Marks

SAID = {
    "password": "blue horse plays chess",
    "refresh_token": "rt_Zm9vYmFyYmF6cXV4",
    "access_token": "eyJh.eyJz.c2lnbmF0dXJlLW9m",
    "email": "marked@example.com",
    "phone": "+14155550199",
    "secret": "JBSWY3DPEHPK3PXP",
    "code": "424242",
    "recovery_codes": ["abcd-efgh-jkmn"],
}
LEAKS = [
    ("password", "the password blue horse plays chess was wrong"),
    ("token", '{"token":"rt_Zm9vYmFyYmF6cXV4"}'),
    ("token", "Authorization: Bearer eyJh.eyJz.c2lnbmF0dXJlLW9m"),
    ("e-mail address", "to=marked@example.com"),
    ("e-mail address", "to=Marked@Example.COM"),
    ("e-mail address", "GET /x?address=marked%40example.com&y=1"),
    ("phone number", '"+14155550199"'),
    ("phone number", "GET /x?address=%2B14155550199"),
    ("factor secret", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"),
    ("recovery code", "abcd-efgh-jkmn"),
    ("code", '{"code":"424242"}'),
    ("card number", "paid with 4111111111111111 today"),
    ("e-mail address", "\\x" + b'{"to":"marked@example.com"}'.hex()),
]


@pytest.fixture
def heard() -> Marks:
    made = Marks()
    made.note({"user": [SAID]})
    return made


@pytest.mark.parametrize(("kind", "text"), LEAKS)
def test_what_leaks_is_found_and_not_repeated(heard: Marks, kind: str, text: str) -> None:
    heard.look(text, "there")
    assert heard.hits == {f"{kind} in there"}


@pytest.mark.parametrize(
    "text", ["", "4111111111111112", "at .424242Z", "usr_01a1fec60df27747ac9d70b98f299622", "blue horse"]
)
def test_what_does_not_leak_is_not_found(heard: Marks, text: str) -> None:
    heard.look(text, "there")
    assert heard.hits == set()


async def test_the_database_redis_and_the_bucket_are_searched(fresh: World, heard: Marks, tmp_path: Path) -> None:
    url = fresh.app.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(url)
    await fresh.app.redis.client.set("planted:1", json.dumps(SAID["refresh_token"]))
    pq.write_table(pa.table({"note": ["marked@example.com"]}), tmp_path / "day.parquet")
    await fresh.app.objects.put_new("day.parquet", (tmp_path / "day.parquet").read_bytes(), content_type="x/y")
    try:
        await connection.execute("CREATE TABLE planted (spoken text, raw bytea)")
        await connection.execute("INSERT INTO planted VALUES ($1, $2)", SAID["phone"], b"JBSWY3DPEHPK3PXP")
        await marks.look_through_database(connection, heard)
        await marks.look_through_redis(fresh.app.redis.client, heard)
        await marks.look_through_bucket(fresh.app.objects, heard)
    finally:
        await connection.close()
    assert heard.hits == {
        "phone number in table planted",
        "factor secret in table planted",
        "token in Redis key planted",
        "e-mail address in the archive on S3",
    }


async def test_a_sign_up_is_heard_of_and_leaves_nothing(world: World) -> None:
    person = await world.person()
    assert marks.MARKS.known[person.email] == "e-mail address"
    assert marks.MARKS.known[person.tokens["refresh_token"]] == "token"
