// Draws every chart in the colours of the style sheet, and again when the reader's scheme changes.
"use strict";

const specs = JSON.parse(document.getElementById("specs").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let drawn = [];

// Rows of Vega from columns, which are a fifth of their size.
function whole({ spec, t, curves }) {
  const rows = curves.flatMap((curve) => curve.v.map((v, n) => ({ t: t[curve.t][n], s: curve.s, v })));
  return { ...spec, datasets: { ...spec.datasets, rows } };
}

function theme() {
  const css = getComputedStyle(document.documentElement);
  const value = (name) => css.getPropertyValue(name).trim();
  const narrow = window.innerWidth < 600;
  return {
    background: "transparent",
    font: value("--font"),
    view: { stroke: null },
    axis: {
      labelColor: value("--muted"),
      labelFontSize: 12,
      gridColor: value("--line"),
      domainColor: value("--line"),
      tickColor: value("--line"),
      labelPadding: 6,
    },
    legend: {
      orient: "top",
      labelColor: value("--text"),
      labelFontSize: 12,
      labelLimit: narrow ? 120 : 170,
      columns: narrow ? 2 : 3,
      symbolType: "stroke",
      symbolStrokeWidth: 3,
      offset: 8,
    },
    line: { strokeWidth: 2, strokeJoin: "round" },
    range: { category: value("--series").split(/\s*,\s*/) },
    axisY: { minExtent: 60 },
    style: {
      hold: { color: value("--hold"), opacity: 0.09 },
      trouble: { color: value("--bad"), opacity: 0.13 },
    },
    rule: { color: value("--muted"), strokeDash: [4, 4] },
  };
}

async function draw() {
  drawn.splice(0).forEach((result) => result.finalize());
  const config = theme();
  const options = { actions: false, renderer: "svg", config, tooltip: { theme: dark.matches ? "dark" : "light" } };
  drawn = await Promise.all(
    [...document.querySelectorAll("[data-chart]")].map((place) =>
      window.vegaEmbed(place, whole(specs[place.dataset.chart]), options),
    ),
  );
  document.documentElement.dataset.charts = String(drawn.length);
}

dark.addEventListener("change", draw);
draw();

// paper unfolds nothing; a chart that is drawn needs no table beside it
window.addEventListener("beforeprint", () =>
  document.querySelectorAll("details:not(.figures)").forEach((one) => (one.open = true)),
);
