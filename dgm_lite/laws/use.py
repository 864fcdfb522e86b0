"""Laws of use: files, bad input, torch.func and torch.compile."""

from collections.abc import Callable
from inspect import signature

import torch
from torch import Tensor, nn

from dgm_lite import weights
from dgm_lite.laws.report import LawBroken, NotTried, require
from dgm_lite.laws.subject import takes_two
from dgm_lite.nets import fixed_weights
from dgm_lite.protocols import Adversarial, Bijection, Sampler, Trainable
from dgm_lite.training.step import players_of


def numbers(model: nn.Module, x: Tensor, *labels: Tensor) -> dict[str, Tensor]:
    """Every number that the model's abilities give, at fixed seeds."""
    found = {}
    with fixed_weights(model):
        for name in measures(model):
            found[name] = seeded(getattr(model, name), x, labels)
        if isinstance(model, Sampler):
            torch.manual_seed(0)
            options = {"generator": torch.Generator().manual_seed(0)}
            if labels and "y" in signature(model.sample).parameters:
                options["y"] = labels[0][:5]
            found["sample"] = model.sample(min(5, len(x)), **options)
    for player in players_of(model) if isinstance(model, Trainable | Adversarial) else ():
        found[f"loss of {player.name}"] = seeded(player.loss, x, labels).detach()
    require(found, f"{type(model).__name__} has no ability")
    return found


def seeded(method: Callable, x: Tensor, labels: tuple[Tensor, ...]) -> Tensor:
    """A measure of x, with labels if it takes any, and always with the same noise."""
    torch.manual_seed(4)
    return method(x, *labels) if takes_two(method) else method(x)


def saving_changes_nothing(model: nn.Module, other: nn.Module, x: Tensor, file, *labels: Tensor) -> None:
    """Another model of the same sizes gives the very same numbers after loading what this one saved.

    Raises:
        NotTried: If the two give the same numbers before: these do not depend on the weights.
    """
    weights.save(model, file)
    other = other.to(next(model.parameters()).dtype).eval()
    before = numbers(other, x, *labels)
    weights.load(other, file)
    for name, value in numbers(model, x, *labels).items():
        now = numbers(other, x, *labels)[name]
        same = torch.equal(value, now) or torch.equal(value.isnan(), now.isnan()) and value.isnan().any()
        require(same, f"{name} changed by saving and loading")
    differed = any(not torch.equal(v, before[k]) for k, v in numbers(other, x, *labels).items())
    if not differed:
        raise NotTried("its numbers do not depend on its weights")


def refuses(call: Callable[[], object], *words: str) -> None:
    """The call raises ValueError whose message says what was expected, what came, and these words.

    Raises:
        LawBroken: If it is accepted, or refused in other words.
    """
    try:
        call()
    except ValueError as error:
        message = str(error)
    else:
        raise LawBroken("bad input was accepted")
    for word in ("expected", "got", *words):
        require(word in message, f"the message does not say {word!r}: {message}")


def bad_inputs(model: nn.Module, x: Tensor) -> dict[str, object]:
    """Inputs that no model of these data may accept, by what is wrong with them."""
    bad = {
        "one dimension too many columns": torch.cat([x, x[:, :1]], dim=1),
        "no batch dimension": x[0],
        "an image that was not flattened": x[:, None],
        "an empty batch": x[:0],
        "a list": x.tolist(),
        "an array": x.numpy(),
        "complex numbers": x.to(torch.complex64),
        "booleans": x > 0,
    }
    if x.is_floating_point():
        holed, endless = x.clone(), x.clone()
        holed[0, 0], endless[-1, -1] = torch.nan, torch.inf
        return bad | {"NaN": holed, "infinity": endless, "integers": x.long()}
    if isinstance(model, Bijection):  # no level is too high: a test of its own says that they are taken
        return bad | {"floats": x.float()}
    above, below = x.clone(), x.clone()
    above[0, 0], below[0, 0] = model.levels, -1
    return bad | {"a level too high": above, "a negative level": below, "floats": x.float()}


def bad_input_is_refused(model: nn.Module, x: Tensor, *labels: Tensor) -> None:
    """log_prob, elbo and loss refuse every bad input, and sample every bad count, in the model's own name.

    Args:
        model: Any model.
        x: Examples, (B, *event).
        *labels: Labels y of these, (B,), for a model that takes them: then nothing but x is bad.

    Raises:
        LawBroken: If one is accepted, or refused in other words.
    """
    owner = type(model).__name__
    for what, bad in bad_inputs(model, x).items():
        beside = tuple(y[: len(bad)] for y in labels)
        for method in ("log_prob", "elbo", "loss"):
            if hasattr(model, method):
                try:
                    refuses(lambda: seeded(getattr(model, method), bad, beside), owner)  # noqa: B023
                except Exception as error:
                    raise LawBroken(f"{owner}.{method} and {what}: {error}") from error
    for n in (0, -1, 2.5, True, None):
        given = {"y": labels[0][:1]} if labels and "y" in signature(model.sample).parameters else {}
        refuses(lambda: model.sample(n, **given), owner)  # noqa: B023


class Measure(nn.Module):
    """One of a model's measures as the ``forward`` that ``torch.func.functional_call`` wants."""

    def __init__(self, model: nn.Module, name: str):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x: Tensor) -> Tensor:
        """Nats, (B,)."""
        return getattr(self.model, self.name)(x)


def measures(model: nn.Module) -> list[str]:
    """Names of the methods that give one number of nats for each example."""
    return [name for name in ("log_prob", "elbo", "energy") if hasattr(model, name)]


def goes_through_torch_func(model: nn.Module, x: Tensor) -> None:
    """vmap, grad and jvp of each measure give what a batch, autograd and a finite step give."""
    for name in measures(model):
        measure = Measure(model, name)
        weights = {k: v.detach() for k, v in measure.named_parameters()}

        def one(weights: dict[str, Tensor], example: Tensor) -> Tensor:
            return torch.func.functional_call(measure, weights, (example[None],))[0]  # noqa: B023

        torch.manual_seed(0)
        batch = measure(x)
        torch.manual_seed(0)
        each = torch.func.vmap(one, (None, 0), randomness="different")(weights, x)
        torch.testing.assert_close(each, batch)
        torch.manual_seed(0)
        slopes = torch.func.vmap(torch.func.grad(one), (None, 0), randomness="different")(weights, x)
        torch.testing.assert_close(
            {k: v.sum(0) for k, v in slopes.items()},
            dict(zip(weights, _slope(batch.sum(), measure), strict=True)),
        )
        step = {k: torch.randn_like(v) for k, v in weights.items()}
        torch.manual_seed(0)
        _, along = torch.func.jvp(lambda w: one(w, x[0]), (weights,), (step,))
        torch.manual_seed(0)
        slope = torch.func.grad(one)(weights, x[0])
        torch.testing.assert_close(along, sum((slope[k] * step[k]).sum() for k in step))


def _slope(value: Tensor, module: nn.Module) -> tuple[Tensor, ...]:
    return torch.autograd.grad(value, list(module.parameters()), materialize_grads=True)


def compiles(model: nn.Module, *batch: Tensor, whole: bool = True) -> None:
    """The compiled loss of each player is its loss, and so is its gradient.

    Args:
        model: What is trained.
        *batch: What ``loss`` takes.
        whole: Whether one graph holds all of it.
    """
    for player in players_of(model):
        found = []
        for loss in (player.loss, torch.compile(player.loss, backend="aot_eager", fullgraph=whole)):
            torch.manual_seed(0)
            value = loss(*batch)
            found.append([value, *_slope(value, player.weights)])
        torch.testing.assert_close(*found)
