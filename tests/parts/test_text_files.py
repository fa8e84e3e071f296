"""decimal, mixed, header, names, encoding, ragged: what is odd about a text file."""

from __future__ import annotations

import numpy as np
import pytest

from nanclean.detectors._spelling import dressed, in_clothes
from nanclean.format import Facts
from nanclean.part import from_text
from tests.figures_reference import csv_table, findings, loud, text


def judged(content: str, **options) -> list[tuple[str, str | None, int | None]]:
    """Rule, column and count of what the built-in checks say, without infos."""
    return [(rule, column, count) for rule, column, _, count in loud(findings(csv_table(content, **options)))]


def column_of(cells: list[str], other: str = "b") -> str:
    rows = [f'"{cell}",{i % 7}.5' for i, cell in enumerate(cells)]
    return "\n".join([f"a,{other}", *rows]) + "\n"


class TestDecimal:
    @pytest.mark.parametrize(
        ("cell", "kind"),
        [
            ("1,5", "decimal comma"),
            ("-1.234,56", "decimal comma"),
            ("1 234,56", "decimal comma"),
            ("1,500", "decimal comma"),
            ("1,234,567", "thousands mark"),
            ("1,234.5", "thousands mark"),
            ("1'234", "thousands mark"),
            ("5%", "%"),
            ("12.5 %", "%"),
            ("1,5%", "%"),
            ("$5", "currency"),
            ("-$1,234.50", "currency"),
            ("5 €", "currency"),
            ("USD 12", "currency"),
            ("(1,234)", "currency"),
            ("7.5 kg", "unit"),
            ("12ms", "unit"),
            ("10k", "unit"),
            ("21 °C", "unit"),
            ("−3", "typographic minus"),
            (" 7 kg\t", "unit"),
        ],
    )
    def test_a_number_in_other_clothes(self, cell, kind):
        assert dressed(cell) == kind
        assert in_clothes(text([cell, "x"])).tolist() == [True, False]

    @pytest.mark.parametrize(
        "cell",
        (
            "|1|-1.5|1e5|1.2.3|12A|3rd|555 123 456|10-20|1/2|2020-01-01|12:30|A320|1,2,3|48.85,2.35|,|%|kg|$|5 kg of it"
            "|0x10|12345-6789|٣,٥|1,5 2,5|00012k|99999x"
        ).split("|"),
    )
    def test_something_else(self, cell):
        assert dressed(cell) is None
        assert not in_clothes(text([cell])).any()

    @pytest.mark.parametrize(
        "cells",
        [["1,5", "2,25", "3,75"], ["1,500", "2,250", "900"], ["5%", "12%", "7.5%"], ["5 kg", "12 kg", "7.5 kg"]],
    )
    def test_a_column_of_them(self, cells):
        found = findings(csv_table(column_of(cells * 9)))
        assert [(f.rule, f.column) for f in found if f.severity != "info"] == [("decimal", "a")]
        assert found[0].count == 27 - 9 * ("900" in cells)

    def test_what_is_told(self):
        (found,) = findings(csv_table(column_of(["1,5", "2,25", "3,75"] * 9)))
        assert found.message == ('100% of the values are numbers with a decimal comma, first "1,5", "2,25" and "3,75"')
        assert found.hint == "read it with --decimal ,"

    @pytest.mark.parametrize(
        "cells",
        [
            ["1,5", "two and a half", "3,75"],  # a third is something else
            ["12 Main St", "5 Oak Ave", "7 Elm Ct"],
            ["1.2.3", "1.10.0", "2.0.0"],
            ["12A", "14C", "3B"],
            ["A sentence, with 3 commas."],
            ["red", "5 kg", "blue"],
        ],
    )
    def test_a_column_of_something_else(self, cells):
        assert judged(column_of(cells * 9)) in ([], [("constant", "a", 9)])

    def test_missing_cells_do_not_count(self):
        assert judged(column_of(["1,5", "2,25", "NA", "?"] * 9)) == [
            ("decimal", "a", 18),
            ("missing", "a", 9),
            ("standin", "a", 9),
        ]

    def test_fewer_than_three_are_a_coincidence(self):
        assert judged("a,b\n" + '"1,5",1\n"2,5",2\n') == []


