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

  // Nothing may move slowly while it is measured.
  const atOnce = document.createElement("style");
  atOnce.textContent = "* { transition: none !important; animation: none !important; scroll-behavior: auto !important; }";
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
  all(".toggle-hidden").forEach((e) => e.classList.remove("toggle-hidden"));
  all("details").forEach((e) => { e.open = true; });

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
  const contrast = (element, colour, share = 1) => {
    const ground = background(element);
    const [r, g, b, a] = rgba(colour);
    const [x, y] = [luminance(over([r, g, b, a * share * opacity(element)], ground)), luminance(ground)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  const readable = (what, element, colour, least, share) => {
    const ratio = contrast(element, colour, share);
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
    for (const part of svg.querySelectorAll("path, rect, circle, ellipse, polygon, use, line, polyline, text")) {
      if (part.closest("defs, clipPath, symbol")) continue;
      const style = getComputedStyle(part);
      const box = part.getBoundingClientRect();
      // Only text stands on its head: matplotlib draws glyphs upwards, SVG counts downwards.
      const isText = part.localName === "text" || part.closest("g[transform*='scale('][transform*=' -']");
      const filled = style.fill !== "none" && style.fillOpacity > 0;
      const solid = filled && style.fillOpacity * opacity(part) > 0.5 && contrast(svg, style.fill) > 1;
      const large = box.width * box.height > 0.5 * whole.width * whole.height;
      note("figures have no box of their own", solid && large && !isText && part.localName !== "use", `${label}: ${style.fill}`);
      if (isText) readable("contrast of labels", part, style.fill, 4.5, style.fillOpacity);
      else if (style.stroke !== "none") readable("contrast of lines", part, style.stroke, 3, style.strokeOpacity);
    }
  }
  return { found, seen };
}
