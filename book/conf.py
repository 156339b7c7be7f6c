"""What Sphinx makes the web book with; `make book` runs it on the pages that tools/book.py gathers."""

import re
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

from tools import hygiene

project = "Thinking in Keras"
copyright = "its authors; text and figures under CC BY 4.0, code under the MIT licence"
language = "en"
extensions = ["myst_nb"]

highlight_language = "none"  # where no language is named; cells name theirs
nb_execution_mode = "off"  # the pages show what is saved in the notebooks
nb_merge_streams = True
nb_render_markdown_format = "myst"  # a cell's Markdown may hold formulas and links, as text does
nb_code_prompt_show = "Show the set-up cell, which matters on Colab only"
nb_code_prompt_hide = "Hide the set-up cell"
nb_ipywidgets_js = {}  # the first picture of a control is saved, the control itself needs a kernel
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
# The glossary's entries are of the third level below a title of the first: Sphinx makes it the second.
suppress_warnings = ["myst.header"]

# For `make book ARGS=--links`. What leads into the repository was looked for in this checkout; the rocket's links are no
# pages; and a heading on a page that a script draws cannot be seen.
linkcheck_ignore = [hygiene.COURSE_URL, "https://colab.research.google.com/"]
linkcheck_anchors = False
linkcheck_timeout = 20

html_theme = "sphinx_book_theme"
html_title = project
templates_path = ["_templates"]
html_static_path = ["_static"]
html_sidebars = {"**": ["book-title.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_math_renderer = "mathml"
html_use_index = False
html_domain_indices = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's machine is set
html_theme_options = {
    "navbar_persistent": [],  # a second field to search in
    "footer_content_items": ["copyright.html"],
    "repository_url": hygiene.COURSE_URL,
    "repository_branch": "main",
    "path_to_docs": "",
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "use_download_button": True,
    "use_repository_button": True,
    "home_page_in_toc": True,
    "show_toc_level": 2,
}

GLOSSARY = "lessons/glossary"
# In MathML, the name of a function, with or without an index. (TeX makes an operator of `max`, because of its limits.)
FUNCTION = re.compile(
    r"<mi>[a-z]{2,}</mi>|<mo>max</mo>|<mo>min</mo>|<msub><mi>[a-z]{2,}</mi>(?:(?!</msub>).)*</msub>"
)
THIN = '<mspace width="0.167em" />'
BEFORE_A_SIGN = ("&#x00028;</mo>", "&#x0003D;</mo>", "&#x02190;</mo>", "&#x0002C;</mo>")  # ( = ← ,


def draw_formula(writer, node):
    """Write a formula as MathML, which browsers draw by themselves: no script, no network."""
    block = isinstance(node, nodes.math_block)
    formula = spaced(convert(node.astext(), display="block" if block else "inline"))
    # On a phone a long one has to be moved, by keyboard, too.
    writer.body.append(f'<div class="formula" tabindex="0">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def spaced(formula):
    """MathML with the spaces of TeX, which its converter leaves out: `log x`, `f(-x)`, `= -1`, `32,768`."""

    def apart(found):
        before, after = formula[: found.start()], formula[found.end() :]
        name = re.sub("<mo>(.*)</mo>", r'<mo lspace="0" rspace="0">\1</mo>', found[0])
        left = before.endswith(("</mi>", "</mn>", "</msub>", "</msup>", "&#x00029;</mo>"))
        right = not after.startswith(("<mo stretchy", "</"))
        return THIN * left + name + THIN * right

    formula = FUNCTION.sub(apart, formula)
    formula = formula.replace("<mrow><mo>&#x0002C;</mo></mrow>", '<mo lspace="0" rspace="0">,</mo>')
    for sign in BEFORE_A_SIGN:
        formula = formula.replace(f"{sign}<mo>&#x02212;", f'{sign}<mo form="prefix">&#x02212;')
    return formula


def explain_words(app, doctree, page):
    """Give each link to a word of the glossary what the glossary says of it, to show on hovering."""
    links = [
        link
        for link in doctree.findall(nodes.reference)
        if f"{GLOSSARY.split('/')[-1]}.html#" in link.get("refuri", "")
    ]
    if not links or page == GLOSSARY:
        return
    said = {
        name: " ".join(part.astext() for part in entry.findall(nodes.paragraph)).replace("\n", " ")
        for entry in app.env.get_doctree(GLOSSARY).findall(nodes.section)
        for name in entry["ids"]
    }
    for link in links:
        link["reftitle"] = said[link["refuri"].partition("#")[2]]


def launch_only_what_runs_there(app, page, template, context, doctree):
    """Take the launch buttons from a lesson that has a kernel of its own, which Colab has not."""
    kernel = app.env.metadata[page].get("kernelspec", {}).get("name")
    if kernel != "python3":
        buttons = context["header_buttons"]
        context["header_buttons"] = [b for b in buttons if b.get("label") != "launch-buttons"]


def setup(app):
    app.add_html_math_renderer("mathml", (draw_formula, None), (draw_formula, None))
    app.connect("doctree-resolved", explain_words)
    app.connect("html-page-context", launch_only_what_runs_there, priority=502)  # the theme's: 501
    return {"parallel_read_safe": True, "parallel_write_safe": True}
