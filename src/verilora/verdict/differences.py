"""What differs between a paper's cell and a run of it here: one protocol row for each dimension.

Found by comparing records, never asked. Pure: the account's recipe beside the setup's, field by
field, and the facts that the setup met.
"""

from __future__ import annotations

from verilora.records.protocol import DIMENSIONS, Dimension, Row, State
from verilora.records.target import Account, Setup, Target
from verilora.verdict.fields import FIELDS, is_spoken, listed, value_of, whole


def rows_of(  # limit: told as they are compared, the cell, its account, and ours
    target: Target, account: Account, setup: Setup
) -> tuple[Row, ...]:
    """One row for each dimension, in the order of DIMENSIONS.

    A stated field that differs makes its row different; else a field that the account is silent
    on makes it silent, filled before the runs; else it is the same.
    """
    rows: dict[str, Row] = {
        "base": _base(target, account, setup=setup),
        "start": _start(target, account, setup=setup),
        "training_data": _training_data(target, account, setup=setup),
        "evaluation": _evaluation(target, account, setup=setup),
        "metric": _metric(target, account, setup=setup),
        "preprocessing": _preprocessing(account, setup),
        "selection": _selection(target, account, setup=setup),
        "precision": _precision(account, setup),
        "environment": _environment(account, setup),
    }
    return tuple(
        rows.get(name) or _by_fields(name, account, setup=setup)  # type: ignore[arg-type]
        for name in DIMENSIONS
    )


def _base(target: Target, account: Account, *, setup: Setup) -> Row:
    told = account.told.get("base") or " or ".join(target.bases)
    ours, theirs = setup.recipe.model.base, account.recipe.model.base
    state = setup.base if ours == theirs or setup.base == "unknown" else "different"
    kept = setup.base_told if ours is None else f"{setup.base_told}, kept as {ours}"
    return Row(dimension="base", state=state, paper=told, ours=kept)


def _start(target: Target, account: Account, *, setup: Setup) -> Row:
    told = account.told.get("start") or (
        f"an adapter trained on {target.start_task}"
        if target.start == "adapter"
        else "the pretrained weights"
    )
    return Row(dimension="start", state=setup.start, paper=told, ours=setup.start_told)


def _training_data(target: Target, account: Account, *, setup: Setup) -> Row:
    told = account.told.get("training_data") or _counted(target.train_rows, "training examples")
    ours = _counted(setup.train_rows, "training examples")
    state = _data_state(target, account, setup=setup, fits=setup.train_rows == target.train_rows)
    if target.train_rows is None and state == "different":
        state = "unknown"
    row = _data_row("training_data", state, paper=told, ours=_with_task(ours, account, setup=setup))
    return _less_sure(row, target)


def _evaluation(target: Target, account: Account, *, setup: Setup) -> Row:
    items = target.reported.items
    told = account.told.get("evaluation") or _counted(items, "examples")
    ours = _counted(setup.validation_rows, "examples")
    if items and setup.validation_rows < items:
        ours = f"{setup.validation_rows:,} of {items:,} examples"
    state = _data_state(target, account, setup=setup, fits=setup.validation_rows == items)
    if items is None and state == "different":
        state = "unknown"
    limit = setup.recipe.generation and setup.recipe.generation.limit
    if limit:
        state, ours = "different", f"{ours}, of whose prompts the first {limit:,} are written on"
    row = _data_row("evaluation", state, paper=told, ours=_with_task(ours, account, setup=setup))
    return _less_sure(row, target)


def _data_state(target: Target, account: Account, *, setup: Setup, fits: bool) -> State:
    ours, theirs = setup.recipe.task, account.recipe.task
    if not fits or ours.name != theirs.name:
        return "different"
    if setup.data in target.datasets:
        return "same"
    return "equivalent" if ours.train is None else "different"


def _data_row(dimension: Dimension, state: State, *, paper: str, ours: str) -> Row:
    why = "as many rows; the texts were not compared" if state == "equivalent" else None
    return Row(dimension=dimension, state=state, paper=paper, ours=ours, reason=why)


def _less_sure(row: Row, target: Target) -> Row:
    """Where the very data are known, and these have as many rows and another digest, it is told."""
    if row.state != "equivalent" or not target.datasets:
        return row
    return row.replace(reason=f"{row.reason}, and their digest is none of those known")


def _with_task(ours: str, account: Account, *, setup: Setup) -> str:
    """The count, and whose examples they are where that is not clear from it."""
    task = setup.recipe.task
    if task.name != account.recipe.task.name:
        return f"{ours} of {task.name or 'files of your own'}"
    return f"{ours} from files of your own" if task.train is not None else ours


