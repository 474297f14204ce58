"""What the service must do with money, in as few words as possible. It knows no database and no keys."""

from dataclasses import dataclass, field

DEBT_MOST = 10_000
HOLD_DAYS, CLAIM_DAYS, REQUEST_DAYS = 7, 14, 30


@dataclass
class Purse:
    available: int = 0
    on_hold: int = 0
    debt: int = 0


@dataclass
class Thing:
    """A payment, a payment that waits to be claimed, a request or an authorisation, of ``one`` to ``other``."""

    one: int
    other: int | None
    left: int
    until: int = 0
    status: str = "pending"
    ended_by: int | None = None


@dataclass
class Model:
    """Each verb answers with the status of HTTP."""

    purses: list[Purse] = field(default_factory=list)
    day: int = 0

    def receive(self, who: int, amount: int) -> int:
        purse = self.purses[who]
        repaid = min(purse.debt, purse.available + amount)
        purse.debt -= repaid
        purse.available += amount - repaid
        return 201

    def take(self, who: int, amount: int) -> int:
        if self.purses[who].available < amount:
            return 402
        self.purses[who].available -= amount
        return 201

    def pay(self, one: int, other: int, amount: int) -> int:
        if one == other:
            return 422
        return self.receive(other, amount) if self.take(one, amount) == 201 else 402

    def set_aside(self, one: int, amount: int) -> int:
        if self.take(one, amount) == 402:
            return 402
        self.purses[one].on_hold += amount
        return 201

    def refund(self, paid: Thing, amount: int | None) -> int:
        assert paid.other is not None
        amount, purse = amount or paid.left, self.purses[paid.other]
        if not 0 < amount <= paid.left:
            return 409
        short = max(amount - purse.available, 0)
        if short and (purse.on_hold or purse.debt + short > DEBT_MOST):
            return 402
        purse.available -= amount - short
        purse.debt += short
        paid.left -= amount
        return self.receive(paid.one, amount)

    def accept(self, asked: Thing) -> int:
        assert asked.other is not None
        if asked.status != "pending" or asked.until <= self.day:
            return 409
        if self.pay(asked.other, asked.one, asked.left) == 402:
            return 402
        asked.status = "settled"
        return 200

    def withdraw(self, asked: Thing, who: int) -> int:
        if asked.status == "pending" and asked.until > self.day:
            asked.status, asked.ended_by = "cancelled", who
        return 200 if asked.ended_by == who else 409

    def capture(self, held: Thing, amount: int | None) -> int:
        assert held.other is not None
        if held.status != "pending" or held.until <= self.day:
            return 409
        amount = amount or held.left
        if amount > held.left:
            return 402
        held.left -= amount
        held.status = "pending" if held.left else "settled"
        self.purses[held.one].on_hold -= amount
        return self.receive(held.other, amount)

    def end(self, waiting: Thing) -> int:
        """Void, cancel: asked again, the same."""
        if waiting.status == "pending" and waiting.until > self.day:
            self._give_back(waiting, "cancelled")
        return 200 if waiting.status == "cancelled" else 409

    def claim(self, waiting: Thing, who: int) -> None:
        if waiting.status == "pending" and waiting.until > self.day:
            waiting.status = "settled"
            self.purses[waiting.one].on_hold -= waiting.left
            self.receive(who, waiting.left)

    def run_jobs(self, waiting: list[Thing]) -> None:
        for one in waiting:
            if one.status == "pending" and one.until <= self.day:
                self._give_back(one, "expired")

    def _give_back(self, waiting: Thing, status: str) -> None:
        waiting.status = status
        self.purses[waiting.one].on_hold -= waiting.left
        self.receive(waiting.one, waiting.left)
