"""The samples of a step: every window once an epoch, the same on any layout, across all borders."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from model.config import IGNORED
from model.data import (
    Sample,
    Span,
    TrainingData,
    ValidationSet,
    validation_sets,
    window,
    windows,
)
from model.mixture import read_plan
from model.settings import SettingsError
from model.shards import Stream, read_manifest
from tests.model.corpora import documents, phase, write_corpus, write_shards

CONTEXT = 32


@pytest.fixture
def plan_path(tmp_path: Path) -> Path:
    """Three domains; two phases."""
    even = {"en.main": 0.5, "zh.main": 0.4, "stem.stem": 0.1}
    late = {"en.main": 0.3, "zh.main": 0.3, "stem.stem": 0.4}
    return write_corpus(
        tmp_path,
        {"en.main": 60, "zh.main": 50, "stem.stem": 40},
        [phase("one", 1, even), phase("two", 1, even, late, 2.0)],
    )


def data_of(path: Path, spans: list[Span] | None = None, **changes: int) -> TrainingData:
    spans = spans or [Span("one", 0, 30), Span("two", 30, 20)]
    settings = {"batch": 8, "context": CONTEXT, "seed": 1} | changes
    return TrainingData(read_plan(path), spans, **settings)  # type: ignore[arg-type]


def test_every_token_but_the_first_is_a_label_once(tmp_path: Path) -> None:
    for length in (2, 31, 32, 33, 34, 65, 100):
        doc = np.arange(3, 3 + length - 1)
        write_shards(tmp_path / str(length), "a.main", [doc], files=1)
        stream = Stream(read_manifest(tmp_path / str(length)))
        labels = [window(stream, i, CONTEXT)[1] for i in range(windows(length, CONTEXT))]
        found = [x for row in labels for x in row.tolist() if x != IGNORED]
        assert found == stream.read(1, length).tolist()
        inputs = np.concatenate([window(stream, i, CONTEXT)[0] for i in range(len(labels))])
        assert inputs[: length - 1].tolist() == stream.read(0, length - 1).tolist()
    assert windows(1, CONTEXT) == windows(0, CONTEXT) == 0


def test_each_epoch_has_every_window_once_in_another_order(plan_path: Path) -> None:
    data = data_of(plan_path, [Span("one", 0, 90)])
    orders: dict[tuple[str, int], list[int]] = {}
    for step in range(90):
        for s in sorted(data.samples(step), key=lambda s: s.number):
            orders.setdefault((s.domain, s.epoch), []).append(s.window)
    sizes = {d.name: windows(d.tokens, CONTEXT) for d in data.plan.domains}
    whole = [(k, v) for k, v in orders.items() if k[1] < max(e for n, e in orders if n == k[0])]
    assert len(whole) >= 3, "the test must cross epochs"
    for (name, _), order in whole:
        assert sorted(order) == list(range(sizes[name]))
    for (name, epoch), order in orders.items():
        assert len(set(order)) == len(order), "no window twice in an epoch"
        if epoch:
            assert order != orders[name, epoch - 1][: len(order)]


def test_a_step_is_the_same_however_it_is_dealt(plan_path: Path) -> None:
    """megatron, llm.c 792, LongLive 71: shuffles seeded by rank gave duplicates."""
    data = data_of(plan_path)
    for step in (0, 17, 29, 30, 49):
        whole = data.samples(step)
        for ranks in (1, 2, 4):
            each = 8 // ranks
            parts = [data.samples(step, range(r * each, (r + 1) * each)) for r in range(ranks)]
            assert [s for part in parts for s in part] == whole
        assert [s.number for s in whole] == list(range(step * 8, step * 8 + 8))


def test_a_new_process_continues_the_same_list(plan_path: Path) -> None:
    """entrenar 294, accelerate 4071, OLMo 650: epochs and offsets lost on resume."""
    first, second = data_of(plan_path), data_of(plan_path)
    log = [first.samples(t) for t in range(50)]
    assert max(s.epoch for step in log for s in step) >= 1
    for t in reversed(range(50)):
        assert second.samples(t) == log[t]


def test_epochs_go_on_over_the_border_of_sessions(plan_path: Path) -> None:
    data = data_of(plan_path)
    for name in data.names:
        numbers = []
        size = dict(zip(data.names, data._windows, strict=True))[name]
        for t in range(50):
            mine = [s for s in data.samples(t) if s.domain == name]
            numbers += sorted(s.epoch for s in mine)
        assert numbers == [i // size for i in range(len(numbers))]


def test_counts_of_a_step_follow_the_shares(plan_path: Path) -> None:
    data = data_of(plan_path, [Span("two", 0, 50)])
    shares = Counter(s.domain for t in range(50) for s in data.samples(t))
    assert shares["stem.stem"] == pytest.approx(0.2 * 400, abs=1)  # 10 % rising by x^2 to 40 %
    late = Counter(s.domain for t in range(40, 50) for s in data.samples(t))
    assert late["stem.stem"] == pytest.approx(80 * (0.1 + 0.3 * (1 - 0.8**3) / 0.6), abs=2)


def test_seeds_and_steps_give_other_orders(plan_path: Path) -> None:
    a, b = data_of(plan_path), data_of(plan_path, seed=2)
    assert a.samples(3) != b.samples(3)
    places = [tuple(s.domain for s in a.samples(t)) for t in range(20)]
    assert len(set(places)) > 10, "domains must not sit on the same ranks each step"


def test_the_fingerprint_is_of_what_was_read(plan_path: Path) -> None:
    data = data_of(plan_path)
    assert data.fingerprint(10) == data_of(plan_path).fingerprint(10)
    assert data.fingerprint(10) != data_of(plan_path, seed=2).fingerprint(10)
    assert data.fingerprint(10) != data_of(plan_path, batch=16).fingerprint(10)
    more = [Span("one", 0, 30), Span("two", 30, 21)]
    assert data.fingerprint(30) == data_of(plan_path, more).fingerprint(30)
    assert data.fingerprint(31) != data_of(plan_path, more).fingerprint(31)


def test_a_domain_repeated_six_times_stops_at_the_start(plan_path: Path) -> None:
    with pytest.raises(SettingsError, match="more than 5 epochs"):
        data_of(plan_path, [Span("one", 0, 300)])


def test_shards_that_are_not_the_plans(plan_path: Path) -> None:
    manifest = plan_path.parent / "train/zh.main/manifest.json"
    text = manifest.read_text()
    for key, value in (("tokenizer", "another"), ("eos", 3), ("split", "validation")):
        manifest.write_text(json.dumps(json.loads(text) | {key: value}))
        with pytest.raises(SettingsError, match="the plan says"):
            data_of(plan_path)


def test_validation_sets_are_padded_with_labels_that_count_for_nothing(plan_path: Path) -> None:
    sets = validation_sets(read_plan(plan_path), CONTEXT, 7)
    assert [s.name for s in sets] == ["en.main", "zh.main", "stem.stem"]
    assert all(s.windows == 7 for s in sets)
    inputs, labels = sets[0].batch(range(5, 9))
    assert (labels[2:] == IGNORED).all()
    assert (labels[:2] != IGNORED).all()
    assert inputs.shape == labels.shape == (4, CONTEXT)


def test_samples_outside_the_run(plan_path: Path) -> None:
    with pytest.raises(IndexError):
        data_of(plan_path).samples(50)


def test_reading_a_batch_of_the_paper_is_quick(tmp_path: Path) -> None:
    """4,096 samples of a step in far less than a step's 17 seconds, on one rank."""
    import time

    names = [f"d{i}.main" for i in range(11)]
    share = dict.fromkeys(names, 1 / 11)
    share[names[0]] = 1 - sum(list(share.values())[1:])
    path = write_corpus(
        tmp_path, dict.fromkeys(names, 30), [phase("one", 1, share)], validation=0, max_epochs=1e9
    )
    data = data_of(path, [Span("one", 0, 100_000)], batch=4096)
    start = time.process_time()
    samples = data.samples(99_999)
    assert time.process_time() - start < 2
    assert len(samples) == 4096
    assert isinstance(samples[0], Sample)


def test_limits_of_a_small_validation_set(tmp_path: Path) -> None:
    write_shards(tmp_path, "a.main", documents(1, 512, 0), split="validation", files=1)
    held = ValidationSet("a.main", Stream(read_manifest(tmp_path)), CONTEXT, 100)
    assert held.windows == windows(len(held.stream), CONTEXT)


def test_a_plan_of_exactly_five_epochs_runs(tmp_path: Path) -> None:
    """Tokens of a phase that no number of steps fills exactly."""
    from model.run_config import Session
    from model.schedule import Schedule

    path = write_corpus(tmp_path, {"a.main": 40}, [phase("one", 1, {"a.main": 1.0})])
    raw = json.loads(path.read_text())
    raw["phases"][0]["tokens"] = 5 * raw["domains"]["a.main"]["tokens"]
    path.write_text(json.dumps(raw))
    session = Session(name="s", phase="one", schedule=Schedule(peak=1e-3))
    for batch in (1, 3, 8):
        steps = session.length(read_plan(path), batch, CONTEXT)
        data = data_of(path, [Span("one", 0, steps)], batch=batch)
        assert 5 * 0.9 < data.epochs["a.main"] <= 5
        assert max(s.epoch for s in data.samples(steps - 1)) == 4