class TestMixed:
    def test_numbers_and_words(self):
        assert judged(column_of(["5", "6", "7", "low"] * 9)) == [("mixed", "a", 9)]

    @pytest.mark.parametrize(
        "cells",
        [
            ["5"] * 39 + ["low"],  # 95 % and more: a column of numbers
            ["5", "low", "high"],  # words for the most part
            ["01234", "80331", "9999x"],  # codes: padded
            ["12", "13", "12B"],  # codes: letters and digits together
            ["113803", "17463", "A/5 21171"],
            ["01234", "80331", "unknown place"],
        ],
    )
    def test_no_mixture(self, cells):
        assert "mixed" not in {rule for rule, _, _ in judged(column_of(cells * 5))}

    def test_numbers_with_thousands_marks_are_told_once(self):
        assert judged(column_of(["1,500", "2,250", "900", "850"] * 9)) == [("decimal", "a", 18)]

    def test_what_is_told(self):
        (found,) = findings(csv_table(column_of(["5", "6", "7", "low"] * 9)))
        assert found.message == '75.0% are numbers, 9 values are not, first "low"'
        assert found.hint == "a: mixed -> blank"


class TestHeader:
    @pytest.mark.parametrize(
        "content",
        [
            "1.5,2.5\n1.25,3\n2.5,4\n3.5,5\n",
            "5.1\n4.9\n4.7\n4.6\n",
            "5,3,4,2\n" + "4,5,6,1\n7,2,1,8\n" * 9,
            "5.1,3.5,1.4,0.2,Iris-setosa\n" + "4.9,3.0,1.4,0.2,Iris-setosa\n5,3.6,1.3,0.3,Iris-virginica\n" * 9,
            "2,1,530101,38.50,?\n" + "1,1,534817,39.2,3\n2,1,530334,38.30,1\n" * 9,
        ],
    )
    def test_line_1_is_data(self, content):
        assert ("header", None, 1) in judged(content)

    @pytest.mark.parametrize(
        "head",
        ["a,b,c", "2001,2002,2003", "0,1,2", "400.5,410.5,420.5", "x,2001,2002", "a,1,b", ",0,1", "1a,2a,3a", "7,a,9"],
    )
    def test_line_1_is_a_header(self, head):
        assert "header" not in {rule for rule, _, _ in judged(head + "\n" + "1,2,3.5\n4,5,6.5\n7,2,1.5\n" * 9)}

    def test_years_beside_a_name_are_a_header(self):
        rows = "".join(f"country {i},{i * 3.5},{i * 7}\n" for i in range(1, 40))
        assert judged("country,2001,2002\n" + rows) == []

    @pytest.mark.parametrize(
        "content",
        [
            "a,b\nname,value\n" + "5,1\n6,2\n7,3\n" * 30,
            "speed,mass,who\nm/s,kg,\n" + "5,1,x\n6,2,y\n7,3,z\n" * 30,
            "a,b,c\na,b,c\n" + "5,1,x\n6,2,y\n" * 30,
            "price,area\nEUR,sqm\n" + '"1,5","7,25"\n"2,5","8,5"\n' * 30,
            "short,table\nint,float\n1,2.5\n2,3.5\n3,4.5\n",
        ],
    )
    def test_the_first_row_is_a_second_header(self, content):
        found = [f for f in findings(csv_table(content)) if f.rule == "header"]
        assert [(f.count, f.rows) for f in found] == [(1, [1])]

    def test_the_hint_takes_it_out(self):
        content = "speed of it,m\nm/s,kg\n" + "5,1\n6,2\n7,3\n" * 30
        (found,) = [f for f in findings(csv_table(content)) if f.rule == "header"]
        assert found.hint == "m: unparsable -> drop"
        assert found.message == 'the first row looks like a second header: "m/s" and "kg"'

    @pytest.mark.parametrize(
        "content",
        [
            "a,b\nlow,1\n" + "5,1\n6,2\n7,3\n" * 30,  # one column only
            "a,b\nlow,low\n" + "5,1\n6,2\nlow,low\n7,3\n" * 30,  # words that come again
            "a,b\nx,y\n" + "z,y\nx,w\n" * 9,  # no numbers anywhere
            "a,b\n",
            "a,b\n1,2\n",
        ],
    )
    def test_the_first_row_is_data(self, content):
        assert "header" not in {rule for rule, _, _ in judged(content)}

    def test_the_data_pack(self, data):
        bare = ["horse-colic.csv", "auto_imports.csv"]
        doubted = {
            path.name
            for path in data.glob("*.csv")
            if path.name not in ("nonvoters.csv", "diamonds.csv", "births.csv", "StarWars.csv")
            and "header" in {f.rule for f in findings(csv_table(path))}
        }
        assert doubted == set(bare)
        for name in bare:
            assert "header" not in {f.rule for f in findings(csv_table(data / name, header=False))}
        told = findings(csv_table(data / "StarWars.csv", encoding="latin-1"))
        assert [f.rows for f in told if f.rule == "header"] == [[1]]
        assert {f.rule for f in told} >= {"encoding", "names", "header", "unparsable"}


