"use strict";
// The page of a generator: noise and labels in, images on a canvas. The controls hold the state.

const find = (id) => document.getElementById(id);
const SHARPNESS = 1200; // pixels that the canvas has at least, so that small images stay crisp
const GAP = 1; // pixels of an image between two of them
const WALK_SECONDS = 5;
const HIGHEST_SEED = 999999;

let model; // what generator.json says of the network
let directions; // [{ share, vector }], from explorer/directions.json
let session; // the network itself

// ---- noise ------------------------------------------------------------------------------------

// A 32-bit counter, scrambled: the finaliser of MurmurHash3 (Appleby 2011).
function uniforms(seed) {
  const scramble = (x) => {
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
  };
  let counter = scramble(seed + 0x9e3779b9);
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    return (scramble(counter) + 0.5) / 2 ** 32; // never 0 or 1
  };
}

// Standard normal noise, a row an image (Box & Muller 1958). Fewer images begin as more do.
function noiseOf(seed, count) {
  const next = uniforms(seed);
  const normal = () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  return Array.from({ length: count }, () => Array.from({ length: model.latent_dim }, normal));
}

// From a to b along a great circle: the length stays that of noise, where a straight line would
// pass the middle, which the generator never saw (White 2016, arXiv 1609.04468).
function slerp(a, b, t) {
  const length = (v) => Math.hypot(...v);
  const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (length(a) * length(b));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (angle < 1e-6) return a;
  const [wa, wb] = [Math.sin((1 - t) * angle), Math.sin(t * angle)].map((x) => x / Math.sin(angle));
  return a.map((x, i) => wa * x + wb * b[i]);
}

// ---- the network ------------------------------------------------------------------------------

let turn = Promise.resolve(); // a session runs one batch at a time

// Returns the images of some noise, rows of numbers, and labels, an integer an image:
// { count, height, width, channels, pixels }, pixels 0 to 255 in that order.
function draw(noise, labels) {
  const mine = turn.then(() => run(noise, labels));
  turn = mine.catch(() => {});
  return mine;
}

async function run(noise, labels) {
  const inputs = {
    noise: new ort.Tensor("float32", noise.flat(), [noise.length, model.latent_dim]),
  };
  if (model.class_names.length) inputs.label = new ort.Tensor("int32", labels, [noise.length]);
  const images = (await session.run(inputs))[session.outputNames[0]];
  const [count, height, width, channels] = images.dims;
  const toLevel = model.output === "tanh" ? (x) => (x + 1) * 127.5 : (x) => x * 255;
  const pixels = Uint8ClampedArray.from(images.data, toLevel); // rounds and clips
  return { count, height, width, channels, pixels };
}

// ---- what is shown ----------------------------------------------------------------------------

const sliders = () => [...find("directions").querySelectorAll("input")];
const seedIn = (id) => Math.min(HIGHEST_SEED, Math.max(0, Math.round(find(id).valueAsNumber || 0)));

// A seed that there is not becomes the nearest that there is, in its field too. A field that is
// empty, as it may be while somebody types, shows the seed that is used in grey until it is left.
function showSeed(field, isLeft) {
  const used = String(seedIn(field.id));
  field.placeholder = used;
  if (field.value !== used && (isLeft || !Number.isNaN(field.valueAsNumber))) field.value = used;
}

function latent(count) {
  const [from, to] = [noiseOf(seedIn("seed"), count), noiseOf(seedIn("target"), count)];
  const t = find("walk").valueAsNumber / 100;
  const shift = new Array(model.latent_dim).fill(0);
  sliders().forEach((slider, k) => {
    directions[k].vector.forEach((x, i) => (shift[i] += slider.valueAsNumber * x));
  });
  return from.map((start, row) => slerp(start, to[row], t).map((x, i) => x + shift[i]));
}

// The label of each image; the classes in turn where none is picked, zeros where there are none.
function labelsFor(count) {
  const picked = find("class").value;
  const classes = model.class_names.length || 1;
  return Array.from({ length: count }, (_, i) => (picked ? Number(picked) : i % classes));
}

