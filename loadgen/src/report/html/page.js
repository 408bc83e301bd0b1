"use strict";
// Shows the values under the pointer. The values are text that the report has already put in words.
for (const plot of document.querySelectorAll("svg.plot")) {
  const lines = JSON.parse(plot.dataset.hover);
  const figure = plot.parentElement;
  const cross = plot.querySelector(".cross");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  figure.append(tip);

  // Index of the point nearest to x; px ascends.
  const nearest = (px, x) => {
    let low = 0, high = px.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (px[middle] <= x) low = middle; else high = middle;
    }
    return Math.abs(px[high] - x) < Math.abs(px[low] - x) ? high : low;
  };
  const row = (left, right) => {
    const div = document.createElement("div");
    for (const text of [left, right]) {
      const span = document.createElement("span");
      span.textContent = text;
      div.append(span);
    }
    return div;
  };
  const leave = () => {
    tip.hidden = true;
    cross.setAttribute("x1", -9);
    cross.setAttribute("x2", -9);
  };

  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const scale = plot.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale;
    const found = lines.filter((line) => line.px.length > 0).map((line) => [line, nearest(line.px, x)]);
    if (found.length === 0) return;
    // The point that is nearest of all decides; lines that have none there are left out.
    const [first, at] = found.reduce((a, b) => (Math.abs(b[0].px[b[1]] - x) < Math.abs(a[0].px[a[1]] - x) ? b : a));
    const place = first.px[at];
    cross.setAttribute("x1", place);
    cross.setAttribute("x2", place);
    tip.replaceChildren(row(first.x[at], ""));
    for (const [line, index] of found) {
      if (Math.abs(line.px[index] - place) < 2) tip.append(row(line.name, line.y[index]));
    }
    tip.hidden = false;
    const frame = figure.getBoundingClientRect();
    const left = box.left - frame.left + place / scale;
    tip.style.left = (left + tip.offsetWidth + 14 < frame.width ? left + 10 : left - tip.offsetWidth - 10) + "px";
    tip.style.top = event.clientY - frame.top + 12 + "px";
  });
}
