"""Attempts at what Table 1 calls impossible: lossy codes of three families, and a lossless one of a GAN.

A "no" that rests on a missing method proves nothing. Here are the methods: what they code is written to bytes
and read back, and the bytes count with the frame that every file of ours has.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from dgm_lite.codecs import integers
from dgm_lite.codecs.coder import Decoder, Encoder, same_numbers
from dgm_lite.comparison.file_sizes import counts
from dgm_lite.comparison.rate_distortion import ENTRY, Point, transform_coder
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.flows.coupling import AffineCoupling, RealNVP
from dgm_lite.latent.transform_coder import LogisticCells, TransformCoder
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

# How the flow is trained that is to be rounded: chosen on validation images. Longer steps and more units are
# worse than no couplings at all.
FLOW = replace(ENTRY.config, epochs=40, lr=5e-4)
FRAME = 43  # bytes that the container puts around the code of a table of numbers
FLOW_STEPS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # of z, whose standard deviation is one
GAN_STEPS = (0.5, 1.0, 1.5, 2.0, 3.0)
LOSSLESS_STEPS = (2.0, 3.0, 4.0, 6.0)
WIDTHS = (2, 3, 4, 5, 6, 9)  # levels in a cell
PULL = 6.0  # weight of |z|^2 beside the squared error
DRAWS = 100_000
SWEEPS = 3  # over all numbers of a rounded code


# --- integers as files ----------------------------------------------------------------------


def probabilities(z: Tensor, *, steps: int = 200) -> LogisticCells:
    """p(z) of integers, learned from the codes of training images, (N, M): a mixture for each number."""
    prior = LogisticCells(z.shape[1]).start_from_data(z.float())
    optimiser = torch.optim.Adam(prior.parameters(), lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        (-prior.log_prob(z.float()).mean()).backward()
        optimiser.step()
    return prior


def through_bytes(z: Tensor, prior: nn.Module) -> tuple[bytes, Tensor]:
    """The code of integers (N, M), and what a decoder reads from it."""
    with same_numbers(prior) as prior:
        payload = integers.pack(z, prior.table, "attempts")
        return payload, integers.unpack(payload, len(z), prior.table, "attempts")


def _point(setting: str, n_bytes: int, x: Tensor, back: Tensor, levels: int) -> Point:
    back = back.round().clamp(0, levels - 1)
    return Point(setting, n_bytes, (x - back).double().square().mean().item(), x.numel(), levels)


# --- flows ----------------------------------------------------------------------------------


@torch.no_grad()
def to_code(model: nn.Module, x: Tensor) -> Tensor:
    """z = f(x) of a dequantised flow, at the middle of the cell of x, (N, D)."""
    return model.flow.to_latent(model.logit.to_latent((x + 0.5) / model.levels)[0])[0]


@torch.no_grad()
def from_code(model: nn.Module, z: Tensor) -> Tensor:
    """The image at z in grey levels, real numbers (N, D)."""
    return model.logit.to_data(model.flow.to_data(z)) * model.levels - 0.5


def flow_curve(
    model: nn.Module, data: Dataset, x: Tensor, steps: Sequence[float] = FLOW_STEPS
) -> list[Point]:
    """A flow of dequantised images as a lossy codec: z rounded to multiples of a step, and carried back.

    Args:
        model: A trained ``DequantizedFlow``.
        data: Its training images teach the probabilities of rounded z.
        x: What goes into the files, integers (N, D).
        steps: Widths of the cells, one for each point.
    """
    points, (known, new) = [], (to_code(model, part) for part in (data.train, x))
    with torch.no_grad():
        for step in steps:
            with torch.enable_grad():
                prior = probabilities((known / step).round().long())
            payload, z = through_bytes((new / step).round().long(), prior)
            back = from_code(model, step * z.to(new.dtype))
            points.append(_point(f"step {step:g}", FRAME + len(payload), x, back, model.levels))
    return points


class _There(nn.Module):
    def __init__(self, bijection: nn.Module):
        super().__init__()
        self.bijection = bijection

    def forward(self, x: Tensor) -> Tensor:
        return self.bijection.to_latent(x)[0]


class _Rounding(_There):
    """z = round(f(x)), with the slope of f: what is trained is what is coded."""

    def centre(self, x: Tensor) -> Tensor:
        return self.bijection(x)

    def forward(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        f = self.centre(x)
        return f + (f.round() - f).detach(), f.new_zeros(len(f))


class _Back(_There):
    def forward(self, z: Tensor) -> Tensor:
        return self.bijection.to_data(z)


def rounded_flow(
    data: Dataset, std: float, *, config: TrainConfig = FLOW, n_layers: int = 2, hidden: int = 32
) -> TransformCoder:
    """A transform coder whose decoder is its encoder's inverse: a flow, trained to be rounded.

    f is principal components, as many as pixels, and couplings after them; g = f^-1. Nothing is narrow here:
    what a bit buys is decided by how f stretches each number before it is rounded.

    Args:
        data: Real numbers on the grid 0 .. levels-1, as ``real_digits()``.
        std: sigma, in grey levels: larger for smaller files.
        config: How to train; its seed is also that of the initial weights.
        n_layers: Couplings.
        hidden: Units of each hidden layer of the couplings.

    Source: book eq. `rate-distortion`; Helminger et al. (2020), Lossy image compression with normalizing
    flows.
    """
    dim = data.train.shape[1]
    model = transform_coder(data, std, learn=False, seed=config.seed).requires_grad_(False)
    model.prior.requires_grad_(True)
    torch.manual_seed(config.seed)
    bend = RealNVP(dim, n_layers, hidden=hidden, dropout=0.1).bijection
    for layer in bend.modules():
        if isinstance(layer, AffineCoupling):
            nn.init.zeros_(layer.net[-1].weight)  # it starts as principal components, and may keep to them
    with torch.no_grad():  # z comes in another order, and its probabilities with it
        order = bend.to_latent(torch.arange(float(dim))[None])[0][0].long()
        for weight in model.prior.parameters():
            weight.copy_(weight[order])
    model.posterior = _Rounding(nn.Sequential(model.posterior.net, _There(bend)))
    model.likelihood.net = nn.Sequential(_Back(bend), model.likelihood.net)
    fit(model, data, config, bar=False, whole=True)
    return model.requires_grad_(True)


# --- autoregressive models ------------------------------------------------------------------


def encode_cells(model: nn.Module, x: Tensor, width: int) -> bytes:
    """The code of the cell of each number, cells being ``width`` levels wide."""
    encoder, columns = Encoder(), iter((x // width).unbind(1))

    def put(log_p: Tensor) -> Tensor:
        column = next(columns)
        encoder.put(column, log_p)
        return column

    _walk(model, len(x), width, put)
    return encoder.payload()


def decode_cells(model: nn.Module, payload: bytes, n: int, width: int) -> Tensor:
    """What comes back, integers (n, D): in each cell the level that the model expects there."""
    decoder = Decoder(payload)
    x = _walk(model, n, width, decoder.take)
    decoder.finish()
    return x


def _walk(model: nn.Module, n: int, width: int, code: Callable[[Tensor], Tensor]) -> Tensor:
    """Number after number: the probabilities of its cells go to ``code``, which says the cell.

    What the model sees as the past is what the decoder will show, so that both sides see the same.
    """
    with same_numbers(model) as model:
        steps, shown = model.stepwise(n), []
        wide = -(-model.levels // width) * width
        level = torch.arange(wide, dtype=torch.double).view(-1, width)
        for _ in range(model.dim):
            p = steps.next_logits(shown[-1] if shown else None).softmax(1)
            p = torch.cat([p, p.new_zeros(n, wide - model.levels)], 1).view(n, -1, width)
            cell = code(p.sum(2).log())
            mean = ((p * level).sum(2) / p.sum(2)).gather(1, cell[:, None])[:, 0]
            shown.append(mean.round().long())
    return torch.stack(shown, 1)


def cells_curve(model: nn.Module, x: Tensor, widths: Sequence[int] = WIDTHS) -> list[Point]:
    """A point for each width: the data rounded before they are coded."""
    points = []
    for width in widths:
        payload = encode_cells(model, x, width)
        back = decode_cells(model, payload, len(x), width)
        points.append(_point(f"cells of {width}", FRAME + len(payload), x, back, model.levels))
    return points


# --- adversarial models ---------------------------------------------------------------------


def nearest_code(
    model: nn.Module, x: Tensor, *, starts: int = 8, steps: int = 150, lr: float = 0.1, pull: float = PULL
) -> Tensor:
    """The z that gives a picture near x and is cheap, as far as gradient steps find it: (N, M).

    They make the squared error of G(z), plus pull |z|^2, small.

    Args:
        model: A GAN of dequantised images; left alone.
        x: Integers, (N, D).
        starts: Draws from p(z) to start from; the best end counts.
        steps: Gradient steps of each.
        lr: Their size.
        pull: The price of z; 0 for the nearest picture, whatever its z costs.
    """
    model.requires_grad_(False)
    target = (x + 0.5).repeat_interleave(starts, 0)
    z = torch.randn(
        len(target), model.latent_dim, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    optimiser = torch.optim.Adam([z], lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        _cost(model, z, target, pull).sum().backward()
        optimiser.step()
    model.requires_grad_(True)
    best = _cost(model, z, target, pull).detach().view(-1, starts).argmin(1)
    return z.detach().view(len(x), starts, -1)[torch.arange(len(x)), best]


def _cost(model: nn.Module, z: Tensor, target: Tensor, pull: float) -> Tensor:
    """Squared error of G(z), and pull |z|^2, because codes far out are dear: (N,)."""
    return (model.generate(z) - target).square().sum(1) + pull * z.square().sum(1)


@torch.no_grad()
def on_a_grid(model: nn.Module, z: Tensor, x: Tensor, step: float) -> Tensor:
    """z rounded to multiples of a step, as integers; then each moved by one where that is better."""
    code, target = (z / step).round(), x + 0.5
    cost = _cost(model, step * code, target, PULL)
    for _ in range(SWEEPS):
        for m in range(code.shape[1]):
            for move in (-1, 1):
                tried = code.clone()
                tried[:, m] += move
                new = _cost(model, step * tried, target, PULL)
                code[new < cost] = tried[new < cost]
                cost = torch.minimum(cost, new)
    return code.long()


@torch.no_grad()
def picture(model: nn.Module, code: Tensor, step: float, levels: int) -> Tensor:
    """The level in whose cell each number of G(step code) lies, integers (N, D)."""
    g = model.generate(step * code.to(model.half_width.dtype))
    return g.floor().clamp(0, levels - 1).long()


class GANCode:
    """Images as rounded z of a GAN, found by search, with probabilities that the training images teach.

    Args:
        model: A trained ``GAN`` of dequantised images.
        data: Integers 0 .. levels-1.
    """

    def __init__(self, model: nn.Module, data: Dataset):
        self.model, self.data = model, data
        self.z = {name: nearest_code(model, getattr(data, name)) for name in ("train", "valid", "test")}

    def through_bytes(self, split: str, step: float) -> tuple[int, Tensor, Tensor]:
        """Bytes for the z of a split; the pictures a decoder makes of them; those of the training's z."""
        known, new = (
            on_a_grid(self.model, self.z[name], getattr(self.data, name), step) for name in ("train", split)
        )
        payload, z = through_bytes(new, probabilities(known))
        shown = (picture(self.model, code, step, self.data.levels) for code in (z, known))
        return len(payload), *shown

    def curve(self, steps: Sequence[float] = GAN_STEPS) -> list[Point]:
        """A lossy codec: a point for each step of z."""
        points = []
        for step in steps:
            n_bytes, back, _ = self.through_bytes("test", step)
            points.append(_point(f"step {step:g}", FRAME + n_bytes, self.data.test, back, self.data.levels))
        return points

    def lossless(self, split: str, step: float) -> tuple[int, int]:
        """Bytes of a split without loss, decoded and compared: for z, and for what is left.

        What is left is x given the level that G(z) shows there, by counts from the training images: as many
        contexts as levels, over the histogram of the pixel.
        """
        n_bytes, shown, shown_in_training = self.through_bytes(split, step)
        table = counts(self.data, lambda _: shown_in_training, self.data.levels)
        x = getattr(self.data, split)
        return n_bytes, n_coded(x, table[shown, torch.arange(x.shape[1])])

    def best_step(self, steps: Sequence[float] = LOSSLESS_STEPS) -> float:
        """The step of z with which the validation images take the fewest bytes without loss."""
        return min(steps, key=lambda step: sum(self.lossless("valid", step)))

    def met_exactly(self, seed: int) -> tuple[int, int]:
        """How many test images a search without a pull meets exactly; how many of many draws are such."""
        z = nearest_code(self.model, self.data.test, pull=0)
        wanted = {row.tobytes() for row in self.data.test.to(torch.int16).numpy()}
        with torch.no_grad():
            found = picture(self.model, z, 1.0, self.data.levels)
            drawn = self.model.sample(DRAWS, generator=torch.Generator().manual_seed(seed))
        shown = drawn.floor().clamp(0, self.data.levels - 1).to(torch.int16).numpy()
        hits = sum(row.tobytes() in wanted for row in shown)
        return int((found == self.data.test).all(1).sum()), hits


def without_model(data: Dataset) -> int:
    """Bytes of the test images by the counts of ``GANCode`` without z: a histogram for each pixel."""
    log_p = counts(data, torch.zeros_like, 1)[0]
    return n_coded(data.test, log_p.expand(len(data.test), -1, -1))


def n_coded(x: Tensor, log_p: Tensor) -> int:
    """Bytes of x by our range coder, (N, D) with tables (N, D, levels), decoded and compared.

    Raises:
        AssertionError: If other images come back.
    """
    encoder, log_p = Encoder(), log_p.flatten(0, 1)
    encoder.put(x.flatten(), log_p)
    payload = encoder.payload()
    if not torch.equal(Decoder(payload).take(log_p).view_as(x), x):
        raise AssertionError("attempts: a lossless code gave back other images")
    return len(payload)
