"""Weight files: what is damaged or foreign is refused clearly, and a model is never half loaded."""

import copy
import json
import os
import pickle
from contextlib import suppress
from inspect import signature
from pydoc import locate

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from dgm_lite import catalog, laws, outputs, weights
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture
from tests.fuzz.targets import modestly


def mixture(seed: int = 0, n_components: int = 3) -> GaussianMixture:
    torch.manual_seed(seed)
    return GaussianMixture(2, n_components)


@pytest.fixture
def file(tmp_path):
    """A good file of a mixture of Gaussians."""
    weights.save(mixture(), tmp_path / "good.safetensors", data="orange-blue")
    return tmp_path / "good.safetensors"


def parts(file) -> tuple[dict, dict]:
    with safe_open(str(file), framework="pt") as opened:
        return {k: opened.get_tensor(k) for k in opened.keys()}, opened.metadata()  # noqa: SIM118


def refused(file, *words: str, model: nn.Module | None = None) -> None:
    """Loading says what is wrong and leaves the model as it was."""
    model = model or mixture(seed=7)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError) as caught:
        weights.load(model, file)
    for word in ("weights: ", *words):
        assert word in str(caught.value), f"{word!r} not in: {caught.value}"
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items()), "the model was changed"


def test_what_was_saved_comes_back(file):
    model = mixture(seed=7).train()
    about = weights.load(model, file)
    assert about == {"model": "GaussianMixture", "data": "orange-blue"}
    assert all(torch.equal(v, mixture().state_dict()[k]) for k, v in model.state_dict().items())
    assert not model.training


def test_equal_weights_give_equal_bytes(file, tmp_path):
    for k in range(8):
        weights.save(mixture(), tmp_path / f"{k}.safetensors", data="orange-blue")
        assert (tmp_path / f"{k}.safetensors").read_bytes() == file.read_bytes()


def test_every_flipped_byte_is_noticed(file):
    """Also in the numbers themselves, which safetensors does not check."""
    whole = file.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in [*range(0, header, 7), *range(header, len(whole), 5)]:
        for bit in (1, 128):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            try:
                refused(file, "good.safetensors")
            except pytest.fail.Exception:
                # The header is JSON: a flipped byte may fall on a blank that means nothing.
                assert whole[place : place + 1] == b" ", f"byte {place} flipped unnoticed"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(file, share):
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    refused(file, "good.safetensors is damaged")


def test_a_file_with_something_behind_it_is_refused(file):
    file.write_bytes(file.read_bytes() + b"more")
    refused(file, "good.safetensors is damaged")


def test_a_folder_or_nothing_is_no_file(tmp_path):
    for missing in (tmp_path, tmp_path / "nothing.safetensors"):
        with pytest.raises(FileNotFoundError, match="no file"):
            weights.load(mixture(), missing)


def test_other_formats_are_refused(tmp_path):
    """A pickle is never opened: it could run code."""
    file = tmp_path / "other.safetensors"
    for content in (
        pickle.dumps(mixture().state_dict()),
        b"",
        b"{}",
        b"\0" * 64,
        b"\xff" * 64,
        b"PK\3\4" + b"\0" * 40,
    ):
        file.write_bytes(content)
        refused(file, "other.safetensors")


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    save_file(mixture().state_dict(), tmp_path / "foreign.safetensors")
    refused(tmp_path / "foreign.safetensors", "expected format 'dgm-lite/2', got None")


@pytest.mark.parametrize("change, words", [
    ({"format": "dgm-lite/1"}, ("expected format 'dgm-lite/2'", "got 'dgm-lite/1'", "made anew")),
    ({"kind": "checkpoint"}, ("expected a file of weights", "got one of 'checkpoint'")),
    ({"about": "{}"}, ("checksum",)),
    ({"about": json.dumps({"model": "GaussianMixture", "data": "digits"})}, ("checksum",)),
    ({"sha256": "0" * 64}, ("checksum",)),
    ({"sha256": None}, ("checksum",)),
    ({"about": None}, ("checksum",)),
])  # fmt: skip
def test_changed_metadata_are_refused(file, change, words):
    tensors, metadata = parts(file)
    metadata = {k: v for k, v in (metadata | change).items() if v is not None}
    save_file(tensors, file, metadata=metadata)
    refused(file, *words)


