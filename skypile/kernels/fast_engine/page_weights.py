"""The weights of the fast engine: a file beside this module, fitted by `bench/fit_fast.py`.

Its card says on what: data sets and their licences.
"""

import functools
import hashlib
import json
from importlib.resources import files
from typing import Any

import numpy as np

from skypile.kernels.fast_engine.page_context import CONTEXT_NAMES
from skypile.kernels.fast_engine.page_features import NAMES
from skypile.kernels.fast_engine.page_topics import BUCKETS, TOPICS
from skypile.kernels.fast_engine.page_trees import Weights, forest

WEIGHTS_FILE = "fast_weights.json"
# Rows depend on the file: named here, it is part of what the stage's fingerprint covers.
WEIGHTS_DIGEST = "920e261f62188bdcf1bbcdd741f3f376"


def digest_of(text: str) -> str:
    """The digest of a weights file, as `WEIGHTS_DIGEST` has it."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@functools.cache
def weights() -> Weights:
    """The weights of the package; read once a process, in 20 ms.

    Raises:
        ValueError: the file is not the one that this code was released with.
    """
    text = files(__package__).joinpath(WEIGHTS_FILE).read_text(encoding="utf8")
    if digest_of(text) != WEIGHTS_DIGEST:
        raise ValueError(f"{WEIGHTS_FILE} has digest {digest_of(text)}, not {WEIGHTS_DIGEST}")
    return weights_of(json.loads(text))


def weights_of(given: Any) -> Weights:
    """The weights that a file says.

    Raises:
        ValueError: they are for other features or topics.
    """
    made = (list(NAMES), list(CONTEXT_NAMES), digest_of(json.dumps(TOPICS)))
    if (given["features"], given["context"], given["topics"]) != made:
        raise ValueError("the weights were fitted on other features")
    words = np.zeros(BUCKETS)
    for bucket, weight in given["words"]:
        words[bucket] = weight
    return Weights(words, forest(given["block"]), forest(given["page"]), tuple(given["thresholds"]))
