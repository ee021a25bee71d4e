"""What fitted models are called, and of which files they are: what a stage that uses them needs to
know. Apart from how they are fitted, so that work on that measures nothing again.
"""

import hashlib
import json
from collections.abc import Mapping

# Kinds of artifacts, and what a run calls its own: the prefix and the language.
LM_KIND, LM_PREFIX = "lm", "lm-"
REFERENCE_KIND, REFERENCE_PREFIX = "reference", "reference-"
VECTORS_KIND = VECTORS = "vectors"
CENTRES_KIND = CENTRES = "centres"
STEM_KIND = STEM = "stem"
# Files of a language model, of a classifier, of vectors and of their centres.
SP_MODEL, LM = "sp.model", "lm.bin"
CLASSIFIER = "model.bin"
COMPONENTS, CENTRE_TABLE = "components.npy", "centres.npy"
# The tokenizer: what a run calls it, and its files.
TOKENIZER_KIND = TOKENIZER = "tokenizer"
TOKENIZER_MODEL, TOKENIZER_FAST = "tokenizer.model", "tokenizer.json"


def fold_digest(fold: Mapping[int, str] | None) -> str | None:
    """A hash of a folding table for the card: scoring must fold as fitting did."""
    if not fold:
        return None
    return hashlib.sha256(json.dumps(sorted(fold.items())).encode()).hexdigest()[:16]
