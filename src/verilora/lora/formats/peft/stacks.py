"""Experts in bare parameters, without their model: PEFT's pair of tensors as stacks, and back.

The file names the module, never the parameter: which one it is follows from how deep it is wrapped,
and stays so. Rank and alpha must be those of the whole config.
Source: peft 0.21.2, tuners/lora/layer.py, ParamWrapper.get_delta_weight.
"""

from __future__ import annotations

from torch import Tensor

from verilora.lora.formats.adapter import Pair, are_matrices
from verilora.lora.formats.peft.forms import Experts, FormError
from verilora.lora.formats.peft.names import WRAPPED, unwrapped
from verilora.lora.formats.peft.stated import Stated


def is_stack(path: str, stated: Stated) -> bool:
    """True for a wrapped module, or one that target_parameters names a parameter of."""
    return path.endswith(f".{WRAPPED}") or any(
        f".{unwrapped(path)}".endswith(f".{name.rpartition('.')[0]}") for name in stated.parameters
    )


def stacked_pair(path: str, a: Tensor, *, b: Tensor, stated: Stated) -> Pair:
    """A [experts, rank, in] and B [experts, out, rank]. Raises FormError for what is no stack."""
    module, rank = unwrapped(path), stated.rank
    if not stated.parameters:
        raise FormError("is wrapped in the file, but target_parameters names no parameter of it")
    targets = [f"{module}.{name.rpartition('.')[2]}" for name in stated.parameters]
    own = [t for t in targets if (stated.rank_of(t), stated.alpha_of(t)) != (rank, stated.alpha)]
    if own:
        raise FormError(
            f"holds experts in bare parameters with a rank or alpha of their own ({own[0]}), and "
            "the file does not say which update is whose; load it into its model instead"
        )
    if not are_matrices(a, b) or a.shape[0] % rank or b.shape[1] != a.shape[0]:
        raise FormError(
            f"has factors {tuple(a.shape)} and {tuple(b.shape)}, which are no stack of experts of "
            f"the rank {rank}"
        )
    form = Experts(rank, a.shape[0] // rank, b.shape[0], a.shape[1])
    ((stacked_a, stacked_b),) = form.unpack(a, b)
    return Pair(stacked_a, stacked_b, stated.scale_of(targets[0]))


def filed(pair: Pair) -> tuple[Tensor, Tensor]:
    """The two tensors of the file."""
    form = Experts(pair.rank, pair.experts, *pair.shape)
    return form.pack([(pair.a, pair.b)])
