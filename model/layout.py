"""How many ranks do what: data parallel ranks, pipeline stages, micro-batches. Pure, no torch.

What cannot run is an error before a process group exists: no rank waits for another.
"""

from dataclasses import dataclass

from model.config import ModelConfig
from model.settings import require


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A world of data_parallel x stages ranks; each step's batch is cut into micro-batches."""

    data_parallel: int = 1
    stages: int = 1
    batch: int  # samples a step, of all ranks
    micro_batch: int = 1

    def __post_init__(self) -> None:
        for name in ("data_parallel", "stages", "batch", "micro_batch"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        each = self.data_parallel * self.micro_batch
        require(
            self.batch % each == 0,
            f"batch {self.batch} is not a multiple of data_parallel x micro_batch = {each}",
        )
        require(
            self.micro_batches >= self.stages,
            f"{self.micro_batches} micro-batches a step cannot fill {self.stages} pipeline stages: "
            "raise batch, or lower micro_batch or stages",
        )

    @property
    def world(self) -> int:
        """Ranks."""
        return self.data_parallel * self.stages

    @property
    def micro_batches(self) -> int:
        """Micro-batches of a rank in a step."""
        return self.batch // (self.data_parallel * self.micro_batch)

    def place(self, rank: int) -> tuple[int, int]:
        """(stage, data parallel rank). Neighbours share a stage: its traffic is the larger."""
        return divmod(rank, self.data_parallel)

    def samples(self, data_rank: int, micro_batch: int) -> range:
        """Which places of a step's batch are one micro-batch."""
        first = (data_rank * self.micro_batches + micro_batch) * self.micro_batch
        return range(first, first + self.micro_batch)


def layers_of(layers: int, stages: int, stage: int) -> range:
    """The blocks of one stage: as even as can be, earlier stages have the odd ones.

    The last has the head, which costs about as much as a block of Skywork-13B.
    """
    each, odd = divmod(layers, stages)
    first = stage * each + min(stage, odd)
    return range(first, first + each + (stage < odd))


def check(layout: Layout, model: ModelConfig, world: int) -> None:
    """Whether a model can run on a layout in a world of so many ranks.

    Raises:
        ValueError: it cannot; the message says why.
    """
    require(
        layout.world == world,
        f"data_parallel {layout.data_parallel} x stages {layout.stages} needs {layout.world} "
        f"ranks, there are {world}",
    )
    require(
        layout.stages <= model.layers,
        f"{model.layers} layers cannot be {layout.stages} stages",
    )
    require(
        layout.stages == 1 or not model.tied,
        "tied embeddings live on the first and the last stage: stages = 1, or tied = false",
    )
