"""Laws of loss and players: every weight is reached, moved by its own player only, and saved."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dgm_lite.identity import differences, identity, listed
from dgm_lite.laws.report import require, require_close
from dgm_lite.nets import fixed_weights
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.step import Trainer, players_of


def every_entry_gets_a_gradient(
    model: nn.Module, *batches: tuple[Tensor, ...], unused: str = "", some: bool = False
) -> str:
    """Each player's loss reaches each entry of each of its weights, in one of the batches at least.

    Args:
        model: What is trained; in training mode, because that is where gradients count.
        *batches: What ``loss`` takes, several times.
        unused: Last part of the name of a weight of which some entries have no say by construction.
        some: Whether one entry of each weight is enough, where nobody knows what is masked.

    Returns:
        Which entries were not reached, if they need not be.
    """
    model, left = copy.deepcopy(model).train(), []
    for player in players_of(model):
        reached = {name: torch.zeros_like(p, dtype=bool) for name, p in player.weights.named_parameters()}
        for batch in batches:
            model.zero_grad(set_to_none=True)
            player.loss(*batch).backward()
            for name, parameter in player.weights.named_parameters():
                if not parameter.requires_grad:
                    reached[name] |= True  # frozen on purpose
                    continue
                said = f"{name} gets no gradient from the loss of {player.name!r}"
                require(parameter.grad is not None, said)
                require(parameter.grad.isfinite().all(), f"the gradient of {name} is not finite")
                reached[name] |= parameter.grad != 0
        for name, entries in reached.items():
            require(entries.any(), f"the gradient of {name} is zero")
            missing = f"{int((~entries).sum())} of {entries.numel()} entries of {name}"
            excused = some or name.split(".")[-1] == unused
            require(entries.all() or excused, f"{missing} never get a gradient")
            left += [] if entries.all() else [missing]
    return f"but for {', '.join(left[:3])}{' and others' if len(left) > 3 else ''}" if left else ""


def starting_from_data_helps(start: Callable[[Tensor], nn.Module], x: Tensor) -> None:
    """Weights set from the data explain them better than the first ones did, whatever their scale is.

    Args:
        start: The model's method that sets its weights.
        x: Data, (N, *event).
    """
    model, losses = start.__self__.eval(), []
    x = 10 * x + 50 if x.is_floating_point() else x
    for _ in range(2):
        torch.manual_seed(0)
        with fixed_weights(model):
            losses.append(model.loss(x).item())
        start(x)
    require(losses[1] < losses[0] - 0.1, f"the start leaves the loss where it was: {losses} nats")


def all_weights_are_registered(model: nn.Module) -> None:
    """No layer in a plain list, no tensor in a plain attribute: neither would be trained or saved."""
    for name, part in model.named_modules():
        for attribute, value in vars(part).items():
            if attribute in {"_parameters", "_buffers", "_modules"} or "hooks" in attribute:
                continue
            inside = list(value.values()) if isinstance(value, dict) else value
            for item in inside if isinstance(inside, list | tuple) else [inside]:
                where = f"{name or type(model).__name__}.{attribute}"
                hidden, bare = isinstance(item, nn.Module), isinstance(item, Tensor)
                require(not hidden, f"{where} hides a module: use ModuleList or ModuleDict")
                require(not bare, f"{where} is a bare tensor: use register_buffer or Parameter")


def players_move_only_their_own_weights(model: nn.Module, *batch: Tensor) -> None:
    """After a player's turn no weight has moved but its own, and its own have."""
    for k, player in enumerate(players_of(model)):
        changed = copy.deepcopy(model)
        trainer = Trainer(changed, TrainConfig(lr=0.01, warmup=0.0), n_steps=10)
        trainer.players, trainer.optimizers = [trainer.players[k]], [trainer.optimizers[k]]
        own = {id(p) for p in trainer.players[0].weights.parameters() if p.requires_grad}
        trainer.step(batch)
        for (name, after), before in zip(changed.named_parameters(), model.parameters(), strict=True):
            moved = not torch.equal(after, before)
            did = "moved" if moved else "did not move"
            require(moved == (id(after) in own), f"{player.name!r} {did} {name}")


def players_share_no_weights(model: nn.Module) -> None:
    """No weight belongs to two players: they would pull it in two directions."""
    owner: dict[int, str] = {}
    names = {id(p): name for name, p in model.named_parameters()}
    for player in players_of(model):
        for parameter in player.weights.parameters():
            both = f"{owner.get(id(parameter))!r} and {player.name!r} share {names[id(parameter)]}"
            require(id(parameter) not in owner, both)
            owner[id(parameter)] = player.name


def loss_is_mean_negative_log_prob(
    model: nn.Module, x: Tensor, *labels: Tensor, of: str = "log_prob"
) -> None:
    """A density trained by likelihood reports nats per example: no other unit, no mean over pixels."""
    loss, nats = model.loss(x, *labels), -getattr(model, of)(x, *labels).mean()
    require_close(loss, nats, "loss, against the mean of -log p(x),", tolerance=1e-12, unit="nats")


def leaves_the_mode_alone(measure: Callable[[nn.Module], object], model: nn.Module) -> None:
    """A measurement gives every part of the model back in the mode, train or eval, in which it was."""
    for training in (True, False):
        model.train(training)
        next(reversed(list(model.modules()))).train(not training)  # one part differs from the rest
        before = [part.training for part in model.modules()]
        measure(model)
        after = [part.training for part in model.modules()]
        require(after == before, "the model came back in another mode")


def computing_changes_nothing_unsaved(model: nn.Module, call: Callable[[nn.Module], object]) -> None:
    """A call changes nothing in the model that a file of its weights would not remember.

    No number or flag, no list, no buffer with persistent=False: only weights and the other buffers are saved.

    Args:
        model: In the mode in which it is called; it is left as it was.
        call: What is done with it, for example its loss.
    """
    model = copy.deepcopy(model)
    before = {"settings": identity(model)["settings"]}
    call(model)
    changed = listed(differences(before, {"settings": identity(model)["settings"]}))
    require(
        not changed,
        f"{changed} afterwards, which is not saved; use a buffer (persistent, as it is by default)",
    )
