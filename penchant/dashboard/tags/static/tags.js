// The map of tags: thousands of points on a canvas; what is said of the chosen one is loaded beside it.
"use strict";

const STEPS = [[0.01, 16], [0.06, 11], [0.26, 7.5], [1, 5]]; // up to this share of tags, the most clicked first: diameter in pixels
const CLOSEST = 80;
const REACH = { touch: 24, mouse: 12 }; // pixels from a point at which it is still meant
const ROOM = 9000; // square pixels of the map for each label
const SETTLE_MS = 70; // without movement, before labels are chosen anew
const SWAP = "outerHTML settle:0"; // else styles would be carried over, which the policy forbids
const FONT = "12px system-ui, sans-serif";

const between = (least, value, most) => Math.min(Math.max(value, least), most);
const plain = (text, most) => cut(text.replace(/\s+/g, " "), most);
const ruler = document.createElement("canvas").getContext("2d");

class TagMap {
  constructor(element, sent) {
    this.element = element;
    this.tip = document.getElementById("tag-tip");
    this.plot = echarts.init(element, null, { renderer: "canvas" });
    Object.assign(this, { texts: sent.texts, clicks: sent.clicks, users: sent.users, zoom: 1, middle: [0, 0], chosen: null, near: [] });
    this.places = sent.x.map((x, number) => [x / sent.fineness, sent.y[number] / sent.fineness]);
    this.numbers = new Map(sent.texts.map((text, number) => [text, number]).reverse());
    this.measure();
    new ResizeObserver(() => this.resize()).observe(element);
    this.listen();
  }

  measure() {
    [this.width, this.height] = [this.element.clientWidth, this.element.clientHeight];
  }

  resize() {
    if (this.plot.isDisposed() || (this.element.clientWidth === this.width && this.element.clientHeight === this.height)) return;
    this.measure();
    this.plot.resize();
    this.draw();
  }

  // Pixels for the distance of 1; the map reaches from -1 to 1.
  get scale() {
    return 0.47 * Math.min(this.width, this.height) * this.zoom;
  }

  pixel([x, y]) {
    return [this.width / 2 + (x - this.middle[0]) * this.scale, this.height / 2 - (y - this.middle[1]) * this.scale];
  }

  place([across, down]) {
    return [this.middle[0] + (across - this.width / 2) / this.scale, this.middle[1] - (down - this.height / 2) / this.scale];
  }

  inView([across, down]) {
    return across >= 0 && across <= this.width && down >= 0 && down <= this.height;
  }

  step(number) {
    return STEPS.findIndex(([share]) => number < Math.ceil(share * this.texts.length));
  }

  // Smaller where there are many, larger from closer.
  size(step) {
    const crowd = between(0.7, Math.sqrt(2500 / this.texts.length), 1);
    return STEPS[step][1] * crowd * Math.min(0.8 + this.width / 3000 + 0.2 * Math.log2(this.zoom), 2.2);
  }

  // What is drawn

  axes() {
    const [across, up] = [this.width / 2 / this.scale, this.height / 2 / this.scale];
    const axis = (middle, half) => ({ min: middle - half, max: middle + half });
    return { xAxis: axis(this.middle[0], across), yAxis: axis(this.middle[1], up) };
  }

