"""The action for GitHub: what it declares, and what its scripts do when they run as the runner runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
GOOD = "price,store\n" + "".join(f"{n},{n % 7}\n" for n in range(30))
DIRTY = GOOD.replace("\n12,5\n", "\ninf,5\n")  # line 14
RUNNER = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""How the runner calls bash for `shell: bash`."""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not there")


def action() -> dict[str, Any]:
    return yaml.safe_load(ACTION.read_text(encoding="utf-8"))


def steps() -> dict[str, dict[str, Any]]:
    return {step.get("id", "check"): step for step in action()["runs"]["steps"]}


class Job:
    """What the runner keeps of a job: inputs, outputs of steps, and the files that steps write to."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.workspace = folder / "work"
        self.workspace.mkdir()
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.summary = folder / "summary.md"
        self.said: dict[str, str] = {}
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        for name, declared in action()["inputs"].items():
            self.said[f"inputs.{name}"] = given.pop(name, declared.get("default", ""))
        assert not given, "no such input"

    def run(self, step: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one step, and note what it leaves."""
        assert step["shell"] == "bash"
        output = self.temp / "output"
        output.write_bytes(b"")
        script = self.temp / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        known = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temp),
        }
        own = {name: self.filled(text) for name, text in step.get("env", {}).items()}
        unset = {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        done = subprocess.run(
            [*RUNNER, str(script)],
            capture_output=True,
            encoding="utf-8",
            cwd=self.workspace,
            env={**inherited, **known, **own, **environment},
        )
        for line in output.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            self.said[f"steps.{step['id']}.outputs.{name}"] = value
        return done

    def filled(self, text: str) -> str:
        """Expressions are replaced by what they stand for; what is not known is empty, as on the runner."""
        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: self.said.get(found[1], ""), text)


def checked(folder: Path, there: dict[str, str], /, **inputs: str) -> tuple[Job, subprocess.CompletedProcess[str]]:
    """The last step alone, with this Python in place of the one that the action installs."""
    job = Job(folder, **inputs)
    for name, text in there.items():
        file = job.workspace / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    job.said["steps.install.outputs.python"] = sys.executable
    return job, job.run(steps()["check"])


