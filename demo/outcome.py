"""What the demonstration says when the service is wrong, or is not there."""

from collections.abc import Sequence

NAMED_MOST = 6


class DoesNotAddUp(Exception):
    """The service said or kept something it must not. Names the first few differences."""

    def __init__(self, sentence: str, differences: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.differences = list(differences[:NAMED_MOST])
        self.unnamed = max(0, len(differences) - NAMED_MOST)


class NoAnswer(Exception):
    """Nothing useful came back, however often it was asked."""


class Complaints:
    """Differences found while the town is alive; too many end the run."""

    MOST = 50

    def __init__(self) -> None:
        self.said: list[str] = []

    def add(self, difference: str) -> None:
        self.said.append(difference)
        if len(self.said) >= self.MOST:
            self.fail("Too many answers were wrong to go on")

    def fail(self, sentence: str) -> None:
        """Raises DoesNotAddUp if there was any complaint."""
        if self.said:
            raise DoesNotAddUp(sentence, self.said)
