// The volumes of a study, drawn by NiiVue, which is fetched when somebody asks for them. Without WebGL 2 the key slices stay.
const box = document.querySelector("[data-volumes]");
const part = (name) => box.querySelector(`[data-${name}]`);
const canvas = part("canvas");
const PLANES = { axial: [0, 2], coronal: [1, 1], sagittal: [2, 0] };
const COLOURS = [[255, 176, 0], [100, 180, 255], [220, 90, 200], [120, 220, 120]];
const STEPS = 500;
let nv = null;
let volumes = []; // as the REST interface tells of them

const chosen = () => volumes[part("series").selectedIndex];
// Of the whole volume; NiiVue's own range leaves borders and zeros out.
const values = () => chosen().values;
const axis = () => PLANES[part("plane").value][1];

function trouble(words) {
  part("trouble").textContent = words;
  part("trouble").hidden = false;
}

function hasWebGl() {
  const tried = document.createElement("canvas").getContext("webgl2");
  tried?.getExtension("WEBGL_lose_context")?.loseContext();
  return tried !== null;
}

async function open() {
  part("open").disabled = true;
  try {
    const answer = await fetch(box.dataset.volumes);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    volumes = await answer.json();
    if (!volumes.length) throw new Error("they are not kept any more");
    part("series").replaceChildren(...volumes.map((one) => new Option(one.role)));
    const { Niivue } = await import("/static/niivue/niivue-0.69.0.js");
    part("closed").hidden = true;
    part("viewer").hidden = false;
    nv = new Niivue({
      interactive: false, // wheel, keys and dragging are ours, below: NiiVue's keys cut and turn the head
      isNearestInterpolation: true, isRadiologicalConvention: true, sagittalNoseLeft: true, showAllOrientationMarkers: true,
      crosshairWidth: 0, isColorbar: false, dragAndDropEnabled: false, backColor: [0, 0, 0, 1], fontColor: [1, 1, 1, 1], fontMinPx: 18,
      loadingText: "", logLevel: "error", isAntiAlias: false,
    });
    await nv.attachToCanvas(canvas);
    await load();
    canvas.focus();
  } catch (error) {
    closed(error);
  }
}

function closed(error) {
  part("viewer").hidden = true;
  trouble(`The volumes cannot be shown (${error.message}). The key slices above stay, and the study in the PACS viewer.`);
}

async function load() {
  const one = chosen();
  hideFound();
  await nv.loadVolumes([{ url: one.url, colormap: "gray", cal_min: one.window[0], cal_max: one.window[1] }]);
  part("plane").replaceChildren(...one.planes.map((plane) => new Option(plane, plane)));
  const [least, most] = values(), step = (most - least) / STEPS;
  Object.assign(part("level"), { min: least, max: most, step });
  Object.assign(part("width"), { min: step, max: most - least, step });
  offerFound(one);
  turn();
  shade(1);
}

// --- where one looks ---------------------------------------------------------------------------------------------

function turn() {
  const [type, across] = PLANES[part("plane").value];
  const count = nv.volumes[0].dimsRAS[across + 1];
  part("slice-at").max = count;
  part("count").textContent = count;
  nv.setSliceType(type);
  go(Math.ceil(count / 2));
}

function go(number) {
  const slider = part("slice-at"), count = Number(slider.max);
  const at = Math.max(1, Math.min(count, number));
  slider.value = at;
  part("at").textContent = at;
  nv.scene.crosshairPos[axis()] = (at - 0.5) / count;
  nv.drawScene();
  canvas.setAttribute("aria-label", `${chosen().role}, ${part("plane").value} slice ${at} of ${count}`);
}

const step = (by) => go(Number(part("slice-at").value) + by);

// --- how bright it is --------------------------------------------------------------------------------------------

function shade(factor) {
  const [low, high] = chosen().window, [least, most] = values();
  if (factor === "all") return expose((least + most) / 2, most - least);
  return expose((low + high) / 2, (high - low) * Number(factor));
}

function expose(level, width) {
  const volume = nv.volumes[0], [least, most] = values(), range = most - least;
  const wide = Math.max(range / STEPS, Math.min(range, width));
  const middle = Math.max(least, Math.min(most, level));
  for (const [name, value] of [["level", middle], ["width", wide]]) {
    part(name).value = value;
    part(`${name}-at`).textContent = range > 20 ? Math.round(value) : value.toPrecision(3);
  }
  [volume.cal_min, volume.cal_max] = [middle - wide / 2, middle + wide / 2];
  nv.updateGLVolume();
}

const exposure = () => [Number(part("level").value), Number(part("width").value)];

// --- where the checks measured -----------------------------------------------------------------------------------

function hideFound() {
  if (nv.volumes.length > 1) nv.removeVolume(nv.volumes[1]);
  const shown = part("found-shown");
  if (shown) shown.checked = false;
  canvas.dataset.coloured = "false";
}

function offerFound(one) {
  const shown = part("found-shown");
  if (!shown) return;
  const names = one.found_url ? one.checks.map((name) => name.replaceAll("_", " ").replace(/^flair/, "FLAIR")) : [];
  shown.disabled = part("opacity").disabled = !names.length;
  const rows = names.map((name, at) => Object.assign(document.createElement("li"), { className: `found-${at + 1}`, textContent: name }));
  if (!rows.length) rows.push(Object.assign(document.createElement("li"), { textContent: "No check measured anything in this series." }));
  part("legend").replaceChildren(...rows);
}

async function toggleFound() {
  if (!part("found-shown").checked) return hideFound();
  const url = chosen().found_url, count = part("legend").children.length;
  const layer = await nv.addVolumeFromUrl({ url, opacity: opacity() });
  if (!part("found-shown").checked || chosen().found_url !== url) return nv.removeVolume(layer);
  const colours = [[0, 0, 0], ...COLOURS.slice(0, count)];
  layer.setColormapLabel({
    R: colours.map((one) => one[0]), G: colours.map((one) => one[1]), B: colours.map((one) => one[2]),
    A: colours.map((_, at) => (at ? 255 : 0)), I: colours.map((_, at) => at), labels: colours.map(String),
  });
  nv.updateGLVolume();
  canvas.dataset.coloured = "true";
}

const opacity = () => Number(part("opacity").value) / 100;

// --- hands -------------------------------------------------------------------------------------------------------

const KEYS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
let held = null;

function listen() {
  const on = (name, kind, act) => part(name)?.addEventListener(kind, act);
  on("open", "click", open);
  on("series", "change", () => load().catch(closed));
  on("plane", "change", turn);
  on("slice-at", "input", () => go(Number(part("slice-at").value)));
  on("level", "input", () => expose(...exposure()));
  on("width", "input", () => expose(...exposure()));
  on("found-shown", "change", () => toggleFound().catch(closed));
  on("opacity", "input", () => { if (nv.volumes.length > 1) nv.setOpacity(1, opacity()); });
  for (const button of box.querySelectorAll("[data-window]")) button.addEventListener("click", () => shade(button.dataset.window));
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); step(-Math.sign(event.deltaY)); }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step(KEYS[event.key]);
  });
  canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY, ...exposure()]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y, level, width] = held, unit = (chosen().window[1] - chosen().window[0]) / 200;
    expose(level - (event.clientY - y) * unit, width + (event.clientX - x) * unit);
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { held = null; });
}

box.hidden = false;
if (hasWebGl()) {
  listen();
} else {
  part("closed").hidden = true;
  trouble("This browser cannot draw volumes (it has no WebGL 2). The key slices above stay, and the study in the PACS viewer.");
}
