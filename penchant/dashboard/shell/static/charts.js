// Draws what charts.py describes, in the colours of the page; shows times in the reader's zone.
"use strict";

const drawn = new Map();
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "roundRect", "arrow"];
const DASHES = ["solid", "dashed", "dotted"];
const FEW = 40; // points of a line that are marked one by one

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function written(value) {
  if (typeof value !== "number") return value == null ? "–" : String(value);
  if (Number.isInteger(value)) return value.toLocaleString();
  return Number(value.toPrecision(4)).toLocaleString(undefined, { maximumSignificantDigits: 4 });
}

function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

function cut(text, most) {
  const letters = [...String(text)];
  return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : letters.join("");
}

function axisOf(axis, chart, theme) {
  const kind = axis.kind;
  const lies = chart.lying || chart.kind === "dots";
  return {
    type: kind,
    name: axis.name,
    nameLocation: "middle",
    nameGap: 28,
    nameTextStyle: { color: theme.muted },
    axisLine: { onZero: chart.kind === "bar", lineStyle: { color: theme.rule } },
    axisLabel: {
      color: theme.muted,
      hideOverlap: true,
      formatter: kind === "time" ? undefined : (value) => (kind === "category" ? cut(value, lies ? 26 : 14) : written(value)),
    },
    splitLine: { show: kind !== "category", lineStyle: { color: theme.grid } },
    inverse: lies && kind === "category",
    scale: kind === "value" && chart.kind !== "bar" && !axis.from_zero,
  };
}

// The rows of dots with intervals: names on an axis of numbers, so that several series can stand beside each other.
function rowsOf(chart, names, theme) {
  return {
    ...axisOf({ kind: "value", name: "" }, chart, theme),
    min: -0.5, max: names.length - 0.5, interval: 0.5, inverse: true, splitLine: { show: false }, axisTick: { show: false },
    axisLabel: { color: theme.muted, formatter: (value) => (Number.isInteger(value) ? cut(names[value] ?? "", 26) : "") },
  };
}

function namesOf(chart) {
  return [...new Set(chart.series.flatMap((one) => one.points.map(([x]) => x)))];
}

function seriesOf(chart, theme) {
  const found = [];
  const dots = chart.kind === "dots";
  const names = dots ? namesOf(chart) : [];
  const shift = (place) => (place - (chart.series.length - 1) / 2) * Math.min(0.2, 0.7 / chart.series.length);
  let number = 0;
  let place = 0;
  const point = (x, y) => {
    if (dots) return [y, names.indexOf(x) + shift(place), x];
    const at = chart.x.kind === "time" && x != null ? x * 1000 : x;
    return chart.lying ? [y, at] : [at, y];
  };
  for (const one of chart.series) {
    const tone = one.aside ? theme.muted : theme.series[number % theme.series.length];
    const dash = one.aside ? "dashed" : DASHES[Math.floor(number / theme.series.length) % DASHES.length];
    found.push({
      name: one.name,
      type: dots ? "scatter" : chart.kind,
      data: one.points.map(([x, y]) => point(x, y)),
      color: tone,
      symbol: SYMBOLS[number % SYMBOLS.length],
      symbolSize: dots ? 9 : chart.kind === "scatter" ? 7 : 5,
      showSymbol: one.points.length <= FEW && !one.aside,
      step: chart.step ? "end" : undefined,
      lineStyle: { width: 2, type: dash },
      itemStyle: { opacity: chart.kind === "scatter" ? 0.7 : 1 },
      stack: chart.stacked ? "all" : undefined,
      barMaxWidth: 28,
      // where differences are shown, none is what they are compared with
      markLine: dots && found.length === 0 ? { silent: true, symbol: "none", animation: false, label: { show: false },
        lineStyle: { color: theme.ink, type: "solid", width: 1 }, data: [{ xAxis: 0 }] } : undefined,
      large: chart.kind === "scatter" && one.points.length > 2000,
    });
    one.spread.forEach(([low, high], which) => {
      const x = one.points[which][0];
      found.push({ type: "line", data: [point(x, low), point(x, high)], color: tone, silent: true, symbol: "none",
        lineStyle: { width: 1.5, opacity: 0.7 }, tooltip: { show: false }, name: "" });
    });
    if (!one.aside) number += 1;
    place += 1;
  }
  return found;
}

function themeNow() {
  return {
    ink: colour("--ink"), muted: colour("--muted"), grid: colour("--grid"), rule: colour("--rule"), paper: colour("--paper"),
    series: [0, 1, 2, 3, 4, 5, 6, 7].map((number) => colour(`--series-${number}`)),
  };
}

