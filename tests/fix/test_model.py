"""A real model: it fails on the broken table, or is worse, and trains on the fixed one; the test split fares alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nanclean

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

ROWS = 600
RULES = [
    "area, distance: standin -> blank",
    "rent: infinite -> drop",
    "area: infinite -> blank",
    "area: range(0, 1000) -> blank",
    "area, distance: missing -> impute(median)",
    "district: missing -> fill('unknown')",
    "note: all_missing -> drop_column",
    "area, distance -> normalize(standard)",
]


def flats(random: np.random.Generator) -> pd.DataFrame:
    """A rent that depends on area and distance, and what an export makes of it."""
    R = random
    area, distance = R.normal(80, 20, ROWS).clip(20), R.uniform(1, 30, ROWS)
    rent = 400 + 9 * area - 12 * distance + R.normal(0, 20, ROWS)
    frame = pd.DataFrame({
        "area": area.round(1), "distance": distance.round(2), "district": R.choice(["east", "west", "north"], ROWS),
        "note": np.nan, "rent": rent.round(2),
    })  # fmt: skip
    rows = iter(R.permutation(ROWS))
    some = lambda n: [next(rows) for _ in range(n)]
    frame.loc[some(30), "area"] = np.nan
    frame.loc[some(20), "distance"] = -999
    frame.loc[some(4), "area"] = np.inf
    frame.loc[some(3), "area"] = 90_000
    frame.loc[some(5), "rent"] = np.inf
    frame.loc[some(15), "district"] = None
    return frame


@pytest.fixture(scope="module", params=["csv", "parquet"])
def splits(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    folder = tmp_path_factory.mktemp("model")
    R = np.random.default_rng(8)
    for name in ("train", "test"):
        frame, path = flats(R), folder / f"{name}.{request.param}"
        if request.param == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
    return folder / f"train.{request.param}", folder / f"test.{request.param}", request.param


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


X, Y = ["area", "distance"], "rent"


def test_a_model_trains_on_the_fixed_table(splits: tuple[Path, Path, str], tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    train, test, form = splits
    broken = read(train)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        LinearRegression().fit(broken[X], broken[Y])

    report = nanclean.fix(
        train, tmp_path / f"train.{form}", rules=RULES, label="rent", recipe=tmp_path / "r.json", no_config=True
    )
    assert report.exit_code == 0
    assert nanclean.apply(tmp_path / "r.json", test, tmp_path / f"test.{form}").exit_code == 0
    clean, later = read(tmp_path / f"train.{form}"), read(tmp_path / f"test.{form}")
    assert clean[X].mean().abs().max() < 1e-12
    assert later[X].mean().abs().max() > 1e-6, "scaled with the numbers of the training split"

    patched = broken.replace([np.inf, -np.inf], np.nan).fillna(0)  # what one does in a hurry
    quick, good = LinearRegression().fit(patched[X], patched[Y]), LinearRegression().fit(clean[X], clean[Y])
    hasty = read(test).replace([np.inf, -np.inf], np.nan).fillna(0)
    finite = np.isfinite(read(test)[Y])
    assert good.score(later[X], later[Y]) > 0.75
    assert quick.score(hasty[X][finite], hasty[Y][finite]) < 0.5
    assert list(good.feature_names_in_) == X


def test_the_test_split_has_the_same_columns_and_types(splits: tuple[Path, Path, str], tmp_path: Path) -> None:
    train, test, form = splits
    nanclean.fit(train, tmp_path / "r.json", rules=RULES, label="rent", no_config=True)
    for path, out in ((train, "train"), (test, "test")):
        nanclean.apply(tmp_path / "r.json", path, tmp_path / f"{out}.{form}")
    clean, later = read(tmp_path / f"train.{form}"), read(tmp_path / f"test.{form}")
    assert list(clean.columns) == list(later.columns) == ["area", "distance", "district", "rent"]
    assert clean.dtypes.to_dict() == later.dtypes.to_dict()
    assert not later.isna().any().any()
    assert np.isfinite(later[[*X, Y]]).all().all()
    assert len(later) == ROWS - int(np.isinf(read(test)[Y]).sum())

    few = read(test).iloc[:1]
    one = tmp_path / f"one.{form}"
    if form == "csv":
        few.to_csv(one, index=False)
    else:
        few.to_parquet(one, index=False)
    nanclean.apply(tmp_path / "r.json", one, tmp_path / f"single.{form}")
    alone = read(tmp_path / f"single.{form}")
    pd.testing.assert_frame_equal(alone, later.iloc[: len(alone)].reset_index(drop=True))
