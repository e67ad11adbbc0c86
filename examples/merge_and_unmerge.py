"""Merge an adapter into its base and take it out again, to the bit.

python examples/merge_and_unmerge.py
"""

import torch
from torch import nn

from verilora import LoraConfig, adapter_parameters, attach, detach, merge, unmerge

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8)).to(torch.bfloat16)
base = {name: tensor.clone() for name, tensor in model.state_dict().items()}

attach(model, LoraConfig(rank=4, target_modules=["0", "2"], seed=0))
with torch.no_grad():  # as if it had been trained
    for parameter in adapter_parameters(model):
        parameter.normal_(std=0.1)

probe = torch.randn(4, 64, dtype=torch.bfloat16)
for _ in range(3):
    # Refused if the merged model's answer to the probe differs by more than rounding explains.
    report = merge(model, probe)
    unmerge(model)
print(report)

detach(model)
same = all(torch.equal(tensor, base[name]) for name, tensor in model.state_dict().items())
print(f"after three cycles and detach the base is {'the same to the bit' if same else 'DIFFERENT'}")
