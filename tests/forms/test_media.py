"""Scripts and stylesheets of forms and widgets: merged in order, each once."""

from __future__ import annotations

import pytest

from vivace import forms
from vivace.errors import FormError
from vivace.forms import Media, Script, Stylesheet


class Calendar(forms.DateInput):
    class Media:
        css = {"all": ["/calendar.css"], "print": ["/print.css"]}
        js = ["/base.js", "/calendar.js"]


class Fancy(Calendar):
    class Media:  # pyright: ignore[reportIncompatibleVariableOverride] - as Django has it
        js = ["/fancy.js"]


class Alone(Calendar):
    class Media:  # pyright: ignore[reportIncompatibleVariableOverride]
        extend = False
        js = ["/alone.js"]


class OnlyLooks(Calendar):
    class Media:  # pyright: ignore[reportIncompatibleVariableOverride]
        extend = ("css",)
        js = ["/looks.js"]


class Booking(forms.Form):
    start = forms.DateField(widget=Calendar)
    end = forms.DateField(widget=Fancy)

    class Media:
        js = ["/form.js"]


def test_fm7_media_of_a_form_is_that_of_its_widgets_each_once() -> None:
    media = Booking().media
    assert sorted(media.js) == ["/base.js", "/calendar.js", "/fancy.js", "/form.js"]
    assert media.js.index("/base.js") < media.js.index("/calendar.js")
    assert media.css == {"all": ["/calendar.css"], "print": ["/print.css"]}
    assert str(Booking().media["css"]) == (
        '<link href="/calendar.css" rel="stylesheet" media="all">\n<link href="/print.css" rel="stylesheet" media="print">'
    )
    assert '<script src="/form.js"></script>' in media.render_js()
    assert media.render_css() == str(media["css"]).split("\n")


def test_fm7_inheritance_of_media() -> None:
    assert Fancy().media.js == ["/base.js", "/fancy.js", "/calendar.js"]
    assert Alone().media.js == ["/alone.js"]
    assert not Alone().media.css
    assert OnlyLooks().media.js == ["/looks.js"]
    assert list(OnlyLooks().media.css) == ["all", "print"]
    assert not forms.TextInput().media


def test_fm7_order_suits_all_lists_where_it_can() -> None:
    both = Media(js=["a", "c"]) + Media(js=["b", "c"]) + Media(js=["a", "b"])
    assert both.js == ["a", "b", "c"]
    assert sorted((Media(js=["a", "b"]) + Media(js=["b", "a"])).js) == ["a", "b"]


def test_fm7_objects_attributes_and_nonces() -> None:
    media = Media(
        css={"all": [Stylesheet("/a.css", media="print", integrity="sha384-x")]},
        js=[Script("https://x.org/<m>.js", type="module")],
    )
    assert media.render(nonce="n'1").split("\n") == [
        '<link href="/a.css" rel="stylesheet" media="print" integrity="sha384-x" nonce="n&#39;1">',
        '<script src="https://x.org/&lt;m&gt;.js" type="module" nonce="n&#39;1"></script>',
    ]
    assert Script("/a.js") == Script("/a.js") != Stylesheet("/a.js")


def test_fm7_static_files_need_an_app() -> None:
    with pytest.raises(FormError, match=r"static file 'a\.js'"):
        str(Media(js=["a.js"]))
    with pytest.raises(KeyError):
        Media()["html"]


def test_fm7_multi_widgets_have_the_media_of_their_parts() -> None:
    assert forms.MultiWidget([Alone, forms.TextInput]).media.js == ["/alone.js"]
