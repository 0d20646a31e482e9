/**
 * The script of the page of a daemon: hears of changes by server-sent events, and changes the table. Rows
 * and cells that stay are left in place, so that a reader keeps the focus; all text goes in as text.
 */
(() => {
  const connection = document.getElementById("connection");
  const totals = document.getElementById("totals");
  const body = document.querySelector("#instances tbody");
  const columns = [...document.querySelectorAll("#instances thead th")].slice(1);
  const stream = new EventSource("events");
  const say = (words) => {
    if (connection.textContent !== words) connection.textContent = words;
  };

  function newRow() {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    row.append(head);
    for (const column of columns) {
      const cell = document.createElement("td");
      cell.className = column.className;
      cell.dataset.column = column.dataset.column;
      row.append(cell);
    }
    return row;
  }

  /** The name of an instance, as a link where it has a page. */
  function name(head, text, href) {
    const link = head.querySelector("a");
    if (head.textContent === text && (link?.getAttribute("href") ?? "") === href) return;
    if (href === "") return void head.replaceChildren(text);
    const next = document.createElement("a");
    next.href = href;
    next.textContent = text;
    head.replaceChildren(next);
  }

  function fill(row, { name: text, href, cells, tone }) {
    if (row.className !== tone) row.className = tone;
    name(row.cells[0], text, href);
    for (const [i, told] of cells.entries()) {
      const cell = row.cells[i + 1];
      if (cell.textContent !== told) cell.textContent = told;
    }
  }

  stream.addEventListener("change", ({ data }) => {
    const { totals: words, rows } = JSON.parse(data);
    if (totals.textContent !== words) totals.textContent = words;
    const known = new Map([...body.rows].map((row) => [row.cells[0].textContent, row]));
    for (const [i, shown] of rows.entries()) {
      const row = known.get(shown.name) ?? newRow();
      known.delete(shown.name);
      fill(row, shown);
      if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] ?? null);
    }
    for (const row of known.values()) row.remove();
    say("Live: this page changes by itself.");
  });
  stream.addEventListener("error", () => {
    say("The connection to the daemon is lost; this is what was known last. Trying again …");
  });
})();
