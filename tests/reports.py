"""Reports made by hand: that of a real file of weather, and of what is hard to show."""

from __future__ import annotations

from typing import Any

from nanclean.finding import Finding
from nanclean.report import Column, Fences, Histogram, Outliers, Report, Run, Source, Summary

ROWS = 26_115


def number(name: str, low: float, middle: float, high: float, **more: Any) -> Column:
    """A column of numbers with all its figures."""
    missing = more.get("missing", 0)
    edges = [low + (high - low) * i / 40 for i in range(41)]
    given: dict[str, Any] = {
        "name": name, "type": "float", "count": ROWS, "pos_inf": 0, "neg_inf": 0, "finite": ROWS - missing,
        "zero": 0, "negative": 0, "unparsable": 0, "min": low, "max": high, "mean": middle, "std": 1.5, "q1": low,
        "median": middle, "q3": high, "mad": 1.0, "outliers": Outliers(zscore=1, iqr=0, mad=2),
        "fences": Fences(zscore=(low, high), iqr=(low, high), mad=(low, high)), "distinct": None, "constant": False,
        "top": [], "histogram": Histogram(edges=edges, counts=[0, *range(40), 0]),
        "missing_by_block": [missing], "missing_rows": missing,
    }  # fmt: skip
    return Column(**given | more)


def text(name: str, *values: str, **more: Any) -> Column:
    """A column of text."""
    given: dict[str, Any] = {
        "name": name, "type": "text", "count": ROWS, "distinct": len(values), "constant": len(values) == 1,
        "top": [(value, ROWS // (n + 2)) for n, value in enumerate(values)],
    }  # fmt: skip
    return Column(**given | more)


def found(rule: str, column: str | None, **more: Any) -> Finding:
    """A finding."""
    given: dict[str, Any] = {
        "rule": rule, "rule_text": f"{column}: {rule}", "severity": "warning", "column": column, "count": 1, "of": ROWS,
        "share": more.get("count", 1) / ROWS, "limit": None, "message": "", "hint": None, "rows": [], "lines": None,
        "where": [], "ranges": None, "policy_line": None,
    }  # fmt: skip
    return Finding(**given | more)


def on_lines(*lines: int) -> dict[str, Any]:
    """Where a finding is."""
    return {"lines": list(lines), "rows": [n - 1 for n in lines], "where": [f"line {n}" for n in lines]}


def lacking(column: str, count: int, fix: str, *lines: int) -> Finding:
    """A finding of missing cells."""
    told = f'{count:,} of {ROWS:,} cells, all written "NA"'
    hint = f"{column}: missing -> {fix}"
    return found("missing", column, count=count, message=told, hint=hint, **on_lines(*lines))


def report(columns: list[Column], findings: list[Finding], **more: Any) -> Report:
    """A report of these columns and findings."""
    file = {"path": "weather.csv", "rows": ROWS, "encoding": "utf-8", "delimiter": ","}
    source = Source(
        path="weather.csv", format="csv", bytes=2_300_000, rows=ROWS, columns=len(columns), complete_rows=4_980,
        ragged=0, files=[file], blocks=[(1, ROWS)],
    )  # fmt: skip
    given: dict[str, Any] = {"source": source, "summary": Summary.of(findings), "run": Run(policy="built-in")}
    return Report(columns=columns, findings=findings, **given | more)  # type: ignore[arg-type]


def weather() -> Report:
    """One gross outlier, some missing cells, a constant."""
    na = {"token": 1, "missing": 1, "tokens": {"NA": 1}}
    columns = [
        text("origin", "JFK", "LGA", "EWR"),
        number("year", 2013, 2013, 2013, type="integer", constant=True, distinct=1),
        number("month", 1, 7, 12, type="integer"),
        number("temp", 10.94, 55.4, 100, **na),
        number("dewp", -9.94, 42.08, 78.08, **na),
        number("humid", 12.74, 61.79, 100, **na),
        number("wind_dir", 0, 220, 360, type="integer", missing=460, token=460, tokens={"NA": 460}),
        number("wind_speed", 0, 10.36, 1048.36058, missing=4, token=4, tokens={"NA": 4}),
        number("wind_gust", 16.11, 24.17, 66.75, missing=20_778, token=20_778, tokens={"NA": 20_778}),
        number("precip", 0, 0, 1.21, outliers=Outliers(zscore=357), reason="iqr is 0"),
        Column(name="time_hour", type="time", count=ROWS, min="2013-01-01T06:00:00Z", max="2013-12-30T23:00:00Z"),
    ]
    told = "1 value far from all others: 1048.36058\nThe next is 42.57886; the gap is 24 times the range of the rest."
    findings = [
        found("isolated", "wind_speed", message=told, hint="wind_speed: isolated -> blank", **on_lines(1011)),
        lacking("wind_gust", 20_778, "drop_column", 2, 3, 4, 5, 6),
        lacking("wind_dir", 460, "impute(median)", 59, 252, 300, 302, 318),
        lacking("wind_speed", 4, "impute(median)", 2053, 12093, 13121, 13505),
        lacking("temp", 1, "impute(median)", 5593),
        lacking("dewp", 1, "impute(median)", 5593),
        lacking("humid", 1, "impute(median)", 5593),
        found("constant", "year", count=ROWS, message="2013 in every row", hint="year: constant -> drop_column"),
        found("zscore", "precip", severity="info", message="357 values beyond 3 deviations"),
    ]
    return report(columns, findings)


def healthy() -> Report:
    """Nothing wrong."""
    made = report([number("a", 0, 1, 2), text("b", "x", "y")], [])
    source = Source(path="good.csv", format="csv", bytes=12, rows=ROWS, columns=2, complete_rows=ROWS, ragged=0)
    return Report(source=source, columns=made.columns, summary=Summary())


def embeddings(width: int) -> Report:
    """Many similar columns, one of them with infinities."""
    columns = [text("user", "a", "b", distinct=None), *(number(f"emb_{n:04}", -3, 0, 3) for n in range(width))]
    bad = found("infinite", "emb_0017", severity="error", count=4, message="4 infinite values, all inf", **on_lines(6))
    return report(columns, [bad])


def hostile(word: str) -> Report:
    """Text from outside in every place where there is any."""
    columns = [text(word, word, "x"), number(f"{word} 2", 0, 1, 2, tokens={word: 1}, token=1, missing=1, reason=word)]
    where = {"rows": [1], "where": [word]}
    findings = [
        found("isolated", word, message=f"{word}\n{word}", hint=f"{word}: isolated -> blank\n{word}", **where),
        found("missing", word, message=word, limit=word, hint=word, **where),
        found("missing", f"{word} 2", message=word, rule_text=word, severity="error", **where),
        found("names", None, message=word, severity="info"),
    ]
    file = {"path": word, "rows": 3, "encoding": word, "delimiter": word}
    source = Source(path=word, format="csv", bytes=1, rows=3, columns=2, complete_rows=2, files=[file])
    run = Run(version="1", policy=word)
    return Report(source=source, columns=columns, findings=findings, summary=Summary.of(findings), run=run)  # type: ignore[arg-type]
