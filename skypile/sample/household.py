"""Generators of the sample: recipes with their ingredients, product notes with their figures."""

from typing import Any

from skypile.sample.articles import Article, Block, paragraphs
from skypile.sample.wordings import Voice, capital

METHODS = {True: ("braise", "soup", "bake", "pan"), False: ("braise", "soup", "steam", "fry")}


def recipe(voice: Voice, name: str, lang: str) -> Article:
    """A recipe: a word before, what one buys (a list), the steps, how it is served, notes."""
    rng, english = voice.rng, voice.english
    method = rng.choice(METHODS[english])
    main, short, unit, cut = voice.record(f"mains.{method}")
    veg1, veg2 = voice.names("vegetables", 2)
    serves = rng.randint(3, 6)
    people = voice.names("people", 2)
    others = [line.split("|")[1] for line in voice.lines(f"mains.{method}")]
    facts: dict[str, Any] = {
        **{"main_full": main, "main_short": short, "main_cap": capital(short), "cut": cut},
        **{"veg1": veg1, "veg2": veg2, "aromatic": voice.name("aromatics"), "serves": serves},
        **{"liquid": voice.name("liquids"), "finish": voice.name("finishes")},
        **{"side": voice.name("sides"), "fat": voice.name("fats"), "person": people[0]},
        **{"person_b": people[1]},
        **{"n_small": rng.randint(2, 4), "salt": rng.randint(8, 16), "spoon": rng.randint(2, 4)},
        **{"m_small": rng.randint(5, 12), "m_long": rng.randint(25, 50)},
        **{"hours": f"{rng.choice((2, 2.5, 3, 3.5)):g}", "temp": rng.randint(14, 20) * 10},
        **{"litres": f"{rng.randint(12, 20) / 10:g}", "cm": rng.randint(20, 30)},
        **{"alt": rng.choice([o for o in others if o != short])},
        **{"price": f"€{rng.randint(6, 19)}" if english else rng.randint(18, 66)},
    }
    amounts = [
        f"{serves * rng.randint(12, 19) * 10} {unit}" if english else f"{serves * 150}{unit}",
        *(str(rng.randint(2, 5)) for _ in range(2)),
    ]
    steps = rng.sample(voice.lines(f"cook.{method}"), rng.randint(4, 6))
    steps.sort(key=voice.lines(f"cook.{method}").index)
    told = [capital(s.format_map(facts)) for s in steps]
    cooking = [voice.join(told[i : i + 2]) for i in range(0, len(told), 2)]
    blocks = [
        *paragraphs([voice.join(voice.some("intro", rng.randint(2, 3), facts))]),
        *(Block("li", item) for item in _ingredients(voice, facts, amounts)),
        *paragraphs([voice.join(voice.some("shopping", rng.randint(1, 2), facts))]),
        *paragraphs([voice.join(voice.some("prepare", rng.randint(2, 3), facts)), *cooking]),
        *paragraphs([voice.join(voice.some("finish", rng.randint(1, 2), facts))]),
        *paragraphs([voice.join(voice.some("notes", rng.randint(2, 3), facts))]),
    ]
    title = voice.say(f"titles.{method}", facts)
    return Article(
        *(name, lang, short, "recipe", title, tuple(blocks)), quality="prose", generator="recipe"
    )


def _ingredients(voice: Voice, facts: dict[str, Any], amounts: list[str]) -> list[str]:
    if voice.english:
        return [
            f"{amounts[0]} {facts['main_full']}, {facts['cut']}",
            f"{amounts[1]} {facts['veg1']}, {amounts[2]} {facts['veg2']}",
            f"{facts['litres']} litres of {facts['liquid']}",
            f"{facts['spoon']} teaspoons of {facts['aromatic']}, {facts['salt']} g of salt",
            f"{facts['fat']}, and {facts['finish']} to finish",
        ]
    return [
        f"{facts['main_full']}{amounts[0]}，{facts['cut']}",
        f"{facts['veg1']}{amounts[1]}两，{facts['veg2']}{amounts[2]}两",
        f"{facts['liquid']}适量，备{facts['litres']}升",
        f"{facts['aromatic']}{facts['spoon']}小勺，盐{facts['salt']}克",
        f"{facts['fat']}，另备{facts['finish']}",
    ]


def product(voice: Voice, name: str, lang: str) -> Article:
    """A product note: what it is, how it is made, use, figures (a table), repair, verdict."""
    rng, english = voice.rng, voice.english
    category, kind, part, material, measure, unit, least, most, task, fault = voice.record(
        "categories"
    )
    value, claimed, older, rival, rival_b = (rng.randint(int(least), int(most)) for _ in range(5))
    price = rng.randint(19, 240)
    grams = rng.randint(180, 2900)
    facts: dict[str, Any] = {
        **{"kind": kind, "measure": measure, "measure_cap": capital(measure)},
        **{"category": category, "part": part, "material": material, "unit": unit, "task": task},
        **{"fault": fault, "fault_cap": capital(fault), "maker": voice.name("makers")},
        **{"model": f"{rng.choice('ABEGKLMRTX')}{rng.choice('-/ ').strip()}{rng.randint(2, 99)}"},
        **{"price": _money(price, english=english), "score": rng.randint(5, 9)},
        **{"price_b": _money(price * 2, english=english), "weeks": rng.randint(3, 14)},
        **{"part_price": _money(rng.randint(2, 15), english=english), "n": rng.randint(3, 16)},
        **{"year": rng.randint(1996, 2019), "years": rng.randint(2, 7), "thick": rng.randint(2, 5)},
        **{"grams": grams, "diff": rng.randint(4, 60), "cycles": rng.randint(40, 300)},
        **{"value": value, "claimed": claimed, "claimed_b": older},
        **{"rival": rival, "rival_b": rival_b},
        **{"watt": rng.randint(9, 140), "db": rng.randint(31, 58), "n_small": rng.randint(3, 9)},
        **{"seconds": rng.randint(12, 55), "seconds_b": rng.randint(60, 140)},
        **{"percent": rng.randint(1, 4), "fw": f"{rng.randint(1, 4)}.{rng.randint(0, 9)}"},
    }
    keys = ("build", "use", "measure", "fault", "repair")
    counts = [1 if k == "fault" else rng.randint(2, 3) for k in keys]
    parts = [voice.join(voice.some(k, n, facts)) for k, n in zip(keys, counts, strict=True)]
    spec = voice.lines("spec", facts)
    rows = [
        Block("row", " | ".join(c.format_map(facts) for c in line.rpartition("]")[2].split("|")))
        for line in sorted(rng.sample(spec, 6), key=spec.index)
    ]
    order = [0, 1, 2, 3, 4] if rng.random() < 0.5 else [1, 0, 2, 4, 3]
    told = paragraphs([parts[i] for i in order])
    at = order.index(2) + 1
    blocks = (
        *paragraphs([voice.join(voice.some("open", 2, facts))]),
        *(*told[:at], *rows, *told[at:]),
        *paragraphs([voice.join(voice.some("verdict", 2, facts))]),
    )
    title = voice.say("titles", facts)
    return Article(
        *(name, lang, category, "product", title, blocks), quality="prose", generator="product"
    )


def _money(amount: int, *, english: bool) -> str:
    return f"€{amount}" if english else str(amount)
