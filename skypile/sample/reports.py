"""Generators of the sample: weather bulletins and match reports.

Facts are drawn first, then told: temperatures agree with the weather, goals with the score. Two
reports share a sentence now and then, as those of one newsroom do, but differ in substance.
"""

from typing import Any

from skypile.sample.articles import Article, paragraphs
from skypile.sample.wordings import DAYS, Voice, capital, clock, month

# kind of weather -> lowest and highest daytime temperature
WEATHER = {
    "rain": (6, 15),
    "dry": (13, 22),
    "snow": (-6, 1),
    "fog": (2, 9),
    "storm": (20, 27),
    "heat": (30, 37),
}


def weather(voice: Voice, name: str, lang: str) -> Article:
    """A bulletin: situation, figures, districts, outlook."""
    rng, english = voice.rng, voice.english
    kind = rng.choice(list(WEATHER))
    region, towns = voice.record("regions")
    a, b, c, d = rng.sample(towns.split(", " if english else "、"), 4)
    first = rng.randrange(7)
    days = [DAYS[english][(first + i) % 7] for i in range(5)]
    low_end, high_end = WEATHER[kind]
    high = rng.randint(low_end + 3, high_end)
    speed = rng.randint(1, 9) * 5
    wind, wind2 = voice.names("winds", 2)
    facts: dict[str, Any] = {
        **{
            "kind": kind,
            "region": region,
            "region_cap": capital(region),
            "a": a,
            "b": b,
            "c": c,
            "d": d,
        },
        **{"day": days[0], "next_day": days[1], "high": high, "high_b": high - 1},
        **{"low_day": high - 3, "low": low_end - rng.randint(1, 4), "wind": wind, "wind2": wind2},
        **{"wind_short": wind[:-1], "speed": speed, "gust": speed + rng.randint(3, 8) * 5},
        **{"mm": rng.randint(8, 45), "cm": rng.randint(3, 22), "pressure": rng.randint(988, 1034)},
        **{"hour": clock(rng.randint(20, 44) * 30, english=english), "n": rng.randint(7, 29)},
        **{"year": rng.randint(1948, 2018), "record": rng.randint(41, 99)},
        **{"record_b": rng.randint(25, 40), "visibility": rng.randint(4, 19) * 10},
        **{"height": rng.randint(4, 14) * 100, "swell": f"{rng.randint(8, 29) / 10:.1f}"},
        **{"sea": rng.randint(6, 19), "soil": rng.randint(4, 16), "n_small": rng.randint(3, 8)},
        **{"gauge": f"{rng.randint(71, 389) / 100:.2f}", "percent": rng.randint(22, 58)},
        **{"freezing": rng.randint(5, 19) * 100},
    }
    situation = [voice.say(f"open.{kind}", facts), voice.say("system", facts)]
    situation += voice.some(f"detail.{kind}", rng.randint(1, 2), facts)
    figures = [voice.say(s, facts) for s in ("numbers", "wind", "observer")]
    rng.shuffle(figures)
    topics = rng.sample(("coast", "hills", "roads", "farm", "night"), 3)
    districts = [s for t in topics for s in voice.some(t, rng.randint(1, 2), facts)]
    outlook = [voice.say("outlook.open", facts)]
    for day in days[1 : rng.randint(3, 4) + 1]:
        t1 = high + rng.randint(-4, 4)
        outlook.append(voice.say("outlook.day", {**facts, "d1": day, "t1": t1, "t2": t1 + 2}))
    body = [figures, districts]
    rng.shuffle(body)
    texts = [situation, *body, outlook, voice.some("advice", 2, facts)]
    title = voice.say(f"titles.{kind}", facts)
    return Article(
        *(name, lang, kind, "weather", title, paragraphs([voice.join(t) for t in texts])),
        quality="news",
        generator="weather",
    )


