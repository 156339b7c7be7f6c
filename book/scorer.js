// Whoever searches for a word of the glossary wants to know first what it means: its entry stands above the pages that use
// it. The other numbers are Sphinx's own.
var Scorer = {
    score: ([page, title, anchor, description, score]) =>
        page === "lessons/glossary" && anchor ? score + 100 : score,
    objNameMatch: 11,
    objPartialMatch: 6,
    objPrio: { 0: 15, 1: 5, 2: -5 },
    objPrioDefault: 0,
    title: 15,
    partialTitle: 7,
    term: 5,
    partialTerm: 2,
};
