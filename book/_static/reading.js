// What a page does while it is read. It is whole without this script, too.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Solutions and hidden cells are <details>. What a link leads to is opened, for browsers that do not do so themselves.
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = [];
    for (let e = target; e; e = e.parentElement) if (e.localName === "details" && !e.open) closed.push(e);
    closed.forEach((details) => { details.open = true; });
    if (closed.length) target.scrollIntoView();
  };
  addEventListener("hashchange", openTarget);
  openTarget();

  // The keyboard reaches what scrolls in a box of its own, in every browser. Boxes are looked at when they are laid out,
  // and again when the fonts are there.
  const boxes = "pre, p, table, .output, .d2l-figure, .katex-display, .pst-scrollable-table-container";
  const looked = new ResizeObserver((entries) => {
    for (const { target } of entries)
      if (target.scrollWidth > target.clientWidth && getComputedStyle(target).overflowX !== "visible") target.tabIndex = 0;
      else target.removeAttribute("tabindex");
  });
  const look = () => all(`article :is(${boxes})`).forEach((box) => looked.observe(box));
  look();
  document.fonts.ready.then(look);

  // What is printed is open, and on white paper.
  const page = document.documentElement;
  let opened = [];
  let theme;
  addEventListener("beforeprint", () => {
    opened = all("article details:not([open])");
    opened.forEach((details) => { details.open = true; });
    theme = page.dataset.theme;
    page.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    opened.forEach((details) => { details.open = false; });
    page.dataset.theme = theme;
  });
})();
