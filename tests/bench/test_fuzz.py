"""The fuzzer finds what is planted, keeps the smallest input, and is content with valid ones."""

import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.fuzz.target import Check, Finding, Target, packed
from bench.fuzz.targets import TARGETS
from bench.fuzz.watch import Watch, mutator
from skypile.kernels.personal_data import personal


def planted(data: bytes) -> None:
    if b"slow" in data:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    if b"<b>" in data and b"!" in data:
        raise ValueError("both")
    if data.startswith(b"no"):
        raise Finding("it begins with no: x")


def target_of(check: Check, seeds: Iterable[bytes] = (b"a<b>c", b"d!")) -> Target:
    return Target("planted", lambda folder: check, lambda: seeds, rb"(?=<)|(?<=>)", seconds=0.2)


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(target_of(planted), tmp_path, tmp_path)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_valid_inputs_are_no_findings(target: Target, tmp_path: Path) -> None:
    check = target.make(tmp_path)
    for seed in target.seeds():
        check(seed)


def test_a_crash_is_kept_and_cut_down(watch: Watch, tmp_path: Path) -> None:
    watch.one(b"some text before <b> and more of it behind! and an end")
    watch.one(b"nothing")
    watch.minimise(10)
    kinds = {p.parent.name: p.read_bytes() for p in tmp_path.glob("findings/planted/*/input")}
    assert kinds.pop("finding-it-begins-with-no") == b"no"
    ((kind, least),) = kinds.items()
    assert kind.startswith("ValueError-")
    assert sorted(least) == sorted(b"<b>!")
    assert watch.executions == 2


def test_an_input_that_takes_too_long_is_kept(watch: Watch, tmp_path: Path) -> None:
    watch.one(b"slow")
    watch.one(b"fast")
    assert watch.kinds == {"slow": 1}
    assert (tmp_path / "findings/planted/slow/input").read_bytes() == b"slow"


def test_time_that_grows_with_the_square_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: clock[0])

    def of_power(power: float) -> dict[str, int]:
        def check(data: bytes) -> None:
            clock[0] += (len(data) / (1 << 18)) ** power

        watch = Watch(target_of(check), tmp_path, tmp_path)
        watch.growth([b"abcdefgh"], 0.3)
        return watch.kinds

    assert of_power(1) == {}
    assert any(kind.startswith("growth-") for kind in of_power(2))


def test_the_mutator_takes_inputs_apart_where_they_have_seams() -> None:
    mutate = mutator(target_of(planted, [b"<p>one<b>two"]))
    made = {mutate(b"<p>one<b>two", 200, seed, lambda data, most: data) for seed in range(300)}
    assert all(len(m) <= 200 for m in made)
    assert {b"<p>one", b"one<b>two"} & made
    assert any(m.count(b"<b>") > 3 for m in made)
    again = {mutate(b"<p>one<b>two", 200, seed, lambda data, most: data) for seed in range(300)}
    assert made == again


def test_archives_come_in_every_container() -> None:
    data = b"WARC/1.0\r\n\r\nWARC/1.0\r\n\r\n"
    starts = {packed(kind, data)[:2] for kind in range(5)}
    assert starts == {b"WA", b"\x1f\x8b", b"\x28\xb5"}


def test_what_masking_leaves_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = next(t for t in TARGETS if t.name == "mask")
    check = target.make(tmp_path)
    text = b"mail a.b@mail.example.com and call 13812345678"
    check(text)
    found = personal.find(text.decode())
    monkeypatch.setattr(personal, "_spans", _without_last(personal._spans, random.Random(1)))
    with pytest.raises(Finding):
        target.make(tmp_path)(text)
    assert len(found) == 2


def _without_last(spans, chance):  # type: ignore[no-untyped-def]
    """Finds all the first time that it is asked, and one less the second."""
    calls = []

    def fewer(points):  # type: ignore[no-untyped-def]
        calls.append(1)
        found = spans(points)
        return found[:-1] if len(calls) == 2 else found

    return fewer
