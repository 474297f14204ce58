"""A model is the text of its hash, scores as LightGBM does, and fits what is computed here, or is not taken."""

from collections.abc import Sequence

import lightgbm
import numpy as np
import pytest

from tests.risk import made
from venmo_api.risk import features, model
from venmo_api.risk.model import Model
from venmo_api.risk.rules import ModelUnfit

NAMED = b"tree\nfeature_names=" + " ".join(features.NAMES).encode()


@pytest.fixture(scope="module")
def body() -> bytes:
    return made.text()


def _load(body: bytes, *, names: Sequence[str] = features.NAMES, specs: bytes | None = None) -> Model:
    kept = made.kept(body)
    return model.load(body, sha256=kept.sha256, names=names, specs=model.meaning(names) if specs is None else specs)


def test_it_scores_each_row_as_lightgbm_scores_them_together(body: bytes) -> None:
    rows = made.rows(seed=1)
    expected = lightgbm.Booster(model_str=body.decode()).predict(rows.astype(np.float64))
    assert _load(body).score(rows.tolist()) == expected.tolist()


def test_it_tells_what_raised_a_score(body: bytes) -> None:
    small, large = [1_000] * len(features.NAMES), [1_000] * len(features.NAMES)
    large[made.LARGE] = 90_000
    loaded = _load(body)
    low, high = loaded.score([small, large])
    assert low < 0.1
    assert high > 0.9
    assert loaded.reasons(large)[0][0] == "amount"
    assert "amount" not in dict(loaded.reasons(small))
    booster = lightgbm.Booster(model_str=body.decode())
    [shares] = booster.predict(np.array([large], dtype=np.float64), pred_contrib=True)
    assert dict(loaded.reasons(large))["amount"] == shares[made.LARGE]


def test_vectors_of_a_longer_table_are_scored_by_what_the_model_knows(body: bytes) -> None:
    rows = made.rows(3).tolist()
    loaded = _load(body)
    assert loaded.score([[*row, 7, 8] for row in rows]) == loaded.score(rows)


def test_a_vector_that_is_too_short_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="size"):
        _load(body).score([[1, 2, 3]])


def test_a_model_of_another_hash_is_refused(body: bytes) -> None:
    changed = body.replace(b"learning_rate: 0.3", b"learning_rate: 0.4")
    assert changed != body
    with pytest.raises(ModelUnfit, match="hash"):
        model.load(changed, sha256=made.kept(body).sha256, names=features.NAMES, specs=model.meaning(features.NAMES))


@pytest.mark.parametrize(
    "names", [features.NAMES[::-1], (*features.NAMES[:-1], "pair_something_else"), (*features.NAMES, "one_more")]
)
def test_a_model_of_other_features_is_refused(body: bytes, names: Sequence[str]) -> None:
    with pytest.raises(ModelUnfit, match="other features"):
        _load(body, names=names)


def test_a_model_of_a_window_that_changed_under_its_name_is_refused(body: bytes) -> None:
    with pytest.raises(ModelUnfit, match="other features"):
        _load(body, specs=model.meaning(features.NAMES[:-1]))


def test_a_text_that_names_other_columns_than_were_registered_is_refused(body: bytes) -> None:
    with pytest.raises(ModelUnfit, match="names other features"):
        _load(body, names=features.NAMES[:-1])


@pytest.mark.parametrize("text", [b"tree\nnothing of the kind", b"\xff\xfe", NAMED + b"\nnothing"])
def test_a_text_that_is_no_model_is_refused(text: bytes) -> None:
    with pytest.raises(ModelUnfit, match="cannot be read"):
        _load(text)
