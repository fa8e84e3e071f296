"""`nanclean init`: the policy drawn from a table says why, is read again, and passes a check of the same table."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nanclean import api
from nanclean.cli import run
from nanclean.errors import UsageError
from nanclean.policy import Policy, parsed

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
PACKED = (
    *("StarWars.csv", "airquality.csv", "auto_imports.csv", "bechdel_movies.csv", "births.csv", "co2.csv"),
    *("diamonds.csv", "ecg_1024.npy", "flights_q1.parquet", "horse-colic.csv", "mitdb100_ecg.npy"),
    *("mnist_t10k_images.npy", "mnist_t10k_labels.npy", "mpg.csv", "nonvoters.csv", "penguins-raw.csv", "planes.csv"),
    *("planets.csv", "seattle-weather.csv", "shakespeare_char_tokens.npy", "weather.csv"),
    *(f"parquet/{name}.parquet" for name in ("alltypes_plain", "nan_in_stats", "nulls.snappy")),
)
ODD = float("nan"), float("inf"), float("-inf"), 1e39, -999.0, 1e300, 0.0
Captured = pytest.CaptureFixture[str]


def read(text: str) -> Policy:
    """The policy in a text, without a mistake."""
    policy = parsed(text.encode(), "drawn.toml")
    assert policy is not None
    return policy.demand()


def rules(text: str) -> list[str]:
    return [str(rule) for rule in read(text).rules]


def uncommented(text: str) -> str:
    """The policy with every suggestion taken up that stands in the list of rules."""
    head, _, rest = text.partition("rules = [\n")
    body, _, tail = rest.partition("\n]\n")
    taken, inside = [], False
    for line in body.split("\n"):
        inside = inside or line.startswith('  # """')
        rule = inside or (line.startswith('  # "') and line.endswith('",'))
        taken.append(line.replace("# ", "", 1) if rule else line)
        inside = inside and not line.endswith('""",')
    return f"{head}rules = [\n" + "\n".join(taken) + f"\n]\n{tail}"


@pytest.mark.parametrize("trainer", [None, "torch", "keras:float16", "xgboost", "catboost"])
@pytest.mark.parametrize("name", ["flats.csv", "flats.parquet", "flats.npy", "export.csv"])
def test_the_policy_passes_a_check_of_its_own_file(name: str, trainer: str | None) -> None:
    path = SAMPLES / name
    label = "rented" if name in ("flats.csv", "flats.parquet") else None
    text = api.init(path, label=label, trainer=trainer)
    assert api.check(path, policy=read(text)).exit_code == 0
    assert api.init(path, label=label, trainer=trainer) == text


@pytest.mark.parametrize("name", PACKED)
def test_the_policy_passes_a_check_of_real_files(data: Path, name: str) -> None:
    text = api.init(data / name)
    report = api.check(data / name, policy=read(text))
    assert report.exit_code == 0
    assert not [finding for finding in report.findings if finding.rule == "policy" and finding.severity == "warning"]
    assert api.init(data / name) == text


@pytest.mark.parametrize("path", [SAMPLES / "flats.csv", *PACKED], ids=str)
def test_every_suggestion_behind_a_mark_is_a_rule_that_can_be_taken_up(data: Path, path: Path | str) -> None:
    text = api.init(data / path)
    taken = read(uncommented(text))
    assert len(taken.rules) > len(read(text).rules) or '# "' not in text
    assert api.scan(data / path, policy=taken).source.rows is not None


REPAIRED = ("weather.csv", "births.csv", "horse-colic.csv", "penguins-raw.csv", "StarWars.csv", "flights_q1.parquet")


@pytest.mark.parametrize("name", REPAIRED)
def test_what_it_suggests_can_be_done(data: Path, name: str) -> None:
    report = api.fix(data / name, policy=read(api.init(data / name)), dry_run=True)
    assert report.exit_code == 0
    assert report.changes


def test_the_contract_holds_today(data: Path) -> None:
    text = api.init(data / "weather.csv")
    contract = text.partition("a contract")[2].partition("\n]")[0]
    found = [line.strip('# ,"') for line in contract.split("\n") if '"' in line]
    assert "month: range(1, 12)" in found
    assert api.check(data / "weather.csv", rules=found, no_config=True).exit_code == 0


