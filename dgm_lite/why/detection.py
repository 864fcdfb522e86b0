"""Was an object like this one seen before? Scores beside log p(x), for the cases in which log p(x) misleads.

Every score is high for objects that look ordinary, so that ``evaluate.auroc(inside, outside)`` and
``evaluate.risk_coverage`` read all of them in the same way.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.datasets import images
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate.decisions import risk_coverage
from dgm_lite.evaluate.likelihood import log_prob
from dgm_lite.shapes import check_count, check_levels, check_real, show


def typicality(log_px: Tensor, heldout: Tensor) -> Tensor:
    """-|-log p(x) - L|, L the mean of -log p over held-out objects: as likely as usual, not more, not less.

    Args:
        log_px: log p(x) of the objects in question, nats, (B,).
        heldout: log p(x) of ordinary objects that the model was not trained on, nats, (N,). Training
            objects would not do: a model finds them more likely than anything it has yet to see.

    Returns:
        Nats, at most 0, (B,).

    Raises:
        ValueError: If either holds NaN or infinity, or is not one-dimensional.

    Source: book eq. `typicality`; Nalisnick et al. (2019), Detecting out-of-distribution inputs to deep
    generative models using typicality, section 3, with batches of one object.
    """
    check_real(log_px, ("B",), "typicality")
    check_real(heldout, ("N",), "typicality heldout")
    return -(log_px - heldout.mean()).abs()


def mutate(x: Tensor, levels: int, rate: float, *, generator: torch.Generator | None = None) -> Tensor:
    """Replace each number, with probability ``rate``, by a random level: training data of a background.

    Args:
        x: Integers 0 .. levels-1, (N, D).
        levels: Number of values.
        rate: Share of numbers to replace, in [0, 1].
        generator: Source of randomness.

    Returns:
        Integers, (N, D); x itself is left as it is.

    Raises:
        ValueError: If x is no table of levels, or the rate is outside [0, 1].

    Source: book eq. `likelihood-ratio`; Ren et al. (2019), Likelihood ratios for out-of-distribution
    detection, section 3.
    """
    check_levels(x, levels, ("N", "D"), "mutate")
    if not 0 <= rate <= 1:
        raise ValueError(f"mutate: expected a rate in [0, 1], got {rate}.")
    chosen = torch.rand(x.shape, generator=generator, device=x.device) < rate
    return torch.where(chosen, torch.randint(levels, x.shape, generator=generator, device=x.device), x)


class NeighbourCode(nn.Module):
    """p(x) = prod_d h(x_d | left neighbour of x_d): one table of frequencies for all places of an image.

    It knows how ink follows ink and nothing about shapes: -log p(x) is the length of a simple code for x.

    Args:
        x: Images to count in, integers 0 .. levels-1, (N, height * width).
        levels: Number of grey levels.
        width: Pixels in a row. The first pixel of a row has a blank on its left.

    Source: book eq. `likelihood-ratio`; Serra et al. (2020), Input complexity and out-of-distribution
    detection with likelihood-based generative models, section 3, with a simpler code.
    """

    def __init__(self, x: Tensor, levels: int, width: int):
        super().__init__()
        check_count(width, "NeighbourCode", "width")
        check_levels(x, levels, ("N", "D"), "NeighbourCode")
        if x.shape[1] % width:
            raise ValueError(f"NeighbourCode: expected rows of {width} pixels, got images of {x.shape[1]}.")
        self.dim, self.levels, self.width = x.shape[1], levels, width
        pairs = self._left(x) * levels + x.long()
        counts = pairs.flatten().bincount(minlength=levels**2).view(levels, levels)
        counts = counts + 1.0  # one more each: no pair is impossible
        self.register_buffer("table", (counts / counts.sum(1, keepdim=True)).log())

    def _left(self, x: Tensor) -> Tensor:
        rows = x.long().reshape(len(x), -1, self.width)
        return torch.cat([torch.zeros_like(rows[..., :1]), rows[..., :-1]], dim=2).flatten(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) = sum_d log h(x_d | left neighbour), in nats, (B,).

        Raises:
            ValueError: If x has another shape, dtype or range.

        Source: book eq. `likelihood-ratio`.
        """
        check_levels(x, self.levels, ("B", self.dim), "NeighbourCode")
        return self.table[self._left(x), x.long()].sum(1)


def mutated(data: Dataset, rate: float, *, seed: int = 0) -> Dataset:
    """The same data with training and validation examples mutated: what a background model learns from.

    Raises:
        ValueError: If the data have no levels, or the rate is outside [0, 1].

    Source: book eq. `likelihood-ratio`; Ren et al. (2019), section 3.
    """
    if data.levels is None:
        raise ValueError(f"mutated: expected data with levels, {data.name} is continuous.")
    generator = torch.Generator().manual_seed(seed)
    train, valid = (mutate(x, data.levels, rate, generator=generator) for x in (data.train, data.valid))
    return replace(data, name=f"{data.name}, mutated", train=train, valid=valid)


def all_scores(
    x: Tensor, model: nn.Module, *, heldout: Tensor, background: nn.Module, code: nn.Module
) -> dict[str, Tensor]:
    """log p(x), typicality, and log p(x) against two backgrounds; each is high for ordinary objects.

    Args:
        x: Objects in question, (B, D).
        model: The density p(x) of ordinary objects.
        heldout: The model's log p(x) of ordinary objects that it was not trained on, nats, (N,).
        background: The same kind of model, trained on mutated objects.
        code: A model that knows nothing but the texture, such as ``NeighbourCode``.

    Returns:
        Scores in nats by name, (B,) each.

    Source: book eq. `likelihood-ratio`; Ren et al. (2019), equation 2.
    """
    log_px = log_prob(model, x)
    return {
        "log p(x)": log_px,
        "typicality": typicality(log_px, heldout),
        "ratio: noisy": log_px - log_prob(background, x),
        "ratio: code": log_px - log_prob(code, x),
    }


