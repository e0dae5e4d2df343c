"use strict";
// Nothing here is needed: without it every page and every form works.

// Moments in the reader's own time, told when the pointer rests on them.
for (const time of document.querySelectorAll("time[datetime]"))
  time.title = new Date(time.dateTime).toLocaleString() + " (your time)";

// A form that was sent is not sent again by a second click; it may be once more when it takes
// long, or was stopped.
for (const form of document.querySelectorAll("form[method=post]"))
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// While somebody writes a prompt, what there is to say about it; the button says the same.
const written = document.querySelector("form[data-checks]");
if (written) {
  const list = document.getElementById("findings");
  const longest = 200000; // characters; longer texts are checked by the button
  let timer, asked, last;
  const tell = (lines) => {
    if (JSON.stringify(lines) === last) return; // not to be read aloud again
    last = JSON.stringify(lines);
    document.getElementById("unchecked")?.remove();
    list.replaceChildren(...lines.map(({ tone, said }) => {
      const line = document.createElement("li");
      line.className = tone;
      line.textContent = said;
      return line;
    }));
  };
  const check = async () => {
    asked?.abort();
    asked = new AbortController();
    const body = new URLSearchParams(new FormData(written));
    if (body.toString().length > longest)
      return tell([{ tone: "", said: "This is too long to be checked while you type; press Check." }]);
    try {
      const answer = await fetch("/write/checks", { method: "POST", body, signal: asked.signal });
      if (answer.headers.get("content-type")?.startsWith("application/json"))
        tell((await answer.json()).lines);
    } catch {
      // A newer question was asked, or the server is away: what was said stays.
    }
  };
  let kept = !("unsaved" in written.dataset);
  written.addEventListener("input", () => {
    kept = false;
    clearTimeout(timer);
    timer = setTimeout(check, 400);
  });
  written.addEventListener("submit", () => {
    const before = kept;
    kept = true;
    setTimeout(() => { kept = before; }, 5000);
  });
  addEventListener("beforeunload", (event) => { if (!kept) event.preventDefault(); });
}

// In a picture of lineage: the row that is pointed at or has the focus shows its own paths,
// all that it came from and all that came of it.
for (const picture of document.querySelectorAll(".twinline-picture")) {
  const rows = picture.querySelectorAll("[data-at]");
  const edges = [...picture.querySelectorAll("[data-ends]")].map((edge) => [edge, pairs(edge)]);
  const next = [new Map(), new Map()];
  for (const [, ends] of edges)
    for (const pair of ends)
      for (const way of [0, 1])
        next[way].set(pair[way], [...(next[way].get(pair[way]) ?? []), pair[1 - way]]);
  const trace = (event) => {
    const row = event.target.closest("[data-at]");
    const ways = row ? next.map((steps) => reached(steps, row.dataset.at)) : [];
    picture.classList.toggle("traced", ways.some((way) => way.size > 1));
    for (const one of rows)
      one.classList.toggle("lit", ways.some((way) => way.has(one.dataset.at)));
    for (const [edge, ends] of edges)
      edge.classList.toggle("lit", ways.some((way) => ends.some((pair) => pair.every((end) => way.has(end)))));
  };
  // At the region around it: Chromium gives an SVG that listens for the focus a place in the order of Tab.
  const around = picture.parentElement;
  for (const kind of ["pointerover", "focusin"]) around.addEventListener(kind, trace);
  for (const kind of ["pointerleave", "focusout"])
    around.addEventListener(kind, (event) => trace({ target: event.relatedTarget ?? document.body }));
}

function pairs(edge) {
  const ends = edge.dataset.ends.split(" ");
  return ends.flatMap((end, at) => (at % 2 ? [] : [[end, ends[at + 1]]]));
}

function reached(steps, from) {
  const found = new Set([from]);
  for (const one of found) for (const other of steps.get(one) ?? []) found.add(other);
  return found;
}
