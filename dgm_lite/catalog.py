"""One plain table of all families and models: the map, Table 1, the laws and the command line read it."""

from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from pathlib import Path

from torch import nn

from dgm_lite import weights
from dgm_lite.datasets import images, toys
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.train import TrainConfig

DATA = {"digits": images.digits, "binary-digits": images.binary_digits,
        "dequantised-digits": images.dequantised_digits, "real-digits": images.real_digits,
        "digits28": images.digits28, "orange-blue": toys.orange_blue,
        "two-moons": toys.two_moons}  # fmt: skip


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


@dataclass(frozen=True)
class Model:
    """A model that can be built by name.

    Args:
        name: Name on the command line.
        title: Name in tables.
        family: Key of its family.
        address: Where its class lives, "module:Class".
        chapter: The page that explains it, below book/, or None.
        data: Key of ``DATA``: what it is trained on by default.
        arguments: Constructor arguments for that data.
        config: How it is trained by default.
        small: Constructor arguments of an instance small enough to be enumerated or integrated.
        start: Name of a method that sets initial weights from the training data, or "".
    """

    name: str
    title: str
    family: str
    address: str
    chapter: str | None
    data: str
    arguments: dict
    config: TrainConfig
    small: dict
    start: str = ""

    def build(self, **changes) -> nn.Module:
        """The model with its default arguments, or with changes to them.

        Raises:
            ValueError: If the model takes no such argument.
        """
        module, name = self.address.split(":")
        make = getattr(import_module(module), name)
        arguments = {**self.arguments, **changes}
        unknown = set(arguments) - set(signature(make).parameters)
        if unknown:
            raise ValueError(
                f"catalog: expected arguments of {name} ({', '.join(signature(make).parameters)}), "
                f"got {', '.join(sorted(unknown))}."
            )
        return make(**arguments)


