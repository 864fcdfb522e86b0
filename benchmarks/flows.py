"""RealNVP against a lean loop and three libraries: training, log_prob and sampling at equal architecture.

    python -m pip install -r benchmarks/requirements.txt
    python benchmarks/flows.py                       # about two minutes; --rounds for more

D = 64, eight affine couplings, each with an MLP 32-256-256-64, SiLU, tanh-bounded log-scales, one thread. The
lean loop does the same matrix products in plain PyTorch with nothing around them. All contestants take turns
in every round, and a figure is the median over rounds of the ratio to the lean loop in the same round: the
machine's speed drifts by tens of percent, ratios hardly.
"""

import argparse
import os
import platform

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch import Tensor, nn
from turns import milliseconds, ratio, take_turns

from dgm_lite.distributions import StandardNormal
from dgm_lite.flows.coupling import AffineCoupling
from dgm_lite.flows.flow import Chain, Flow
from dgm_lite.nets import mlp

D, LAYERS, HIDDEN = 64, 8, 256


class Lean(nn.Module):
    """The least that computes a RealNVP: two halves that are never joined until the end."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList(mlp(D // 2, HIDDEN, D) for _ in range(LAYERS))

    def log_prob(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, 1)
        total = 0
        for net in self.nets:
            s, t = net(a).chunk(2, 1)
            s = s.tanh()
            a, b = b * s.exp() + t, a
            total = total + s.sum(1)
        return total - 0.5 * (a.square().sum(1) + b.square().sum(1)) - 0.5 * D * 1.8378770664093453

    def sample(self, n: int) -> Tensor:
        a, b = torch.randn(n, D // 2), torch.randn(n, D // 2)
        for net in reversed(self.nets):
            s, t = net(b).chunk(2, 1)
            a, b = b, (a - t) * (-s.tanh()).exp()
        return torch.cat((a, b), 1)


def ours() -> nn.Module:
    couplings = [AffineCoupling(D, HIDDEN, flip=bool(k % 2)) for k in range(LAYERS)]
    return Flow(Chain(couplings), StandardNormal(D))


class Zuko(nn.Module):
    """zuko's coupling transform with its own MLP and its affine map with a soft bound on the scale."""

    def __init__(self):
        super().__init__()
        import zuko

        mask = torch.arange(D) < D // 2
        layers = [
            zuko.flows.GeneralCouplingTransform(
                D, mask=mask if k % 2 else ~mask, hidden_features=(HIDDEN, HIDDEN), activation=nn.SiLU
            )
            for k in range(LAYERS)
        ]
        base = zuko.lazy.UnconditionalDistribution(
            zuko.distributions.DiagNormal, torch.zeros(D), torch.ones(D), buffer=True
        )
        self.flow = zuko.lazy.Flow(layers, base)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.flow().log_prob(x)

    def sample(self, n: int) -> Tensor:
        return self.flow().sample((n,))


class NFlows(nn.Module):
    """nflows' affine coupling with the same MLP."""

    def __init__(self):
        super().__init__()
        from nflows.distributions.normal import StandardNormal as Base
        from nflows.flows.base import Flow as NFlow
        from nflows.transforms.base import CompositeTransform
        from nflows.transforms.coupling import AffineCouplingTransform

        class Net(nn.Module):
            def __init__(self, n_in: int, n_out: int):
                super().__init__()
                self.net = mlp(n_in, HIDDEN, n_out)

            def forward(self, x: Tensor, context=None) -> Tensor:
                return self.net(x)

        half = (torch.arange(D) < D // 2).int()
        layers = [AffineCouplingTransform(half if k % 2 else 1 - half, Net) for k in range(LAYERS)]
        self.flow = NFlow(CompositeTransform(layers), Base([D]))

    def log_prob(self, x: Tensor) -> Tensor:
        return self.flow.log_prob(x)

    def sample(self, n: int) -> Tensor:
        return self.flow.sample(n)


class Freia(nn.Module):
    """FrEIA's block that moves both halves in turn, half as often: the same eight networks."""

    def __init__(self):
        super().__init__()
        import FrEIA.framework as framework
        import FrEIA.modules as modules

        self.net = framework.SequenceINN(D)
        for _ in range(LAYERS // 2):
            self.net.append(
                modules.GLOWCouplingBlock,
                subnet_constructor=lambda n_in, n_out: mlp(n_in, HIDDEN, n_out),
                clamp=1.0,
                clamp_activation="TANH",
            )

    def log_prob(self, x: Tensor) -> Tensor:
        z, log_det = self.net(x)
        return log_det - 0.5 * z.square().sum(1) - 0.5 * D * 1.8378770664093453

    def sample(self, n: int) -> Tensor:
        return self.net(torch.randn(n, D), rev=True)[0]


CONTESTANTS = {"lean loop": Lean, "dgm-lite": ours, "zuko": Zuko, "nflows": NFlows, "FrEIA": Freia}


def check() -> None:
    """Before any timing: with the lean loop's weights our flow gives its numbers, and all are of one size.

    Raises:
        SystemExit: If not.
    """
    lean, own, x = Lean(), ours(), torch.randn(5, D)
    for net, layer in zip(lean.nets, own.bijection.layers, strict=True):
        layer.net.load_state_dict(net.state_dict())
    if not torch.allclose(lean.log_prob(x), own.log_prob(x), rtol=1e-4, atol=1e-3):
        raise SystemExit("flows: the lean loop and dgm-lite disagree")
    for name, make in CONTESTANTS.items():
        try:
            model = make()
        except ImportError:
            continue
        size, expected = (sum(p.numel() for p in m.parameters()) for m in (model, lean))
        if size != expected or model.log_prob(x).shape != (5,) or model.sample(3).shape != (3, D):
            raise SystemExit(
                f"flows: {name} has {size} parameters, expected {expected}; or another shape of results"
            )


def training(model: nn.Module, batch: int):
    """One step of Adam, fused, on random data."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    x = torch.randn(batch, D)

    def step():
        optimizer.zero_grad(set_to_none=True)
        (-model.log_prob(x).mean()).backward()
        optimizer.step()

    return step


def scoring(model: nn.Module, batch: int):
    x = torch.randn(batch, D)
    return torch.no_grad()(lambda: model.log_prob(x))


def sampling(model: nn.Module, batch: int):
    return torch.no_grad()(lambda: model.sample(batch))


RACES = {"train step": training, "log_prob": scoring, "sample": sampling}


def race(race_of, batch: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds, and median ratio to the lean loop, of each contestant that is installed."""
    runs = {}
    for name, make in CONTESTANTS.items():
        torch.manual_seed(0)
        try:
            runs[name] = race_of(make(), batch)
        except ImportError:
            print(f"  {name} is not installed: left out")
    times = take_turns(runs, rounds)
    return {name: (milliseconds(t), ratio(t, times["lean loop"])) for name, t in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()
    torch.set_num_threads(1)
    check()
    print(f"torch {torch.__version__}, {platform.machine()}, one thread, {args.rounds} rounds")
    print(f"{'':24}" + "".join(f"{name:>18}" for name in CONTESTANTS))
    for title, race_of in RACES.items():
        for batch in (64, 256):
            found = race(race_of, batch, args.rounds)
            cells = [f"{found[n][0]:8.2f} ms {found[n][1]:5.2f}x" if n in found else "-" for n in CONTESTANTS]
            print(f"{title + ', batch ' + str(batch):24}" + "".join(f"{c:>18}" for c in cells))


if __name__ == "__main__":
    main()
