"""Dropout whose masks depend on seed, step, sample and place alone: the same on any layout."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor


def seed_of(*parts: int | str) -> int:
    """63 bits from numbers and names, the same on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


@dataclass(frozen=True)
class Noise:
    """The dropout of one micro-batch: its share, and what its masks are drawn from."""

    share: float
    seed: int
    step: int
    samples: tuple[int, ...]  # global numbers of the samples of the micro-batch

    def seeds(self, place: str) -> list[int]:
        """One seed a sample for a place in the network."""
        return [seed_of(self.seed, self.step, sample, place) for sample in self.samples]

    def drop(self, x: Tensor, place: str) -> Tensor:
        """X [batch, ...] with a share of its numbers at 0 and the others scaled up."""
        keep = torch.empty_like(x)
        for row, seed in zip(keep, self.seeds(place), strict=True):
            row.bernoulli_(1 - self.share, generator=torch.Generator(x.device).manual_seed(seed))
        return x * keep / (1 - self.share)

    @contextmanager
    def drawing(self, device: torch.device, seed: int) -> Iterator[None]:
        """The device's default generator seeded, and as it was again after."""
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield
