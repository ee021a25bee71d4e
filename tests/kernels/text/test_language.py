"""What a text is written in: the model and the scripts together."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels.text import language
from skypile.kernels.text.language import LID_SHA256, SINITIC, Model, identify, open_model, sample
from skypile.kernels.text.scripts import profile


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model("", LID_SHA256)


# What lid.176.ftz alone says is French, English, German, Japanese or Korean.
SHORT_CHINESE = [
    "陣陣秋風處處地奔走",
    "剛剛剝咗智慧齒",
    "开会。",
    "商品没毛病，快递速度没毛病，就是这包装",
    "还能住，所以，突然让我感受到没优势呀",
    "浓浓的塑料味，机身开合有吱呀声",
    "、听诊器感觉严重，除非坐着不动。",
]


@pytest.mark.parametrize("text", SHORT_CHINESE)
def test_short_chinese_is_chinese(text: str, model: Model) -> None:
    found = identify(text, model)
    assert found.lang in SINITIC, found
    assert found.prob > 0.9


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("The lock keeper wrote the level of the canal into a ledger every evening.", "en"),
        ("船闸的看守人每晚把水位写进账簿，账簿比运河活得更久。", "zh"),
        ("船閘的看守人每晚把水位寫進帳簿，帳簿比運河活得更久。", "zh"),
        ("佢哋喺度做緊嘢，你唔好嘈住佢哋", "yue"),
        ("阿拉是上海人，侬好伐", "wuu"),
        ("學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？", "zh"),
        ("邑之西二十里有山曰鳴岡，岡之陰，兩崖對峙，中劃一澗，土人謂之石甕。", "zh"),
        ("水門の番人は毎晩、運河の水位を帳簿に書き込んだ。", "ja"),
        ("日本国憲法", "ja"),  # no kana: 国 is not traditional, 憲 not simplified
        ("東京都千代田区永田町", "ja"),
        ("株式会社山田製作所", "ja"),
        ("수문지기는 매일 저녁 운하의 수위를 장부에 적었다.", "ko"),
        ("大韓民國 憲法은 國民의 權利를 保障한다", "ko"),
        ("Der Schleusenwärter schrieb jeden Abend den Wasserstand in ein Buch.", "de"),
        ("Смотритель шлюза каждый вечер записывал уровень воды.", "ru"),
        ("كان حارس القناة يكتب مستوى الماء كل مساء في دفتر", "ar"),
        ("ئۇيغۇر تىلى ئۇيغۇرلارنىڭ ئانا تىلى", "ug"),
        ("ལྷ་ས་ནི་བོད་ཀྱི་རྒྱལ་ས་ཡིན།", "bo"),
        ("คนเฝ้าประตูน้ำจดระดับน้ำทุกเย็น", "th"),
    ],
)
def test_languages(text: str, lang: str, model: Model) -> None:
    assert identify(text, model).lang == lang


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        # A page about a tool: more letters of code than of Chinese.
        (
            "安装依赖后运行下面的命令即可启动服务：\n```\nnpm install && npm run build -- --mode "
            "production\n```\n然后在浏览器里打开 http://localhost:3000/index.html 查看效果。",
            "zh",
        ),
        (
            "The Shanghai Museum (上海博物馆) lies on People's Square in the middle of the city.",
            "en",
        ),
        ("鲜の味道很好，大家都喜欢，服务员也很热情。", "zh"),
        ("本周排行榜第一名是《キャプテン翼》，第二名是国产动画，这让许多观众感到意外。", "zh"),
        ("韩国艺人김수현出席了上海的品牌活动，现场吸引了数百名粉丝。", "zh"),
        ("最新の React と TypeScript を使ってアプリを作る方法を説明します", "ja"),
        ("我愛臺灣 ㄨㄛˇ ㄞˋ ㄊㄞˊ ㄨㄢ", "zh"),
        ("他在简体文章里提到了香港的譚詠麟，但全文仍然是简体中文写成的。", "zh"),
    ],
)
def test_mixed_text(text: str, lang: str, model: Model) -> None:
    assert identify(text, model).lang == lang


COLUMNS = ("uid", "sku_id", "col_b", "idx_tbl", "qty_x", "tmp_ts", "pk_no", "fk")
SQL_TABLE = "".join(f"| {name} | varchar(255) | utf8mb4_bin | NULL |\n" for name in COLUMNS)


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("查看表的全部列与索引信息：\n" + SQL_TABLE, "zh"),
        ("查看\n" + SQL_TABLE * 2, ""),  # too few
        (
            "Das Museum 上海博物馆 liegt am Platz; es ist alt, sein Haus neu, der Eintritt frei "
            "und sonntags bis in den Abend hinein geöffnet.",
            "de",
        ),
        ("The keeper of the house in 上海市 wrote the level of the canal into a ledger. ", "en"),
    ],
)
def test_code_around_a_little_chinese_is_chinese_where_it_reads_as_nothing(
    text: str, lang: str, model: Model
) -> None:
    scripts = profile(text)
    share = 3.5 * scripts.wide / (scripts.letters + 2.5 * scripts.wide)
    assert share < language.MIN_WIDE_SHARE
    assert (share >= language.CODE_WIDE_SHARE) == (lang != "")
    found = identify(text, model)
    assert found.lang == lang if lang else found.lang not in SINITIC


@pytest.mark.parametrize(
    "text", ["", " \n\t", "12345 67890", "😀🎉👍🏽", "!!! --- ,,,", "\x00\x00"]
)
def test_without_a_letter_there_is_no_language(text: str, model: Model) -> None:
    found = identify(text, model)
    assert (found.lang, found.prob) == ("und", 0.0)
    assert found.profile.letters == 0


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("東京の道は長い", "ja"),
        ("ガラス窓", "ja"),
        ("山水花鳥風月天地人心手足", "zh"),
        ("我们的国家", "zh"),
        ("我們的國家", "zh"),
        ("駅前広場", "ja"),
        ("한국의 漢字", "ko"),
    ],
)
def test_scripts_decide_where_the_model_knows_nothing(text: str, lang: str) -> None:
    assert language._east_asian(profile(text), {})[0] == lang


def test_romanised_chinese_is_not_english(model: Model) -> None:
    pinyin = "Wo jintian qu xuexiao shangke, ranhou he pengyou yiqi chi wanfan, hen kaixin."
    assert identify(pinyin, model).lang not in ("en", *SINITIC)


def test_capitals_and_full_width_letters_are_words_too(model: Model) -> None:
    text = "The keeper of the house on the hill has not been seen for a week."
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in text)
    for form in (text, text.upper(), wide):
        assert identify(form, model).lang == "en"
        assert identify(form, model).prob > 0.95
    assert language.plain("，ＡＢＣ１２ "[:-1] + "x") == "，abc12x"


def test_line_ends_nul_and_fasttexts_own_mark_change_nothing(model: Model) -> None:
    sentence = "Der Schleusenwärter schrieb jeden Abend den Wasserstand in ein Buch"
    words, plain = sentence.split(), model.predict(sentence)
    for mark in ("\n", "\r\n", "\x85", "\u2028", "\x0b", "\t", " </s> ", "\n\n"):
        assert model.predict(mark.join(words)) == plain, repr(mark)
    assert next(iter(model.predict("</s> " + " ".join(words)))) == "de"
    assert next(iter(model.predict("\x00".join(words)))) == "de"
    assert identify("\ud800 lone surrogates \udfff in the text of a page", model).lang == "en"


def test_a_model_is_checked_when_it_is_opened(tmp_path, model: Model) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="cannot read the language model .*none.ftz: No such"):
        open_model(str(tmp_path / "none.ftz"), LID_SHA256)
    broken = tmp_path / "broken.ftz"
    broken.write_bytes(language.shipped_model().read_bytes()[:500_000])
    with pytest.raises(ValueError, match=r"has the SHA-256 \w{64}, not 8f3472cf.*lid_sha256"):
        open_model(str(broken), LID_SHA256)
    import hashlib

    text = tmp_path / "text.ftz"
    text.write_bytes(b"no model at all" * 100)
    with pytest.raises(ValueError, match="is no fastText model"):
        open_model(str(text), hashlib.sha256(text.read_bytes()).hexdigest())
    import fasttext

    (tmp_path / "train.txt").write_text("__label__spam buy now\n__label__ham hello\n" * 20)
    other = fasttext.train_supervised(str(tmp_path / "train.txt"), dim=2, epoch=1, verbose=0)
    other.save_model(str(tmp_path / "other.bin"))
    digest = hashlib.sha256((tmp_path / "other.bin").read_bytes()).hexdigest()
    with pytest.raises(ValueError, match="no model for languages"):
        open_model(str(tmp_path / "other.bin"), digest)


def test_another_model_may_name_languages_by_three_letters(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import hashlib

    import fasttext

    lines = {
        "eng_Latn": "the house on the hill is old",
        "deu_Latn": "das haus auf dem berg ist alt",
        "zho_Hans": "山上的房子很旧",
        "yue_Hant": "佢哋喺度做緊嘢",
    }
    train = tmp_path / "train.txt"
    train.write_text("".join(f"__label__{k} {v}\n" for k, v in lines.items()) * 50, "utf8")
    made = fasttext.train_supervised(
        str(train), dim=8, epoch=20, minn=1, maxn=3, thread=1, lr=0.5, verbose=0
    )
    made.save_model(str(tmp_path / "m.bin"))
    digest = hashlib.sha256((tmp_path / "m.bin").read_bytes()).hexdigest()
    found = open_model(str(tmp_path / "m.bin"), digest)
    assert set(found.predict("the house")) <= {"en", "deu", "zh", "yue"}
    assert identify(lines["eng_Latn"], found).lang == "en"
    assert identify(lines["deu_Latn"], found).lang == "deu"
    assert identify(lines["zho_Hans"], found).lang == "zh"
    assert identify(lines["yue_Hant"], found).lang == "yue"


def test_the_same_text_has_the_same_numbers(model: Model) -> None:
    texts = [*SHORT_CHINESE, "The quick brown fox", "日本国憲法"]
    first = [identify(t, model) for t in texts]
    again = Model(language.shipped_model(), LID_SHA256)
    assert [identify(t, again) for t in reversed(texts)] == first[::-1]


def test_a_sample_begins_and_ends_with_blocks() -> None:
    blocks = [f"block {i} " + "x" * (i * 7 % 50) for i in range(2000)]
    text = "\n".join(blocks)
    found = sample(text, 900, 3)
    assert len(found) <= 900
    assert set(found.split("\n")) <= set(blocks)
    for third in (blocks[:5], blocks[900:1100], blocks[-20:]):
        assert set(third) & set(found.split("\n"))
    assert sample("short", 900, 3) == "short"
    assert sample("字" * 5000, 900, 3) == "字" * 300 + "\n" + "字" * 300 + "\n" + "字" * 298


@given(st.text(max_size=400), st.integers(1, 120), st.integers(1, 7))
def test_a_sample_is_bounded_and_pure(text: str, max_chars: int, windows: int) -> None:
    found = sample(text, max_chars, windows)
    assert len(found) <= max(max_chars, 0)
    assert found == sample(text, max_chars, windows)
    assert text == found or len(text) > max_chars


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_has_a_language_and_a_probability(text: str) -> None:
    found = identify(text, open_model("", LID_SHA256))
    assert 0 <= found.prob <= 1
    assert 0 <= found.model_prob <= 1
    assert (found.lang == "und") >= (not found.profile.letters)


@pytest.mark.parametrize("unit", ["a", "字", "the lock keeper wrote. ", "\n", "</s>", "A ", "'a"])
def test_ten_megabytes_take_a_moment(unit: str, model: Model) -> None:
    text = unit * (10_000_000 // len(unit))
    begun = time.process_time()
    identify(text, model)
    assert time.process_time() - begun < 2
