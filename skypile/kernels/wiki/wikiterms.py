"""Words of MediaWiki and of Wikipedia's editors that decide what is text, by language.

Namespaces and redirect words are MediaWiki's own translations; names of templates and of sections
are the usual ones of each Wikipedia, with their redirects. Names are compared in lower case, with
spaces for underscores. A language that is not listed has the English ones and what all share.
"""

import re
from dataclasses import dataclass
from functools import cache


def _words(text: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ") for word in text.split())


# Namespaces that a link may lead to and show nothing, in all languages: a page may use English too.
FILES = _words(
    "file image media 文件 檔案 档案 图像 圖像 图片 圖片 fichier datei bild archivo imagen "
    "ficheiro imagem ファイル 画像 파일 그림 файл изображение immagine bestand "
    "afbeelding plik grafika зображення fil tiedosto kuva soubor tập_tin hình "
    "ملف صورة dosya resim berkas"
)
CATEGORIES = _words(
    "category 分类 分類 catégorie kategorie categoría カテゴリ 분류 категория categoria categorie "
    "kategoria категорія kategori thể_loại تصنيف"
)
# Wikipedias of old dumps list their sisters at the end of a page.
SISTERS = _words(
    "af ar ast az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl he hi hr hu hy id is "
    "it ja jv ka kk ko la lb lt lv mk ml mn mr ms nl nn no oc pl pt ro ru sh simple sk sl sq sr sv "
    "sw ta te th tl tr uk ur uz vi war yi zh zh-classical zh-min-nan zh-yue wuu gan"
)


@dataclass(frozen=True)
class Terms:
    """What one language calls things. redirect: matches the first words of a page that is one.
    disambiguation: matches the template of one. sections: titles of sections that are no prose.
    """

    redirect: re.Pattern[str]
    disambiguation: re.Pattern[str]
    disambiguation_title: re.Pattern[str]
    sections: frozenset[str]
    variants: tuple[str, ...]  # of the language, whose -{ }- markup is read; most wanted first


# Separated by "|"; regular expressions.
_REDIRECT = {
    "en": "redirect",
    "zh": "重定向|重新導向",
    "fr": "redirection",
    "de": "weiterleitung",
    "es": "redirección|redireccion",
    "ja": "転送|リダイレクト|転送",
    "ko": "넘겨주기",
    "ru": "перенаправление|перенапр",
    "pt": "redirecionamento",
    "it": "rinvia|rinvio|rimando",
    "nl": "doorverwijzing",
    "pl": "patrz|przekieruj|tam",
    "uk": "перенаправлення",
    "vi": "đổi",
    "ar": "تحويل",
}
_DISAMBIGUATION = {
    "en": (
        r"disambig(?:uation)?(?:[ -](?:page|cleanup|clean ?up))?|dab|disamb|dmbox|"
        r"hndis(?:-cleanup)?|hndab|geodis|geodab|numberdis|mathdab|roaddis|"
        r"(?:human name|place name|airport|biology|call ?sign|caselaw|chinese title|genus|hospital|"
        r"mathematical|"
        r"letter[ -]number combination|mathematics|military unit|music|molecular|opus|phonetics|"
        r"road|school|species latin name(?: abbreviation)?|station|synagogue|taxonomic authority|"
        r"taxonomy|template|church|numerical|wikipedia) disambiguation|"
        r"letter-numbercombdisambig|schooldis|hospitaldis|disamb-cleanup|tlccdisambig|"
    ),
    "zh": (
        r"(?:[^\W_]{0,12})消歧[义義](?:[页頁])?|disambig-\w{1,20}|disambiguation page|hndis|geodis|"
        r"[两兩二三]字母(?:缩写|縮寫)?消歧[义義]|多义|多義"
    ),
    "fr": r"homonymie|(?:toponymie|patronymie|prénoms|sigle|paronymie|bandeau d.homonymie)|"
    r"homonymie de \w{1,20}|internationalisation",
    "de": r"begriffsklärung|bkl|bks",
    "es": r"desambiguaci[oó]n|desambig|des",
    "ja": r"aimai|曖昧さ回避|\w{1,12}曖昧さ回避|人名|地名|同名の\w{1,8}",
    "ko": r"동음이의(?:어)?(?: 문서)?|동명이인|(?:인명|지명|학교|철도역) 동음이의",
    "ru": r"неоднозначность|многозначность|disambig|список однофамильцев|однофамильцы|тёзки",
    "pt": r"desambiguação|desambig|desambig-\w{1,20}",
    "it": r"disambigua",
    "nl": r"dp|dpintro|doorverwijspagina",
    "pl": r"ujednoznacznienie|disambigr",
    "uk": r"неоднозначність|disambigg?",
    "vi": r"trang định hướng|định hướng",
    "ar": r"توضيح",
}
_DISAMBIGUATION_TITLE = {
    "en": "disambiguation",
    "zh": "消歧[义義](?:[页頁])?",
    "fr": "homonymie",
    "de": "begriffsklärung",
    "es": "desambiguación",
    "ja": "曖昧さ回避",
    "ko": "동음이의(?:어)?",
    "ru": "значения",
    "pt": "desambiguação",
    "it": "disambigua",
    "nl": "doorverwijspagina",
    "pl": "ujednoznacznienie",
    "uk": "значення",
    "vi": "định hướng",
    "ar": "توضيح",
}
_SECTIONS = {
    "en": (
        "references|external links|external link|see also|further reading|notes|footnotes|"
        "citations|notes and references|references and notes|sources|bibliography|works cited|"
        "literature cited|general references|cited sources|references and sources|"
        "notes and citations|endnotes"
    ),
    "zh": (
        "参考文献|參考文獻|参考资料|參考資料|参考来源|參考來源|参考|參考|参考书目|參考書目|参考链接|參考連結|"
        "资料来源|資料來源|来源|來源|注释|注釋|註釋|注解|註解|脚注|腳注|腳註|脚註|附注|附註|注脚|註腳|引用|引註|引文|"
        "注释与参考文献|註釋與參考文獻|注释及参考文献|註釋及參考文獻|参考与注释|參考與註釋|参考注释|參考註釋|"
        "外部链接|外部連結|外部鏈接|外部连接|外部連接|外部链結|相关链接|相關連結|相关连接|"
        "参见|參見|参看|參看|另见|另見|相关条目|相關條目|延伸阅读|延伸閱讀|扩展阅读|擴展閱讀|进一步阅读|"
        "進一步閱讀|参阅|參閱|相關書目|相关书目"
    ),
    "fr": (
        "notes et références|références|notes|voir aussi|liens externes|lien externe|bibliographie|"
        "articles connexes|article connexe|sources|annexes"
    ),
    "de": "einzelnachweise|weblinks|siehe auch|literatur|anmerkungen|quellen|fußnoten",
    "es": (
        "referencias|enlaces externos|véase también|bibliografía|notas|notas y referencias|fuentes"
    ),
    "ja": "脚注|注釈|出典|参考文献|関連項目|外部リンク|関連文献|注|注釈・出典",
    "ko": "각주|참고 문헌|참고문헌|같이 보기|외부 링크|바깥 고리|출처|주석",
    "ru": "примечания|ссылки|литература|см. также|источники|сноски",
    "pt": "referências|ligações externas|ver também|bibliografia|notas|leitura adicional",
    "it": "note|bibliografia|voci correlate|altri progetti|collegamenti esterni",
    "nl": "referenties|externe links|externe link|zie ook|bronnen|literatuur|noten|voetnoten",
    "pl": "przypisy|linki zewnętrzne|zobacz też|bibliografia|uwagi",
    "uk": "примітки|посилання|література|див. також|джерела|виноски",
    "vi": "tham khảo|liên kết ngoài|xem thêm|chú thích|ghi chú",
    "ar": "مراجع|المراجع|وصلات خارجية|انظر أيضا|انظر أيضًا|هوامش",
}
_VARIANTS = {"zh": ("zh-hans", "zh-cn"), "sr": ("sr-ec", "sr-el")}


@cache
def terms(lang: str) -> Terms:
    """Those of a language; ISO 639 or the name of a Wikipedia (`zh-yue` has those of `zh`)."""
    main = lang.lower().partition("-")[0]
    main = {"yue": "zh", "wuu": "zh", "gan": "zh", "lzh": "zh", "simple": "en"}.get(main, main)
    langs = dict.fromkeys(("en", main))

    def union(table: dict[str, str]) -> str:
        return "|".join(table[x] for x in langs if x in table).strip("|")

    return Terms(
        redirect=re.compile(rf"\s*[#＃]\s*(?:{union(_REDIRECT)})\s*[:：]?\s*\[\[", re.IGNORECASE),
        disambiguation=re.compile(
            rf"\{{\{{\s*(?:{union(_DISAMBIGUATION)})\s*(?:\||\}}\}})|__(?:DISAMBIG|消歧[义義])__",
            re.IGNORECASE,
        ),
        disambiguation_title=re.compile(
            rf".*[(（](?:{union(_DISAMBIGUATION_TITLE)})[)）]\Z", re.IGNORECASE
        ),
        sections=frozenset(union(_SECTIONS).split("|")),
        variants=_VARIANTS.get(main, ()),
    )


def name(text: str) -> str:
    """The name of a template, namespace or section, as names are compared."""
    return " ".join(text.replace("_", " ").split()).lower()
