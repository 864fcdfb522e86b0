"""The adversarial game on the ring of eight Gaussians, with the reader's own rules."""

from dataclasses import dataclass

import torch
from matplotlib.axes import Axes

from dgm_lite import plot
from dgm_lite.gan import ring
from dgm_lite.gan.gan import GAN, LOSSES
from dgm_lite.live.figure import LiveFigure
from dgm_lite.live.game import Film
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.step import training_steps
from dgm_lite.workbench.bench import Control, Progress, Workbench

LIM = (-3.0, 3.0, -3.0, 3.0)


@dataclass(frozen=True)
class Game:
    """What became of a game.

    Args:
        film: A moment of every 20 steps.
        modes: How many of the eight Gaussians were drawn at each of them.
    """

    film: Film
    modes: list[int]


def play(progress: Progress, *, loss: str, penalty: float, memory: float, steps: int) -> Game:
    """The chapter's game with other rules."""
    data, noise = ring.points(1200), torch.Generator().manual_seed(0)
    batches = [(x,) for x in data.split(200)]
    config = TrainConfig(epochs=steps // len(batches), lr=3e-3, betas=(memory, 0.99))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        gan = GAN(dim=2, latent_dim=2, hidden=64, loss=loss, penalty=penalty)
        game = Game(Film(gan, data[:200], lim=LIM), [])
        for step in training_steps(gan, batches, config):
            if step.index % 20 == 0:
                game.film.add(step)
                game.modes.append(ring.modes(gan.sample(400, generator=noise)))
                progress(step.index / steps)
    return game


def draw(ax: Axes, game: Game) -> None:
    """The last moment, and how many Gaussians were drawn on the way there."""
    last, modes = game.film.frames[-1], game.modes
    belief = (1 - last["field"]).numpy()
    ax.imshow(belief, extent=LIM, cmap=plot.DECISION, vmin=0, vmax=1)
    ax.scatter(*game.film.real.T.numpy(), s=3, color=plot.ORANGE, label="data")
    ax.scatter(*last["points"].T.numpy(), s=3, color=plot.BLUE, label="drawn")
    ax.set(xlim=LIM[:2], ylim=LIM[2:], xticks=[], yticks=[])
    lost = sum(b < a for a, b in zip(modes, modes[1:], strict=False))
    mean = sum(modes) / len(modes)
    plot.below(ax, f"step {last['step']}: {modes[-1]} of 8 Gaussians drawn;\n"
                   f"{mean:.1f} in the mean, one lost again {lost} times")  # fmt: skip


def film(game: Game) -> LiveFigure:
    """The live figure of the chapter, of this game."""
    alt = "Four moments of the reader's own game: eight groups of real points, and the points drawn."
    return game.film.show(alt=alt)


def bench(own: Game) -> Workbench:
    """The workbench of the chapter, beside the chapter's own game."""
    controls = {
        "loss": Control("generator's loss", LOSSES, "non-saturating"),
        "penalty": Control("penalty gamma", (0.0, 0.01, 0.1, 1.0, 10.0, 100.0), 0.0),
        "memory": Control("AdamW's memory", (0.0, 0.5, 0.9, 0.99), 0.9),
        "steps": Control("training steps", (60, 300, 900, 1800, 3600), 900),
    }
    alt = (
        "Eight groups of real points on a circle, and drawn points at some of them; the background shows "
        "where the discriminator believes in real points. Below, how many groups were drawn."
    )
    return Workbench(own, play, draw, controls, live=film, alt=alt)
