"""The schema of a policy: up to date, good for every policy that is good, and against the usual mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import nanclean.schemas
from nanclean import api, registry
from nanclean.errors import PolicyError
from nanclean.grammar import limit
from nanclean.policy import parsed
from nanclean.policy_file import BUDGET_KEYS, COLUMN_KEYS, KEYS, RULE_KEYS
from nanclean.rule import find, fixer, ignored, rule
from nanclean.trainers import trainer
from tests.test_policy import GOOD

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads(nanclean.schemas.written()["policy-1.json"])
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def below(*keys: str | int) -> jsonschema.Draft202012Validator:
    """The part of the schema at some keys."""
    part = SCHEMA
    for key in keys:
        part = part[key]
    return jsonschema.Draft202012Validator({**part, "$defs": SCHEMA["$defs"]})


RULES = below("properties", "rules", "items")


@pytest.mark.parametrize("folder", [nanclean.schemas.FOLDER, ROOT / "docs" / "schemas"], ids=["package", "docs"])
def test_what_is_published_is_up_to_date(folder: Path) -> None:
    for name, text in nanclean.schemas.written().items():
        assert (folder / name).read_text(encoding="utf-8") == text, "python -m nanclean.schemas writes them anew"
    assert {path.name for path in folder.glob("*.json")} == set(nanclean.schemas.written())


def test_it_is_a_schema_and_knows_every_key_and_every_part() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    top = SCHEMA["properties"]
    assert list(top) == list(KEYS)
    assert list(top["rule"]["items"]["properties"]) == list(RULE_KEYS)
    assert list(top["columns"]["additionalProperties"]["properties"]) == list(COLUMN_KEYS)
    assert list(top["budget"]["properties"]) == list(BUDGET_KEYS)
    for family in ("detectors", "fixers"):
        for name in registry.names(family):
            assert f"- {name}: " in top["rules"]["items"]["description"]
            assert any(re.search(rf"\b{name}\b", text) for text in top["rules"]["items"]["examples"])


def test_every_example_is_what_the_reader_takes() -> None:
    for text in SCHEMA["properties"]["rules"]["items"]["examples"]:
        assert rule(text)
    for text in SCHEMA["properties"]["ignore"]["anyOf"][0]["examples"]:
        assert ignored(text)
    for text in SCHEMA["properties"]["for"]["anyOf"][0]["enum"]:
        assert trainer(text)
    for kind, reader in (("find", find), ("fix", fixer)):
        for text in SCHEMA["$defs"][kind]["examples"]:
            assert str(reader(text)).partition("(")[0] == text.partition("(")[0]


# --- good ones


def policies() -> list[str]:
    """Policies of the documentation and of other tests."""
    found = [GOOD.decode(), "", 'label = "y"\nmissing = "?"\nignore = "constant"']
    found += re.findall(r"```toml\n(version.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) > 3
    return found


@pytest.mark.parametrize("text", policies())
def test_a_good_policy_obeys_it(text: str) -> None:
    read = parsed(text.encode(), "nanclean.toml")
    assert read is not None
    read.demand()
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize("name", ["flats.csv", "flats.npy", "export.csv"])
def test_a_policy_that_init_has_drawn_obeys_it(name: str) -> None:
    VALIDATOR.validate(tomllib.loads(api.init(ROOT / "sample_data" / name, trainer="torch", missing="?")))


WORDS = st.sampled_from(
    [
        *("price", "'a: b'", '"a -> \\\\"', "emb_*", "@numeric", "@all", "except", ",", ":", "->", "<=", "1%", "20"),
        *("missing", "range(0, 1)", "range ( low = 0 )", "impute(median)", "fill('x: y')", "blank", "(missing)"),
        *("ｍｉｓｓｉｎｇ", "missing # sic", " ", "\n", "drop", "zscore", "iqr(3)"),
    ]
)


@given(st.lists(WORDS, max_size=10).map(" ".join))
@example("a:(missing)->(blank)")
@example("\n'a\\'b', \"c:d\"\n:\nmissing\n<=\n1 %\n->\nblank\n")
@example("a: ｍｉｓｓｉｎｇ")
@example("a->blank")
@example("'missing': constant")
def test_no_rule_is_refused_that_the_reader_takes(text: str) -> None:
    try:
        rule(text)
    except PolicyError:
        return
    assert RULES.is_valid(text)


@given(st.tuples(st.sampled_from("price|a, b|@all except c".split("|")), st.data()))
def test_no_composed_rule_is_refused(drawn: tuple[str, Any]) -> None:
    columns, data = drawn
    finds = SCHEMA["$defs"]["find"]["examples"]
    text = f"{columns}:{data.draw(st.sampled_from(['', ' ', chr(10)]))}{data.draw(st.sampled_from(finds))}"
    text += data.draw(st.sampled_from(["", " <= 1%", "<=20", " <=  0.5 %"]))
    text += data.draw(st.sampled_from(["", "->blank", " -> drop", "\n->\nimpute( 'median' )"]))
    assert rule(text)
    assert RULES.is_valid(text)


@given(st.from_regex(r"\s?[0-9]{1,3}(\.[0-9]{1,3})?\s?%?\s?", fullmatch=True) | st.integers() | st.floats())
def test_no_limit_is_refused_that_the_reader_takes(value: Any) -> None:
    try:
        limit(value)
    except PolicyError:
        return
    assert below("$defs", "limit").is_valid(value)


@given(
    st.from_regex(
        r"\s?(torch|keras|sklearn|xgboost|catboost|tensor)(:(float32|float16|bfloat16|int8)?)?\s?", fullmatch=True
    )
)
def test_no_trainer_is_refused_that_the_reader_takes(text: str) -> None:
    try:
        trainer(text)
    except PolicyError:
        assert not below("properties", "for").is_valid(text)
    else:
        assert below("properties", "for").is_valid(text)


@given(st.from_regex(r"\s?(missing|iqr|constant|names)\s?(: ?(a|'b: c'|@all except d|d e))?", fullmatch=True))
def test_no_exception_is_refused_that_the_reader_takes(text: str) -> None:
    try:
        ignored(text)
    except PolicyError:
        return
    assert below("properties", "ignore").is_valid(text)
    assert below("properties", "ignore").is_valid([text])


# --- mistakes


@pytest.mark.parametrize(
    "text",
    [
        "lable = 'y'",
        "version = 2",
        "version = true",
        "version = '1'",
        "label = 3",
        "missing = [-999]",
        "missing_list = 'panda'",
        "for = 'tensorflow'",
        "for = 'xgboost:float16'",
        "rules = 'a: missing'",
        "rules = [5]",
        "rules = ['']",
        "rules = ['price missing']",
        "rules = ['price: mising']",
        "rules = ['price: ']",
        "rules = ['price: missing -']",
        "ignore = 'iqr'",
        "ignore = ['cnstant: a']",
        "[rule]\ncolumns = 'a'\nfind = 'missing'",
        "[[rule]]\ncolumns = 'a'",
        "[[rule]]\nfind = 'missing'",
        "[[rule]]\ncolumns = 'a'\nfind = 'mising'",
        "[[rule]]\ncolumns = 'a'\nfix = 'impte'",
        "[[rule]]\ncolumns = 'a'\nfnd = 'missing'",
        "[[rule]]\ncolumns = 'a'\nfix = 'blank'\nlimit = 1",
        "[[rule]]\ncolumns = 'a'\nfind = 'missing'\nlimit = 'few'",
        "[[rule]]\ncolumns = 'a'\nfind = 'missing'\nlimit = -1",
        "[[rule]]\ncolumns = 'a'\nfind = 'missing'\nseverity = 'fatal'",
        "[[rule]]\ncolumns = ['a']\nfind = 'missing'",
        "[columns]\nprice = 3",
        "[columns.price]\nkind = 'integer'",
        "[columns.price]\ntype = 'int'",
        "[columns.Solar.R]\nmissing = '0'",
        "budget = 5",
        "[budget]\nrows = 5",
        "[budget]\nrows_dropped = true",
        "[budget]\nmean_shift = -1",
        "[budget]\nmean_shift = 'much'",
    ],
)
def test_usual_mistakes_do_not_obey_it(text: str) -> None:
    """Nor does the reader take them: the schema refuses nothing of its own."""
    read = parsed(text.encode(), "nanclean.toml")
    assert read is not None
    assert read.mistakes
    assert not VALIDATOR.is_valid(tomllib.loads(text))


def test_where_the_schema_is() -> None:
    def run(*names: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nanclean.schemas", *names]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    told = run("policy-1.json")
    assert told.stdout == f"{(nanclean.schemas.FOLDER / 'policy-1.json').as_uri()}\n"
    wrong = run("policy.json")
    assert wrong.returncode == 1
    assert "there is no schema 'policy.json'" in wrong.stderr
