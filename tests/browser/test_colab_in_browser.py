"""`make colab` moves a control of every kind that lessons have, and sees a picture that does not follow."""

import pytest

from tools import colab

# Notebook 6 as far as it matters here: what a kernel would draw, a line of JavaScript draws.
PAGE = """
<div class="code_cell"><div class="explore">{control}</div>
<div class="output"><img src="data:,first"></div></div>
<script>function draw() {{ document.querySelector('img').src = 'data:,second'; }}</script>
"""
CONTROLS = {
    "slider": '<a class="ui-slider-handle" tabindex="0" style="display: block; height: 1em" onkeydown="{draw}"></a>',
    "slider at its end": '<a class="ui-slider-handle" tabindex="0" style="display: block; height: 1em" '
    "onkeydown=\"if (event.key === 'Home') {draw}\"></a>",
    "menu": '<select onchange="{draw}"><option>a</option><option>b</option></select>',
    "text": '<input type="text" value="a" onkeydown="'
    "if (event.key === 'Enter' && this.value !== 'a') {draw}\">",
    "a dead control before one that lives": '<a class="ui-slider-handle" tabindex="0" style="display: block; height: 1em"></a>'
    '<select onchange="{draw}"><option>a</option><option>b</option></select>',
}


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(colab, "PICTURE_SECONDS", 0.3)


@pytest.mark.parametrize("kind", CONTROLS)
def test_a_control_is_moved_by_the_keyboard(page, kind):
    page.set_content(PAGE.format(control=CONTROLS[kind].format(draw="draw()")))
    assert colab.moves(page, page.locator(".code_cell"))


@pytest.mark.parametrize("kind", CONTROLS)
def test_a_picture_that_does_not_follow_is_noticed(page, kind):
    page.set_content(PAGE.format(control=CONTROLS[kind].format(draw="0")))
    assert not colab.moves(page, page.locator(".code_cell"))


def test_a_label_that_is_cut_off_is_noticed(page):
    label = '<div class="widget-label" style="width: {}ch; overflow: hidden">{}</div>'
    labels = label.format(6, "seed") + label.format(4, "momentum")
    page.set_content(f'<div class="explore">{labels}</div>')
    assert page.evaluate(colab.LABELS_CUT_OFF) == ["momentum"]
