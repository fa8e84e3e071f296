"""docs/ci.md: every block is run where it would be run, the wrong spellings as well; they are wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

import nanclean
from tests.places.test_action import Job, action, steps
from tests.places.test_pre_commit import PRE_COMMIT, Repository, environment, hook  # noqa: F401

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TITLED = re.compile(r'(\w+) title="([^"]+)"')

GOOD = "price,store\n" + "".join(f"{20 + n % 9},{n % 7}\n" for n in range(30))
DIRTY = GOOD.replace("\n23,3\n", "\ninf,3\n")  # line 5
TOO_MUCH = GOOD.replace("\n23,3\n", "\n23000,3\n")
HOLES = GOOD.replace("\n23,3\n", "\n,3\n").replace("\n24,4\n", "\n24,\n")

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not there")


def blocks() -> dict[str, tuple[str, str]]:
    """Language and text of each block, by its title."""
    found = {}
    for head, text in FENCE.findall(PAGE):
        titled = TITLED.fullmatch(head)
        assert titled, f"a block without a title: {head}"
        assert titled[2] not in found, f"two blocks with one title: {titled[2]}"
        found[titled[2]] = titled[1], text
    return found


def block(title: str) -> str:
    """The text of a block. A test that asks for it is the test of the block."""
    return blocks()[title][1]


def loaded(title: str) -> Any:
    return yaml.safe_load(block(title))


class Project:
    """A folder with data in it, and programs that find nanclean."""

    def __init__(self, path: Path) -> None:
        self.path = path
        hidden = ("GITHUB_", "RUNNER_", "GIT_", "PRE_COMMIT", "MAKE", "MFLAGS")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self.environment = {**inherited, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def write(self, **files: str) -> None:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=self.path, env=self.environment)

    def step(self, script: str) -> subprocess.CompletedProcess[str]:
        """As a runner of GitHub runs a `run:` without a `shell:`."""
        return self.run("bash", "-e", "-c", script)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    made.write(**{"data/train.csv": GOOD, "data/test.csv": GOOD, "data.csv": GOOD})
    return made


def test_every_block_is_tested() -> None:
    asked = re.findall(r'(?:block|loaded|refused)\(\s*"([^"]+)"', Path(__file__).read_text(encoding="utf-8"))
    assert set(blocks()) == set(asked)


def test_the_policy_is_one(project: Project) -> None:
    project.write(**{"nanclean.toml": block("nanclean.toml"), "data/train.csv": HOLES})
    for text, code in ((GOOD, 0), (HOLES, 0), (HOLES.replace("\n25,5\n", "\n,5\n"), 1)):
        project.write(**{"data/test.csv": text})
        done = project.run("nanclean", "check", "data/test.csv", "--strict")
        assert done.returncode == code, "what a fix will repair passes, up to the limit"
    fixed = project.run("nanclean", "fix", "data/train.csv", "-o", "clean.csv")
    assert fixed.returncode == 0, fixed.stderr
    assert (project.path / "clean.rejected.csv").exists()


@pytest.mark.parametrize("title", [title for title in blocks() if title.startswith(".github/")])
def test_the_workflows_are_what_the_schema_says(tmp_path: Path, title: str) -> None:
    pytest.importorskip("check_jsonschema", reason="the schema of workflows comes with check-jsonschema")
    file = tmp_path / "workflow.yml"
    file.write_text(block(title), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def jobs_step(workflow: Any, uses: str) -> dict[str, Any]:
    [job] = workflow["jobs"].values()
    [found] = [step for step in job["steps"] if step.get("uses", "").startswith(uses)]
    return found


def prepared(folder: Path, step: dict[str, Any], files: dict[str, str]) -> Job:
    """A job before the last step of the action."""
    folder.mkdir()
    job = Job(folder, **{name.replace("-", "_"): value for name, value in step["with"].items()})
    for name, text in files.items():
        (job.workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (job.workspace / name).write_text(text, encoding="utf-8")
    job.said["steps.install.outputs.python"] = sys.executable
    return job


def test_the_workflow_with_the_action(tmp_path: Path, project: Project) -> None:
    step = jobs_step(loaded(".github/workflows/data.yml"), "OWNER/nanclean")
    made = project.run("nanclean", "fix", "data.csv", "-o", "x.parquet", "--rule", "store: missing -> drop")
    assert made.returncode == 0
    for name, text, code in (("good", GOOD, 0), ("dirty", DIRTY, 1), ("much", TOO_MUCH, 1)):
        job = prepared(tmp_path / name, step, {"data/a.csv": text, "data/b.csv": GOOD})
        more = job.workspace / "more data" / "deep"
        more.mkdir(parents=True)
        shutil.copy(project.path / "x.parquet", more)
        done = job.run(steps()["check"])
        assert done.returncode == code, done.stderr
        assert "in 3 files" in done.stdout


def test_the_table_of_inputs_is_that_of_the_action() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| (.+) \|$", PAGE, re.MULTILINE))
    declared = action()["inputs"]
    assert list(rows) == list(declared)
    for name, input in declared.items():
        default = input.get("default")
        assert ("needed" in rows[name]) == (default is None)
        assert not default or f"`{default}`" in rows[name]


def test_the_workflow_without_the_action(project: Project) -> None:
    [job] = loaded(".github/workflows/without.yml")["jobs"].values()
    installs, *checks = [step["run"] for step in job["steps"] if "run" in step]
    assert installs.startswith("python -m pip install ")
    assert len(checks) == 2
    for text, codes in ((GOOD, [0, 0]), (DIRTY, [1, 1]), (TOO_MUCH, [0, 1])):
        project.write(**{"data/train.csv": text})
        assert [project.step(script).returncode for script in checks] == codes


def test_the_workflow_that_uploads_sarif(tmp_path: Path) -> None:
    workflow = loaded(".github/workflows/sarif.yml")
    assert workflow["permissions"]["security-events"] == "write"
    upload = jobs_step(workflow, "github/codeql-action/upload-sarif")
    file = upload["with"]["sarif_file"]
    assert f"hashFiles('{file}')" in upload["if"]
    assert "!cancelled()" in upload["if"], "also after a check that failed"
    job = prepared(tmp_path / "job", jobs_step(workflow, "OWNER/nanclean"), {"data/a.csv": TOO_MUCH})
    done = job.run(steps()["check"])
    assert done.returncode == 0, done.stderr
    written = (job.workspace / file).read_text(encoding="utf-8")
    assert json.loads(written)["version"] == "2.1.0"
    assert "23000" not in written + done.stdout + job.summary.read_text(encoding="utf-8")


@pytest.fixture
def repository(project: Project, environment: dict[str, str]) -> Repository:  # noqa: F811
    return Repository(project.path, {**environment, "PATH": project.environment["PATH"]})


def test_the_hook(repository: Repository) -> None:
    title = ".pre-commit-config.yaml"
    [published] = loaded(".pre-commit-config.yaml")["repos"]
    repository.write("config.yaml", block(title))
    repository.run(*PRE_COMMIT, "validate-config", "config.yaml")
    [chosen] = published["hooks"]
    local = {**hook(), "language": "system", **chosen}
    repository.hooked({"repo": "local", "hooks": [local]})
    assert repository.commit(**{"tests/fixtures/dirty.csv": DIRTY})[0], "it is excluded"
    assert not repository.commit(**{"data/train.csv": TOO_MUCH})[0], "a rule of the arguments"


def test_the_hook_of_the_environment_and_how_to_repair(repository: Repository) -> None:
    title = ".pre-commit-config.yaml, with the nanclean that is installed"
    configuration = loaded(".pre-commit-config.yaml, with the nanclean that is installed")
    [local] = configuration["repos"]
    [ours] = local["hooks"]
    declared = hook()
    assert {name: ours[name] for name in ("id", "name", "entry", "files", "types", "require_serial")} == {
        name: declared[name] for name in ("id", "name", "entry", "files", "types", "require_serial")
    }
    repository.hooked(local)
    repository.write(".pre-commit-config.yaml", block(title))
    repository.write("data/train.csv", DIRTY)
    repository.run("git", "add", ".")
    stopped = repository.tried("git", "commit", "-m", "new prices")
    assert stopped.returncode != 0
    shown = block("git commit -m 'new prices'")
    assert (stopped.stdout + stopped.stderr).strip() == shown.strip()
    repaired = repository.tried("bash", "-e", "-c", block("repair"))
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert "inf" not in repository.run("git", "show", "HEAD:data/train.csv").stdout


def test_the_makefile(project: Project) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not there")
    version = re.search(r"GNU Make (\d+)\.(\d+)", project.run("make", "--version").stdout)
    if version is None or (int(version[1]), int(version[2])) < (4, 3):
        pytest.skip("this make is older than 4.3")
    project.write(Makefile=block("Makefile"), **{"nanclean.toml": block("nanclean.toml")})
    assert project.run("make", "check").returncode == 0
    project.write(**{"data/train.csv": TOO_MUCH})
    assert project.run("make", "check").returncode != 0
    made = project.run("make", "clean/test.csv")
    assert made.returncode != 0, "a limit that is exceeded"
    assert not (project.path / "clean" / "train.csv").exists()
    project.write(**{"data/train.csv": HOLES})
    made = project.run("make", "clean/test.csv")
    assert made.returncode == 0, made.stdout + made.stderr
    assert {"train.csv", "test.csv", "recipe.json"} <= {path.name for path in (project.path / "clean").iterdir()}
    assert "up to date" in project.run("make", "clean/test.csv").stdout


def test_the_stages_of_dvc(project: Project) -> None:
    """One command after the other, as DVC runs them; it makes no folders."""
    stages = loaded("dvc.yaml")["stages"]
    project.write(**{"nanclean.toml": block("nanclean.toml"), "data/train.csv": HOLES})
    assert list(stages) == ["clean", "check"]
    for stage in stages.values():
        assert all((project.path / name).is_file() for name in stage["deps"])
        before = files_of(project)
        for command in stage["cmd"]:
            done = project.run("sh", "-c", command)
            assert done.returncode == 0, done.stdout + done.stderr
        outs = {next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"]}
        assert files_of(project) - before == outs, "every output is named, and nothing else is written"
    project.write(**{"clean/train.csv": TOO_MUCH})
    assert project.run("sh", "-c", stages["check"]["cmd"][-1]).returncode == 1


def files_of(project: Project) -> set[str]:
    return {path.relative_to(project.path).as_posix() for path in project.path.rglob("*") if path.is_file()}


class FailError(Exception):
    """In place of AirflowFailException."""


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """As much of Airflow as the page asks for: the operators that were made."""
    made: list[dict[str, Any]] = []

    class BashOperator:
        def __init__(self, **given: Any) -> None:
            made.append(given)

        def __rshift__(self, other: object) -> object:
            return other

    def task(**given: Any) -> Any:
        return lambda function: lambda *arguments: made.append({**given, "python": function, "arguments": arguments})

    modules = {
        "airflow": {},
        "airflow.exceptions": {"AirflowFailException": FailError},
        "airflow.providers": {},
        "airflow.providers.standard": {},
        "airflow.providers.standard.operators": {},
        "airflow.providers.standard.operators.bash": {"BashOperator": BashOperator},
        "airflow.sdk": {"dag": lambda **given: lambda function: function, "task": task},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return made


def test_the_tasks_of_airflow(project: Project, airflow: list[dict[str, Any]]) -> None:
    code = block("dags/prices.py").replace("/srv/prices", str(project.path))
    exec(compile(code, "prices.py", "exec"), {"__name__": "prices"})
    bash, python = airflow
    [template] = python["arguments"]
    day = jinja2.Template(template).render(ds="2026-01-02")
    command = jinja2.Template(bash["bash_command"]).render(ds=day)
    assert not bash["bash_command"].endswith(".sh"), "Airflow would take it for the name of a template"
    project.write(**{"nanclean.toml": block("nanclean.toml")})
    for text, code in ((GOOD, 0), (DIRTY, 1), (TOO_MUCH, 1)):
        project.write(**{f"data/{day}.csv": text, f"clean/{day}.csv": text})
        done = subprocess.run(["bash", "-c", command], cwd=bash["cwd"], env=project.environment, capture_output=True)
        assert done.returncode == code
        if code:
            with pytest.raises(FailError, match="price: "):
                python["python"](day)
        else:
            assert python["python"](day).endswith(f"{day}.csv")
    with pytest.raises(nanclean.InputError):
        python["python"]("2026-01-03")


def test_the_gate_for_any_scheduler(project: Project) -> None:
    names: dict[str, Any] = {}
    exec(compile(block("gate.py"), "gate.py", "exec"), names)
    gate, path = names["gate"], str(project.path / "data" / "train.csv")
    assert gate(path, no_config=True) == path
    project.write(**{"data/train.csv": DIRTY})
    with pytest.raises(ValueError, match=r"train\.csv\nprice: 1 infinite value"):
        gate(path, no_config=True)
    with pytest.raises(nanclean.InputError):
        gate(path + ".gone")


def test_the_tests_of_pytest(project: Project) -> None:
    project.write(**{"tests/test_training.py": block("tests/test_training.py"), "pytest.ini": "[pytest]\n"})
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_training.py")
    done = project.run(*command)
    assert done.returncode == 0, done.stdout
    project.write(**{"data/test.csv": DIRTY})
    done = project.run(*command)
    assert done.returncode == 1
    assert "data/test.csv:5: price: infinite" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    project.write(**{"data/train.csv": TOO_MUCH, "data/test.csv": GOOD})
    done = project.run(*command)
    assert "ratio: range: 1 value outside 0 to 5000: 11500" in done.stdout


def refused(title: str, why: str) -> None:
    with pytest.raises(yaml.YAMLError, match=why):
        loaded(title)


def test_trap_a_colon_and_a_blank(project: Project) -> None:
    refused("wrong: a colon and a blank", "mapping values are not allowed")
    refused("wrong: quotes inside the line", "mapping values are not allowed")
    [step] = loaded("right: a block, in which YAML leaves everything alone")
    for text, code in ((GOOD, 0), (TOO_MUCH, 1)):
        project.write(**{"data.csv": text})
        assert project.step(step["run"]).returncode == code


def test_trap_a_rule_in_a_list(repository: Repository) -> None:
    assert loaded("wrong: a rule in a list")["args"] != loaded("right: a quoted rule in a list")["args"]
    for arguments, code in ((loaded("wrong: a rule in a list"), 1), (loaded("right: a quoted rule in a list"), 0)):
        local = {**hook(), "language": "system", **arguments}
        repository.write("config.yaml", yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]}))
        assert repository.tried(*PRE_COMMIT, "validate-config", "config.yaml").returncode == code


def test_trap_a_star_at_the_beginning() -> None:
    refused("wrong: a star at the beginning", "alias")
    assert loaded("right: a quoted star") == {"files": "*.csv"}


def test_trap_an_arrow(project: Project) -> None:
    done = project.step(block("wrong: an arrow without quotes"))
    assert done.returncode == 2
    assert "the shell" in done.stderr
    assert (project.path / "blank").exists(), "the file that took the output"
    assert not (project.path / "clean.csv").exists()
    project.write(**{"data.csv": DIRTY})
    assert project.step(block("right: a rule in quotes")).returncode == 0
    assert "inf" not in (project.path / "clean.csv").read_text(encoding="utf-8")


def test_trap_columns_that_are_files(project: Project) -> None:
    project.write(**{"prices.txt": ""})
    assert project.step(block("right: columns in quotes")).returncode == 0
    done = project.step(block("wrong: columns become files"))
    assert done.returncode == 2
    assert "prices.txt" in done.stderr


def test_trap_a_pipe(project: Project) -> None:
    project.write(**{"data.csv": DIRTY})
    assert project.step(block("wrong: a pipe swallows the exit code")).returncode == 0
    assert "infinite" in (project.path / "check.log").read_text(encoding="utf-8")
    assert project.step(block("right: a report in a file")).returncode == 1
    assert "infinite" in (project.path / "check.md").read_text(encoding="utf-8")


def by_cron(line: str) -> str:
    """What crond gives to sh, as crontab(5) says: up to the first percent sign without a backslash."""
    command = line.split(maxsplit=5)[5]
    return re.split(r"(?<!\\)%", command)[0].replace("\\%", "%")


def test_trap_a_percent_sign(project: Project) -> None:
    wrong, right = block("wrong: a crontab that is cut off"), block("right: a crontab with a backslash")
    answers = []
    for line in (wrong, right):
        command = by_cron(line).replace("/srv/prices", f"'{project.path}'")
        answers.append(project.run("sh", "-c", command).returncode)
    assert answers[0] not in (0, 1), "a quote that is never closed"
    assert answers[1] == 0


def test_trap_a_dollar(project: Project) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not there")
    project.write(**{"data.csv": GOOD.replace("price", "price_$")})
    for text, good in ((block("wrong: a dollar in Make"), False), (block("right: two dollars in Make"), True)):
        project.write(Makefile=text)
        assert (project.run("make").returncode == 0) == good


def test_trap_braces() -> None:
    rendered = []
    for text in (block("wrong: a template in an f-string"), block("right: a template in a plain string")):
        names: dict[str, Any] = {}
        exec(text, names)
        rendered.append(jinja2.Template(names["bash_command"]).render(ds="2026-01-02"))
    assert rendered == ["nanclean check 'data/{ ds }.csv'", "nanclean check 'data/2026-01-02.csv'"]


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ ([^\n]*)", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for link in re.findall(r"\]\(([^)]+)\)", FENCE.sub("", PAGE)):
        page, _, anchor = link.partition("#")
        assert (ROOT / "docs" / page).is_file() if page else anchor in anchors
