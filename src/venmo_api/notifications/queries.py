"""SQL of the inbox: what is told, what of it its reader may still see, and what is to be sent of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.notifications.rules import Choice, Notice, SubjectType, default

# What ``n`` tells its reader may be seen by them now: nobody hidden from them is in it, the comment is still there, and
# the story is theirs or one that they may see. The same when it is written, read and sent.
_SEEN = """NOT EXISTS (SELECT FROM blocks WHERE blocker_id = n.user_id AND blocked_id = {other})
    AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = {other} AND blocked_id = n.user_id)"""
_FRIENDS = """EXISTS (SELECT FROM friendships WHERE accepted_at IS NOT NULL
              AND low_id = least(n.user_id, {other}) AND high_id = greatest(n.user_id, {other}))"""
_ACTOR_SEEN = _SEEN.format(other="n.actor_id")
_SHOWN = f"""
    {_ACTOR_SEEN}
    AND (n.comment_id IS NULL OR EXISTS (SELECT FROM comments WHERE id = n.comment_id))
    AND (n.subject_type <> 'story' OR EXISTS (
        SELECT FROM stories s WHERE s.id = n.subject_id AND (n.user_id IN (s.actor_id, s.target_id)
            OR (s.audience = 'public' OR s.audience = 'friends'
                AND ({_FRIENDS.format(other="s.actor_id")} OR {_FRIENDS.format(other="s.target_id")}))
               AND {_SEEN.format(other="s.actor_id")} AND {_SEEN.format(other="s.target_id")})))
"""
# All who tell wait for who holds the head: one whose process stopped loses it before they give up.
HOLD_HEAD = text("""
    SELECT last_id, set_config('idle_in_transaction_session_timeout', '1500', true) FROM inbox_head FOR UPDATE
""")
MOVE_HEAD = text("UPDATE inbox_head SET last_id = :last_id")
# One statement a batch: the rows that are new, and what their readers want sent of them.
_TELL = """
    WITH n AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:people AS uuid[]), CAST(:keys AS uuid[]), CAST(:kinds AS text[]),
            CAST(:actors AS uuid[]), CAST(:subject_types AS text[]), CAST(:subjects AS uuid[]),
            CAST(:comments AS uuid[]), CAST(:amounts AS bigint[]), CAST(:currencies AS text[]),
            CAST(:details AS text[]), CAST(:moments AS timestamptz[]))
        AS n (id, user_id, key, kind, actor_id, subject_type, subject_id, comment_id, amount, currency, detail, at)),
    told AS (
        INSERT INTO notifications (id, user_id, key, kind, actor_id, subject_type, subject_id, comment_id, amount,
                                   currency, detail, created_at)
        SELECT n.* FROM n JOIN users u ON u.id = n.user_id WHERE u.erased_at IS NULL AND {shown}
        ON CONFLICT (user_id, key) DO NOTHING
        RETURNING id, user_id, kind),
    wanted AS (
        SELECT t.id, t.user_id, coalesce(p.push, d.push) AS push, d.mailed AND coalesce(p.mail, d.mail) AS mail
        FROM told t LEFT JOIN notification_preferences p ON p.user_id = t.user_id AND p.kind = t.kind
        JOIN unnest(CAST(:default_kinds AS text[]), CAST(:pushes AS text[]), CAST(:mails AS boolean[]),
                    CAST(:mailed AS boolean[])) AS d (kind, push, mail, mailed) ON d.kind = t.kind),
    sends AS (
        INSERT INTO notification_sends (user_id, notification_id, channel, push, token_id, due_at)
        SELECT w.user_id, w.id, 'push', w.push, k.id, CAST(:now AS timestamptz)
        FROM wanted w JOIN push_tokens k ON k.user_id = w.user_id
        JOIN sessions s ON s.id = k.session_id AND s.revoked_at IS NULL WHERE w.push <> 'off'
        UNION ALL
        SELECT w.user_id, w.id, 'mail', NULL, NULL, CAST(:now AS timestamptz) FROM wanted w WHERE w.mail)
    SELECT DISTINCT user_id FROM told
"""
TELL = text(_TELL.format(shown=_ACTOR_SEEN))
TELL_OF_STORIES = text(_TELL.format(shown=_SHOWN))
_OWN = f"FROM notifications n WHERE n.user_id = :user_id AND {_SHOWN}"
_OLDER = "(CAST(:after AS uuid) IS NULL OR n.id < :after) ORDER BY n.id DESC LIMIT :most"
PAGE = text(f"SELECT n.* {_OWN} AND {_OLDER}")
UNREAD_PAGE = text(f"SELECT n.* {_OWN} AND n.read_at IS NULL AND {_OLDER}")
UNREAD = text(f"SELECT count(*) FROM (SELECT {_OWN} AND n.read_at IS NULL LIMIT :most) unread")
AFTER = text(f"SELECT n.* {_OWN} AND n.id > :last_id ORDER BY n.id LIMIT :most")
NEWEST = text("SELECT id FROM notifications WHERE user_id = :user_id ORDER BY id DESC LIMIT 1")
READ_ONE = text(f"""
    UPDATE notifications n SET read_at = coalesce(read_at, :now) WHERE n.user_id = :user_id AND n.id = :id AND {_SHOWN}
