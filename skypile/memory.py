"""Memory of an executor outside the JVM's heap: what its Python workers need, whether it is there.

On YARN and Kubernetes a container that takes more than it was given is killed, and Spark reports a
lost executor without a word of why. So what the stages of a run need is added up beforehand, from
what was measured of each kind of work and from the settings that bound it. Left out: the driver
(docs/scale.md has its sums), and disk.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skypile.artifacts import CARD, load_card
from skypile.config import Config
from skypile.contents import paths_of
from skypile.errors import SkypileError
from skypile.files import Root
from skypile.lineage import Lineage
from skypile.manifests import CORPUS, Manifests
from skypile.parts import ROW_GROUP_BYTES
from skypile.stage import Stage

MIB = 1 << 20
# WORKER was seen on the sample, in workers that went through all stages (docs/log.md); the others
# are what their parts add up to, rounded up.
WORKER = 512 * MIB  # a Python worker with pyarrow, pandas, Numba and skypile, after all stages
CHILD = 600 * MIB  # the process that extracts pages; `max_memory_bytes` is its address space
ADDRESS_SPACE = 3072 * MIB  # of one worker: what a limit by spark.executor.pyspark.memory counts
TEXTS = 4 * ROW_GROUP_BYTES  # one row group in Arrow, as Python's strings, edited, as written
ARROW = 2 * 64 * MIB  # a batch in and one out: spark.sql.execution.arrow.maxBytesPerBatch
RECORD = 3  # times max_record_bytes: as stored, decoded, as UTF-8
DAEMONS = 2 * 256 * MIB  # of each executor: `worker_daemon` for RDDs, and one for frames
JVM = 384 * MIB  # metaspace, threads, network and shuffle buffers: Spark's own least overhead
_UNITS = {"": 1, "b": 1 / MIB, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1 << 20, "p": 1 << 30}


@dataclass(frozen=True)
class Need:
    """What one Python worker of a stage needs, in bytes, by what for."""

    stage: str
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Executor:
    """What a cluster's settings give an executor. kind: "yarn", "k8s", or "standalone", which
    reserves the heap alone. outside: bytes beside the heap; None where nothing bounds them. python:
    bytes that each Python worker may address; None without such a limit.
    """

    kind: str
    tasks: int
    heap: int
    outside: int | None
    python: int | None


def parse_size(text: str) -> int:
    """Bytes of a size as Spark's memory settings say it: `4g`, `512m`, `1024` (MiB).

    Raises:
        SkypileError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+)\s*([bkmgtp]?)b?\s*", text.lower())
    if not found:
        raise SkypileError(f"{text!r} is no size of memory as Spark writes it: 4g, 512m")
    return int(int(found[1]) * _UNITS[found[2]] * MIB)


