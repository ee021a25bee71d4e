"""The front matter of a data card: what the hub's tools and `datasets` read of README.md.

`configs` names the files of each domain and split, `dataset_info` their columns and numbers of
documents, which `datasets` compares with what it loads. (huggingface.co/docs/hub/datasets-cards)
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from skypile.kernels.mixing.categories import CHINESE, ENGLISH
from skypile.licences import OTHER, UNKNOWN, hub_names
from skypile.release.files import METADATA, Layout
from skypile.release.streams import Shard

_CODES = {ENGLISH: "en", CHINESE: "zh"}  # what else there is has no one code


def front_matter(plan: Mapping[str, Any], shards: Sequence[Shard]) -> dict[str, Any]:
    """What tools read: a mapping of strings, numbers, lists and mappings."""
    licences = _hub_licences(plan)
    domains = sorted({s.domain for s in shards})
    codes = [code for name, code in _CODES.items() if any(is_of(d, name) for d in domains)]
    groups = {"default": list(shards), **{d: [s for s in shards if s.domain == d] for d in domains}}
    suffix = Layout(**plan["layout"]).suffix
    front: dict[str, Any] = {
        "pretty_name": plan["name"] or "skypile corpus",
        "license": licences[0] if len(licences) == 1 else licences,
    }
    if {OTHER, UNKNOWN} & set(licences):
        front |= {"license_name": "licences-by-source", "license_link": "LICENSE.md"}
    if codes:
        front["language"] = codes
    return {
        **front,
        "task_categories": ["text-generation"],
        "size_categories": [size_category(sum(s.documents for s in shards))],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == "default" else {}),
                "data_files": [
                    {"split": x, "path": f"data/{'*' if name == 'default' else name}/{x}-*{suffix}"}
                    for x in _splits(of)
                ],
            }
            for name, of in groups.items()
        ],
        "dataset_info": [_info(name, of, plan) for name, of in groups.items()],
    }


def _info(name: str, shards: Sequence[Shard], plan: Mapping[str, Any]) -> dict[str, Any]:
    columns = ("text", *(METADATA if plan["layout"]["metadata"] else ()))
    splits = [
        {
            "name": x,
            "num_bytes": sum(s.data_bytes for s in shards if s.split == x),
            "num_examples": sum(s.documents for s in shards if s.split == x),
        }
        for x in _splits(shards)
    ]
    return {
        "config_name": name,
        "features": [{"name": c, "dtype": "string"} for c in columns],
        "splits": splits,
        "download_size": sum(s.bytes for s in shards),
        "dataset_size": sum(s["num_bytes"] for s in splits),
    }


def size_category(documents: int) -> str:
    """The hub's name for a number of documents: n<1K, 1K<n<10K, ..., n>1T."""
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    for power, name in enumerate(names, 3):
        if documents < 10**power:
            return f"n<{name}" if power == 3 else f"{names[power - 4]}<n<{name}"
    return "n>1T"


def yaml(value: Any, indent: int = 0) -> str:
    """Block YAML of mappings, lists, strings, numbers and booleans; strings as JSON writes them,
    which is YAML too.
    """
    pad, lines = " " * indent, []
    if isinstance(value, Mapping):
        for key, inner in value.items():
            nested = isinstance(inner, Mapping | list)
            lines.append(
                f"{pad}{key}:\n{yaml(inner, indent + 2)}"
                if nested
                else f"{pad}{key}: {json.dumps(inner, ensure_ascii=False)}\n"
            )
    else:
        for inner in value:
            if isinstance(inner, Mapping):
                lines.append(f"{pad}- {yaml(inner, indent + 2).lstrip()}")
            else:
                lines.append(f"{pad}- {json.dumps(inner, ensure_ascii=False)}\n")
    return "".join(lines)


def _splits(shards: Iterable[Shard]) -> list[str]:
    return sorted({s.split for s in shards})  # train before validation


def is_of(domain: str, language: str) -> bool:
    """Whether a domain's documents are in a language; code is in none."""
    return domain.startswith(f"{language}_")


def _hub_licences(plan: Mapping[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for text in plan["licences"].values():
        found |= dict.fromkeys(hub_names(text) or (UNKNOWN,))
    return sorted(found)
