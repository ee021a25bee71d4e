"""The generators of the sample, by language and name; what one makes is a pure function of a seed.

Spam and word salad are made here too: spam from its own wordings, salad from the words of articles.
"""

import random
from collections.abc import Callable

from skypile.sample.articles import Article, articles, file_of, paragraphs
from skypile.sample.civic import notice, thread
from skypile.sample.household import product, recipe
from skypile.sample.reports import match, weather
from skypile.sample.wordings import Voice, sections

LANGS = {"en": "en", "zh": "zh-Hans"}  # of a file of wordings -> of the text
MAKERS: dict[str, Callable[[Voice, str, str], Article]] = {
    "weather": weather,
    "match": match,
    "recipe": recipe,
    "product": product,
    "notice": notice,
    "thread": thread,
}
SPAM = {
    code: tuple(n for n in sections(f"spam.{code}") if n not in ("names", "stuffing"))
    for code in LANGS
}


def generate(maker: str, code: str, number: int, seed: int) -> Article:
    """The number-th text of a generator. code: en or zh."""
    name = f"{maker}-{code}-{number:04d}"
    voice = Voice(f"{maker}.{code}", random.Random(f"{seed}/{name}"))
    return MAKERS[maker](voice, name, LANGS[code])


def spam(code: str, topic: str, number: int, seed: int) -> Article:
    """An advertisement that repeats itself. topic: one of `SPAM[code]`."""
    name = f"spam-{code}-{topic}-{number:04d}"
    rng = random.Random(f"{seed}/{name}")
    voice = Voice(f"spam.{code}", rng)
    names = dict(line.split("|", 1) for line in sections(f"spam.{code}")["names"])
    texts = []
    for _ in range(rng.randint(2, 4)):
        facts = {
            **{"n": rng.randint(3, 98), "n2": rng.randint(3, 20), "year": rng.randint(2021, 2023)},
            **{"drug": rng.choice(names["drugs"].split("|"))},
            **{"city": rng.choice(names["cities"].split("|"))},
        }
        texts.append(voice.say(topic, facts))
    subjects = [a.subject for a in articles(file_of(LANGS[code]))]
    searched, also = sections(f"spam.{code}")["stuffing"]
    for start in (searched, also):  # words that have nothing to do with it, for search engines
        words = rng.sample(subjects, rng.randint(9, 16))
        texts.append(
            start + ("," if code == "en" else "，").join([" " * (code == "en") + w for w in words])
        )
    rng.shuffle(texts)
    title = max(texts[0].replace(",", "，").replace("！", "，").split("，"), key=len)
    return Article(
        *(name, LANGS[code], topic, "advertisement", title[:60], paragraphs(texts)),
        quality="spam",
        generator=f"spam-{topic}",
    )


def word_salad(code: str, number: int, seed: int) -> Article:
    """Words of the articles, drawn at random: right letters, no sense."""
    name = f"salad-{code}-{number:04d}"
    rng = random.Random(f"{seed}/{name}")
    text = "".join(a.gold_text for a in articles(file_of(LANGS[code])))
    texts = []
    for _ in range(rng.randint(4, 6)):
        if code == "en":
            words = [
                w.strip(".,;:?!\"'“”()") for w in rng.sample(text.split(), rng.randint(40, 90))
            ]
            texts.append(" ".join(w for w in words if w) + ".")
        else:
            pairs = (rng.randrange(len(text) - 2) for _ in range(rng.randint(35, 80)))
            words = [text[i : i + rng.choice((1, 2, 2))] for i in pairs]
            texts.append("".join("".join(words).split()) + "。")
    return Article(
        *(name, LANGS[code], "none", "none", texts[0][:24].strip(), paragraphs(texts)),
        quality="word_salad",
        generator="word_salad",
    )
