"""The boxes of the map, and what the essay's Table 1 says of each."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """A box of the map.

    Args:
        key: Short name.
        title: What the box says.
        parent: Key of the box above, or None for the root.
        part: Part of the book, as a Roman numeral.
        formula: How p(x) is written, in TeX.
        idea: One sentence.
        gives_up: What one pays for it.
        table: The essay's words in Table 1: training, likelihood, sampling, lossy, lossless.
    """

    key: str
    title: str
    parent: str | None
    part: str
    formula: str = ""
    idea: str = ""
    gives_up: str = ""
    table: dict[str, str] = field(default_factory=dict)


def _table(*words: str) -> dict[str, str]:
    return dict(zip(("training", "likelihood", "sampling", "lossy", "lossless"), words, strict=True))


FAMILIES = (
    Family("deep", "Deep generative models", None, "I"),
    Family("autoregressive", "Autoregressive models", "deep", "II", r"\prod_d p(x_d \mid x_{<d})",
           "Predict one coordinate after another, each from those before.",
           "Samples come one coordinate at a time, so sampling is slow; there is no summary of x to edit.",
           _table("stable", "exact", "slow", "no", "yes")),
    Family("flow", "Flow-based models", "deep", "III", r"p(z = f(x))\, |\det J_f(x)|",
           "Bend the data into a simple shape by an invertible map, and account for the change of volume.",
           "The map must be invertible with a cheap determinant, and z is as large as x.",
           _table("stable", "exact", "fast/slow", "no", "yes")),
    Family("latent", "Latent variable models", "deep", "IV", r"\int p(x \mid z)\, p(z)\, dz",
           "Explain x by a hidden cause z."),
    Family("prescribed", "Prescribed models: pPCA, VAE", "latent", "IV", r"\int p(x \mid z)\, p(z)\, dz",
           "Write down every distribution, and bound the integral from below.",
           "Beyond the linear case only a bound on the likelihood can be computed.",
           _table("stable", "approximate", "fast", "yes", "no")),
    Family("implicit", "Implicit models: GAN", "latent", "V", r"x = G(z),\quad z \sim p(z)",
           "Only learn to draw: a generator against a discriminator.",
           "There is no likelihood at all, and the game between two networks may not settle.",
           _table("unstable", "no", "fast", "no", "no")),
    Family("energy", "Energy-based models", "deep", "VI", r"e^{-E(x)} / Z",
           "Give every x a score and leave the total unnormalised.",
           "The constant Z is unknown, and drawing a sample takes a Markov chain."),
    Family("diffusion", "Diffusion models", "deep", "VI", r"p(x_T) \prod_t p(x_{t-1} \mid x_t)",
           "Learn to undo noise, one small step at a time.",
           "A sample takes many steps, and the likelihood is a bound."),
)  # fmt: skip
