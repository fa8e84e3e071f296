"""Reports made by hand: that of a real file of weather, and of what is hard to show."""

from __future__ import annotations

from typing import Any

from nanclean.finding import Finding
from nanclean.report import STILL, Change, Column, Fences, Histogram, Outliers, Output, Report, Run, Source, Summary

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
        "where": [], "ranges": None, "policy_line": None, "baseline": None,
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


def figures(missing: int, low: float, middle: float, high: float, spread: float, **more: Any) -> dict[str, Any]:
    """The figures of a column before or after."""
    return {
        "type": "float", "count": ROWS, "missing": missing, "pos_inf": 0, "neg_inf": 0, "unparsable": 0, "min": low,
        "max": high, "mean": middle, "std": spread, "median": 7.0,
    } | more  # fmt: skip


def changed(rule: str, column: str | None, before: dict[str, Any], after: dict[str, Any] | None, **more: Any) -> Change:
    """What a rule did to a column."""
    given: dict[str, Any] = {
        "rule": rule, "column": column, "fix": rule.rpartition("-> ")[2], "before": before, "after": after, "found": 0,
    }  # fmt: skip
    return Change(**given | more)


def cleaned(changes: list[Change], findings: list[Finding], **more: Any) -> Report:
    """The report of a fix of the weather."""
    before = weather()
    given: dict[str, Any] = {
        "command": "fix", "run": Run(policy="nanclean.toml (3) + built-in", passes=3, seconds=1.25),
        "changes": changes,
        "output": Output(
            path="clean.csv", rows=ROWS, rejected=0, verified=True, recipe="clean.recipe.json", format="csv",
            columns=[name for name in before.columns.names if name != "wind_gust"], untouched=5,
        ),
    }  # fmt: skip
    return report(list(before.columns), findings, **given | more)


def fixed(**more: Any) -> Report:
    """The weather, with a gross outlier taken out, a column gone, and the rest filled."""
    wind = figures(4, 0, 10.517488, 1048.36058, 8.539089), figures(0, 0, 10.477716, 42.57886, 5.626554)
    filled = {
        "temp": (1, "median 55.4", 55.260392, 55.260397), "dewp": (1, "median 42.08", 41.439985, 41.440009),
        "humid": (1, "median 61.79", 62.530059, 62.530031), "month": (0, "median 7", 6.503733, 6.503733),
    }  # fmt: skip
    rule = "@numeric: missing -> impute(median)"
    changes = [
        changed("wind_speed: isolated -> blank", "wind_speed", *wind, found=1, cells=1),
        changed("wind_gust: missing -> drop_column", "wind_gust", figures(20_778, 16, 25, 67, 6), None, found=20_778),
        *(
            changed(rule, name, figures(n, 0, a, 100, 9), figures(0, 0, b, 100, 9), found=n, cells=n, detail=detail)
            for name, (n, detail, a, b) in filled.items()
        ),
        changed(
            rule, "wind_dir", figures(460, 0, 199.76106, 360, 107.304755), figures(0, 0, 200.11756, 360, 106.388819),
            found=460, cells=460, detail="median 220",
        ),
        changed(rule, "wind_speed", *wind, found=5, cells=5, detail="median 10.357019999999999"),
    ]  # fmt: skip
    findings = [found("constant", "year", count=ROWS, message=f"{STILL}2013 in every row", hint="year: constant -> x")]
    return cleaned(changes, findings, **more)


def refused(**more: Any) -> Report:
    """A fix whose output was not written: a limit was exceeded."""
    rule = "wind_dir: missing <= 1% -> drop"
    figure = figures(460, 0, 199.76106, 360, 107.304755)
    late = figures(0, 0, 199.76106, 360, 107.304755, count=ROWS - 460)
    findings = [
        found(
            "missing", "wind_dir", severity="error", count=460, rule_text=rule, limit="1%", message="460 cells",
            policy_line="nanclean.toml:9", **on_lines(59, 252),
        ),
        found("isolated", "wind_speed", message=f"{STILL}1 value far from all others: 1048.36058", rows=[1010]),
        *(found("missing", f"c{n}", count=n, message=f"{STILL}{n} cells") for n in range(1, 8)),
    ]  # fmt: skip
    return cleaned(
        [
            changed("precip: zscore -> flag", "precip", figures(0, 0, 1, 2, 3), figures(0, 0, 1, 2, 3), found=357),
            changed(rule, "wind_dir", figure, late, found=460, rows=460),
        ],
        findings,
        exit_code=1,
        **{"output": Output(path="clean.csv", rows=ROWS - 460, rejected=460, verified=False, format="csv")} | more,
    )


