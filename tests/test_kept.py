"""What is kept is there until it is dropped."""

import pytest

from seqtutor_core import kept
from seqtutor_core.errors import InputError


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    return tmp_path


def test_newest_first_once_each_and_by_domain():
    one = kept.keep("melody", {"tokens": [60, 1], "title": "<b>é 🎵"})
    two = kept.keep("melody", {"tokens": [62, 1]})
    assert kept.keep("melody", {"tokens": [60, 1], "title": "<b>é 🎵"}) == one
    assert kept.all_kept("melody") == [two, one] and kept.all_kept("molecule") == []
    kept.drop("melody", two.id)
    kept.drop("melody", two.id)
    assert kept.all_kept("melody") == [one]


def test_a_damaged_file_hides_nothing_else(own_home):
    one = kept.keep("molecule", {"smiles": "CCO"})
    for name, text in {
        "a": "",
        "b": "[]",
        "c": '{"time": "x", "content": {}}',
        "d": '{"time": 1, "content": 3}',
    }.items():
        (own_home / "kept" / "molecule" / f"{name}.json").write_text(text)
    assert kept.all_kept("molecule") == [one]


def test_an_id_reaches_no_other_file(own_home):
    other = own_home / "other.json"
    other.write_text("{}")
    kept.keep("molecule", {"smiles": "C"})
    kept.drop("molecule", "../../other")
    assert other.exists()


def test_too_much_is_refused(own_home, monkeypatch):
    with pytest.raises(InputError, match="at most 64,000 are kept"):
        kept.keep("molecule", {"smiles": "C" * 70_000})
    monkeypatch.setattr(kept, "MOST", 1)
    kept.keep("molecule", {"smiles": "C"})
    with pytest.raises(InputError, match="drop some"):
        kept.keep("molecule", {"smiles": "CC"})


def test_a_folder_that_cannot_be_written_is_told(own_home):
    (own_home / "kept").write_text("in the way")
    with pytest.raises(InputError, match="cannot be kept"):
        kept.keep("molecule", {"smiles": "C"})
