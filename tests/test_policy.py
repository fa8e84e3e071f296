"""Policies: read from files and options, resolved against a table, and every mistake told at once."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanclean import policy
from nanclean.errors import PolicyError
from nanclean.grammar import Word
from nanclean.policy import Check, Checks, Policy
from nanclean.positions import Positions
from nanclean.trainers import TRAINERS, trainer

NAMES = ["price", "qty", "Body Mass (g)", "store", "day", "emb_0", "emb_1", "y", "row_id"]
TYPES = ["float", "integer", "float", "text", "time", "float", "float", "integer", "integer"]
GOOD = b"""\
version = 1
label   = "y"
id      = ["row_id"]
missing = ["?", "-999"]
ignore  = ["constant: day", "encoding"]

rules = [
  "price: range(0, 10000) <= 0.1%",       # a check with a limit
  "@numeric: infinite -> blank",
  '''
  'Body Mass (g)', price: iqr(3) <= 1% -> clip''',
  "@features except qty: missing -> impute(median)",
  "@features -> normalize(standard)",
]

[columns."Body Mass (g)"]
missing = ["0"]
type    = "integer"

[[rule]]
columns  = "price"
find     = "zscore(4)"
limit    = 20
severity = "warning"
name     = "price is sane"

[budget]
rows_dropped = "5%"
cells_changed = 100
mean_shift = 0.5
"""


def parsed(text: str | bytes) -> Policy:
    data = text if isinstance(text, bytes) else text.encode()
    found = policy.parsed(data, "nanclean.toml")
    assert found is not None
    return found


def mistakes(text: str | bytes) -> list[str]:
    return [str(mistake) for mistake in parsed(text).mistakes]


def refused(of: Policy, names=NAMES, types=TYPES) -> list[str]:
    with pytest.raises(PolicyError) as error:
        of.checks(names, types)
    return error.value.message.splitlines()


def by_rule(checks: Checks) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for check in checks:
        found.setdefault(check.text, []).append(None if check.column is None else NAMES[check.column])
    return found


def one(of: Policy, find: str, column: str, types=TYPES) -> Check:
    (check,) = [
        check for check in of.checks(NAMES, types) if check.column == NAMES.index(column) and str(check.find) == find
    ]
    return check


class TestFile:
    def test_everything_that_a_policy_can_say(self):
        read = parsed(GOOD).demand()
        assert (read.label, read.id, read.missing) == (("y",), ("row_id",), ("?", "-999"))
        assert [str(rule) for rule in read.rules] == [
            "price: range(0, 10000) <= 0.1%",
            "@numeric: infinite -> blank",
            "'Body Mass (g)', price: iqr(3) <= 1% -> clip",
            "@features except qty: missing -> impute(median)",
            "@features -> normalize(standard)",
            "price: zscore(4) <= 20",
        ]
        assert [rule.line for rule in read.rules] == [8, 9, 10, 12, 13, 20]
        assert read.rules[-1].name == "price is sane"
        assert read.declared("Body Mass (g)") == {"?", "-999", "0"}
        assert read.declared("price") == {"?", "-999"}
        assert read.type("Body Mass (g)") == "integer"
        assert read.type("price") is None
        assert str(read.budget.rows_dropped) == "5%"
        assert read.budget.mean_shift == 0.5
        assert read.description == "nanclean.toml (6) + built-in"
        assert [read.role(name) for name in ("y", "row_id", "price")] == ["label", "id", "feature"]

    def test_a_text_stands_for_a_list_of_one(self):
        read = parsed('label = "y"\nmissing = "?"\nignore = "constant"')
        assert (read.label, read.missing, read.ignore[0].find) == (("y",), ("?",), "constant")

    def test_an_empty_file_is_a_policy_without_rules(self):
        assert parsed(b"").demand().description == "nanclean.toml (0) + built-in"

    def test_bom_and_windows_lines(self):
        assert mistakes(b'\xef\xbb\xbfversion = 1\r\nrules = [\r\n"a: mising"]\r\n') == [
            "nanclean.toml:3: rules: there is no find 'mising'; did you mean 'missing'?"
        ]

    def test_a_policy_survives_pickling(self):
        read = parsed(GOOD)
        again = pickle.loads(pickle.dumps(read))
        assert again == read
        assert pickle.loads(pickle.dumps(read.checks(NAMES, TYPES))) == read.checks(NAMES, TYPES)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("lable = 'y'", "nanclean.toml:1: lable: there is no such key; did you mean 'label'?"),
            ("version = 2", "nanclean.toml:1: version: '2'; this nanclean reads version 1"),
            ("version = true", "nanclean.toml:1: version: 'True'; this nanclean reads version 1"),
            ("version = '1'", "nanclean.toml:1: version: '1'; this nanclean reads version 1"),
            ("\nrules = 'a: missing'", 'nanclean.toml:2: rules: must be a list: rules = ["price: missing"]'),
            ("rules = [\n'a: missing',\n5]", "nanclean.toml:3: rules: 5 is no rule: a rule is a text"),
            ("rules = ['a: zscore(abc)']", "nanclean.toml:1: rules: zscore: k must be a number, not 'abc'"),
            ("rules = ['missing: a']", "rules: there is no find 'a'; the columns come first: a: missing"),
            ("rules = ['a: blank']", "rules: blank is a fix, not a find; write -> blank"),
            ("rules = ['a: overflow(float8)']", "overflow: dtype is 'float8'; did you mean float32?"),
            ("rules = ['a: xyzzy']", "there is no find 'xyzzy'; choose from all_missing, constant, decimal,"),
            ("[rule]\ncolumns = 'a'", "rule: write [[rule]], with two brackets, above each rule"),
            ("[[rule]]\ncolumns = 'a'", "nanclean.toml:1: rule: has neither find nor fix"),
            ("[[rule]]\nfind = 'missing'", "nanclean.toml:1: rule: says no columns"),
            ("[[rule]]\ncolumns='a'\nfix='blank'\nlimit=1", "rule: has a limit and no find"),
            ("[[rule]]\ncolumns='a'\nfnd='missing'", "nanclean.toml:3: fnd: there is no such key; did you mean 'fi"),
            ("[[rule]]\ncolumns='a'\nfind='missing'\nlimit=0.01", ":4: rule.limit: the limit 0.01 is neither"),
            ("[[rule]]\ncolumns='a'\nfind='missing'\nlimit=nan", "nanclean.toml:4: rule.limit: numbers must be finite"),
            ("[[rule]]\ncolumns='a'\nfind=3", "nanclean.toml:3: rule.find: 3 is no text"),
            ("[[rule]]\ncolumns='a'\nfix='impte'", "nanclean.toml:3: rule.fix: there is no fix 'impte'"),
            ("[[rule]]\ncolumns='a b'\nfind='missing'", "nanclean.toml:2: rule.columns: 'a b': columns are separated"),
            ("[[rule]]\ncolumns='a'\nfind='missing'\nseverity='fatal'", "'fatal'; choose from error, info, warning"),
            ("rule = [1]", "nanclean.toml:1: rule: 1 is no table"),
            ("ignore = ['constnt: a']", "ignore: there is no check 'constnt'; did you mean 'constant'?"),
            ("ignore = ['zscore: a']", "ignore: zscore is no built-in check"),
            ("ignore = ['a: constant']", "ignore: 'a: constant': the check comes first: constant: a"),
            ("missing = [0]", 'nanclean.toml:1: missing: 0 is no text; write "0"'),
            ("missing = [['x']]", "missing: ['x'] is no text"),
            ("missing = 1979-05-27", "missing: 1979-05-27 is no text"),
            ("missing_list = 'all'", "missing_list: 'all'; choose from auto, none, pandas"),
            ("for = 'pytorch'", "for: there is no trainer 'pytorch'; did you mean 'torch'?"),
            ("for = 3", "for: 3 is no text"),
            ("columns = 3", "columns: must be tables: [columns.price]"),
            ("[columns]\nprice = 3", "nanclean.toml:2: columns.price: must be a table: [columns.price]"),
            ("[columns.Solar.R]\nmissing = ['0']", 'columns.Solar.R: quote a name with a dot: [columns."Solar.R"]'),
            ("[columns.a]\ntyp = 'text'", "nanclean.toml:2: typ: there is no such key; did you mean 'type'?"),
            ("[columns.a]\ntype = 'int'", "nanclean.toml:2: type: 'int'; did you mean 'integer'?"),
            ("budget = 1", "budget: must be a table: [budget]"),
            ("[budget]\nrows_droped = 1", "nanclean.toml:2: rows_droped: there is no such key; did you mean"),
            ("[budget]\nrows_dropped = 0.05", "the limit 0.05 is neither a share nor a count; write 5%"),
            ("[budget]\nrows_dropped = -1", "budget.rows_dropped: the limit '-1' is no share"),
            ("[budget]\nmean_shift = -1", "budget.mean_shift: -1 is no number of standard deviations"),
            ("[budget]\nmean_shift = 1e400", "nanclean.toml:2: budget.mean_shift: numbers must be finite, not inf"),
            ("x = [1, [nan]]", "nanclean.toml:1: x: numbers must be finite, not nan"),
            ("x = 100000000000000000000000000", "x: the integer is beyond 64 bits"),
            ("version = ", "nanclean.toml:1: not TOML: Invalid value"),
            ("a = 1\na = 2", "nanclean.toml:2: not TOML: Cannot overwrite a value"),
            ("a = '", "nanclean.toml:1: not TOML"),
            (b"\xff\xfev\x00", "nanclean.toml:1: not UTF-8"),
            (b"a = 1\nb = '\xe9'", "nanclean.toml:2: not UTF-8"),
            (b"\0\0", "nanclean.toml:1: not TOML"),
        ],
    )
    def test_each_mistake_says_where_and_what(self, text, said):
        assert any(said in mistake for mistake in mistakes(text)), mistakes(text)

    def test_all_mistakes_are_told_together_in_the_order_of_the_file(self):
        text = 'lable = "y"\nrules = [\n"prise: missing",\n"price: mising",\n"store: infinite"]\n[columns.qt]\ntype="x"'
        of = parsed(text).merged(policy.from_options(rules=["price: missing -"], label="Y"))
        assert refused(of) == [
            "nanclean.toml:1: lable: there is no such key; did you mean 'label'?",
            "nanclean.toml:3: rules: there is no column 'prise'; did you mean price?",
            "nanclean.toml:4: rules: there is no find 'mising'; did you mean 'missing'?",
            "nanclean.toml:5: rules: infinite is for numeric columns, and store is text",
            "nanclean.toml:6: columns: there is no column 'qt'; did you mean qty?",
            "nanclean.toml:7: type: 'x'; choose from boolean, float, integer, text, time",
            "--rule 'price: missing -': 'price: missing -' ends in '-': the shell took the '>' and what follows it",
            "--label: label: there is no column 'Y'; did you mean y?",
        ]

    def test_a_single_mistake_keeps_its_hint(self):
        with pytest.raises(PolicyError) as error:
            policy.from_options(rules=["price: missing -"]).demand()
        assert error.value.hint.startswith("put the whole rule in single quotes")

    def test_mistakes_without_end_are_cut(self):
        text = "".join(f"k{i} = 1\n" for i in range(5_000))
        with pytest.raises(PolicyError) as error:
            parsed(text + "rules = [" + "'a: x'," * 900 + "]").demand()
        assert len(error.value.message.splitlines()) == 51


class TestHostile:
    @pytest.mark.parametrize(
        "data",
        [
            b"a=" + b"[" * 20_000,
            b"a=" + b"{b=" * 20_000,
            b".".join([b"a"] * 20_000) + b"=1",
            b"[" + b".".join([b"a"] * 20_000) + b"]",
            b"rules=[" + b'"a: missing",' * 70_000 + b"]",
            b"x" * 2_000_000,
            b"[[rule]]\n" * 100_000,
            b"version = " + b"1" * 900_000,
            b'missing = """' + b"x" * 900_000,
            b'"' * 900_000,
            b'rules = ["' + b"(" * 900_000 + b'"]',
        ],
        ids=range(11),
    )
    def test_it_is_refused_in_no_time(self, data):
        began = time.process_time()
        assert parsed(data).mistakes
        assert time.process_time() - began < 20  # by far: a second of a busy machine

    def test_nothing_is_executed(self, tmp_path):
        marker = tmp_path / "executed"
        code = f"__import__('pathlib').Path('{marker}').touch()"
        for rule in (f"a: range({code})", f"a: {code}", f"a -> fill({code})", "a: missing -> fill('{0.__class__}')"):
            of = policy.from_options(rules=[rule])
            assert of.mistakes or str(of.rules[0]) == rule
        assert not marker.exists()

    @given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
    def test_any_bytes_are_a_policy_or_a_mistake(self, data):
        found = policy.parsed(data, "nanclean.toml")
        assert found is not None
        try:
            found.checks(NAMES, TYPES)
        except PolicyError:
            return

    @given(
        st.dictionaries(
            st.sampled_from("version label id missing rules rule columns budget ignore for".split()),
            st.recursive(
                st.integers() | st.floats() | st.booleans() | st.text(max_size=5) | st.just("price: missing"),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
                max_leaves=5,
            ),
        )
    )
    def test_any_values_are_a_policy_or_a_mistake(self, tree):
        from nanclean.mistakes import Mistakes
        from nanclean.policy_file import _Reader

        found = Mistakes()
        fields = _Reader(tree, "nanclean.toml", Positions(""), (), found).fields()
        try:
            Policy(**fields, mistakes=tuple(found.all)).checks(NAMES, TYPES)
        except PolicyError:
            return


