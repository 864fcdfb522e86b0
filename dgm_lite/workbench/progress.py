"""How far a training is, told while it runs."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import Steps, fit
from dgm_lite.workbench.bench import Progress


@contextmanager
def told(progress: Progress, n_updates: int, start: float = 0.0, end: float = 1.0) -> Iterator[None]:
    """For a while, every update of any optimizer is counted, and each new hundredth is told.

    Args:
        progress: What is told the share that is done.
        n_updates: How many updates there will be.
        start: Share that was done before.
        end: Share that will be done after them.
    """
    done, last = 0, -1.0

    def count(*_):
        nonlocal done, last
        done += 1
        share = round(start + (end - start) * min(done / n_updates, 1), 2)
        if share > last:  # a bar on a screen takes longer than many an update
            progress(share)
            last = share

    hook = register_optimizer_step_post_hook(count)
    try:
        yield
    finally:
        hook.remove()


def fit_told(progress: Progress, model: nn.Module, data: Dataset, config: TrainConfig,
             start: float = 0.0, end: float = 1.0) -> Steps:  # fmt: skip
    """``fit`` without a bar of its own: the share of its updates that is done is told instead.

    Args:
        progress: What is told the share that is done.
        model: See ``fit``.
        data: See ``fit``.
        config: See ``fit``.
        start: Share that was done before.
        end: Share that will be done after it.
    """
    n_updates = config.epochs * math.ceil(len(data.train) / config.batch_size)
    with told(progress, n_updates, start, end):
        return fit(model, data, config, bar=False, whole=True)
