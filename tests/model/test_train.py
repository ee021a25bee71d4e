"""Runs: resume bit by bit, over sessions and layouts, after kills; what they write and refuse."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from model.checkpoint import complete, newest, read_card
from model.mixture import read_plan
from model.run_config import read_config
from model.settings import SettingsError
from model.train import main
from tests.model import cases
from tests.model.corpora import phase, write_corpus

REPO = Path(__file__).resolve().parents[2]
CONFIG = """
[run]
out = "out"
seed = 3

[model]
vocabulary = 131
hidden = 36
layers = 5
heads = 3
ffn = 50
context = 24
init_std = 0.1

[data]
plan = "plan.json"
document_mask = true

[layout]
batch = 8
micro_batch = 1

[checkpoint]
every = 3

[watch]
log_every = 1
validate_every = 0
validation_windows = 7

[[sessions]]
name = "session_one"
phase = "one"
kind = "cosine"
peak = 6e-3
final = 6e-4
warmup_steps = 2

[[sessions]]
name = "session_two"
phase = "two"
kind = "wsd"
peak = 6e-4
final = 1e-4
decay_fraction = 0.5
"""
STEPS = (8, 6)


def config_in(folder: Path) -> str:
    """Two sessions of 8 and 6 steps over small domains: epochs end within them."""
    tokens = 8 * 24
    even = {"en.main": 0.5, "zh.main": 0.4, "stem.stem": 0.1}
    late = {"en.main": 0.2, "zh.main": 0.2, "stem.stem": 0.6}
    write_corpus(
        folder,
        {"en.main": 20, "zh.main": 14, "stem.stem": 16},
        [phase("one", STEPS[0] * tokens, even), phase("two", STEPS[1] * tokens, even, late, 2.0)],
        vocabulary=131,
    )
    path = folder / "run.toml"
    path.write_text(CONFIG)
    return str(path)


def ran(
    config: str, world: int = 1, until: int | None = None, changes: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    return cases.on_ranks(world, cases.run_training, config, changes, until)


def lines(config: str) -> list[dict[str, Any]]:
    text = (Path(config).parent / "out/metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def losses(config: str) -> list[float]:
    return [line["loss"] for line in lines(config) if "loss" in line]


def bitwise(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> bool:
    return all(
        x["shards"].keys() == y["shards"].keys()
        and all(np.array_equal(x["shards"][k], y["shards"][k]) for k in x["shards"])
        for x, y in zip(a, b, strict=True)
    )


def samples(results: list[dict[str, Any]]) -> dict[int, list[Any]]:
    """By step, those of all ranks."""
    found: dict[int, list[Any]] = {}
    for rank in results:
        for step, some in rank["samples"].items():
            found.setdefault(step, []).extend(some)
    return {
        step: sorted({s.number: s for s in some}.values(), key=lambda s: s.number)
        for step, some in found.items()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """A run in one go, on one rank."""
    config = config_in(tmp_path_factory.mktemp("whole"))
    return config, ran(config)


@pytest.mark.parametrize("stop", [3, 8, pytest.param(11, marks=pytest.mark.slow)])
def test_resumed_is_as_if_never_stopped(
    tmp_path: Path, whole: tuple[str, list[dict[str, Any]]], stop: int
) -> None:
    """In a session, at the border of two, in the second: parameters, moments, samples, losses."""
    config = config_in(tmp_path)
    first = ran(config, until=stop)
    second = ran(config)
    assert second[0]["found"] == f"step-{stop:08d}"
    assert bitwise(second, whole[1])
    assert samples(first) | samples(second) == samples(whole[1])
    assert losses(config) == losses(whole[0])
    assert second[0]["losses"] == whole[1][0]["losses"]
    assert max(s.epoch for step in samples(second).values() for s in step) >= 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("layout.stages=1", 2), ("layout.stages=2", 2)),
        *(
            pytest.param(a, b, marks=pytest.mark.slow)
            for a, b in [
                (("layout.stages=2", 4), ("layout.stages=1", 1)),
                (("layout.stages=2", 4), ("layout.stages=4", 4)),
                (("layout.stages=1", 4), ("layout.stages=2", 2)),
                (("layout.stages=1", 1), ("layout.stages=1", 4)),
            ]
        ),
    ],
)
def test_resumed_on_another_layout(
    tmp_path: Path,
    whole: tuple[str, list[dict[str, Any]]],
    first: tuple[str, int],
    second: tuple[str, int],
) -> None:
    """nanotron 221, litData 251, torchtitan's loader: the same samples, the same losses."""
    config = config_in(tmp_path)
    before = ran(config, first[1], 6, (first[0],))
    after = ran(config, second[1], None, (second[0],))
    assert samples(before) | samples(after) == samples(whole[1])
    assert losses(config) == pytest.approx(losses(whole[0]), rel=1e-6)
    together = {k: v for rank in after for k, v in rank["whole"].items()}
    expected = whole[1][0]["whole"]
    assert together.keys() == expected.keys()
    for name, value in expected.items():
        scale = np.linalg.norm(value)
        assert np.linalg.norm(together[name] - value) <= 1e-4 * scale, name


