"""The child process: pages that run away, eat memory or kill it, and what is left of the parent.

The functions at the top are the targets that the child calls in place of extraction.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from skypile.kernels.extraction import html as kernel
from skypile.kernels.extraction.html import DEFAULT_LIMITS, Limits, Page
from skypile.kernels.extraction.sandbox import Failure, Sandbox, lent

REPO = Path(__file__).resolve().parents[3]
GIB = 1 << 30
_HELD: list[bytes] = []


def act(html: str, *, fallback_only: bool = False, **request: Any) -> Page | None:
    """Does what the page says, but where the fallback is asked for and the page does not insist."""
    order, _, rest = html.partition(" ")
    if order == "killed":
        _killed(*rest.split())
    elif not fallback_only or rest == "always":
        ORDERS[order]()
    if rest == "nothing":
        return None
    engine = "resiliparse" if fallback_only else "trafilatura"
    return Page(html, request["latest_date"], (str(os.getpid()),), engine, None)


def _spin() -> None:
    while True:
        pass


def _chatter() -> None:
    print("text on standard output")
    sys.stdout.flush()
    os.write(1, b"\x05\0\0\0\0\0\0\0bytes on descriptor 1")
    assert sys.stdin.read() == ""
    warnings.warn("a warning", stacklevel=1)


def _raise() -> None:
    raise KeyError("a fault of ours")


def _killed(times: str, file: str) -> None:
    """Not the page's doing: so it is killed whatever extracts it, the first times."""
    with open(file, "a+") as log:
        log.write(".")
        log.flush()
        if log.tell() <= int(times):
            os.kill(os.getpid(), signal.SIGKILL)


def _fill(size: int) -> None:
    _HELD.append(bytes(size))


