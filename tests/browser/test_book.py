"""The web book is whole: made without a warning, no link is dead, nothing comes from the network, and every page can
be read on a phone and on a wide screen, light and dark, by those who do not see or have no pointer."""

import base64
import html
import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageOps

from tools import book, hygiene, notebook

WIDTHS = (390, 800, 1400)
NAMES = {path: path.relative_to(book.ROOT).with_suffix("").as_posix() for path in book.PAGES}
PAGES = ["index", *NAMES.values()]
LESSON = "lessons/part1/06-recurrent"  # it has formulas, folded answers and words of the glossary
TABLES = "lessons/part1/07-where-and-how-deep"
A4 = 718  # pixels between a browser's usual margins
BUTTONS = {"left-prev", "right-next", "dropdown-item"}
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}

# Code has thousands of words in the same few colours; for axe one of each is left apart.
OPEN_ALL = """() => {
    const style = document.createElement('style');
    style.textContent = '* { animation: none !important; transition: none !important; }';
    document.head.append(style);
    document.querySelectorAll('details').forEach(one => { one.open = true; });
    const seen = new Set();
    for (const word of document.querySelectorAll('.cell span:not(:has(*))')) {
        const place = word.closest('.cell_input, .cell_output')?.className;
        const kind = [place, word.className, word.style.cssText].join('|');
        if (seen.has(kind)) word.replaceWith(word.textContent);
        seen.add(kind);
    }
    document.body.normalize();
}"""
# The corner of a table whose rows and columns both have names is empty.
FAULTS = """async () => faults(document, {rules: {
    'empty-table-header': {enabled: false}, 'color-contrast': {enabled: false},
}})"""
# The theme looks for boxes that a key may move 0.3 s after the window's last change.
SETTLED = "new Promise(done => setTimeout(done, 400))"
# Text of the same kind in the same kind of place has the same colours: axe looks at one of each.
PALE_WORDS = """async () => {
    const kinds = new Map();
    for (const element of document.querySelectorAll('body *')) {
        if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
        const place = element.closest('.cell_input, .cell_output, .admonition, table, nav')?.className;
        const kind = [element.tagName, element.className, element.style.cssText,
                      element.parentElement.className, place].join('|');
        if (!kinds.has(kind)) kinds.set(kind, element);
    }
    return faults({include: [...kinds.values()]}, {runOnly: ['color-contrast']});
}"""
ASK_AXE = """() => {
    window.faults = async (where, rules) => {
        const found = await axe.run(where, {resultTypes: ['violations'], preload: false, ...rules});
        return found.violations.map(rule =>
            `${rule.id}: ${rule.help}: ${rule.nodes.slice(0, 3).map(node => node.html).join(' ')}`);
    };
}"""
# Nobody reads a checksum to its end.
OUT_OF_FRAME = """() => [...document.querySelectorAll('div.cell pre, .pst-scrollable-table-container')]
    .filter(one => one.scrollWidth > one.clientWidth && !one.innerText.includes('SHA-256'))
    .map(one => one.innerText)"""
# What is wider than the page stands in a box that can be moved.
CUT_OFF = """() => [...document.querySelectorAll('article *')].filter(one => {
    const place = one.getBoundingClientRect();
    const right = place.left + Math.max(place.width, one.scrollWidth);
    if (!place.width || right <= document.documentElement.clientWidth + 1) return false;
    for (let box = one; box.tagName !== 'ARTICLE'; box = box.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(box).overflowX)
            && box.getBoundingClientRect().right <= document.documentElement.clientWidth + 1) return false;
    return true;
}).map(one => one.outerHTML.slice(0, 200))"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def words(attrs):
    """The classes of a tag."""
    return set((attrs.get("class") or "").split())


class Links(HTMLParser):
    """What a page names, what it links to, what of that by a button, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.names, self.links, self.loads, self.buttons = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.names |= {attrs.get("id"), attrs.get("name")}
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
            self.buttons += [(kind, attrs["href"]) for kind in BUTTONS & words(attrs)]
        if (address := attrs.get(LOADED.get(tag))) and attrs.get("rel") != "canonical":
            self.loads.append(address)


