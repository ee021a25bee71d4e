"""The tables of docs/scale.md are what scripts/scale.py makes, and its arithmetic is right."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("scale", REPO / "scripts/scale.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scale"] = module  # dataclasses look there for their module
    monkeypatch.syspath_prepend(str(REPO / "scripts"))  # as for a script that is run
    spec.loader.exec_module(module)
    return module


def costs(scale: Any, quality: float | None) -> list[Any]:
    """A made-up pipeline, the numbers of which are easily multiplied."""
    said = {"evidence": "", "command": ""}
    return [
        scale.Cost(piece="plan", unit="stored", cpu_ms=36.0, **said),
        scale.Cost(
            piece="extract",
            unit="page",
            cpu_ms=18.0,
            kept=0.5,
            stored_bytes=100.0,
            stored_unit="document",
            **said,
        ),
        scale.Cost(
            piece="dedup.relate", unit="document", cpu_ms=3.6, shuffle_bytes=20.0, kept=0.8, **said
        ),
        scale.Cost(piece="quality", unit="MB", cpu_ms=None, kept=quality, **said),
        scale.Cost(
            piece="units",
            unit="block",
            cpu_ms=0.9,
            shuffle_bytes=None,
            stored_bytes=7.0,
            **said,
        ),
        scale.Cost(piece="fit", unit="run", cpu_ms=7200.0, **said),
        scale.Cost(
            piece="tokens",
            unit="token",
            cpu_ms=0.36,
            stored_bytes=2.0,
            stored_unit="token",
            **said,
        ),
    ]


@pytest.fixture
def sizes(scale: Any) -> Any:
    return scale.Sizes(
        stored_bytes=1e4,
        document_blocks=10.0,
        document_bytes=5e3,
        document_tokens=1000.0,
        english_bytes=0.5,
        english_documents=0.5,
    )


def test_each_unit_by_hand(scale: Any, sizes: Any) -> None:
    lines = scale.simulate(costs(scale, None), sizes, 1e6)
    by_piece = {line.piece: line for line in lines}
    hours = {name: line.core_hours for name, line in by_piece.items()}
    assert hours == pytest.approx(
        {
            "plan": 1e4 * 36 / 3.6e6,  # 1e10 bytes are 1e4 MB
            "extract": 5.0,  # 1e6 pages x 18 ms
            "dedup.relate": 0.5,  # 5e5 documents x 3.6 ms
            "quality": None,
            "units": 1.0,  # 4e5 documents x 10 blocks x .9 ms
            "fit": 0.002,
            "tokens": 40.0,  # 4e5 documents x 1,000 tokens x .36 ms
        }
    )
    assert scale.core_hours(lines) == pytest.approx(46.602)
    assert by_piece["extract"].stored_bytes == 100 * 5e5  # of what is left behind it
    assert by_piece["units"].stored_bytes == 7 * 1e6  # a row for every page read
    assert by_piece["tokens"].stored_bytes == 2 * 4e8
    assert by_piece["dedup.relate"].shuffle_bytes == 20 * 5e5
    assert by_piece["units"].shuffle_bytes is None


def test_tokens_to_pages_and_back(scale: Any, sizes: Any) -> None:
    for quality, pages in ((None, 1e6), (0.25, 4e6)):
        made = costs(scale, quality)
        assert scale.pages_for(made, sizes, 4e8) == pytest.approx(pages)
        last = scale.simulate(made, sizes, pages)[-1]
        assert last.documents * sizes.document_tokens == pytest.approx(4e8)


def test_what_is_in_one_place(scale: Any, sizes: Any) -> None:
    parts = scale.parts_of(sizes, 1e6, 3_000_000)
    assert parts == 3334  # 1e10 bytes
    held = {
        unit: scale.held_bytes(
            scale.Limit(what="", each=10.0, unit=unit, setting="", then="", evidence=""),
            1e6,
            500.0,
            parts,
        )
        for unit in ("part", "entry", "document", "category", "run")
    }
    entries = 10.0 * 3334 * scale.TABLES
    assert held == {
        "part": 33_340.0,
        "entry": entries,
        "document": 5000.0,
        "category": 20.0,
        "run": 10.0,
    }
    unknown = scale.Limit(what="", each=None, unit="part", setting="", then="", evidence="")
    assert scale.held_bytes(unknown, 1e6, 500.0, parts) is None


def test_two_languages_are_weighed_by_their_text(scale: Any) -> None:
    share = scale.SIZES.english_bytes
    assert 0.6 < share < 0.75
    one_mb = share / 4.0 + (1 - share) / 16.0  # seconds
    assert sys.modules["scale_costs"].by_text(4.0, 16.0) == pytest.approx(1000 * one_mb)
    assert sys.modules["scale_costs"].by_documents(500.0, 500.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (None, 1.0, "not measured"),
        (0.0, 1.0, "0"),
        (1234.5, 1.0, "1,234"),
        (3e9, 1e9, "3.00"),
        (0.04321, 1.0, "0.0432"),
    ],
)
def test_numbers_have_three_digits(scale: Any, value: Any, unit: float, said: str) -> None:
    assert scale.number(value, unit) == said


def test_the_page_is_what_the_script_makes(scale: Any) -> None:
    found = scale.PAGE.read_text(encoding="utf8")
    made = scale.page(scale.COSTS, 3e9, 6e12)
    assert found == scale.replaced(found, made), "run `python scripts/scale.py --write`"
    rows = [line.split(" | ") for line in scale.measured(scale.COSTS).splitlines()[2:]]
    for cost, row in zip(scale.COSTS, rows, strict=True):
        assert row[0] == f"| {cost.piece}"
        assert cost.evidence in row[6]
        unknown = [cost.cpu_ms, cost.shuffle_bytes, cost.kept].count(None)
        assert row.count("not measured") == unknown


def test_a_page_without_markers_is_refused(scale: Any) -> None:
    with pytest.raises(ValueError, match="each once"):
        scale.replaced("no markers", "made")
    with pytest.raises(ValueError, match="each once"):
        scale.replaced(f"{scale.BEGIN} {scale.END} {scale.END}", "made")