@pytest.mark.slow
@pytest.mark.parametrize(("stages", "world"), [(2, 4), (1, 4), (4, 4)])
def test_resumed_on_the_same_layout_bit_by_bit(tmp_path: Path, stages: int, world: int) -> None:
    change = (f"layout.stages={stages}",)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = config_in(tmp_path / "a"), config_in(tmp_path / "b")
    at_once = ran(one, world, None, change)
    ran(two, world, 5, change)
    assert bitwise(at_once, ran(two, world, None, change))
    assert losses(one) == losses(two)


def test_what_a_run_writes(whole: tuple[str, list[dict[str, Any]]]) -> None:
    config, result = whole
    steps = [line for line in lines(config) if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 15))
    assert [line["session"] for line in steps] == ["session_one"] * 8 + ["session_two"] * 6
    rates = [line["rate"] for line in steps]
    assert rates[:3] == [3e-3, 6e-3, 6e-3]
    falling = [6e-4 - 5e-4 * i / 3 for i in (1, 2, 3)]
    assert rates[8:] == pytest.approx([6e-4] * 3 + falling, rel=1e-12)
    assert steps[-1]["tokens"] == 14 * 8 * 24
    assert all(line["tokens_per_s_per_rank"] > 0 for line in steps)
    held = [line for line in lines(config) if "validation" in line]
    assert [line["step"] for line in held] == [8, 14]
    assert held[-1]["validation"].keys() == {"en.main", "zh.main", "stem.stem"}
    folder = Path(config).parent / "out/checkpoints"
    cards = {p.name: read_card(p) for p in complete(folder)}
    assert {n: c["milestone"] for n, c in cards.items() if c["milestone"]} == {
        "step-00000008": "session_one",
        "step-00000014": "session_two",
    }
    last = cards["step-00000014"]
    assert last["tokens"] == 14 * 8 * 24
    assert last["validation"] == result[0]["losses"]
    assert sum(last["epochs"].values()) > 1


def test_a_nan_is_logged_and_left_out(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    ran(config, until=5, changes=("nan=3",))
    ran(config, until=6)
    steps = lines(config)
    assert [line["taken"] for line in steps if "taken" in line] == [True] * 3 + [False, True, True]
    assert [line["skipped"] for line in steps if "loss" in line] == [0, 0, 0, 1, 1, 1]
    assert np.isnan([line for line in steps if "loss" in line][3]["norm"])
    assert all(np.isfinite(line["loss"]) for line in steps if "loss" in line)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("run.seed=4", "data"),
        ("model.ffn=33", "model"),
        ("optimizer.beta2=0.9", "optimizer"),
        ("sessions.0.peak=1e-3", "sessions"),
        ("layout.batch=4", "data"),
    ],
)
def test_a_changed_run_does_not_go_on(
    whole: tuple[str, list[dict[str, Any]]], change: str, message: str, capsys: Any
) -> None:
    """VeOmni 853, prime-rl 1092: another run went on in silence."""
    assert main([whole[0], "--set", change]) == 2
    assert f"was made with other {message}" in capsys.readouterr().err


def test_a_session_may_be_added_to_a_finished_run(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    text = Path(config).read_text()
    first, _, second = text.partition('[[sessions]]\nname = "session_two"')
    Path(config).write_text(first)
    ran(config)
    Path(config).write_text(text)
    found = ran(config)
    assert found[0]["found"] == "step-00000008"
    assert len(losses(config)) == 14
    assert second


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("layout.stages=4", "ranks are no multiple of 4 stages"),
        ("layout.batch=3.5", "must be int"),
        ("model.heads=7", "not divisible by 7 heads"),
        ("model.vocabulary=100", "vocabulary 131 does not fit"),
        ("layout.micro_batch=3", "not a multiple"),
        ("sessions.0.steps=1000", "more than 5 epochs"),
        ("sessions.1.phase=three", "no phase 'three'"),
        ("run.attention=flash_attn", "cannot run on cpu"),
        ("data.plans=x", "unknown key 'plans'"),
    ],
)
def test_what_cannot_run_is_an_error_at_once(
    whole: tuple[str, list[dict[str, Any]]], change: str, message: str, capsys: Any
) -> None:
    start = time.process_time()  # others may be using this machine
    assert main([whole[0], "--set", "run.out=elsewhere", "--set", change]) == 2
    assert time.process_time() - start < 1
    assert message in capsys.readouterr().err


