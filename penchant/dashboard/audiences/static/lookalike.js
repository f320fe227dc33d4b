// The cluster under the pointer, in the table and in the picture; the numbers in the picture tell the same to others.
"use strict";

function point(number) {
  for (const part of document.querySelectorAll("#clusters [data-cluster]")) {
    const same = part.dataset.cluster === number;
    if (part.tagName === "TR") part.classList.toggle("shown", same);
    else part.classList.toggle("faded", number !== undefined && !same);
  }
}

document.addEventListener("pointerover", (event) => {
  if (document.getElementById("clusters")) point(event.target.closest?.("#clusters [data-cluster]")?.dataset.cluster);
});
