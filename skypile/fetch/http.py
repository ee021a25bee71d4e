"""HTTP as a polite client: one request at a time with a pause between, retries that wait as long as
the server asks, and a name to complain to.

A request that may be tried again raises nothing until its attempts are used up; what the server
refuses for good (404, 403) is an error at once.
"""

import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3

from skypile import __version__
from skypile.errors import InputError
from skypile.kernels.reading.commoncrawl import retry_after

USER_AGENT = f"skypile/{__version__} (+https://arxiv.org/abs/2310.19341)"
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # worth another attempt
BROKEN = (urllib3.exceptions.HTTPError, ConnectionError, TimeoutError)
MAX_WAIT_SECONDS = 600.0
_TIMEOUT = urllib3.Timeout(connect=30, read=60)


class FetchError(InputError):
    """A server does not give what was asked for; names the address and why."""


@dataclass(frozen=True)
class Manners:
    """How a server is treated. delay: seconds between the starts of two requests, whoever makes
    them. attempts: in a row without a byte of progress. first_wait: seconds before the second
    attempt, doubled for each further one.
    """

    delay: float = 1.0
    attempts: int = 8
    first_wait: float = 1.0
    user_agent: str = USER_AGENT
    connections: int = 1


class Backoff:
    """Counts attempts in a row, and waits between them."""

    def __init__(self, url: str, manners: Manners, sleep: Callable[[float], None]) -> None:
        self._url, self._manners, self._sleep = url, manners, sleep
        self._failed = 0

    def progress(self) -> None:
        """Something came: the next failure is the first."""
        self._failed = 0

    def wait(self, why: str, asked: float | None = None) -> None:
        """After a failed attempt; `asked`: seconds that the server wants to be left alone.

        Raises:
            FetchError: the attempts are used up, or the server wants too much.
        """
        self._failed += 1
        if self._failed >= self._manners.attempts:
            raise FetchError(f"{self._url}: {why}, {self._failed} attempts in a row")
        if asked is not None and asked > MAX_WAIT_SECONDS:
            raise FetchError(f"{self._url}: {why}, and asks to wait {asked:,.0f} s: come again")
        wait = self._manners.first_wait * 2 ** (self._failed - 1)
        # Many clients that were refused together should not come back together.
        wait = min(wait, MAX_WAIT_SECONDS / 10) * (1 + random.random() / 4)
        self._sleep(max(wait, asked or 0.0))


class Stopped(Exception):
    """The client was told to stop."""


class Client:
    """Requests to servers. sleep: for tests. Once stopped, it stays so: make another to go on.

    A thread that waits for a server notices the stop when something comes, or the wait is over.
    """

    def __init__(
        self, manners: Manners | None = None, sleep: Callable[[float], object] | None = None
    ) -> None:
        self.manners = manners or Manners()
        self._stopped = threading.Event()
        self._wait = sleep or self._stopped.wait
        self._turn = threading.Lock()
        self._next = 0.0
        self._pools: dict[str, urllib3.PoolManager] = {}

    def stop(self) -> None:
        """End all waiting; no further request is made, nothing more is written of what comes."""
        self._stopped.set()

    def go_on(self) -> None:
        """To be called before anything is asked for, written or renamed.

        Raises:
            Stopped: the client was stopped.
        """
        if self._stopped.is_set():
            raise Stopped

    def _sleep(self, seconds: float) -> None:
        self._wait(seconds)
        self.go_on()

    def backoff(self, url: str) -> Backoff:
        """For the attempts at one address."""
        return Backoff(url, self.manners, self._sleep)

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Connections, by way of the proxy that the environment names."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FetchError(f"{url} is no address of a web server")
        proxies = urllib.request.getproxies()
        proxy = proxies.get(parts.scheme, "")
        if urllib.request.proxy_bypass(parts.hostname):
            proxy = ""
        with self._turn:
            if proxy not in self._pools:
                size = self.manners.connections
                self._pools[proxy] = (
                    urllib3.ProxyManager(proxy, maxsize=size)
                    if proxy
                    else urllib3.PoolManager(maxsize=size)
                )
            return self._pools[proxy]

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Any]:
        """One attempt: a urllib3 response whose body is not read yet, whatever its status."""
        pool = self._pool(url)
        with self._turn:  # one after the other, also where there are several connections
            now = time.monotonic()
            if self._next > now:
                self._sleep(self._next - now)
            self._next = max(now, self._next) + self.manners.delay
        self.go_on()
        sent = {"User-Agent": self.manners.user_agent, "Accept-Encoding": "identity"}
        answer = pool.request(
            "GET",
            url,
            headers={**sent, **(headers or {})},
            preload_content=False,
            decode_content=False,
            timeout=_TIMEOUT,
            # Redirects are followed; everything else is tried again by who asks.
            retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5),
        )
        try:
            self.go_on()
            yield answer
        finally:
            if getattr(answer, "length_remaining", None) != 0:
                answer.close()  # what is left of the body cannot be followed by another answer
            answer.release_conn()

    def asked_wait(self, answer: Any) -> float | None:
        """The seconds of Retry-After."""
        return retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))

    def small(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        most: int = 64 << 20,
        accept: frozenset[int] = frozenset({200}),
    ) -> tuple[int, Mapping[str, str], bytes]:
        """The status, headers and body of a small answer, after as many attempts as it takes.

        Raises:
            FetchError: refused, too large, or the attempts are used up.
        """
        backoff = self.backoff(url)
        while True:
            try:
                with self.get(url, headers) as answer:
                    if answer.status in PASSING:
                        asked = self.asked_wait(answer)
                        why = f"HTTP {answer.status}"
                    elif answer.status not in accept:
                        raise FetchError(f"{url}: HTTP {answer.status}")
                    else:
                        body = bytearray()
                        for piece in answer.stream(1 << 16, decode_content=False):
                            body += piece
                            if len(body) > most:
                                raise FetchError(f"{url}: more than {most:,} bytes")
                        return answer.status, dict(answer.headers), bytes(body)
            except BROKEN as e:
                asked, why = None, f"{type(e).__name__}"
            backoff.wait(why, asked)
