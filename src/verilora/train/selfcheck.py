"""After the first steps: does training do what it should? One clear error if it does not.

Guards against runs that look fine and learn or keep nothing: adapters outside the graph or the
optimiser, a head that is not trained, a base that is trained without being asked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from verilora.errors import SelfCheckError
from verilora.lora.attachment import attached_part
from verilora.lora.digests import replaced_digests
from verilora.lora.fingerprint import tensor_digest
from verilora.lora.update import LowRankUpdate
from verilora.records.events import SelfChecked
from verilora.train.session import Session

AFTER_STEPS = 3
"""B leaves zero with the first step, A with the second."""


class SelfCheck:
    """Made before the first step, used after the step `after`."""

    def __init__(self, session: Session) -> None:
        self.after = min(AFTER_STEPS, session.timetable.steps)
        model = session.build.model
        self._head = {
            f"{path}.{name}": parameter.detach().clone()
            for path in session.build.head
            for name, parameter in model.get_submodule(path).named_parameters()
        }
        self._started = {
            name: (module.A.detach().clone(), module.B.detach().clone())
            for name, module in model.named_modules()
            if isinstance(module, LowRankUpdate) and _any(module.B)
        }
        """Updates that had values already: that these are not zero says nothing."""
        self._frozen = {
            name: module.A.detach().clone()
            for name, module in model.named_modules()
            if isinstance(module, LowRankUpdate) and not module.A.requires_grad
        }
        """A of the updates whose B alone is trained."""

    def verify(self, session: Session) -> SelfChecked:
        """What was looked at. Raises SelfCheckError with the layer's path and the rule broken.

        That gradients are finite is seen at every step, before it changes anything.
        """
        model = session.build.model
        checks = ["gradients are finite"]
        if any(isinstance(module, LowRankUpdate) for module in model.modules()):
            _adapters_moved(model, session.step)
            _started_moved(model, self._started, step=session.step)
            checks.append("every adapter moved")
            _first_factors_stayed(model, self._frozen, step=session.step)
        if self._head:
            _head_trained(model, self._head, step=session.step)
            checks.append("the head is trained")
        verify_frozen(session)
        checks.append("no frozen weight changed")
        return SelfChecked(session.step, tuple(checks))


def verify_frozen(session: Session) -> None:
    """Raises SelfCheckError naming the first frozen weight whose bits differ from the base's.

    Compares sha256 digests with those taken when the base was loaded: nothing gets past it, not
    even a change made through `.data`.
    """
    model = session.build.model
    wanted = {**session.build.base_digests, **session.build.packed, **_replaced(model)}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if name not in wanted or tensor.requires_grad:
            continue
        if tensor_digest(tensor) != wanted[name]:
            raise SelfCheckError(
                f"the frozen weight {name} has changed by step {session.step}; something writes "
                "to it (a hook, an in-place operation, a second optimiser): the adapter would "
                "not fit the base it is saved for",
                path=name,
                step=session.step,
                check="no frozen weight changed",
            )


def _replaced(model: nn.Module) -> dict[str, str]:
    """Digests of the weights that the adapter's start put in the place of the base's."""
    return replaced_digests(model) if attached_part(model) == "" else {}


def _adapters_moved(model: nn.Module, step: int) -> None:
    for name, module in model.named_modules():
        if not isinstance(module, LowRankUpdate) or (_any(module.A) and _any(module.B)):
            continue
        path = name.rpartition(".lora.")[0] or name
        why = _why_still(module)
        raise SelfCheckError(
            f"the adapter at {path} is still zero after {step} steps: {why}; leave the layer out "
            "(adapter.exclude_modules), or find what cuts it off",
            path=path,
            step=step,
            check="every adapter moved",
        )


def _started_moved(
    model: nn.Module, before: dict[str, tuple[Tensor, Tensor]], *, step: int
) -> None:
    for name, (a, b) in before.items():
        module = model.get_submodule(name)
        assert isinstance(module, LowRankUpdate)
        if torch.equal(module.A, a) and torch.equal(module.B, b):
            path = name.rpartition(".lora.")[0] or name
            raise SelfCheckError(
                f"the adapter at {path} is after {step} steps what it was at the start: "
                f"{_why_still(module)}; leave the layer out (adapter.exclude_modules), or find "
                "what cuts it off",
                path=path,
                step=step,
                check="every adapter moved",
            )


def _first_factors_stayed(model: nn.Module, before: dict[str, Tensor], *, step: int) -> None:
    for name, a in before.items():
        module = model.get_submodule(name)
        assert isinstance(module, LowRankUpdate)
        if not torch.equal(module.A, a):
            path = name.rpartition(".lora.")[0] or name
            raise SelfCheckError(
                f"the first factor of the adapter at {path} is frozen (training.frozen_a), and has "
                f"changed by step {step}; something writes to it (a second optimiser, a hook)",
                path=path,
                step=step,
                check="no frozen weight changed",
            )


def _why_still(update: LowRankUpdate) -> str:
    if not update.B.requires_grad:
        return "its parameters are frozen (requires_grad is False)"
    if update.A.grad is None and update.B.grad is None:
        return "no gradient reaches it (the forward pass does not use the layer)"
    return "its gradient is zero, or no optimiser holds it"


def _head_trained(model: nn.Module, before: dict[str, Tensor], *, step: int) -> None:
    parameters = dict(model.named_parameters())
    moved = {
        name.rpartition(".")[0]
        for name, old in before.items()
        if not torch.equal(parameters[name].detach(), old)
    }
    for name in before:
        path = name.rpartition(".")[0]
        if path not in moved:
            raise SelfCheckError(
                f"the head at {path} has not changed after {step} steps: it keeps its random "
                "start; name it in adapter.modules_to_save, and see that it requires gradients",
                path=path,
                step=step,
                check="the head is trained",
            )


def _any(tensor: Tensor) -> bool:
    return bool(torch.count_nonzero(tensor))
