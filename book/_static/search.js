// Answers as a reader types, in every search field of the site. What it needs is loaded when the first of them is used:
// the index of all pages, then the passages of the pages that look best (see d2l_errata/site/search.py).
const Search = (() => {
  const PAGES = 8; // pages whose passages are looked at
  const LINES = 4; // answers from one page
  const NEXT = 0.8; // what a page's next answer counts for, so that one page does not fill the first places
  const OFTEN = 0.1; // more for a page with each doubling of how often it has what was typed
  const SHARE = 0.02; // of the best answer's score, below which nothing is shown
  const WORTH = { title: 8, heading: 5, erratum: 4, text: 1, context: 0.5 };
  const root = document.documentElement.dataset.content_root;
  const passages = {};
  let index;

  // ---- What is loaded. Scripts, because a page from file:// may not fetch.

  const loading = {};
  const load = (path) =>
    (loading[path] ||= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.onload = resolve;
      script.onerror = () => {
        delete loading[path];
        reject(new Error(path));
      };
      script.src = root + path;
      document.head.append(script);
    }));

  const setIndex = ({ pages, letters, han, names, found }) => {
    const steps = (text) => {
      let at = 0;
      return [...text].map((step) => (at += step.charCodeAt(0) - 48));
    };
    const alphabet = [...letters];
    const pairs = han.split(",").flatMap((seconds, i) => steps(seconds).map((second) => (alphabet[i] + alphabet[second]).trim()));
    const postings = found.split(",");
    index = {
      pages: pages.map(([name, title, headings, errata]) => ({ name, title, headings, errata })),
      pagesOf: new Map([...pairs, ...names.split(" ")].map((term, i) => [term, new Set(steps(postings[i]))])),
    };
  };

  // ---- What is asked

  // Without spaces: they stand between Chinese and other words or not, as writers like.
  const squeeze = (text) => text.toLowerCase().replace(/\s+/g, "");

  // A name that no page has stands for its beginning that some page has: corr2d_multi_in_out_1x1 for corr2d_multi_in_out.
  const known = (name, like) => {
    const whole = index.pagesOf.has(name) || (like && [...index.pagesOf.keys()].some(like));
    return whole || !name.includes("_") ? name : known(name.slice(0, name.lastIndexOf("_")));
  };

  // A name that is still being typed stands for all that begin with it; a single character for all pairs it is in.
  const parse = (query) => {
    const text = squeeze(query);
    const terms = [...new Set(splitQuery(query))].map((typed) => {
      const name = /\w/.test(typed[0]);
      const open = name && query.toLowerCase().endsWith(typed);
      const term = name ? known(typed, open && ((other) => other.startsWith(typed))) : typed;
      const like = open ? (other) => other.startsWith(term) : [...term].length === 1 && !name && ((other) => other.includes(term));
      const pages = new Set(index.pagesOf.get(term));
      if (like) for (const [other, its] of index.pagesOf) if (like(other)) its.forEach((page) => pages.add(page));
      return { term, name, open, pages, weight: pages.size ? Math.log(1 + index.pages.length / pages.size) : 0 };
    });
    // What no page has, says nothing: parts of words at the seams of a phrase, names and numbers of the reader's own.
    const said = terms.filter(({ weight }) => weight);
    return { text, terms: said, weight: said.reduce((sum, { weight }) => sum + weight, 0) };
  };

  // Places in a text (in lower case) where a term stands; a name stands there only whole.
  const placesOf = ({ term, name, open }, where) => {
    const places = [];
    const bound = (character) => !name || !/\w/.test(character ?? " ");
    for (let at = where.indexOf(term); at >= 0; at = where.indexOf(term, at + 1))
      if (bound(where[at - 1]) && (open || bound(where[at + term.length]))) places.push({ at, end: at + term.length, term });
    return places;
  };

  // ---- How good an answer is: for each term the worth of the best place it stands in; more where all terms are there;
  // more again where they stand as they were typed.
  const rate = (asked, places) => {
    let [covered, worth] = [0, 0];
    for (const term of asked.terms) {
      const best = Math.max(0, ...places.map(([kind, has]) => (has(term) ? WORTH[kind] : 0)));
      covered += best ? term.weight : 0;
      worth += best * term.weight;
    }
    const share = asked.weight ? covered / asked.weight : 0;
    const whole = Math.max(0, ...places.map(([kind, , text]) => (text && squeeze(text).includes(asked.text) ? WORTH[kind] : 0)));
    return (asked.weight ? (worth / asked.weight) * share : 0) + whole;
  };
  const text = (kind, value) => [kind, (term) => placesOf(term, value).length > 0, value];

  const bestPages = (asked) =>
    index.pages
      .map((page, number) => {
        const lower = (list) => list.join("\n").toLowerCase();
        const places = [text("title", page.title.toLowerCase()), text("heading", lower(page.headings)), text("erratum", lower(page.errata))];
        return { page, score: rate(asked, [...places, ["text", (term) => term.pages.has(number)]]) };
      })
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, PAGES);

  const answersOn = (asked, { page }) => {
    const all = squeeze(passages[page.name].map(([, , heading, content]) => `${heading}\n${content}`).join("\n"));
    const factor = 1 + OFTEN * Math.log2(all.split(asked.text).length);
    return passages[page.name]
      .map(([anchor, kind, heading, content]) => {
        // The page's title helps a passage that has something of its own.
        const own = [text("text", content.toLowerCase()), text(kind, heading.toLowerCase())];
        const context = kind === "title" ? [] : [text("context", page.title.toLowerCase())];
        const score = rate(asked, own) && factor * rate(asked, [...own, ...context]);
        return { page, anchor, kind, heading, content, score };
      })
      .sort((a, b) => b.score - a.score)
      .slice(0, LINES)
      .map((found, place) => ({ ...found, score: found.score * NEXT ** place }));
  };

  const answer = async (query) => {
    await Promise.all([load("_static/language_data.js"), load("searchindex.js")]);
    const asked = parse(query);
    const pages = bestPages(asked);
    await Promise.all(pages.map(({ page }) => load(`_search/${page.name}.js`)));
    const answers = pages.flatMap((page) => answersOn(asked, page)).sort((a, b) => b.score - a.score);
    return { asked, answers: answers.filter(({ score }) => score > SHARE * answers[0].score) };
  };

  // ---- What is shown

  // The stretch of a passage with the most of what was asked, and in it all of that marked.
  const excerpt = ({ terms }, content, length = 90) => {
    const places = terms
      .flatMap((term) => placesOf(term, content.toLowerCase()).map((place) => ({ ...place, weight: term.weight })))
      .sort((a, b) => a.at - b.at);
    const within = (start) => places.filter(({ at, end }) => at >= start && end <= start + length);
    const value = (start) => [...new Map(within(start).map(({ term, weight }) => [term, weight])).values()].reduce((sum, weight) => sum + weight, 0);
    let best = 0;
    for (const { at } of places) if (value(at) > value(best)) best = at;
    const start = Math.max(0, best - 20);
    const shown = document.createElement("p");
    shown.append(start ? "…" : "");
    let done = start;
    for (const { at, end } of within(start)) {
      if (at > done) shown.append(content.slice(done, at));
      // Pairs of characters overlap: what touches the last mark goes into it.
      const mark = at > done || shown.lastChild?.nodeName !== "MARK" ? shown.appendChild(document.createElement("mark")) : shown.lastChild;
      mark.append(content.slice(Math.max(at, done), Math.max(end, done)));
      done = Math.max(end, done);
    }
    shown.append(content.slice(done, start + length), start + length < content.length ? "…" : "");
    return shown;
  };

  const item = (asked, { page, anchor, kind, heading, content }) => {
    const link = document.createElement("a");
    link.href = `${root}${page.name}.html${anchor && "#"}${anchor}`;
    const name = document.createElement("strong");
    name.append(heading);
    link.append(name);
    if (kind !== "title") {
      const where = document.createElement("small");
      where.append((kind === "erratum" ? "勘误，" : "") + page.title);
      link.append(" ", where);
    }
    link.append(excerpt(asked, content));
    const line = document.createElement("li");
    line.append(link);
    return line;
  };

  const attach = (form) => {
    const input = form.elements.q;
    const [status, list] = [document.createElement("p"), document.createElement("ol")];
    const box = document.createElement("div");
    box.className = "d2l-answers";
    status.setAttribute("role", "status");
    box.append(status, list);
    form.after(box);

    let latest = 0;
    const search = async (event) => {
      if (event?.isComposing) return; // what an input method is still composing is no question
      const now = ++latest;
      const query = input.value;
      if (!query.trim()) {
        list.replaceChildren();
        status.textContent = "";
        return;
      }
      try {
        const { asked, answers } = await answer(query);
        if (now !== latest) return;
        list.replaceChildren(...answers.map((found) => item(asked, found)));
        status.textContent = answers.length ? `找到 ${answers.length} 处` : "没有找到。换一个词，或者少写几个字。";
        box.dataset.query = query;
      } catch {
        status.textContent = "搜索所需的文件没有载入，请再试一次。";
      }
    };
    input.addEventListener("input", search);
    input.addEventListener("compositionend", search);
    // Up and down go through the answers, as they do in other search fields.
    box.parentElement.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const stops = [input, ...list.querySelectorAll("a")];
      const next = stops[stops.indexOf(document.activeElement) + step];
      if (!step || !stops.includes(document.activeElement)) return;
      event.preventDefault();
      next?.focus();
    });
    const asked = new URLSearchParams(location.search).get("q");
    if (asked && form.closest(".bd-search-container")) {
      input.value = asked;
      search();
    }
  };

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("form.bd-search").forEach(attach));
  return { setIndex, setPassages: (page, content) => (passages[page] = content) };
})();