def _metric(target: Target, account: Account, *, setup: Setup) -> Row:
    told = account.told.get("metric") or target.metric
    ours, theirs = setup.recipe.task, account.recipe.task
    named = ours.metrics[0] if ours.metrics else None
    own = ours.name == theirs.name and named is None and theirs.metrics is None
    written = setup.recipe.generation is not None and target.metric in (ours.metrics or ())
    same = own or written or named == target.metric
    row = Row(
        dimension="metric",
        state="same" if same else "different",
        paper=told,
        ours=target.metric if same else named or f"the metric of {ours.name or 'another task'}",
    )
    return _as_written(row, account, setup=setup) if same else row


def _as_written(row: Row, account: Account, *, setup: Setup) -> Row:
    """The metric's row with how the text is written that it is measured on."""
    if account.recipe.generation is None and setup.recipe.generation is None:
        return row
    found = _by_fields("metric", account, setup=setup)
    ours, theirs = f"{row.ours}; {found.ours}", f"{row.paper}; {found.paper}"
    return found.replace(paper=theirs, ours=ours)


def _preprocessing(account: Account, setup: Setup) -> Row:
    limits = (account.recipe.training.max_length, setup.recipe.training.max_length)
    state, why = _lengths(limits, setup)
    theirs, ours = (f"texts of {limit} tokens at most" for limit in limits)
    return Row(dimension="preprocessing", state=state, paper=theirs, ours=ours, reason=why)


def _lengths(limits: tuple[int, int], setup: Setup) -> tuple[State, str | None]:
    if setup.base == "unknown":
        return "unknown", "whether the tokenizer is the same is as unknown as the base"
    if setup.base == "different":
        return "different", "another base has another tokenizer"
    if limits[0] == limits[1]:
        return "same", None
    # A text that our limit cuts may be longer than it; one that is not cut is counted whole.
    if setup.truncated == 0 and setup.longest <= min(limits):
        why = f"the longest text has {setup.longest} tokens, so that neither limit cuts any"
        return "equivalent", why
    return "different", None


def _selection(target: Target, account: Account, *, setup: Setup) -> Row:
    row = _by_fields("selection", account, setup=setup)
    over = f"; {target.reported.aggregation or 'mean'} over the runs"
    told = account.told.get("selection")
    if row.state == "different":
        return row
    return row.replace(paper=told or f"{row.paper}{over}", ours=f"{row.ours}{over}")


def _precision(account: Account, setup: Setup) -> Row:
    row = _by_fields("precision", account, setup=setup)
    told = account.told.get("precision")
    if told is None:
        return row
    # A source may name one that no recipe can hold (float16): its words go before the field.
    fits = told.startswith(setup.recipe.training.precision) and row.state != "different"
    ours = whole("precision", setup.recipe)
    state: State = "same" if fits else "different"
    return Row(dimension="precision", state=state, paper=told, ours=ours)


def _environment(account: Account, setup: Setup) -> Row:
    told = account.told.get("environment")
    if told is None:
        return _silent("environment", paper="not stated", ours=setup.environment)
    state: State = "same" if told == setup.environment else "different"
    return Row(dimension="environment", state=state, paper=told, ours=setup.environment)


def _by_fields(dimension: Dimension, account: Account, *, setup: Setup) -> Row:
    fields = FIELDS[dimension]
    pairs = {
        field: (value_of(account.recipe, field), value_of(setup.recipe, field)) for field in fields
    }
    silent = [field for field in fields if field in account.silent]
    differing = [f for f, (theirs, ours) in pairs.items() if theirs != ours and f not in silent]
    if differing:
        own = [field for field in silent if pairs[field][0] != pairs[field][1]]
        chosen = listed(own, setup.recipe)
        return Row(
            dimension=dimension,
            state="different",
            paper=listed(differing, account.recipe),
            ours=listed(differing, setup.recipe),
            reason=f"not stated, and chosen here: {chosen}" if chosen else None,
        )
    ours = whole(dimension, setup.recipe)
    if silent:
        stated = [f for f in fields if f not in silent and is_spoken(f, pairs[f][0])]
        paper = listed(stated, account.recipe) or "not stated"
        why = f"not stated: {listed(silent, setup.recipe)}"
        return _silent(dimension, paper=paper, ours=ours, reason=why)
    return Row(dimension=dimension, state="same", paper=whole(dimension, account.recipe), ours=ours)


def _silent(dimension: Dimension, *, paper: str, ours: str, reason: str | None = None) -> Row:
    return Row(
        dimension=dimension,
        state="paper_silent",
        paper=paper,
        ours=ours,
        reason=reason,
        filled="before",
    )


def _counted(count: int | None, what: str) -> str:
    return f"{what}, how many is not known" if count is None else f"{count:,} {what}"
