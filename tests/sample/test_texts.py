"""The texts of the sample: generators differ in substance, what is planted is what it says."""

import itertools
import random
import re
from ipaddress import ip_address, ip_network

import pytest

from skypile.sample import planted, pythondocs
from skypile.sample.articles import FILES, articles
from skypile.sample.copies import DEGREES, NEAR, changed, jaccard, shingles
from skypile.sample.generators import LANGS, MAKERS, generate, spam, word_salad
from skypile.sample.planted import INTENTS, KINDS
from skypile.sample.wordings import Voice, sections

EACH = 24


@pytest.mark.parametrize("code", LANGS)
@pytest.mark.parametrize("maker", MAKERS)
def test_two_texts_of_a_generator_are_no_near_duplicates(maker: str, code: str) -> None:
    texts = [generate(maker, code, i, 0) for i in range(EACH)]
    made = [shingles(t.gold_text, LANGS[code]) for t in texts]
    worst = max(len(a & b) / len(a | b) for a, b in itertools.combinations(made, 2))
    print(f"{maker} {code}: the nearest two of {EACH} have a Jaccard index of {worst:.3f}")
    assert worst < 0.5
    assert len({t.title for t in texts}) > EACH / 2
    for text in texts:
        assert not re.search(r"[{}\[\]]|None", text.gold_text + text.title), text.gold_text
        assert text.gold_text == generate(maker, code, int(text.id[-4:]), 0).gold_text
        if code == "en":
            assert not re.search(r"[.!?] [a-z]|  |\.\.", text.gold_text.replace("ISBN ", ""))


def test_a_report_agrees_with_its_score() -> None:
    for number in range(40):
        text = generate("match", "zh", number, 5)
        score = re.search(r"(\d)比(\d)", text.blocks[0].text)
        assert score
        goals = sum(map(int, score.groups()))
        told = re.findall(r"第\d+分钟(?!因抗议)", "".join(b.text for b in text.blocks[1:4]))
        assert len(told) == goals, text.gold_text


def test_a_voice_repeats_no_wording_while_it_has_others() -> None:
    voice = Voice("notice.en", random.Random(1))
    facts = dict.fromkeys(
        ("kind", "bylaw", "cost", "percent", "authority", "authority_cap", "year"), "x"
    ) | dict.fromkeys(("reports", "month_a", "month_b"), "y")
    said = voice.some("reason", 99, facts)
    assert len(said) == len(set(said)) == len(voice.lines("reason", facts))


def test_there_are_articles_enough_and_they_differ() -> None:
    every = [a for name in FILES for a in articles(name)]
    assert len(every) >= 120
    assert len({a.id for a in every}) == len(every)
    assert all(len(a.blocks) >= 3 for a in every)


@pytest.mark.parametrize("code", LANGS)
def test_boilerplate_has_intents_and_wordings(code: str) -> None:
    intents = sections(f"boilerplate.{code}")
    assert tuple(intents) == INTENTS
    assert len(INTENTS) >= 8
    for intent, lines in intents.items():
        assert len(set(lines)) == len(lines) >= 8
        made = [shingles(line, LANGS[code]) for line in lines]
        # Paraphrases, not copies: an index of shingles does not see that they belong together.
        pairs = itertools.combinations(made, 2)
        assert max(len(a & b) / len(a | b) for a, b in pairs) < 0.35, intent


@pytest.mark.parametrize("code", LANGS)
def test_spam_and_salad(code: str) -> None:
    for topic in (t for t in sections(f"spam.{code}") if t not in ("names", "stuffing")):
        assert len(spam(code, topic, 1, 0).blocks) >= 4
    salad = word_salad(code, 1, 0)
    kin = articles("en" if code == "en" else "zh_hans")
    assert max(jaccard(salad.gold_text, a.gold_text, a.lang) for a in kin) < 0.02


