"""LoRA on a model of your own, in six lines: python examples/attach.py"""

import torch
from torch import nn

from verilora import LoraConfig, adapter_parameters, attach, explain

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 2))
inputs = torch.randn(256, 16)
labels = (inputs[:, :4].sum(dim=1) > 0).long()

attach(model, LoraConfig(rank=4, alpha=8, target_modules=["0"], modules_to_save=["2"], seed=0))
optimizer = torch.optim.AdamW(adapter_parameters(model), lr=0.01)
for step in range(100):
    loss = nn.functional.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % 20 == 0:
        print(f"step {step:3d}  loss {loss.item():.3f}")

print(explain(model))