ORDERS = {
    "nothing": lambda: None,
    "hello": lambda: None,
    "spin": _spin,
    "hog": lambda: _fill(4 * GIB),
    "keep": lambda: _fill(GIB // 2),
    "most": lambda: bytes(GIB * 3 // 4) and None,
    "segfault": lambda: ctypes.string_at(0) and None,
    "exit": lambda: os._exit(0),
    "chatter": _chatter,
    "raise": _raise,
    "sleep": lambda: time.sleep(3),
}


def ask(sandbox: Sandbox, order: str, url: str | None = None) -> Page | Failure | None:
    return sandbox.extract(order, url=url, limits=DEFAULT_LIMITS, latest_date="2024-01-01")


def pid_of(answer: Page | Failure | None) -> int:
    assert isinstance(answer, Page)
    return int(answer.blocks[0])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1, GIB, target=f"{__name__}:act") as made:
        yield made


def test_one_child_serves_page_after_page(sandbox: Sandbox) -> None:
    first = ask(sandbox, "nothing")
    assert pid_of(ask(sandbox, "nothing")) == pid_of(first) != os.getpid()
    assert first == Page("nothing", "2024-01-01", first.blocks, "trafilatura", None)  # type: ignore[union-attr]
    assert ask(sandbox, "nothing nothing") is None


@pytest.mark.parametrize(
    ("order", "limit"),
    [("spin", "cpu"), ("hog", "memory"), ("segfault", "crash"), ("exit", "crash")],
)
def test_the_backstop_fires_and_the_fallback_answers(
    sandbox: Sandbox, order: str, limit: str
) -> None:
    page = ask(sandbox, order)
    assert isinstance(page, Page)
    assert (page.engine, page.limit, page.title) == ("resiliparse", limit, order)
    assert pid_of(ask(sandbox, "nothing"))  # and the next page is served


@pytest.mark.parametrize(
    ("order", "reason"),
    [("spin always", "cpu"), ("hog always", "memory"), ("exit always", "crash")],
)
def test_a_page_that_the_fallback_fails_on_as_well_is_a_failure(
    sandbox: Sandbox, order: str, reason: str
) -> None:
    assert ask(sandbox, order) == Failure(reason)


def test_a_page_whose_fallback_finds_nothing_is_not_taken_for_empty(sandbox: Sandbox) -> None:
    assert ask(sandbox, "exit nothing") == Failure("crash")


def test_cpu_time_counts_and_not_that_of_earlier_pages(sandbox: Sandbox) -> None:
    begun = time.monotonic()
    assert isinstance(ask(sandbox, "sleep"), Page)  # three seconds, on one of CPU time
    assert time.monotonic() - begun > 3
    for _ in range(3):
        page = ask(sandbox, "nothing")
        assert isinstance(page, Page)
        assert page.limit is None


def test_a_page_is_not_judged_by_the_memory_that_others_left(sandbox: Sandbox) -> None:
    kept = ask(sandbox, "keep")  # half a GiB that stays, of one
    page = ask(sandbox, "most")  # fits a fresh child only
    assert isinstance(page, Page)
    assert (page.engine, page.limit) == ("trafilatura", None)
    assert pid_of(page) != pid_of(kept)


def test_a_child_that_was_killed_between_pages_is_replaced(sandbox: Sandbox) -> None:
    first = pid_of(ask(sandbox, "nothing"))
    os.kill(first, signal.SIGKILL)
    page = ask(sandbox, "nothing")
    assert isinstance(page, Page)
    assert (page.engine, page.limit) == ("trafilatura", None)


def test_a_page_is_not_judged_by_a_child_that_others_killed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    page = ask(sandbox, f"killed 2 {tmp_path / 'first'}")  # a fresh child, and the one after it
    assert isinstance(page, Page)
    assert (page.engine, page.limit) == ("trafilatura", None)
    page = ask(sandbox, f"killed 3 {tmp_path / 'served'}")  # the first of these had served
    assert isinstance(page, Page)
    assert (page.engine, page.limit) == ("trafilatura", None)
    with pytest.raises(RuntimeError, match=r"killed 3 times by others .* out of memory"):
        ask(sandbox, f"killed 9 {tmp_path / 'ever'}")
    assert isinstance(ask(sandbox, "nothing"), Page)


def test_what_libraries_print_is_not_taken_for_an_answer(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    pid = pid_of(ask(sandbox, "chatter"))
    assert pid_of(ask(sandbox, "nothing")) == pid
    out, err = capfd.readouterr()
    assert out == ""
    assert "text on standard output" in err
    assert "a warning" not in err


def test_an_exception_of_the_target_is_raised_with_its_traceback(sandbox: Sandbox) -> None:
    first = pid_of(ask(sandbox, "nothing"))
    with pytest.raises(RuntimeError, match=r"in _raise(.|\n)*a fault of ours"):
        ask(sandbox, "raise")
    assert pid_of(ask(sandbox, "nothing")) == first


@pytest.mark.parametrize(
    "target", ["no.such.module:extract", "skypile.kernels.extraction.html:no_such"]
)
def test_a_target_that_does_not_load_is_an_error_and_no_page(target: str) -> None:
    with (
        Sandbox(1, GIB, target=target) as sandbox,
        pytest.raises(RuntimeError, match="exit code 1"),
    ):
        ask(sandbox, "nothing")


def test_large_and_odd_texts_pass_both_ways() -> None:
    with Sandbox(10, 2 * GIB) as sandbox:
        text = "A paragraph of some length, with words. " * 5
        page = ask(
            sandbox, f"<html><body><p>{text}</p><p>\0{'x ' * 2_000_000}</p>\udcff</body></html>"
        )
        assert isinstance(page, Page)
        assert page.blocks[0] == text.strip()
        assert len(page.blocks[1]) == 3_999_999


def test_the_child_extracts_as_the_parent_would() -> None:
    html = f"<html><head><title>T</title></head><body><p>{'Some words. ' * 30}</p></body></html>"
    request: dict[str, Any] = {"url": "https://x.example/2020/01/02/", "limits": Limits()}
    request["latest_date"] = "2024-01-01"
    with Sandbox(30, GIB) as sandbox:
        page = sandbox.extract(html, **request)
    assert page == kernel.extract(html, **request)
    assert isinstance(page, Page)
    assert page.date == "2020-01-02"


def test_close_ends_the_child_and_the_next_page_starts_another(sandbox: Sandbox) -> None:
    first = pid_of(ask(sandbox, "nothing"))
    sandbox.close()
    sandbox.close()
    assert not psutil.pid_exists(first)
    assert pid_of(ask(sandbox, "nothing")) != first


def test_two_sandboxes_in_threads_do_not_hold_each_others_pipes() -> None:
    def work(answers: list[int]) -> None:
        with Sandbox(1, GIB, target=f"{__name__}:act") as sandbox:
            answers.extend(pid_of(ask(sandbox, "nothing")) for _ in range(3))

    answers: list[list[int]] = [[], [], []]
    threads = [threading.Thread(target=work, args=(a,)) for a in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len({a for found in answers for a in found}) == 3


PARENT = """
import sys
from skypile.kernels.extraction.html import Limits
from skypile.kernels.extraction.sandbox import Sandbox
sandbox = Sandbox(60, 1 << 30, target="tests.kernels.extraction.test_sandbox:act")
page = sandbox.extract("nothing", url=None, limits=Limits(), latest_date="2024-01-01")
print(page.blocks[0], flush=True)
sys.stdin.read()
"""


def test_the_child_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPO,
        text=True,
    ) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    child.wait(30)  # raises psutil.TimeoutExpired if it lives on


def test_the_parents_signal_settings_do_not_disarm_the_backstop(sandbox: Sandbox) -> None:
    before = signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXCPU})
    try:
        page = ask(sandbox, "spin")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGXCPU, before)
    assert isinstance(page, Page)
    assert page.limit == "cpu"


def test_a_child_serves_one_task_after_another() -> None:
    def borrow(seconds: int = 1) -> Sandbox:
        return lent(seconds, GIB, target=f"{__name__}:act")

    def child_of(sandbox: Sandbox) -> int:
        return pid_of(ask(sandbox, "hello"))

    first = borrow()
    one = child_of(first)
    first.give_back()
    again, beside, other = borrow(), borrow(), borrow(2)
    assert again is first
    assert child_of(again) == one
    two = child_of(beside)
    assert len({one, two, child_of(other)}) == 3  # one in use is nobody else's
    os.kill(one, signal.SIGKILL)
    again.give_back()
    beside.give_back()
    assert not psutil.pid_exists(two)  # one of a kind waits
    last = borrow()
    assert last is first
    assert child_of(last) != one  # what died meanwhile costs no page
    last.close()
    other.close()
