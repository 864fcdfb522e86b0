"""What has to be true of every model, as functions that raise ``LawBroken`` where it is not.

    from dgm_lite.laws import check_model
    print(check_model(my_model))

``check_model`` puts any model, also your own, under every law that its abilities call for. Each law is also
a function of its own: it takes a model, states one law, and works in float64, so that a violation is a wrong
formula and not a rounding error. They form one vocabulary, ``laws.sums_to_one``, whatever file they stand in.
"""

# ruff: noqa: F401

from dgm_lite.laws.autoregression import (
    cached_sampling_is_naive,
    logits_are_the_likelihood,
    moving_one_moves_only_what_follows,
    sees_only_the_past,
    steps_are_the_full_pass,
)
from dgm_lite.laws.bijections import comes_back, log_det_is_autograds, moves_integers_exactly
from dgm_lite.laws.bounds import (
    bound_ignores_the_batch,
    bound_is_below,
    bound_is_one_number_each,
    bound_is_repeatable,
    bounds_agree_in_both_precisions,
    bounds_sum_to_at_most_one,
    more_draws_close_the_gap,
    weights_average_to_the_likelihood,
)
from dgm_lite.laws.check import check_model
from dgm_lite.laws.data import splits_are_disjoint, splits_share_their_classes
from dgm_lite.laws.densities import (
    draws_are_probable,
    draws_balance_the_slopes,
    energy_is_minus_log_prob,
    sampler_matches_density,
    sums_to_one,
    total_mass,
    value_ignores_the_batch,
)
from dgm_lite.laws.precision import data_of_any_type_are_taken, dtypes_agree
from dgm_lite.laws.report import LawBroken, NotTried, Report, Result
from dgm_lite.laws.sampling import drawing_and_inverting_use_no_dropout, draws_are_repeatable
from dgm_lite.laws.subject import (
    SURE,
    domain,
    everything,
    examples,
    is_discrete,
    is_unbounded,
    plane,
    prepare,
)
from dgm_lite.laws.training import (
    all_weights_are_registered,
    computing_changes_nothing_unsaved,
    every_entry_gets_a_gradient,
    leaves_the_mode_alone,
    loss_is_mean_negative_log_prob,
    players_move_only_their_own_weights,
    players_share_no_weights,
    starting_from_data_helps,
)
from dgm_lite.laws.use import (
    bad_input_is_refused,
    bad_inputs,
    compiles,
    goes_through_torch_func,
    numbers,
    refuses,
    saving_changes_nothing,
)