class TestPositions:
    def test_every_key_and_element_has_its_line(self):
        text = (
            "# a comment with = and [\na = 1 # one\n\nb.c = 'x#y' \nl = [ # open\n 1, [2,\n 3],\n\n '''\nlong\n''',"
            ' {z = 1, y = [4]}]\n[t."q.r"]\nk = """\na\\"""\nb"""\n[[n]]\nv = 1\n[[n]]\nv = 2\n[n.sub]\nw = 3\n'
        )
        lines = Positions(text).lines
        assert {
            ("a",): 2, ("b",): 4, ("b", "c"): 4, ("l",): 5, ("l", 0): 6, ("l", 1): 6, ("l", 1, 0): 6, ("l", 1, 1): 7,
            ("l", 2): 9, ("l", 3): 11, ("l", 3, "z"): 11, ("l", 3, "y", 0): 11, ("t", "q.r"): 12, ("t", "q.r", "k"): 13,
            ("n",): 16, ("n", 0): 16, ("n", 0, "v"): 17, ("n", 1): 18, ("n", 1, "v"): 19, ("n", 1, "sub"): 20,
            ("n", 1, "sub", "w"): 21,
        }.items() <= lines.items()  # fmt: skip

    def test_of_what_has_no_line_the_nearest_is_given(self):
        positions = Positions("a = {b = 1}\nc = 2")
        assert positions.line("c", 7, "x") == 2
        assert positions.line("zzz") is None

    @given(st.text("ab=[]{}.,\"'#\n 1", max_size=60))
    def test_any_text_ends(self, text):
        Positions(text)