@pytest.fixture(scope="module")
def made():
    """The book, made as `make book` does; Sphinx's warnings fail it."""
    done = subprocess.run(
        [sys.executable, book.__file__], capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return book.BOOK


@pytest.fixture(scope="module")
def parsed(made):
    """The pages; below _static the theme has pieces of pages, too."""
    pages = [path for path in made.rglob("*.html") if "_static" not in path.parts]
    return {path: Links(path.read_text("utf-8")) for path in pages}


REPOSITORY = hygiene.COURSE_URL


@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("lessons/part1/01-recognise-anything.ipynb", "../glossary.md#batch", None),
        ("lessons/part1/01-recognise-anything.ipynb", "../../data/photos/README.md", None),
        ("lessons/part1/01-recognise-anything.ipynb", "#summary", None),
        ("lessons/part1/01-recognise-anything.ipynb", "https://keras.io/a.html", None),
        ("lessons/part1/03-convolutions.ipynb", "../train/lesson_03.py",
         f"{REPOSITORY}/blob/main/lessons/train/lesson_03.py"),
        ("lessons/README.md", "part1/", f"{REPOSITORY}/tree/main/lessons/part1"),
    ],
)  # fmt: skip
def test_a_link_to_what_is_not_in_the_book_leads_to_the_repository(page, link, becomes):
    text = book.with_links(f"See [this]({link}), please.", book.ROOT / page)
    assert text == f"See [this]({becomes or link}), please."


def test_a_link_moves_with_its_text():
    page = book.LESSONS / "part1" / "01-recognise-anything.ipynb"
    moved = book.with_links("[a](../glossary.md#batch)", page, book.ROOT)
    assert moved == "[a](lessons/glossary.md#batch)"


def test_a_link_that_leads_nowhere_stops_the_book():
    with pytest.raises(ValueError, match=r"lessons/README.md links to gone.md"):
        book.with_links("[a](gone.md)", book.LESSONS / "README.md")


def test_every_page_is_there(made):
    assert [page for page in PAGES if not (made / f"{page}.html").exists()] == []


def test_a_page_is_called_in_one_way(made):
    titles = {
        page: re.search(r"<title>(.*?)</title>", (made / f"{page}.html").read_text("utf-8"))[1]
        for page in PAGES
    }
    assert titles.pop("index") == "Thinking in Keras"
    assert all(title.endswith(" &#8212; Thinking in Keras") for title in titles.values())
    assert len(set(titles.values())) == len(titles)
    table = titles["lessons/README"].partition(" &#8212;")[0]
    assert f">{table}</a>" in (made / "index.html").read_text("utf-8"), "as the navigation does"


def test_every_page_stands_in_the_navigation(made, page):
    for name in PAGES:
        page.goto((made / f"{name}.html").as_uri())
        here = page.locator(".bd-docs-nav a.current")
        assert here.count() >= (name != "index"), name


def test_the_first_page_announces_nothing_that_is_not_there(made):
    cards = re.findall(r"<li>(.*?)</li>", (made / "index.html").read_text("utf-8"), re.S)
    begins = [re.sub(r"<.*?>", "", card).strip() for card in cards if "<img" in card]
    assert len(begins) > 15
    assert [text for text in begins if text[-1] not in ".!?"] == []


def test_nobody_is_told_how_to_change_a_page_of_the_data(made):
    pages = [(made / f"{name}.html").read_text("utf-8") for name in PAGES]
    assert [text for text in pages if "Made from" in text and "index.py" in text] == []


def test_nobody_is_told_to_do_what_a_page_cannot(made):
    changed = 0
    for name in PAGES:
        text = (made / f"{name}.html").read_text("utf-8")
        assert [said for said in book.FOR_READERS if said in text] == [], name
        changed += sum(text.count(instead) for instead in book.FOR_READERS.values())
    assert changed > 100


def test_a_table_looks_like_one_when_it_is_folded_away_too(made):
    pages = {name: (made / f"{name}.html").read_text("utf-8") for name in PAGES}
    assert [name for name, text in pages.items() if re.search(r"<table(?![^>]*class)", text)] == []
    folded = re.findall(r'<details class="guess">.*?</details>', pages[TABLES], re.S)
    assert sum('<table class="table">' in answer for answer in folded) > 2


