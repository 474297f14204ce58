"""What ``make mutation`` makes of mutmut's answers; that it fails when it should."""

import pytest

from tests import mutation

PROPERTY = '''class Account:
    balance: int = 0

    @property
    def available(self) -> int:
        """Cents."""
        return self.balance - 1

    @classmethod
    def of(cls) -> "Account":
        return cls()
'''
RESULTS = """
    venmo_api.core.fees.x_card_fee__mutmut_1: killed
    venmo_api.core.fees.x_card_fee__mutmut_2: no tests
    venmo_api.ledger.book.xǁBookǁ_moved__mutmut_14: timeout
"""
SHOWN = """# venmo_api.core.fees.x_card_fee__mutmut_2: survived
--- src/venmo_api/core/fees.py
+++ src/venmo_api/core/fees.py
@@ -1,2 +1,2 @@
 def card_fee(amount: int, figures: Figures) -> int:
-    return amount * 3
+    return amount / 3
"""


def test_a_property_becomes_a_function_that_can_be_mutated_and_stays_a_property() -> None:
    opened = mutation.with_open_properties(PROPERTY)
    assert "@property" not in opened
    assert "@classmethod" in opened
    made: dict[str, type] = {}
    exec(opened, made)
    assert made["Account"].of().available == -1


def test_a_source_without_properties_stays_as_it_is() -> None:
    assert mutation.with_open_properties("x = 1\n\n\ndef f():\n    return 2\n") == "x = 1\n\n\ndef f():\n    return 2\n"


def test_every_mutant_is_counted_in_its_file() -> None:
    statuses = mutation.told(RESULTS)
    assert list(statuses.values()) == ["killed", "no tests", "timeout"]
    assert [mutation.file_of(mutant) for mutant in statuses] == [
        "src/venmo_api/core/fees.py",
        "src/venmo_api/core/fees.py",
        "src/venmo_api/ledger/book.py",
    ]


def test_a_change_is_the_lines_that_went_and_came() -> None:
    assert mutation.changed(SHOWN) == ("return amount * 3", "return amount / 3")


@pytest.mark.parametrize(("survived", "enough"), [(15, True), (16, False), (100, False)])
def test_one_file_below_85_percent_is_too_few_however_good_the_others(survived: int, enough: bool) -> None:
    statuses = {f"venmo_api.core.money.x_dollars__mutmut_{number}": "killed" for number in range(1000)}
    for number in range(100):
        statuses[f"venmo_api.core.fees.x_fee__mutmut_{number}"] = "survived" if number < survived else "killed"
    files = ["src/venmo_api/core/fees.py", "src/venmo_api/core/money.py"]
    assert mutation.print_scores(files, statuses) is enough


@pytest.mark.parametrize("status", ["survived", "no tests", "suspicious", "segfault", "not checked", "skipped"])
def test_only_a_test_that_failed_or_never_ended_has_noticed(status: str) -> None:
    file = "src/venmo_api/core/fees.py"
    assert not mutation.print_scores([file], {"venmo_api.core.fees.x_fee__mutmut_1": status})
    assert mutation.print_scores([file], {"venmo_api.core.fees.x_fee__mutmut_1": "killed"})


def test_a_file_without_a_single_mutant_is_no_proof() -> None:
    assert not mutation.print_scores(["src/venmo_api/core/fees.py"], {})


def test_a_survivor_that_the_document_does_not_explain_is_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert not mutation.print_survivors({"venmo_api.core.fees.x_fee__mutmut_1": ("was", "nobody explains this")})
    assert "NOT EXPLAINED" in capsys.readouterr().out
    assert mutation.print_survivors({})
