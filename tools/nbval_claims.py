"""A pytest plugin (-p tools.nbval_claims): nbval does not compare a claim card's record.

The record holds the measured figures, which differ in their last digits from machine to machine, and nbval's
patterns reach strings only. The card's text and HTML are compared, figures replaced by the patterns of
nbval.cfg, so a changed verdict still fails.
"""

import pytest

MIME = "application/vnd.dgm-lite.claim+json"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for notebook in {item.parent for item in items if hasattr(item.parent, "skip_compare")}:
        notebook.skip_compare = (*notebook.skip_compare, MIME)
