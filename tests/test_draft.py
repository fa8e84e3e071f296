"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import nanclean
from nanclean.draft import Draft, refuse
from nanclean.errors import OutputError, UsageError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_draft_is_hidden_until_it_is_published(tmp_path: Path, umask: None) -> None:
    target = tmp_path / "out.csv"
    draft = Draft(str(target))
    assert os.listdir(tmp_path) == [os.path.basename(draft.path)]
    assert os.path.basename(draft.path).startswith(".")
    Path(draft.path).write_text("x")
    draft.sync()
    draft.publish()
    draft.discard()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.csv": "x"}
    assert mode(target) == 0o644


def test_a_draft_that_is_discarded_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")
    draft = Draft(str(target))
    Path(draft.path).write_text("new")
    draft.discard()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.csv": "old"}


def test_a_file_that_is_replaced_hands_on_its_mode_and_a_link_nothing(tmp_path: Path, umask: None) -> None:
    target, victim, link = tmp_path / "out.csv", tmp_path / "victim", tmp_path / "link.csv"
    for path in (target, victim):
        path.write_text("old")
    target.chmod(0o600)
    victim.chmod(0o600)
    link.symlink_to(victim)
    for path in (target, link):
        draft = Draft(str(path))
        Path(draft.path).write_text("new")
        draft.publish()
    assert mode(target) == 0o600
    assert not link.is_symlink()
    assert (link.read_text(), victim.read_text(), mode(link)) == ("new", "old", 0o644)


def test_a_stale_draft_of_the_same_number_is_no_obstacle(tmp_path: Path) -> None:
    first = Draft(str(tmp_path / "out.csv"))
    Path(first.path).write_text("left by a process that was killed")
    again = Draft(str(tmp_path / "out.csv"))
    assert again.path == first.path
    assert Path(again.path).read_bytes() == b""


def test_rejected_rows_are_as_private_as_the_input(tmp_path: Path, umask: None) -> None:
    table = tmp_path / "secret.csv"
    table.write_text("a,b\n1,2\n,3\n")
    table.chmod(0o600)
    nanclean.fix(table, tmp_path / "out.csv", rules=["a: missing -> drop"], no_config=True)
    assert mode(tmp_path / "out.rejected.csv") == 0o600
    assert mode(tmp_path / "out.csv") == 0o644


@pytest.mark.parametrize("spelling", ["t.csv", "./t.csv", "sub/../t.csv", "hard.csv", "soft.csv"])
def test_the_input_is_never_written_over(spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    Path("t.csv").write_text("a\n1\n")
    os.link("t.csv", "hard.csv")
    os.symlink("t.csv", "soft.csv")
    with pytest.raises(UsageError, match="is the input; it is never written over"):
        refuse(spelling, force=True, inputs=("t.csv",))


def test_what_cannot_be_written_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("")
    os.mkfifo(tmp_path / "pipe.csv")
    for name, kind, said in (
        ("there.csv", UsageError, "is there already"),
        ("pipe.csv", UsageError, "is no regular file"),
        ("no/out.csv", OutputError, "there is no folder"),
        ("", UsageError, "is a folder"),
    ):
        with pytest.raises(kind, match=said):
            refuse(str(tmp_path / name), force=False)
    refuse(str(tmp_path / "there.csv"), force=True)
    refuse(str(tmp_path / "new.csv"), force=False)