""")
READ_UP_TO = text("""
    UPDATE notifications SET read_at = :now WHERE user_id = :user_id AND id IN (
        SELECT id FROM notifications WHERE user_id = :user_id AND read_at IS NULL AND id <= :up_to
        ORDER BY id LIMIT :most)
""")
FORGET = text("""
    DELETE FROM notifications WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM notifications WHERE created_at < :before LIMIT :most))
""")
PREFERENCES = text("SELECT kind, push, mail FROM notification_preferences WHERE user_id = :user_id")
FORGET_PREFERENCES = text("DELETE FROM notification_preferences WHERE user_id = :user_id")
# Two who choose at once are one after the other: the second finds the rows of the first, and its choice stays.
INSERT_PREFERENCES = text("""
    INSERT INTO notification_preferences (user_id, kind, push, mail)
    SELECT :user_id, * FROM unnest(CAST(:kinds AS text[]), CAST(:pushes AS text[]), CAST(:mails AS boolean[]))
    ON CONFLICT (user_id, kind) DO UPDATE SET push = excluded.push, mail = excluded.mail
""")
DROP_TOKENS = text("DELETE FROM push_tokens WHERE session_id = :session_id OR token_hash = :token_hash")
INSERT_TOKEN = text("""
    INSERT INTO push_tokens (id, user_id, session_id, platform, token_hash, sealed, created_at)
    SELECT :id, user_id, id, :platform, :token_hash, :sealed, :now FROM sessions
    WHERE id = :session_id AND user_id = :user_id AND revoked_at IS NULL FOR NO KEY UPDATE
""")
DROP_OLDEST_TOKENS = text("""
    DELETE FROM push_tokens WHERE id IN (
        SELECT id FROM push_tokens WHERE user_id = :user_id ORDER BY created_at DESC, id DESC OFFSET :most)
""")
DROP_TOKEN = text("DELETE FROM push_tokens WHERE id = :id")
DROP_ENDED_TOKENS = text("""
    DELETE FROM push_tokens k USING sessions s WHERE s.id = k.session_id AND s.revoked_at IS NOT NULL
""")
# Moving due_at on is the claim: nobody else sends it meanwhile, and who dies has it sent again. What comes with it is
# as it is now: nothing for what its reader may no longer see, no token for a session that has ended.
CLAIM_SENDS = text(f"""
    WITH due AS (
        SELECT id FROM notification_sends WHERE due_at <= :now ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED),
    s AS (
        UPDATE notification_sends s SET due_at = :until, attempts = attempts + 1 FROM due WHERE s.id = due.id
        RETURNING s.id AS send_id, s.user_id, s.notification_id, s.channel, s.push, s.attempts, s.token_id)
    SELECT s.send_id, s.user_id, s.channel, s.push, s.attempts, n.id, n.kind, n.actor_id, n.amount, n.detail,
           k.id AS token_id, k.platform, k.sealed, p.wrapped_by, p.wrapped
    FROM s LEFT JOIN notifications n ON n.user_id = s.user_id AND n.id = s.notification_id AND {_SHOWN}
    LEFT JOIN (push_tokens k JOIN sessions i ON i.id = k.session_id AND i.revoked_at IS NULL) ON k.id = s.token_id
    LEFT JOIN person_keys p ON p.user_id = s.user_id
