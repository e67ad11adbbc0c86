"""Metrics in percent, by scikit-learn and scipy; and what the commonest answer would score.

Of a causal language model perplexity, on its own scale, and the share of tokens foretold.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from verilora.data.tasks import CAUSAL, Task
from verilora.errors import RecipeError, TrainingError, nearest

Numbers = Sequence[int] | Sequence[float]


def measure(names: Sequence[str], predictions: Numbers, *, labels: Numbers) -> dict[str, float]:
    """Each metric by name, in percent (a correlation of 0.9 is 90.0).

    f1 is that of class 1; macro_f1 the mean over the classes that occur. A correlation with a
    constant is 0.0, and so is an F1 without any positive.
    Raises RecipeError for an unknown name, TrainingError for a prediction that is not finite.
    """
    unknown = [
        f"there is no metric '{name}'{nearest(name, MEASURES)} (known: {', '.join(MEASURES)})"
        for name in names
        if name not in MEASURES
    ]
    if unknown:
        raise RecipeError("metrics", unknown)
    if len(predictions) != len(labels) or not labels:
        raise ValueError(f"{len(predictions)} predictions for {len(labels)} labels")
    _refuse_not_finite(predictions)
    return {name: 100.0 * float(MEASURES[name](labels, predictions)) for name in names}


@dataclass(frozen=True)
class Tally:
    """What a causal language model made of one text."""

    tokens: int
    """Those to be foretold."""
    log_likelihood: float
    """Sum over them of the natural logarithm of the probability that each was given."""
    correct: int
    """Of them those that were the likeliest."""


def measure_language(names: Sequence[str], tallies: Sequence[Tally]) -> dict[str, float]:
    """Each metric by name over all tokens of all texts: a long text counts more than a short one.

    perplexity is exp(-log_likelihood / tokens); token_accuracy is in percent. Sums are exact
    (math.fsum), so that the order of the texts changes nothing. Raises TrainingError for a
    likelihood that is not finite.
    """
    bad = [tally.log_likelihood for tally in tallies if not math.isfinite(tally.log_likelihood)]
    if bad:
        raise TrainingError(
            f"the likelihood of {len(bad)} of {len(tallies)} texts is not finite (the first is "
            f"{bad[0]}); the model has diverged: lower training.learning_rate",
            count=len(bad),
        )
    return {name: LANGUAGE_MEASURES[name](tallies) for name in names}


def loss_of_tallies(tallies: Sequence[Tally]) -> float:
    """Nats for each token to be foretold, the mean over all tokens of all texts."""
    return -math.fsum(one.log_likelihood for one in tallies) / sum(one.tokens for one in tallies)


def majority(task: Task, train_labels: Numbers, *, validation_labels: Numbers) -> dict[str, float]:
    """The task's metrics, in percent, of giving every example the same answer.

    The answer is the commonest label of the training set (the lowest number of several), for a
    regression the mean. What a model must beat to have learnt anything. A causal language model
    has no labels, and so none.
    """
    if task.kind == CAUSAL:
        return {}
    if task.kind == "regression":
        answer: float = math.fsum(train_labels) / len(train_labels)
    else:
        counts = Counter(train_labels)
        answer = min(counts, key=lambda label: (-counts[label], label))
    return measure(task.metrics, [answer] * len(validation_labels), labels=validation_labels)


def _perplexity(tallies: Sequence[Tally]) -> float:
    try:
        return math.exp(loss_of_tallies(tallies))
    except OverflowError as error:
        raise TrainingError(
            f"the loss of {loss_of_tallies(tallies):.0f} nats for each token is beyond any "
            "perplexity; the model has diverged: lower training.learning_rate"
        ) from error


def _token_accuracy(tallies: Sequence[Tally]) -> float:
    return 100.0 * sum(one.correct for one in tallies) / sum(one.tokens for one in tallies)


def _refuse_not_finite(predictions: Numbers) -> None:
    bad = [index for index, value in enumerate(predictions) if not math.isfinite(value)]
    if bad:
        raise TrainingError(
            f"{len(bad)} of {len(predictions)} predictions are not finite (the first is "
            f"{predictions[bad[0]]}, of example {bad[0]}); the model has diverged: lower "
            "training.learning_rate",
            count=len(bad),
        )


def _matthews(labels: Numbers, predictions: Numbers) -> float:
    if _constant(labels) or _constant(predictions):
        return 0.0
    return matthews_corrcoef(labels, predictions)


def _correlation(labels: Numbers, predictions: Numbers, *, correlate: Callable[..., Any]) -> float:
    if _constant(labels) or _constant(predictions):
        return 0.0
    with warnings.catch_warnings():
        # Of nearly constant predictions the coefficient is inexact, but still the definition's.
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        coefficient = correlate(labels, predictions).statistic
    return coefficient if math.isfinite(coefficient) else 0.0


def _constant(values: Numbers) -> bool:
    return min(values) == max(values)


_NOTHING_FOUND: Any = 0.0
"""F1 where nothing is positive."""

MEASURES: dict[str, Callable[[Numbers, Numbers], float]] = {
    "accuracy": accuracy_score,
    "f1": partial(f1_score, zero_division=_NOTHING_FOUND),
    "macro_f1": partial(f1_score, average="macro", zero_division=_NOTHING_FOUND),
    "matthews": _matthews,
    "pearson": partial(_correlation, correlate=stats.pearsonr),
    "spearman": partial(_correlation, correlate=stats.spearmanr),
}
"""Metric name -> function of (labels, predictions) giving a share of 1."""

LANGUAGE_MEASURES: dict[str, Callable[[Sequence[Tally]], float]] = {
    "perplexity": _perplexity,
    "token_accuracy": _token_accuracy,
}
"""Metric name -> function of the tallies of all texts."""
