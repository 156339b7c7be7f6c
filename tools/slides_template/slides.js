// Cuts each section into slides as high as the screen by what its cells measure, then starts reveal.js.
"use strict";

const HEIGHT = 690; // of 720: the rest is for where we are
const HEADING = 110; // what is lower is a heading alone, which stays with what follows
const LEAST = 0.6; // how small a slide's text may become, of its size

addEventListener("load", async () => {
  for (const slide of document.querySelectorAll(".slides section")) {
    if (!slide.querySelector("section")) cut(slide);
  }
  const all = document.querySelectorAll(".slides > section > section");
  for (const slide of all) fit(slide);
  document.body.classList.remove("measuring");
  const options = { width: 1280, height: 720, margin: 0.02, center: false, hash: true, transition: "none" };
  await Reveal.initialize({ ...options, jumpToSlide: false });
  Reveal.on("slidechanged", sayWhere);
  sayWhere();
  // What opens on a click makes its slide higher.
  document.addEventListener("toggle", (event) => fit(event.target.closest("section")), true);
  document.body.dataset.ready = "yes"; // for who waits from outside
});

// Cells that belong together, such as code and what it printed, as far as one slide can hold them.
function groups(slide) {
  const found = [];
  for (const cell of slide.children) {
    const height = cell.getBoundingClientRect().height;
    const last = found.at(-1);
    if (last && cell.classList.contains("celltag_belongs") && last.height + height <= HEIGHT) {
      last.cells.push(cell);
      last.height += height;
    } else {
      found.push({ cells: [cell], height });
    }
  }
  return found;
}

function cut(slide) {
  let page = slide;
  let used = 0;
  for (const { cells, height } of groups(slide)) {
    if (used > HEADING && used + height > HEIGHT) {
      const next = slide.cloneNode(false);
      page.after(next);
      page = next;
      used = 0;
    }
    page.append(...cells);
    used += height;
  }
}

// Makes what is too high for a slide smaller, and what would become too small, scroll.
function fit(slide) {
  if (slide.firstElementChild?.className !== "fitted") {
    const inner = document.createElement("div");
    inner.className = "fitted";
    inner.append(...slide.children);
    slide.append(inner);
  }
  const inner = slide.firstElementChild;
  let size = 1;
  const isHigh = () => inner.getBoundingClientRect().height / scale(slide) > HEIGHT;
  inner.style.zoom = size;
  while (isHigh() && size > LEAST) {
    size -= 0.05;
    inner.style.zoom = size;
  }
  slide.classList.toggle("scrolls", isHigh());
}

// By how much reveal.js has made the whole slide larger or smaller.
function scale(slide) {
  return slide.getBoundingClientRect().width / slide.offsetWidth || 1;
}

function sayWhere() {
  const heading = Reveal.getCurrentSlide().parentElement.querySelector("h1, h2");
  const title = heading?.textContent.replace("¶", "") ?? "";
  document.querySelector(".where").textContent =
    `${Reveal.getSlidePastCount() + 1} of ${Reveal.getTotalSlides()} · ${title}`;
}
