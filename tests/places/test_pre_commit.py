"""The hook in the real pre-commit: broken data stops a commit; what `nanclean fix` makes of it does not."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
PRE_COMMIT = (sys.executable, "-m", "pre_commit")
NANCLEAN = (sys.executable, "-m", "nanclean")

GOOD = "price,store\n" + "".join(f"{20 + n % 9},{n % 7}\n" for n in range(30))
DIRTY = GOOD.replace("\n23,3\n", "\ninf,3\n").replace("\n24,4\n", "\n,4\n")
POLICY = 'version = 1\nrules = [\n  "price: infinite -> blank",\n  "price: missing -> impute(median)",\n]\n'

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")


class Repository:
    """A repository of somebody's project, with hooks of pre-commit."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path, self.environment = path, environment
        path.mkdir(parents=True, exist_ok=True)
        self.run("git", "init", "-q", ".")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        done = self.tried(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def tried(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=self.path, env=self.environment)

    def hooked(self, repository: dict[str, Any]) -> Repository:
        """Write the configuration, commit it, and install the hooks of a repository."""
        (self.path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repository]}), encoding="utf-8")
        self.run("git", "add", ".")
        self.run("git", "commit", "-q", "-m", "the hooks")
        self.run(*PRE_COMMIT, "install", "--install-hooks")
        return self

    def commit(self, **files: str | bytes) -> tuple[bool, str]:
        """Add files and commit. Whether it went through, and what was said."""
        for name, content in files.items():
            self.write(name, content)
        self.run("git", "add", *(files or ["."]))
        before = self.run("git", "rev-parse", "HEAD").stdout
        done = self.tried("git", "commit", "-m", "data")
        moved = self.run("git", "rev-parse", "HEAD").stdout != before
        assert moved == (done.returncode == 0)
        return moved, done.stdout + done.stderr

    def write(self, name: str, content: str | bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables under which git and pre-commit see nothing of this machine's settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "SKIP"}
    who = {"NAME": "Somebody", "EMAIL": "somebody@example.org"}
    return {
        **{name: value for name, value in inherited.items() if name not in unset},
        **{f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in who.items()},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
    }


def hook() -> dict[str, Any]:
    [declared] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    return declared


@pytest.fixture
def repository(tmp_path: Path, environment: dict[str, str]) -> Repository:
    """A project whose hook is ours in all but where it is installed: here, and not by pre-commit."""
    local = {**hook(), "language": "system", "entry": " ".join([*NANCLEAN, "check"])}
    return Repository(tmp_path / "project", environment).hooked({"repo": "local", "hooks": [local]})


def told(output: str) -> str:
    """What a person reads: without the frame that pre-commit draws."""
    return re.sub(r"^- (duration|hook id): .*\n", "", output, flags=re.MULTILINE)


def test_the_manifest_is_one() -> None:
    done = subprocess.run([*PRE_COMMIT, "validate-manifest", str(MANIFEST)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_dirty_file_stops_the_commit_until_it_is_fixed(repository: Repository) -> None:
    stopped_until_fixed(repository, NANCLEAN)


def stopped_until_fixed(repository: Repository, nanclean: tuple[str, ...]) -> None:
    went, output = repository.commit(**{"train.csv": DIRTY, "notes.txt": "inf\nnan\n"})
    assert not went
    said = told(output)
    assert re.search(r"^check data files with nanclean\.+Failed$", said, re.MULTILINE), "what failed"
    assert re.search(r"^train\.csv:5: price: infinite: .*inf.* \[error\]$", said, re.MULTILINE), "where, what, why"
    assert re.search(r"^FAILED  1 error, 1 warning in 1 file", said, re.MULTILINE), "how it ended"
    assert "Traceback" not in said
    repository.write("nanclean.toml", POLICY)
    repository.run(*nanclean, "fix", "train.csv", "-o", "clean.csv")
    os.replace(repository.path / "clean.csv", repository.path / "train.csv")
    went, output = repository.commit()
    assert went, output
    assert re.search(r"^check data files with nanclean\.+Passed$", output, re.MULTILINE)
    assert "inf" not in repository.run("git", "show", "HEAD:train.csv").stdout


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(600)
def test_pre_commit_installs_it_from_its_repository(tmp_path: Path, environment: dict[str, str]) -> None:
    """What a project gets that names this repository, as the working tree is now; and how long a commit takes."""
    published = Repository(tmp_path / "nanclean", environment)
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode != 0:
        pytest.skip("this is no clone of the repository")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            published.write(name, (ROOT / name).read_bytes())
    published.run("git", "add", ".")
    published.run("git", "commit", "-q", "-m", "a version")
    revision = published.run("git", "rev-parse", "HEAD").stdout.strip()

    source = {"repo": published.path.as_uri(), "rev": revision, "hooks": [{"id": "nanclean"}]}
    repository = Repository(tmp_path / "project", environment).hooked(source)
    stopped_until_fixed(repository, NANCLEAN)

    repository.write("big.csv", big_table())
    for _ in range(2):
        started = time.monotonic()
        went, output = repository.commit()
        print(f"a stopped commit of 10 MB: {time.monotonic() - started:.2f} s")
        assert not went
        assert "big.csv:230002: score: infinite: 1 infinite value: inf [error]" in output


def big_table() -> str:
    """10 MB whose last line is broken."""
    rows = random.Random(0)
    line = "{},{:.4f},{},{:.6f},{},2024-01-{:02d}\n"
    text = "id,price,quantity,score,store,day\n" + "".join(
        line.format(n, rows.gauss(100, 15), rows.randrange(50), rows.random(), rows.choice("NSEW") * 8, n % 28 + 1)
        for n in range(230_000)
    )
    assert len(text) > 10_000_000
    return text + "230000,99.5,3,inf,NNNNNNNN,2024-01-01\n"


def test_parquet_and_arrays_are_checked_whatever_the_case_of_their_names(repository: Repository) -> None:
    """They are binary, and pre-commit knows neither."""
    values = numpy.array([1.0, 2.0, numpy.inf])
    numpy.save(repository.path / "x.npy", values)
    pyarrow.parquet.write_table(pyarrow.table({"a": values}), repository.path / "x.parquet")
    shutil.copy(repository.path / "x.parquet", repository.path / "y.pq")
    shutil.copy(repository.path / "x.npy", repository.path / "Z.NPY")
    for name, text in {"t.tsv": DIRTY.replace(",", "\t"), "u.tab": DIRTY.replace(",", "\t"), "V.Csv": DIRTY}.items():
        repository.write(name, text)
    went, output = repository.commit()
    assert not went
    failing = {line.split(":")[0] for line in output.splitlines() if line.endswith("[error]")}
    assert failing == {"x.npy", "x.parquet", "y.pq", "Z.NPY", "t.tsv", "u.tab", "V.Csv"}


def test_what_is_no_table_is_let_through(repository: Repository) -> None:
    went, output = repository.commit(**{"notes.txt": "inf,nan\n1\n", "csv.py": "x = 1\n", "a.csv.dvc": "outs: []\n"})
    assert went
    assert "(no files to check)Skipped" in output


def test_one_process_says_once_how_it_ended(repository: Repository) -> None:
    files = {f"data/part {n}.csv": DIRTY if n == 13 else GOOD for n in range(24)}
    went, output = repository.commit(**files)
    assert not went
    assert output.count("FAILED  ") == 1
    assert "FAILED  1 error, 1 warning in 24 files" in output
    assert "data/part 13.csv:5: price: infinite" in output


def test_more_names_than_a_command_line_holds(repository: Repository) -> None:
    """pre-commit then calls several times: each call tells of its own files, and one that fails is enough."""
    folder = "/".join(letter * 240 for letter in "abcdefgh")
    names = [f"{folder}/{n}.csv" for n in range(75)]
    assert sum(map(len, names)) > 1 << 17
    for name in names:
        repository.write(name, "a,b\n1,2\n2,3\n")
    repository.write(names[0], DIRTY)
    repository.write(names[-1], DIRTY)
    went, output = repository.commit()
    assert not went
    assert f"{names[0]}:5: price: infinite" in output
    assert f"{names[-1]}:5: price: infinite" in output
    verdicts = re.findall(r"^(?:PASSED|FAILED) .* in (\d+) files", output, re.MULTILINE)
    assert len(verdicts) > 1, "this is about several calls"
    assert sum(map(int, verdicts)) == 75


def test_a_file_that_cannot_be_read_stops_the_commit(repository: Repository) -> None:
    went, output = repository.commit(**{"train.csv": 'a,b\n1,"2\n3,4\n', "model.parquet": "not one"})
    assert not went
    assert "error: train.csv: line 2: " in output
    assert "error: model.parquet: " in output
    assert "FAILED  2 files not read" in output


def test_a_policy_of_the_project_is_heeded(repository: Repository) -> None:
    rules = 'version = 1\nrules = ["price: range(0, 25) <= 1%"]\n'
    went, output = repository.commit(**{"nanclean.toml": rules, "train.csv": GOOD})
    assert not went
    assert re.search(r"price: range: .*allowed 1% \(nanclean\.toml:2\) \[error\]", output)
