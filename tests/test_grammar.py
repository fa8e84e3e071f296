"""The one grammar of rules: what it reads, how it prints it back, and what it says where it cannot."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nanclean.errors import PolicyError
from nanclean.grammar import ROLES, SELECTORS, Limit, Sentence, Word, columns, fits, limit, sentence
from nanclean.part import Call, call
from nanclean.rule import rule
from nanclean.wording import quoted


@pytest.mark.parametrize(
    "text",
    [
        "price: missing",
        "price: range(0, 10000) <= 0.1%",
        "@numeric: infinite -> blank",
        "'Body Mass (g)', price: iqr(3) <= 1% -> clip",
        "@features except user_age: missing -> impute(median)",
        "@features -> normalize(standard)",
        "emb_*, x?: zscore(4) <= 20",
        "a, b except c, 'd e': missing -> impute(median, by=store)",
        "'a: b -> c <= d': missing",
        '"it\'s": missing',
        "@all except @id, @label: missing",
        "Solar.R: quantile(0.01, 0.99) -> clip(0, high=100)",
        "x: missing -> fill('a, b: c -> d')",
        "x: missing -> fill(-1.5)",
        r"'tab\there', 'größe': missing",
        "'': missing",
        "'except': missing",
        "x: missing <= 0%",
        "'*': missing",
    ],
)
def test_a_rule_prints_back_as_it_is_best_written(text):
    read = sentence(text)
    again = str(read)
    assert sentence(again) == read
    assert again == text


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("price:missing", "price: missing"),
        ("  price ,qty:missing<=1 %->blank ", "price, qty: missing <= 1% -> blank"),
        ("'price': missing()", "price: missing"),
        ('"Body Mass": missing', "'Body Mass': missing"),
        ("x: range(0.0, 1e3)", "x: range(0, 1000)"),
        ("x: zscore(k = +3)", "x: zscore(k=3)"),
        ("x: f('median')", "x: f(median)"),
        ("x: missing <= 1.50%", "x: missing <= 1.5%"),
        ("x: missing <= 007", "x: missing <= 7"),
        ("x:\n missing\n", "x: missing"),
        ("x: missing -> fill('it''s')", "x: missing -> fill(its)"),
        ('x: missing -> fill("it\'s")', 'x: missing -> fill("it\'s")'),
    ],
)
def test_other_ways_of_writing_it(text, best):
    assert str(sentence(text)) == best


def test_the_pieces_of_a_rule():
    read = sentence("a, 'b c', d*, @text except e: range(0, high=1.5) <= 2.5% -> fill(0)")
    assert read == Sentence(
        (Word("name", "a"), Word("name", "b c"), Word("glob", "d*"), Word("selector", "@text")),
        (Word("name", "e"),),
        Call("range", (0,), (("high", 1.5),)),
        Limit(Fraction(5, 2), share=True),
        Call("fill", (0,)),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the rule is empty"),
        ("price", "has no ':'"),
        ("price; missing", "has no ':'"),
        (": missing", "a column is missing before ':'"),
        ("price:", "says no find"),
        ("price: <= 1%", "says no find"),
        ("price: missing <=", "the limit '' is no share"),
        ("price: missing ->", "there is no fix after '->'"),
        ("a,: missing", "a column is missing after a comma"),
        (",a: missing", "a column is missing beside a comma"),
        ("a,,b: missing", "a column is missing beside a comma"),
        ("a except: missing", "a column is missing after except"),
        ("except a: missing", "separated by commas"),
        ("a except b except c: missing", "separated by commas"),
        ("Body Mass: missing", "a name with blanks is quoted"),
        ("1st: missing", "'1st' must be quoted"),
        ("größe: missing", "must be quoted"),
        ("a-b: missing", "must be quoted"),
        ("'a: missing", "the quote ' is not closed"),
        ("@nummeric: missing", "there is no selector '@nummeric'; did you mean '@numeric'?"),
        ("@: missing", "there is no selector '@'"),
        ("a: missing <= 0.01", "the limit 0.01 is neither a share nor a count; write 1% or a whole number"),
        ("a: missing <= 1.5", "neither a share nor a count"),
        ("a: missing <= 101%", "more than all of them"),
        ("a: missing <= -1%", "no share such as 1%"),
        ("a: missing <= nan", "no share such as 1%"),
        ("a: missing <= 1e400", "no share such as 1%"),
        ("a: missing <= 99999999999999999999", "beyond 64 bits"),
        ("a: missing <= 1% <= 2%", "has two limits"),
        ("a: missing -> blank -> drop", "has two fixes"),
        ("a <= 1% -> blank", "has a limit and no find"),
        ("a: missing < 1%", "a limit is written <= 1%"),
        ("a: missing > 1%", "a limit is written <= 1%"),
        ("a: missing => blank", "a limit is written"),
        ("a: missing -", "the shell took the '>'"),
        ("a: missing-", "the shell took the '>'"),
        ("a: missing -> impte(median)", "there is no fix 'impte'; did you mean 'impute'?"),
        ("a: missing -> import os", "is not a part"),
        ("a: x.y", "is not a part"),
        ("a: f(1)(2)", "is not a part"),
        ("a: f(**{})", "is not a part"),
        ("a: f(*[1])", "nothing is computed"),
        ("a: f(1 + 1)", "nothing is computed"),
        ("a: f([1])", "nothing is computed"),
        ("a: f(lambda: 1)", "nothing is computed"),
        ("a: f(__import__('os').system('x'))", "nothing is computed"),
        ("a: f(f'{1}')", "nothing is computed"),
        ("a: f(b'x')", "nothing is computed"),
        ("a: f(1j)", "nothing is computed"),
        ("a: f(x <= 1)", "a limit is written <= 1%"),
        ("a: f(x -> y)", "a limit is written <= 1%"),
        ("a: f(10 ** 9)", "nothing is computed"),
        ("a: f(--1)", "a sign goes before a number only"),
        ("a: f(-'x')", "a sign goes before a number only"),
        ("a: f(1e400)", "numbers must be finite"),
        ("a: f(-1e400)", "numbers must be finite"),
        ("a: f(99999999999999999999)", "beyond 64 bits"),
        ("a: f(k=1, k=2)", "k is given twice"),
        ("a: f(", "is not a part"),
        ("a: f(" + "(" * 400, "is not a part"),
        ("a: f(" + "-" * 900 + "1)", "a sign goes before a number only"),
        ("a: " + "f" * 2000, "longer than 1,000 characters"),
        ("a: " + "f" * 20_000, "longer than 10,000 characters"),
        ("a: f(\0)", "is not a part"),
    ],
)
def test_what_is_said_of_what_is_no_rule(text, said):
    with pytest.raises(PolicyError) as error:
        sentence(text)
    assert said in error.value.message
    assert len(error.value.message) < 300
    assert error.value.message.isprintable()


def test_the_hints_say_what_to_type():
    for text, hint in {
        "a: missing -": "put the whole rule in single quotes: --rule 'price: infinite -> blank'",
        "1st: missing": "write '1st'",
        "Body Mass: missing": "'Body Mass' is one column; Body, Mass are several",
    }.items():
        with pytest.raises(PolicyError) as error:
            sentence(text)
        assert error.value.hint == hint


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.one_of(
    NAMES.map(lambda name: Word("name", name)),
    st.from_regex(r"[A-Za-z0-9_.]*[*?][A-Za-z0-9_.*?]*", fullmatch=True).map(lambda glob: Word("glob", glob)),
    st.sampled_from([*SELECTORS, *ROLES]).map(lambda selector: Word("selector", selector)),
)
SOME = st.lists(WORDS, min_size=1, max_size=4).map(tuple)
VALUES = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(), NAMES
)
IDENTIFIERS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda word: not _keyword(word))
LIMITS = st.one_of(
    st.integers(0, 10**9).map(lambda n: Limit(Fraction(n), share=False)),
    st.integers(0, 10_000).map(lambda n: Limit(Fraction(n, 100), share=True)),
)


def _keyword(word: str) -> bool:
    import keyword

    return keyword.iskeyword(word)


@st.composite
def calls(draw, names=IDENTIFIERS):
    named = draw(st.dictionaries(IDENTIFIERS, VALUES, max_size=3))
    return Call(draw(names), tuple(draw(st.lists(VALUES, max_size=3))), tuple(named.items()))


FIXES = st.sampled_from(
    [
        *("drop", "drop_column", "blank", "clip", "log1p", "flag"),
        "impute(mean, by='store')",
        "fill(0)",
        "fill('x')",
        "clip(0, 100)",
        "clip(low=0, high=1.5)",
        "normalize(robust)",
        "cast(float32)",
    ]
)


@given(SOME, SOME | st.just(()), calls() | st.none(), LIMITS | st.none(), FIXES.map(call) | st.none())
def test_what_is_printed_reads_back_the_same(wanted, excepted, find, bound, fix):
    assume(find is not None or fix is not None)
    written = Sentence(wanted, excepted, find, bound if find is not None else None, fix)
    assume(len(str(written)) < 9_000 and len(str(find)) < 1_000 and len(str(fix)) < 1_000)
    assert sentence(str(written)) == written


@given(st.text(max_size=60) | st.text("abc:@*?,'\"()[]<=->%0123456789. \\", max_size=40))
def test_any_text_is_a_rule_or_a_policy_error(text):
    try:
        read = sentence(text)
    except PolicyError:
        return
    assert sentence(str(read)) == read


@given(NAMES)
def test_any_name_can_be_written(name):
    assert columns(quoted(name)) == ((Word("name", name),), ())


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=12))
def test_a_glob_is_what_a_regular_expression_would_be(pattern, name):
    expected = re.fullmatch("".join({"*": ".*", "?": "."}.get(c, c) for c in pattern), name) is not None
    assert fits(pattern, name) == expected


def test_a_glob_takes_no_time():
    assert not fits("*a" * 50 + "b", "a" * 10_000)


@pytest.mark.parametrize(
    ("text", "count", "of", "exceeded"),
    [
        ("1%", 10, 1000, False),
        ("1%", 11, 1000, True),
        ("0.1%", 1, 1000, False),
        ("0.1%", 1, 999, True),
        ("33.3%", 333, 1000, False),
        ("0%", 0, 10, False),
        ("0%", 1, 10, True),
        ("20", 20, 20, False),
        ("20", 21, 10**9, True),
        (20, 21, 21, True),
        ("100%", 5, 5, False),
        ("0.07%", 7, 10_000, False),
    ],
)
def test_a_limit_is_exact(text, count, of, exceeded):
    assert limit(text).exceeded(count, of) is exceeded


@pytest.mark.parametrize("value", [True, None, [1], -1, 0.5, float("nan"), float("inf"), "x", "1 2", "١%"])
def test_what_is_no_limit(value):
    with pytest.raises(PolicyError):
        limit(value)


def test_a_call_is_never_evaluated():
    assert call("f(median, 'a b', None, True)").given == ("median", "a b", None, True)
    assert str(call("f(None, 'None', 'x y', x)")) == "f(None, 'None', 'x y', x)"


@pytest.mark.parametrize(
    ("fix", "said"),
    [
        ("impute(medain)", "impute: how is 'medain'; did you mean median?"),
        ("impute(median, by=3)", "impute: by must be a word, not '3'"),
        ("impute", "impute needs how"),
        ("normalize(standrad)", "normalize: how is 'standrad'; did you mean standard?"),
        ("cast(float23)", "cast: to is 'float23'; did you mean float32?"),
        ("blank(0)", "blank takes no argument; got blank(0)"),
        ("clip(1)", "clip needs two bounds"),
        ("clip(2, 1)", "low is greater than high"),
        ("clip(1, 2, 3)", "clip takes low, high; got clip(1, 2, 3)"),
        ("fill", "fill needs value"),
    ],
)
def test_what_a_fixer_cannot_be_asked_for(fix, said):
    with pytest.raises(PolicyError, match=re.escape(said)):
        rule(f"x: missing -> {fix}")