def test_changed_tensors_are_refused(file):
    tensors, metadata = parts(file)
    for changed in (
        tensors | {"mu": tensors["mu"] + 1e-7},
        tensors | {"mu": tensors["mu"].T.contiguous()},
        tensors | {"mu": tensors["mu"].half()},
        tensors | {"extra": torch.zeros(1)},
        {k: v for k, v in tensors.items() if k != "mu"},
        {("nu" if k == "mu" else k): v for k, v in tensors.items()},
    ):
        save_file(changed, file, metadata=metadata)
        refused(file, "checksum")


def test_another_class_is_refused(file):
    refused(
        file,
        "does not fit this BernoulliMixture",
        "class 'dgm_lite.latent.mixture.BernoulliMixture', got 'dgm_lite.latent.mixture.GaussianMixture'",
        model=BernoulliMixture(2, 3),
    )


def test_other_sizes_are_refused_by_name(file):
    refused(file, "does not fit", "mu float32 (5, 2), got float32 (3, 2)", model=mixture(n_components=5))
    refused(file, "does not fit", "mu float64 (3, 2), got float32 (3, 2)", model=mixture().double())
    deeper = CausalARM(4, 3, channels=4, dilations=(1, 2))
    weights.save(CausalARM(4, 3, channels=4, dilations=(1,)), file)
    refused(
        file,
        "blocks.1.class 'dgm_lite.autoregressive.convolution.GatedBlock', got none",
        "more",
        model=deeper,
    )


def test_weights_that_fit_a_model_of_other_settings_are_refused(file):
    """The tensors of both fit either: 17 levels told as 33 would be 2.22 told as 3.07 bits/dim."""
    weights.save(CausalARM(4, 17, channels=4, dilations=(1,), n_logistics=3), file)
    other = CausalARM(4, 33, channels=4, dilations=(1,), n_logistics=3)
    refused(file, "does not fit this CausalARM", "levels 33, got 17", model=other)


def test_nan_is_refused(file):
    broken = mixture()
    with torch.no_grad():
        broken.mu[0, 0] = torch.nan
    weights.save(broken, file)
    refused(file, "NaN in mu")


def test_a_checkpoint_is_no_weights_file(tmp_path):
    weights.write(tmp_path / "run", {"model/mu": torch.zeros(2)}, kind="checkpoint", about={})
    refused(tmp_path / "run", "expected a file of weights, got one of 'checkpoint'")


def test_buffers_and_dtypes_survive(tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 2, dtype=torch.float64))
            self.register_buffer("flag", torch.tensor(True))
            self.register_buffer("count", torch.tensor(2**40))
            self.register_buffer("bound", torch.tensor(-torch.inf))
            self.register_buffer("brief", torch.randn(3).bfloat16())
            self.register_buffer("nothing", torch.zeros(0, 4))

    torch.manual_seed(0)
    one, two = Odd(), Odd()
    weights.save(one, tmp_path / "odd.safetensors")
    weights.load(two, tmp_path / "odd.safetensors")
    for name, value in one.state_dict().items():
        assert two.state_dict()[name].dtype == value.dtype and torch.equal(two.state_dict()[name], value), (
            name
        )


def test_tied_and_transposed_tensors_are_written_right(tmp_path):
    """Tensors that share memory or are not contiguous: safetensors alone refuses or garbles them."""
    base = torch.arange(12.0).reshape(3, 4)
    weights.write(
        tmp_path / "f", {"a": base, "b": base, "c": base.T, "d": base[:, 1:3]}, kind="weights", about={}
    )
    tensors, _ = weights.read(tmp_path / "f", kind="weights")
    assert torch.equal(tensors["a"], base) and torch.equal(tensors["c"], base.T)
    assert torch.equal(tensors["d"], base[:, 1:3])


# --- nothing is left half written -----------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("No space left on device")])
def test_an_interrupted_save_leaves_the_old_file(file, monkeypatch, error):
    whole = file.read_bytes()

    def half(_, __):
        raise error

    monkeypatch.setattr(outputs.os, "replace", half)
    with pytest.raises(error if isinstance(error, type) else type(error)):
        weights.save(mixture(seed=7), file)
    assert file.read_bytes() == whole
    assert [p.name for p in file.parent.iterdir()] == ["good.safetensors"], "rubbish was left behind"


