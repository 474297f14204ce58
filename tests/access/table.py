"""Who may do what to whose things: every operation of the API stands here once. One that does not fails the tests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.access import scene
from tests.access.scene import Scene
from tests.conftest import new_key

ROLES = ("owner", "counterparty", "friend", "stranger", "blocked", "blocking", "anonymous", "support", "analyst")
SIGNED_IN = tuple(role for role in ROLES if role != "anonymous")
HIDDEN = ("blocked", "blocking")
UNHIDDEN = tuple(role for role in SIGNED_IN if role not in HIDDEN)
OTHERS = tuple(role for role in SIGNED_IN if role != "owner")
Expected = dict[str, int]
"""Status by role. Who is not named gets 404, as for a thing that is not there; nobody known gets 401."""


def everybody(status: int) -> Expected:
    return dict.fromkeys(SIGNED_IN, status)


@dataclass(frozen=True)
class Thing:
    """``make`` makes one and tells its id. ``operations``: what is expected of each. ``bodies``: what is sent to those
    that take one, with the id in it where the body names the thing."""

    make: Callable[[Scene], Awaitable[str]]
    operations: dict[str, Expected]
    bodies: dict[str, Callable[[str], Any]] = field(default_factory=dict)


def _nothing(_: str) -> Any:
    return {}


def of_story(*seeing: str) -> dict[str, Expected]:
    """Who sees a story may do all of this to it."""
    found = {"getStory": 200, "listReactions": 200, "listComments": 200, "addComment": 201}
    done = dict.fromkeys(("likeStory", "unlikeStory", "react", "unreact", "reportStory"), 204)
    return {name: dict.fromkeys(seeing, status) for name, status in (found | done).items()}


ACTS = {
    "addComment": lambda _: {"text": "nice"},
    "reportStory": lambda _: {"reason": "spam"},
    "narrowStory": lambda _: {"audience": "private"},
}
PARTIES = {"narrowStory": {"owner": 200, "counterparty": 200}}


THINGS = {
    "restore": Thing(scene.restore, {"getRestore": {"owner": 200}}),
    "private transfer": Thing(
        scene.transfer,
        {
            "getTransfer": {"owner": 200, "counterparty": 200},
            "getTransferHistory": {"owner": 200, "counterparty": 200},
            "refund": {"owner": 403, "counterparty": 201},
            "cancelTransfer": {"owner": 409},
        },
        {"refund": _nothing},
    ),
    "waiting transfer": Thing(
        scene.waiting,
        {"getTransfer": {"owner": 200}, "getTransferHistory": {"owner": 200}, "cancelTransfer": {"owner": 200}},
    ),
    "private story": Thing(scene.story, of_story("owner", "counterparty") | PARTIES, ACTS),
    "story for friends": Thing(scene.shown_story, of_story("owner", "counterparty", "friend") | PARTIES, ACTS),
    "public story": Thing(scene.public_story, of_story(*UNHIDDEN) | PARTIES, ACTS),
    "comment": Thing(
        scene.comment,
        {
            "deleteComment": {"owner": 204, "counterparty": 204, "friend": 403},
            "reportComment": dict.fromkeys(("owner", "counterparty", "friend"), 204),
        },
        {"reportComment": lambda _: {"reason": "spam"}},
    ),
    "comment on a story of others": Thing(
        scene.comment_elsewhere,
        {
            "deleteComment": dict.fromkeys(UNHIDDEN, 403) | {"owner": 204, "counterparty": 204},
            "reportComment": dict.fromkeys(UNHIDDEN, 204),
        },
        {"reportComment": lambda _: {"reason": "spam"}},
    ),
    "report": Thing(
        scene.report, {"decideReport": {"support": 204}}, {"decideReport": lambda _: {"verdict": "dismiss"}}
    ),
    "case": Thing(
        scene.case,
        {"getCase": {"analyst": 200}, "proposeEnding": {"analyst": 200}},
        {"proposeEnding": lambda _: {"disposition": "dismiss", "narrative": "A birthday."}},
    ),
    "proposed case": Thing(
        scene.proposed_case, {"judgeProposal": {"analyst": 200}}, {"judgeProposal": lambda _: {"judgement": "approve"}}
    ),
    "held payment": Thing(
        scene.held_payment,
        {
            "getTransfer": {"owner": 200},
            "getTransferHistory": {"owner": 200},
            "cancelTransfer": {"owner": 409},
            "refund": {"owner": 409},
            "getRiskCase": {"analyst": 200},
            "decideHeldPayment": {"analyst": 200},
            "labelPayment": {"analyst": 200},
        },
        {
            "refund": _nothing,
            "decideHeldPayment": lambda _: {"verdict": "cancel"},
            "labelPayment": lambda _: {"source": "chargeback", "fraud": True},
        },
    ),
    "entry of the blocklist": Thing(scene.listed, {"removeFromBlocklist": {"analyst": 204}}),
    "candidate of the policy": Thing(scene.shadow, {"getShadowReport": {"analyst": 200}}),
    "request": Thing(
        scene.request,
        {
            "getRequest": {"owner": 200, "counterparty": 200},
            "acceptRequest": {"owner": 403, "counterparty": 200},
            "declineRequest": {"owner": 403, "counterparty": 200},
            "cancelRequest": {"owner": 200, "counterparty": 403},
            "remindOfRequest": {"owner": 200, "counterparty": 403},
        },
        {"acceptRequest": _nothing},
    ),
    "split": Thing(scene.split, {"getSplit": {"owner": 200, "counterparty": 200}}),
    "hold": Thing(
        scene.hold,
        {
            "getHold": {"owner": 200, "counterparty": 200},
            "captureHold": {"owner": 403, "counterparty": 201},
            "voidHold": {"owner": 403, "counterparty": 200},
        },
        {"captureHold": _nothing},
    ),
    "funding source": Thing(
        scene.source,
        {"topUp": {"owner": 201}, "cashOut": {"owner": 201}},
        {
            "topUp": lambda source: {"funding_source_id": source, "amount": 7},
            "cashOut": lambda source: {"funding_source_id": source, "amount": 100},
        },
    ),
    "top-up": Thing(scene.top_up, {"getTopUp": {"owner": 200}}),
    "cash-out": Thing(scene.cash_out, {"getCashOut": {"owner": 200}}),
    "notification": Thing(scene.notification, {"markRead": {"owner": 204}}),
    "session": Thing(
        scene.session,
        {"endSession": {"owner": 204}, "nameSession": {"owner": 200}},
        {"nameSession": lambda _: {"name": "kitchen"}},
    ),
    "factor": Thing(scene.factor, {"removeFactor": {"owner": 403}}),  # not without the factor itself
    "operation": Thing(scene.key, {"getOperation": everybody(200)}),  # whose own: see NEVER_SEEN
    "person": Thing(
        scene.person,
        {
            "getUser": dict.fromkeys(UNHIDDEN, 200),
            "readPersonFeed": dict.fromkeys(UNHIDDEN, 200),
            "listFriendsOf": dict.fromkeys(UNHIDDEN, 200),
            "befriend": dict.fromkeys(UNHIDDEN, 200) | {"owner": 422},
            "unfriend": everybody(204) | {"owner": 422},
            "dismissSuggestion": everybody(204),
            "unblock": everybody(204) | {"owner": 422},
            "getPerson": {"support": 200},
            "listTransfersOf": {"support": 200},
            "listSessionsOf": {"support": 200},
            "snoozeRule": {"analyst": 200},
            "wakeRule": {"analyst": 204},
        },
        {"snoozeRule": lambda _: {"hours": 1}},
    ),
    "person signed in": Thing(
        scene.newcomer,
        {"signOutPerson": {"support": 200}, "block": everybody(204) | {"owner": 422}},
        {"signOutPerson": lambda _: {"reason": "fraud_review"}},
    ),
    "staff room": Thing(
        scene.person,
        {
            "findPeople": {"support": 200},
            "listAudit": {"analyst": 200},
            "listReports": {"support": 200},
            "listCases": {"analyst": 200},
            "listHeldPayments": {"analyst": 200},
            "listDecisions": {"analyst": 200},
            "listBlocklist": {"analyst": 200},
            "addToBlocklist": {"analyst": 201},
            "listShadows": {"analyst": 200},
        },
        {"addToBlocklist": lambda _: {"subject": {"email": f"{new_key()}@example.com"}, "reason": "fraud"}},
    ),
}
QUERIES = {"getPerson": {"reason": "fraud_review"}, "findPeople": {"query": "owner"}}
# Whoever is not the owner of the key learns that they never used it.
NEVER_SEEN = {"getOperation"}
# These name people, whom anybody may name; what they then see and move is their own.
NAMES_PEOPLE = {"pay", "makeRequest", "splitExpense", "placeHold", "stepUp"}
# For everybody.
OPEN = {
    "signUp",
    "signIn",
    "refreshTokens",
    "askPasswordReset",
    "resetPassword",
    "undoContactChange",
    "meetChallenge",
    "sendChallengeCode",
    "askPasskeyForChallenge",
    "getKeys",
    "listProblems",
    "explainProblem",
    "readMessages",
    "live",
    "ready",
}
# About the caller and nothing else: they name no thing.
OWN = {
    "listTransfers",
    "listRequests",
    "listSplits",
    "readFeed",
    "narrowPast",
    "openEvents",
    "readPublicStories",
    "checkToken",
    "getWallet",
    "listFundingSources",
    "addFundingSource",
    "listTopUps",
    "listCashOuts",
    "getMe",
    "changeMe",
    "sendContactCode",
    "verifyContact",
    "changePassword",
    "changeContact",
    "removePhone",
    "verifyIdentity",
    "getPayCode",
    "replacePayCode",
    "drawPayCode",
    "searchUsers",
    "matchContacts",
    "listFriends",
    "suggestFriends",
    "listBlocks",
    "signOut",
    "listSessions",
    "endOtherSessions",
    "listFactors",
    "beginTotp",
    "confirmTotp",
    "beginPasskey",
    "addPasskey",
    "addCodes",
    "renewRecoveryCodes",
    "sendStepUpCode",
    "askPasskeyForStepUp",
    "listInbox",
    "markReadUpTo",
    "getNotificationChoices",
    "chooseNotifications",
    "addPushToken",
    "removePushToken",
    "getLimits",
    "listHolds",
    "getStatement",
    "askForRestore",
    "getBalanceAt",
    "readClock",
    "driveClock",
    "readInbox",
}
# Words of an enumeration, not names of things: in paths, and as ids that are the client's own to choose.
WORDS = {"kind", "code", "emoji", "last_event_id", "rule"}
# What is said for such a word where it stands beside the name of a thing.
SAID = {"emoji": "%F0%9F%8E%89", "rule": "velocity_day"}
