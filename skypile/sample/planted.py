"""What is planted in the main text of pages: boilerplate in paraphrase, invented personal data.

The addresses are of domains and networks set aside for documentation (RFC 2606, 5737, 3849), the
telephone numbers of blocks kept for fiction or never assigned, the identity numbers have a right
check digit and a county that does not exist, the cards are test numbers with a right Luhn digit.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from skypile.sample.articles import Article, Block
from skypile.sample.wordings import Voice, sections

INTENTS = tuple(sections("boilerplate.en"))
CODES = {"en": "en", "zh-Hans": "zh"}  # languages that have wordings
KINDS = {
    "en": ("email", "phone", "ipv4", "ipv6", "bank_card", "decoy"),
    "zh": ("email", "phone", "cn_id", "ipv4", "bank_card", "decoy"),
}


@dataclass(frozen=True)
class Planted:
    """What was put into a text. group: boilerplate, personal or decoy (it looks like personal data
    and is none). wording: its number. text: the whole block, or the span.
    """

    group: str
    kind: str
    wording: int
    text: str


def plant_boilerplate(
    article: Article, intent: str, wordings: Sequence[int], site: str, rng: random.Random
) -> tuple[Article, Planted]:
    """The article with a paragraph that many sites have in many wordings, and what it is."""
    number = rng.choice(wordings)
    line = sections(f"boilerplate.{CODES[article.lang]}")[intent][number]
    text = line.format(site=site, year=rng.randint(2015, 2023), n=rng.randint(12, 89))
    # Behind a paragraph of the text, mostly the last, never within a list or a table.
    places = [i + 1 for i, b in enumerate(article.blocks) if b.kind == "p"]
    at = places[-1] if rng.random() < 0.6 else rng.choice(places)
    blocks = (*article.blocks[:at], Block("p", text), *article.blocks[at:])
    return replace(article, blocks=blocks), Planted("boilerplate", intent, number, text)


def plant_personal(
    article: Article, kind: str, rng: random.Random
) -> tuple[Article, tuple[Planted, ...]]:
    """The article with a sentence that holds personal data (or, kind decoy, what looks like it)."""
    code = CODES[article.lang]
    voice = Voice(f"personal.{code}", rng)
    numbers = {
        **{"email": email(rng), "phone": phone(rng, code), "ipv4": ipv4(rng), "ipv6": ipv6(rng)},
        **{"cn_id": cn_id(rng), "bank_card": bank_card(rng), "badcard": luhn_broken(rng)},
        **{"badid": cn_id(rng, right=False), "isbn": isbn(rng)},
    }
    more = {"n": rng.randint(3, 60), "n2": rng.randint(1, 12), "count": rng.randint(1000, 99999)}
    sentence = voice.say(kind, {**numbers, **more, "name": voice.name("names")})
    places = [i for i, b in enumerate(article.blocks) if b.kind == "p"]
    at = rng.choice(places)
    changed = Block("p", voice.join([article.blocks[at].text, sentence]))
    blocks = (*article.blocks[:at], changed, *article.blocks[at + 1 :])
    group = "decoy" if kind == "decoy" else "personal"
    spans = tuple(
        Planted(group, name, 0, value) for name, value in numbers.items() if value in sentence
    )
    return replace(article, blocks=blocks), spans


def email(rng: random.Random) -> str:
    """An address at a domain that is reserved for examples."""
    names = ("m.solberg", "office", "j_whitcombe", "lin.pingan", "edwin+notes", "tong88")
    hosts = ("example.com", "example.org", "mail.example.net", "post.example", "example.com.cn")
    return f"{rng.choice(names)}{rng.randint(2, 99)}@{rng.choice(hosts)}"


def phone(rng: random.Random, code: str) -> str:
    """A number kept for fiction (Ofcom, NANPA) or with a mobile prefix that China gave nobody."""
    tail = rng.randint(0, 99)
    if code == "zh":
        number = (
            f"{rng.choice((154, 160, 163))}{rng.randint(0, 9999):04d}{rng.randint(0, 9999):04d}"
        )
        return rng.choice((number, f"{number[:3]}-{number[3:7]}-{number[7:]}", f"+86 {number}"))
    return rng.choice(
        (f"020 7946 0{tail:03d}", f"(212) 555-01{tail:02d}", f"+1 415 555 01{tail:02d}")
    )


def ipv4(rng: random.Random) -> str:
    """An address of one of the three networks for documentation."""
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"


def ipv6(rng: random.Random) -> str:
    """An address of the network for documentation, shortened as people write it."""
    return f"2001:db8:{rng.randint(1, 0xFFFF):x}::{rng.randint(1, 0xFFFF):x}"


def cn_id(rng: random.Random, *, right: bool = True) -> str:
    """18 digits as of an identity card (GB 11643): no such county, the check digit right or not."""
    region = rng.choice(("119901", "319902", "449903", "519904"))
    born = f"{rng.randint(1950, 2004)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    digits = f"{region}{born}{rng.randint(0, 999):03d}"
    total = sum(int(d) * (1 << (17 - i)) % 11 for i, d in enumerate(digits))
    check = "10X98765432"[total % 11]
    return digits + (check if right else "10X98765432"[(total + 3) % 11])


def luhn(digits: str) -> str:
    """The digit that makes digits + it pass the test of ISO/IEC 7812."""
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def bank_card(rng: random.Random) -> str:
    """A test number: ranges that payment providers publish for tests, in fours or in one piece."""
    start = rng.choice(("411111", "555555", "620000", "622200", "400000"))
    digits = f"{start}000{rng.randint(0, 999999):06d}"
    number = digits + luhn(digits)
    return rng.choice((number, " ".join(number[i : i + 4] for i in range(0, 16, 4))))


def luhn_broken(rng: random.Random) -> str:
    """16 digits that look like a card's and fail the test."""
    digits = f"9{rng.randint(0, 10**14 - 1):014d}"
    return digits + str((int(luhn(digits)) + 5) % 10)


def isbn(rng: random.Random) -> str:
    """An ISBN-13 of the registrant 00, its check digit right."""
    digits = f"978000{rng.randint(0, 999999):06d}"
    total = sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(digits))
    return f"978-0-00-{digits[6:]}-{-total % 10}"
