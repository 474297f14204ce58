"""What a client may say when it opens a stream, and how a stream reads."""

from typing import Annotated, Any

from pydantic import Field

from venmo_api.http.parameters import Query
from venmo_api.http.routes import Answers
from venmo_api.live.rules import BY_PERSON, LAST_EVENT_CHARS_MOST

MEDIA_TYPE = "text/event-stream"
LINES_MOST = 2**31 - 1


class EventsQuery(Query):
    last_event_id: Annotated[
        str | None,
        Field(
            max_length=LAST_EVENT_CHARS_MOST,
            pattern="^[A-Za-z0-9_-]*$",
            description="the last `id` you got, for who cannot send the header `Last-Event-ID`, which counts first",
            examples=["AQGTz0"],
        ),
    ] = None


EXAMPLE = """retry: 1734
id: AQGTz0

id: AQGTz1
event: story
data: {"id":"sty_0190163d8694739bb7a0e7a3e8b1c5d2","action":"paid","note":"pizza"}

: still here

event: goodbye
retry: 2210
data: {"reason":"signed_out","detail":"The access token has run out."}

"""
_STREAM: dict[str, Any] = {
    "type": "string",
    "maxLength": LINES_MOST,
    "pattern": "^[^\\u0000]*$",
    "description": "events as the WHATWG's HTML standard spells them, one after another, without end",
}
ANSWERS: Answers = {
    200: {
        "description": "A stream of events",
        "content": {MEDIA_TYPE: {"schema": _STREAM, "examples": {"stream": {"value": EXAMPLE}}}},
    },
    429: {"description": f"You have {BY_PERSON} streams open already, or have asked too often"},
    503: {"description": "This server has as many streams open as it takes, or cannot answer now"},
}
