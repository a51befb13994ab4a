"use strict";
const find = (id) => document.getElementById(id);
const { trials, film } = JSON.parse(find("data").textContent);

function remember(key, value) {
  // Some browsers refuse storage to pages from disk; the page then forgets, and works.
  try {
    if (value === undefined) return sessionStorage.getItem(key);
    sessionStorage.setItem(key, value);
  } catch {
    return null;
  }
  return value;
}

function showPicture(image, frame) {
  image.hidden = !frame.src;
  if (frame.src) image.src = frame.src;
  image.alt = frame.alt;
}

// Light and dark.
find("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  remember("theme", root.dataset.theme);
});
if (remember("theme")) document.documentElement.dataset.theme = remember("theme");

// The film of the winner.
const slider = find("frame");
if (slider && film.length) {
  const image = document.querySelector("#film img");
  const show = () => {
    const frame = film[slider.value];
    showPicture(image, frame);
    const parts = [frame.kimg, frame.score].filter(Boolean);
    find("moment").replaceChildren(...parts.flatMap((text) => {
      const span = document.createElement("span");
      span.textContent = text;
      return [span, " "];
    }));
    slider.setAttribute("aria-valuetext", parts.join(", "));
  };
  const kept = slider.value;
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    find("play").textContent = "▶";
  };
  slider.addEventListener("input", () => { stop(); show(); });
  find("play").addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === kept || Number(slider.value) === film.length - 1) slider.value = 0;
    show();
    find("play").textContent = "❚❚";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) === film.length - 1) stop();
    }, Math.max(120, Math.min(900, 6000 / film.length)));
  });
  show();
}

// The trial that was asked for.
const dialog = find("details");
function openTrial(name) {
  const trial = trials[name];
  find("details-title").textContent = `${trial.title}, ${trial.family}`;
  find("details-ending").textContent = trial.ending;
  find("details-grids").replaceChildren(...trial.rungs.map((frame) => {
    const figure = document.createElement("figure");
    const image = document.createElement("img");
    const caption = document.createElement("figcaption");
    showPicture(image, frame);
    caption.textContent = `${frame.kimg} · ${frame.score} · ${frame.seconds}`;
    figure.append(image, caption);
    return figure;
  }));
  find("details-config").replaceChildren(...trial.config.map(([name, value, searched]) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    if (searched) row.className = "searched";
    term.textContent = name;
    text.textContent = value;
    row.append(term, text);
    return row;
  }));
  dialog.showModal();
  dialog.scrollTop = 0;
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-open]");
  if (button) openTrial(button.dataset.open);
  if (event.target === dialog) dialog.close();
});

// The curves: whichever dot is nearest, or wherever the arrow keys lead.
const plot = find("plot");
const charts = plot ? [...plot.querySelectorAll("svg")] : [];
if (charts.length) {
  let svg, dots, places, winner;
  let current = null;
  const light = (dot) => {
    if (current) [current, current.parentNode].forEach((each) => each.classList.remove("lit"));
    current = dot;
    plot.classList.toggle("busy", Boolean(dot));
    if (dot) [dot, dot.parentNode].forEach((each) => each.classList.add("lit"));
    inspect(dot || winner);
  };
  const inspect = (dot) => {
    const trial = trials[dot.dataset.trial];
    const frame = trial.rungs[dot.dataset.rung];
    const last = Number(dot.dataset.rung) === trial.rungs.length - 1;
    find("inspected").textContent =
      `${trial.title}, ${trial.family}: ${frame.score} at ${frame.kimg}.${last ? ` ${trial.ending}` : ""}`;
    showPicture(find("inspected-image"), frame);
  };
  // The chart was drawn for screens of two sizes; one of them is shown.
  const choose = () => {
    if (current) light(null);
    svg = charts.find((chart) => chart.getBoundingClientRect().width) || charts[0];
    dots = [...svg.querySelectorAll("circle[data-trial]")];
    places = dots.map((dot) => [dot.cx.baseVal.value, dot.cy.baseVal.value]);
    winner = svg.querySelector(".winner .kept") || dots.at(-1);
    inspect(winner);
  };
  const nearest = (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale;
    const y = (event.clientY - box.top) * scale;
    const distances = places.map(([left, top]) => Math.hypot(left - x, top - y));
    // Of dots that coincide, the last one is drawn on top.
    const closest = Math.min(...distances) + 0.5;
    const index = distances.findLastIndex((distance) => distance <= closest);
    return closest < 60 ? dots[index] : null;
  };
  plot.addEventListener("pointermove", (event) => light(nearest(event) || current));
  plot.addEventListener("pointerdown", (event) => light(nearest(event) || current));
  plot.addEventListener("dblclick", () => current && openTrial(current.dataset.trial));
  plot.addEventListener("focus", () => current || light(winner));
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && current) {
      event.preventDefault(); // or else the same key closes what it opened
      openTrial(current.dataset.trial);
    }
    if (event.key === "Escape") light(null);
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const across = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!along && !across) return;
    event.preventDefault();
    if (!current) return light(dots[0]);
    const mates = along
      ? [...current.parentNode.querySelectorAll("circle")]
      : dots.filter((dot) => dot.dataset.rung === current.dataset.rung)
          .sort((one, other) => one.cy.baseVal.value - other.cy.baseVal.value);
    light(mates[mates.indexOf(current) + (along || across)] || current);
  });
  plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && light(null));
  plot.addEventListener("blur", () => light(null));
  choose();
  matchMedia("(max-width: 600px)").addEventListener("change", choose);
}

