"""All targets: what is fuzzed, from which seeds, taken apart where, with which words."""

from bench.fuzz import own_files, records, seeds, texts
from bench.fuzz.target import Target

_TAGS = (
    *(b"<div>", b"</div>", b"<p>", b"<table>", b"<tr>", b"<td>", b"<pre>", b"<code>", b"<math>"),
    *(b"<ul>", b"<li>", b"<script>", b"<!--", b"-->", b"<title>", b"<svg>", b"<template>", b"<a "),
    *(b"&amp;", b"&#x110000;", b"<textarea>", b"<noscript>", b"<frameset>", b"<br>", b"<h1>"),
    *(b"<div class=comments>", b"<p class=comment-body>", b"<p class=meta>", b"<aside>"),
)
_HEADS = (
    *(b"WARC/1.0\r\n", b"Content-Length: ", b"\r\n\r\n", b"WARC-Type: response\r\n", b"-1"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"HTTP/1.1 200\r\n"),
    *(
        b"Content-Encoding: br\r\n",
        b"filedesc://",
        b"99999999999999999999",
        b"\xff",
        b"ffffffff\r\n",
    ),
)
_TOML = (
    *(b" = nan", b" = inf", b"[", b"]]", b'"""', b"\\u0000", b" = {}", b" = []", b"1e999", b"-0.0"),
    *(b"2023-06-30", b"07:32:00", b"0x", b'""', b"true", b"\n[[sources]]\n", b"\n[plan]\n"),
)
_JSON = (b"null", b"{}", b"[]", b"-1", b'""', b"1e999", b'"../../x"', b"true", b"NaN", b"\\ud800")
_PERSON = (
    *(b"@", b"13812345678", b"8.8.8.8", b"%40", b"+86", b"tel", "电话".encode(), b"::", b"%25"),
    *(b"11010519491231002X", b"4111111111111111", b"<EMAIL>", b"%", "＠".encode(), b"."),
)
_ODD = ("\u2581".encode(), "\u200d".encode(), b"\x00", b"\x1e", b"\xed\xa0\x80", b"\n\n", b"</s>")
_TAG, _LINE, _ITEM = rb"(?=<)|(?<=>)", rb"(?<=\n)", rb"(?<=[,:\[\]{}\n])"
_WORD = rb"(?<=[\s@./%-])|(?<=[\x80-\xff])(?=[\x00-\x7f])"

TARGETS = (
    Target(
        "warc", records.warc, lambda: seeds.after(2, seeds.archives, 5), _LINE, _HEADS, seconds=1
    ),
    Target(
        "extract",
        records.extract,
        lambda: seeds.after(1, seeds.archives, 3),
        _LINE,
        (*_HEADS, *_TAGS),
    ),
    Target(
        "charset", texts.charset, seeds.charsets, _TAG, (b"charset=", b"\x1b$B", b"~{", b"\xfe\xff")
    ),
    Target("html", texts.page("extraction.html"), seeds.pages, _TAG, _TAGS, seconds=4),
    Target("fast", texts.page("fast_engine.fast"), seeds.pages, _TAG, _TAGS, guided=False),
    Target(
        "ready", records.ready, seeds.files, _ITEM, (*_JSON, b"<tu>", b"{{", b"}}", b"[[", b"{|")
    ),
    Target("parquet", records.parquet, lambda: [records.parquet_seed()], rb"(?<=\x00)", ()),
    Target("rules", texts.rules, seeds.texts, _WORD, _ODD, guided=False),
    Target("mask", texts.mask, seeds.personal, _WORD, _PERSON, most=1 << 12, guided=False),
    Target(
        "blocklist", texts.blocklist, seeds.urls, _WORD, (b"xn--", b"%2e", b"[", b"]", b"//", b":")
    ),
    Target("config", own_files.config, seeds.configurations, _LINE, _TOML),
    Target("manifests", own_files.manifests, seeds.damaged(own_files.valid_run), _ITEM, _JSON),
    Target("shards", own_files.shards, seeds.damaged(own_files.valid_shards), _ITEM, _JSON),
    Target("tokenizer", texts.tokenizer, seeds.texts, _WORD, _ODD, guided=False),
)