  draw() {
    const theme = themeNow();
    const common = { type: "scatter", silent: true, animation: false, emphasis: { disabled: true } };
    const halo = { color: theme.ink, fontSize: 12, textBorderColor: theme.paper, textBorderWidth: 3, formatter: (one) => one.name };
    const hidden = { type: "value", show: false };
    const { xAxis, yAxis } = this.axes();
    const start = (step) => Math.ceil((step ? STEPS[step - 1][0] : 0) * this.texts.length);
    const steps = STEPS.map(([share], step) => ({
      ...common, id: `step-${step}`, z: 2, large: true, largeThreshold: 1, symbol: "circle", symbolSize: this.size(step),
      itemStyle: { color: theme.series[0], opacity: 0.5 }, data: this.places.slice(start(step), Math.ceil(share * this.texts.length)),
    }));
    const labels = { ...common, id: "labels", z: 5, symbol: "circle", itemStyle: { opacity: 0 }, label: { ...halo, show: true, opacity: 1, distance: 1 } };
    const near = { ...common, id: "near", z: 3, symbol: "diamond", symbolSize: 15,
      itemStyle: { color: theme.series[1], borderColor: theme.paper, borderWidth: 1.5 } };
    const chosen = { ...common, id: "chosen", z: 4, symbol: "circle", symbolSize: 19,
      itemStyle: { color: "transparent", borderColor: theme.series[1], borderWidth: 4 } };
    this.plot.setOption({
      animation: false, textStyle: { fontFamily: "system-ui, sans-serif" }, grid: { left: 0, right: 0, top: 0, bottom: 0, outerBoundsMode: "none" },
      xAxis: { ...hidden, ...xAxis }, yAxis: { ...hidden, ...yAxis }, series: [...[...steps].reverse(), labels, near, chosen],
    }, { notMerge: true });
    this.settle();
  }

