"""Findings: the keys of the contract, severities, limits and places."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import msgspec
import numpy as np

from nanclean import policy
from nanclean.batch import Batch
from nanclean.detector import Verdict
from nanclean.finding import Finding, of_column, of_verdict
from nanclean.hits import Hits
from nanclean.policy import Check, Policy
from tests.figures_reference import figures_of, hits_of, numbers

KEYS = (
    "rule rule_text severity column count of share limit message hint rows lines where ranges policy_line sampled "
    "baseline"
).split()


def check(of: Policy, find: str, name: str = "price") -> Check:
    (found,) = [c for c in of.checks([name], ["float"]) if c.find.name == find]
    return found


def finding(of: Policy, find: str, values, name: str = "price", **more) -> Finding | None:
    column = numbers(np.array(values, dtype=float))
    found = check(of, find, name)
    figures = figures_of(column, name) | more
    fitted = replace(found, find=found.find.survey([figures]).fit(figures))
    return of_column(fitted, figures, hits_of(fitted.find, column))


def test_the_keys_are_those_of_the_contract():
    assert list(Finding.__struct_fields__) == KEYS
    told = json.loads(msgspec.json.encode(finding(Policy(), "infinite", [1, math.inf, -math.inf, 2])))
    assert told == {
        "rule": "infinite",
        "rule_text": "price: infinite",
        "severity": "error",
        "column": "price",
        "count": 2,
        "of": 4,
        "share": 0.5,
        "limit": None,
        "message": "2 infinite values: 1 inf and 1 -inf",
        "hint": "price: infinite -> blank",
        "rows": [2, 3],
        "lines": None,
        "where": None,
        "ranges": [[2, 3]],
        "policy_line": None,
        "sampled": False,
        "baseline": None,
    }


def test_nothing_found_is_no_finding():
    assert finding(Policy(), "infinite", [1, 2]) is None
    assert of_column(check(Policy(), "infinite"), figures_of(numbers([1.0])), Hits()) is None


def test_a_rule_of_a_policy():
    toml = b"rules = [\n'price, p*: infinite <= 50% -> blank',\n]"
    of = policy.parsed(toml, "nanclean.toml")
    within = finding(of, "infinite", [1, math.inf])
    beyond = finding(of, "infinite", [1, math.inf, math.inf])
    assert (within.severity, beyond.severity) == ("info", "error")
    assert (beyond.limit, beyond.hint, beyond.policy_line) == ("50%", None, "nanclean.toml:2")
    assert beyond.rule_text == "price, p*: infinite <= 50% -> blank"


def test_a_rule_with_a_name():
    toml = b"[[rule]]\ncolumns='price'\nfind='infinite'\nname='finite prices'\nseverity='warning'"
    told = finding(policy.parsed(toml, "nanclean.toml"), "infinite", [math.inf])
    assert (told.rule, told.severity, told.policy_line) == ("finite prices", "warning", "nanclean.toml:1")


def test_what_was_found_decides_only_where_nobody_else_has():
    assert finding(Policy(), "missing", [1, math.nan]).severity == "warning"
    assert finding(Policy(), "missing", [1, math.nan], format="npy").severity == "error"
    assert finding(policy.from_options(trainer="xgboost"), "missing", [1, math.nan], format="npy").severity == "info"
    assert finding(policy.from_options(rules=["price: missing <= 60%"]), "missing", [1, math.nan]).severity == "info"
    assert finding(Policy(), "missing", [math.nan]).severity == "info"
    assert finding(policy.from_options(label="price"), "missing", [math.nan]).severity == "error"


def test_places_come_from_the_source():
    column = numbers(np.array([math.inf, 1]))
    found = check(Policy(), "infinite")
    told = of_column(found, figures_of(column, "price"), hits_of(found.find, column), where=["line 2"], lines=[2])
    assert (told.where, told.lines, told.rows) == (["line 2"], [2], [1])


def test_scattered_rows_have_no_ranges():
    hits = Hits()
    values = np.where(np.arange(100) % 2, math.inf, 1.0)
    column = numbers(values)
    found = check(Policy(), "infinite")
    hits.add(column, found.find.mask(column), Batch(0, 100, [None]))
    told = of_column(found, figures_of(column, "price"), hits)
    assert told.ranges is None
    assert told.rows == [2, 4, 6, 8, 10]


def test_a_verdict_about_the_table():
    (found,) = [c for c in Policy().checks(["a"], ["float"]) if c.find.name == "ragged"]
    told = of_verdict(
        found, Verdict(None, "2 rows", "@all: ragged -> drop", 2, 8, (3, 4)), where=["line 5"], lines=[5, 6]
    )
    assert (told.column, told.count, told.of, told.share, told.rows) == (None, 2, 8, 0.25, [4, 5])
    assert told.rule_text == "@all: ragged"
    allowed = policy.from_options(rules=["@all: ragged <= 2"])
    (found,) = [c for c in allowed.checks(["a"], ["float"]) if c.find.name == "ragged"]
    assert of_verdict(found, Verdict(None, "2 rows", None, 2, 8)).severity == "info"
    assert of_verdict(found, Verdict(None, "3 rows", None, 3, 8)).severity == "error"
    (found,) = [c for c in Policy().checks(["a"], ["float"]) if c.find.name == "encoding"]
    told = of_verdict(found, Verdict(None, "not UTF-8"))
    assert (told.count, told.of, told.share, told.severity) == (None, None, None, "warning")
