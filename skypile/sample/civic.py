"""Generators of the sample: public notices, and forum threads about things that do not work."""

from typing import Any

from skypile.sample.articles import Article, paragraphs
from skypile.sample.wordings import Voice, capital, clock, day_of_month, month


def notice(voice: Voice, name: str, lang: str) -> Article:
    """A public notice: what happens, why, what it means for whom, the law, who signed."""
    rng, english = voice.rng, voice.english
    kind, subject, authority = voice.record("kinds")
    month_a = rng.randint(2, 5)
    days = sorted(rng.sample(range(2, 29), 4))
    dates = [day_of_month(month_a, d, english=english) for d in days]
    hours = [clock(rng.randint(*span) * 30, english=english) for span in ((13, 20), (28, 42))]
    street, street_b = voice.names("streets", 2)
    number = rng.randint(1, 60)
    cost = rng.randint(9, 480)
    facts: dict[str, Any] = {
        **{"kind": kind, "street": street, "street_b": street_b, "quarter": voice.name("quarters")},
        **{"site": voice.name("sites"), "authority": authority, "officer": voice.name("officers")},
        **{"authority_cap": capital(authority), "date_z": dates[0], "date_a": dates[1]},
        **{"date_b": dates[2], "date_c": dates[3], "hour": hours[0], "hour_b": hours[1]},
        **{"n": number, "m": number + rng.randint(4, 40), "n_small": rng.randint(3, 9)},
        **{
            "cm": rng.randint(6, 30),
            "days": rng.randint(5, 40),
            "days_b": rng.choice((10, 14, 30)),
        },
        **{"year": rng.randint(1957, 2011), "years": rng.randint(60, 140)},
        **{"households": rng.randint(40, 900), "reports": rng.randint(11, 90)},
        **{"metres": rng.randint(4, 40) * 10, "n_new": rng.randint(10, 24)},
        **{
            "minutes": rng.randint(8, 40),
            "tonnes": rng.choice((3, 5, 7)),
            "line": rng.randint(2, 48),
        },
        **{
            "bylaw": f"{rng.randint(4, 88)}/{rng.randint(2009, 2022)}",
            "percent": rng.randint(20, 75),
        },
        **{"cost": f"€{cost},000" if english else f"{cost}万元", "room": rng.randint(101, 340)},
        **{"month_a": month(month_a - 1, english=english), "pence": rng.randint(2, 9)},
        **{"month_b": month(month_a + rng.randint(1, 5), english=english)},
        **{"zone": rng.choice("ABC"), "zone_b": rng.choice("DEF")},
        **{"fee": f"€{rng.randint(2, 8)}" if english else f"{rng.randint(5, 20)}元"},
        **{"ref": f"{rng.randint(11, 480)}/{rng.randint(22, 23)}"},
    }
    facts["subject"] = subject.format_map(facts)
    facts["subject_cap"] = capital(facts["subject"])
    parts = [
        [voice.say(f"open.{kind}", facts), *voice.some("reason", rng.randint(1, 2), facts)],
        voice.some("access", rng.randint(2, 3), facts),
        voice.some("conduct", rng.randint(2, 3), facts),
        voice.some("legal", rng.randint(2, 3), facts),
        voice.some("close", rng.randint(1, 2), facts),
    ]
    if rng.random() < 0.5:
        parts[1], parts[2] = parts[2], parts[1]
    if rng.random() < 0.3:
        parts[3:] = [parts[3] + parts[4]]
    title = voice.say("titles", facts)
    texts = paragraphs([voice.join(p) for p in parts])
    return Article(
        *(name, lang, kind, "notice", title, texts), quality="notice", generator="notice"
    )


def thread(voice: Voice, name: str, lang: str) -> Article:
    """A forum thread, a post a paragraph: the question, wrong guesses, the answer, thanks."""
    rng = voice.rng
    thing, kind, symptom, cause, fix, when, guesses = voice.record("problems")
    wrong = rng.sample(guesses.split("/"), 2)
    facts: dict[str, Any] = {
        **{"kind": kind, "thing": thing, "symptom": symptom, "cause": cause},
        **{"cause_cap": capital(cause)},
        **{"fix": fix, "when": when, "since": voice.name("since"), "n": rng.randint(6, 40)},
        **{"n_small": rng.randint(3, 9), "years": rng.randint(3, 24)},
        **{"year": rng.randint(2003, 2020), "wrong": wrong[0], "wrong_cap": capital(wrong[0])},
    }
    for key, high in (("price", 400), ("cost", 30)):
        amount = rng.randint(3, high)
        facts[key] = f"€{amount}" if voice.english else f"{amount}块钱"
    posts = [
        voice.join([voice.say("ask", facts), *voice.some("ask_more", rng.randint(1, 3), facts)]),
        voice.join(voice.some("back", rng.randint(1, 2), facts)),
        voice.say("wrong", facts),
        voice.say("reply", facts),
    ]
    if rng.random() < 0.6:
        again = {**facts, "wrong": wrong[1], "wrong_cap": capital(wrong[1])}
        posts += [voice.say("wrong", again), voice.say("reply", again)]
    posts += [voice.say("answer", facts), *voice.some("aside", rng.randint(0, 2), facts)]
    posts.append(voice.say("thanks", facts))
    title = voice.say("titles", facts)
    return Article(
        *(name, lang, thing, "thread", title, paragraphs(posts)),
        quality="forum",
        generator="thread",
    )