class TestChecks:
    def test_rules_come_first_and_take_the_place_of_built_in_checks(self):
        read = parsed(GOOD)
        checks = read.checks(NAMES, TYPES)
        rules = by_rule(Checks(tuple(check for check in checks if not check.builtin)))
        numeric = ["price", "qty", "Body Mass (g)", "emb_0", "emb_1", "y", "row_id"]
        assert rules == {
            "price: range(0, 10000) <= 0.1%": ["price"],
            "@numeric: infinite -> blank": numeric,
            "'Body Mass (g)', price: iqr(3) <= 1% -> clip": ["Body Mass (g)", "price"],
            "@features except qty: missing -> impute(median)": [
                "price", "Body Mass (g)", "store", "day", "emb_0", "emb_1",
            ],
            "price: zscore(4) <= 20": ["price"],
        }  # fmt: skip
        builtin = by_rule(Checks(tuple(check for check in checks if check.builtin)))
        assert not any("infinite" in text for text in builtin)
        assert [text for text in builtin if "missing" in text and "all_" not in text] == [
            "qty: missing", "y: missing", "row_id: missing",
        ]  # fmt: skip
        assert "day: constant" not in builtin
        assert "qty: constant" in builtin
        assert "@all: encoding" not in builtin
        assert "@all: header" in builtin
        assert "y: isolated" not in builtin
        assert "row_id: standin" not in builtin
        assert "price: isolated" in builtin
        assert "'Body Mass (g)': overflow" in builtin

    def test_severities_of_rules(self):
        read = parsed(GOOD)
        check = one(read, "range(0, 10000)", "price")
        assert (check.judged(1, 1000), check.judged(2, 1000), check.settled) == ("info", "error", True)
        check = one(read, "infinite", "price")
        assert (check.judged(1, 10), check.fixed, check.line) == ("info", True, 9)
        check = one(read, "iqr(3)", "price")
        assert (check.judged(1, 100), check.judged(2, 100)) == ("info", "error")
        check = one(read, "zscore(4)", "price")
        assert (check.judged(20, 100), check.judged(21, 100), check.name) == ("info", "warning", "price is sane")
        assert one(policy.from_options(rules=["price: missing"]), "missing", "price").severity == "error"

    def test_severities_of_built_in_checks(self):
        of = policy.from_options(label="y")
        assert (one(of, "missing", "price").severity, one(of, "missing", "price").settled) == ("warning", False)
        assert (one(of, "missing", "y").severity, one(of, "missing", "y").settled) == ("error", True)
        assert one(of, "infinite", "price").severity == "error"
        assert one(of, "isolated", "price").severity == "warning"
        assert one(of, "literal_underflow", "price").severity == "info"

    def test_only_what_suits_the_type_is_checked(self):
        of_text = {check.find.name for check in Policy().checks(NAMES, TYPES) if check.column == NAMES.index("store")}
        assert of_text == {"missing", "all_missing", "constant", "standin", "decimal", "mixed"}
        of_time = {check.find.name for check in Policy().checks(NAMES, TYPES) if check.column == NAMES.index("day")}
        assert of_time == {"missing", "all_missing", "constant"}

    def test_a_literal_name_wins_over_a_glob(self):
        names = ["a*", "ab", "ac"]
        checks = policy.from_options(rules=["a*: missing"]).checks(names, ["float"] * 3)
        assert [check.column for check in checks if not check.builtin] == [0]

    def test_a_glob_or_selector_that_matches_nothing_is_a_warning(self):
        of = policy.from_options(rules=["zz*: missing", "@boolean: missing", "@label: missing"])
        checks = of.checks(NAMES, TYPES)
        assert checks.warnings == (
            "--rule 'zz*: missing': zz* matches no column",
            "--rule '@boolean: missing': @boolean matches no column",
            "--rule '@label: missing': @label matches no column: none was named as label",
        )

    def test_a_find_that_does_not_suit_is_skipped_or_refused(self):
        checks = policy.from_options(rules=["@all: infinite"]).checks(NAMES, TYPES)
        assert checks.skipped == (
            "@all: infinite: not for store, which is text",
            "@all: infinite: not for day, which is time",
        )
        assert refused(policy.from_options(rules=["store, price: infinite"])) == [
            "--rule 'store, price: infinite': infinite is for numeric columns, and store is text"
        ]
        checks = policy.from_options(rules=["st*: infinite"]).checks(NAMES, TYPES)
        assert len(checks.skipped) == 1

    def test_a_rule_about_the_table(self):
        of = policy.from_options(rules=["@all: ragged <= 5 -> drop"])
        (check,) = [check for check in of.checks(NAMES, TYPES) if check.find.name == "ragged"]
        assert (check.column, check.builtin, check.judged(6, 100)) == (None, False, "error")
        assert refused(policy.from_options(rules=["price: ragged"])) == [
            "--rule 'price: ragged': ragged is about the table; write @all: ragged"
        ]

    def test_names_can_be_checked_before_types_are_known(self):
        of = policy.from_options(rules=["store: infinite", "@text: infinite"])
        checks = of.checks(NAMES)
        assert {check.find.name for check in checks} == {"encoding", "header", "names", "no_rows", "ragged", "schema"}
        with pytest.raises(PolicyError, match="no column 'stroe'; did you mean store"):
            policy.from_options(rules=["stroe: infinite"]).checks(NAMES)

    def test_the_nearest_column_is_named_as_a_rule_writes_it(self):
        assert refused(policy.from_options(rules=["'body mass (g)': missing"])) == [
            "--rule \"'body mass (g)': missing\": there is no column 'body mass (g)'; did you mean 'Body Mass (g)'?"
        ]

    def test_rules_without_a_find_are_not_for_scan(self):
        of = policy.from_options(rules=["price -> normalize(standard)"])
        assert all(check.builtin for check in of.checks(NAMES, TYPES))
        assert refused(policy.from_options(rules=["prise -> normalize(standard)"]))

    def test_the_same_rule_twice_is_one_check(self):
        of = policy.from_options(rules=["price: missing", "price: missing", "price: missing <= 1%"])
        assert len([check for check in of.checks(NAMES, TYPES) if not check.builtin]) == 2

    def test_ignored_checks(self):
        of = policy.from_options(ignore=["constant: @numeric except qty", "missing", "header"])
        texts = {check.text for check in of.checks(NAMES, TYPES)}
        assert "price: constant" not in texts
        assert "qty: constant" in texts
        assert not any(text.endswith(": missing") for text in texts)
        assert "@all: header" not in texts
        assert refused(policy.from_options(ignore=["constant: prise"]))
        kept = policy.from_options(ignore=["missing"], rules=["price: missing"]).checks(NAMES, TYPES)
        assert [check.text for check in kept if check.find.name == "missing"] == ["price: missing"]

    def test_chosen_columns(self):
        of = policy.from_options(columns=["price, emb_*", "y"], rules=["qty: missing", "emb_1: range(0, 1)"])
        assert of.selected(NAMES) == [0, 5, 6, 7]
        assert {check.column for check in of.checks(NAMES, TYPES)} == {None, 0, 5, 6, 7}
        assert policy.from_options(columns="@features except emb_*", label="y").selected(NAMES) == [0, 1, 2, 3, 4, 8]
        assert Policy().selected(NAMES) == list(range(9))
        for columns, said in {
            "pric": "--columns: there is no column 'pric'; did you mean price?",
            "zz*": "--columns: no column is left to read",
        }.items():
            assert refused(policy.from_options(columns=columns)) == [said]
            with pytest.raises(PolicyError, match=said.replace("?", "\\?").replace("*", "\\*")):
                policy.from_options(columns=columns).selected(NAMES)

    def test_columns_chosen_by_type_where_the_types_are_known(self):
        of = policy.from_options(columns="@text")
        assert of.selected(NAMES, TYPES) == [i for i, type_ in enumerate(TYPES) if type_ == "text"]
        with pytest.raises(PolicyError, match="@text goes by type, which is not known of text before it is read"):
            of.selected(NAMES)

    def test_label_and_id_must_be_columns(self):
        assert refused(policy.from_options(label="Y", id=["rowid"])) == [
            "--label: label: there is no column 'Y'; did you mean y?",
            "--id: id: there is no column 'rowid'; did you mean row_id?",
        ]
        assert refused(policy.from_options(label="y", id="y")) == ["--id: id: 'y' cannot be label and id at once"]

    def test_ten_thousand_columns_take_no_time(self):
        names = [f"emb_{i:05d}" for i in range(10_000)]
        of = policy.from_options(rules=[f"emb_*{i}: missing" for i in range(100)])
        began = time.process_time()
        checks = of.checks(names, ["float"] * len(names))
        assert len(checks) > 90_000
        assert time.process_time() - began < 60  # a square of the columns would take an hour


