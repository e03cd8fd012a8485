// What a page does while it is read. It is whole without this script, too.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Sections out of sight wait with their layout until the page is used: then one after the other, whenever there is time.
  // What leads into the page needs all of them, to come to the right place: a link, or a way back.
  const waiting = all(".bd-article section > section");
  const layOut = (section) => section.classList.add("d2l-laid-out");
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  const layOutNext = () => {
    if (!waiting.length) return;
    layOut(waiting.shift());
    whenIdle(layOutNext);
  };
  const layOutAll = () => waiting.splice(0).forEach(layOut);
  if (location.hash || performance.getEntriesByType("navigation")[0].type !== "navigate") layOutAll();
  for (const use of ["scroll", "pointerdown", "keydown"]) addEventListener(use, () => whenIdle(layOutNext), { once: true, passive: true });
  addEventListener("click", ({ target }) => {
    const link = target.closest("a[href]");
    if (link?.hash && link.pathname === location.pathname) layOutAll();
  }, true);

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
  const boxes = "pre, p, td, table, .output, .d2l-figure, .katex-display, .pst-scrollable-table-container";
  const looked = new ResizeObserver((entries) => {
    const scrolls = entries.map(({ target: box }) => box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible");
    entries.forEach(({ target: box }, number) => {
      if (scrolls[number]) box.tabIndex = 0;
      else if (box.hasAttribute("tabindex")) box.removeAttribute("tabindex");
    });
  });
  const look = () => all(`article :is(${boxes})`).forEach((box) => looked.observe(box));
  whenIdle(look);
  document.fonts.ready.then(() => whenIdle(look));

  // Fonts that most pages need. When this one is done they are loaded: the next has its formulas at once.
  const fonts = ["Main-Regular", "Math-Italic", "Main-Bold", "AMS-Regular", "Size1-Regular"];
  const here = document.currentScript.src;
  const prefetch = (name) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "prefetch", as: "font", href: new URL(`katex/fonts/KaTeX_${name}.woff2`, here) });
    document.head.append(link);
  };
  addEventListener("load", () => whenIdle(() => fonts.forEach(prefetch)));

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
