"""Run by test_fit.py on two processes: the same training with ``fit(accelerator=...)``.

    torchrun --standalone --nproc_per_node 2 -m tests.training.two_processes FOLDER

Each process writes what it saw to FOLDER/rankN.json and its final weights beside it.
"""

import json
import sys
from pathlib import Path

import torch

from dgm_lite import weights
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.training.step import DivergedError
from tests.training.test_fit import Stop, tiny_data

CONFIG = TrainConfig(epochs=4, batch_size=10, lr=0.03)


def first_weights(dropout: float, seed: int = 3) -> CausalARM:
    """The model that every run starts from."""
    torch.manual_seed(seed)
    return CausalARM(4, 3, channels=4, dilations=(1,), dropout=dropout)


class Dying(type(tiny_data())):
    """Data that kill the process in the second batch of the third epoch."""

    passes = 0

    def batches(self, size, generator):
        Dying.passes += 1
        for i, batch in enumerate(super().batches(size, generator)):
            if Dying.passes == 3 and i == 1:
                raise Stop
            yield batch


def main(folder: Path) -> None:
    """Train without and with dropout, cut off and resumed, and with a loss that diverges on one process."""
    from accelerate import Accelerator

    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=True)
    rank = accelerator.process_index
    report = {"num_processes": accelerator.num_processes, "rank": rank}

    def train(name: str, model: CausalARM, data=None, **options) -> None:
        steps = fit(model, data or tiny_data(), CONFIG, accelerator=accelerator, **options)
        report[name] = [s.losses["model"] for s in steps]
        weights.save(model, folder / f"{name}-rank{rank}")

    # The second process comes with other weights: fit has to agree on one start.
    train("plain", first_weights(0.0, seed=3 + rank))
    train("dropout", first_weights(0.3, seed=3 + rank))
    report["draw"] = torch.rand(1).item()

    data, file = tiny_data(), folder / "run.ckpt"
    dying = Dying(data.name, data.train, data.valid, data.test, levels=data.levels)
    try:
        train("cut off", first_weights(0.3), dying, checkpoint=file)
    except Stop:
        accelerator.wait_for_everyone()
    train("resumed", first_weights(0.3, seed=50 + rank), checkpoint=file)

    broken = first_weights(0.0)
    honest = broken.loss
    broken.loss = lambda x: honest(x) * (torch.nan if rank == 1 else 1)
    try:
        fit(broken, tiny_data(), CONFIG, accelerator=accelerator)
    except DivergedError as error:
        report["diverged"] = str(error)

    (folder / f"rank{rank}.json").write_text(json.dumps(report))
    accelerator.wait_for_everyone()
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
