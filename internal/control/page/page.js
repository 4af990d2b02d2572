"use strict";
// What the broker says is put into the page as text, never as HTML.

const $ = id => document.getElementById(id);
let chosen = "";          // URI of the queue that is looked at
let before = new Map();   // counters of the last time, by URI
let beforeAt = 0;
let pressed = false;      // nothing moves under a button that is pressed

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const r = await fetch("api/" + path, options);
  const answer = JSON.parse(await r.text(), exact);
  if (!r.ok) throw new Error(answer.error || r.statusText);
  return answer;
}

// exact keeps whole numbers that are too large for a number here as text.
function exact(key, value, context) {
  return context && Number.isInteger(value) && !Number.isSafeInteger(value) ? context.source : value;
}

const get = path => call("GET", path);

function element(tag, content, className) {
  const e = document.createElement(tag);
  if (content instanceof Node) e.append(content);
  else if (content !== undefined && content !== null) e.textContent = content;
  if (className) e.className = className;
  return e;
}

function button(text, action, className) {
  const b = element("button", text, className);
  b.type = "button";
  b.addEventListener("click", () => action().then(() => problem(null)).then(refresh).catch(problem));
  return b;
}

function problem(err) {
  $("problem").hidden = !err;
  $("problem").textContent = err ? err.message : "";
}

const number = n => n.toLocaleString("en");

// table shows rows. A column is a title and what to show of a row; numbers are aligned.
function table(where, rows, columns, isChosen) {
  if (rows.length === 0) return $(where).replaceChildren(element("p", "none", "empty"));
  const head = element("tr");
  const body = element("tbody");
  const isNumber = columns.map(([, show]) => typeof show(rows[0]) === "number");
  columns.forEach(([title], i) => head.append(element("th", title, isNumber[i] ? "n" : "")));
  for (const row of rows) {
    const tr = element("tr", undefined, isChosen && isChosen(row) ? "chosen" : "");
    columns.forEach(([, show], i) => {
      const v = show(row);
      tr.append(element("td", typeof v === "number" ? number(v) : v, isNumber[i] ? "n" : ""));
    });
    body.append(tr);
  }
  const t = element("table");
  t.append(element("thead", head), body);
  // What looks the same does the same, and stays, so that clicks and selections do.
  if (!$(where).firstChild || !$(where).firstChild.isEqualNode(t)) $(where).replaceChildren(t);
}

const sum = (list, f) => list.reduce((n, x) => n + f(x), 0);

// rate is what was counted per second since the last time.
function rate(queue, name, now) {
  const old = before.get(queue.uri);
  if (!old || now <= beforeAt) return 0;
  return Math.max(0, Math.round((queue.counters[name] - old[name]) * 1000 / (now - beforeAt)));
}

function showQueues(queues, now) {
  table("queues", queues, [
    ["queue", q => button(q.uri, async () => { chosen = q.uri; $("message").hidden = true; }, "link")],
    ["mode", q => q.mode],
    ["messages", q => q.messages],
    ["unconfirmed", q => sum(q.apps, a => a.unconfirmed)],
    ["bytes", q => q.bytes],
    ["producers", q => q.producers],
    ["consumers", q => q.consumers],
    ["posted/s", q => rate(q, "posted", now)],
    ["pushed/s", q => rate(q, "pushed", now)],
    ["confirmed/s", q => rate(q, "confirmed", now)],
    ["", q => button("purge", () => call("POST", "purge", { queue: q.uri }))],
  ], q => q.uri === chosen);
}

function showDetails(queue, messages) {
  $("details").hidden = !queue;
  if (!queue) return;
  $("uri").textContent = queue.uri;
  table("apps", queue.apps, [
    ["application", a => a.id],
    ["messages", a => a.messages],
    ["bytes", a => a.bytes],
    ["unconfirmed", a => a.unconfirmed],
    ["to be redelivered", a => a.redelivery],
    ["set aside", a => a.aside],
    ["consumers", a => a.consumers.length],
    ["", a => button("purge", () => call("POST", "purge", { queue: queue.uri, app: a.id }))],
  ]);
  const rows = queue.apps.flatMap(a => a.consumers.flatMap(c => c.subscriptions.map(s => ({ a, c, s }))));
  table("consumers", rows, [
    ["application", r => r.a.id],
    ["process", r => r.c.processName],
    ["connection", r => r.c.connection],
    ["subscription", r => r.s.expression || "all messages"],
    ["priority", r => r.s.priority],
    ["unconfirmed", r => number(r.s.messages) + " of " + number(r.s.maxUnconfirmedMessages)],
    ["bytes", r => number(r.s.bytes) + " of " + number(r.s.maxUnconfirmedBytes)],
    ["window", r => r.s.open ? "open" : "full"],
  ]);
  table("messages", messages, [
    ["GUID", m => button(m.guid, () => look(queue.uri, m.guid), "link")],
    ["bytes", m => m.size],
    ["age", m => (m.ageMs / 1000).toFixed(1) + " s"],
    ["waits for", m => m.pending.map(p => p.app + (p.connection ? " (at connection " + p.connection + ")" : "")).join(", ")],
  ]);
}