def test_weather(data: Path) -> None:
    """What is found is what the manifest of the file says, with its evidence, and in the order that works."""
    text = api.init(data / "weather.csv")
    assert rules(text) == [
        "wind_speed: isolated <= 1% -> blank",
        "wind_gust: missing -> drop_column",
        "temp, dewp, humid, wind_speed: missing <= 1% -> impute(median)",
        "wind_dir: missing <= 5% -> impute(median)",
        "pressure: missing <= 15% -> impute(median)",
    ]
    for evidence in (
        "1048.36058",
        "79.6% missing (20,778 of 26,115)",
        "2,729 of 26,115 missing (10.4%); median 1017.6",
    ):
        assert evidence in text
    assert '# "year: constant -> drop_column",' in text
    assert str(data) not in text


def test_a_standin_is_a_suggestion_and_becomes_a_rule_where_it_is_far_from_all_others_too(data: Path) -> None:
    assert "day: isolated <= 5% -> blank" in rules(api.init(data / "births.csv"))
    text = api.init(data / "diamonds.csv")
    assert '# "x, y, z: standin -> blank",' in text
    assert not [rule for rule in rules(text) if "standin" in rule]


def test_a_symbol_that_stands_for_missing_among_numbers_does_so_in_text() -> None:
    made = b"a,b\n1,four\n?,two\n3,?\n" + b"4,four\n" * 30
    text = drawn_from_csv(made)
    assert 'missing = ["?"]' in text
    assert rules(text) == ["a, b: missing <= 5% -> impute(mode)"]
    alone = api.init(pa.table({"b": ["x", "?", "y"] * 10}))
    assert not read(alone).missing
    assert '# "b: standin -> blank",' in alone


def drawn_from_csv(content: bytes, folder: Path | None = None, **options: Any) -> str:
    """The policy for the bytes of a file; it passes its check."""
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        path = Path(folder or made, "made.csv")
        path.write_bytes(content)
        text = api.init(path, **options)
        reading = {key: value for key, value in options.items() if key in ("header", "decimal", "delimiter")}
        assert api.check(path, policy=read(text), **reading).exit_code == 0
    return text


def test_rows_and_columns_go_only_with_a_reason() -> None:
    text = drawn_from_csv(b"a,b,y\n" + b"1,,0\n2,,1\n3,,1\n4,,0\n" * 10 + b"5,6,7,8\n5,,\n", label="y")
    assert [rule for rule in rules(text) if "drop" in rule] == [
        "b: all_missing -> drop_column",
        "y: missing <= 5% -> drop",
        "@all: ragged <= 5% -> drop",
    ]
    above = dict(zip(text.split("\n")[1:], text.split("\n"), strict=False))
    for line in text.split("\n"):
        if "-> drop" in line:
            assert re.search(r"missing|nothing|which cell belongs", above[line]), line


def test_a_second_header_goes_as_one_row() -> None:
    text = drawn_from_csv(b"a,b\nfirst,second\n" + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(99)))
    assert rules(text) == ["a, b: unparsable <= 2% -> drop"]


def test_what_is_no_slip_is_left_to_a_person() -> None:
    values = np.r_[np.linspace(0, 1, 900), np.linspace(1e6, 1e6 + 1, 40)]
    text = api.init({"x": values})
    assert '# "x: isolated -> blank",' in text
    assert not rules(text)


def test_too_large_a_scale_is_no_slip_either() -> None:
    text = api.init({"x": np.linspace(1e5, 2e5, 500)}, trainer="torch:float16")
    assert rules(text) == ["x: overflow(float16) <= 100%"]


def test_trees_keep_their_missing_cells() -> None:
    table = {"x": np.array([1.0, np.nan, 3.0, 4.0] * 9)}
    assert not rules(api.init(table, trainer="xgboost"))
    assert rules(api.init(table, trainer="torch")) == ["x: missing <= 30% -> impute(mode)"]


def test_integers_of_an_array_are_never_blanked() -> None:
    values = np.r_[np.arange(500), 10**7].astype(np.int64)
    text = api.init(values)
    assert '# "c0: isolated -> clip",' in text
    assert not rules(text)


def test_a_table_keeps_a_column() -> None:
    text = api.init({"x": np.full(9, np.nan)})
    assert rules(text) == ["x: all_missing <= 100%"]


