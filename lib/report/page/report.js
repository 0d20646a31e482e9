/**
 * The script of a report: draws the timeline of the result that the page holds. It reads nothing else,
 * and all text that it puts on the page goes in as text. `globalThis.report` is for the script of a live
 * page, which has new timelines drawn.
 */
(() => {
  let { timeline } = JSON.parse(document.getElementById("result").textContent);
  let seconds = timeline?.steps.atSec ?? [];
  /** The plots that are drawn, by the element that holds each. */
  const plots = new Map();

  /** A value per second, of a value per step. */
  const perSecond = (values) =>
    values.map((value, i) => value / (seconds[i] - (i > 0 ? seconds[i - 1] : 0) || 1));
  const total = (values) => {
    let sum = 0;
    return values.map((value) => sum += value);
  };
  const scaled = (factor) => (values) => values.map((value) => value * factor);
  const KINDS = { value: (values) => values, rate: perSecond, total, mib: scaled(1 / 2 ** 20) };
  KINDS.percent = (values) => perSecond(values).map((msPerSecond) => msPerSecond / 10);

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shown = (value) => value === null || value === undefined ? "–" : String(+value.toFixed(3));

  /** Lines of the events that matter, behind the curves. */
  function drawEvents(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const { atSec, level } of timeline.events) {
      const isMilestone = level > 3;
      ctx.strokeStyle = color(isMilestone ? "--dim" : "--mark");
      ctx.setLineDash(isMilestone ? [1, 3] : [4, 4]);
      const x = plot.valToPos(atSec, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  function draw(holder) {
    const { unit, columns } = JSON.parse(holder.dataset.plot);
    const grid = { stroke: color("--line"), width: 1 };
    const axis = { stroke: color("--text"), grid, ticks: grid };
    const series = columns.map(({ label, tone, dash }) => ({
      label,
      stroke: color(tone),
      width: 1.5,
      dash,
      spanGaps: false,
      points: { show: seconds.length < 60 },
      value: (_, value) => `${shown(value)} ${unit}`,
    }));
    holder.replaceChildren();
    const plot = new uPlot(
      {
        width: holder.clientWidth,
        height: 220,
        scales: { x: { time: false } },
        axes: [{ ...axis, label: "seconds", labelSize: 20 }, { ...axis, size: 60 }],
        series: [{ label: "at", value: (_, value) => `${shown(value)} s` }, ...series],
        cursor: { sync: { key: "run" }, drag: { x: true, y: false } },
        hooks: { drawClear: [drawEvents] },
      },
      dataOf(columns),
      holder,
    );
    plots.set(holder, { plot, columns });
  }

  function dataOf(columns) {
    return [seconds, ...columns.map(({ name, kind }) => KINDS[kind](timeline.steps[name]))];
  }

  /** The table below a plot: least, most and last of a step. */
  function fillTable(holder, columns) {
    const rows = holder.closest("figure").querySelectorAll("tbody tr");
    for (const [i, { name }] of columns.entries()) {
      const values = timeline.steps[name].filter((value) => value !== null);
      const told = values.length === 0
        ? ["none", "none", "none"]
        : [Math.min(...values), Math.max(...values), values.at(-1)].map(shown);
      for (const [n, cell] of [...rows[i].querySelectorAll("td")].entries()) {
        cell.textContent = told[n];
      }
    }
  }

  /** Arrows move the cursor, + and - zoom around it, Escape shows all. */
  function steer(event, plot) {
    const last = seconds.length - 1;
    const at = plot.cursor.idx ?? 0;
    const { min, max } = plot.scales.x;
    const zoom = (factor) => {
      const half = (max - min) * factor / 2;
      const middle = seconds[at];
      plot.setScale("x", {
        min: Math.max(0, middle - half),
        max: Math.min(seconds[last], middle + half),
      });
    };
    const show = (idx) => {
      const index = Math.max(0, Math.min(last, idx));
      plot.setCursor({ left: plot.valToPos(seconds[index], "x"), top: plot.bbox.height / 4 });
    };
    const keys = {
      ArrowLeft: () => show(at - 1),
      ArrowRight: () => show(at + 1),
      Home: () => show(0),
      End: () => show(last),
      "+": () => zoom(0.5),
      "-": () => zoom(2),
      Escape: () => plot.setScale("x", { min: seconds[0], max: seconds[last] }),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  function drawAll() {
    for (const { plot } of plots.values()) plot.destroy();
    plots.clear();
    if (!timeline) return;
    for (const holder of document.querySelectorAll("[data-plot]")) draw(holder);
    document.documentElement.dataset.drawn = String(plots.size);
  }

  /** Draws another timeline in the plots that are there. What the reader zoomed to stays in view. */
  function update(next) {
    const last = seconds.at(-1);
    timeline = next;
    seconds = next.steps.atSec;
    for (const [holder, { plot, columns }] of plots) {
      const { min, max } = plot.scales.x;
      const isWhole = min === undefined || min === null || (min <= seconds[0] && max >= last);
      plot.setData(dataOf(columns), isWhole);
      if (!isWhole) plot.setScale("x", { min, max });
      fillTable(holder, columns);
    }
  }

  addEventListener("keydown", (event) => {
    const found = plots.get(event.target);
    if (found) steer(event, found.plot);
  });
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll();
  globalThis.report = { drawAll, update, timeline: () => timeline };
})();
