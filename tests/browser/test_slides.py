"""Slides of a lesson, in the browser: nothing is fetched, nothing is cut off, answers wait for a click."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import guesses, slides
from utils import workbook

LINES = "\n".join(f"line {n}" for n in range(30))
#: What is wrong with the slide that is shown: parts outside of it, or code too small to read from the last row.
FAULTS = """() => {
  const slide = Reveal.getCurrentSlide(), found = [];
  const frame = slide.getBoundingClientRect(), unit = frame.width / 1280;
  const inside = slide.classList.contains("scrolls") ? slide.scrollHeight * unit : 720 * unit;
  for (const part of slide.querySelectorAll("p, li, td, h1, h2, h3, pre, img, summary, math")) {
    if (!part.checkVisibility()) continue;
    const box = part.getBoundingClientRect();
    if (box.right > frame.right + 1 || box.left < frame.left - 1) found.push("wide: " + part.outerHTML.slice(0, 200));
    if (box.bottom - frame.top > inside + 1) found.push("high: " + part.outerHTML.slice(0, 200));
    if (part.scrollWidth > part.clientWidth + 1 && part.clientWidth) found.push("hidden: " + part.outerHTML.slice(0, 200));
    const size = parseFloat(getComputedStyle(part).fontSize) * (part.currentCSSZoom ?? 1) * unit;
    if (part.tagName == "PRE" && size < 16) found.push(`small, ${size}: ` + part.outerHTML.slice(0, 200));
  }
  return found;
}"""


@pytest.fixture
def show(browser):
    """Opens slides on a wide screen; gives the page, and what it asked the network for."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    asked = []

    def show(path):
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready=yes]")
        assert [url for url in asked if not url.startswith(("data:", path.as_uri()))] == []
        return page

    yield show
    context.close()


def each(page):
    """Go through all slides in order; yields the number of each."""
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        yield number
        page.evaluate("Reveal.next()")


@pytest.mark.parametrize("number", ["03", "08", "13"])
def test_a_lesson_is_shown_whole(show, number):
    (place,) = (path for path in workbook.lessons() if workbook.number_of(path) == number)
    page = show(slides.make(place))
    faults = {n: found for n in each(page) if (found := page.evaluate(FAULTS))}
    assert faults == {}
    sections = [
        cell
        for cell in nbformat.read(place, as_version=4).cells
        if cell.cell_type == "markdown" and cell.source.startswith(("# ", "## "))
    ]
    assert page.locator(".slides > section").count() == len(sections)
    assert "google.colab" not in page.content()


def test_an_answer_waits_for_a_click_and_then_fits(show, tmp_path, monkeypatch):
    answer = guesses.fold([new_output("stream", name="stdout", text=LINES)])
    lesson = new_notebook(
        cells=[
            new_markdown_cell("# Title\n\n$a^2 + b$ and " + "many words " * 400),
            new_code_cell("my_guess = ..."),
            new_code_cell(f"'''{LINES}'''\nreveal(my_guess, 7)", outputs=answer),
            new_code_cell("x", outputs=[new_output("stream", name="stdout", text="y" * 5000)]),
        ]
    )
    monkeypatch.setattr(slides, "BUILD", tmp_path)
    nbformat.write(lesson, tmp_path / "99-small.ipynb")
    page = show(slides.make(tmp_path / "99-small.ipynb"))
    assert page.locator("math").count() == 1
    clicked = 0
    for _ in each(page):
        assert page.evaluate(FAULTS) == []
        summary = page.locator("section.present > .fitted summary")
        if summary.count():
            hidden = page.locator("section.present > .fitted details pre")
            assert not hidden.is_visible()
            summary.click()
            assert hidden.is_visible()
            page.wait_for_timeout(100)
            assert page.evaluate(FAULTS) == []
            clicked += 1
    assert clicked == 1
