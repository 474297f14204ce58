"""What is written to people: the sentence of the inbox and of mail, and what a lock screen may show. Pure."""

from typing import Final

from venmo_api.core.money import dollars
from venmo_api.notifications.rules import Kind

_NOT_YOU: Final = "If that was not you, reset your password."
SENTENCES: Final = {
    Kind.PAID: "{name} paid you {amount}.",
    Kind.PAYMENT_CLAIMED: "{name} has received your payment of {amount}.",
    Kind.PAYMENT_RETURNED: "Nobody claimed your payment in time; the money is yours again.",
    Kind.PAYMENT_FAILED: "Your payment failed: the bank or card behind it said no.",
    Kind.PAYMENT_RELEASED: "Your payment of {amount} has gone through to {name}.",
    Kind.PAYMENT_CANCELLED: "We could not carry out your payment; the money is yours again.",
    Kind.REFUNDED: "{name} refunded you {amount}.",
    Kind.REQUESTED: "{name} asks you for {amount}.",
    Kind.REMINDED: "{name} reminds you of a request.",
    Kind.REQUEST_DECLINED: "{name} declined your request.",
    Kind.REQUEST_CANCELLED: "{name} withdrew a request to you.",
    Kind.REQUEST_EXPIRED: "A request between you and {name} has run out.",
    Kind.HOLD_PLACED: "{name} authorised {amount} for you to capture.",
    Kind.HOLD_CAPTURED: "{name} took {amount} of what you authorised.",
    Kind.HOLD_RELEASED: "{name} gave back what you authorised.",
    Kind.HOLD_EXPIRED: "An authorisation between you and {name} has run out.",
    Kind.TOP_UP_SETTLED: "Your top-up of {amount} is in your balance.",
    Kind.TOP_UP_FAILED: "Your top-up of {amount} failed: the bank or card said no.",
    Kind.CASH_OUT_SETTLED: "Your cash-out of {amount} has gone to your bank.",
    Kind.CASH_OUT_FAILED: "Your cash-out of {amount} failed; the money is in your balance again.",
    Kind.FRIEND_ASKED: "{name} wants to be your friend.",
    Kind.FRIENDSHIP_STARTED: "{name} and you are friends now.",
    Kind.LIKED: "{name} likes your payment.",
    Kind.REACTED: "{name} reacted to your payment: {detail}",
    Kind.COMMENTED: "{name} commented on your payment.",
    Kind.MENTIONED: "{name} mentioned you in a comment.",
    Kind.NEW_DEVICE: f"Somebody signed in to your account from a new device. {_NOT_YOU}",
    Kind.PASSWORD_CHANGED: f"Your password was changed. {_NOT_YOU}",
    Kind.CONTACT_CLAIMED: f"Another {{detail}} was given for your account. {_NOT_YOU}",
    Kind.CONTACT_CHANGED: f"The {{detail}} of your account was changed or removed. {_NOT_YOU}",
    Kind.CONTACT_LOST: "Somebody else has shown that the {detail} you gave is theirs.",
    Kind.FACTOR_CHANGED: f"A way to confirm your sign-in was {{detail}}. {_NOT_YOU}",
}
_SECURITY: Final = "Something about your sign-in has changed. Look into your inbox."
_SETTLED: Final = "Money of yours has moved."
_FAILED: Final = "Something about your money went wrong. Look into your inbox."
BRIEF: Final = {
    Kind.PAID: "You have been paid.",
    Kind.PAYMENT_CLAIMED: "Your payment was received.",
    Kind.PAYMENT_RETURNED: "A payment of yours came back.",
    Kind.PAYMENT_FAILED: _FAILED,
    Kind.PAYMENT_RELEASED: _SETTLED,
    Kind.PAYMENT_CANCELLED: "A payment of yours came back.",
    Kind.REFUNDED: "You got a refund.",
    Kind.REQUESTED: "Somebody asks you for money.",
    Kind.REMINDED: "You are reminded of a request.",
    Kind.REQUEST_DECLINED: "A request of yours was declined.",
    Kind.REQUEST_CANCELLED: "A request to you was withdrawn.",
    Kind.REQUEST_EXPIRED: "A request has run out.",
    Kind.HOLD_PLACED: "Somebody authorised a payment to you.",
    Kind.HOLD_CAPTURED: "A payment you authorised was taken.",
    Kind.HOLD_RELEASED: "Money you authorised was given back.",
    Kind.HOLD_EXPIRED: "An authorisation has run out.",
    Kind.TOP_UP_SETTLED: _SETTLED,
    Kind.TOP_UP_FAILED: _FAILED,
    Kind.CASH_OUT_SETTLED: _SETTLED,
    Kind.CASH_OUT_FAILED: _FAILED,
    Kind.FRIEND_ASKED: "Somebody wants to be your friend.",
    Kind.FRIENDSHIP_STARTED: "You have a new friend.",
    Kind.LIKED: "Somebody likes your payment.",
    Kind.REACTED: "Somebody reacted to your payment.",
    Kind.COMMENTED: "Somebody commented on your payment.",
    Kind.MENTIONED: "Somebody mentioned you.",
    Kind.NEW_DEVICE: "Your account was used from a new device.",
    Kind.PASSWORD_CHANGED: _SECURITY,
    Kind.CONTACT_CLAIMED: _SECURITY,
    Kind.CONTACT_CHANGED: _SECURITY,
    Kind.CONTACT_LOST: _SECURITY,
    Kind.FACTOR_CHANGED: _SECURITY,
}
_WORDS: Final = {"email": "e-mail address", "phone": "phone number"}


def sentence(kind: Kind, *, name: str | None, amount: int | None, detail: str | None) -> str:
    """``name``: of the actor, now; ``amount`` in cents."""
    money = "" if amount is None else dollars(amount)
    return SENTENCES[kind].format(name=name, amount=money, detail=_WORDS.get(detail or "", detail))