def gb11643(digits: str) -> bool:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    total = sum(w * int(d) for w, d in zip(weights, digits, strict=False))
    return digits[17] == "10X98765432"[total % 11]


def passes_luhn(number: str) -> bool:
    digits = [int(d) for d in reversed(re.sub(r"\D", "", number))]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def test_invented_numbers_are_of_nobody_and_pass_the_tests_they_should() -> None:
    rng = random.Random(3)
    nets = [ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    for _ in range(300):
        address = ip_address(planted.ipv4(rng))
        assert any(address in net for net in nets)
        assert ip_address(planted.ipv6(rng)) in ip_network("2001:db8::/32")
        assert re.search(r"[@.]example(\.(com|org|net|com\.cn))?$", planted.email(rng))
        assert gb11643(planted.cn_id(rng))
        assert not gb11643(planted.cn_id(rng, right=False))
        assert passes_luhn(planted.bank_card(rng))
        assert not passes_luhn(planted.luhn_broken(rng))
        assert re.match(r"(\+86 )?(154|160|163)", planted.phone(rng, "zh"))
        isbn = [int(d) for d in planted.isbn(rng).replace("-", "")]
        assert sum(d * (1, 3)[i % 2] for i, d in enumerate(isbn)) % 10 == 0


@pytest.mark.parametrize("code", LANGS)
def test_each_kind_of_personal_data_can_be_planted(code: str) -> None:
    for kind in KINDS[code]:
        found = set()
        for number in range(20):
            text = generate("notice", code, number, 0)
            with_it, spans = planted.plant_personal(text, kind, random.Random(number))
            assert all(with_it.gold_text.count(s.text) == 1 for s in spans)
            assert len(with_it.gold_text) > len(text.gold_text)
            found |= {(s.group, s.kind) for s in spans}
        if kind == "decoy":
            assert found
            assert {group for group, _ in found} == {"decoy"}
        else:
            assert found == {("personal", kind)}


@pytest.mark.parametrize(
    ("name", "index"), [("en", 2), ("zh_hans", 4), ("zh_hant", 1), ("other", 0)]
)
def test_copies_come_in_degrees(name: str, index: int) -> None:
    article, donor = articles(name)[index], articles(name)[index + 1]
    rng = random.Random(1)
    near = {}
    for degree in DEGREES:
        copy = changed(article, degree, donor, rng)
        near[degree] = jaccard(copy.gold_text, article.gold_text, article.lang)
        assert (copy.gold_text == article.gold_text) == (degree == "reframed")
    assert near["reframed"] == 1
    assert NEAR < near["touched"] < 1
    assert near["edited"] < near["touched"] + 0.05
    assert 0.1 < near["half"] < 0.7
    assert 0.2 < near["excerpt"] < 0.85
    assert 0.4 < near["shortened"] < 1


def test_shingles_by_hand() -> None:
    assert jaccard("a b c d e", "A, b! c d e", "en") == 1
    assert jaccard("a b c d e f", "a b c d e g", "en") == 1 / 3
    assert jaccard("天地玄黄宇宙", "天地玄黄，宇", "zh-Hans") == 1 / 2
    assert jaccard("天地", "天地。", "zh-Hans") == 1


def test_python_tells_of_itself() -> None:
    found = list(pythondocs.pages(12))
    assert len(found) == 12
    assert any(a.id.startswith("python-module") for a in found)
    assert {b.kind for a in found for b in a.blocks} >= {"p", "h", "li", "code"}
    assert list(pythondocs.pages(10**6))[:12] == found
    text = "Title\n*****\n\nOne line\nand another.\n\n   >>> 1\n   2\n\n* a\n  b\n* c\n"
    assert [(b.kind, b.text) for b in pythondocs.structured(text)] == [
        ("h", "Title"),
        ("p", "One line and another."),
        ("code", ">>> 1\n2"),
        ("li", "a b"),
        ("li", "c"),
    ]
