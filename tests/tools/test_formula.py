"""What a page shows of the package: the formula's lines, nothing that surrounds them."""

import textwrap

import pytest

from dgm_lite import laws
from tools.ext.formula import formula

MODULE = '''
"""A module."""


class Flow:
    """A class.

    Args:
        dim: D.
    """

    @no_grad()
    def to_latent(self, x: Tensor, *, y: Tensor | None = None, k: int = 3) -> Tensor:
        """One line.

        Raises:
            ValueError: If.
        """
        x = check_real(x, ("B",), self)  # in floats
        check_count(k, "Flow")
        self._check_noise(x)
        if k < 2:
            raise ValueError("no")
        # The log-determinant is that of the diagonal.
        s, t = (
            self.net(x)  # of the first half
        )  # fmt: skip
        if k > 5:
            s = 2 * s
        return x * s.exp() + t, s.sum(1)  # noqa: B023


def cells(x):
    return x
'''


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "flow.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


def test_only_the_formula_is_left(root):
    text, path = formula("pack.flow.Flow.to_latent", root=root)
    assert path == root / "pack" / "flow.py"
    assert text == textwrap.dedent("""\
        def to_latent(self, x, *, y=None, k=3):
            # The log-determinant is that of the diagonal.
            s, t = (
                self.net(x)  # of the first half
            )
            if k > 5:
                s = 2 * s
            return x * s.exp() + t, s.sum(1)""")
    assert formula("pack.flow.cells", root=root)[0] == "def cells(x):\n    return x"


def test_a_class_is_shown_with_its_methods(root):
    text = formula("pack.flow.Flow", root=root)[0]
    assert text.startswith("class Flow:\n\n    def to_latent(self, x, *, y=None, k=3):\n        # The log")


@pytest.mark.parametrize("only, expected", [
    ("return x", "return x * s.exp() + t, s.sum(1)"),
    ("if k > 5 … s = 2", "if k > 5:\n    s = 2 * s"),
    ("s = 2 …", "    s = 2 * s\nreturn x * s.exp() + t, s.sum(1)"),
])  # fmt: skip
def test_some_lines_can_be_chosen(root, only, expected):
    assert formula("pack.flow.Flow.to_latent", only, root)[0] == expected


def test_what_is_not_there_is_refused(root):
    laws.refuses(lambda: formula("pack.none.Flow", root=root), "pack.none.Flow")
    laws.refuses(lambda: formula("pack.flow.Flow.to_data", root=root), "to_data")
    laws.refuses(lambda: formula("pack.flow.Flow.to_latent", "no such line", root), "no such line")
    laws.refuses(lambda: formula("pack.flow.Flow.to_latent", "return x … s = 2", root), "s = 2")