async function look(uri, guid) {
  const m = await get("message?" + new URLSearchParams({ uri, guid }));
  const parts = [element("h3", "Message " + m.guid)];
  if (m.error) parts.push(element("p", m.error));
  if (m.properties.length) {
    const t = element("table");
    for (const p of m.properties) {
      const tr = element("tr");
      tr.append(element("td", p.name), element("td", p.type), element("td", String(p.value)));
      t.append(tr);
    }
    parts.push(t);
  }
  const text = m.text !== undefined ? m.text : hex(atob(m.payload));
  parts.push(element("pre", text), element("p", m.truncated ? "… there is more" : "", "note"));
  $("message").replaceChildren(...parts);
  $("message").hidden = false;
}

function hex(binary) {
  let out = "";
  for (let i = 0; i < Math.min(binary.length, 4096); i++) {
    out += binary.charCodeAt(i).toString(16).padStart(2, "0") + (i % 32 === 31 ? "\n" : " ");
  }
  return out;
}

function showRest(broker, domains, connections, faults) {
  $("broker").textContent = broker.uri + (broker.running ? " · running" : " · stopped")
    + (broker.holdsAcks ? " · ACKs are held" : "") + " · its clock: " + broker.now.slice(0, 19).replace("T", " ");
  const limit = n => n >= Number.MAX_SAFE_INTEGER ? "none" : number(n);
  table("domains", domains, [
    ["domain", d => d.name],
    ["mode", d => d.mode],
    ["queues", d => d.queues],
    ["messages", d => d.messages],
    ["bytes", d => d.bytes],
    ["limits", d => limit(d.config.storage.domainLimits.messages) + " messages, " + limit(d.config.storage.domainLimits.bytes) + " bytes"],
    ["", d => button("purge", () => call("POST", "purge", { domain: d.name }))],
  ]);
  table("connections", connections, [
    ["connection", c => c.id],
    ["process", c => c.processName + (c.pid ? " (" + c.pid + ")" : "")],
    ["from", c => c.peer],
    ["agent", c => c.userAgent],
    ["queues", c => c.queues.join(", ")],
    ["unsent bytes", c => c.unsentBytes],
    ["", c => button("drop", () => call("DELETE", "connections/" + c.id))],
  ]);
  table("faults", faults, [
    ["fault", f => f.id],
    ["what", f => Object.entries(f).filter(([k]) => k !== "id" && k !== "hits")
      .map(([k, v]) => k + ": " + (typeof v === "object" ? JSON.stringify(v) : v)).join(", ")],
    ["hits", f => f.hits || 0],
    ["", f => button("remove", () => call("DELETE", "faults/" + f.id))],
  ]);
}

async function refresh() {
  const [broker, queues, domains, connections, faults] =
    await Promise.all(["broker", "queues", "domains", "connections", "faults"].map(get));
  const now = performance.now();
  const queue = queues.find(q => q.uri === chosen);
  const messages = queue ? await get("messages?" + new URLSearchParams({ uri: chosen, count: 50 })) : [];
  showQueues(queues, now);
  showDetails(queue, messages);
  showRest(broker, domains, connections, faults);
  if (beforeAt === 0 || now - beforeAt >= 900) {
    before = new Map(queues.map(q => [q.uri, q.counters]));
    beforeAt = now;
  }
}

async function run() {
  for (let lost = false; ;) {
    if (!document.hidden && !pressed) {
      try {
        await refresh();
        if (lost) problem(null); // what else went wrong stays
        lost = false;
      } catch (err) {
        lost = true;
        problem(err);
      }
    }
    await new Promise(done => setTimeout(done, 1000));
  }
}

addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { pressed = false; });
$("close").addEventListener("click", () => { chosen = ""; refresh().catch(problem); });
run();
