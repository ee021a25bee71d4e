"""Curves from a metrics file, and a picture of them."""

import json
from pathlib import Path

import pytest

from model.plot import draw, main, read, smoothed


def metrics(folder: Path) -> Path:
    path = folder / "metrics.jsonl"
    lines = [{"step": 0, "session": "", "validation": {"en.main": 5.0, "zh.main": 6.0}}]
    for step in range(1, 21):
        session = "one" if step <= 10 else "two"
        lines.append(
            {"step": step, "session": session, "loss": 6 - step / 10, "taken": step != 7}
            | {"tokens": step * 1_000_000}
        )
        if step % 10 == 0:
            held = {"en.main": 5 - step / 20, "zh.main": 6 - step / 20}
            lines.append({"step": step, "session": session, "validation": held})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_curves(tmp_path: Path) -> None:
    curves = read(metrics(tmp_path))
    assert len(curves.loss) == 19, "a step left out is no point"
    assert curves.sessions == {"one": 1_000_000, "two": 11_000_000}
    assert curves.validation["zh.main"] == ([0, 10_000_000, 20_000_000], [6.0, 5.5, 5.0])


def test_smoothed() -> None:
    assert smoothed([1.0, 3.0, 5.0, 7.0], 2) == [1.0, 2.0, 4.0, 6.0]


def test_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[train]'")
    png = tmp_path / "loss.png"
    draw(read(metrics(tmp_path)), png)
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert png.stat().st_size > 10_000


def test_nothing_to_draw(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    assert main([str(tmp_path / "empty.jsonl"), str(tmp_path / "x.png")]) == 2
    assert main([str(tmp_path / "none.jsonl"), str(tmp_path / "x.png")]) == 2
