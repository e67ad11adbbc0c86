"""Blocks: each pair of tensors in the file, and the updates that it holds.

Which pairs there are follows from the sites alone; the same list serves writing, reading and the
config's ranks and alphas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import nn

from verilora.lora.blueprint import stores_transposed
from verilora.lora.formats.peft.forms import (
    Experts,
    Form,
    Fused,
    Grouped,
    Whole,
    alpha_for,
)
from verilora.lora.formats.peft.names import factor_names, wrapped
from verilora.lora.formats.peft.sites import Part, Site
from verilora.lora.layers import CONVOLUTIONS


@dataclass(frozen=True)
class Block:
    """One LoRA of PEFT: its two tensors, where PEFT puts it, and whose factors it holds."""

    a_name: str
    b_name: str
    target: str
    """The module, or the parameter if `bare`, that PEFT adapts with it."""
    bare: bool
    site: Site
    parts: tuple[Part, ...]
    form: Form
    alpha: float
    """At the form's rank."""
    scale: float
    partner: bool = False
    """Stands for a module that shares the site's tied weight: the same update once more."""

    @property
    def rank(self) -> int:
        """Of the pair in the file."""
        return self.form.rank

    @property
    def rescales(self) -> bool:
        """It has a magnitude beside its pair (DoRA)."""
        return self.parts[0].rescales


def blocks_of(
    model: nn.Module,
    sites: Sequence[Site],
    *,
    root: bool,
    reversed_nesting: frozenset[str] = frozenset(),
) -> list[Block]:
    """Every block of the sites, in their order.

    `root`: scales are alpha / √rank. `reversed_nesting`: modules in whose file the parameter that
    was registered first is the outermost one.
    """
    wrappers = {site.path: len(site.parts) for site in sites if site.bare}
    blocks: list[Block] = []
    for site in sites:
        if site.bare:
            backwards = site.path in reversed_nesting
            found = _bare_blocks(site, wrappers, backwards=backwards)
        else:
            found = _module_blocks(model, site, wrappers=wrappers)
        blocks += (_with_alpha(block, root=root) for block in found)
    return blocks


def wrappers_of(sites: Sequence[Site]) -> Mapping[str, int]:
    """Path -> how often PEFT wraps the module, for the modules with bare parameters."""
    return {site.path: len(site.parts) for site in sites if site.bare}


def form_for(module: nn.Module, part: Part, *, bare: bool) -> Form:
    """The form of a single update of the module."""
    layout, rank = part.layout, part.stored_rank
    out, inner = layout.out_features, layout.in_features
    if layout.experts:
        return Experts(rank, layout.experts, out, inner)
    if bare:
        return Whole(rank, out, inner, swapped=layout.transposed)
    if isinstance(module, CONVOLUTIONS):
        kernel = layout.shape[1:]
        if module.groups > 1:
            return Grouped(rank, module.groups, out, kernel)
        return Whole(rank, out, inner, kernel)
    return Whole(rank, out, inner)


def _bare_blocks(site: Site, wrappers: Mapping[str, int], *, backwards: bool) -> Iterator[Block]:
    """PEFT wraps parameter by parameter in the order of the module: the last one is outermost."""
    order = list(site.module._parameters)
    parts = sorted(site.parts, key=lambda part: order.index(part.layout.parameter))
    for index, part in enumerate(parts):
        depth = index if backwards else len(parts) - 1 - index
        path = wrapped(site.path, wrappers) + ".base_layer" * depth
        a_name, b_name = factor_names(path, embedding=False)
        target = f"{site.path}.{part.layout.parameter}"
        form = form_for(site.module, part, bare=True)
        yield Block(a_name, b_name, target, True, site, (part,), form, part.alpha, part.scale)


def _module_blocks(model: nn.Module, site: Site, *, wrappers: Mapping[str, int]) -> Iterator[Block]:
    form, parts = _module_form(site)
    first = parts[0]
    for index, path in enumerate((site.path, *site.partners)):
        module = model.get_submodule(path)
        a_name, b_name = factor_names(
            wrapped(path, wrappers), embedding=isinstance(module, nn.Embedding)
        )
        partner = index > 0
        turned = stores_transposed(module) != stores_transposed(site.module)
        own = replace(form, swapped=True) if turned and isinstance(form, Whole) else form
        yield Block(
            a_name, b_name, path, False, site, parts, own, first.alpha, first.scale, partner
        )


def _module_form(site: Site) -> tuple[Form, tuple[Part, ...]]:
    if not site.parts[0].layout.rows:
        return form_for(site.module, site.parts[0], bare=False), site.parts
    parts = tuple(sorted(site.parts, key=lambda part: part.layout.rows or (0, 0)))
    layout = parts[0].layout
    out, inner = layout.matrix_shape
    rows = tuple(part.layout.rows for part in parts if part.layout.rows)
    return Fused(parts[0].stored_rank, rows, out, inner), parts


def _with_alpha(block: Block, *, root: bool) -> Block:
    part = block.parts[0]
    alpha = alpha_for(block.rank, of=part.alpha, at_rank=part.rank, root=root)
    return replace(block, alpha=alpha)