def test_facts_that_json_cannot_hold_write_nothing(tmp_path):
    with pytest.raises(TypeError):
        weights.save(mixture(), tmp_path / "new.safetensors", tensor=torch.zeros(2))
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_is_made(tmp_path):
    weights.save(mixture(), tmp_path / "a" / "b" / "new.safetensors")
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["new.safetensors"]


# --- through the catalog --------------------------------------------------------------------


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_the_catalog_builds_the_model_from_its_file(entry, tmp_path):
    model = entry.build(**entry.small).eval()
    catalog.save(model, tmp_path / "m.safetensors", entry.name, entry.small, data=entry.data)
    other, about = catalog.load(tmp_path / "m.safetensors")
    x = laws.examples(model)
    assert not other.training
    for name, value in laws.numbers(model, x).items():
        assert torch.equal(laws.numbers(other, x)[name], value), f"{name} changed"
    assert about["data"] == entry.data


def test_files_that_the_catalog_cannot_build_are_refused(file, tmp_path):
    laws_of_refusal = [
        ({"name": "causal-arm"}, "does not say which model"),
        ({"name": "no-such-model", "arguments": {}}, "no-such-model"),
        ({"name": "gaussian-mixture", "arguments": {"dim": 2, "colour": "red"}}, "colour"),
        ({"name": "gaussian-mixture", "arguments": {"dim": 3, "n_components": 3}}, "mu"),
        ({"name": "bernoulli-mixture", "arguments": {"dim": 2, "n_components": 3}}, "BernoulliMixture"),
        ({"name": "gaussian-mixture", "arguments": [2, 3]}, "does not say which model"),
        ({"name": 7, "arguments": {}}, "does not say which model"),
    ]
    for about, word in laws_of_refusal:
        weights.save(mixture(), file, **about)
        with pytest.raises(ValueError, match=word):
            catalog.load(file)
    with pytest.raises(ValueError, match="no-such-model"):
        catalog.save(mixture(), tmp_path / "new.safetensors", "no-such-model", {})


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_arguments_of_another_model_take_no_memory_and_no_time(entry, tmp_path):
    """Whoever writes a file can ask for a model of any size in it; the tensors say how large it may be."""
    file = tmp_path / "m.safetensors"
    model = entry.build(**entry.small)
    catalog.save(model, file, entry.name, entry.small)
    tensors, about = weights.read(file, kind="weights")
    for name in signature(locate(entry.address.replace(":", "."))).parameters:
        for value in (10**9, 10**15, -1, "x", None, [], [10**9] * 3):
            arguments = {**about["arguments"], name: value}
            weights.write(file, tensors, kind="weights", about={**about, "arguments": arguments})
            with modestly(), suppress(ValueError):
                assert type(catalog.load(file)[0]) is type(model)


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_saving_under_other_arguments_is_refused(entry, tmp_path):
    """A wrong name or size shows when saving, not when somebody loads."""
    file, model = tmp_path / "new.safetensors", entry.build(**entry.small)
    with pytest.raises(ValueError, match=f"{entry.name!r} is with these arguments, got another one"):
        catalog.save(model, file, entry.name, {**entry.small, "dim": entry.small["dim"] + 1})
    another = next(other for other in catalog.MODELS if other.address != entry.address)
    with pytest.raises(ValueError, match="class"):
        catalog.save(model, file, another.name, another.small)
    assert not file.exists()
    torch.manual_seed(5)
    catalog.save(model, file, entry.name, entry.small)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert drawn == torch.rand(1), "saving takes draws"


def test_a_file_that_may_not_be_read_is_no_damaged_one(tmp_path, monkeypatch):
    file = tmp_path / "w.safetensors"
    weights.save(nn.Linear(2, 2), file)
    monkeypatch.setattr(os, "access", lambda path, how: how != os.R_OK)  # root may read everything
    with pytest.raises(PermissionError, match="may be read"):
        weights.load(nn.Linear(2, 2), file)
