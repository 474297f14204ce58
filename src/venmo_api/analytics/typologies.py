"""What the eight detections look for, with every figure they go by. Pure; a changed figure is a new version."""

from dataclasses import asdict, dataclass

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
ACCOUNT, DEVICE = "account", "device"


@dataclass(frozen=True, slots=True)
class Burst:
    """One sender, ``count`` payments or more within ``hours``."""

    count: int = 20
    hours: int = 1


@dataclass(frozen=True, slots=True)
class Structuring:
    """``count`` payments or cash-outs of one sender within ``hours``, each at most ``percent`` under one threshold."""

    thresholds: tuple[int, ...] = (100_000, 300_000, 1_000_000)
    percent: int = 10
    count: int = 4
    hours: int = 72


@dataclass(frozen=True, slots=True)
class FanIn:
    """``senders`` who had not paid this account for ``hours`` pay it ``amount`` or more within ``hours``, and
    ``percent``
    of all that came in goes out again in the same time."""

    senders: int = 10
    hours: int = 48
    amount: int = 50_000
    percent: int = 80


@dataclass(frozen=True, slots=True)
class FanOut:
    """One sender pays ``recipients`` within ``hours`` whom it had not paid for ``hours``."""

    recipients: int = 20
    hours: int = 24


@dataclass(frozen=True, slots=True)
class Cycle:
    """A pays B, B pays C, C pays A within ``hours``; ``amount`` or more, each from ``least`` to ``most`` percent of the
    payment before."""

    hours: int = 24
    amount: int = 20_000
    least: int = 70
    most: int = 105


@dataclass(frozen=True, slots=True)
class NewAccountCashOut:
    """In its first ``days`` an account receives ``amount`` or more and cashes out ``percent`` of it."""

    days: int = 7
    amount: int = 50_000
    percent: int = 80


@dataclass(frozen=True, slots=True)
class Dormant:
    """An account that did nothing for ``days`` sends or cashes out ``amount`` or more within ``hours``."""

    days: int = 60
    hours: int = 24
    amount: int = 100_000


@dataclass(frozen=True, slots=True)
class SharedDevice:
    """``accounts`` pay from one device within ``hours``."""

    accounts: int = 5
    hours: int = 168


Parameters = Burst | Structuring | FanIn | FanOut | Cycle | NewAccountCashOut | Dormant | SharedDevice


@dataclass(frozen=True, slots=True)
class Typology:
    """``lookback_hours``: how far before a day its findings depend on what happened."""

    name: str
    version: int
    subject: str
    parameters: Parameters
    lookback_hours: int

    def figures(self) -> dict[str, object]:
        return asdict(self.parameters)


BURST = Burst()
STRUCTURING = Structuring()
FAN_IN = FanIn()
FAN_OUT = FanOut()
CYCLE = Cycle()
NEW_ACCOUNT = NewAccountCashOut()
DORMANT = Dormant()
SHARED_DEVICE = SharedDevice()
TYPOLOGIES = (
    Typology("velocity_burst", 1, ACCOUNT, BURST, BURST.hours),
    Typology("structuring", 1, ACCOUNT, STRUCTURING, STRUCTURING.hours),
    Typology("fan_in_mule", 1, ACCOUNT, FAN_IN, 2 * FAN_IN.hours),
    Typology("fan_out", 1, ACCOUNT, FAN_OUT, 2 * FAN_OUT.hours),
    Typology("cycle", 1, ACCOUNT, CYCLE, CYCLE.hours),
    Typology("new_account_cash_out", 1, ACCOUNT, NEW_ACCOUNT, 24 * NEW_ACCOUNT.days),
    Typology("dormant_reactivation", 1, ACCOUNT, DORMANT, 24 * DORMANT.days + DORMANT.hours),
    Typology("shared_device", 1, DEVICE, SHARED_DEVICE, 2 * SHARED_DEVICE.hours),
)
NAMED = {each.name: each for each in TYPOLOGIES}
LOOKBACK_US = max(each.lookback_hours for each in TYPOLOGIES) * HOUR_US
