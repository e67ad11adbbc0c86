"""Between a live session and a checkpoint: what is kept, and how a run is taken up again.

Holds the rule of exact resume: the steps after it give the bits that an uninterrupted run gives.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from verilora.errors import CheckpointError
from verilora.records.recipe import Recipe
from verilora.records.run import CurvePoint
from verilora.train.build import Build
from verilora.train.checkpoint import Checkpoint
from verilora.train.loop import load_weights
from verilora.train.selection import Choice
from verilora.train.session import Session, Totals


def capture(session: Session, **more: Any) -> Checkpoint:
    """Everything that the steps to come depend on; `more` is kept beside it (plain values)."""
    epoch, batch = divmod(session.step, session.timetable.steps_per_epoch)
    choice = {name: value for name, value in vars(session.choice).items() if name != "weights"}
    state = {
        "recipe": session.build.recipe.to_mapping(),
        "inputs": inputs(session.build),
        "machine": machine(session.build),
        "epoch": epoch,
        "batch": batch,
        "choice": choice,
        "totals": dataclasses.asdict(session.totals),
        "curve": [point.to_mapping() for point in session.curve],
        "resumed": session.resumed,
        "preregistration": session.preregistration,
        **more,
    }
    return Checkpoint(session.step, _tensors(session), state)


def restore(session: Session, checkpoint: Checkpoint) -> None:
    """Puts a fresh session where the checkpoint was taken; notes what may change the bits.

    Raises CheckpointError if the recipe, the preregistration, the base or the data are not those
    of the checkpoint.
    """
    state = checkpoint.state
    _refuse_other_inputs(session.build, state)
    refuse_other_registration(state.get("preregistration"), session.preregistration)
    tensors = checkpoint.tensors
    try:
        load_weights(session, _under("weight/", tensors))
        _restore_optimizer(session, tensors)
        session.stream.restore(_under("random/", tensors))
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"the checkpoint of step {checkpoint.step} does not fit the model: {error}; "
            "start anew with --force"
        ) from error
    session.step = checkpoint.step
    session.choice = Choice(**state["choice"], weights=_under("best/", tensors))
    session.totals = Totals(**state["totals"])
    session.curve = [CurvePoint.model_validate(point) for point in state["curve"]]
    session.losses = tensors["losses"].tolist()
    session.resumed = state["resumed"] + 1
    session.notes = _other_machine(session.build, state["machine"])


def refuse_other_recipe(before: Mapping[str, Any], now: Recipe) -> None:
    """Raises CheckpointError naming each field in which a run's recipe differs from `now`."""
    old, new = _flat(before), _flat(now.to_mapping())
    faults = [
        f"{name} was {_told(old, name)} and is {_told(new, name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if faults:
        raise CheckpointError(
            "the run was begun with another recipe: " + "; ".join(faults) + ". Resume with the "
            "recipe.toml of the run's directory, or start anew with --force",
            fields=tuple(faults),
        )


def _told(fields: Mapping[str, Any], name: str) -> str:
    """A field that has its default may not stand in a recipe's bytes."""
    return repr(fields[name]) if name in fields else "left out"


def refuse_other_registration(before: str | None, now: str | None) -> None:
    """Raises CheckpointError if a run was begun under another preregistration than `now`."""
    if before == now:
        return
    raise CheckpointError(
        f"the run was begun under {_registration(before)}, and is asked for under "
        f"{_registration(now)}: a plan that is changed when results are known is no plan. Go on "
        "under the first, or start anew with --force",
        before=before,
        now=now,
    )


def inputs(build: Build) -> dict[str, str]:
    """Digests of what the steps read: base, data, encoded texts, the adapter started from."""
    encoded = hashlib.sha256()
    for ids in (*build.train.ids, *build.validation.ids):
        encoded.update(repr(ids).encode())
    for targets in (*(build.train.targets or ()), *(build.validation.targets or ())):
        encoded.update(repr(targets).encode())
    start = {"start": build.start} if build.start else {}
    return {
        "base": build.base_digest,
        "data": build.dataset.digest,
        "encoded": f"sha256:{encoded.hexdigest()}",
        **start,
    }


def machine(build: Build) -> dict[str, str]:
    """What the bits of a step depend on beside the recipe."""
    return {
        "torch": torch.__version__,
        "device": str(build.device),
        "threads": str(torch.get_num_threads()),
    }


def _tensors(session: Session) -> dict[str, Tensor]:
    kept: dict[str, Tensor] = {"losses": torch.tensor(session.losses, dtype=torch.float64)}
    for name, parameter in session.trained.items():
        kept[f"weight/{name}"] = parameter.detach()
        for field, value in session.optimizer.state[parameter].items():
            kept[f"adam/{name}/{field}"] = value
    kept.update({f"random/{name}": value for name, value in session.stream.state().items()})
    kept.update({f"best/{name}": value for name, value in session.choice.weights.items()})
    return kept


def _restore_optimizer(session: Session, tensors: Mapping[str, Tensor]) -> None:
    for name, parameter in session.trained.items():
        state = _under(f"adam/{name}/", tensors)
        session.optimizer.state[parameter] = {
            field: value.to(parameter.device) for field, value in state.items()
        }


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _refuse_other_inputs(build: Build, state: Mapping[str, Any]) -> None:
    refuse_other_recipe(state["recipe"], build.recipe)
    now = inputs(build)
    changed = [name for name, digest in state["inputs"].items() if now.get(name) != digest]
    if changed:
        told = {"base": "the base's weights", "data": "the data", "encoded": "the tokens"}
        told["start"] = "the adapter that it starts from"
        raise CheckpointError(
            f"{' and '.join(told[name] for name in changed)} changed since the checkpoint was "
            "written: a resumed run would be neither the old nor a new one; start anew with "
            "--force",
            changed=tuple(changed),
        )


def _registration(digest: str | None) -> str:
    return f"the preregistration {digest}" if digest else "no preregistration"


def _other_machine(build: Build, before: Mapping[str, str]) -> list[str]:
    now = machine(build)
    return [
        f"begun with {name} {before[name]}, resumed with {now[name]}: the adapter may differ in "
        "its last bits from that of an uninterrupted run"
        for name in now
        if before[name] != now[name]
    ]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value:
        return {prefix.removesuffix("."): value}
    pairs = (_flat(item, f"{prefix}{name}.") for name, item in value.items())
    return {name: item for flat in pairs for name, item in flat.items()}
