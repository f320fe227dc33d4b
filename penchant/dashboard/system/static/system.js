// Says when the page has lost its server, asks nothing while nobody looks, fills tables of moving charts.
"use strict";

const renewed = document.getElementById("system-now");
const lost = document.getElementById("lost");
let seen = new Date();

renewed.addEventListener("htmx:before:request", (event) => {
  if (document.hidden) event.preventDefault();
});
renewed.addEventListener("htmx:after:swap", () => {
  seen = new Date();
  lost.hidden = true;
});
renewed.addEventListener("htmx:error", () => {
  document.getElementById("lost-since").textContent = seen.toLocaleTimeString();
  lost.hidden = false;
});

// A chart moves; the table below it says what it showed when it was opened, so that it can be read.
function tabulate(figure) {
  const chart = JSON.parse(figure.querySelector(".plot").dataset.chart);
  const rows = chart.series[0].points.map(([at], place) => {
    const row = document.createElement("tr");
    const head = row.appendChild(document.createElement("th"));
    head.scope = "row";
    head.textContent = new Date(at * 1000).toLocaleTimeString();
    for (const one of chart.series) row.appendChild(document.createElement("td")).textContent = written(one.points[place][1]);
    return row;
  });
  figure.querySelector("tbody").replaceChildren(...rows);
}

document.addEventListener("toggle", ({ target }) => target.matches("details.numbers[open]") && tabulate(target.closest("figure")), true);
