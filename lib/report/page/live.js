/**
 * The script of a live page: hears of changes by server-sent events, and puts them on the page. HTML comes
 * from the page's own server alone, where all that is a peer's word was escaped.
 */
(() => {
  const connection = document.getElementById("connection");
  const stream = new EventSource("events");
  const say = (words) => connection.textContent = words;
  /** Whether the server has said that the run is over. */
  let isOver = false;

  /** The whole timeline, of what is known and the steps that are new. */
  function joined({ from, ...news }) {
    const known = globalThis.report.timeline();
    if (from === 0 || !known) return news;
    const steps = {};
    for (const [name, values] of Object.entries(news.steps)) {
      steps[name] = known.steps[name].slice(0, from).concat(values);
    }
    return { ...news, steps };
  }

  /** Puts the HTML of a section in, and leaves open what the reader opened. */
  function replace(section, html) {
    const open = [...section.querySelectorAll("details")].map((details) => details.open);
    section.innerHTML = html;
    for (const [i, details] of [...section.querySelectorAll("details")].entries()) {
      details.open = open[i] ?? false;
    }
  }

  stream.addEventListener("change", ({ data }) => {
    const { title, sections, plots, timeline, ended } = JSON.parse(data);
    document.title = title;
    for (const [id, html] of Object.entries(sections)) replace(document.getElementById(id), html);
    if (timeline) globalThis.report.update(joined(timeline));
    if (plots !== undefined) {
      replace(document.getElementById("over-time"), plots);
      globalThis.report.drawAll();
    }
    isOver = ended;
    say(ended ? "The run is over; this is its result." : "Live: this page changes by itself.");
    if (ended) stream.close();
  });
  stream.addEventListener("error", () => {
    if (!isOver) {
      say("The connection to myikev2 is lost; this is what was known last. Trying again …");
    }
  });
})();
