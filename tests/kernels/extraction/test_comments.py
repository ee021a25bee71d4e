"""Readers' comments, found by what templates call their places."""

import time

import pytest

from skypile.kernels.extraction import article
from skypile.kernels.extraction.comments import comments

SAID = "I have grown a lemon tree from seed, and it has not bloomed yet."
ZH = "支持平台做法，今天擦边不管，明天就啥都敢露。"
SHORT = "Lovely"


def found(body: str) -> list[str]:
    return comments(article.parse(f"<html><head><title>t</title></head><body>{body}</body></html>"))


WORDPRESS = f"""<div id="comments" class="comments-area"><h2 class="comments-title">2 thoughts</h2>
<ol class="comment-list"><li id="comment-7" class="comment even thread-even depth-1 byuser
comment-author-ann bypostauthor"><article id="div-comment-7" class="comment-body">
<footer class="comment-meta"><div class="comment-author vcard"><b class="fn">Ann</b> says:</div>
<div class="comment-metadata"><a href="#">February 23, 2017 at 12:33 pm</a></div></footer>
<div class="comment-content"><p>{SAID}</p><p>{SHORT}</p></div>
<div class="reply"><a class="comment-reply-link" href="#">Reply</a></div></article></li></ol>
<div id="respond" class="comment-respond"><h3>Leave a Reply</h3><form>Your name</form>
</div></div>"""
OTHERS = {
    "items": f"<ul class='comments'><li><span class='username'>Bo</span><p>{SAID}</p></li></ul>",
    "camel case": f"<div class='commentBox'><div class='commentText'>{SAID}</div></div>",
    "schema.org": f"<div itemprop='comment'><p itemprop='text'>{SAID}</p></div>",
    "pinyin": f"<div id='pinglun_list'><div class='nickname'>网友甲</div><dd>{SAID}</dd></div>",
    "German": f"<div id='kommentare'><p>{SAID}</p><p>2 Kommentare</p></div>",
}


def test_of_a_wordpress_page_what_was_said() -> None:
    assert found(f"<p>Article.</p>{WORDPRESS}") == [SAID, SHORT]


@pytest.mark.parametrize("name", OTHERS)
def test_places_of_other_templates(name: str) -> None:
    assert found(OTHERS[name]) == [SAID]
    assert found(OTHERS[name].replace(SAID, ZH)) == [ZH]


NONE = {
    "a count": "<span class='comments-count'>There were 12 comments on this page by now.</span>",
    "a form": f"<form class='comments'>{SAID}</form>",
    "the body of a page": f"<div class='comments'><h1>Title</h1><p>{SAID}</p></div>",
    "the side": f"<aside><ul class='comments'><li><p>{SAID}</p></li></ul></aside>",
    "a listing": f"<pre><code><span class='comment'># {SAID}</span></code></pre>",
    "another name": f"<div class='commentary'><p>{SAID}</p></div>",
    "prompts": "<div class='comments'><p>0 Comments</p><p>Join Discussion</p>"
    "<p>powered by Disqus</p><p>Please log in to leave a comment.</p>"
    "<p>网友评论</p><p>登录后发表评论</p></div>",
    "traditional prompts": "<div class='comments'><p>暫無評論，快來搶沙發吧！</p>"
    "<p>尚無評論，歡迎您第一個留言。</p><p>請先登入後再發表您的回應。</p><p>您還未登錄，請先登錄再說。</p></div>",
    "a script": f"<script id='comments'>var x = '{SAID}'</script>",
    "a field": f"<textarea class='comment'>{SAID}</textarea>",
    "what is hidden": f"<div style='display:none'><div class='comments'><p>{SAID}</p></div></div>",
    "a sidebar": f"<div class='sidebar'><ul class='comments'><li><p>{SAID}</p></li></ul></div>",
    "templates": "<div class='comments'><p>{{ comment.text }} and more of such a line</p></div>",
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_comment(name: str) -> None:
    assert found(NONE[name]) == []


BODIES = (
    "I left Disqus years ago because it tracked me on every site I read.",
    "I will post my reply soon.",
    "全部评论都看完了，写得真好！",
    "热门的那些评论都很有道理。",
    "好文章",
    "頂",
)


@pytest.mark.parametrize("text", BODIES)
def test_what_is_named_as_the_body_of_a_comment_is_text_as_it_is(text: str) -> None:
    assert found(f"<div class='comments'><div class='comment-content'>{text}</div></div>") == [text]


def test_a_sidebar_in_the_name_of_what_holds_it_all_is_none() -> None:
    place = f"<div class='comments'><p>{SAID}</p></div>"
    assert found(f"<div class='content-sidebar-wrap'>{place}</div>") == [SAID]


def test_an_id_counts_behind_many_classes() -> None:
    names = " ".join(f"c{n}" for n in range(20))
    assert found(f"<div class='{names}' id='comments'><p>{SAID}</p></div>") == [SAID]


def test_bodies_deep_in_places_take_time_linear_in_the_page() -> None:
    deep = "<div class='comments'>" * 150 + f"<p class='text'>{SAID}</p>" * 8000 + "</div>" * 150
    begun = time.process_time()
    assert len(found(deep)) == 8000
    assert time.process_time() - begun < 3


def test_names_nested_a_hundred_deep_take_no_time() -> None:
    deep = "<div class='comments'><h1>x</h1>" * 90 + f"<p>{SAID}</p>" * 3000 + "</div>" * 90
    begun = time.process_time()
    assert found(deep) == []
    assert time.process_time() - begun < 5
