"""Who lives in the town and who knows whom, decided before anybody signs up. Pure, but for the seed."""

import random
from dataclasses import dataclass, field

from demo.words import CAFE, PEOPLES

AUDIENCES = ("private", "friends", "public")
"""From strict to open."""
PHONES = 0.4
NEIGHBOURS = 3
REWIRED = 0.12
HUB_FRIENDSHIPS = 0.45
VERIFIED = 0.9
TOP_UP_MOST = 10_000_00
"""What anybody may bring in within a week, in cents."""
FIRST_CJK = 0x2E80


@dataclass(eq=False, slots=True)
class Person:
    """Somebody of the town: what they choose, and once signed up who they are to the service. ``verified``: their
    identity is, so they may send more."""

    number: int
    username: str
    display_name: str
    email: str
    phone: str | None
    default_audience: str
    top_up: int
    activity: float
    verified: bool
    friends: set["Person"] = field(default_factory=set)
    id: str = ""
    access_token: str = ""
    refresh_token: str = ""


@dataclass(frozen=True, slots=True)
class Town:
    """``people[0]`` is the café everybody goes to."""

    people: list[Person]
    friendships: list[tuple[Person, Person]]
    run: str

    @property
    def cafe(self) -> Person:
        return self.people[0]

    @property
    def topped_up(self) -> int:
        return sum(person.top_up for person in self.people)


def imagine(people: int, *, seed: int, run: str) -> Town:
    """A town of so many people. The same seed makes the same town; ``run``, eight hex digits, tells repeats apart."""
    dice = random.Random(f"town {seed}")
    inhabitants = [_person(number, dice, run) for number in range(people)]
    friendships = [(inhabitants[one], inhabitants[other]) for one, other in _small_world(people, dice)]
    for one, other in friendships:
        one.friends.add(other)
        other.friends.add(one)
    return Town(inhabitants, friendships, run)


def strictest(*audiences: str) -> str:
    return min(audiences, key=AUDIENCES.index)


def _person(number: int, dice: random.Random, run: str) -> Person:
    givens, families, family_first = dice.choice(PEOPLES)
    (given, given_slug), (family, _) = dice.choice(givens), dice.choice(families)
    space = "" if ord(given[0]) > FIRST_CJK else " "
    shown, slug = f"{family}{space}{given}" if family_first else f"{given} {family}", given_slug
    if number == 0:
        shown, slug = CAFE
    username = f"{slug}_{number}_{run}"
    activity = 0.3 if number == 0 else dice.lognormvariate(0, 0.8)
    return Person(
        number=number,
        username=username,
        display_name=shown,
        email=f"{username}@example.{dice.choice(('com', 'org', 'net'))}",
        phone=_phone(number, run) if dice.random() < PHONES else None,
        default_audience="public" if number == 0 else dice.choices(AUDIENCES, (15, 55, 30))[0],
        top_up=min(TOP_UP_MOST, round(dice.randrange(8_000, 50_000) * (0.5 + activity))),
        activity=activity,
        verified=number == 0 or dice.random() < VERIFIED,
    )


def _phone(number: int, run: str) -> str:
    """A number of the right length that nobody can have: no exchange of North America begins with 0 or 1.

    None begins with +1999: the sandbox takes nobody's word for those.
    """
    serial = (int(run, 16) * 1000 + number) % 1_598_000_000
    area, line = divmod(serial, 2_000_000)
    return f"+1{200 + area}{line:07d}"


def _small_world(people: int, dice: random.Random) -> list[tuple[int, int]]:
    """Friendships: a ring of neighbours with shortcuts (Watts and Strogatz, 1998), and on top newcomers who befriend
    whoever has many friends already (Barabási and Albert, 1999)."""
    edges: set[tuple[int, int]] = set()
    for one in range(people):
        for step in range(1, NEIGHBOURS + 1):
            other = dice.randrange(people) if dice.random() < REWIRED else (one + step) % people
            if one != other:
                edges.add((min(one, other), max(one, other)))
    ends = [end for edge in sorted(edges) for end in edge]
    for one in range(people):
        while dice.random() < HUB_FRIENDSHIPS:
            other = dice.choice(ends)
            edge = (min(one, other), max(one, other))
            if one != other and edge not in edges:
                edges.add(edge)
                ends += edge
    shuffled = sorted(edges)
    dice.shuffle(shuffled)
    return [(one, other) if dice.random() < 0.5 else (other, one) for one, other in shuffled]
