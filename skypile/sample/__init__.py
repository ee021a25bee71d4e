"""The embedded sample: pages written for this project, as WARC files, with the truth beside.

It proves plumbing. What it measures says nothing about the web: claims of quality need real data.

`skypile sample OUT` writes `sample-0000N.warc[.gz]`, `truth.jsonl` and `wiki/`. The same pages and
seed give the same bytes (the gzip files: where zlib is the same), on any Python, except for
`sample-00003.warc.gz` and its lines of truth: they hold prose of the Python that wrote them, and
say of which version. The last file ends in the middle of a record.

`truth.jsonl` has a line a response record:

- `file`, `ordinal` (as in `records`), `record_id`, `url`, `host`
- `kind`: page, mirror, near_mirror, recrawl, fetched_twice, fetched_late, late, broken, python,
  spam, word_salad, redirect, missing, server_error, pdf, json, image, blank, noise, menu, stub,
  cut_off
- `split`: tune or test. Every template, variant of furniture, generator, written article, wording
  of boilerplate and topic of spam is in one of the two, drawn by the seed: a threshold may have
  seen tune only. The sites, a text and all its copies are in one split.
- `expect`: what each stage should make of it. `extract`: kept, or its reason. Where kept also
  `language` (en, zh, other), `dedup` (duplicate: the Jaccard index to its original is at least
  .8; one of the family stays), `quality` (high, low, or null where that is a matter of taste)
- `lang` (BCP 47), `charset`, `declared` (`header`, `meta`: as written, right or wrong, or null),
  `template`, `broken` (what is wrong with its HTML)
- `article`, `generator` (null: written by hand), `quality`: encyclopedic, news, forum, prose,
  notice, manual, spam, word_salad
- `family` (the text that it and all its copies go back to), `copy_of` (a record id), `degree`
  (exact: the same bytes; recrawl: the same address again; reframed: the same text in another
  dress; touched, edited, shortened, excerpt, half), `jaccard` (of the sets of 5-shingles of the
  two gold texts: words, or code points of Chinese and Japanese)
- `boilerplate`: `intent`, `wording`, `block` (index in `blocks`), `text` of each paragraph that
  other sites have in other words
- `personal`: `kind` (email, phone, ipv4, ipv6, cn_id, bank_card), `start`, `end` (code points of
  `gold_text`), `text`; `decoys`: what looks like it and is none
- `python`: the version whose prose it is
- `blocks` ([kind, text]: p, h, li, row, code) and `gold_text`, their texts joined by newlines:
  what extraction should find. Null where nothing is to be kept.

`wiki/truth.jsonl` has a line a page of the two dumps: `kind` (article, redirect, disambiguation,
broken, other), `paragraphs` (list items too, markup gone; tables, infoboxes and captions are not
in them), `headings`, and `cites`: the `url` as written, its `form`, and the `page` of the sample it
means (null: none).
"""
