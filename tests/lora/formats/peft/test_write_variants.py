"""What other readers make of our files: the peer, on the untouched base, computes what we do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from verilora.errors import AdapterFileError, BaseMismatch
from verilora.lora import attach, base_digests, merge
from verilora.lora.attachment import attachment_of, updates_of
from verilora.lora.formats import load_adapter, save_adapter
from verilora.lora.formats.peft.names import CONFIG, SIDECAR, WEIGHTS
from verilora.records.adapter import BIASES, SCALE_RULES, WEIGHT_RULES, LoraConfig

IDS = torch.tensor([[1, 4, 0, 7, 9], [2, 8, 4, 3, 10]])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.conv = nn.Embedding(11, 6), nn.Conv1d(6, 8, 3, padding=1)
        self.one, self.two, self.norm = nn.Linear(8, 6), nn.Linear(6, 6), nn.LayerNorm(6)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.conv(self.words(ids).transpose(1, 2)).transpose(1, 2)
        return self.two(self.norm(self.one(x).tanh()))


def base() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def config(**choice: Any) -> LoraConfig:
    return LoraConfig(2, 3, target_modules=("words", "conv", "one", "two"), **choice)


def theirs(directory: Path) -> nn.Module:
    return peft.PeftModel.from_pretrained(base(), str(directory)).eval()


@pytest.mark.parametrize("init", ["kaiming", "orthogonal", "pissa", "olora"])
@pytest.mark.parametrize("weight_rule", WEIGHT_RULES)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("scale_rule", SCALE_RULES)
def test_the_peer_computes_the_same_on_the_untouched_base(
    init: str, weight_rule: str, bias: str, scale_rule: str,
    tmp_path: Path, train: Callable[..., Any],
) -> None:  # fmt: skip
    choice = {"init": init, "weight_rule": weight_rule, "bias": bias, "scale_rule": scale_rule}
    own = train(attach(base(), config(**choice)))
    output = own(IDS)
    assert (output - base()(IDS)).abs().max() > 0.1
    save_adapter(own, tmp_path / "ours")
    peer = theirs(tmp_path / "ours")
    torch.testing.assert_close(peer(IDS), output, rtol=1e-5, atol=1e-5)
    # And back: what the peer writes of it is read here, without a word about the start.
    peer.save_pretrained(tmp_path / "theirs")
    again = load_adapter(base(), tmp_path / "theirs")
    torch.testing.assert_close(again(IDS), output, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("init", ["pissa", "olora", "loftq"])
def test_a_part_of_the_weight_is_written_as_a_plain_pair_of_twice_the_rank(
    init: str, tmp_path: Path, train: Callable[..., Any]
) -> None:
    own = train(attach(base(), config(init=init)))
    update: Any = updates_of(own, "one")["weight"]
    save_adapter(own, tmp_path / "a")
    stored, tensors = (
        json.loads((tmp_path / "a" / CONFIG).read_bytes()),
        {
            name: tensor
            for name, tensor in load_file(tmp_path / "a" / WEIGHTS).items()
            if ".one." in name
        },
    )
    assert (stored["r"], stored["lora_alpha"]) == (4, 6)
    assert "init_lora_weights" not in stored
    a, b = (
        tensors["base_model.model.one.lora_A.weight"],
        tensors["base_model.model.one.lora_B.weight"],
    )
    assert torch.equal(a, torch.cat([update.A, update.A0]))
    assert torch.equal(b, torch.cat([update.B, -update.B0], dim=1))
    sidecar = json.loads((tmp_path / "a" / SIDECAR).read_bytes())
    assert sidecar["layers"]["one"]["updates"]["weight"]["started"] is True
    assert (sidecar["config"]["init"], sidecar["config"]["rank"]) == (init, 2)
    assert sidecar["base"]["tensors"] == base_digests(attach(base(), config()))


def test_loftq_is_off_by_what_quantising_lost_and_the_pair_did_not_make_up_for(
    tmp_path: Path, train: Callable[..., Any]
) -> None:
    own, untouched = train(attach(base(), config(init="loftq"))), base()
    save_adapter(own, tmp_path / "a")
    update: Any = updates_of(own, "one")["weight"]
    lost = untouched.one.weight - own.one._parameters["weight"] - update.dense_pair(start=True)
    merge(own)
    peer: Any = theirs(tmp_path / "a").merge_and_unload()
    torch.testing.assert_close(peer.one.weight - own.one.weight, lost, rtol=1e-4, atol=1e-6)
    assert 0.01 < lost.norm() < 0.1 * untouched.one.weight.norm()


def test_loftqs_base_is_made_again_and_held_against_its_digest(
    tmp_path: Path, train: Callable[..., Any]
) -> None:
    own = train(attach(base(), config(init="loftq", loftq_rounds=2)))
    output = own(IDS)
    save_adapter(own, tmp_path / "a")
    again = load_adapter(base(), tmp_path / "a")
    assert torch.equal(again(IDS), output)
    sidecar = json.loads((tmp_path / "a" / SIDECAR).read_bytes())
    assert set(sidecar["replaced"]) == {
        f"{name}.weight" for name in ("words", "conv", "one", "two")
    }
    sidecar["replaced"]["one.weight"] = "sha256:" + "0" * 64
    (tmp_path / "a" / SIDECAR).write_text(json.dumps(sidecar))
    fresh = base()
    with pytest.raises(BaseMismatch, match=r"1 of 4 differ, 'one.weight'"):
        load_adapter(fresh, tmp_path / "a")
    assert torch.equal(fresh(IDS), base()(IDS))
    with pytest.raises(BaseMismatch):
        load_adapter(own, tmp_path / "a")
    assert torch.equal(own(IDS), output)
    assert torch.equal(load_adapter(fresh, tmp_path / "a", check_base=False)(IDS), output)


def test_evas_ranks_are_stored_and_no_batch_is_needed_to_load(tmp_path: Path) -> None:
    choice = config(init="eva").replace(target_modules=("one", "two"))
    own = attach(base(), choice, batches=[IDS])
    save_adapter(own, tmp_path / "a")
    again = load_adapter(base(), tmp_path / "a")
    assert attachment_of(again).config == attachment_of(own).config
    assert torch.equal(again(IDS), own(IDS))
    found: list[Any] = [updates_of(model, "one")["weight"] for model in (again, own)]
    assert torch.equal(found[0].A, found[1].A)


def test_an_adapter_goes_on_from_its_directory(tmp_path: Path, train: Callable[..., Any]) -> None:
    """Loaded into an attached model too: the start's pair comes with the trained one."""
    own = train(attach(base(), config(init="pissa", weight_rule="dora", bias="all")))
    save_adapter(own, tmp_path / "a")
    other = attach(base(), config(init="pissa", weight_rule="dora", bias="all", seed=7))
    load_adapter(other, tmp_path / "a")
    assert torch.equal(other(IDS), own(IDS))
    before = other(IDS)
    plain = attach(base(), config())
    untouched = plain(IDS)
    with pytest.raises(AdapterFileError, match="of another shape"):
        load_adapter(plain, tmp_path / "a")
    assert torch.equal(plain(IDS), untouched)
    assert torch.equal(other(IDS), before)


