# ruff: noqa: E501
"""From PyTorch to the browser: exported modules give PyTorch's numbers, and refusals say why."""

import contextlib
import hashlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.joint.classifier import Classifier
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture
from dgm_lite.live import export as export_module
from dgm_lite.live.draw import _Levels
from dgm_lite.live.export import export


class Decoder(nn.Module):
    """A latent point to an image, through transposed convolutions: what a VAE's figure will run."""

    def __init__(self):
        super().__init__()
        self.start = nn.Linear(2, 8 * 2 * 2)
        self.up = nn.ConvTranspose2d(8, 6, 4, stride=2, padding=1)
        self.more = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.last = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, z):
        h = F.gelu(self.start(z)).reshape(-1, 8, 2, 2)
        return self.last(F.softplus(self.more(F.leaky_relu(self.up(h))))).clamp(-2, 2).flatten(1).sigmoid()


class Coupling(nn.Module):
    """An affine coupling and its log-determinant: what a flow's figure will run."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        a, b = x.split(1, dim=1)
        s, t = self.net(a).chunk(2, dim=1)
        s = torch.tanh(s)
        z = torch.cat([b * s.exp() + t, a], dim=1)
        return z, s.sum(1) - 0.5 * z.square().sum(1), torch.where(z > 0, z, -z).mean(1)


def random_levels(n, dim, levels):
    return torch.randint(0, levels, (n, dim), generator=torch.Generator().manual_seed(3))


MODELS = {
    "mixture": (lambda: GaussianMixture(2, 6), "log_prob", torch.randn(7, 2)),
    "classifier": (lambda: Classifier(64, 10, scale=16.0), "forward", random_levels(7, 64, 17).float()),
    "log_prob_labels": (lambda: Classifier(2, 3), "log_prob_labels", torch.randn(7, 2)),
    "causal": (lambda: _Levels(CausalARM(64, 17, channels=16)), "forward", random_levels(7, 64, 17).float()),
    "bernoulli": (lambda: _Levels(BernoulliMixture(9, 4)), "forward", random_levels(7, 9, 2).float()),
    "decoder": (Decoder, "forward", torch.randn(7, 2)),
    "coupling": (Coupling, "forward", torch.randn(7, 2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_browser_equals_pytorch(engine, name):
    """One file, exported with a batch of two, for batches of any size."""
    torch.manual_seed(4)
    make, method, x = MODELS[name]
    module, file = make().eval(), None
    for batch in (1, 3, 7):
        with torch.no_grad():
            wanted = getattr(module, method)(x[:batch])
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        names = [f"out{k}" for k in range(len(wanted))]
        file = file or export(module, x[:2], names, method=method)
        got = engine(file, {"x0": x[:batch].numpy()})
        for k, tensor in enumerate(wanted):
            assert got[f"out{k}"].shape == tuple(tensor.shape)
            np.testing.assert_allclose(got[f"out{k}"], tensor.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "equation", ["bkd,kde->bke", "bd,kd->bk", "bkd->kb", "bd,bd->b", "bd,kd,ed->bke", "bd->bd"]
)
def test_einsum_becomes_products_and_sums(engine, equation):
    size = {"b": 3, "k": 4, "d": 2, "e": 5}
    terms = equation.split("->")[0].split(",")
    first, *others = (torch.randn([size[letter] for letter in term]) for term in terms)

    class Sums(nn.Module):
        def forward(self, x):
            return torch.einsum(equation, x, *others)

    got = engine(export(Sums(), first, ["y"]), {"x0": first.numpy()})["y"]
    np.testing.assert_allclose(got, torch.einsum(equation, first, *others).numpy(), rtol=1e-5, atol=1e-6)


def test_files_are_valid_onnx_for_any_runtime():
    module, x = Decoder().eval(), torch.randn(3, 2)
    for half in (False, True):
        file = export(module, x, ["image"], half=half)
        onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
        (got,) = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(
            None, {"x0": x.numpy()}
        )
        np.testing.assert_allclose(got, module(x).detach().numpy(), atol=1e-3 if half else 1e-5)


def test_half_is_half_the_size_and_equals_rounded_weights(engine):
    torch.manual_seed(5)
    module = CausalARM(64, 17, channels=16).eval()
    x = random_levels(2, 64, 17)
    full, half = (export(_Levels(module), x.float(), ["log_prob", "terms"], half=h) for h in (False, True))
    assert len(half) < 0.6 * len(full)
    got = engine(half, {"x0": x.float().numpy()})["log_prob"]
    exact = module.log_prob(x).detach()
    np.testing.assert_allclose(got, exact.numpy(), atol=0.1)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(weight.half().float())
    np.testing.assert_allclose(got, module.log_prob(x).detach().numpy(), atol=1e-3)


@pytest.mark.parametrize(
    "numbers", [[1e5, 1.0], [-2e9, 1.0], [1e-6, 2e-6], [3e-8, 1e-9], [65519.0, 1.0], [65520.0, 1.0], [1.0, 1e-6],
                [np.inf, 1.0], [-np.inf, 1e-6], [np.nan, 1.0], [0.0, 0.0], [2.0**-14, 1e-7], [np.inf, -np.inf]],
)  # fmt: skip
def test_no_weight_is_further_off_than_is_said(numbers):
    """At most 0.05 % of the greatest in its tensor; what is infinite stays so, and nothing becomes it."""

    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("b", torch.tensor(numbers))

        def forward(self, x):
            return x + self.b

    file = export(Added(), torch.zeros(2, 2), ["y"], half=True)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"x0": np.zeros((1, 2), dtype="f4")})
    wanted = np.array([numbers], dtype="f4")
    greatest = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=5e-4 * greatest)


def test_what_the_file_holds():
    """No metadata: a module's file depends on the module alone, not on versions, paths or the clock."""
    file = export(Coupling(), torch.randn(2, 2), ["z", "log_prob", "mean"])
    model = onnx.load_from_string(file)
    assert not model.metadata_props and not model.producer_name and not model.doc_string
    for node in model.graph.node:
        assert not node.metadata_props and not node.doc_string and not node.name
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert str(__file__).encode() not in file and b"torch" not in file and b"pkg" not in file