// Paints a grid of images; where their classes differ, each has its name below.
function paint({ count, height, width, channels, pixels }, names) {
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const strip = names.length ? Math.ceil(height / 6) : 0;
  const extent = (images, side) => images * (side + GAP) - GAP;
  const scale = Math.ceil(SHARPNESS / extent(columns, width));
  const canvas = find("pictures");
  canvas.width = extent(columns, width) * scale;
  canvas.height = extent(rows, height + strip) * scale;
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.body);
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = false;
  pen.font = `${0.8 * strip * scale}px ${style.fontFamily}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const tile = new OffscreenCanvas(width, height);
  const colours = new ImageData(width, height);
  for (let image = 0; image < count; image++) {
    for (let i = 0; i < width * height; i++) {
      const first = (image * width * height + i) * channels;
      for (let c = 0; c < 3; c++) colours.data[4 * i + c] = pixels[first + (channels === 3 ? c : 0)];
      colours.data[4 * i + 3] = 255;
    }
    tile.getContext("2d").putImageData(colours, 0, 0);
    const [x, y] = [image % columns, Math.floor(image / columns)];
    const [left, top] = [x * (width + GAP) * scale, y * (height + strip + GAP) * scale];
    pen.drawImage(tile, left, top, width * scale, height * scale);
    if (!strip) continue;
    pen.fillStyle = style.color;
    const middle = [left + (width * scale) / 2, top + (height + strip / 2) * scale];
    pen.fillText(names[image % names.length], ...middle, width * scale);
  }
}

function describe(count) {
  const picked = find("class").value;
  const images = count === 1 ? "1 image" : `${count} images`;
  const ofClass = picked ? ` of ${model.class_names[picked]}` : "";
  const percent = Math.round(find("walk").valueAsNumber);
  const way = percent ? `, ${percent} % of the way to seed ${seedIn("target")}` : "";
  find("walked").textContent = `${percent} %`;
  find("caption").textContent = `${images}${ofClass}, seed ${seedIn("seed")}${way}`;
  const shifts = sliders().map(({ value }, k) => (Number(value) ? `; direction ${k + 1} at ${value}` : ""));
  const turns = model.class_names.length && !picked ? `, in turn: ${model.class_names.join(", ")}` : "";
  find("pictures").ariaLabel = `Generated: ${find("caption").textContent}${turns}${shifts.join("")}`;
}

let stale = false;
let working = false;

// Draws what the controls say; what changes meanwhile is drawn once, afterwards.
async function show() {
  stale = true;
  if (working) return;
  working = true;
  find("pictures").ariaBusy = "true";
  try {
    while (stale) {
      stale = false;
      const count = Number(find("count").value);
      const began = performance.now();
      const images = await draw(latent(count), labelsFor(count));
      find("speed").textContent = `(${Math.round(performance.now() - began)} ms)`;
      paint(images, find("class").value ? [] : model.class_names);
      describe(count);
    }
    find("pictures").ariaBusy = "false";
  } catch (error) {
    fail(error);
  } finally {
    working = false;
  }
}

// ---- the controls -----------------------------------------------------------------------------

let playing = false;

async function play() {
  playing = !playing;
  find("play").textContent = playing ? "❚❚" : "▶";
  find("play").ariaLabel = playing ? "Pause the walk" : "Play the walk";
  const nextFrame = () => new Promise(requestAnimationFrame);
  let forwards = find("walk").valueAsNumber < 100;
  let last = await nextFrame();
  while (playing) {
    const now = await nextFrame();
    const step = ((now - last) / 1000 / WALK_SECONDS) * 100;
    last = now;
    const at = find("walk").valueAsNumber + (forwards ? step : -step);
    if (at >= 100 || at <= 0) forwards = at <= 0; // there and back again
    find("walk").value = at;
    await show();
  }
}

function newNoise() {
  const random = () => Math.floor(Math.random() * (HIGHEST_SEED + 1));
  [find("seed").value, find("target").value] = [random(), random()];
  if (!playing) find("walk").value = 0;
  show();
}

function reset() {
  for (const slider of sliders()) slider.value = 0;
  sliders().forEach(showValue);
  show();
}

function save() {
  find("pictures").toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const name = `${model.title} ${find("caption").textContent}`;
    link.download = `${name.replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase()}.png`;
    link.click();
    setTimeout(URL.revokeObjectURL, 1000, link.href); // some browsers begin to read it later
    find("status").textContent = `Saved as ${link.download}`;
  });
}

function showValue(slider) {
  const value = slider.valueAsNumber;
  slider.nextElementSibling.textContent = (value > 0 ? "+" : "") + value.toFixed(1);
}

function addDirection({ share }, index) {
  const label = document.createElement("label");
  label.innerHTML = "<span></span> <input type=range min=-4 max=4 step=0.1 value=0> <span class=value>0.0</span>";
  const slider = label.querySelector("input");
  const name = `${index + 1} · ${(share * 100).toFixed(0)} %`;
  slider.ariaLabel = `Direction ${name} of all change`;
  label.querySelector("span").textContent = name;
  slider.addEventListener("input", () => showValue(slider));
  find("directions").append(label);
}

function build() {
  document.title = model.title;
  find("title").textContent = model.title;
  find("class").append(new Option("All, in turn", ""));
  model.class_names.forEach((name, index) => find("class").append(new Option(name, index)));
  find("class-row").hidden = !model.class_names.length;
  directions.forEach(addDirection);
  for (const field of [find("seed"), find("target")]) {
    field.addEventListener("input", () => showSeed(field, false));
    field.addEventListener("change", () => showSeed(field, true));
  }
  find("controls").addEventListener("input", show);
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  const actions = { new: newNoise, save, play, "reset-directions": reset };
  for (const [id, action] of Object.entries(actions)) {
    find(id).addEventListener("click", action);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
}

function fail(error) {
  playing = false;
  find("status").textContent = `It did not work: ${error.message || error}`;
  find("status").className = "bad";
}

async function load(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return answer.json();
}

async function start() {
  if (location.protocol === "file:") {
    throw new Error("browsers do not run networks from disk. Serve this folder instead: gansweep explore FOLDER");
  }
  [model, directions] = await Promise.all(["generator.json", "explorer/directions.json"].map(load));
  ort.env.wasm.wasmPaths = new URL("explorer/", document.baseURI).href;
  ort.env.wasm.numThreads = 1; // more would ask for special headers of whoever serves the page
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create("generator.onnx");
  build();
  document.querySelector("main").hidden = false;
  find("status").textContent = "The generator runs in this browser; nothing is sent anywhere.";
  await show();
  window.explorer = { draw, noiseOf, slerp };
}

start().catch(fail);