def keep_rows(x: Tensor, rows: int, *, width: int) -> Tensor:
    """The first rows of each image and blanks below them: a camera that fades out, (N, D) to (N, D).

    Raises:
        ValueError: If images have no such number of rows.
    """
    if x.dim() != 2 or x.shape[1] % width or not 0 <= rows <= x.shape[1] // width:
        size = show(tuple(x.shape))
        raise ValueError(f"keep_rows: expected 0 <= rows <= D / {width}, got {rows} rows of images {size}.")
    kept = x.clone()
    kept[:, rows * width :] = 0
    return kept


def foreign_images(digits: Tensor) -> dict[str, Tensor]:
    """Images that are no digits of the collection, by kind: other objects, no objects, digits taken apart.

    Args:
        digits: Digits of 8 x 8 pixels and 17 levels, (N, 64). Some kinds are made from them.

    Returns:
        Integers 0..16, (n, 64) each; one image where all of a kind are equal.

    Raises:
        ValueError: If the digits are no such images.
    """
    check_levels(digits, 17, ("N", 64), "foreign_images")
    place = torch.arange(64)
    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    return {
        "other hands": images.reduced_digits()[0],
        "letters": images.letters()[0],
        "quarter turn": digits.view(-1, 8, 8).rot90(1, (1, 2)).flatten(1),
        "shuffled pixels": digits[:, shuffled],
        "noise": images.noise_images(400),
        "constant": images.constant_images(17),
        "checkerboard": ((place // 8 + place) % 2 * 16)[None],
        "half a digit": keep_rows(digits, 4, width=8),
        "two rows": keep_rows(digits, 2, width=8),
        "one dot": 16 * torch.eye(64, dtype=torch.long),
        "blank page": torch.zeros(1, 64, dtype=torch.long),
    }


def log_ordinary(ratio: Tensor, heldout: Tensor, share: float = 0.05) -> Tensor:
    """log P(ordinary | x) = log sigmoid(ratio - tau), tau the quantile ``share`` of held-out ratios.

    How often foreign objects come, and how well the background describes them, we do not know. Both are a
    constant beside the ratio, and tau stands for it: a share of ordinary objects falls below one half.

    Args:
        ratio: log p(x) - log p_0(x), nats, (B,).
        heldout: The same of ordinary objects that the model was not trained on, (N,).
        share: Of ordinary objects that we are ready to give less than one half, in (0, 1).

    Returns:
        Nats, at most 0, (B,).

    Raises:
        ValueError: If either is no list of finite numbers, or the share is outside (0, 1).

    Source: book eq. `ordinary`.
    """
    check_real(ratio, ("B",), "log_ordinary")
    check_real(heldout, ("N",), "log_ordinary heldout")
    if not 0 < share < 1:
        raise ValueError(f"log_ordinary: expected a share in (0, 1), got {share}.")
    return F.logsigmoid(ratio - heldout.quantile(share))


def area_gap(score: Tensor, rival: Tensor, correct: Tensor, *, draws: int = 200, seed: int = 0) -> Tensor:
    """How much lower or higher the area under the risk-coverage curve is by one score than by its rival.

    Args:
        score: Of each decision, high for those to keep, (B,).
        rival: Another score of the same decisions, (B,).
        correct: Which of the decisions are right, (B,), bool.
        draws: How often the objects are drawn again, with replacement, for the interval.
        seed: Of these draws.

    Returns:
        (difference, lower end, upper end), the ends those of a 95 % interval; negative is better.

    Raises:
        ValueError: If the three differ in length.

    Source: book eq. `risk-coverage`.
    """
    if not len(score) == len(rival) == len(correct):
        got = f"{len(score)}, {len(rival)} and {len(correct)}"
        raise ValueError(f"area_gap: expected two scores and a truth of each decision, got {got}.")
    check_count(draws, "area_gap", "draws")
    generator = torch.Generator().manual_seed(seed)
    chosen = [torch.arange(len(score))]
    chosen += [torch.randint(len(score), (len(score),), generator=generator) for _ in range(draws)]
    gaps = [_area(score[i], correct[i]) - _area(rival[i], correct[i]) for i in chosen]
    ends = torch.stack(gaps[1:]).quantile(torch.tensor([0.025, 0.975], dtype=gaps[0].dtype))
    return torch.cat([gaps[0][None], ends])


def _area(score: Tensor, correct: Tensor) -> Tensor:
    return risk_coverage(score, correct)[1].mean()


def worst_rank(scores: Sequence[Tensor], heldout: Sequence[Tensor]) -> Tensor:
    """The smallest, over several scores, share of held-out objects that score lower.

    Ranks have no unit, so no score can drown another: an object is trusted only if each finds it ordinary.

    Args:
        scores: Scores of the objects in question, (B,) each.
        heldout: The same scores of ordinary held-out objects, (N,) each.

    Returns:
        Shares in [0, 1], (B,).

    Raises:
        ValueError: If there are no scores, or not equally many of both.

    Source: book eq. `worst-rank`.
    """
    if not scores or len(scores) != len(heldout):
        raise ValueError(
            f"worst_rank: expected as many scores as held-out ones, got {len(scores)}, {len(heldout)}."
        )
    ranks = []
    for score, ordinary in zip(scores, heldout, strict=True):
        check_real(score, ("B",), "worst_rank")
        check_real(ordinary, ("N",), "worst_rank heldout")
        ranks.append(torch.searchsorted(ordinary.sort().values, score.contiguous()) / len(ordinary))
    return torch.stack(ranks).amin(0)
