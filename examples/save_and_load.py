"""Save an adapter as a PEFT directory, load it again, and see a changed base refused.

python examples/save_and_load.py
"""

import tempfile
from pathlib import Path

import torch
from torch import nn

from verilora import LoraConfig, attach, load_adapter, save_adapter
from verilora.errors import BaseMismatch


def build() -> nn.Module:
    """The same base each time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 2))


model = attach(build(), LoraConfig(rank=2, target_modules=["0", "2"], seed=0))
with torch.no_grad():  # as if it had been trained
    model[0].lora["weight"].B.normal_(std=0.1)

with tempfile.TemporaryDirectory() as folder:
    directory = Path(folder) / "adapter"
    save_adapter(model, directory, results={"accuracy": 91.0})
    print("saved:", ", ".join(sorted(path.name for path in directory.iterdir())))

    again = load_adapter(build(), directory)
    probe = torch.randn(4, 16)
    print("loaded: the answers are equal:", torch.equal(again(probe), model(probe)))

    other = build()
    with torch.no_grad():
        other[0].weight[0, 0] += 1.0
    try:
        load_adapter(other, directory)
    except BaseMismatch as error:
        print("refused:", error)
