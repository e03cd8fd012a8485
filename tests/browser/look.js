// What is wrong with the page as it is shown: lists of lines by what was looked for, and how much there was to look at.
() => {
  const found = {};
  const seen = {};
  const note = (what, bad, line) => {
    seen[what] = (seen[what] ?? 0) + 1;
    found[what] ??= [];
    if (bad) found[what].push(typeof line === "string" ? line : named(line));
  };
  const named = (element) => {
    const marks = [element.localName, element.id && `#${element.id}`, ...[...element.classList].map((name) => `.${name}`)];
    return `${marks.join("")} “${element.textContent.trim().replace(/\s+/g, " ").slice(0, 60)}”`;
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const article = document.querySelector("article") ?? document.body;
  const ancestors = function* (element) {
    for (let e = element; e; e = e.parentElement) yield e;
  };

  const visible = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });

  // Nothing may move slowly while it is measured, or wait until it is scrolled to.
  const atOnce = document.createElement("style");
  atOnce.textContent = `* { transition: none !important; animation: none !important; scroll-behavior: auto !important;
    content-visibility: visible !important; }`;
  document.head.append(atOnce);

  // Cards: their permalinks bring them into the window, with nothing over them.
  for (const card of all(".d2l-erratum")) {
    history.replaceState(null, "", location.pathname);
    scrollTo(0, 0);
    location.hash = card.id;
    const box = card.getBoundingClientRect();
    const seen = visible(card) && card.contains(document.elementFromPoint(box.left + 20, box.top + 10));
    note("permalinks", !seen, card);
  }

  // Solutions and hidden cells are looked at too.
  all("details").forEach((e) => { e.open = true; });

  // What the browser waited for before it showed anything
  for (const { name, renderBlockingStatus: status } of performance.getEntriesByType("resource")) {
    if (status === "blocking") note("only the style sheet blocks", !new URL(name).pathname.endsWith(".css"), name);
  }

  // Structure
  const headings = all("h1").filter(visible);
  note("one h1", headings.length !== 1, `${headings.length} visible h1`);
  const language = document.documentElement.lang;
  note("language", language !== "zh-CN", `lang is ${language}`);

  // Formulas
  for (const formula of all("span.math, div.math")) {
    const signs = formula.querySelector(".katex-html");
    note("formulas", !signs || !formula.querySelector(".katex-mathml > math > semantics > annotation") || formula.querySelector(".katex-error"), formula);
    // Nothing is seen of a formula whose style sheet or fonts are missing, or both forms of it.
    const [html, mathml] = [".katex-html", ".katex-mathml"].map((part) => formula.querySelector(part)?.getBoundingClientRect());
    note("formulas are seen once", visible(formula) && (!html.height || !html.width || mathml.width > 1 || mathml.height > 1), formula);
  }
  // The boxes of formulas scroll sideways, so they hide what reaches out above and below: nothing may.
  for (const box of all(".katex-display")) note("formulas are not cut", box.scrollHeight > box.clientHeight, box);
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (walker.currentNode.data.trim()) texts.push(walker.currentNode);
  for (const text of texts.filter((t) => !t.parentElement.closest("pre, code, script, style, noscript, annotation"))) {
    note("no TeX in the text", /\$[^$]+\$|\\[([]|\\begin\{/.test(text.data), text.data.trim().slice(0, 100));
  }

  // Width
  const width = document.documentElement.clientWidth;
  const sideways = document.scrollingElement.scrollWidth;
  note("page as wide as the window", sideways > width || innerWidth > outerWidth, `${sideways} px in ${width}`);
  const scrolls = (e) => /auto|scroll/.test(getComputedStyle(e).overflowX);
  const fits = (e) => {
    const box = e.getBoundingClientRect();
    if (box.left >= -1 && box.right <= width + 1) return true;
    const holder = [...ancestors(e.parentElement)].find((a) => getComputedStyle(a).overflowX !== "visible");
    return holder !== undefined && holder !== document.documentElement && scrolls(holder) && fits(holder);
  };
  // Of formulas, figures and code only the whole counts: their parts are many, and some are for screen readers only.
  for (const e of article.querySelectorAll("*:not(.katex *, svg *, pre *)")) {
    if (!visible(e)) continue;
    note("wide things scroll in their own box", !fits(e), e);
  }

  // Phones: what is used all the time is large enough for a thumb, and there wherever the reader is.
  if (width < 600) {
    for (const e of all(".bd-header-article button, details.solution > summary, .d2l-filter :is(select, input), .d2l-search-box :is(input, button)")) {
      if (!visible(e)) continue;
      const box = e.getBoundingClientRect();
      note("what is large enough for a thumb", box.width < 44 || box.height < 44, `${box.width.toFixed()} × ${box.height.toFixed()}: ${named(e)}`);
    }
    scrollTo(0, document.scrollingElement.scrollHeight);
    for (const selector of [".primary-toggle", ".search-button", ".secondary-toggle"]) {
      const button = article.querySelector("h2") || selector !== ".secondary-toggle" ? document.querySelector(selector) : undefined;
      if (button === undefined) continue; // no list of contents where there is none
      const box = button?.getBoundingClientRect();
      const seen = button && visible(button) && button.contains(document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2));
      note("menus stay in sight", !seen, selector);
    }
  }

  // Tables, and what one does something with
  for (const table of article.querySelectorAll("table")) note("tables have heads", !table.querySelector("th:not(:empty)"), table);
  for (const e of all("a[href], button, input, select, textarea, summary, [role=button], [onclick], [tabindex]")) {
    const decoration = e.matches("[tabindex='-1']:not(a, button, input, select, textarea, summary, [role=button], [onclick])");
    if (visible(e) && !decoration) note("reached by the keyboard", e.tabIndex !== 0 || e.disabled, e);
  }

  // Icons: their font has a sign for each.
  const icons = new Set(all("[class*='fa-']").filter((e) => /\bfa-(?!solid|brands|regular|lg)/.test(e.className)));
  for (const icon of icons) {
    const sign = getComputedStyle(icon, "::before").content;
    note("icons", !/^"[\ue000-\uf8ff]"$/u.test(sign), `${icon.outerHTML}: ${sign}`);
  }

  // Contrast. The browser itself reads colours, whatever their notation.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const remembered = (f) => {
    const known = new Map();
    return (key) => known.get(key) ?? known.set(key, f(key)).get(key);
  };
  const rgba = remembered((colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  });
  const over = ([r, g, b, a], under) => [...[r, g, b].map((v, i) => v * a + under[i] * (1 - a)), 1];
  const background = remembered((element) => {
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, element.parentElement ? background(element.parentElement) : [1, 1, 1, 1]);
  });
  const opacity = remembered((element) => +getComputedStyle(element).opacity * (element.parentElement ? opacity(element.parentElement) : 1));
  const luminance = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const contrast = (element, colour, share = 1, ground = background(element)) => {
    const [r, g, b, a] = rgba(colour);
    const [x, y] = [luminance(over([r, g, b, a * share * opacity(element)], ground)), luminance(ground)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  const readable = (what, element, colour, least, share, ground) => {
    const ratio = contrast(element, colour, share, ground);
    note(what, ratio < least, `${ratio.toFixed(2)} < ${least}: ${named(element)} in ${named(element.parentElement)}`);
  };
  for (const element of new Set(texts.map((text) => text.parentElement))) {
    if (!visible(element) || element.closest("svg, .katex-mathml, script, style, noscript")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    readable("contrast of text", element, style.color, large ? 3 : 4.5);
  }
  for (const formula of all(".katex-html")) readable("contrast of formulas", formula, getComputedStyle(formula).color, 4.5);

  // Figures: transparent, described, their ink the page's.
  const ink = getComputedStyle(document.body).color;
  for (const svg of all("figure.d2l-figure svg")) {
    const label = svg.getAttribute("aria-label");
    note("figures are described", svg.getAttribute("role") !== "img" || !label?.trim(), svg.outerHTML.slice(0, 150));
    note("figures have the page's ink", getComputedStyle(svg).color !== ink, `${label}: ${getComputedStyle(svg).color}, the page ${ink}`);
    const paper = background(svg.closest(".cell").parentElement);
    note("figures have no background", String(background(svg)) !== String(paper), `${label}: ${background(svg)} on ${paper}`);
    const whole = svg.getBoundingClientRect();
    const solids = [];
    // What is seen of a part: a clip cuts off the rest.
    const seenOf = (part) => {
      const box = part.getBoundingClientRect();
      const clip = document.querySelector(part.getAttribute("clip-path")?.slice(4, -1) || null)?.querySelector("rect")?.getBBox();
      if (!clip) return box;
      const { a, d, e, f } = svg.getScreenCTM();
      const [left, top] = [Math.max(box.left, clip.x * a + e), Math.max(box.top, clip.y * d + f)];
      const [right, bottom] = [Math.min(box.right, (clip.x + clip.width) * a + e), Math.min(box.bottom, (clip.y + clip.height) * d + f)];
      return { left, top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
    };
    // What was drawn last under the middle of a part.
    const under = ({ left, top, width, height }) => {
      const middle = new DOMPoint(left + width / 2, top + height / 2);
      return solids.findLast(({ part }) => {
        const { x, y } = middle.matrixTransform(part.getScreenCTM().inverse());
        return part.localName === "image" ? x > 0 && y > 0 && x < part.width.baseVal.value && y < part.height.baseVal.value : part.isPointInFill({ x, y });
      });
    };
    for (const part of svg.querySelectorAll("path, rect, circle, ellipse, polygon, use, line, polyline, text, image")) {
      if (part.closest("defs, clipPath, symbol")) continue;
      const style = getComputedStyle(part);
      const box = seenOf(part);
      // Only text stands on its head: matplotlib draws glyphs upwards, SVG counts downwards.
      const isText = part.localName === "text" || part.closest("g[transform*='scale('][transform*=' -']");
      const filled = style.fill !== "none" && style.fillOpacity > 0;
      const solid = filled && style.fillOpacity * opacity(part) > 0.5 && contrast(svg, style.fill) > 1;
      const large = box.width * box.height > 0.5 * whole.width * whole.height;
      note("figures have no box of their own", solid && large && !isText && part.localName !== "use", `${label}: ${style.fill}`);
      const ground = under(box);
      if (part.localName === "image") solids.push({ part });
      else if (filled && !isText && part.isPointInFill) {
        solids.push({ part, colour: over(rgba(style.fill).with(3, style.fillOpacity * opacity(part)), background(svg)) });
      }
      // The colours of an image are not known here.
      if (ground?.part.localName === "image") continue;
      if (isText) readable("contrast of labels", part, style.fill, 4.5, style.fillOpacity, ground?.colour);
      else if (style.stroke !== "none") readable("contrast of lines", part, style.stroke, 3, style.strokeOpacity);
    }
  }
  return { found, seen };
}
