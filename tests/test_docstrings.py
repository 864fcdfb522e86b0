"""The examples in the docstrings run and give what they say."""

import doctest
import importlib
import re

import pytest

from tests.test_layering import PACKAGE, name_of, sources

EXAMPLES = [file for file in sources() if re.search(r"^ *>>> ", file.read_text(encoding="utf-8"), flags=re.M)]


@pytest.mark.parametrize("file", EXAMPLES, ids=name_of)
def test_examples_give_what_they_say(file):
    found = doctest.testmod(importlib.import_module(f"dgm_lite.{name_of(file)}"))
    assert found.attempted and not found.failed


def test_every_family_has_an_example():
    families = {file.relative_to(PACKAGE).parts[0] for file in EXAMPLES}
    assert families >= {"autoregressive", "flows", "latent", "gan", "codecs"}


def test_the_imports_that_the_package_shows_are_there():
    shown = re.findall(r"^    (from dgm_lite.*)$", (PACKAGE / "__init__.py").read_text(), flags=re.M)
    assert len(shown) > 3
    exec("\n".join(shown), {})