def test_lines_of_steps_that_are_done_again_are_removed(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    ran(config, until=6)
    file = Path(config).parent / "out/metrics.jsonl"
    with file.open("a") as f:
        f.write('{"step": 7, "loss": 1.0}\n{"step": 8, "lo')  # killed in the middle of a line
    ran(config, until=8)
    assert [line["step"] for line in lines(config) if "loss" in line] == list(range(1, 9))


def torchrun(config: str, world: int, *args: str) -> "subprocess.Popen[str]":
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", str(world), "-m", "model.train", config, *args),
    ]
    environ = os.environ | {
        "PYTHONPATH": str(REPO),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    return subprocess.Popen(
        command, cwd=REPO, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.slow
def test_torchrun_trains_and_ends(tmp_path: Path) -> None:
    """ms-swift 7992, torchtitan 223: hung at the end."""
    config = config_in(tmp_path)
    child = torchrun(config, 4, "--set", "layout.stages=2", "--set", "checkpoint.asynchronous=true")
    try:
        out, _ = child.communicate(timeout=240)
    finally:
        child.terminate()
    assert child.returncode == 0, out
    assert "2 data parallel x 2 stages, 4 micro-batches" in out
    assert "attention: sdpa" in out
    assert newest(tmp_path / "out/checkpoints").name == "step-00000014"  # type: ignore[union-attr]


@pytest.mark.slow
def test_killed_in_training_it_ends_where_it_would_have(
    tmp_path: Path, whole: tuple[str, list[dict[str, Any]]]
) -> None:
    """SIGKILL to all, five times, then to the end."""
    config = config_in(tmp_path)
    rng = np.random.default_rng(int(os.environ.get("SEED", "0")))
    changes = ("--set", "checkpoint.every=1")
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-m", "model.train", config, *changes],
            cwd=REPO,
            env=os.environ | {"PYTHONPATH": str(REPO)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("step "):
                break
        time.sleep(float(rng.uniform(0, 0.6)))
        child.kill()
        child.communicate()
    result = ran(config, changes=("checkpoint.every=1",))
    assert losses(config) == losses(whole[0])
    assert result[0]["losses"] == whole[1][0]["losses"] or result[0]["losses"] == {}


@pytest.mark.slow
def test_sigterm_saves_and_leaves(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    long = ("--set", "sessions.0.steps=20", "--set", "checkpoint.every=0")
    child = subprocess.Popen(
        [sys.executable, "-m", "model.train", config, *long],
        cwd=REPO,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("step 2/"):
            child.send_signal(signal.SIGTERM)
            break
    child.communicate(timeout=60)
    assert child.returncode == 0
    found = newest(tmp_path / "out/checkpoints")
    assert found is not None
    assert 2 <= read_card(found)["step"] < 20


@pytest.mark.slow
def test_an_error_on_one_rank_ends_all(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    code = (
        "import os, sys, model.train as t\n"
        "if os.environ['RANK'] == '1':\n"
        "    def fail(self, step): raise RuntimeError('rank 1 is ill')\n"
        "    t.Run.micro_batches = fail\n"
        f"sys.exit(t.main([{config!r}]))\n"
    )
    script = tmp_path / "ill.py"
    script.write_text(code)
    start = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", str(script)),
        ],
        cwd=REPO,
        env=os.environ | {"PYTHONPATH": str(REPO), "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "rank 1 is ill" in done.stderr + done.stdout
    assert time.monotonic() - start < 90


def test_the_papers_configuration(tmp_path: Path) -> None:
    """Sections 3.5 and 3.6: 512 GPUs, DP256 x PP2, 16M tokens a step, three sessions."""
    cfg = read_config(REPO / "conf/train_paper.toml")
    layout = cfg.layout.of(512)
    assert (layout.data_parallel, layout.stages, layout.micro_batches) == (256, 2, 16)
    domains = {"a.main": 1.0}
    sizes = {"session_one": 2_000_000, "session_two": 1_000_000, "stage_two": 130_000}
    path = write_corpus(
        tmp_path, {"a.main": 5}, [phase(n, m * 10**6, domains) for n, m in sizes.items()]
    )
    spans = cfg.spans(read_plan(path))
    assert [s.steps for s in spans] == [119_209, 59_604, 7_748]
    assert [s.first for s in spans] == [0, 119_209, 178_813]
    first, second, third = (s.schedule for s in cfg.sessions)
    assert first.rate(1_999, 119_209) == 6e-4
    assert first.rate(119_208, 119_209) == pytest.approx(6e-5, rel=1e-3)
    assert second.rate(0, 1) == second.rate(59_603, 59_604) == third.rate(0, 1) == 6e-5
    assert (cfg.optimizer.beta1, cfg.optimizer.beta2) == (0.9, 0.95)
    assert (cfg.optimizer.weight_decay, cfg.optimizer.clip) == (0.1, 1.0)
    assert cfg.compute == "bfloat16"


def test_the_demos_configuration() -> None:
    cfg = read_config(REPO / "conf/train_demo.toml", ["sessions.0.steps=7", "run.seed=5"])
    assert (cfg.sessions[0].steps, cfg.seed) == (7, 5)
    assert cfg.plan_path == REPO / "conf/../runs/demo/out/plan.json"
    assert cfg.model.parameters() < 3_000_000
    assert cfg.layout.of(2).data_parallel == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no .*sessions"),
        ("[[sessions]]\nname='a'\nphase='p'\npeak=0.1\n", "'run' is missing|vocabulary"),
        ("x = [", "run.toml"),
    ],
)
def test_configurations_that_cannot_be_meant(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.toml").write_text(f"[model]\npreset = 'llama_tiny'\n{text}" if text else text)
    with pytest.raises(SettingsError, match=message if text else "missing|sessions"):
        read_config(tmp_path / "run.toml")
