from __future__ import annotations

import dataclasses

import pytest

from verilora.data.dataset import Dataset, Example, take
from verilora.data.tasks import GLUE
from verilora.errors import DataError

TRAIN = (Example("train-0", ("a", "b"), 1), Example("train-1", ("c", "d"), 0))
VALIDATION = (Example("validation-0", ("e", "f"), 1),)
RTE = Dataset(GLUE["rte"], TRAIN, VALIDATION)


def test_the_digest_is_of_content_alone() -> None:
    again = Dataset(GLUE["rte"], TRAIN, VALIDATION, {"train: known": 3})
    assert again.digest == RTE.digest
    assert RTE.digest.startswith("sha256:")
    assert len(RTE.digest) == 71


@pytest.mark.parametrize(
    "changed",
    [
        Dataset(GLUE["wnli"], TRAIN, VALIDATION),
        Dataset(GLUE["rte"], TRAIN[:1], VALIDATION),
        Dataset(GLUE["rte"], TRAIN[::-1], VALIDATION),
        Dataset(GLUE["rte"], VALIDATION, TRAIN),
        Dataset(GLUE["rte"], TRAIN, (dataclasses.replace(VALIDATION[0], label=0),)),
        Dataset(GLUE["rte"], TRAIN, (dataclasses.replace(VALIDATION[0], id="x"),)),
        Dataset(GLUE["rte"], TRAIN, (dataclasses.replace(VALIDATION[0], texts=("ef", "")),)),
    ],
    ids=["task", "fewer", "order", "splits", "label", "id", "text"],
)
def test_any_change_of_content_changes_the_digest(changed: Dataset) -> None:
    assert changed.digest != RTE.digest


def test_the_digest_stays_what_it_was() -> None:
    # A digest in somebody's run.json must be found again by a later version.
    pinned = "2b2fc2c19317f02143d386b4bd253b58d8f51f6611ac1e3748b117c44bd27588"
    assert RTE.digest == f"sha256:{pinned}"


@pytest.mark.parametrize(("train", "validation"), [((), VALIDATION), (TRAIN, ())])
def test_an_empty_split_is_refused(
    train: tuple[Example, ...], validation: tuple[Example, ...]
) -> None:
    name = "validation" if train else "training"
    with pytest.raises(DataError, match=f"the {name} set of task 'rte' is empty"):
        Dataset(GLUE["rte"], train, validation)


def test_take() -> None:
    assert take(TRAIN, None) == take(TRAIN, 9) == TRAIN
    assert take(list(TRAIN), 1) == TRAIN[:1]


def test_turns_count_for_the_digest() -> None:
    task = dataclasses.replace(GLUE["rte"], kind="causal-lm")
    talk = Example("train-0", (), turns=(("user", "a"), ("assistant", "b")))
    other = dataclasses.replace(talk, turns=(("assistant", "a"), ("user", "b")))
    assert Dataset(task, (talk,), (talk,)).digest != Dataset(task, (other,), (talk,)).digest
