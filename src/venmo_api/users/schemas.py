"""Bodies of people."""

from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Annotated, Any

import segno
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationInfo, field_validator

from venmo_api.auth.rules import ContactKind, canonical
from venmo_api.auth.schemas import NewPassword, Password, Tokens
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.paging import Page
from venmo_api.http import fields
from venmo_api.http.bodies import Body, Plain
from venmo_api.users.rules import Audience, Card, Changes, Profile, Relation

_email = partial(canonical, "email")
_phone = partial(canonical, "phone")

USERNAME = r"^[A-Za-z0-9_-]{3,30}$"
HASHES_MOST = 100
PAY_CODE_PICTURE = "/v1/me/pay-code.svg"

Username = Annotated[
    str,
    StringConstraints(max_length=30, pattern=USERNAME),
    AfterValidator(str.lower),
    Field(description="3 to 30 of a-z 0-9 _ -, unique without regard to case", examples=["alice"]),
]
DisplayName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=60),
    fields.plain(60),
    Plain,
    AfterValidator(str.strip),
    Field(examples=["Alice Ant"]),
]
Email = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_email),
    Field(examples=["alice@example.com"], json_schema_extra={"format": "email"}),
]
Phone = Annotated[
    str, StringConstraints(max_length=32), AfterValidator(_phone), fields.plain(32), Field(examples=["+14155550123"])
]

EmailOut = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"})]
PhoneOut = Annotated[str, Field(max_length=16, pattern=r"^\+[0-9]{3,15}$")]


class SignUpBody(Body):
    username: Username
    display_name: DisplayName
    email: Email
    phone: Phone | None = None
    password: NewPassword


class ProfileBody(Body):
    """What is left out stays as it is."""

    display_name: DisplayName | None = None
    default_audience: Annotated[Audience | None, Field(description="who may see your payments from now on")] = None
    friend_list: Annotated[Audience | None, Field(description="who may see whose friend you are")] = None
    findable: Annotated[
        bool | None, Field(description="whether who has your verified email address or phone number finds you by it")
    ] = None

    @property
    def changes(self) -> Changes:
        return Changes(self.display_name, self.default_audience, self.friend_list, self.findable)


class CodeBody(Body):
    code: Annotated[str, StringConstraints(max_length=6, pattern=r"^[0-9]{6}$"), Field(examples=["123456"])]


class PasswordBody(Body):
    current_password: Password
    new_password: NewPassword


class ContactBody(Body):
    """An e-mail address or a phone number in international form."""

    kind: Annotated[ContactKind, Field(strict=False, examples=["email"])]
    address: Annotated[
        str, StringConstraints(max_length=254), fields.plain(254), Plain, Field(examples=["alice@example.com"])
    ]

    @field_validator("address")
    @classmethod
    def _canonical(cls, address: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        return canonical(kind, address) if kind else address


class IdentityBody(Body):
    """The token of the identity provider's own check. In the sandbox: ``sandbox_identity_ok`` verifies,
    ``sandbox_identity_failed`` does not."""

    token: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        fields.plain(200),
        Plain,
        Field(examples=["sandbox_identity_ok"]),
    ]


ContactHash = Annotated[
    str,
    StringConstraints(max_length=64, pattern=r"^[0-9a-f]{64}$"),
    Field(examples=["7bef8d8abe7c5fa9ae0c64fbf7fd8fd42d6beb9087e54b4ea19e24da26a1b3e4"]),
]


class MatchesBody(Body):
    """SHA-256, in lower-case hex, of addresses in their canonical form: an e-mail address in lower case, a phone number
    as +14155550123."""

    hashes: Annotated[list[ContactHash], Field(min_length=1, max_length=HASHES_MOST)]


class PublicUser(BaseModel):
    id: Annotated[str, fields.public_id(ids.USER)]
    username: Annotated[str, Field(max_length=30, pattern=USERNAME)]
    display_name: Annotated[str, fields.text(60)]
    avatar_url: fields.Link | None


class Me(PublicUser):
    """``claimed_email`` and ``claimed_phone`` replace what is verified once they are verified themselves."""

    email: EmailOut | None
    phone: PhoneOut | None
    claimed_email: EmailOut | None
    claimed_phone: PhoneOut | None
    default_audience: Audience
    friend_list: Audience
    findable: bool
    created_at: fields.Moment
    email_verified: bool
    phone_verified: bool
    identity_verified: bool


class CodeSent(BaseModel):
    kind: ContactKind
    expires_at: fields.Moment


class PayCode(BaseModel):
    """``pay_code`` is what your QR code holds: who shows it to you, knows you. ``url`` is where its picture is."""

    pay_code: fields.Opaque
    url: fields.Link


class SignedUp(BaseModel):
    user: PublicUser
    tokens: Tokens


class UserPage(fields.Page[PublicUser]):
    pass


class FriendState(BaseModel):
    user: PublicUser
    state: Relation


class SuggestionOut(BaseModel):
    """``mutual_friends`` counts only those whom both of you let the other see."""

    user: PublicUser
    mutual_friends: fields.Count


class SuggestionPage(fields.Page[SuggestionOut]):
    pass


class Match(BaseModel):
    hash: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")]
    user: PublicUser


class Matches(BaseModel):
    data: Annotated[list[Match], Field(max_length=HASHES_MOST)]


def card_document(card: Card) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.USER, card.id),
        "username": card.username,
        "display_name": card.display_name,
        "avatar_url": card.avatar_url,
    }


def profile_document(profile: Profile) -> dict[str, Any]:
    return card_document(profile.card) | {
        "email": profile.email,
        "phone": profile.phone,
        "claimed_email": profile.claimed_email,
        "claimed_phone": profile.claimed_phone,
        "default_audience": profile.default_audience,
        "friend_list": profile.friend_list,
        "findable": profile.findable,
        "created_at": rfc3339(profile.created_at),
        "email_verified": profile.email_verified,
        "phone_verified": profile.phone_verified,
        "identity_verified": profile.identity_verified,
    }


def card_page(page: Page[Card]) -> Page[dict[str, Any]]:
    return Page([card_document(card) for card in page.rows], page.next_cursor)


def suggestion_document(card: Card, mutual: int) -> dict[str, Any]:
    return {"user": card_document(card), "mutual_friends": mutual}


def match_document(hashed: bytes, card: Card) -> dict[str, Any]:
    return {"hash": hashed.hex(), "user": card_document(card)}


def code_document(kind: ContactKind, expires_at: datetime) -> dict[str, Any]:
    return {"kind": kind, "expires_at": rfc3339(expires_at)}


def pay_code_document(pay_code: str) -> dict[str, Any]:
    return {"pay_code": pay_code, "url": PAY_CODE_PICTURE}


def pay_code_picture(pay_code: str) -> bytes:
    """The QR code that holds ``pay_code``, as SVG."""
    picture = BytesIO()
    segno.make_qr(pay_code).save(picture, kind="svg", scale=8)
    return picture.getvalue()