def executor_of(master: str, conf: Mapping[str, str]) -> Executor | None:
    """What these Spark properties make of an executor; None for a local master, which has none."""
    if re.match(r"local(\[|$)", master):
        return None
    kind = "yarn" if master.startswith("yarn") else "k8s" if master.startswith("k8s") else ""
    heap = parse_size(conf.get("spark.executor.memory", "1g"))
    python = conf.get("spark.executor.pyspark.memory")
    cores = int(conf.get("spark.executor.cores", "1"))
    tasks = max(1, cores // int(conf.get("spark.task.cpus", "1")))
    each = parse_size(python) // cores if python else None  # as Spark cuts it
    if not kind:
        return Executor("standalone", tasks, heap, None, each)
    if given := conf.get("spark.executor.memoryOverhead"):
        overhead = parse_size(given)
    else:
        own = conf.get("spark.kubernetes.memoryOverheadFactor") if kind == "k8s" else None
        usual = "0.4" if kind == "k8s" else "0.1"  # Kubernetes: of jobs that are not JVM's alone
        factor = float(conf.get("spark.executor.memoryOverheadFactor", own or usual))
        least = parse_size(conf.get("spark.executor.minMemoryOverhead", "384m"))
        overhead = max(int(heap * factor), least)
    return Executor(kind, tasks, heap, overhead + (parse_size(python) if python else 0), each)


def needs(config: Config, only: Sequence[str] = ()) -> list[Need]:
    """What a Python worker needs in each stage of a run, or those named, most first. Models that
    the run has yet to fit are not in it.
    """
    lineage = Lineage(config, Manifests(Root(config.run.out)))
    chosen = [s for s in config.stages if not only or s.name in only]
    found = [Need(s.name, _parts(config, lineage, s)) for s in chosen if s.pieces() != ("derive",)]
    return sorted(found, key=lambda need: -need.bytes)


def _parts(config: Config, lineage: Lineage, stage: Stage) -> dict[str, int]:
    settings = config.settings[stage.name]
    parts = {"Python and libraries": WORKER}
    if stage.read:
        record = getattr(settings, "max_record_bytes", ROW_GROUP_BYTES)
        parts["a record"] = RECORD * record + ROW_GROUP_BYTES
    if hasattr(settings, "max_memory_bytes"):
        parts["extraction"] = min(CHILD, settings.max_memory_bytes)
    reads = [stage.reads(piece) for piece in stage.pieces()]
    mapped = stage.relate is not None and stage.relate.texts
    if mapped or stage.write or stage.fit or any("text" in c for r in reads for c in r.values()):
        parts["texts"] = TEXTS
    if stage.relate or stage.fit:
        parts["Arrow batches"] = ARROW
    if models := _models(lineage, stage):
        parts["models"] = models
    return parts


def _models(lineage: Lineage, stage: Stage) -> int:
    """Bytes of the models that the workers of a stage open, named or fitted, as far as known."""
    settings = lineage.config.settings[stage.name]
    uris = [uri for piece in stage.pieces() for uri in paths_of(settings, piece).values()]
    used = stage.measure.models if stage.measure else ()
    if all(lineage.manifests.get(f"{name}.fit", CORPUS) for name in used):
        uris += [m.uri for m in lineage.models(stage, "measure").values()]
    roots = [Root(uri) for uri in dict.fromkeys(uris)]
    return sum(
        file.bytes
        for root in roots
        if root.exists(CARD)
        for file in load_card(root.uri).files.values()
    )


def check_executors(
    config: Config, master: str, conf: Mapping[str, str], only: Sequence[str] = ()
) -> str | None:
    """One line on the memory that executors need beside the heap; None for a local master.

    conf: Spark's properties, the submission's among them.

    Raises:
        SkypileError: the cluster's settings give less; with the setting that would do.
    """
    executor = executor_of(master, conf)
    found = needs(config, only) if executor else []
    if executor is None or not found:
        return None
    most = found[0]
    parts = ", ".join(f"{what} {_gib(size)}" for what, size in most.parts.items())
    one = f"a Python worker of stage {most.stage} needs {_gib(most.bytes)} GiB ({parts})"
    if executor.python is not None and executor.python < max(ADDRESS_SPACE, most.bytes):
        wanted = math.ceil(max(ADDRESS_SPACE, most.bytes) * executor.tasks / (1 << 30))
        raise SkypileError(
            f"{one}, and addresses up to {_gib(ADDRESS_SPACE)} GiB; spark.executor.pyspark.memory "
            f"limits the addresses of each to {_gib(executor.python)} GiB. Set it to {wanted}g, or "
            "leave it out and use spark.executor.memoryOverhead, which counts what is in memory"
        )
    need = executor.tasks * most.bytes + DAEMONS + JVM
    if executor.outside is None:
        return (
            f"{one}; a standalone master reserves the heap alone, so leave that much a core of a "
            f"host free beside the executors' heaps ({_gib(executor.heap)} GiB each)"
        )
    beside = f"what they are forked from, {_gib(DAEMONS)} GiB, and the JVM's own {_gib(JVM)} GiB"
    total = f"{executor.tasks} of them, {beside} are {_gib(need)} GiB"
    if need > executor.outside:
        raise SkypileError(
            f"{one}; {total} an executor beside its heap, and it has {_gib(executor.outside)} GiB. "
            f"Set spark.executor.memoryOverhead={math.ceil(need / (1 << 28)) * 256}m, or fewer "
            "spark.executor.cores"
        )
    return f"{one}; {total}, and an executor has {_gib(executor.outside)} GiB beside its heap"


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}".rstrip("0").rstrip(".")