def test_protected_columns_are_named_and_never_filled() -> None:
    n = 40
    table = {
        "k": np.r_[np.inf, np.arange(1.0, n)],
        "y": np.r_[np.nan, np.ones(n - 1)],
        "x": np.r_[np.inf, np.ones(n - 1)],
    }
    text = api.init(table, label="y", id="k")
    assert rules(text) == [
        "k: infinite <= 5%",
        "x: infinite <= 5% -> blank",
        "y: missing <= 5% -> drop",
        "x: missing <= 5% -> impute(mode)",
    ]
    assert api.check(table, policy=read(text)).exit_code == 0


def test_limits_leave_room_for_the_rows_that_go() -> None:
    n = np.arange(40.0)
    table = {"x": np.where(n < 8, np.nan, n), "y": np.where(n >= 30, np.nan, 1)}
    policy = read(api.init(table, label="y"))
    assert "x: missing <= 40% -> impute(median)" in map(str, policy.rules)  # 8 of 40, and of the 30 that are left
    assert api.fix(table, policy=policy, dry_run=True).exit_code == 0


def test_nothing_is_learned_from_rows_that_go() -> None:
    table = {"x": np.array([1.0, 2.0, np.nan]), "y": np.array([np.nan, np.nan, 1.0])}
    assert rules(api.init(table, label="y")) == ["x: missing <= 40%", "y: missing <= 100% -> drop"]


def test_a_label_on_a_large_scale_is_kept() -> None:
    table = {"x": np.arange(500.0), "y": np.linspace(1e5, 2e5, 500)}
    text = api.init(table, label="y", trainer="torch:float16")
    assert rules(text) == ["y: overflow(float16) <= 100%"]
    assert api.check(table, policy=read(text)).exit_code == 0


def test_a_label_that_is_missing_everywhere_is_refused() -> None:
    with pytest.raises(UsageError, match="the label y is missing in every row"):
        api.init({"x": np.arange(9.0), "y": np.full(9, np.nan)}, label="y")