  // After a movement: points keep up at once, labels once it has come to rest.
  move() {
    for (const [axis, half] of [[0, this.width], [1, this.height]]) {
      const most = Math.max(0, 1.08 - half / 2 / this.scale);
      this.middle[axis] = between(-most, this.middle[axis], most);
    }
    this.hideTip();
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.plot.setOption(this.axes());
    });
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.settle(), SETTLE_MS);
  }

  settle() {
    const chosen = this.chosen == null ? [] : [this.chosen];
    const point = (number) => ({ name: plain(this.texts[number], 40), value: this.places[number] });
    this.plot.setOption({
      series: [
        ...STEPS.map((_, step) => ({ id: `step-${step}`, symbolSize: this.size(step) })),
        { id: "labels", data: this.labels([...chosen, ...this.near]) },
        { id: "near", data: this.near.map(point) },
        { id: "chosen", data: chosen.map(point) },
      ],
    });
  }

  // The most clicked tags in view that can be named without one name lying on another; marked ones come first.
  labels(marked) {
    ruler.font = FONT;
    const most = Math.max(8, (this.width * this.height) / ROOM);
    const taken = this.taken(marked);
    const found = [];
    let tried = 0;
    for (const number of new Set([...marked, ...this.texts.keys()])) {
      if (found.length >= most || tried > 8 * most) break;
      const at = this.pixel(this.places[number]);
      if (!this.inView(at)) continue;
      tried += 1;
      const chosen = number === this.chosen;
      const size = chosen ? 24 : marked.includes(number) ? 17 : this.size(this.step(number));
      const name = plain(this.texts[number], 24);
      const position = this.room(taken, at, size, ruler.measureText(name).width + 6, chosen);
      const stress = chosen ? { fontWeight: "bold", backgroundColor: colour("--paper"), padding: [1, 4], borderRadius: 3 } : {};
      if (position) found.push({ name, value: this.places[number], symbolSize: size, label: { position, ...stress } });
    }
    return found;
  }

  // Where no name may lie: on the buttons, and on what is marked.
  taken(marked) {
    const tools = document.querySelector(".tag-tools");
    const boxes = marked.map((number) => {
      const [across, down] = this.pixel(this.places[number]);
      return { left: across - 8, right: across + 8, top: down - 8, bottom: down + 8 };
    });
    return [{ left: tools.offsetLeft, right: this.width, top: 0, bottom: tools.offsetTop + tools.offsetHeight }, ...boxes];
  }

  // The side of its point on which a name finds room, which it takes. always: even where there is none.
  room(taken, [across, down], size, width, always) {
    const box = (left) => ({ left, right: left + width, top: down - 8, bottom: down + 8 });
    const sides = { right: box(across + size / 2), left: box(across - size / 2 - width) };
    const inside = (one) => one.left >= 0 && one.right <= this.width;
    const free = (one) => !taken.some((it) => one.left < it.right && it.left < one.right && one.top < it.bottom && it.top < one.bottom);
    const fitting = Object.keys(sides).filter((side) => inside(sides[side]));
    const found = fitting.find((side) => free(sides[side])) ?? (always ? fitting[0] : undefined);
    if (found) taken.push(sides[found]);
    return found;
  }

  // What is chosen: by the part of the page beside the map

  mark(tag, near) {
    const known = (text) => this.numbers.get(text);
    this.chosen = tag && known(tag) !== undefined ? known(tag) : null;
    this.near = near.map(known).filter((number) => number !== undefined);
    if (this.chosen != null && !this.inView(this.pixel(this.places[this.chosen]))) {
      this.middle = [...this.places[this.chosen]];
      this.move();
    } else {
      this.settle();
    }
  }

  choose(number) {
    const url = `/dashboard/tags?tag=${encodeURIComponent(this.texts[number])}`;
    if (!document.getElementById("about")) location.assign(url);
    else htmx.ajax("GET", url, { source: this.element, target: "#about", swap: SWAP, push: "true" });
  }

  // Movement

  zoomBy(factor, at = [this.width / 2, this.height / 2]) {
    const under = this.place(at);
    const before = this.scale;
    this.zoom = between(1, this.zoom * factor, CLOSEST);
    this.middle = this.middle.map((middle, axis) => under[axis] + ((middle - under[axis]) * before) / this.scale);
    this.move();
  }

  // From the buttons and keys: towards the chosen tag, where it is in view.
  zoomIn() {
    const at = this.chosen == null ? null : this.pixel(this.places[this.chosen]);
    if (at && this.inView(at)) this.zoomBy(1.6, at);
    else this.zoomBy(1.6);
  }

  zoomOut() {
    this.zoomBy(1 / 1.6);
  }

  showAll() {
    [this.zoom, this.middle] = [1, [0, 0]];
    this.move();
  }

  pan(across, down) {
    this.middle = [this.middle[0] - across / this.scale, this.middle[1] + down / this.scale];
    this.move();
  }

  nearest(at, reach) {
    const [[x, y], places] = [this.place(at), this.places];
    let best = null;
    let least = (reach / this.scale) ** 2;
    for (let number = 0; number < places.length; number += 1) {
      const away = (places[number][0] - x) ** 2 + (places[number][1] - y) ** 2;
      if (away < least) {
        best = number;
        least = away;
      }
    }
    return best;
  }

  at(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  listen() {
    const { element } = this;
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("mousedown", (event) => this.grab(event));
    element.addEventListener("mousemove", (event) => this.hover(event));
    element.addEventListener("mouseleave", () => this.hideTip());
    element.addEventListener("click", (event) => this.click(event));
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("touchstart", (event) => this.pinch(event), { passive: false });
    element.addEventListener("touchmove", (event) => this.pinch(event), { passive: false });
  }

  // The page scrolls on where the map is whole already.
  wheel(event) {
    if (this.zoom === 1 && event.deltaY > 0) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
    this.zoomBy(Math.exp(between(-400, -pixels, 400) * 0.002), this.at(event));
  }

  grab(event) {
    if (event.button !== 0) return;
    let last = [event.clientX, event.clientY];
    this.dragged = 0;
    const follow = (moved) => {
      const by = [moved.clientX - last[0], moved.clientY - last[1]];
      last = [moved.clientX, moved.clientY];
      this.dragged += Math.abs(by[0]) + Math.abs(by[1]);
      if (this.dragged > 4) this.pan(...by);
    };
    addEventListener("mousemove", follow);
    addEventListener("mouseup", () => removeEventListener("mousemove", follow), { once: true });
  }

  // One finger scrolls the page past the map; two move it and bring it closer.
  pinch(event) {
    if (event.touches.length !== 2) return;
    event.preventDefault();
    const [one, other] = [...event.touches].map((touch) => this.at(touch));
    const now = { middle: [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2], apart: Math.hypot(one[0] - other[0], one[1] - other[1]) };
    if (event.type === "touchmove" && this.pinched) {
      this.pan(now.middle[0] - this.pinched.middle[0], now.middle[1] - this.pinched.middle[1]);
      this.zoomBy(now.apart / Math.max(this.pinched.apart, 1), now.middle);
    }
    this.pinched = now;
  }

  hover(event) {
    if (event.buttons) return;
    const number = this.nearest(this.at(event), REACH.mouse);
    if (number === null) this.hideTip();
    else this.showTip(number);
  }

  click(event) {
    if (this.dragged > 4) return;
    const number = this.nearest(this.at(event), REACH[event.pointerType] ?? REACH.mouse);
    if (number === null) return;
    this.hideTip();
    this.choose(number);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[event.key];
    if (by) this.pan(...by);
    else if (event.key === "+" || event.key === "=") this.zoomIn();
    else if (event.key === "-") this.zoomOut();
    else if (event.key === "0") this.showAll();
    else return;
    event.preventDefault();
  }

  showTip(number) {
    const [across, down] = this.pixel(this.places[number]);
    const lines = [plain(this.texts[number], 80), `${written(this.clicks[number])} clicks`];
    if (this.users) lines.push(`in the ten foremost of ${written(this.users[number])} users`);
    this.tip.textContent = lines.join("\n");
    this.tip.hidden = false;
    this.tip.style.left = `${between(0, across + 12, Math.max(0, this.width - this.tip.offsetWidth))}px`;
    this.tip.style.top = `${down + 14 + this.tip.offsetHeight > this.height ? down - 12 - this.tip.offsetHeight : down + 14}px`;
    this.element.classList.add("over");
  }

  hideTip() {
    this.tip.hidden = true;
    this.element.classList.remove("over");
  }
}

