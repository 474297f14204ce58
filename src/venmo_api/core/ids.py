"""Public ids: a prefix that names the kind, then the 32 hex digits of a time-ordered UUID."""

from typing import Final
from uuid import UUID

USER: Final = "usr_"
TRANSFER: Final = "tr_"
STORY: Final = "sty_"
FUNDING_SOURCE: Final = "fs_"
TOP_UP: Final = "top_"
CASH_OUT: Final = "out_"
REQUEST: Final = "req_"
SPLIT: Final = "spl_"
HOLD: Final = "hold_"
MESSAGE: Final = "msg_"
SESSION: Final = "ses_"
FACTOR: Final = "fac_"
AUDIT: Final = "aud_"
NOTIFICATION: Final = "ntf_"
COMMENT: Final = "com_"
REPORT: Final = "rep_"
RESTORE: Final = "rst_"
CASE: Final = "case_"
ALERT: Final = "alr_"
LISTED: Final = "blk_"


def encode(prefix: str, value: UUID) -> str:
    return prefix + value.hex


def decode(prefix: str, text: str) -> UUID | None:
    """The UUID behind a public id; None when the text is not an id of that kind."""
    try:
        value = UUID(hex=text[len(prefix) :])
    except ValueError:
        return None
    return value if encode(prefix, value) == text else None
