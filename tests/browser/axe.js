// What axe has against the page, without the exceptions: a line each; and the exceptions that were needed.
async (exceptions) => {
  // Of a formula and of a figure axe only looks at the whole; their thousands of parts would take it a minute. What is shown
  // of a formula keeps its size: what scrolls depends on it.
  const bases = [...document.querySelectorAll(".katex-base:not(:empty)")].map((base) => [base, base.getBoundingClientRect()]);
  for (const [base, { width, height }] of bases) {
    base.style.cssText = `display: inline-block; width: ${width}px; height: ${height}px`;
    base.replaceChildren();
  }
  for (const formula of document.querySelectorAll("math")) {
    const text = document.createElementNS(formula.namespaceURI, "mtext");
    text.textContent = formula.textContent;
    formula.replaceChildren(text);
  }
  document.querySelectorAll("svg[role=img]").forEach((figure) => figure.replaceChildren());
  // Of code, the first word of each kind: the others have its colours.
  const known = new Set(["pre"]);
  for (const word of document.querySelectorAll(".highlight span, code > .pre"))
    if (known.has(word.className)) word.replaceWith(...word.childNodes);
    else known.add(word.className);
  // What scrolls gets its tab stop when it has been laid out.
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));

  // axe leaves this rule of WCAG 2.2 AA out unless it is asked.
  const options = { resultTypes: ["violations"], preload: false, elementRef: true, rules: { "target-size": { enabled: true } } };
  const { violations } = await axe.run(document, options);
  const found = [];
  const needed = [];
  for (const { id, impact, nodes } of violations)
    for (const { element, html, failureSummary } of nodes) {
      const allowed = exceptions.findIndex(({ rule, selector }) => rule === id && element.matches(selector));
      if (allowed >= 0) needed.push(allowed);
      else found.push(`${id} (${impact}): ${html.slice(0, 150)}: ${failureSummary.replace(/\s+/g, " ")}`);
    }
  return { found, needed };
}
