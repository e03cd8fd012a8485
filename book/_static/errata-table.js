// Filters for the table of all errata. Without JavaScript the table is simply whole.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.d2l-errata-table");
  if (!table) return;
  // Its rows are laid out as grids (see the style sheet), which for some screen readers would make it no table.
  const roles = { table: [table], rowgroup: [table.tHead, ...table.tBodies], row: table.rows };
  for (const [role, elements] of Object.entries(roles)) for (const element of elements) element.role = role;
  for (const cell of table.querySelectorAll("th, td")) cell.role = cell.localName === "th" ? "columnheader" : "cell";

  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows].map((row) => {
    const text = (name) => row.cells[heads.indexOf(name)].textContent.trim();
    return {
      row,
      chapter: `第 ${text("节").split(".")[0]} 章`,
      kind: text("类别"),
      severity: text("程度"),
      edition: text("版本").split("、"),
      id: new URL(row.querySelector("a").href).hash.slice(1),
      all: row.textContent.toLowerCase(),
    };
  });

  const form = document.createElement("form");
  form.className = "d2l-filter";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "筛选勘误");
  form.addEventListener("submit", (event) => event.preventDefault());
  const labelled = (name, control) => {
    const label = document.createElement("label");
    label.append(name, control);
    form.append(label);
    return control;
  };
  const names = { chapter: "章", kind: "类别", severity: "程度", edition: "版本" };
  const selects = Object.entries(names).map(([key, name]) => {
    const values = new Set(rows.flatMap((row) => row[key]));
    const select = labelled(name, document.createElement("select"));
    select.name = key;
    select.append(new Option("全部", ""), ...[...values].map((value) => new Option(value, value)));
    return select;
  });
  const words = labelled("文字", document.createElement("input"));
  words.type = "search";
  words.name = "words";
  words.placeholder = "例如 get_dummies";
  const count = document.createElement("p");
  count.setAttribute("role", "status");

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits =
        selects.every(({ name, value }) => !value || [row[name]].flat().includes(value)) &&
        wanted.every((word) => row.all.includes(word) || row.id.includes(word));
      row.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `共 ${rows.length} 条，显示 ${shown} 条`;
  };
  form.addEventListener("input", filter);
  table.parentElement.insertBefore(form, table);
  table.parentElement.insertBefore(count, table);
  filter();
});
