"""The workbench of "Two ways to decide" is about the chapter's own points."""

import torch

from dgm_lite.datasets.toys import orange_blue
from dgm_lite.workbench import two_ways


def test_it_learns_the_chapters_points():
    made = two_ways.train(lambda share: None, n_components=4, hidden=8, points=600)
    assert made.density.log_prob(orange_blue().test).mean() > -3.2
    right = made.classifier(orange_blue().test).argmax(1) == orange_blue().test_labels
    assert right.double().mean() > 0.9


def test_it_draws_the_chapters_points(monkeypatch):
    shown = []
    monkeypatch.setattr(
        two_ways, "Cross", lambda classifier, density, x, y, heldout, **kw: shown.extend([x, heldout])
    )
    two_ways.cross(two_ways.train(lambda share: None, n_components=1, hidden=2, points=20))
    assert torch.equal(shown[0], orange_blue().train[:300]) and torch.equal(shown[1], orange_blue().valid)
