"""AdapterBank: many adapters over one base, one for each row of the batch."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from verilora.errors import StateError, nearest
from verilora.kernels.grouped import NONE
from verilora.lora.attachment import attached_part
from verilora.lora.formats.peft.values import Values
from verilora.lora.reads import modules_read
from verilora.serve.bearable import way_of
from verilora.serve.layers import Banked, BankedWhole, bank_module, restore_module
from verilora.serve.reading import Reader
from verilora.serve.route import Route, Routing
from verilora.serve.slots import Heads, Slots, Stacked
from verilora.serve.stacking import stacked_updates
from verilora.serve.twin import twin_of, with_values


class AdapterBank:
    """Changes the model in place, so that each row of a batch may have another adapter, or none.

    The model's class, its methods and its state dict stay; `detach` gives it back. Outside of a
    route it is the base. Holds LoRA and DoRA of any pattern and of ranks up to `rank` on Linear,
    Embedding and GPT-2's Conv1D, whole or in fused parts, and modules trained whole. A module that
    an adapter does not have is the base's for its rows. For answering, not for training.

    Costs capacity · rank · (in + out) numbers in the weight's dtype for each module that any
    adapter has, taken when the first one comes.
    Raises StateError if the model has an adapter or a bank, or no values (meta device).
    """

    def __init__(self, model: nn.Module, *, capacity: int = 8, rank: int = 16) -> None:
        if capacity < 1 or rank < 1:
            raise ValueError(f"capacity {capacity} and rank {rank} must be at least 1")
        _refuse_state(model)
        self.capacity, self.rank = capacity, rank
        self.model, self._twin = model, twin_of(model)
        self._routing = Routing()
        self._reader = Reader(self._twin, rank=rank)
        self._read = modules_read(self._twin)
        self._slots: dict[str, Slots] = {}
        self._heads: dict[str, Heads] = {}
        self._places: dict[str, int] = {}
        self._in_use: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._hooks = (
            model.register_forward_pre_hook(self._routing.begin, with_kwargs=True),
            model.register_forward_hook(self._routing.end, always_call=True),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the adapters that are loaded, in the order of their loading."""
        return tuple(self._places)

    def load(
        self, name: str, directory: str | os.PathLike[str], *, check_base: bool = True
    ) -> None:
        """Puts the adapter of a PEFT directory into a free place.

        Everything is checked as `load_adapter` does it, the base's digests too unless
        `check_base` is false. All or nothing; what is loaded already goes on answering.
        Raises AdapterFileError with every fault, BaseMismatch, StateError if the name is taken or
        all places are.
        """
        with self._lock:
            place = self._free_place(name)
            values = self._reader.read(Path(directory), check_base=check_base)
            try:
                self._fill(place, values)
            except BaseException:
                self._clear(place)
                raise
            self._places[name] = place

    def unload(self, name: str) -> None:
        """Takes an adapter out; its place is free again.

        Raises StateError if there is none of that name, or a route with it is open.
        """
        with self._lock:
            place = self._place_of(name)
            if self._in_use[name]:
                raise StateError(f"'{name}' is in a route that is open; unload it after that")
            self._clear(place)
            del self._places[name]

    @contextmanager
    def route(self, names: Sequence[str | None]) -> Iterator[None]:
        """Inside, row i of the batch is answered with the adapter names[i], or the base for None.

        Inside transformers' `generate` each row stands for all beams of its prompt. An inner
        route replaces an outer one; a thread or task sees the routes that it opened itself.
        Raises StateError for a name that is not loaded; the model raises ShapeError for a batch
        of another number of rows.
        """
        if isinstance(names, str) or not names:
            raise ValueError(f"route({names!r}): a list with a name, or None, for each row")
        with self._lock:
            self._refuse_detached()
            places = tuple(NONE if name is None else self._place_of(name) for name in names)
            used = {name for name in names if name is not None}
            self._in_use.update(used)
        try:
            with Route(self._routing, places).opened():
                yield
        finally:
            with self._lock:
                self._in_use.subtract(used)

    def detach(self) -> nn.Module:
        """Takes everything off and gives the model back as it came, to the bit.

        Raises StateError inside a route, or the second time.
        """
        with self._lock:
            self._refuse_detached()
            if any(self._in_use.values()):
                raise StateError("a route is open; detach the bank after it")
            for hook in self._hooks:
                hook.remove()
            for module in list(self.model.modules()):
                restore_module(module)
            vars(self.model).pop(_MARK, None)
            self._slots.clear()
            self._heads.clear()
            self._places.clear()
            self._hooks = ()
        return self.model

    def __repr__(self) -> str:
        held = f"{len(self._places)} of {self.capacity}"
        return f"AdapterBank({type(self.model).__name__}, {held}, rank={self.rank})"

    def _place_of(self, name: str) -> int:
        if name not in self._places:
            held = ", ".join(self._places) or "none"
            hint = nearest(name, self._places) or f"; there are: {held}"
            raise StateError(f"no adapter is called {name!r}{hint}", name=name)
        return self._places[name]

    def _free_place(self, name: str) -> int:
        self._refuse_detached()
        if not isinstance(name, str) or not name:
            raise ValueError(f"an adapter's name is text that is not empty, not {name!r}")
        if name in self._places:
            raise StateError(f"'{name}' is loaded already; unload it first, or use another name")
        free = set(range(self.capacity)) - set(self._places.values())
        if not free:
            raise StateError(
                f"the bank is full: {self.capacity} adapters are loaded; unload one of them, or "
                f"make it larger with AdapterBank(model, capacity={self.capacity + 1})"
            )
        return min(free)

    def _fill(self, place: int, values: Values) -> None:
        for path, update in stacked_updates(self._twin, values).items():
            if path not in self._slots:
                self._slots[path] = self._new_slots(path, update)
            self._slots[path].put(place, update)
        for path in values.inventory.whole:
            if path not in self._heads:
                self._heads[path] = Heads()
                self._put_on(path, BankedWhole, held=self._heads[path])
            self._heads[path].put(place, self._head(path, values))

    def _new_slots(self, path: str, update: Stacked) -> Slots:
        way = way_of(self._twin, path, read=self._read)
        weight = self._twin.get_submodule(path)._parameters["weight"]
        assert way is not None and weight is not None
        held = Slots(weight, first=update, capacity=self.capacity, rank=self.rank)
        self._put_on(path, way, held=held)
        return held

    def _head(self, path: str, values: Values) -> nn.Module:
        whole = {n: value for n, value in values.whole.items() if n.startswith(f"{path}.")}
        own = {name.removeprefix(f"{path}."): value for name, value in whole.items()}
        return with_values(self._twin.get_submodule(path), own).eval()

    def _put_on(self, path: str, way: type[Banked], *, held: Slots | Heads) -> None:
        bank_module(self.model.get_submodule(path), way, held=held, routing=self._routing)

    def _clear(self, place: int) -> None:
        for held in (*self._slots.values(), *self._heads.values()):
            held.clear(place)

    def _refuse_detached(self) -> None:
        if not self._hooks:
            raise StateError("the bank is detached; make another one: AdapterBank(model)")


_MARK = "_lora_bank"


def _refuse_state(model: nn.Module) -> None:
    if attached_part(model) is not None:
        raise StateError(
            "the model has an adapter; call detach(model) first: a bank loads its own beside each "
            "other"
        )
    if _MARK in vars(model) or any(isinstance(module, Banked) for module in model.modules()):
        raise StateError("the model has a bank already; load into that one, or detach it first")
    if any(parameter.is_meta for parameter in model.parameters()):
        raise StateError("the model has no values yet (meta device); load its weights first")
    vars(model)[_MARK] = True
