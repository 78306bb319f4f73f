// The time line, drawn anew from its table twin so that it can be read off and zoomed. The server's drawing stays for print.
import { ink, onThemeChange } from "./ink.js";

const LANE = 104;
const figure = document.querySelector("#timeline");
const table = document.querySelector("#timeline-table");

function readTable() {
  const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const rows = [...table.tBodies[0].rows];
  const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
  const lanes = names.map((_, i) => rows.map((row) => Number(row.cells[i + 1].textContent.replaceAll(",", ""))));
  return { names, times, lanes };
}

// Days without any joint act are not in the table; bars need them to stay thin.
function filled({ times, lanes }, unit) {
  const slots = new Map(times.map((time, i) => [time, i]));
  const all = [];
  for (let time = times[0]; time <= times.at(-1) && all.length < 20000; time += unit) all.push(time);
  return { times: all, lanes: lanes.map((lane) => all.map((time) => lane[slots.get(time)] ?? 0)) };
}

const AXIS_DAY = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });
const AXIS_MONTH = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", month: "short", year: "numeric" });
const AXIS_HOUR = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hour: "2-digit", minute: "2-digit" });

function axisLabels(_, splits, __, ___, step) {
  const format = step < 86400 ? AXIS_HOUR : step < 86400 * 27 ? AXIS_DAY : AXIS_MONTH;
  return splits.map((time) => format.format(time * 1000));
}

function draw() {
  const unit = figure.dataset.unit === "hour" ? 3600 : 86400;
  const raw = readTable();
  if (raw.times.length < 2) return;
  const { times, lanes } = filled(raw, unit);
  figure.querySelector(".timeline-live")?.remove();
  const live = document.createElement("div");
  live.className = "timeline-live";
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: "UTC", day: "numeric", month: "long", year: "numeric", ...(unit === 3600 && { hour: "2-digit", minute: "2-digit" }),
  });
  figure.prepend(live);
  const plots = lanes.map((lane, i) => {
    const title = document.createElement("p");
    title.className = "lane-title";
    const said = document.createElement("output");
    const total = lane.reduce((sum, value) => sum + value, 0);
    said.textContent = `${total.toLocaleString("en-GB")} in all`;
    title.append(raw.names[i], said);
    live.append(title);
    const largest = Math.max(1, ...lane);
    const last = i === lanes.length - 1;
    return new uPlot(
      {
        width: figure.clientWidth,
        height: last ? LANE + 30 : LANE,
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "UTC"),
        legend: { show: false },
        padding: [8, 0, 2, 0],
        cursor: { sync: { key: "timeline" }, y: false, points: { show: false } },
        scales: { x: { time: true }, y: { range: [0, largest] } },
        axes: [
          { show: last, size: 30, space: 90, values: axisLabels, stroke: ink("soft"), font: `14px "Source Sans 3 Ombud", sans-serif`, grid: { show: false }, ticks: { stroke: ink("line"), size: 5 } },
          { size: 48, stroke: ink("soft"), font: `13px "Source Sans 3 Ombud", sans-serif`, grid: { stroke: ink("line"), width: 1 }, ticks: { show: false }, splits: () => [0, largest] },
        ],
        series: [
          {},
          { label: raw.names[i], stroke: ink("blue"), fill: ink("blue"), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.86, 60, 1.5], align: 1 }) },
        ],
        hooks: {
          setCursor: [
            (plot) => {
              const at = plot.cursor.idx;
              said.textContent = at == null ? `${total.toLocaleString("en-GB")} in all` : `${lane[at].toLocaleString("en-GB")} on ${format.format(times[at] * 1000)}`;
            },
          ],
          setScale: [
            (plot, key) => {
              if (key !== "x") return;
              for (const other of plots ?? []) {
                const { min, max } = plot.scales.x;
                if (other !== plot && (other.scales.x.min !== min || other.scales.x.max !== max)) other.setScale("x", { min, max });
              }
            },
          ],
        },
      },
      [times, lane],
      live,
    );
  });
  for (const drawing of figure.querySelectorAll("svg.drawing")) drawing.setAttribute("hidden", "");
  return plots;
}

if (figure && table && window.uPlot) {
  let plots = draw();
  let width = figure.clientWidth;
  const again = () => (plots = draw());
  onThemeChange(again);
  new ResizeObserver(() => {
    if (Math.abs(figure.clientWidth - width) > 4) {
      width = figure.clientWidth;
      again();
    }
  }).observe(figure);
}