function tipOf(chart, points) {
  const list = Array.isArray(points) ? points : [points];
  const shown = list.filter((one) => one.seriesName);
  if (!shown.length) return "";
  const [x, y] = chart.kind === "dots" ? [2, 0] : chart.lying ? [1, 0] : [0, 1];
  const at = shown[0].value[x];
  const head = `${chart.x.name}: ${chart.x.kind === "time" ? moment(at / 1000) : written(at)}`;
  return [head, ...shown.map((one) => `${chart.series.length > 1 ? one.seriesName : chart.y.name}: ${written(one.value[y])}`)].join("\n");
}

function optionOf(chart) {
  const theme = themeNow();
  const many = chart.series.length > 1;
  const lies = chart.lying || chart.kind === "dots";
  const [across, up] = lies ? [chart.y, chart.x] : [chart.x, chart.y];
  const upwards = { ...axisOf(up, chart, theme), nameLocation: "end", nameGap: 10,
    nameTextStyle: { color: theme.muted, align: "left" } };
  const yAxis = chart.kind === "dots" ? rowsOf(chart, namesOf(chart), theme) : lies ? { ...upwards, name: "" } : upwards;
  return {
    animation: false,
    textStyle: { color: theme.ink, fontFamily: "system-ui, sans-serif" },
    legend: { show: many, type: "scroll", top: 0, left: 0, itemWidth: 16, textStyle: { color: theme.ink },
      data: chart.series.filter((one) => one.points.length).map((one) => one.name),
      pageIconColor: theme.ink, pageTextStyle: { color: theme.muted }, formatter: (name) => cut(name, 28) },
    grid: { top: (many ? 32 : 8) + (lies ? 0 : 22), left: 4, right: 28, bottom: 26, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: axisOf(across, chart, theme),
    yAxis,
    tooltip: { trigger: ["scatter", "dots"].includes(chart.kind) ? "item" : "axis", renderMode: "richText", confine: true, backgroundColor: theme.paper,
      borderColor: theme.rule, textStyle: { color: theme.ink, fontSize: 12 }, axisPointer: { type: chart.kind === "bar" ? "shadow" : "line" },
      formatter: (points) => tipOf(chart, points) },
    series: seriesOf(chart, theme),
  };
}

function draw(element, chart) {
  let plot = drawn.get(element);
  if (!plot) {
    plot = echarts.init(element, null, { renderer: "canvas" });
    drawn.set(element, plot);
    new ResizeObserver(() => plot.isDisposed() || plot.resize()).observe(element);
  }
  element.dataset.chart = JSON.stringify(chart);
  plot.setOption(optionOf(chart), { notMerge: true });
}

function localise(root) {
  for (const one of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(one.dateTime);
    one.title = one.textContent;
    // a day is one of UTC, as logs are cut: a reader to the west would see the day before
    const form = one.dataset.only === "day" ? { dateStyle: "medium", timeZone: "UTC" } : { dateStyle: "medium", timeStyle: "short" };
    one.textContent = at.toLocaleString(undefined, form);
  }
}

function prepare(root) {
  for (const [element, plot] of drawn) {
    if (!element.isConnected) {
      plot.dispose();
      drawn.delete(element);
    }
  }
  localise(root);
  for (const element of root.querySelectorAll("[data-chart]")) {
    if (!drawn.has(element)) draw(element, JSON.parse(element.dataset.chart));
  }
}

// A part that says data-live="URL": the charts that this URL answers with, in a list, are put in place every two seconds.
async function follow(part) {
  try {
    if (document.hidden) return;
    const answer = await fetch(part.dataset.live, { headers: { "HX-Request": "true" } });
    if (answer.status === 401) location.reload();
    if (!answer.ok) return;
    for (const chart of await answer.json()) {
      const element = document.getElementById(chart.id);
      if (element) draw(element, chart);
    }
  } catch { // the server is away; the numbers beside the charts say so
  } finally {
    if (part.isConnected) setTimeout(follow, 2000, part);
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("zone")?.append(` (${Intl.DateTimeFormat().resolvedOptions().timeZone})`);
  prepare(document);
  for (const part of document.querySelectorAll("[data-live]")) setTimeout(follow, 2000, part);
});
document.addEventListener("htmx:after:swap", () => prepare(document));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const element of drawn.keys()) draw(element, JSON.parse(element.dataset.chart));
});
