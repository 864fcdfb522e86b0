"""Exercises of "The map": solutions pass, likely mistakes are named."""

from dgm_lite.exercises import map as chapter
from dgm_lite.exercises.map import q1, q2, q3
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [(q1, chapter.families_by_formula()), (q2, chapter.likelihood), (q3, chapter.archive())]
)


RIGHT = chapter.families_by_formula()
WRONG = [
    (q1, {"a": "autoregressive"}, 'keys "a", "b", "c", "d" and "e"; got a.'),
    (q1, {**RIGHT, "b": "prescribed", "d": "implicit"}, "swapped"),
    (q1, {**RIGHT, "e": "flow"}, "e is not flow"),
    (q1, {**RIGHT, "c": "gan"}, "energy; got gan"),
    (q2, lambda model: "exact" if hasattr(model, "sample") else "none", "only be sampled"),
    (
        q2,
        lambda model: "exact" if hasattr(model, "log_prob") or hasattr(model, "elbo") else "none",
        "lower bound",
    ),
    (q2, lambda model: "none", 'Expected "exact"'),
    (q3, "a", "no probability"),
    (q3, "b", "takes a pass"),
    (q3, "d", "not one bit"),
]

test_likely_mistakes_are_named = naming(WRONG)