MODELS = (
    Model("gaussian-mixture", "Mixture of Gaussians", "prescribed", "dgm_lite.latent.mixture:GaussianMixture",
          "why/two-ways", "orange-blue", {"dim": 2, "n_components": 8},
          TrainConfig(epochs=60, lr=0.03, batch_size=200), {"dim": 2, "n_components": 3}, "start_from_data"),
    Model("bernoulli-mixture", "Mixture of Bernoullis", "prescribed",
          "dgm_lite.latent.mixture:BernoulliMixture", None, "binary-digits", {"dim": 64, "n_components": 40},
          TrainConfig(epochs=60, lr=0.03, batch_size=100), {"dim": 5, "n_components": 3}),
    Model("ppca", "Probabilistic PCA", "prescribed", "dgm_lite.latent.ppca:PPCA",
          "latent/ppca", "orange-blue", {"dim": 2, "latent_dim": 1},
          TrainConfig(epochs=20, lr=0.01, batch_size=200), {"dim": 2, "latent_dim": 1}, "fit_closed_form"),
    Model("vae", "Variational autoencoder", "prescribed", "dgm_lite.latent.vae:categorical_vae",
          "latent/vae", "digits", {"dim": 64, "levels": 17, "latent_dim": 16, "hidden": 256, "dropout": 0.3},
          TrainConfig(epochs=300, lr=4e-3, batch_size=100, average=0.99),
          {"dim": 4, "levels": 3, "latent_dim": 1, "hidden": 8}, "start_from_data"),
    Model("bernoulli-vae", "Variational autoencoder, black and white", "prescribed",
          "dgm_lite.latent.vae:bernoulli_vae", "latent/vae", "binary-digits",
          {"dim": 64, "latent_dim": 16, "hidden": 256, "dropout": 0.3},
          TrainConfig(epochs=300, lr=4e-3, batch_size=100, average=0.99),
          {"dim": 5, "latent_dim": 1, "hidden": 8}, "start_from_data"),
    Model("transform-coder", "Transform coder", "prescribed",
          "dgm_lite.latent.transform_coder:TransformCoder", "compression/files", "real-digits",
          {"dim": 64, "latent_dim": 16, "levels": 17, "std": 2.0},
          TrainConfig(epochs=150, lr=4e-3, batch_size=200, weight_decay=0.1, average=0.99),
          {"dim": 2, "latent_dim": 1, "levels": 3, "std": 0.5, "hidden": 5}, "start_from_data"),
    Model("causal-arm", "Autoregressive, causal convolutions", "autoregressive",
          "dgm_lite.autoregressive.causal:CausalARM", "autoregressive/causal", "digits",
          {"dim": 64, "levels": 17, "channels": 48},
          TrainConfig(epochs=60, lr=5e-3, batch_size=64, weight_decay=0.05, average=0.995),
          {"dim": 4, "levels": 3, "channels": 8, "dilations": (1, 2)}, "start_from_marginals"),
    Model("causal-arm-logistic", "Autoregressive, causal, logistic mixtures", "autoregressive",
          "dgm_lite.autoregressive.causal:CausalARM", "autoregressive/causal", "digits",
          {"dim": 64, "levels": 17, "channels": 48, "n_logistics": 5, "skips": True},
          TrainConfig(epochs=60, lr=5e-3, batch_size=64, weight_decay=0.05, average=0.995),
          {"dim": 4, "levels": 3, "channels": 8, "dilations": (1, 2), "n_logistics": 2, "skips": True},
          "start_from_marginals"),
    Model("separate-arm", "Autoregressive, one network per pixel", "autoregressive",
          "dgm_lite.autoregressive.separate:SeparateARM", "autoregressive/causal", "digits",
          {"dim": 64, "levels": 17},
          TrainConfig(epochs=60, lr=5e-3, batch_size=64, weight_decay=0.05, average=0.995),
          {"dim": 4, "levels": 3, "hidden": 6}, "start_from_marginals"),
    Model("nice", "Flow, additive couplings (NICE)", "flow", "dgm_lite.flows.coupling:NICE",
          "flows/change-of-variables", "two-moons", {"dim": 2, "n_layers": 8, "hidden": 64},
          TrainConfig(epochs=60, lr=5e-3, batch_size=200), {"dim": 2, "n_layers": 2, "hidden": 5},
          "start_from_data"),
    Model("realnvp", "Flow, affine couplings (RealNVP)", "flow", "dgm_lite.flows.coupling:RealNVP",
          "flows/change-of-variables", "two-moons", {"dim": 2, "n_layers": 8, "hidden": 64},
          TrainConfig(epochs=60, lr=5e-3, batch_size=200), {"dim": 2, "n_layers": 2, "hidden": 5},
          "start_from_data"),
    Model("deep-density", "Flow, determinant in full", "flow", "dgm_lite.flows.general:DeepDensity",
          "flows/change-of-variables", "two-moons", {"dim": 2, "n_layers": 6, "hidden": 32},
          TrainConfig(epochs=30, lr=5e-3, batch_size=200), {"dim": 2, "n_layers": 2, "hidden": 5},
          "start_from_data"),
    Model("nice-digits", "NICE, dequantised", "flow", "dgm_lite.flows.dequantize:dequantized_nice",
          "flows/change-of-variables", "digits",
          {"dim": 64, "levels": 17, "n_layers": 8, "hidden": 128, "dropout": 0.35},
          TrainConfig(epochs=250, lr=5e-3, batch_size=100, weight_decay=0.2, average=0.995),
          {"dim": 2, "levels": 3, "n_layers": 2, "hidden": 5}, "start_from_data"),
    Model("realnvp-digits", "RealNVP, dequantised", "flow", "dgm_lite.flows.dequantize:dequantized_realnvp",
          "flows/change-of-variables", "digits",
          {"dim": 64, "levels": 17, "n_layers": 8, "hidden": 128, "dropout": 0.35},
          TrainConfig(epochs=250, lr=5e-3, batch_size=100, weight_decay=0.2, average=0.995),
          {"dim": 2, "levels": 3, "n_layers": 2, "hidden": 5}, "start_from_data"),
    Model("integer-flow", "Flow on integers", "flow", "dgm_lite.flows.integer:IntegerFlow",
          "flows/integers", "digits", {"dim": 64, "levels": 17, "n_parts": 16, "hidden": 64, "dropout": 0.2},
          TrainConfig(epochs=100, lr=0.01, batch_size=100, average=0.99),
          {"dim": 2, "levels": 3, "n_parts": 2, "hidden": 5, "n_components": 2}, "start_from_data"),
    Model("gan", "Generative adversarial network", "implicit", "dgm_lite.gan.gan:GAN",
          "adversarial/gan", "two-moons", {"dim": 2, "latent_dim": 2, "hidden": 64, "penalty": 0.1},
          TrainConfig(epochs=80, lr=1e-3, batch_size=100, betas=(0.0, 0.99), average=0.99),
          {"dim": 2, "latent_dim": 2, "hidden": 5}),
    Model("gan-digits", "Generative adversarial network, digits", "implicit", "dgm_lite.gan.gan:GAN",
          "adversarial/gan", "dequantised-digits",
          {"dim": 64, "latent_dim": 16, "hidden": 256, "penalty": 0.1, "limits": (0.0, 17.0)},
          TrainConfig(epochs=400, lr=4e-3, batch_size=128, betas=(0.0, 0.99), average=0.995, warmup=0.02),
          {"dim": 2, "latent_dim": 2, "hidden": 5, "limits": (0.0, 3.0)}),
)  # fmt: skip


def model(name: str) -> Model:
    """The entry of this name.

    Raises:
        ValueError: If there is none; names those that there are.
    """
    for entry in MODELS:
        if entry.name == name:
            return entry
    raise ValueError(f"catalog: expected one of {', '.join(m.name for m in MODELS)}; got {name!r}.")


def dataset(name: str) -> Dataset:
    """The data set of this name.

    Raises:
        ValueError: If there is none; names those that there are.
    """
    if name not in DATA:
        raise ValueError(f"catalog: expected one of {', '.join(DATA)}; got {name!r}.")
    return DATA[name]()


def load(file: str | Path) -> tuple[nn.Module, dict]:
    """The trained model in a weights file, and what the file says about it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, foreign, or names no model of this catalog.
    """
    _, about = weights.read(file, kind="weights")
    if "name" not in about or "arguments" not in about:
        raise ValueError(
            f"catalog: {Path(file).name} does not say which model it holds: save with catalog.save."
        )
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in about["arguments"].items()}
    trained = model(about["name"]).build(**arguments)
    weights.load(trained, file)
    return trained, about


def save(trained: nn.Module, file: str | Path, name: str, arguments: dict, **about) -> None:
    """Save a trained model so that ``load`` needs nothing but the file.

    Args:
        trained: The model.
        file: Where to; by custom it ends in .safetensors.
        name: Its name in this catalog.
        arguments: What it was built with.
        **about: Facts to keep. The command line needs ``data``, the name of the data set.

    Raises:
        ValueError: If the catalog has no model of this name.
    """
    model(name)
    weights.save(trained, file, name=name, arguments=arguments, **about)
