"""README.md: a model card of what is known, with nothing left to be filled in.

Every name in it comes from a model or a user and is escaped, for YAML and for Markdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from verilora.lora.formats.peft.card_measured import escaped, recipe_section, results_section
from verilora.lora.formats.peft.card_metadata import front_matter
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.names import CONFIG, SIDECAR, WEIGHTS
from verilora.lora.formats.peft.sites import Part, Site
from verilora.lora.layers import CONVOLUTIONS
from verilora.lora.reads import modules_read

MOST_ROWS = 100

_LOADING = """\
## Load

With verilora, which checks the base, every tensor and the digests below:

```python
from verilora import load_adapter

load_adapter(model, "path/of/this/directory")
```

With PEFT:

```python
from peft import PeftModel

model = PeftModel.from_pretrained(model, "path/of/this/directory")
```
"""


def card_of(
    model: nn.Module, inventory: Inventory, *, sidecar: Mapping[str, Any], saved: int
) -> bytes:
    """README.md for the adapter that `sidecar` records.

    `saved`: how many numbers lie in the modules trained whole.
    """
    sections = [
        front_matter(sidecar),
        _heading(sidecar),
        _layers(inventory, saved),
        *_cautions(model, inventory),
        _LOADING,
        *recipe_section(sidecar),
        *results_section(sidecar["results"]),
        _checking(sidecar),
    ]
    return ("\n".join(sections)).encode("utf-8")


def _heading(sidecar: Mapping[str, Any]) -> str:
    base = sidecar["base"]
    made_on = escaped(base["name"]) if base["name"] else "a base whose name is not known"
    lines = [
        f"\n# LoRA adapter for {escaped(base['class'])}\n",
        f"Low-rank updates for {made_on} (class {escaped(base['class'])}, stored in "
        f"{', '.join(base['dtypes'])}), saved with verilora in PEFT's format.\n",
    ]
    if not sidecar["trained"]:
        lines.append("**Every update is zero: this adapter is not trained.**\n")
    return "\n".join(lines)


def _layers(inventory: Inventory, saved: int) -> str:
    rows = [
        f"| {escaped(_named(site, part))} | {part.rank} | {part.alpha:g} | {part.scale:g} |"
        for site in inventory.sites
        for part in site.parts
    ]
    numbers = sum(_numbers(part) for site in inventory.sites for part in site.parts)
    whole = ", ".join(escaped(path) for path in inventory.whole) or "none"
    told = (
        f"\n{numbers:,} numbers in {len(rows):,} updates. Modules trained whole: {whole}"
        f"{f' ({saved:,} numbers)' if inventory.whole else ''}.\n"
    )
    head = ["## What is adapted\n", "| layer | rank | alpha | scale |", "|---|--:|--:|--:|"]
    if len(rows) > MOST_ROWS:
        rest = f"| and {len(rows) - MOST_ROWS} more, all in {SIDECAR} | | | |"
        rows = [*rows[:MOST_ROWS], rest]
    return "\n".join([*head, *rows, told])


def _named(site: Site, part: Part) -> str:
    shared = f" (shared with {', '.join(site.partners)})" if site.partners else ""
    return (site.path if part.name == "weight" else f"{site.path} [{part.name}]") + shared


def _numbers(part: Part) -> int:
    stack = part.layout.experts or 1
    return stack * part.rank * (part.layout.out_features + part.layout.in_features)


def _cautions(model: nn.Module, inventory: Inventory) -> Iterator[str]:
    """What another reader of these files computes differently."""
    sites = {site.path: site for site in inventory.sites}
    conv = [path for path, site in sites.items() if _beyond_peft(site.module)]
    read = modules_read(model)
    silent = [p for p, site in sites.items() if not site.bare and id(site.module) in read]
    paths = Counter(id(m) for _, m in model.named_modules(remove_duplicate=False))
    several = [path for path, site in sites.items() if paths[id(site.module)] > 1]
    if several:
        yield _caution("adapts a module of several names under the first one alone", several)
    if conv:
        yield _caution("leaves out the dilation and padding mode of convolutions", conv)
    if silent:
        yield _caution("adds nothing where another module reads a weight itself", silent)
    yield from _of_choices(inventory)
    if any(site.partners for site in inventory.sites):
        yield (
            "The update of a tied weight stands here for each of its modules. Merge it with "
            "verilora: PEFT 0.21 would add it to the shared weight more than once.\n"
        )


def _of_choices(inventory: Inventory) -> Iterator[str]:
    """What a start, a weight rule or trained biases mean for other readers."""
    config = inventory.config
    if any(part.started for site in inventory.sites for part in site.parts):
        yield (
            f"The updates began as a part of the weights ({config.init}). Each is stored with the "
            "pair that it began with, so that the file has twice the rank and fits the base as it "
            "is, without knowing of the start.\n"
        )
    if config.init == "loftq":
        yield (
            "It was trained on a base in 4 bits (LoftQ). Readers that do not know of it apply it "
            "to the base as it is, and differ by what quantising lost and the updates did not make "
            "up for; verilora quantises the base again.\n"
        )
    if config.weight_rule == "dora":
        yield "The rows of the weights have trained norms (DoRA), which vLLM does not read.\n"
    if config.bias != "none":
        yield f"Biases are trained too ({config.bias}), which vLLM does not read.\n"


def _caution(what: str, paths: list[str]) -> str:
    listed = ", ".join(escaped(path) for path in paths)
    return f"PEFT 0.21 {what}, so that it computes other values than verilora for: {listed}.\n"


def _beyond_peft(module: nn.Module) -> bool:
    if not isinstance(module, CONVOLUTIONS):
        return False
    return module.padding_mode != "zeros" or any(step != 1 for step in module.dilation)


def _checking(sidecar: Mapping[str, Any]) -> str:
    files = [f"| {name} | `{sidecar['files'][name]}` |" for name in (WEIGHTS, CONFIG)]
    base = f"| base, {len(sidecar['base']['tensors'])} tensors | `{sidecar['base']['digest']}` |"
    told = (
        f"\n`sha256sum {WEIGHTS} {CONFIG}` prints the first two without `sha256:`. {SIDECAR} "
        "lists the digest of every tensor of the base; `load_adapter` compares them all. Where a "
        "signed claim lies beside these files, `verilora verify` on this directory says whether "
        "signature and digests hold.\n"
    )
    return "\n".join(["## Check\n", "| what | digest |", "|---|---|", *files, base, told])
