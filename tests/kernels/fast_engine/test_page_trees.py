"""Numbers of blocks, and the trees over them, beside a plain walk."""

import json
import random
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from resiliparse.parse.html import HTMLTree

from skypile.kernels.fast_engine import page_context, page_weights
from skypile.kernels.fast_engine import page_features as f
from skypile.kernels.fast_engine.page_context import context
from skypile.kernels.fast_engine.page_features import features
from skypile.kernels.fast_engine.page_scan import scan
from skypile.kernels.fast_engine.page_trees import scores, sums
from skypile.kernels.fast_engine.page_weights import WEIGHTS_FILE, digest_of, weights, weights_of

HTML = (
    "<title>Water levels rise</title><nav class=menu><a>Home</a><br><a>News</a></nav>"
    "<div class='article-body'><h1>Water levels rise</h1>"
    "<p>The river rose by two metres in the night, and the town was cut off.</p>"
    "<p>河水一夜之间上涨了两米，全镇与外界失去联系。救援人员正在赶来。</p></div>"
    "<div class=footer>© 2024 The Paper</div>"
)
PAGE = scan(str(HTMLTree.parse(HTML)))


def given() -> Any:
    return json.loads(files("skypile.kernels.fast_engine").joinpath(WEIGHTS_FILE).read_text())


def walk(tree: dict[str, list[Any]], row: Any) -> float:
    at = 0
    if not tree["feature"]:
        return float(tree["value"][0])
    while at >= 0:
        left = row[tree["feature"][at]] <= tree["threshold"][at]
        at = tree["left" if left else "right"][at]
    return float(tree["value"][-1 - at])


@pytest.mark.parametrize("name", ["block", "page"])
def test_trees_give_what_a_plain_walk_gives(name: str) -> None:
    trees = given()[name]
    draw = random.Random(7)
    columns = [t["feature"] for t in trees]
    thresholds = sorted({v for t in trees for v in t["threshold"]})
    width = 1 + max(max(c, default=0) for c in columns)
    rows = np.array([[draw.choice(thresholds) for _ in range(width)] for _ in range(50)], "f4")
    rows[::2] = np.nextafter(rows[::2], np.float32(1e30))  # just above a threshold
    expected = [sum(walk(t, row) for t in trees) for row in rows.astype(float)]
    assert sums(rows, getattr(weights(), name)) == pytest.approx(expected, abs=1e-9)


def test_numbers_say_what_they_are_called() -> None:
    rows = features(PAGE, weights().words)
    column = {name: rows[:, i].tolist() for i, name in enumerate(f.NAMES)}
    assert rows.shape == (6, f.N_FEATURES)
    assert np.isfinite(rows).all()
    assert column["in_link"] == [1, 1, 0, 0, 0, 0]
    assert column["linked_fraction"] == [1, 1, 0, 0, 0, 0]
    assert column["own_heading1"] == [0, 0, 1, 0, 0, 0]
    assert column["own_paragraph"] == [0, 0, 0, 1, 1, 0]
    assert column["title_fraction"] == [0, 0, 1, 0, 0, 0]
    assert column["near_navigation"] == [1, 1, 0, 0, 0, 0]
    assert column["near_content"] == [0, 0, 1, 1, 1, 0]
    assert column["near_footer"] == [0, 0, 0, 0, 0, 1]
    assert column["has_bar"] == [0, 0, 0, 0, 0, 1]
    assert column["last_is_end"] == [0, 0, 0, 1, 1, 0]
    assert column["from_h1"] == [-2, -1, 0, 1, 2, 3]
    assert column["wide_fraction"][4] == pytest.approx(28 / 31)
    assert column["weight_-1"][1:] == column["weight"][:-1]
    assert column["blocks_up0"] == [2, 2, 1, 1, 1, 1]
    assert column["share_up4"] == [1] * 6


def test_context_says_what_is_around() -> None:
    margins = np.array([-3.0, -3.0, 0.5, 3.0, 3.0, -3.0])
    rows = context(PAGE, margins)
    column = {name: rows[:, i].tolist() for i, name in enumerate(page_context.CONTEXT_NAMES)}
    assert column["score_+0"] == pytest.approx([page_context.squash(m) for m in margins])
    assert column["score_-1"][1:] == column["score_+0"][:-1]
    assert column["score_+1"][5] == -1
    assert column["in_best"] == column["in_run"] == [0, 0, 1, 1, 1, 0]
    assert column["first_kept"] == [-2, -1, 0, 1, 2, 3]


def test_a_page_without_text_has_no_numbers() -> None:
    assert scores(scan("<p></p>"), weights()).tolist() == []


def test_the_article_is_told_from_what_is_around() -> None:
    judged = scores(PAGE, weights())
    assert (judged[[3, 4]] > 0).all()
    assert (judged[[0, 1, 5]] < 0).all()


def test_weights_of_other_features_or_another_file_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = {**given(), "features": ["weight"]}
    with pytest.raises(ValueError, match="other features"):
        weights_of(other)
    monkeypatch.setattr(page_weights, "WEIGHTS_DIGEST", "x")
    with pytest.raises(ValueError, match="digest"):
        page_weights.weights.__wrapped__()


def test_the_file_is_small_says_where_it_is_from_and_holds_no_text() -> None:
    text = files("skypile.kernels.fast_engine").joinpath(WEIGHTS_FILE).read_text()
    card = json.loads(text)["card"]
    assert digest_of(text) == page_weights.WEIGHTS_DIGEST
    assert len(text) < 500_000
    assert {one["set"] for one in card["fitted_on"]} == {
        *("html_aeb", "html_magic", "html_cwce_zh", "html_newspaper_en", "own")
    }
    assert all(
        "MIT" in o["source_and_licence"] or "Apache" in o["source_and_licence"]
        for o in card["fitted_on"]
    )
    assert card["never_fitted_on"] == "html_trafilatura"