@pytest.mark.parametrize("name", [TABLES, "lessons/part2/15-tables-and-time", "data/README"])
def test_columns_stand_apart(made, page, name):
    page.goto((made / f"{name}.html").as_uri())
    page.evaluate(OPEN_ALL)
    room = page.locator("article :is(td, th)").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).paddingRight))"
    )
    assert len(room) > 30 and min(room) >= 6, "pixels"


def test_formulas_have_the_spaces_of_tex(made):
    faults = re.compile(
        r"</m[in]><mi>[a-z]{2,}|<mi>[a-z]{2,}</mi><m[in]>|<mo>max|(?:\(|&#x0+28;|=|&#x0+3D;)</mo><mo>(?:−|&#x0+2212;)"
    )
    texts = [(made / f"{name}.html").read_text("utf-8") for name in PAGES]
    assert sum(text.count("<math") for text in texts) > 150
    assert [found[0] for text in texts for found in faults.finditer(text)] == []


@pytest.mark.parametrize("size", [(1000, 200), (200, 1000), (720, 450)])
def test_a_lesson_is_shown_by_a_whole_picture(tmp_path, size):
    framed = ImageOps.expand(Image.new("RGB", size, "white"), border=60, fill="red")
    data = io.BytesIO()
    framed.save(data, "PNG")
    page = f'<img src="data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}">'
    book.write_thumbnail([{"outputs": [{"data": {"text/html": page}}]}], tmp_path / "small.webp")
    small = Image.open(tmp_path / "small.webp")
    left, top, right, bottom = (
        ImageChops.difference(small, Image.new("RGB", small.size, "white"))
        .convert("L")
        .point(lambda value: 255 * (value > 40))
        .getbbox()
    )
    assert small.size == book.THUMBNAIL
    assert (right - left) / (bottom - top) == pytest.approx(framed.width / framed.height, rel=0.05)


def broken(parsed):
    """Links and loaded files within the book that are not there."""
    for path, page in parsed.items():
        for address in page.links + page.loads:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.is_file()
            if there and parts.fragment and target in parsed:
                there = unquote(parts.fragment) in parsed[target].names
            if not there:
                yield f"{path.name}: {address}"


def test_every_link_leads_somewhere(parsed):
    assert sum(len(page.links) for page in parsed.values()) > 1000
    assert sorted(set(broken(parsed))) == []


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "there.html").write_text('<p id="a"></p>')
    (tmp_path / "page.html").write_text(
        '<a href="there.html#a"></a><a href="there.html#b"></a><a href="gone.html"></a>'
        '<img src="gone.png"><a href="https://example.org/x"></a><a href="#c"></a>'
    )
    pages = {path: Links(path.read_text()) for path in tmp_path.iterdir()}
    assert [found.partition(": ")[2] for found in broken(pages)] == [
        "there.html#b", "gone.html", "#c", "gone.png",
    ]  # fmt: skip


def test_nothing_is_loaded_from_the_network(parsed, made):
    for path, page in parsed.items():
        for address in page.loads:
            assert urlsplit(address).scheme in ("", "data"), f"{path.name} loads {address}"
    for style in made.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text("utf-8")), style


@pytest.mark.parametrize("name", PAGES)
def test_a_page(made, page, name):
    outside = []
    page.on("request", lambda request: outside.append(request.url))
    errors = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto((made / f"{name}.html").as_uri())
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate(TOO_WIDE) <= 0, f"{width} pixels are too few"
    page.evaluate(OPEN_ALL)
    for width in WIDTHS:  # what was folded away is open
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate(TOO_WIDE) <= 0, f"{width} pixels are too few when all is open"
        assert page.evaluate(CUT_OFF) == [], f"cut off at {width} pixels"
    assert faults(page, (WIDTHS[0], WIDTHS[-1])) == []
    assert errors == []
    assert [address for address in outside if address.startswith("http")] == []