def test_it_is_what_the_schema_says() -> None:
    pytest.importorskip("check_jsonschema", reason="the schema of actions comes with check-jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", str(ACTION)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_script_holds_an_expression() -> None:
    """What is written into the text of a script is run by it."""
    for step in action()["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert ("run" in step) == ("shell" in step)
    read = " ".join(str(step.get("env", {})) + str(step.get("with", {})) for step in action()["runs"]["steps"])
    for name in action()["inputs"]:
        assert f"inputs.{name} " in read, f"nobody reads the input {name}"


def test_the_python_of_the_job_stays() -> None:
    python = steps()["python"]
    assert python["if"] == "inputs.python-version != ''"
    assert python["with"]["update-environment"] is False


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(600)
def test_it_installs_itself_and_checks(tmp_path: Path) -> None:
    job = Job(tmp_path, files="data/*.csv", python_version="")
    (job.workspace / "data").mkdir()
    (job.workspace / "data" / "train.csv").write_text(GOOD, encoding="utf-8")
    (job.workspace / "shlex.py").write_text("raise SystemExit('a file of the job was imported')", encoding="utf-8")
    first = Path(sys.executable).parent
    installed = job.run(steps()["install"], PATH=f"{first}{os.pathsep}{os.environ['PATH']}")
    assert installed.returncode == 0, installed.stderr
    assert Path(job.said["steps.install.outputs.python"]).is_relative_to(job.temp)
    passed = job.run(steps()["check"])
    assert (passed.returncode, passed.stderr) == (0, "")
    assert "PASSED  nothing found in 1 file" in passed.stdout
    (job.workspace / "data" / "train.csv").write_text(DIRTY, encoding="utf-8")
    failed = job.run(steps()["check"])
    assert failed.returncode == 1
    assert "infinite" in failed.stdout


def test_an_installation_that_fails_fails_the_job(tmp_path: Path) -> None:
    job = Job(tmp_path, files="x.csv")
    python = tmp_path / "python"
    made = '#!/bin/sh\nmkdir -p "$3/bin"\nprintf "#!/bin/sh\\nexit 7\\n" > "$3/bin/python"\nchmod +x "$3/bin/python"\n'
    python.write_text(made, encoding="utf-8")
    python.chmod(0o755)
    assert job.run(steps()["install"], PYTHON=str(python)).returncode == 7
    assert not any(name.startswith("steps.install") for name in job.said)


def test_clean_and_dirty_files(tmp_path: Path) -> None:
    for name, files, code in (("clean", {"a.csv": GOOD}, 0), ("dirty", {"a.csv": GOOD, "b.csv": DIRTY}, 1)):
        (tmp_path / name).mkdir()
        _, done = checked(tmp_path / name, files, files="*.csv")
        assert done.returncode == code, done.stderr
        assert "error: " not in done.stderr
        assert ("price: infinite" in done.stdout) == bool(code)


def test_the_job_gets_annotations_and_a_summary(tmp_path: Path) -> None:
    """They come from nanclean itself, which looks for the variables of the runner."""
    job, done = checked(tmp_path, {"b.csv": DIRTY}, files="b.csv")
    assert done.returncode == 1
    [annotation] = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    assert "file=b.csv" in annotation
    assert "line=14" in annotation
    assert "infinite" in job.summary.read_text(encoding="utf-8")


def test_names_with_blanks_are_quoted_and_lines_are_words(tmp_path: Path) -> None:
    files = {"my data/all of it.csv": GOOD, "more/x.csv": GOOD, "y.csv": DIRTY}
    _, done = checked(tmp_path, files, files="'my data/all of it.csv'\nmore/*.csv\n\"y.csv\"\n")
    assert done.returncode == 1
    assert "y.csv" in done.stdout
    assert "in 3 files" in done.stdout
    assert "error: " not in done.stderr


ATTACKS = (
    "$(touch owned)",
    '"; touch owned; "',
    "`touch owned`",
    "x.csv && touch owned",
    "x.csv > owned",
    "'\n'''); open('owned', 'w') #",
    "${{ github.token }}",
    "--html owned x.csv",
)


@pytest.mark.parametrize(
    ("through", "attack"),
    [("files", attack) for attack in ATTACKS]
    + [(name, attack) for name in ("policy", "fail_on", "args") for attack in ATTACKS[:2]],
)
def test_nothing_in_an_input_is_run(tmp_path: Path, through: str, attack: str) -> None:
    job, done = checked(tmp_path, {"x.csv": GOOD}, **{"files": "x.csv", through: attack})
    assert done.returncode in (2, 3), "it fails as what it is: no file, no policy, no severity"
    assert not (job.workspace / "owned").exists()


@pytest.mark.parametrize(
    ("inputs", "code", "told"),
    [
        ({"files": ""}, 2, "missing argument 'FILE...'"),
        ({"files": "nosuch/*.csv"}, 3, "nosuch/*.csv: no file has such a name"),
        ({"files": "x.csv nosuch.csv"}, 3, "nosuch.csv: no such file or directory"),
        ({"files": "x.csv 'y.csv"}, 2, "error: files: No closing quotation"),
        ({"files": "x.csv", "args": "--rule 'a"}, 2, "error: args: No closing quotation"),
        ({"files": "x.csv", "policy": "nosuch.toml"}, 2, "nosuch.toml"),
        ({"files": "x.csv", "fail_on": "eror"}, 2, "did you mean error?"),
    ],
)
def test_what_is_wrong_is_no_pass(tmp_path: Path, inputs: dict[str, str], code: int, told: str) -> None:
    _, done = checked(tmp_path, {"x.csv": GOOD}, **inputs)
    assert done.returncode == code
    assert told in done.stderr


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"policy": "rules.toml"}, 1),
        ({"args": "--rule 'price: range(0, 10) <= 50%'"}, 1),
        ({"args": "--rule 'price: range(0, 10) <= 90%'"}, 0),
        ({"args": "--label nosuch"}, 2),
        ({"args": "--strict"}, 1),
        ({"fail_on": "warning"}, 1),
        ({"fail_on": "never", "policy": "rules.toml"}, 0),
        ({}, 0),
    ],
)
def test_every_input_means_what_it_says(tmp_path: Path, inputs: dict[str, str], code: int) -> None:
    warned = GOOD.replace("\n12,5\n", "\n,5\n")
    rules = 'version = 1\nrules = ["price: range(0, 10)"]\n'
    _, done = checked(tmp_path, {"x.csv": warned, "rules.toml": rules}, files="x.csv", **inputs)
    assert done.returncode == code, done.stdout + done.stderr
