"""Inventory: every tensor that an adapter of a model has in the file, and what it stands for.

Taken of an adapter that is attached, or of one that a config would attach; the model is not
changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from verilora.lora.attachment import attachment_of
from verilora.lora.biases import biases_to_train
from verilora.lora.blueprint import draw_blueprints
from verilora.lora.formats.peft.blocks import Block, blocks_of, wrappers_of
from verilora.lora.formats.peft.names import PREFIX, WRAPPED, wrapped
from verilora.lora.formats.peft.sites import Site, attached_sites, planned_sites
from verilora.lora.targets import resolve
from verilora.lora.tied import settle_ties, shared_parameters
from verilora.records.adapter import LoraConfig


@dataclass(frozen=True)
class Inventory:
    """What lies in the file of one adapter."""

    config: LoraConfig
    sites: tuple[Site, ...]
    blocks: tuple[Block, ...]
    whole: tuple[str, ...]
    """Paths of the modules trained whole."""
    saved: Mapping[str, str]
    """Tensor name -> state name in the model, of the modules trained whole and trained biases."""
    echoes: Mapping[str, str]
    """Tensor name -> state name whose values it repeats: PEFT knows no tie, so the module at the
    other end of a shared weight is written too."""

    @property
    def echoed(self) -> tuple[str, ...]:
        """Paths of the modules that repeat one trained whole."""
        return tuple(dict.fromkeys(_owner(name.removeprefix(PREFIX)) for name in self.echoes))


def attached_inventory(model: nn.Module) -> Inventory:
    """Of the adapter on the model. Raises StateError if there is none."""
    attachment = attachment_of(model)
    trained = (attachment.whole, attachment.biases)
    return _inventory(model, attachment.config, sites=attached_sites(model), trained=trained)


def planned_inventory(
    model: nn.Module, config: LoraConfig, *, reversed_nesting: frozenset[str] = frozenset()
) -> Inventory:
    """Of the adapter that `attach(model, config)` would give; raises what attach would."""
    resolved = resolve(model, config)
    prints = draw_blueprints(model, config, resolved=resolved)
    prints, _ = settle_ties(model, prints, resolved=resolved, config=config)
    return _inventory(
        model,
        config,
        sites=planned_sites(model, prints, config=config),
        trained=(
            resolved.whole,
            biases_to_train(model, prints, config=config, whole=resolved.whole),
        ),
        reversed_nesting=reversed_nesting,
    )


def _inventory(
    model: nn.Module,
    config: LoraConfig,
    *,
    sites: Sequence[Site],
    trained: tuple[tuple[str, ...], tuple[str, ...]],
    reversed_nesting: frozenset[str] = frozenset(),
) -> Inventory:
    whole, biases = trained
    root = config.scale_rule == "rslora"
    wrappers = wrappers_of(sites)
    saved = {
        PREFIX + wrapped(name, wrappers): name
        for path in whole
        for name, value in model.get_submodule(path).state_dict(prefix=f"{path}.").items()
        if isinstance(value, Tensor)
    }
    for name in biases:
        names = every_name(model, name) if config.bias == "all" else [name]
        saved |= {_bias_name(own, sites, wrappers=wrappers): name for own in names}
    echoes = dict(_echoes(model, sites, whole=whole)) if config.tied == "shared" else {}
    return Inventory(
        config,
        tuple(sites),
        tuple(blocks_of(model, sites, root=root, reversed_nesting=reversed_nesting)),
        whole,
        saved,
        echoes,
    )


def _echoes(
    model: nn.Module, sites: Sequence[Site], *, whole: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Modules outside of `whole` that have nothing but a parameter of a module in it."""
    adapted = {path for site in sites for path in (site.path, *site.partners)}
    inner = {id(m) for path in whole for m in model.get_submodule(path).modules()}
    for name, others in (shared_parameters(model) if whole else {}).items():
        if not any(name.startswith(f"{path}.") for path in whole):
            continue
        for other in others:
            module = model.get_submodule(_owner(other))
            alone = len(module.state_dict()) == 1 and id(module) not in inner
            if alone and _owner(other) not in adapted:
                yield PREFIX + other, name


def every_name(model: nn.Module, name: str) -> list[str]:
    """The parameter's names, of the modules that share it too; PEFT writes it under each."""
    parameter = model.get_parameter(name)
    every = model.named_parameters(remove_duplicate=False)
    return [other for other, found in every if found is parameter]


def _bias_name(name: str, sites: Sequence[Site], *, wrappers: Mapping[str, int]) -> str:
    """A trained bias in the file: that of an adapted module lies in the layer that PEFT wraps."""
    path, _, own = name.rpartition(".")
    adapted = {p for site in sites if not site.bare for p in (site.path, *site.partners)}
    inner = f"{WRAPPED}." if path in adapted else ""
    return f"{PREFIX}{wrapped(path, wrappers)}{'.' if path else ''}{inner}{own}"


def _owner(name: str) -> str:
    return name.rpartition(".")[0]
