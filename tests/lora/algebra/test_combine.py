"""The sum of adapters is the sum of their ΔW, for any mix of ranks, scales and modules."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora import LoraConfig, attach, load_adapter
from verilora.errors import AdapterFileError, BaseMismatch, ConfigError, OutputError
from verilora.lora.algebra.combine import combine, combined
from verilora.lora.algebra.sparse import Method
from verilora.lora.formats import save_adapter
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.dialects import DIALECTS, read_adapter


def wanted(adapters, weights, dense):
    """Path -> Σ wᵢ ΔWᵢ in float64, by the definition."""
    paths = dict.fromkeys(path for one in adapters for path in one.pairs)
    return {
        path: sum(
            w * dense(one.pairs[path])
            for one, w in zip(adapters, weights, strict=True)
            if path in one.pairs
        )
        for path in paths
    }


@pytest.fixture
def mixed(llama_adapter):
    return [
        llama_adapter("q_proj", "v_proj", fields=lambda path: {"rank": 3, "scale": 16 / 3}),
        llama_adapter("q_proj", fields=lambda path: {"rank": 4, "scale": 8.0, "seed": 40}),
        llama_adapter("v_proj", "down_proj", fields=lambda p: {"rank": 1, "scale": math.sqrt(32)}),
    ]


@pytest.mark.parametrize("weights", [[1, 1, 1], [0.3, -0.7, 2.5], [0, 1, 0.5], [-1, 0, 0]])
def test_the_sum_is_linear(mixed, dense, weights):
    found = combined(mixed, weights)
    for path, matrix in wanted(mixed, weights, dense).items():
        norm = max(float(matrix.norm()), 1.0)
        assert float((dense(found.adapter.pairs[path]) - matrix).norm()) <= 1e-6 * norm
    for layer in found.layers:
        matrix = wanted(mixed, weights, dense)[layer.path]
        assert layer.norm == pytest.approx(float(matrix.norm()), abs=1e-9)
        error = float((dense(found.adapter.pairs[layer.path]) - matrix).norm())
        assert layer.error == pytest.approx(error, rel=1e-3, abs=1e-9)


@given(
    ranks=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    weights=st.lists(st.floats(-4, 4), min_size=4, max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_any_ranks_and_weights(make_pair, dense, ranks, weights):
    adapters = [
        Adapter({"x": make_pair(5, 7, rank=rank, seed=seed, scale=1.0 + seed)})
        for seed, rank in enumerate(ranks)
    ]
    own = weights[: len(ranks)]
    found = combined(adapters, own).adapter.pairs["x"]
    matrix = wanted(adapters, own, dense)["x"]
    assert found.rank <= max(5, 1)
    torch.testing.assert_close(dense(found), matrix, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equal_scales_and_weights_stack_to_the_bit(llama_adapter, dense, dtype):
    adapters = [
        llama_adapter("q_proj", fields=lambda path, s=s: {"dtype": dtype, "seed": s})
        for s in (1, 2)
    ]
    found = combined(adapters, [1, 1])
    assert found.relative_error == 0
    for path, matrix in wanted(adapters, [1, 1], dense).items():
        assert found.adapter.pairs[path].b.dtype == dtype
        torch.testing.assert_close(dense(found.adapter.pairs[path]), matrix, rtol=1e-13, atol=1e-13)


def test_a_weight_that_bfloat16_cannot_hold_widens(llama_adapter, dense):
    adapters = [
        llama_adapter("q_proj", fields=lambda path, s=s: {"dtype": torch.bfloat16, "seed": s})
        for s in (1, 2)
    ]
    found = combined(adapters, [0.3, 0.7])
    pair = next(iter(found.adapter.pairs.values()))
    assert pair.b.dtype == torch.float32
    assert found.relative_error < 1e-7


def test_a_weight_next_to_nothing_neither_overflows_nor_decides(make_pair, dense):
    adapters = [Adapter({"x": make_pair(4, 6, seed=s)}) for s in (0, 1)]
    for weights in ([1e-90, 0.5], [0.5, 1e-90], [0.0, 0.0], [1e-320, 1e-320]):
        found = combined(adapters, weights)
        matrix = wanted(adapters, weights, dense)["x"]
        torch.testing.assert_close(dense(found.adapter.pairs["x"]), matrix, rtol=1e-6, atol=1e-12)
        assert 0 <= found.relative_error < 1e-6


@pytest.mark.parametrize("rank", [None, 1])
def test_terms_that_cancel_leave_zero_and_no_noise(llama_adapter, dense, rank):
    found = combined([llama_adapter(), llama_adapter()], [0.3, -0.3], rank=rank)
    assert found.relative_error == 0
    for layer in found.layers:
        assert layer.norm == 0
        assert layer.error < 1e-12
        assert not dense(found.adapter.pairs[layer.path]).any()


def test_pefts_linear_is_not_the_sum_and_ours_is(tmp_path, tiny_pair, quiet_peft, dense):
    """add_weighted_adapter mixes A and B apart; its svd is right, and agrees with ours."""
    model, (one, two) = tiny_pair
    weights, path = [1.0, -1.0], "0"
    model.add_weighted_adapter(["one", "two"], weights, "linear", combination_type="linear")
    model.add_weighted_adapter(["one", "two"], weights, "svd", combination_type="svd", svd_rank=2)
    layer = model.base_model.model[0]
    exact = wanted([one, two], weights, dense)[path].float()
    assert (layer.get_delta_weight("linear") - exact).norm() > 0.5 * exact.norm()
    found = combined([one, two], weights)
    torch.testing.assert_close(dense(found.adapter.pairs[path]).float(), exact)
    small = combined([one, two], weights, rank=2)
    torch.testing.assert_close(
        dense(small.adapter.pairs[path]).float(),
        layer.get_delta_weight("svd"),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.fixture
def quiet_peft():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def tiny_pair(tmp_path, quiet_peft):
    """Two adapters of equal rank on one linear layer: in PEFT's model, and as they are read."""
    import peft

    torch.manual_seed(0)
    base = torch.nn.Sequential(torch.nn.Linear(6, 5))
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["0"])
    model = peft.get_peft_model(base, config, adapter_name="one")
    model.add_adapter("two", config)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_()
    model.save_pretrained(str(tmp_path))
    return model, [read_adapter(tmp_path / name) for name in ("one", "two")]