def test_equal_modules_give_equal_bytes_in_another_process():
    code = (
        "import torch, hashlib; torch.manual_seed(6)\n"
        "from dgm_lite.latent.mixture import GaussianMixture\n"
        "from dgm_lite.live.export import export\n"
        "print(hashlib.sha256(export(GaussianMixture(2, 3), torch.zeros(2, 2), ['log_prob'], method='log_prob')).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    torch.manual_seed(6)
    here = export(GaussianMixture(2, 3), torch.zeros(2, 2), ["log_prob"], method="log_prob")
    assert there.stdout.split()[-1] == hashlib.sha256(here).hexdigest()
    # Nothing is printed on the way, so that no cell of a notebook shows an exporter's chatter.
    assert len(there.stdout.split()) == 1 and there.stderr == ""


def test_an_operator_that_the_engine_lacks_is_named():
    class Sorted(nn.Module):
        def forward(self, x):
            return x.sort(1).values

    with pytest.raises(ValueError, match=r"^export: expected operators .* got TopK"):
        export(Sorted(), torch.randn(2, 3), ["y"])


def test_a_module_that_cannot_be_traced_is_named():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match=r"^export: Branching.forward can't be exported"):
        export(Branching(), torch.randn(2, 3), ["y"])


def test_modules_stay_as_they_were():
    """Evaluation mode for the file, and every part back in its own mode afterwards."""
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Dropout(0.5))
    module[2].eval()
    file = export(module, torch.randn(2, 2), ["y"])
    assert [part.training for part in module] == [True, True, False] and module.training
    assert "Dropout" not in {node.op_type for node in onnx.load_from_string(file).graph.node}


def test_exports_share_one_table_of_operators(monkeypatch):
    """torch's table is made at most once, comes back untouched, and where torch has none exports go on."""
    from torch.onnx._internal.exporter import _registration

    honest, made = _registration.ONNXRegistry.from_torchlib.__func__, []

    def counted(cls, *args, **kwargs):
        made.append(1)
        return honest(cls, *args, **kwargs)

    monkeypatch.setattr(_registration.ONNXRegistry, "from_torchlib", classmethod(counted))
    module, x = nn.Linear(2, 3), torch.randn(2, 2)
    first, second = (export(module, x, ["y"]) for _ in range(2))
    assert first == second and len(made) == 1
    _registration.ONNXRegistry.from_torchlib(18)
    assert len(made) == 2, "other exports of this process would share it, too"

    monkeypatch.setattr(export_module, "_one_table", contextlib.nullcontext)
    assert export(module, x, ["y"]) == first
