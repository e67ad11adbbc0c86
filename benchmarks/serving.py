"""AdapterBank beside peft: mixed batches, loading, switching. Ratios within one run, one thread.

The base has RoBERTa-base's layers (768 wide, a vocabulary of 1000, values at random): two of them
for the forward passes, twelve for loading. The floor of a forward pass is the same model with one
adapter merged. Times are processor time, pairs interleaved, medians told.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from verilora import AdapterBank, LoraConfig, adapter_parameters, attach, detach, save_adapter
from verilora.atomic import write_whole

REQUESTS = 32
HELD = 100
PAIRS = {64: 7, 4: 25}
"""Tokens in a request -> interleaved pairs."""
GOALS = {64: 1.05, 4: 1.12}
LOADING = 100.0
SWITCH_MS = 0.1
Row = dict[str, Any]


def main(arguments: argparse.Namespace) -> None:
    """Measures, prints a line for each case, and writes the table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as home:
        rows = [*_batches(Path(home) / "wide"), *_loading(Path(home) / "deep")]
    for row in rows:
        told = ", ".join(f"{k} {row[k]:.4g}" for k in ("ours", "peer", "ratio") if row[k])
        print(f"{row['case']}: {told}" + ("" if row["met"] is None else f", met: {row['met']}"))
    result = {"machine": platform.machine(), "versions": _versions(), "rows": rows}
    place = Path(__file__).parent / "results" / "serving.json"
    write_whole(place, json.dumps(result, indent=1).encode() + b"\n")


def _base(layers: int) -> nn.Module:
    config = transformers.RobertaConfig(
        vocab_size=1000, num_hidden_layers=layers, max_position_embeddings=80
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return transformers.RobertaModel(config).eval()


def _adapters(home: Path, count: int, *, layers: int, targets: Any) -> list[Path]:
    """Directories of so many adapters with values at random."""
    home.mkdir()
    model, found = _base(layers), []
    attach(model, LoraConfig(rank=8, target_modules=targets))
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for parameter in adapter_parameters(model):
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
        save_adapter(model, home / f"adapter{number}")
        found.append(home / f"adapter{number}")
    detach(model)
    return found


def _batches(home: Path) -> list[Row]:
    """A batch of requests with 1, 8 and 32 adapters, over one merged forward."""
    places = _adapters(home, REQUESTS, layers=2, targets="all-linear")
    merged, model = _base(2), _base(2)
    bank = AdapterBank(model, capacity=REQUESTS, rank=8)
    for number, place in enumerate(places):
        bank.load(f"adapter{number}", place)
    peer = _peer(_base(2), places)
    rows = []
    for tokens, pairs in PAIRS.items():
        ids = torch.randint(3, 1000, (REQUESTS, tokens), generator=torch.Generator().manual_seed(1))
        for count in (1, 8, 32):
            names = [f"adapter{row % count}" for row in range(REQUESTS)]
            floor, ours, theirs = _medians(
                [
                    lambda ids=ids: merged(input_ids=ids),
                    lambda ids=ids, names=names: _routed(bank, model, ids=ids, names=names),
                    lambda ids=ids, names=names: peer(input_ids=ids, adapter_names=names),
                ],
                pairs,
            )
            case = f"{REQUESTS} requests of {tokens} tokens, {count} adapters, over merged"
            rows.append(_row(case, ours / floor, peer=theirs / floor, goal=GOALS[tokens]))
    return rows


def _routed(bank: AdapterBank, model: nn.Module, *, ids: torch.Tensor, names: list[str]) -> Any:
    with bank.route(names):
        return model(input_ids=ids)


def _loading(home: Path) -> list[Row]:
    """A hundred adapters of query and value into twelve layers; and changing among them."""
    places = _adapters(home, HELD, layers=12, targets=["query", "value"])
    bank = AdapterBank(_base(12), capacity=HELD, rank=8)
    ours = [_seconds(lambda n=n, p=p: bank.load(f"a{n}", p)) for n, p in enumerate(places)]
    import peft

    model = peft.PeftModel.from_pretrained(_base(12), places[0], adapter_name="a0")
    theirs = [
        _seconds(lambda n=n: model.load_adapter(places[n], adapter_name=f"a{n}"))
        for n in range(1, HELD)
    ]
    early, late = statistics.median(ours[1:11]), statistics.median(ours[-10:])
    switch = statistics.median(_seconds(lambda n=n: _opened(bank, n)) for n in range(HELD)) * 1000
    peer_switch = statistics.median(
        _seconds(lambda n=n: model.set_adapter(f"a{n}")) * 1000 for n in range(5)
    )
    speed = sum(theirs) / sum(ours[1:])
    return [
        _row("loading the second to the hundredth adapter, seconds", sum(ours[1:]),
             peer=sum(theirs), ratio=speed, goal=LOADING, met=speed >= LOADING),
        _row("the first adapter, which hashes the base, seconds", ours[0]),
        _row("the last ten loads over the second to eleventh", late / early,
             peer=statistics.median(theirs[-10:]) / statistics.median(theirs[:10])),
        _row("changing the adapter, ms", switch, peer=peer_switch, goal=SWITCH_MS),
    ]  # fmt: skip


def _opened(bank: AdapterBank, number: int) -> None:
    with bank.route([f"a{number}"] * REQUESTS):
        pass


def _peer(model: nn.Module, places: list[Path]) -> Any:
    import peft

    found = peft.PeftModel.from_pretrained(model, places[0], adapter_name="adapter0")
    for number, place in enumerate(places[1:], 1):
        found.load_adapter(place, adapter_name=f"adapter{number}")
    return found.eval()


@torch.no_grad()
def _medians(calls: list[Callable[[], Any]], pairs: int) -> list[float]:
    """Seconds of each call, interleaved so that all share what else the machine does."""
    for call in calls:
        call()
    rounds = [[_seconds(call) for call in calls] for _ in range(pairs)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def _seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _row(
    case: str,
    ours: float,
    *,
    peer: float | None = None,
    ratio: float | None = None,
    goal: float | None = None,
    met: bool | None = None,
) -> Row:
    ratio = peer / ours if ratio is None and peer is not None else ratio
    met = ours <= goal if met is None and goal is not None else met
    row = {"case": case, "ours": ours, "peer": peer, "floor": None, "ratio": ratio}
    return {**row, "goal": goal, "met": met}


def _versions() -> dict[str, str]:
    import peft

    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
    }
