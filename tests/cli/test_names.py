"""``list``."""

from dgm_lite import catalog
from dgm_lite.catalog.data import DATA
from dgm_lite.cli.main import main


def test_list_names_every_model_and_data_set(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for name in [entry.name for entry in catalog.MODELS] + list(DATA):
        assert name in shown.out
