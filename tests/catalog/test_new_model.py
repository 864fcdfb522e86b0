"""A new model is one class and one entry: laws, commands, map, comparison and codec find it by themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dgm_lite import catalog
from dgm_lite.catalog.entry import Entry, Trial
from dgm_lite.cli.main import main
from dgm_lite.comparison import evidence, jobs, plane, results
from dgm_lite.comparison.competitors import counted
from dgm_lite.datasets.images import digits
from dgm_lite.laws import check_model
from dgm_lite.shapes import check_count, check_levels
from dgm_lite.training.config import TrainConfig

MAP = Path(__file__).resolve().parents[2] / "book/why/map.ipynb"


class Echo(nn.Module):
    """Each number is drawn with a table that knows the one before it: a Markov chain."""

    def __init__(self, dim: int, levels: int):
        super().__init__()
        check_count(dim, "Echo", "dim")
        check_count(levels, "Echo", "levels")
        self.dim, self.levels = dim, levels
        self.first = nn.Parameter(torch.zeros(levels))
        self.next = nn.Parameter(torch.zeros(levels, levels))

    def logits(self, x):
        first = self.first.expand(len(x), 1, -1)
        return torch.cat([first, self.next[x[:, :-1].long()]], 1).transpose(1, 2)

    def log_prob(self, x):
        check_levels(x, self.levels, ("B", self.dim), "Echo")
        return self.logits(x).log_softmax(1).gather(1, x.long()[:, None]).squeeze(1).sum(1)

    def loss(self, x):
        return -self.log_prob(x).mean()

    def stepwise(self, batch):
        return EchoSteps(self, batch)

    @torch.no_grad()
    def sample(self, n, *, generator=None):
        check_count(n, "Echo.sample")
        steps, columns = self.stepwise(n), [None]
        for _ in range(self.dim):
            p = steps.next_logits(columns[-1]).softmax(1)
            columns.append(torch.multinomial(p, 1, generator=generator).squeeze(1))
        return torch.stack(columns[1:], 1)


class EchoSteps:
    def __init__(self, model, batch):
        self.model, self.batch = model, batch

    @torch.no_grad()
    def next_logits(self, previous):
        return self.model.first.expand(self.batch, -1) if previous is None else self.model.next[previous]


@pytest.fixture
def entry(monkeypatch):
    one = Entry(
        name="echo",
        title="Markov chain of pixels",
        family="autoregressive",
        address="tests.catalog.test_new_model:Echo",
        chapter=None,
        data="digits",
        arguments={"dim": 64, "levels": 17},
        config=TrainConfig(epochs=1, lr=0.05),
        small={"dim": 3, "levels": 3},
        codec="autoregressive",
        trials=(
            Trial(part="digits"),
            Trial(part="sampling"),
            Trial(part="stability", arguments={"dim": 2, "levels": 16}),
        ),
    )
    monkeypatch.setattr(catalog, "MODELS", (*catalog.MODELS, one))
    return one


def test_it_is_under_the_laws(entry):
    for arguments in (entry.small, {}):
        report = check_model(entry.build(**arguments), refusals=True)
        assert report.holds, str(report)


def test_it_is_measured_with_the_others(entry, tmp_path, monkeypatch):
    """Its jobs are done, and what they find is read as everybody's is."""
    monkeypatch.setattr(jobs, "SECONDS", 1e-9)
    monkeypatch.setattr(jobs, "SIZES", (16, 64))
    own = [job for job in jobs.jobs(seeds=1, epochs=1) if job.model == "echo" and job.seed == 0]
    assert {job.part for job in own} == {"digits", "sampling", "stability"}
    rows = results.run(tmp_path / "echo.json", own, command="python -m dgm_lite compare", epochs=1, bar=False)
    kind, nats = evidence.likelihood(rows, "echo")
    assert kind == "exact" and nats < 64 * np.log(17), "it has learned something"
    (size,) = results.values_of(rows, "digits", "echo", "test digits as one file")
    assert size == pytest.approx(447 * nats / np.log(2) / 8, rel=0.01), "its codec spends what it says"
    assert 0.4 < results.values_of(rows, "stability", "echo", plane.told(6, "data"))[0] <= 1
    assert results.values_of(rows, "sampling", "echo", "an image of 64 numbers")[0] > 0
    assert "echo" in {c.name for c in counted("digits", "autoregressive")}, (
        "the table counts it in its family"
    )


def test_it_is_on_the_map(entry, capsys):
    """The cells of the map's chapter that draw the families and list who is in them."""
    cells = ["".join(cell["source"]) for cell in json.loads(MAP.read_text(encoding="utf-8"))["cells"]]
    drawn, listed = (next(c for c in cells if part in c) for part in ("Map(FAMILIES", "in catalog.MODELS"))
    names: dict = {}
    exec(drawn.replace("Map(FAMILIES, links)", "drawn = Map(FAMILIES, links)"), names)
    assert entry.family in {box["key"] for box in names["drawn"].spec["boxes"]}
    exec(listed, names)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(entry.title)]
    assert "likelihood: exact" in line and "samples: True" in line


def test_it_has_every_command(entry, tmp_path, capsys):
    weights, code, out = (str(tmp_path / name) for name in ("echo.safetensors", "echo.dgm", "back.npy"))
    assert main(["list"]) == 0
    assert "echo " in capsys.readouterr().out
    assert main(["train", "echo", "--out", weights]) == 0
    assert main(["evaluate", weights]) == 0
    assert "bits/dim" in capsys.readouterr().out
    assert main(["sample", weights, "--n", "4", "--out", str(tmp_path / "drawn.png")]) == 0
    assert Image.open(tmp_path / "drawn.png").size[0] > 0
    assert main(["compress", weights, "digits", "--split", "valid", "--out", code]) == 0
    assert main(["decompress", weights, code, "--out", out]) == 0
    assert np.array_equal(np.load(out), digits().valid.numpy()), "what comes back is what went in"