let map = null;
let said = null; // the part beside the map, as it was seen last

async function openMap() {
  const element = document.getElementById("tag-map");
  if (!element || map?.element === element || element.dataset.loading) return;
  element.dataset.loading = "yes";
  try {
    const answer = await fetch(element.dataset.points);
    if (!answer.ok) throw new Error(`the map answers ${answer.status}`);
    map = new TagMap(element, await answer.json());
    map.draw();
    markChosen();
  } catch {
    document.getElementById("tag-map-problem").hidden = false;
  } finally {
    delete element.dataset.loading;
  }
}

function markChosen() {
  const part = document.getElementById("about");
  if (map && part) map.mark(part.dataset.tag, JSON.parse(part.dataset.near));
}

// The part beside the map has changed: mark the tag on the map, and move a visitor who followed a link to its heading.
function followUp() {
  const part = document.getElementById("about");
  if (!part || part === said) return;
  said = part;
  closeSuggestions();
  markChosen();
  const title = document.getElementById("about-title");
  if (document.activeElement === document.body) title.focus();
  else if (title.getBoundingClientRect().top > innerHeight - 80) document.querySelector(".tag-frame")?.scrollIntoView();
}

function closeSuggestions() {
  document.getElementById("suggestions")?.replaceChildren();
}

document.addEventListener("DOMContentLoaded", () => {
  said = document.getElementById("about");
  openMap();
  const form = document.querySelector(".tag-find");
  form?.addEventListener("keydown", (event) => event.key === "Escape" && closeSuggestions());
  form?.addEventListener("focusout", (event) => event.relatedTarget && !form.contains(event.relatedTarget) && closeSuggestions());
});
document.addEventListener("click", (event) => {
  const tool = event.target.closest("[data-zoom]");
  if (tool && map) ({ in: () => map.zoomIn(), out: () => map.zoomOut(), all: () => map.showAll() })[tool.dataset.zoom]();
});
document.addEventListener("htmx:after:swap", () => {
  openMap();
  followUp();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map?.draw());
