"""What a bank can hold, and why it cannot hold the rest: one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.sidecar import Sidecar
from verilora.lora.formats.peft.sites import Site
from verilora.lora.layers import Conv1DAdapted, EmbeddingAdapted, LinearAdapted, way_for
from verilora.lora.reads import modules_read
from verilora.lora.tied import shared_parameters
from verilora.serve.layers import Banked, BankedEmbedding, BankedLinear

INSTEAD = "load_adapter holds it, one adapter at a time"


class Bearable:
    """The rules on one model, whose classes are its own."""

    def __init__(self, model: nn.Module, *, rank: int) -> None:
        self.model, self.rank = model, rank
        self._read = modules_read(model)

    def faults(self, inventory: Inventory, sidecar: Sidecar | None) -> list[str]:
        """Everything of an adapter that a bank cannot hold."""
        found = [fault for site in inventory.sites for fault in self._of_site(site)]
        found += [fault for path in inventory.whole for fault in self._of_whole(path, inventory)]
        inside = tuple(f"{path}." for path in inventory.whole)
        biases = [name for name in inventory.saved.values() if not name.startswith(inside)]
        if biases:
            found.append(
                f"it has trained biases of the base ({biases[0]}), of which a batch has one only; "
                f"{INSTEAD}"
            )
        if sidecar is not None and sidecar.replaced:
            found.append(
                "its start put other weights in the place of the base's (LoftQ), and a bank has "
                f"one base for all; {INSTEAD}"
            )
        return found

    def _of_site(self, site: Site) -> Iterator[str]:
        for path in (site.path, *site.partners):
            if site.bare or way_of(self.model, path, read=self._read) is None:
                kind = type(self.model.get_submodule(path)).__name__
                yield (
                    f"'{path}' ({kind}) is adapted in its weight, convolved or kept in few bits; "
                    "rows of a batch can differ at the output of Linear, Embedding and GPT-2's "
                    f"Conv1D; {INSTEAD}"
                )
            elif {"experts", "expert"} & set(path.split(".")):
                yield (
                    f"'{path}' is an expert, which gets tokens in an order of their own: whose "
                    f"they are cannot be told; {INSTEAD}"
                )
        most = max(part.stored_rank for part in site.parts)
        if most > self.rank:
            twice = any(part.started for part in site.parts)
            start = ", twice its own, because it started from a part of the weight" if twice else ""
            yield (
                f"'{site.path}' has rank {most}{start}; the bank was made for {self.rank}: "
                f"AdapterBank(model, rank={most})"
            )

    def _of_whole(self, path: str, inventory: Inventory) -> Iterator[str]:
        module = self.model.get_submodule(path)
        kind = type(module).__name__
        if type(module).forward is nn.Module.forward or id(module) in self._read:
            yield (
                f"'{path}' ({kind}) was trained whole, and other code reads what is in it without "
                f"calling it; {INSTEAD}"
            )
        shared = shared_parameters(self.model) if inventory.config.tied == "shared" else {}
        if any(name.startswith(f"{path}.") for name in shared):
            yield f"'{path}' was trained whole together with what shares its weight; {INSTEAD}"


def way_of(model: nn.Module, path: str, *, read: set[int]) -> type[Banked] | None:
    """How the module at `path` of the twin holds many updates; None if it cannot."""
    module = model.get_submodule(path)
    way = way_for(module, is_read=id(module) in read)
    if way in (LinearAdapted, Conv1DAdapted):
        return BankedLinear
    return BankedEmbedding if way is EmbeddingAdapted else None