def test_candidates_for_id_and_label_say_why() -> None:
    n = 2_000
    table = {
        "code": pa.array([f"r{i}" for i in range(n)]),
        "no": pa.array(range(7, n + 7)),
        "x": pa.array(np.random.default_rng(0).integers(7, n + 7, n)),
        "kind": pa.array(["a", "b"] * (n // 2)),
    }
    text = api.init(pa.table(table))
    assert '# id    = ["no"]  # 7 to 2006 in 2,000 rows: it names the row' in text
    assert '# label = "kind"  # the last column, 2 values; nothing may be missing there' in text
    assert '["x"]' not in text
    small = api.init(pa.table(table).slice(0, 900))
    assert '# id    = ["code"]  # 900 different values in 900 rows: it names the row' in small


def test_what_was_said_is_said_again() -> None:
    content = b"a;b;y\n1,5;-999;0\n2,5;3;1\n" * 20
    text = drawn_from_csv(
        content.replace(b"a;b;y\n", b""), label="c2", missing="-999", missing_list="none", trainer="torch",
        delimiter=";", decimal=",", header=False,
    )  # fmt: skip
    policy = read(text)
    assert (policy.label, policy.missing, policy.missing_list, str(policy.trainer)) == (
        ("c2",),
        ("-999",),
        "none",
        "torch",
    )
    assert "# Read with --delimiter ; --decimal , --no-header" in text


# --- any table


def columns(rows: int) -> st.SearchStrategy[pa.Array]:
    def of(values: st.SearchStrategy[Any], type_: pa.DataType) -> st.SearchStrategy[pa.Array]:
        cells = st.lists(st.none() | values, min_size=rows, max_size=rows)
        return cells.map(lambda given: pa.array(given, type_))

    numbers = st.sampled_from(ODD) | st.floats(-9, 9)
    return st.one_of(
        of(numbers, pa.float64()),
        of(st.sampled_from([float("nan"), 1.0]), pa.float64()),
        of(st.integers(-3, 3) | st.just(-(2**63)), pa.int64()),
        of(st.booleans(), pa.bool_()),
        of(st.sampled_from(["?", "-", "a", "1,5", "7", ""]), pa.string()),
        of(st.just(0), pa.timestamp("s")),
        of(st.nothing(), pa.float32()),
        of(st.lists(st.none() | numbers, max_size=3), pa.list_(pa.float64())),
    )


@settings(max_examples=150)
@given(st.data(), st.sampled_from([0, 1, 3, 25, 60]), st.sampled_from([None, "torch", "keras:float16", "catboost"]))
def test_any_table_passes_the_check_of_its_own_policy(data: st.DataObject, rows: int, trainer: str | None) -> None:
    made = data.draw(st.lists(columns(rows), min_size=1, max_size=4))
    table = pa.table(made, names=[f"c{i}" for i in range(len(made))])
    roles: dict[str, Any] = {"label": data.draw(st.sampled_from([None, "c0"]))}
    roles["id"] = data.draw(st.sampled_from([None, f"c{len(made) - 1}"])) if len(made) > 1 else None
    if roles["label"] and ("all_missing", "c0") in [(found.rule, found.column) for found in api.scan(table).findings]:
        with pytest.raises(UsageError, match="is missing in every row"):
            api.init(table, trainer=trainer, **roles)
        return
    text = api.init(table, trainer=trainer, **roles)
    report = api.check(table, policy=read(text))
    assert report.exit_code == 0, [finding for finding in report.findings if finding.severity == "error"]


@settings(max_examples=100)
@given(st.data(), st.sampled_from([3, 25, 60]))
def test_what_it_suggests_can_be_done_to_any_table(data: st.DataObject, rows: int) -> None:
    made = data.draw(st.lists(columns(rows), min_size=2, max_size=4))
    table = pa.table(made, names=[f"c{i}" for i in range(len(made))])
    label = data.draw(st.sampled_from([None, "c0"]))
    if label and ("all_missing", "c0") in [(found.rule, found.column) for found in api.scan(table).findings]:
        label = None
    policy = read(api.init(table, label=label))
    if any(rule.fix is not None for rule in policy.rules):
        report = api.fix(table, policy=policy, dry_run=True)
        assert report.exit_code == 0, [finding for finding in report.findings if finding.severity == "error"]


NAMED = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(str.strip)


@settings(max_examples=150)
@given(st.lists(NAMED, min_size=2, max_size=5, unique_by=str.strip))
@example(['"""', "'", "\\", "a'b\"c", "x\ny"])
@example(["[x]", "a#b", "\x00", "\u202e", "é", "except"])
def test_any_name_of_a_column_is_written_so_that_it_is_read(names: list[str]) -> None:
    made = [pa.array([None, *range(30 + i)][:30], pa.float64()) for i in range(len(names))]
    table = pa.table(made, names=names)
    text = api.init(table, label=names[0])
    assert tomllib.loads(text)["label"] == names[0]
    assert not any(character in text for character in "\x00\u202e\x85\u2028")
    policy = read(text)
    assert {word.text for rule in policy.rules for word in rule.columns} == set(names)
    assert policy.checks(names, ["float"] * len(names)).warnings == ()
    assert uncommented(text) != text
    read(uncommented(text))


def test_a_name_that_no_rule_can_hold_is_left_out_and_told() -> None:
    text = api.init({"x" * 20_000: np.array([1.0, np.nan] * 9), "y": np.array([1.0, 2.0, np.nan] * 6)})
    assert rules(text) == ["y: missing <= 40% -> impute(mode)"]
    assert "Too long a name for a rule, so left out: xxx" in text


def test_thousands_of_columns_are_a_short_policy() -> None:
    rng = np.random.default_rng(0)
    made = rng.normal(size=(60, 3_000))
    made[rng.random(made.shape) < 0.02] = np.nan
    made[:, 7] = np.nan
    made[:50, 8] = np.nan
    table = {f"x{i}": made[:, i] for i in range(made.shape[1])}
    text = api.init(table)
    assert text.count("\n") < 100
    assert rules(text) == [
        "x7: all_missing -> drop_column",
        "x8: missing -> drop_column",
        "@numeric except x7, x8: missing <= 20% -> impute(median)",
    ]
    assert api.check(table, policy=read(text)).exit_code == 0


def test_columns_of_two_kinds_in_turn_are_wrapped_lists() -> None:
    rng = np.random.default_rng(0)
    made = [np.where(rng.random(40) < 0.1, np.nan, rng.normal(size=40) if i % 2 else i % 5) for i in range(400)]
    made[5][:] = np.nan
    table = {f"x{i}": column for i, column in enumerate(made)}
    text = api.init(table)
    assert text.count("\n") < 200
    assert max(map(len, text.split("\n"))) <= 80
    assert api.check(table, policy=read(text)).exit_code == 0


# --- the command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file to look at."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_bytes(b"a,b\n1,x\n,y\n" + b"3,x\n" * 40)
    return tmp_path


def test_it_writes_a_file_that_check_finds_good(folder: Path, capfd: Captured) -> None:
    assert run(["init", "train.csv"]) == 0
    told = capfd.readouterr()
    assert told.out.startswith("written: nanclean.toml\nNext: nanclean ")
    assert "-p nanclean.toml" in told.out
    assert told.err == ""
    assert run(["check", "train.csv"]) == 0
    assert run(["check", "train.csv", "-p", "nanclean.toml"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["nanclean.toml", "train.csv"]


def test_two_times_are_the_same_bytes(folder: Path) -> None:
    for name in ("one.toml", "two.toml"):
        assert run(["init", "train.csv", "-o", name, "-q"]) == 0
    assert Path("one.toml").read_bytes() == Path("two.toml").read_bytes()


def test_standard_output_is_the_policy_alone(folder: Path, capfd: Captured) -> None:
    assert run(["init", "train.csv", "-o", "-"]) == 0
    told = capfd.readouterr()
    assert read(told.out).rules
    assert told.err == ""
    assert sorted(path.name for path in folder.iterdir()) == ["train.csv"]


def test_policies_that_are_there_are_not_looked_at(folder: Path, capfd: Captured) -> None:
    assert run(["init", "train.csv", "-o", "-"]) == 0
    expected = capfd.readouterr().out
    Path("nanclean.toml").write_text('label = "nobody"\nrules = ["a: range(0, 1)"]\nnonsense = 1\n', encoding="utf-8")
    Path("pyproject.toml").write_text("[tool.nanclean]\nnonsense = 1\n", encoding="utf-8")
    assert run(["init", "train.csv", "-o", "-"]) == 0
    assert capfd.readouterr().out == expected


def test_a_file_that_is_there_is_replaced_only_by_force(folder: Path, capfd: Captured) -> None:
    Path("nanclean.toml").write_text("mine", encoding="utf-8")
    assert run(["init", "train.csv"]) == 2
    assert capfd.readouterr().err == "error: nanclean.toml: is there already\nhint: --force replaces it\n"
    assert Path("nanclean.toml").read_text(encoding="utf-8") == "mine"
    assert run(["init", "train.csv", "--force", "--quiet"]) == 0
    assert read(Path("nanclean.toml").read_text(encoding="utf-8")).rules
    assert capfd.readouterr().out == ""


def test_the_input_is_never_written_over(folder: Path, capfd: Captured) -> None:
    before = Path("train.csv").read_bytes()
    assert run(["init", "train.csv", "-o", "train.csv", "--force"]) == 2
    assert Path("train.csv").read_bytes() == before
    assert run(["init", "nothing.csv"]) == 3
    assert not Path("nanclean.toml").exists()


def test_the_next_command_repeats_how_the_file_is_read(folder: Path, capfd: Captured) -> None:
    Path("a b.csv").write_bytes(b"1;2,5;x\n2;;y\n" * 30)
    assert run(["init", "a b.csv", "--delimiter", ";", "--decimal", ",", "--no-header", "--label", "c2"]) == 0
    following = capfd.readouterr().out.split("Next: ")[1]
    assert "'a b.csv' -p nanclean.toml" in following
    assert "--delimiter ';' --decimal , --no-header" in following
    assert "--label" not in following
    assert read(Path("nanclean.toml").read_text(encoding="utf-8")).label == ("c2",)


def test_where_nothing_is_to_be_repaired_the_next_command_is_the_gate(folder: Path, capfd: Captured) -> None:
    Path("good.csv").write_bytes(b"a\n1\n2\n3\n" * 9)
    Path("good.csv").write_bytes(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(50)))
    assert run(["init", "good.csv"]) == 0
    assert capfd.readouterr().out.endswith("Next: nanclean check good.csv -p nanclean.toml\n")
    assert "# Nothing needs to be repaired." in Path("nanclean.toml").read_text(encoding="utf-8")


def test_help_is_answered_without_the_library() -> None:
    code = (
        "import sys; from nanclean.cli import run; run(['init', '--help']);"
        "print(sorted({'numpy', 'pyarrow', 'msgspec', 'nanclean.api'} & set(sys.modules)))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Draw a commented policy" in made.stdout
    assert "--missing-list" in made.stdout
    assert "--fail-on" not in made.stdout
    assert made.stdout.endswith("[]\n")