def match(voice: Voice, name: str, lang: str) -> Article:
    """A match report: result, the goals in their order, incidents, voices, what comes next."""
    facts = _match_facts(voice)
    goals = _goals(voice, facts)
    rng = voice.rng
    hs, as_ = facts["hs"], facts["as_"]
    result = "home" if hs > as_ else "away" if as_ > hs else "draw"
    halves = []
    for number in ("1", "2"):
        now = {**_players(voice, facts), "kind": number}
        half = [s for minute, s in goals if (minute > 45) == (number == "2")]
        half = half or [voice.say("nogoal", now)]
        half.insert(rng.randrange(len(half) + 1), voice.say("incident", now))
        halves.append(half)
    quotes = [voice.say("quote", _players(voice, facts)) for _ in range(2)]
    texts = [
        [voice.say(f"lead.{result}", facts), voice.say("scene", _players(voice, facts))],
        [voice.say("scene", _players(voice, facts)), *halves[0]],
        halves[1],
        quotes,
        [*voice.some("next", rng.randint(1, 2), facts), voice.say("facts", facts)],
    ]
    if rng.random() < 0.4:
        texts[2:4] = [texts[2] + texts[3][:1], texts[3][1:]]
    title = voice.say(f"titles.{result}", facts)
    return Article(
        *(name, lang, "football", "match", title, paragraphs([voice.join(t) for t in texts])),
        quality="news",
        generator="match",
    )


def _match_facts(voice: Voice) -> dict[str, Any]:
    rng, english = voice.rng, voice.english
    (home, ground), (away, _), (other, _) = (
        line.split("|") for line in rng.sample(voice.lines("clubs"), 3)
    )
    names = voice.names("players", 22)
    squads = (names[:11], names[11:])
    sides = [rng.randrange(2) for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 3, 4, 4, 5)))]
    minutes = sorted(rng.sample(range(3, 91), len(sides)))
    # Half of the goals of a side are one player's.
    goals = [
        (minute, side, squads[side][0 if rng.random() < 0.5 else rng.randrange(1, 4)])
        for minute, side in zip(minutes, sides, strict=True)
    ]
    hs, as_ = sides.count(0), sides.count(1)
    last, _, hero = next((g for g in reversed(goals) if g[1] == (as_ > hs)), (0, 0, ""))
    crowd = rng.randint(612, 9840)
    return {
        **{"home": home, "away": away, "other": other, "ground": ground, "hs": hs, "as_": as_},
        **{"squads": squads, "goals": goals, "hero": hero},
        **{"last_minute": ordinal(last, english=english)},
        **dict(zip(("m_home", "m_away"), voice.names("managers", 2), strict=True)),
        **{"referee": voice.name("referees"), "league": voice.name("leagues")},
        **{"crowd": f"{crowd:,}" if english else crowd},
        **{"day": DAYS[english][rng.choice((1, 2, 4, 5))], "nextday": DAYS[english][5]},
        **{"place": ordinal(rng.randint(3, 12), english=english), "gap": rng.randint(4, 17)},
        **{"games": rng.randint(4, 15), "n": rng.randint(9, 34), "n_small": rng.randint(3, 6)},
        **{"streak": f"{rng.randint(4, 11)} games" if english else rng.randint(4, 11)},
        **{"years": rng.randint(14, 38), "month": month(rng.randint(4, 11), english=english)},
        **{"miles": rng.randint(60, 280)},
    }


def ordinal(number: int, *, english: bool) -> str:
    """A number as a rank: 3rd in English, the bare number in Chinese."""
    if not english:
        return str(number)
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 <= number % 100 <= 20 else ending}"


def _players(voice: Voice, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts with somebody of each side in them."""
    rng = voice.rng
    home, away = facts["squads"]
    people = {"p_h": rng.choice(home[3:]), "p_a": rng.choice(away[3:])}
    return {**facts, **people, "yards": rng.randint(18, 32), "late": rng.randint(70, 88)}


def _goals(voice: Voice, facts: dict[str, Any]) -> list[tuple[int, str]]:
    """(minute, sentence) of each goal: what it did to the score decides how it is told."""
    rng, english = voice.rng, voice.english
    score, told = [0, 0], []
    for minute, side, scorer in facts["goals"]:
        ahead = score[side] - score[1 - side]
        kind = "reduce" if ahead < -1 else "equaliser" if ahead == -1 else "extend"
        if ahead == 0:
            kind = "lead" if any(score) else "opener"
        score[side] += 1
        more = {
            **{"minute": minute, "minute_th": ordinal(minute, english=english), "scorer": scorer},
            **{"team": facts["away" if side else "home"]},
            **{"assist": rng.choice(facts["squads"][side][4:])},
            **{"score": ("-" if english else "比").join(map(str, score))},
            **{"yards": rng.randint(18, 32), "passes": rng.randint(9, 24)},
        }
        told.append((minute, voice.say(f"goal.{kind}", {**facts, **more})))
    return told