""")
DROP_SENDS = text("DELETE FROM notification_sends WHERE id = ANY(CAST(:ids AS bigint[]))")
POSTPONE_SEND = text("UPDATE notification_sends SET due_at = :until WHERE id = :id")


async def tell(tx: Transaction, notices: Sequence[Notice], ids: Sequence[UUID], *, now: datetime) -> Sequence[UUID]:
    """Keep those that are new and may be seen, under these ids, with what is to be sent of them; whose inbox grew."""
    kinds = {notice.kind: default(notice.kind) for notice in notices}
    columns = {
        "ids": ids,
        "people": [notice.user_id for notice in notices],
        "keys": [notice.key for notice in notices],
        "kinds": [notice.kind for notice in notices],
        "actors": [notice.actor_id for notice in notices],
        "subject_types": [notice.subject.type for notice in notices],
        "subjects": [notice.subject.id for notice in notices],
        "comments": [notice.comment_id for notice in notices],
        "amounts": [notice.amount for notice in notices],
        "currencies": [notice.currency for notice in notices],
        "details": [notice.detail for notice in notices],
        "moments": [notice.at for notice in notices],
        "default_kinds": list(kinds),
        "pushes": [choice.push for choice in kinds.values()],
        "mails": [choice.mail for choice in kinds.values()],
        "mailed": [choice.mailed_here for choice in kinds.values()],
    }
    statement = TELL_OF_STORIES if any(notice.subject.type is SubjectType.STORY for notice in notices) else TELL
    return (await tx.execute(statement, columns | {"now": now})).scalars().all()


async def hold_head(tx: Transaction) -> UUID:
    """The id given last, by any process; until this transaction ends nobody else gives one."""
    found: UUID = (await tx.execute(HOLD_HEAD)).scalar_one()
    return found


async def move_head(tx: Transaction, last_id: UUID) -> None:
    await tx.execute(MOVE_HEAD, {"last_id": last_id})


async def page(tx: Transaction, user_id: UUID, asked: PageRequest, *, unread: bool) -> Sequence[Any]:
    parameters = {"user_id": user_id, "after": asked.after, "most": asked.limit + 1}
    return (await tx.execute(UNREAD_PAGE if unread else PAGE, parameters)).all()


async def unread(tx: Transaction, user_id: UUID, *, most: int) -> int:
    return int((await tx.execute(UNREAD, {"user_id": user_id, "most": most})).scalar_one())


async def after(tx: Transaction, user_id: UUID, last_id: UUID, *, most: int) -> Sequence[Any]:
    return (await tx.execute(AFTER, {"user_id": user_id, "last_id": last_id, "most": most})).all()


async def newest(tx: Transaction, user_id: UUID) -> UUID | None:
    found: UUID | None = (await tx.execute(NEWEST, {"user_id": user_id})).scalar()
    return found


async def read_one(tx: Transaction, user_id: UUID, notification_id: UUID, *, now: datetime) -> bool:
    """False when there is none that this person may see."""
    parameters = {"user_id": user_id, "id": notification_id, "now": now}
    return (await tx.execute(READ_ONE, parameters)).rowcount > 0


async def read_up_to(tx: Transaction, user_id: UUID, up_to: UUID, *, now: datetime, most: int) -> int:
    """How many were unread, of the oldest ``most``."""
    parameters = {"user_id": user_id, "up_to": up_to, "now": now, "most": most}
    return (await tx.execute(READ_UP_TO, parameters)).rowcount


async def forget(tx: Transaction, *, before: datetime, most: int) -> int:
    return (await tx.execute(FORGET, {"before": before, "most": most})).rowcount


async def preferences(tx: Transaction, user_id: UUID) -> Sequence[Any]:
    return (await tx.execute(PREFERENCES, {"user_id": user_id})).all()


async def replace_preferences(tx: Transaction, user_id: UUID, choices: Sequence[Choice]) -> None:
    await tx.execute(FORGET_PREFERENCES, {"user_id": user_id})
    await tx.execute(
        INSERT_PREFERENCES,
        {
            "user_id": user_id,
            "kinds": [choice.kind for choice in choices],
            "pushes": [choice.push for choice in choices],
            "mails": [choice.mail for choice in choices],
        },
    )


async def drop_tokens(tx: Transaction, session_id: UUID, token_hash: bytes | None) -> None:
    """That of a session, and this one, whosever it is."""
    await tx.execute(DROP_TOKENS, {"session_id": session_id, "token_hash": token_hash})


async def insert_token(
    tx: Transaction,
    token_id: UUID,
    user_id: UUID,
    session_id: UUID,
    *,
    platform: str,
    token_hash: bytes,
    sealed: bytes,
    now: datetime,
) -> bool:
    """False when the session has ended. Who revokes it waits."""
    parameters = {"id": token_id, "user_id": user_id, "session_id": session_id, "platform": platform}
    parameters |= {"token_hash": token_hash, "sealed": sealed, "now": now}
    return (await tx.execute(INSERT_TOKEN, parameters)).rowcount > 0


async def drop_oldest_tokens(tx: Transaction, user_id: UUID, *, most: int) -> None:
    await tx.execute(DROP_OLDEST_TOKENS, {"user_id": user_id, "most": most})


async def drop_token(tx: Transaction, token_id: UUID) -> None:
    await tx.execute(DROP_TOKEN, {"id": token_id})


async def drop_ended_tokens(tx: Transaction) -> int:
    return (await tx.execute(DROP_ENDED_TOKENS)).rowcount


async def claim_sends(tx: Transaction, *, now: datetime, until: datetime, most: int) -> Sequence[Any]:
    """What is due, this caller's until then."""
    return (await tx.execute(CLAIM_SENDS, {"now": now, "until": until, "most": most})).all()


async def drop_sends(tx: Transaction, send_ids: Sequence[int]) -> None:
    await tx.execute(DROP_SENDS, {"ids": send_ids})


async def postpone_send(tx: Transaction, send_id: int, *, until: datetime) -> None:
    await tx.execute(POSTPONE_SEND, {"id": send_id, "until": until})
