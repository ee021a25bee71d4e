"""Numbers of English and Chinese texts: every way to write one, and what must come back."""

from decimal import Decimal

import pytest

from skypile.kernels.parallel.numerals import numbers


def missing(english: str, chinese: str) -> tuple[int, int]:
    en, zh = numbers(english), numbers(chinese)
    return en.missing_in(zh), zh.missing_in(en)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("三百二十", "320"),
        ("三百二十人", "320"),
        ("二〇二三年", "2023"),
        ("二零二三年", "2023"),
        ("一万二千", "12000"),
        ("一萬二千", "12000"),
        ("三億五千萬", "350000000"),
        ("兩萬億", "2000000000000"),
        ("叁佰貳拾", "320"),
        ("三十二点五", "32.5"),
        ("三十二點五", "32.5"),
        ("百分之三十五", "35"),
        ("廿五", "25"),
        ("twenty-three", "23"),
        ("three hundred and twenty", "320"),
        ("two million five hundred thousand", "2500000"),
        ("the twenty-first century", "21"),
        ("a dozen eggs", "12"),
        ("March", "3"),
        ("Super Bowl XXXIII", "33"),
        ("半", "0.5"),
    ],
)
def test_numbers_in_words(text: str, value: str) -> None:
    assert Decimal(value) in numbers(text).known
    assert numbers(text).stated == ()


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("3,000 products in 11 stores", "３０００个品种，11 家商店"),
        ("the £2.8bn market", "28亿英镑的市场"),
        ("1.2 million people", "120万人"),
        ("1.2 million people", "120 萬人"),
        ("12,000 seats", "1.2万个座位"),
        ("350 million", "3亿5千万"),
        ("12,000 and 35,000", "1万2000和3万5"),
        ("5 km", "5千米"),
        ("35% of them", "其中百分之三十五"),
        ("35% of them", "其中 35％"),
        ("the 1990s", "20世纪90年代"),
        ("the 1990s", "二十世紀九十年代"),
        ("on March 5th, 2021", "2021年3月5日"),
        ("at 3:30 pm", "在15:30"),
        ("at 4.40 am", "凌晨 4:40"),
        ("320 members", "三百二十名成员"),
        ("three hundred and twenty members", "320 名成員"),
        ("Linux 2.6.32 and MP3", "Linux 2.6.32 和 MP3"),
        ("the 33rd", "第三十三"),
        ("one of the ways", "一种办法"),
        ("be careful, in case of fire", "千万小心，万一失火"),
        ("nothing", "没有"),
    ],
)
def test_a_translation_has_them(english: str, chinese: str) -> None:
    assert missing(english, chinese) == (0, 0)


@pytest.mark.parametrize(
    ("english", "chinese", "lost"),
    [
        ("by 50 pixels", "100 像素", (1, 1)),
        ("in 1998 and 1999", "在 1998 年", (1, 0)),
        ("some people", "三百 320 人", (0, 1)),
        ("2.6.32", "2.6.33", (1, 1)),
        ("1.2 million", "1.3亿", (1, 1)),
        ("1.2 million", "1.3億", (1, 1)),
    ],
)
def test_another_text_has_not(english: str, chinese: str, lost: tuple[int, int]) -> None:
    assert missing(english, chinese) == lost


def test_long_digits_and_odd_ones_end() -> None:
    numbers("9" * 100_000)
    numbers("1万" * 20_000 + "一万亿" * 20_000 + "IV" * 5000 + "1.1." * 5000)
    assert numbers("9" * 30).stated == (frozenset({"9" * 30}),)
