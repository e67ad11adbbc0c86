"""Tools that know nothing of adapters work on an adapted model as on any other."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.lora import adapter_parameters, attach, detach, explain, merge, unmerge
from verilora.records.adapter import LoraConfig

Build = Callable[[str], tuple[nn.Module, dict[str, Tensor]]]
Train = Callable[..., nn.Module]
Answer = Callable[..., Tensor]
EXPERTS = {"target_modules": ["q_proj"], "target_parameters": ["experts.gate_up_proj"]}
Q_AND_V = {"target_modules": ["q", "v"]}
LLAMA = {"target_modules": ["q_proj", "down_proj"]}


def config(**fields: Any) -> LoraConfig:
    return LoraConfig(rank=2, alpha=4, **fields)


@pytest.mark.parametrize(
    ("name", "fields"),
    [("gpt2", {"target_modules": ["c_attn"]}), ("llama", LLAMA), ("t5", Q_AND_V)],
)
def test_generate(name: str, fields: dict[str, Any], build: Build, train: Train) -> None:
    model, batch = build(name)
    train(attach(model, config(**fields)), 1.0)
    given = {key: value for key, value in batch.items() if not key.startswith("decoder")}
    given = {key: value[:1, :4] for key, value in given.items()}
    settings = {"max_new_tokens": 6, "do_sample": False, "use_cache": True}
    unmerged = model.generate(**given, **settings)
    assert torch.equal(model.generate(**given, **{**settings, "use_cache": False}), unmerged)
    merge(model)
    assert torch.equal(model.generate(**given, **settings), unmerged)
    base = detach(model).generate(**given, **settings)
    assert base.shape != unmerged.shape or not torch.equal(base, unmerged)


class Rows(torch.utils.data.Dataset[dict[str, Tensor]]):
    def __init__(self, batch: dict[str, Tensor]) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        row = {key: value[index % 2] for key, value in self.batch.items()}
        return {**row, "labels": torch.tensor(index % 2)}


def test_the_transformers_trainer(build: Build, tmp_path: Path) -> None:
    import transformers

    model, batch = build("roberta")
    fields = {"target_modules": ["query", "value"], "modules_to_save": ["classifier"]}
    attach(model, config(**fields))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=3,
        per_device_train_batch_size=4,
        learning_rate=0.05,
        report_to=[],
        disable_tqdm=True,
        save_strategy="steps",
        save_steps=3,
        use_cpu=True,
    )
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=Rows(batch))
    trainer.train()
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {name for name, p in model.named_parameters() if p.requires_grad}
    again = attach(build("roberta")[0], config(**fields, seed=3))
    saved = next(tmp_path.glob("checkpoint-3/*.safetensors"))
    from safetensors.torch import load_file

    again.load_state_dict(load_file(saved))
    assert torch.equal(again(**batch).logits, model.eval()(**batch).logits)


COMPILED = {
    "roberta": {"target_modules": ["query", "value"]},
    "gpt2": {"target_modules": ["c_attn"], "fused": {"c_attn": ["q", "v"]}},
    "mixtral": EXPERTS,
    "resnet": {"target_modules": ["convolution"]},
}


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.filterwarnings("ignore")
def test_compiled(name: str, build: Build, train: Train) -> None:
    torch._dynamo.reset()
    model, batch = build(name)
    train(attach(model, config(**COMPILED[name])))
    compiled = torch.compile(model, backend="eager")
    answers = [run(**batch).logits for run in (model, compiled)]
    torch.testing.assert_close(answers[1], answers[0], rtol=1e-4, atol=1e-5)
    trained = list(adapter_parameters(model))
    wanted, found = (torch.autograd.grad(logits.square().sum(), trained) for logits in answers)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_layer_is_one_graph_and_follows_merge_and_unmerge(train: Train) -> None:
    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(8, 8), nn.Embedding(4, 8), nn.Conv1d(8, 4, 3, groups=2))
    attach(model, LoraConfig(2, target_modules=["0", "1", "2"], dropout=0.1))
    train(model).eval()
    x, ids = torch.randn(2, 8), torch.tensor([1, 2, 3, 0])

    def run(x: Tensor, ids: Tensor) -> Tensor:
        return model[0](x).sum() + model[2](model[1](ids).T)

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        unmerged = run(x, ids)
        torch.testing.assert_close(compiled(x, ids), unmerged)
        merge(model)
        torch.testing.assert_close(compiled(x, ids), unmerged, rtol=1e-4, atol=1e-5)
        unmerge(model)
        for update in model[0].lora.updates():
            update.B.zero_()
        torch.testing.assert_close(compiled(x, ids), run(x, ids))
        assert not torch.equal(run(x, ids), unmerged)


CHECKPOINTED = {
    "roberta": {"target_modules": ["query", "value"]},
    "llama": LLAMA,
    "mixtral": EXPERTS,
}


@pytest.mark.parametrize("name", ["roberta", "llama", "mixtral"])
@pytest.mark.parametrize("reentrant", [None, False, True])
def test_gradient_checkpointing(
    name: str, reentrant: bool | None, build: Build, train: Train
) -> None:
    gradients = []
    for checkpointed in (False, True):
        model, batch = build(name)
        train(attach(model, config(**CHECKPOINTED[name]))).train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        if checkpointed:
            checkpoint(model, reentrant)
        model(**batch).logits.square().sum().backward()
        gradients.append([p.grad for p in adapter_parameters(model)])
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(again, plain)


def checkpoint(model: Any, reentrant: bool | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        if reentrant is None:
            model.gradient_checkpointing_enable()
        else:
            model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        if reentrant:  # transformers' own remedy for a base that is frozen
            model.enable_input_require_grads()


@pytest.mark.parametrize("remove", [False, True])
def test_accelerates_hooks(remove: bool, build: Build, train: Train, answer: Answer) -> None:
    from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module

    for order in ("before", "after"):
        model, batch = build("llama")
        layer = model.model.layers[0].self_attn.q_proj
        if order == "before":
            add_hook_to_module(layer, ModelHook())
        base = answer(model, batch)
        attach(model, config(target_modules=["q_proj"]))
        if order == "after":
            add_hook_to_module(layer, ModelHook())
        assert torch.equal(answer(model, batch), base)
        assert explain(model)[0].way == ("weight" if order == "before" else "output")
        moved = answer(train(model), batch)
        assert (moved - base).abs().max() > 1e-4
        if remove:
            remove_hook_from_module(layer)
            torch.testing.assert_close(answer(model, batch), moved, rtol=1e-4, atol=1e-5)
        assert torch.equal(answer(detach(model), batch), base)


def test_under_fake_tensors(build: Build) -> None:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        model, batch = build("roberta")
        attach(model, config(target_modules="all-linear", modules_to_save=["classifier"]))
        fake = {key: torch.ones(2, 6, dtype=torch.long) for key in batch}
        model(**fake).logits.sum().backward()
        assert all(p.grad is not None for p in adapter_parameters(model))
        detach(model)


def test_functional_calls_and_per_example_gradients(train: Train) -> None:
    model = train(attach(nn.Sequential(nn.Linear(4, 3)), LoraConfig(2, target_modules=["0"])))
    factors = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    x = torch.randn(5, 4)

    def loss(factors: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(model, factors, (x[None],)).square().sum()

    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(factors, x)
    model(x).square().sum().backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(found[name].sum(0), parameter.grad)