class TestTrainers:
    def test_what_networks_cannot_bear(self):
        for name in ("torch", "keras", "torch:float32"):
            of = policy.from_options(trainer=name)
            assert one(of, "missing", "price").severity == "error"
            assert one(of, "missing", "price").settled
            assert one(of, "missing", "store").severity == "error"
            assert one(of, "infinite", "price").severity == "error"
            assert one(of, "overflow(squared=True)", "price").severity == "error"
        assert one(policy.from_options(trainer="torch"), "isolated", "price").severity == "warning"

    def test_half_precision(self):
        of = policy.from_options(trainer="torch:float16")
        assert one(of, "overflow(float16)", "price").severity == "error"
        assert one(of, "overflow(float16, squared=True)", "price").severity == "warning"
        assert one(policy.from_options(trainer="keras:bfloat16"), "overflow(bfloat16, squared=True)", "qty").settled
        assert of.description == "built-in for torch:float16"

    def test_trees_take_missing_cells_and_no_infinity(self):
        for name in ("xgboost", "lightgbm", "catboost"):
            of = policy.from_options(trainer=name, label="y", id="row_id")
            assert one(of, "missing", "price").severity == "info"
            assert one(of, "missing", "y").severity == "error"
            assert one(of, "missing", "row_id").severity == "warning"
            assert one(of, "infinite", "price").severity == "error"
        assert one(policy.from_options(trainer="lightgbm"), "overflow", "price").severity == "warning"
        assert one(policy.from_options(trainer="catboost"), "missing", "store").severity == "error"
        assert one(policy.from_options(trainer="xgboost"), "missing", "store").severity == "info"
        assert one(policy.from_options(trainer="sklearn"), "missing", "price").severity == "error"

    @pytest.mark.parametrize("text", [*TRAINERS, "torch:float16", "keras:bfloat16"])
    def test_a_trainer_prints_back(self, text):
        assert str(trainer(text)) == text

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("pytorch", "there is no trainer 'pytorch'; did you mean 'torch'?"),
            ("", "there is no trainer ''; choose from catboost"),
            ("torch:float8", "torch in 'float8'; did you mean 'float32'?"),
            ("torch:fp16", "torch in 'fp16'; choose from bfloat16, float16, float32"),
            ("xgboost:float16", "xgboost computes in float32 or float64; 'float16' is for torch and keras"),
        ],
    )
    def test_another_is_refused(self, text, said):
        with pytest.raises(PolicyError) as error:
            trainer(text)
        assert said in error.value.message

    def test_a_rule_takes_its_place(self):
        of = policy.from_options(trainer="torch", rules=["price: overflow(float16)", "price: missing <= 1%"])
        finds = [str(check.find) for check in of.checks(NAMES, TYPES) if check.column == 0]
        assert [find for find in finds if find.startswith("overflow")] == ["overflow(float16)"]
        assert finds.count("missing") == 1