def test_recompression_is_the_best_of_its_rank(mixed, dense):
    weights = [1.0, 0.5, 0.25]
    found = combined(mixed, weights, rank=2)
    for layer in found.layers:
        matrix = wanted(mixed, weights, dense)[layer.path]
        tail = torch.linalg.svdvals(matrix)[2:]
        assert layer.rank == min(2, layer.rank)
        assert layer.error == pytest.approx(float(tail.norm()), rel=1e-4, abs=2e-6)
    assert 0 < found.relative_error < 1


def test_a_rank_above_the_matrix_comes_down_without_loss(make_pair, dense):
    adapters = [Adapter({"x": make_pair(4, 6, rank=3, seed=s)}) for s in (0, 1)]
    found = combined(adapters, [1, 1])
    assert found.adapter.pairs["x"].rank == 4
    assert found.relative_error < 1e-6


@pytest.mark.parametrize("name", ["ties", "dare", "dare-ties", "magnitude"])
def test_dense_methods_tell_their_error(mixed, dense, name):
    method, weights = Method(name, 0.5, seed=1), [1.0, 1.0, 1.0]
    found = combined(mixed, weights, method=method)
    for layer in found.layers:
        own = [one.pairs[layer.path] for one in mixed if layer.path in one.pairs]
        matrix = method.apply([dense(pair) for pair in own], [1.0] * len(own), path=layer.path)
        error = float((dense(found.adapter.pairs[layer.path]) - matrix).norm())
        assert layer.error == pytest.approx(error, rel=1e-6)
        assert layer.rank == sum(pair.rank for pair in own)
    again = combined(mixed, weights, method=method)
    assert all(
        torch.equal(again.adapter.pairs[path].b, pair.b)
        for path, pair in found.adapter.pairs.items()
    )
    whole = combined(mixed, weights, method=method, rank=16)
    assert whole.relative_error < 1e-6


def saved(tmp_path, name, *, base=0, seed=1, **config):
    torch.manual_seed(base)
    model = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    attach(model, LoraConfig(**{"target_modules": ["0"], **config}))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in (model[0].lora["weight"],):
            module.A.normal_(generator=generator)
            module.B.normal_(generator=generator)
    save_adapter(model, tmp_path / name)
    return model


def test_files_in_files_out_the_same_bytes(tmp_path):
    one = saved(tmp_path, "one", rank=2, alpha=3)
    two = saved(tmp_path, "two", rank=3, seed=2, scale_rule="rslora")
    found = combine([tmp_path / "one", tmp_path / "two"], [0.5, 2.0], tmp_path / "sum")
    combine([str(tmp_path / "one"), tmp_path / "two"], [0.5, 2.0], tmp_path / "again")
    for file in (tmp_path / "sum").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    model = load_adapter(plain, tmp_path / "sum")
    delta = 0.5 * one[0].lora["weight"].dense() + 2.0 * two[0].lora["weight"].dense()
    torch.testing.assert_close(model[0].lora["weight"].dense(), delta)
    assert found.to_mapping()["method"] == {"name": "sum"}
    with pytest.raises(OutputError):
        combine([tmp_path / "one"], [1.0], tmp_path / "sum")


def test_two_bases_are_refused_and_nothing_is_written(tmp_path):
    saved(tmp_path, "one", rank=2)
    saved(tmp_path, "two", rank=2, base=7)
    with pytest.raises(BaseMismatch):
        combine([tmp_path / "one", tmp_path / "two"], [1, 1], tmp_path / "sum")
    assert not (tmp_path / "sum").exists()
    with pytest.raises(ConfigError, match="rank is 0"):
        combine([tmp_path / "one"], [1], tmp_path / "sum", 0)


def test_other_formats_are_read_where_they_say_their_scale(tmp_path, llama_adapter, dense):
    for name in ("mlx", "loralib"):
        (tmp_path / name).mkdir()
        for file, content in DIALECTS[name].write(llama_adapter(), Given()).files.items():
            (tmp_path / name / file).write_bytes(content)
    found = combine([tmp_path / "mlx", tmp_path / "mlx"], [1, 1], tmp_path / "sum")
    for path, pair in llama_adapter().pairs.items():
        torch.testing.assert_close(dense(found.adapter.pairs[path]), 2 * dense(pair))
    with pytest.raises(AdapterFileError, match=r"no alpha.*; convert it first: verilora convert"):
        combine([tmp_path / "loralib"], [1], tmp_path / "half")