class TestTable:
    def test_names(self):
        facts = Facts(header=("a", "", "b", "a", " "), rows=1)
        figures = [{"name": name} for name in ("a", "unnamed_1", "b", "a.1", "unnamed_4")]
        (verdict,) = from_text("names", "detectors").judge(facts, figures)
        assert verdict.message.splitlines() == [
            "2 columns have no name, 2 columns share a name: a",
            "Here they are called unnamed_1, a.1 and unnamed_4.",
        ]
        assert (verdict.count, verdict.of, verdict.column) == (4, 5, None)
        assert not list(from_text("names", "detectors").judge(Facts(header=("a", "b", "A")), figures[:3]))
        assert not list(from_text("names", "detectors").judge(Facts(), figures))

    def test_encoding(self):
        (verdict,) = from_text("encoding", "detectors").judge(Facts(encoding="windows-1252", encoding_guessed=True), [])
        assert verdict.message == "not UTF-8: read as windows-1252"
        assert "--encoding windows-1252" in verdict.hint
        assert not list(from_text("encoding", "detectors").judge(Facts(encoding="utf-8"), []))

    def test_ragged(self):
        facts = Facts(rows=9, ragged=3, ragged_rows=[(7, 9, 4), (1, 3, 2), (2, 4, 2)])
        (verdict,) = from_text("ragged", "detectors").judge(facts, [{}, {}, {}])
        assert verdict.message.splitlines() == [
            "3 rows do not have 3 cells",
            "There are 2 on line 3, 2 on line 4 and 4 on line 9.",
        ]
        assert (verdict.count, verdict.of, verdict.rows, verdict.hint) == (3, 9, (1, 2, 7), "@all: ragged -> drop")
        many = Facts(rows=99, ragged=70, ragged_rows=[(i, i + 2, 2) for i in range(70)])
        (verdict,) = from_text("ragged", "detectors").judge(many, [{}] * 3)
        assert verdict.message.endswith("First 2 on line 2, 2 on line 3, 2 on line 4, 2 on line 5 and 2 on line 6.")
        assert verdict.rows == (0, 1, 2, 3, 4)


def test_clean_text_is_left_alone():
    R = np.random.default_rng(0)
    columns = {
        "size": R.choice(["S", "M", "L", "XL"], 500),
        "grade": R.choice(["A", "A-", "B", "B-"], 500),
        "code": [f"{i:05d}x" for i in range(500)],
        "answer": R.choice(["yes", "no", "none of these"], 500),
        "truth": R.choice(["true", "false"], 500),
        "version": R.choice(["1.2.3", "1.10.0", "2.0.0"], 500),
        "sentence": ["A sentence with 3 words - and a dash."] * 250 + ['Another "quoted" one?'] * 250,
        "zip": R.choice(["01234", "99999x", "80331"], 500),
        "strand": R.choice(["+", "-"], 500),
        "seat": [f"{i}{'ABCDEF'[i % 6]}" for i in range(500)],
        "phone": [f"555 {i:03d} {7 * i % 1000:03d}" for i in range(500)],
    }
    rows = zip(*(map(str, values) for values in columns.values()), strict=True)
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    assert judged("\n".join([",".join(columns), *quoted])) == []