// The leaderboard: sorted by one column, filtered by words and states, cut where it grows long.
const SHOWN = 12;
const body = document.querySelector("#board tbody");
const none = find("none");
const rows = [...body.rows];
let whole = false;
function filterRows() {
  const words = find("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const states = [...document.querySelectorAll("[name=state]:checked")].map((box) => box.value);
  const hits = [...body.rows].filter((row) => {
    const text = row.dataset.search.toLowerCase();
    return states.includes(row.dataset.state) && words.every((word) => text.includes(word));
  });
  const shown = new Set(whole ? hits : hits.slice(0, SHOWN));
  rows.forEach((row) => { row.hidden = !shown.has(row); });
  find("found").textContent = `${hits.length} of ${rows.length}`;
  none.hidden = hits.length > 0;
  const boxes = document.querySelectorAll("[name=state]").length;
  const among = states.length < boxes ? " among the outcomes that are ticked" : "";
  none.querySelector("td").textContent =
    `No training matches${words.length ? ` “${words.join(" ")}”` : ""}${among}.`;
  find("more").hidden = hits.length <= SHOWN;
  find("more").textContent = whole ? "Show fewer" : `Show all ${hits.length}`;
  remember("filter", JSON.stringify([find("find").value, states, whole]));
}
function sortRows(header, descending) {
  const column = header.cellIndex;
  const key = (row) => row.cells[column].dataset.sort;
  const order = (one, other) => {
    const [left, right] = [key(one), key(other)];
    if (!left || !right) return Boolean(right) - Boolean(left); // what is missing stays last
    const sign = descending ? -1 : 1;
    return sign * left.localeCompare(right, "en", { numeric: true });
  };
  const numbers = (one, other) => {
    const [left, right] = [key(one), key(other)];
    if (!left || !right) return Boolean(right) - Boolean(left);
    return (descending ? -1 : 1) * (Number(left) - Number(right));
  };
  const isNumeric = rows.every((row) => !isNaN(Number(key(row) || 0)));
  body.append(...rows.sort(isNumeric ? numbers : order));
  document.querySelectorAll("#board th").forEach((each) => each.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  filterRows();
}
document.querySelectorAll("#board th button").forEach((button) => {
  const header = button.closest("th");
  button.addEventListener("click", () => sortRows(header, header.getAttribute("aria-sort") === "ascending"));
});
find("find").addEventListener("input", filterRows);
document.querySelectorAll("[name=state]").forEach((box) => box.addEventListener("change", filterRows));
document.querySelector(".filter").addEventListener("submit", (event) => event.preventDefault());
find("more").addEventListener("click", () => { whole = !whole; filterRows(); });

// While a sweep runs: load again, but never under somebody's hands.
const follows = "follows" in document.body.dataset;
if (follows) {
  const UNUSED = 15000;
  // A page that is served can ask whether it is still the newest; one from disk cannot.
  const served = location.protocol === "http:";
  const EVERY = served ? 3000 : UNUSED;
  let used = Date.now();
  let paused = remember("paused") === "true";
  const pause = find("pause");
  const say = () => {
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
  };
  pause.addEventListener("click", () => {
    paused = !paused;
    remember("paused", String(paused));
    say();
  });
  ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"].forEach((kind) =>
    addEventListener(kind, () => { used = Date.now(); }, { passive: true }));
  let state = null;
  const isNewest = async () => {
    const found = (await fetch(location.href, { method: "HEAD" })).headers.get("ETag");
    state ??= found;
    return found === state;
  };
  if (served) isNewest().catch(() => {});
  const timer = setInterval(async () => {
    const idle = Date.now() - used >= UNUSED || (served && document.hidden);
    try {
      if (served && await isNewest()) return;
    } catch {
      clearInterval(timer);
      pause.hidden = true;
      document.querySelector(".pulse").hidden = true;
      find("live").textContent = "The sweep has ended or was stopped; gansweep report shows its last state.";
      return;
    }
    if (!paused && idle && !dialog.open && (served || !document.hidden)) location.reload();
  }, EVERY);
  say();
}
const kept = JSON.parse((follows && remember("filter")) || "null");
if (kept) {
  find("find").value = kept[0];
  document.querySelectorAll("[name=state]").forEach((box) => { box.checked = kept[1].includes(box.value); });
  whole = kept[2];
}
filterRows();