def applied(**more: Any) -> Report:
    """A recipe on data that are not like those it was fitted on."""
    findings = [
        found("unseen_category", "origin", count=19, message='19 cells of 1 category that is new: "LHR"'),
        found("new_column", "extra", severity="info", message="was not in the training data"),
    ]
    output = Output(
        path="test.parquet", rows=ROWS - 2, rejected=2, verified=True, rejected_path="test.rejected.parquet",
        format="parquet", columns=[*weather().columns.names, "precip_zscore"], untouched=1,
    )  # fmt: skip
    zero = figures(0, -2.5, 1.2e-16, 2.5, 1.0)
    rule = "@float -> normalize(standard)"
    changes = [
        changed(rule, name, figures(0, 0, mean, 100, 9), zero, cells=9, found=None, detail=f"mean {mean}, std 9")
        for name, mean in (("temp", 55.3), ("dewp", 41.4))
    ]
    changes.append(changed("@all: ragged -> drop", None, {}, None, rows=2, found=None))
    return cleaned(changes, findings, **{"command": "apply", "output": output} | more)


def untouched(**more: Any) -> Report:
    """A fix with nothing to do."""
    same = figures(0, 0, 1, 2, 3)
    output = Output(
        path="clean.csv", rows=ROWS, rejected=0, verified=True, format="csv", columns=weather().columns.names,
        untouched=11, copied=True,
    )  # fmt: skip
    change = changed("temp: infinite -> blank", "temp", same, same)
    return cleaned([change], [], **{"output": output} | more)


def hostile_fix(word: str) -> Report:
    """Text from outside in every place of a fix where there is any."""
    changes = [
        changed(word, word, figures(1, 0, 1, 2, 3, type=word), figures(0, 1, 2, 3, 4, type=f"{word}x"), cells=1),
        *(
            changed(
                f"{word}: missing -> impute(mode)", f"{word} {n}", figures(1, word, 2.25, word, 3),  # type: ignore[arg-type]
                figures(0, word, 2.250000001, word, 3), cells=1, found=2, detail=f"mode {word}{n}",  # type: ignore[arg-type]
            )
            for n in (2, 3)
        ),
        changed("x: missing -> drop_column", f"{word} 4", {}, None),
    ]  # fmt: skip
    findings = [
        found(word, word, severity="error", message=word, limit=word, policy_line=word),
        found("missing", word, message=f"{STILL}{word}"),
        found("ragged", None, message=f"{STILL}{word}"),
        found("unseen_category", word, message=word),
    ]
    columns = [text(word, "x"), *(number(f"{word} {n}", 0, 1, 2) for n in (2, 3, 4))]
    output = Output(
        path=word, rows=3, rejected=1, verified=True, rejected_path=word, recipe=word, format=word, columns=[word * 2],
        untouched=2,
    )  # fmt: skip
    source = Source(path=word, format="csv", bytes=1, rows=4, columns=4, complete_rows=2, files=[])
    return Report(
        command="apply", source=source, columns=columns, findings=findings, changes=changes, output=output,  # type: ignore[arg-type]
        summary=Summary.of(findings), run=Run(policy=word, passes=1, seconds=0.1),
    )  # fmt: skip


def unread(path: str = "bad.csv", **more: Any) -> Report:
    """A file that could not be read."""
    given: dict[str, Any] = {"message": f"{path}: line 3: a quote is never closed", "hint": "look at line 3"} | more
    return Report.not_read(path, command="check", **{"exit_code": 3, **given})


def compared() -> Report:
    """A file compared with its baseline: an error that is new, a worse one, and one that is known."""
    findings = [
        found("infinite", "a", severity="error", message="2 infinite values", baseline="known", **on_lines(4, 5)),
        found("infinite", "b", severity="error", message="3 infinite values", baseline="new", **on_lines(7)),
        found("missing", "b", message="9 of 10 cells", baseline="worse", **on_lines(2)),
    ]
    return report([number("a", 0, 1, 2), number("b", 0, 1, 2)], findings, command="check", exit_code=1)


def positions() -> Report:
    """An array: it has positions, and no lines."""
    where = {"rows": [1010, 1011], "where": ["x[1009, 3]", "x[1010, 3]"]}
    bad = found("infinite", "c3", severity="error", count=2, message="2 infinite values: all inf", **where)
    source = Source(path="data/x.npy", format="npy", bytes=80, rows=ROWS, columns=1, complete_rows=ROWS)
    return report([number("c3", 0, 1, 2)], [bad], source=source)


def every() -> dict[str, Report]:
    """One of each kind."""
    made = {function.__name__: function() for function in (
        weather, healthy, fixed, refused, applied, untouched, unread, compared, positions,
    )}  # fmt: skip
    return {
        **made,
        "embeddings": embeddings(300),
        "hostile": hostile("a|b\n<b>"),
        "hostile_fix": hostile_fix("`@x`\x1b"),
    }