def faults(page, widths):
    """What axe finds on a page, all of it open, at each width, light and dark; the last width stays."""
    page.evaluate(OPEN_ALL)
    page.evaluate(AXE_SCRIPT)
    page.evaluate(ASK_AXE)
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 1000})
        page.evaluate(SETTLED)
        found += page.evaluate(FAULTS)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
            found += page.evaluate(PALE_WORDS)
    return found


def test_what_a_search_finds_can_be_read(made, page):
    page.goto((made / "search.html").as_uri() + "?q=checkerboard")
    page.get_by_text("Search finished").wait_for()
    assert page.locator("#search-results li").count() > 1
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate(TOO_WIDE) <= 0, f"{width} pixels are too few"
    assert faults(page, (WIDTHS[0], WIDTHS[-1])) == []


def test_on_a_phone_a_button_opens_the_list_of_lessons(made, page):
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    page.goto((made / f"{LESSON}.html").as_uri())
    lessons = {
        path.stem: page.locator(f".bd-docs-nav a[href$='{path.stem}.html']")
        for path in notebook.lessons()
    }
    here = LESSON.rpartition("/")[2]
    assert not any(link.is_visible() for link in lessons.values())
    page.get_by_role("button", name="Toggle primary sidebar").click()
    lessons[here] = page.locator(".bd-docs-nav a.current[href='#']")
    assert all(link.is_visible() for link in lessons.values())
    assert faults(page, WIDTHS[:1]) == []
    lessons["13-attention"].click()
    page.wait_for_url("**/13-attention.html")
    assert page.locator("article h1").inner_text().startswith("13 ")
    assert not lessons["14-segmentation"].is_visible(), "the list is closed"


@pytest.mark.parametrize("name", PAGES)
def test_no_printed_line_and_no_table_runs_out_of_its_frame(made, page, name):
    page.goto((made / f"{name}.html").as_uri())
    page.evaluate(OPEN_ALL)
    assert page.evaluate(OUT_OF_FRAME) == []


