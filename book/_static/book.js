// The theme's arrows that unfold the pages below a page have no name for those who do not see them.
document.addEventListener("DOMContentLoaded", () => {
    for (const arrow of document.querySelectorAll(".bd-docs-nav summary")) {
        arrow.setAttribute("aria-label", "The pages below");
    }
});

// What the glossary says of a word is shown where the pointer, or the keyboard's focus, rests on it.

document.addEventListener("DOMContentLoaded", () => {
    const box = document.createElement("div");
    box.className = "explanation";
    box.id = "explanation";
    box.role = "tooltip";
    box.hidden = true;
    document.body.append(box);
    let leaving = null;

    const show = (link) => {
        clearTimeout(leaving);
        box.textContent = link.dataset.explanation;
        box.hidden = false;
        const place = link.getClientRects()[0];
        const room = document.documentElement.clientWidth - box.offsetWidth - 16;
        const end = link.getBoundingClientRect().bottom; // a word of two lines stays whole
        const above = end + box.offsetHeight + 8 > window.innerHeight;
        const top = above ? place.top - box.offsetHeight - 4 : end + 4;
        box.style.left = `${window.scrollX + Math.max(16, Math.min(place.left, room))}px`;
        box.style.top = `${window.scrollY + top}px`;
    };
    const hide = () => {
        box.hidden = true;
    };
    // The pointer may move on to the text, to select it.
    const hideSoon = () => {
        clearTimeout(leaving);
        leaving = setTimeout(hide, 200);
    };

    for (const link of document.querySelectorAll('a[href*="glossary.html#"][title]')) {
        link.dataset.explanation = link.title;
        link.removeAttribute("title"); // else the browser shows it a second time
        link.classList.add("explained");
        link.setAttribute("aria-describedby", box.id);
        link.addEventListener("mouseenter", () => show(link));
        link.addEventListener("mouseleave", hideSoon);
        link.addEventListener("focus", () => show(link));
        link.addEventListener("blur", hide);
    }
    box.addEventListener("mouseenter", () => clearTimeout(leaving));
    box.addEventListener("mouseleave", hideSoon);
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
});
