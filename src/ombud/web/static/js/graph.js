// The graph, drawn by sigma so that it can be moved and searched; the tables beside it are its twin and its keyboard.
import { faint, ink, onThemeChange } from "./ink.js";

const figure = document.querySelector("#graph");
const said = figure?.querySelector(".graph-said");

function build(data) {
  const graph = new graphology.Graph({ type: "undirected" });
  const most = Math.max(1, ...data.co_acts);
  const scale = data.names.length <= 60 ? 12 : data.names.length <= 300 ? 8 : 5;
  data.names.forEach((label, i) => {
    graph.addNode(i, { label, x: data.x[i], y: -data.y[i], size: Math.max(3, scale * Math.sqrt(data.co_acts[i] / most)) });
  });
  const heaviest = Math.max(1, ...data.weight);
  data.source.forEach((source, i) => {
    if (source !== data.target[i]) graph.mergeEdge(source, data.target[i], { weight: data.weight[i], size: 0.6 + 2.4 * (data.weight[i] / heaviest) });
  });
  return graph;
}

function palette() {
  return { node: faint("blue", 1), lit: faint("orange", 1), quiet: faint("soft", 0.25), edge: faint("soft", 0.3), near: faint("ink", 0.7), ink: ink("ink"), paper: faint("paper", 1) };
}

const LONGEST = 26;

// A label hangs to the left of its dot where it would run over the right edge, and has a rim of paper.
function drawLabel(colours, bold, holder) {
  return (context, node, settings) => {
    const { x, y, size } = node;
    if (!node.label) return;
    const label = node.label.length > LONGEST ? `${node.label.slice(0, LONGEST)}…` : node.label;
    context.font = `${bold ? 600 : 400} ${settings.labelSize}px ${settings.labelFont}`;
    const left = x + size + 6 + context.measureText(label).width > holder.clientWidth;
    context.textAlign = left ? "right" : "left";
    const at = left ? x - size - 5 : x + size + 5;
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = colours().paper;
    context.fillStyle = colours().ink;
    context.strokeText(label, at, y + settings.labelSize / 3);
    context.fillText(label, at, y + settings.labelSize / 3);
    context.textAlign = "left";
  };
}

async function start() {
  const answer = await fetch(figure.dataset.source, { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  const graph = build(await answer.json());
  const holder = document.createElement("div");
  holder.className = "graph-canvas";
  holder.setAttribute("role", "img");
  holder.setAttribute("aria-label", "Graph of the members; the tables have the same content.");
  figure.prepend(holder);
  for (const drawing of figure.querySelectorAll("svg.drawing")) drawing.setAttribute("hidden", "");
  let colours = palette();
  let lit = null;
  let near = new Set();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const sigma = new Sigma(graph, holder, {
    labelFont: '"Source Sans 3 Ombud", sans-serif',
    labelSize: 14,
    labelColor: { color: colours.ink },
    labelRenderedSizeThreshold: graph.order <= 60 ? 8 : 7,
    labelDensity: 0.6,
    stagePadding: 36,
    zIndex: true,
    // hidden while the page is printed
    allowInvalidContainer: true,
    defaultDrawNodeLabel: drawLabel(() => colours, false, holder),
    defaultDrawNodeHover: drawLabel(() => colours, true, holder),
    nodeReducer: (node, data) => {
      const of = lit === null ? "node" : node === lit ? "lit" : near.has(node) ? "node" : "quiet";
      return { ...data, color: colours[of], label: lit === null || of !== "quiet" ? data.label : "", forceLabel: node === lit, highlighted: node === lit, zIndex: of === "quiet" ? 0 : 1 };
    },
    edgeReducer: (edge, data) => {
      const touches = lit !== null && graph.hasExtremity(edge, lit);
      return { ...data, color: touches ? colours.near : colours.edge, hidden: lit !== null && !touches, zIndex: touches ? 1 : 0 };
    },
  });

  function light(node, move) {
    lit = node;
    near = new Set(node === null ? [] : graph.neighbors(node));
    for (const row of document.querySelectorAll("#members tr[data-lit]")) delete row.dataset.lit;
    if (node !== null) {
      const row = document.querySelector(`#member-${node}`);
      if (row) row.dataset.lit = "";
      said.textContent = `${graph.getNodeAttribute(node, "label")} is linked with ${near.size} of ${graph.order - 1} others.`;
      said.hidden = false;
      if (move && !still) {
        const { x, y } = sigma.getNodeDisplayData(node);
        const camera = sigma.getCamera();
        if (camera.ratio < 0.9) camera.animate({ x, y }, { duration: 250 });
      }
    } else {
      said.hidden = true;
    }
    sigma.refresh({ skipIndexation: true });
  }

  sigma.on("enterNode", ({ node }) => light(node, false));
  sigma.on("leaveNode", () => light(null, false));
  sigma.on("clickNode", ({ node }) => document.querySelector(`#member-${node} a`)?.focus());
  const members = document.querySelector("#members");
  members.addEventListener("focusin", (event) => event.target.dataset?.member !== undefined && light(event.target.dataset.member, true));
  members.addEventListener("focusout", () => light(null, false));
  members.addEventListener("mouseover", (event) => {
    const link = event.target.closest("tr")?.querySelector("[data-member]");
    if (link) light(link.dataset.member, false);
  });
  members.addEventListener("mouseleave", () => light(null, false));
  members.addEventListener("click", (event) => {
    const link = event.target.closest("[data-member]");
    if (!link) return;
    event.preventDefault();
    light(link.dataset.member, true);
    figure.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
  });
  onThemeChange(() => {
    colours = palette();
    sigma.setSetting("labelColor", { color: colours.ink });
    sigma.refresh();
  });
  figure.dataset.live = "";
}

function canDraw() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}

// Without WebGL the server's drawing simply stays.
if (figure && window.Sigma && window.graphology && canDraw()) start();
