// The status page reads /api/snapshot and /api/traces every few seconds and draws them. Texts are
// set as text and attributes, never as markup.

const interval = 5000; // milliseconds
const lines = 6; // colours of series

const svgSpace = "http://www.w3.org/2000/svg";

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(svgSpace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function format(value, unit) {
  if (unit === "s") return value < 1 ? `${(value * 1000).toFixed(value < 0.1 ? 1 : 0)} ms` : `${value.toFixed(1)} s`;
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toFixed(digits) + (unit === "" || unit.startsWith("/") || unit === "%" ? unit : ` ${unit}`);
}

function age(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

function alertItem(alert, now) {
  const state = element("strong", { className: alert.state === "firing" ? "bad" : "quiet", textContent: alert.state });
  const item = element("li", {}, state, ` ${alert.name}, ${alert.severity}, since ${age(now - Date.parse(alert.since))}: ${alert.summary}`);
  if (/^https?:/.test(alert.runbook)) item.append(" ", element("a", { href: alert.runbook, textContent: "Runbook" }));
  return item;
}

function partItem(part) {
  const state = part.trouble === "" ? "ready" : part.trouble;
  return element("li", {}, element("span", { textContent: part.name }), ": ",
    element("span", { className: part.trouble === "" ? "good" : "bad", textContent: state }));
}

// chart draws the series of a chart as lines, with a table of their last values as the legend.
function chart(data, end) {
  const width = 300, height = 80, span = 15 * 60;
  const series = data.series ?? [];
  const top = Math.max(1e-9, ...series.flatMap((one) => one.points.map((point) => point[1])));
  const x = (time) => width * (1 - (end - time) / span);
  const y = (value) => height - 2 - (height - 4) * value / top;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "axis", d: `M0 ${height - 1}H${width}` }));
  const rows = element("tbody");
  series.forEach((one, i) => {
    const path = one.points.map(([time, value], n) => `${n === 0 ? "M" : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    picture.append(svg("path", { class: `line-${i % lines}`, d: path }));
    const swatch = svg("svg", { class: "swatch", viewBox: "0 0 1 1", "aria-hidden": "true" }, svg("rect", { class: `line-${i % lines}`, width: 1, height: 1 }));
    const last = one.points.at(-1)?.[1] ?? 0;
    rows.append(element("tr", {}, element("th", { scope: "row" }, swatch, one.name || "all"), element("td", { textContent: format(last, data.unit) })));
  });
  const legend = series.length > 0 ? element("table", {}, rows) : element("p", { className: "quiet", textContent: "no data" });
  return element("figure", {}, element("figcaption", { textContent: data.title }), picture, legend);
}

function waterfall(trace) {
  const rowHeight = 18, names = 300, width = 900;
  const scale = (width - names) / Math.max(trace.took, 0.001);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${trace.spans.length * rowHeight}`, role: "img" },
    svg("title", {}, `${trace.spans.length} spans in ${trace.took.toFixed(1)} ms`));
  trace.spans.forEach((span, row) => {
    const name = `${span.service}: ${span.name}`;
    const label = svg("text", { x: span.depth * 8, y: row * rowHeight + 13 }, name.length > 48 ? `${name.slice(0, 47)}…` : name);
    const bar = svg("rect", {
      class: span.failed ? "failed" : `line-${row % lines}`, x: names + span.begin * scale, y: row * rowHeight + 4,
      width: Math.max(1.5, span.took * scale), height: rowHeight - 8,
    }, svg("title", {}, `${name}: ${span.took.toFixed(2)} ms, begins after ${span.begin.toFixed(2)} ms${span.failed ? ", failed" : ""}`));
    picture.append(label, bar);
  });
  return element("div", { className: "waterfall", tabIndex: 0 }, picture);
}

function traceItem(trace, open) {
  const first = trace.spans[0];
  const summary = element("summary", {},
    element("span", { className: trace.failed ? "bad" : "", textContent: `${first.service}: ${first.name}` }),
    element("span", { className: "quiet", textContent: ` ${trace.took.toFixed(1)} ms, ${trace.spans.length} spans, ${new Date(trace.start).toLocaleTimeString()}, ${trace.id}` }));
  const item = element("details", { open }, summary);
  item.dataset.id = trace.id;
  item.append(waterfall(trace));
  return item;
}

function show(snapshot) {
  const now = Date.parse(snapshot.at);
  const alerts = snapshot.alerts ?? [], parts = snapshot.parts ?? [];
  const firing = alerts.filter((alert) => alert.state === "firing").length;
  const troubled = parts.filter((part) => part.trouble !== "").length;
  const words = [
    parts.length === 0 ? "PhoneBill does not run" : troubled === 0 ? `all ${parts.length} parts are ready` : `${troubled} of ${parts.length} parts are not ready`,
    firing === 0 ? "no alert fires" : firing === 1 ? "1 alert fires" : `${firing} alerts fire`,
    ...(snapshot.missing ?? []),
  ];
  const summary = document.getElementById("summary");
  if (summary.textContent !== words.join("; ")) summary.textContent = words.join("; "); // announced when it changes
  summary.className = firing + troubled > 0 || parts.length === 0 ? "bad" : "good";
  document.title = `${firing + troubled > 0 ? "(!) " : ""}PhoneBill: status`;
  document.getElementById("alerts").replaceChildren(
    ...(alerts.length > 0 ? alerts.map((alert) => alertItem(alert, now)) : [element("li", { className: "quiet", textContent: "None." })]));
  document.getElementById("parts").replaceChildren(...parts.map(partItem));
  document.getElementById("charts").replaceChildren(...snapshot.charts.map((data) => chart(data, now / 1000)));
}

// showTraces keeps open traces open, and leaves the list alone while one of its elements has the focus.
function showTraces(traces) {
  const list = document.getElementById("traces");
  if (list.contains(document.activeElement)) return;
  const open = new Set([...list.querySelectorAll("details[open]")].map((item) => item.dataset.id));
  const items = (traces ?? []).map((trace) => traceItem(trace, open.has(trace.id)));
  list.replaceChildren(...(items.length > 0 ? items : [element("p", { className: "quiet", textContent: "None yet." })]));
}

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answers ${response.status}`);
  return response.json();
}

async function refresh() {
  try {
    const [snapshot, traces] = await Promise.all([read("api/snapshot"), read("api/traces")]);
    show(snapshot);
    showTraces(traces);
  } catch (problem) {
    const summary = document.getElementById("summary");
    summary.textContent = `This page cannot be refreshed: ${problem.message}`;
    summary.className = "bad";
  }
  setTimeout(refresh, interval);
}

refresh();
