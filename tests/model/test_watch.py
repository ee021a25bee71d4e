"""What a run shows: speeds in both countings, lines that survive a kill."""

import importlib.util
import io
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from rich.console import Console

from model.config import PRESETS
from model.settings import SettingsError
from model.watch import Watcher, after, memory_gb, peak_tflops, speed


def test_the_papers_speed_in_both_countings() -> None:
    found = speed(PRESETS["skywork_13b"], 1_873, 312.0)
    assert found["tflops_palm"] == pytest.approx(174.4, abs=0.05)
    assert found["mfu_palm"] == pytest.approx(0.55885, abs=5e-6)
    assert found["mfu_causal"] == pytest.approx(0.5235, abs=5e-5)
    assert "mfu_palm" not in speed(PRESETS["skywork_13b"], 1_873, None)


def test_no_peak_is_made_up_on_a_cpu() -> None:
    cpu = torch.device("cpu")
    assert peak_tflops(0.0, cpu) is None
    assert peak_tflops(0.5, cpu) == 0.5
    assert 0.05 < memory_gb(cpu) < 50


def test_a_resumed_run_writes_its_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {i}}}\n' for i in (0, 5, 10, 15)) + '{"step": 20, "lo')
    after(path, 10)
    assert [json.loads(x)["step"] for x in path.read_text().splitlines()] == [0, 5, 10]
    after(tmp_path / "none.jsonl", 3)


def test_lines_go_to_the_file_and_the_eye(tmp_path: Path) -> None:
    console = Console(record=True, file=io.StringIO(), width=120)
    with Watcher(tmp_path, True, 100, console=console) as watcher:
        values = {"loss": 2.5, "norm": 0.7, "rate": 3e-4, "tokens_per_s_per_rank": 1234.0}
        watcher.line(10, values)
        watcher.line(10, {"validation": {"zh.main": 3.25}})
    shown = console.export_text()
    assert "step 10/100  loss 2.5000  norm 0.70  rate 3.00e-04  1,234 tokens/s/rank" in shown
    assert "zh.main 3.2500" in shown
    lines = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["loss"] == 2.5
    assert lines[1]["validation"] == {"zh.main": 3.25}


def test_at_the_end_each_validation_set_has_its_first_lowest_and_last_loss(tmp_path: Path) -> None:
    console = Console(record=True, file=io.StringIO(), width=120)
    with Watcher(tmp_path, True, 30, console=console) as watcher:
        watcher.closing()
        assert not console.export_text(clear=False)  # nothing was validated
        for step, zh, en in ((0, 9.0, 8.0), (10, 4.0, 9.5), (20, 5.0, 9.0)):
            watcher.line(step, {"validation": {"zh.main": zh, "en.main": en}})
        watcher.closing()
    shown = console.export_text()
    rows = [line.split() for line in shown.splitlines() if "│ " in line]
    assert [[x for x in row if x != "│"] for row in rows] == [
        ["zh.main", "9.000", "4.000", "(step", "10)", "5.000", "-4.000"],
        ["en.main", "8.000", "8.000", "(step", "0)", "9.000", "+1.000"],
    ]


def test_a_terminal_keeps_validation_in_sight(tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with Watcher(tmp_path, True, 100, console=console) as watcher:
        watcher.line(10, {"validation": {"zh.main": 3.25}})
        watcher.line(20, {"validation": {"zh.main": 3.15}})
    assert "step 10/100  zh.main 3.2500" in out.getvalue()
    assert "step 20/100  zh.main 3.1500" in out.getvalue()


def test_tensorboard_gets_the_numbers_or_the_run_says_what_is_missing(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path, True, 100, tensorboard=True, console=Console(quiet=True))
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(SettingsError, match="pip install tensorboard"), watcher:
            pass
        return
    with watcher:
        watcher.line(10, {"loss": 2.5, "validation": {"zh.main": 3.25}})
    assert sum(p.stat().st_size for p in (tmp_path / "tensorboard").iterdir()) > 100


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    with Watcher(tmp_path / "out", False, 100) as watcher:
        watcher.line(1, {"loss": 1.0})
        watcher.say("x")
        watcher.resume(1)
    assert not (tmp_path / "out").exists()