def test_what_a_cell_prints_stands_near_it(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    gaps = page.evaluate(
        """() => [...document.querySelectorAll('div.cell')].flatMap(cell => {
            const printed = cell.querySelector(':scope > .cell_output > .stream:first-child');
            const code = cell.querySelector(':scope > .cell_input');
            if (!printed || !code) return [];
            return [printed.getBoundingClientRect().top - code.getBoundingClientRect().bottom];
        })"""
    )
    assert len(gaps) > 10
    assert max(gaps) < 12, "pixels"


def test_a_figure_keeps_its_colours_on_a_dark_page(made, page):
    page.emulate_media(color_scheme="dark")
    page.goto((made / "lessons/part2/10-super-resolution.html").as_uri())
    figure = page.locator("div.cell_output img").first
    assert figure.evaluate("figure => getComputedStyle(figure).filter") == "brightness(0.85)"
    page.goto((made / f"{LESSON}.html").as_uri())
    letters = page.locator("div.cell_output pre[style]").first
    assert letters.evaluate("letters => getComputedStyle(letters).filter") == "brightness(0.85)"


def test_what_is_cut_off_on_a_phone_would_be_noticed(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    page.set_viewport_size({"width": WIDTHS[0], "height": 1000})
    lines = page.locator("div.cell_output pre").evaluate_all(
        "all => all.filter(one => one.scrollWidth > document.documentElement.clientWidth).length"
    )
    assert lines > 0 and page.evaluate(CUT_OFF) == [], "a long line can be moved"
    page.add_style_tag(content="article, article * { overflow: hidden !important; }")
    assert len(page.evaluate(CUT_OFF)) > 0


@pytest.mark.parametrize("width", [WIDTHS[0], WIDTHS[-1]])
def test_axe_would_notice(made, page, width):
    page.goto((made / "lessons" / "glossary.html").as_uri())
    page.evaluate(
        "document.querySelector('article').innerHTML += '<h5>x</h5><img src=\"data:,\">"
        '<p style="color: #ddd; background: #fff">pale</p>\''
    )
    found = {fault.partition(":")[0] for fault in faults(page, [width])}
    assert {"heading-order", "image-alt", "color-contrast"} <= found


def test_a_word_of_the_glossary_is_explained_where_it_stands(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    word = page.locator("a[href$='glossary.html#dropout']").first
    explanation = page.get_by_role("tooltip")
    assert explanation.count() == 0
    word.hover()
    assert explanation.inner_text().startswith("Switching off a random part")
    page.keyboard.press("Escape")
    assert explanation.count() == 0
    page.set_viewport_size({"width": 390, "height": 800})
    word.focus()
    box = explanation.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_an_explanation_covers_no_part_of_its_word(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    page.set_viewport_size({"width": 390, "height": 800})
    lines = set()
    for word in page.locator("a.explained").all():
        word.focus()
        box = page.locator("#explanation").bounding_box()
        place = word.bounding_box()
        assert box["y"] >= place["y"] + place["height"] or box["y"] + box["height"] <= place["y"]
        lines.add(round(place["height"]))
    assert len(lines) > 1, "one of them has two lines"


def test_an_answer_is_folded_away_until_it_is_clicked(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    guess = page.locator("details.guess").first
    answer = guess.locator("summary ~ *").first
    assert not answer.is_visible()
    guess.locator("summary").click()
    assert answer.is_visible()


def test_formulas_are_drawn(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    assert page.locator("math").count() > 50
    assert all(box["height"] > 5 for box in (m.bounding_box() for m in page.locator("math").all()))
    assert page.locator("div.formula math[display=block]").count() > 0
    assert page.get_by_text(re.compile(r"\\\\(frac|sum|text)")).count() == 0


def test_a_search_finds_a_word(made, page):
    page.goto((made / "search.html").as_uri() + "?q=checkerboard")
    page.locator("#search-results a[href*='glossary']").first.wait_for()


@pytest.mark.parametrize("word", ["softmax", "mask", "padding", "learning rate", "Gram matrix"])
def test_a_search_finds_first_what_a_word_means(made, page, word):
    page.goto((made / "search.html").as_uri() + "?q=" + word.replace(" ", "+"))
    first = page.locator("#search-results li a").first
    page.get_by_text("Search finished").wait_for()
    assert first.get_attribute("href").endswith("glossary.html#" + word.lower().replace(" ", "-"))


def test_each_lesson_leads_to_colab_but_one_that_has_a_kernel_of_its_own(made, parsed):
    links = {NAMES[path]: hygiene.colab_link(path) for path in notebook.own_kernels()}
    assert len(links) == len(notebook.lessons()) - 1, "all but lesson 02b"
    for name in [*PAGES, "search"]:
        launched = [
            address
            for kind, address in parsed[made / f"{name}.html"].buttons
            if kind == "dropdown-item" and urlsplit(address).netloc.startswith("colab")
        ]
        assert [f"[Open this lesson in Colab]({address})" for address in launched] == (
            [links[name]] if name in links else []
        ), name


def test_the_rocket_opens(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    colab = page.locator(".dropdown-launch-buttons a")
    assert not colab.is_visible()
    page.get_by_role("button", name="Launch interactive content").click()
    assert colab.is_visible()


def test_each_page_leads_back_and_on_in_the_order_of_the_book(made, parsed):
    for n, name in enumerate(PAGES):
        path = made / f"{name}.html"
        found = {kind: (path.parent / link).resolve() for kind, link in parsed[path].buttons}
        found.pop("dropdown-item", None)
        near = {"left-prev": PAGES[n - 1] if n else None, "right-next": (PAGES + [None])[n + 1]}
        assert found == {kind: made / f"{to}.html" for kind, to in near.items() if to}, name


def test_a_lesson_prints_as_a_book_page(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    assert page.locator(".bd-sidebar-primary, .bd-header-article, details.hide").count() == 3
    page.emulate_media(media="print")
    for beside in (
        ".bd-sidebar-primary",
        ".bd-sidebar-secondary",
        ".header-article",
        "details.hide",
    ):
        assert not page.locator(beside).first.is_visible(), beside
    code = page.locator("div.cell_input pre").nth(3)
    assert code.evaluate("code => getComputedStyle(code).whiteSpace") == "pre-wrap"
    assert page.locator("details.guess summary ~ *").first.is_visible(), "nobody clicks on paper"
    assert not page.locator("details.guess summary").first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_each_lesson_is_printed_to_a_file_of_its_own(tmp_path, monkeypatch):
    printed = {}

    def headless(page, *options):
        (pdf,) = (word.partition("=")[2] for word in options if word.startswith("--print-to-pdf="))
        assert pdf not in printed
        printed[pdf] = page

    monkeypatch.setattr(book.browser, "headless", headless)
    book.print_pages(tmp_path)
    assert printed == {
        str(tmp_path / "pdf" / f"{path.stem}.pdf"): tmp_path / f"{NAMES[path]}.html"
        for path in [*notebook.lessons(), book.LESSONS / "glossary.md", book.LESSONS / "README.md"]
    }


def test_a_printed_page_is_the_page(made, monkeypatch):
    pages = {"glossary": "Glossary", "02b-the-same-network-in-2017": "02b The same network in 2017"}
    monkeypatch.setattr(book, "PRINTED", [path for path in book.PAGES if path.stem in pages])
    book.print_pages(made)
    for name, title in pages.items():
        pdf = (made / "pdf" / f"{name}.pdf").read_bytes()
        # A browser prints its own error page without a word when there is no such page.
        assert title.encode("utf-16-be").hex().upper().encode() in pdf, name
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 2, "sheets of paper"


def test_no_page_on_paper_is_half_empty_or_has_an_empty_frame(made, page):
    page.goto((made / f"{TABLES}.html").as_uri())
    page.emulate_media(media="print")
    for kind, breaks in (("div.cell_input", "avoid"), ("table", "auto"), ("tr", "avoid")):
        found = page.locator(f"article {kind}").evaluate_all(
            "all => [...new Set(all.map(one => getComputedStyle(one).breakInside))]"
        )
        assert found == [breaks], kind


@pytest.mark.parametrize("name", PAGES)
def test_a_line_of_code_is_one_line_on_paper(made, page, name):
    page.set_viewport_size({"width": A4, "height": 1000})
    page.emulate_media(media="print")
    page.goto((made / f"{name}.html").as_uri())
    broken = page.locator("div.cell_input pre").evaluate_all(
        """all => all.filter(code => {
            const style = getComputedStyle(code);
            const high = code.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
            const lines = code.textContent.trimEnd().split('\\n').length;
            return code.clientHeight && high / parseFloat(style.lineHeight) > lines + 0.5;
        }).map(code => code.textContent)"""
    )
    assert broken == []


def test_an_index_stands_low_and_a_power_high(made, page):
    page.goto((made / f"{LESSON}.html").as_uri())
    fonts = page.locator("math").first.evaluate("math => getComputedStyle(math).fontFamily")
    for font in ("Cambria Math", "STIX Two Math", "DejaVu Math TeX Gyre"):  # Windows, macOS, Debian
        assert f'"{font}"' in fonts
    assert fonts.endswith("Formulas, math"), "on a device that has none, the book's own"
    page.add_style_tag(content="math { font-family: Formulas !important; }")
    loaded = page.evaluate("document.fonts.load('16px Formulas').then(all => all[0].status)")
    assert loaded == "loaded"
    names = "".join(page.locator("math msub > :first-child").all_text_contents())
    below = page.locator("math msub").evaluate_all(
        """all => all.map(one => one.lastElementChild.getBoundingClientRect().bottom
            - one.firstElementChild.getBoundingClientRect().bottom)"""
    )
    assert len(names) > 30 and min(below) > 1, "pixels"


def test_the_books_font_has_every_character_of_a_formula(made):
    font = set(TTFont(made / "_static" / "math.woff").getBestCmap())
    assert {0x1D44E, 0x1D467, 0x210E} <= font, "a, z and h as browsers slant them"
    for name in PAGES:
        for formula in re.findall(r"<math.*?</math>", (made / f"{name}.html").read_text("utf-8")):
            text = html.unescape(re.sub("<.*?>", "", formula))
            assert {char for char in text if not char.isspace() and ord(char) not in font} == set()
