"""Text in two languages and sizes that train in a second."""

import random

from experiments.shards import Source

_ENGLISH = "the tide mill stands at mouth of bay and turns slowly when water falls again"
_CHINESE = "今天 天气 不错 我们 去 公園 散步 吧 潮汐 磨坊 在 海湾 口 慢慢 轉動 水 落 下"
WORDS = {"en": _ENGLISH.split(), "zh": _CHINESE.split()}
MODEL = {"hidden": 16, "layers": 1, "heads": 2, "ffn": 24, "context": 64}
SIZE = {"batch": 2, "windows": 2, "vocabulary": 360, "coverage": 0.9995, "model": MODEL}


def texts(language: str, count: int, chars: int = 300, seed: int = 0) -> list[str]:
    """Sentences of words that follow each other in a few ways."""
    rng, words = random.Random(f"{language} {seed}"), WORDS[language]
    follows = {w: rng.sample(words, 4) for w in words}
    joint, stop = (" ", ". ") if language == "en" else ("", "。")
    found = []
    for _ in range(count):
        text = ""
        while len(text) < chars:
            sentence = [rng.choice(words)]
            while len(sentence) < 7:
                sentence.append(rng.choice(follows[sentence[-1]]))
            text += joint.join(sentence) + stop
        found.append(text)
    return found


def sources(count: int = 30) -> dict[str, Source]:
    """Two domains of each language."""
    return {
        f"{language}_{name}": Source(some[6:], some[:6])
        for language in WORDS
        for name, some in (
            (str(seed), texts(language, count, seed=seed)) for seed in range(2)
        )
    }  # fmt: skip
