"""Draw the picture of the front page: one point, asked of a classifier and of a joint model.

    python book/_static/make_hero.py

Everything in it is computed: two moons of data, a network for p(y | x), a Gaussian mixture for p(x), and a
cross far from both. In the first panel the colour is p(y | x), which is certain at the cross. In the second
the colour is only as strong as p(x) allows, measured by the share of the data whose density is lower: at
the cross nothing is left to be certain about. Writes hero-classifier-*.png and hero-joint-*.png beside this
file, each for light and for dark pages.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image
from sklearn.datasets import make_moons
from sklearn.mixture import GaussianMixture
from sklearn.neural_network import MLPClassifier

matplotlib.use("Agg")
from matplotlib import pyplot as plt

# Page, ink, orange and blue of the two variants.
LOOKS = {
    "light": ("#ffffff", "#1f2933", "#E07B00", "#2166AC"),
    "dark": ("#12161d", "#e6e9ee", "#F0932B", "#4A90D9"),
}
CROSS = np.array([[2.45, -1.25]])
BOX = (-1.9, 3.1, -1.75, 1.75)


def fit() -> tuple[np.ndarray, np.ndarray, MLPClassifier, GaussianMixture]:
    """The data (N, 2), their labels (N,), p(y | x) and p(x)."""
    x, y = make_moons(320, noise=0.13, random_state=3)
    classifier = MLPClassifier((32, 32), alpha=1e-3, max_iter=2000, random_state=0).fit(x, y)
    density = GaussianMixture(12, reg_covar=5e-3, random_state=0).fit(x)
    return x, y, classifier, density


def strength(density: GaussianMixture, x: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Share of the data x whose density is lower than at each point, from 0 to 1, with a soft last step."""
    levels, at = np.sort(density.score_samples(x)), density.score_samples(points)
    share = np.interp(at, levels, np.linspace(0.08, 1, len(levels)))
    # Below every data point the share is zero: fade to it over ten nats, lest an edge look like a boundary.
    return np.where(at < levels[0], 0.08 * np.clip(1 - (levels[0] - at) / 10, 0, 1), share)


def tint(p_blue: np.ndarray, amount: np.ndarray, look: str) -> np.ndarray:
    """Colour of the class by p_blue, laid on the page as strongly as amount says: (..., 3)."""
    page, _, orange, blue = (np.array(matplotlib.colors.to_rgb(c)) for c in LOOKS[look])
    colour = p_blue[..., None] * blue + (1 - p_blue[..., None]) * orange
    return amount[..., None] * colour + (1 - amount[..., None]) * page


def panel(
    x: np.ndarray, y: np.ndarray, image: np.ndarray, look: str, title: str, note: str, path: Path
) -> None:
    """One panel as a PNG of 256 colours with a solid background."""
    page, ink, orange, blue = LOOKS[look]
    plt.rcParams.update({"font.family": "DejaVu Sans", "text.color": ink})
    fig, ax = plt.subplots(figsize=(5, 4.1), facecolor=page)
    fig.subplots_adjust(left=0.006, right=0.994, top=0.9, bottom=0.095)
    ax.imshow(image, extent=BOX, origin="lower", aspect="auto", interpolation="bilinear")
    for label, colour in ((0, orange), (1, blue)):
        ax.scatter(*x[y == label].T, s=17, color=colour, edgecolor=page, linewidth=0.5)
    ax.plot(*CROSS[0], "x", color=ink, markersize=15, markeredgewidth=3.5)
    ax.set(xlim=BOX[:2], ylim=BOX[2:], xticks=[], yticks=[])
    ax.set_title(title, color=ink, fontsize=14, pad=8)
    ax.set_xlabel(note, color=ink, fontsize=13, labelpad=7)
    for side in ax.spines.values():
        side.set(color=ink, alpha=0.35, linewidth=0.8)
    fig.savefig(path, dpi=180, facecolor=page)
    plt.close(fig)
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def main(folder: Path) -> None:
    """Fit once, draw both panels in both looks."""
    x, y, classifier, density = fit()
    gx, gy = np.meshgrid(np.linspace(*BOX[:2], 400), np.linspace(*BOX[2:], 300))
    grid = np.stack([gx.ravel(), gy.ravel()], axis=1)
    p_blue = classifier.predict_proba(grid)[:, 1].reshape(gx.shape)
    share = strength(density, x, grid).reshape(gx.shape)
    belief = classifier.predict_proba(CROSS)[0, 1]
    lower = int((density.score_samples(x) < density.score_samples(CROSS)[0]).sum())
    known = f"p(x) is lower at {lower} of {len(x)} points"
    for look in LOOKS:
        panel(x, y, tint(p_blue, np.full_like(share, 0.65), look), look, "p(y | x): which class is it?",
              f"p(blue | cross) = {belief:.3f}", folder / f"hero-classifier-{look}.png")  # fmt: skip
        panel(x, y, tint(p_blue, 0.9 * share, look), look, "p(y | x) p(x): is it known at all?",
              f"at the cross: {known}" if lower else "p(x) at the cross: below all the data",
              folder / f"hero-joint-{look}.png")  # fmt: skip


if __name__ == "__main__":
    main(Path(__file__).parent)