class TestWhereFrom:
    def test_a_folder_with_a_policy(self, tmp_path: Path):
        assert policy.found(tmp_path) is None
        (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
        assert policy.found(tmp_path) is None
        (tmp_path / "pyproject.toml").write_text(
            "[project]\nname = 'nanclean'\n[tool.other]\na = nan\n"
            "[tool.nanclean]\nlabel = 'y'\nrules = [\n'a: mising']\n"
        )
        of = policy.found(tmp_path)
        assert of.label == ("y",)
        assert [str(mistake) for mistake in of.mistakes] == [
            f"{tmp_path / 'pyproject.toml'}:8: rules: there is no find 'mising'; did you mean 'missing'?"
        ]
        (tmp_path / "nanclean.toml").write_text("label = 'z'\n")
        assert policy.found(tmp_path).label == ("z",)

    def test_only_the_current_folder_is_looked_at(self, tmp_path: Path, monkeypatch):
        (tmp_path / "nanclean.toml").write_text("label = 'z'\n")
        (tmp_path / "below").mkdir()
        monkeypatch.chdir(tmp_path / "below")
        assert policy.found() is None
        monkeypatch.chdir(tmp_path)
        assert policy.found().path == "nanclean.toml"

    def test_a_broken_project_file_that_does_not_speak_of_us_is_let_alone(self, tmp_path: Path):
        (tmp_path / "pyproject.toml").write_text("[project\n")
        assert policy.found(tmp_path) is None
        (tmp_path / "pyproject.toml").write_text("[project\n[tool.nanclean]\n")
        assert policy.found(tmp_path).mistakes

    def test_a_policy_that_is_not_there(self, tmp_path: Path):
        (tmp_path / "nanclean.toml").touch()
        with pytest.raises(PolicyError) as error:
            policy.read(tmp_path / "nancleen.toml")
        assert error.value.message.endswith("nancleen.toml: there is no such policy")
        assert error.value.hint == "did you mean nanclean.toml?"
        with pytest.raises(PolicyError, match="directory"):
            policy.read(tmp_path)

    def test_options_over_a_file(self):
        options = policy.from_options(
            rules=["qty: missing"], label="store", missing="NULL", missing_list="none", trainer="torch", ignore="header"
        )
        of = parsed(GOOD).merged(options)
        assert of.label == ("store",)
        assert of.id == ("row_id",)
        assert of.missing == ("?", "-999", "NULL")
        assert of.missing_list == "none"
        assert len(of.rules) == 7
        assert of.path == "nanclean.toml"
        assert of.description == "nanclean.toml (6) + --rule (1) + built-in for torch"
        assert len(of.ignore) == 3
        assert policy.from_options(rules=["a: missing"] * 2).description == "--rule (2) + built-in"
        assert Policy().description == "built-in"
        assert Policy().merged(options) == options
        assert parsed(GOOD).merged(Policy()) == parsed(GOOD)

    def test_mistakes_in_options(self):
        of = policy.from_options(
            rules=["a: mising"], missing_list="all", columns="a,,b", trainer="tensorflow", ignore=["zscore"]
        )
        assert [str(mistake) for mistake in of.mistakes] == [
            "--missing-list: 'all'; choose from auto, none, pandas",
            "--columns: 'a,,b': a column is missing beside a comma",
            "--rule 'a: mising': there is no find 'mising'; did you mean 'missing'?",
            "--ignore: zscore is no built-in check, so there is nothing to ignore; leave out its rule",
            "--for: there is no trainer 'tensorflow'; choose from catboost, keras, lightgbm, sklearn, torch, xgboost",
        ]
        assert policy.from_options(rules=["a: missing"] * 1_001).mistakes
        assert of.chosen == ()

    def test_a_word_of_columns(self):
        assert policy.from_options(columns="'Body Mass (g)'").chosen == (Word("name", "Body Mass (g)"),)