@pytest.mark.parametrize("weight_rule", WEIGHT_RULES)
def test_an_untrained_one_is_said_to_be(weight_rule: str, tmp_path: Path) -> None:
    own = attach(base(), config(init="pissa", weight_rule=weight_rule))
    save_adapter(own, tmp_path / "a")
    assert json.loads((tmp_path / "a" / SIDECAR).read_bytes())["trained"] is False
    update: Any = updates_of(own, "one")["weight"]
    with torch.no_grad():
        (update.magnitude if weight_rule == "dora" else update.B).mul_(1.5)
    save_adapter(own, tmp_path / "a", overwrite=True)
    assert json.loads((tmp_path / "a" / SIDECAR).read_bytes())["trained"] is True


class Shared(nn.Module):
    """One bias under two names, as in BERT's masked language model."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.bias = self.one.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x))


def shared() -> Shared:
    torch.manual_seed(0)
    return Shared().eval()


def test_a_bias_of_two_names_is_one_bias(tmp_path: Path, train: Callable[..., Any]) -> None:
    x, choice = torch.randn(3, 4), LoraConfig(2, 3, target_modules=("one",), bias="all")
    own = train(attach(shared(), choice))
    save_adapter(own, tmp_path / "ours")
    assert torch.equal(load_adapter(shared(), tmp_path / "ours")(x), own(x))
    peer = peft.PeftModel.from_pretrained(shared(), str(tmp_path / "ours")).eval()
    torch.testing.assert_close(peer(x), own(x))
    peer.save_pretrained(tmp_path / "theirs")
    again = load_adapter(shared(), tmp_path / "theirs")
    torch.testing.assert_close(again(x), own(x))
    tensors = load_file(tmp_path / "theirs" / WEIGHTS)
    tensors["base_model.model.two.bias"] += 1
    save_file(tensors, tmp_path / "theirs" / WEIGHTS)
    with pytest.raises(AdapterFileError, match="again, with other values"):
        load_adapter(shared(), tmp_path / "theirs")
