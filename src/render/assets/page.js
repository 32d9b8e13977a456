// What scripts add to the pages: a cursor on charts, search while typing, and a counter that moves. Everything else
// works without them.

const grouped = new Intl.NumberFormat("en-US");

/** A cursor that follows the pointer and the arrow keys, and reads its numbers from the table under the chart. */
function chart(figure) {
  const plot = figure.querySelector(".plot");
  const cursor = plot.querySelector(".cursor");
  const [line, dot] = cursor.children;
  const tip = plot.querySelector(".tip");
  const names = [...figure.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent);
  const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent));
  const { top, bottom, drawn, label } = figure.dataset;
  let at = rows.length - 1;

  function show(index) {
    at = Math.min(Math.max(index, 0), rows.length - 1);
    const [date, ...texts] = rows[at];
    const x = rows.length > 1 ? (at * 100) / (rows.length - 1) : 50;
    const height = Number(bottom) - 14;
    const value = Number(texts[drawn].replaceAll(",", ""));
    line.setAttribute("x1", `${x}%`);
    line.setAttribute("x2", `${x}%`);
    dot.setAttribute("cx", `${x}%`);
    dot.setAttribute("cy", Number(bottom) - (value * height) / Number(top));
    cursor.setAttribute("visibility", "visible");
    const title = document.createElement("b");
    title.textContent = date;
    tip.replaceChildren(title, ...names.map((name, index) => {
      const entry = document.createElement("div");
      for (const text of [name, texts[index]]) entry.appendChild(document.createElement("span")).textContent = text;
      return entry;
    }));
    tip.hidden = false;
    const [width, room] = [tip.offsetWidth, plot.clientWidth];
    const middle = (room * x) / 100;
    tip.style.left = `${middle + 16 + width > room ? Math.max(middle - width - 16, 0) : middle + 16}px`;
    plot.setAttribute("aria-valuenow", at);
    plot.setAttribute("aria-valuetext", `${date}: ${names.map((name, index) => `${name} ${texts[index]}`).join(", ")}`);
  }

  function hide() {
    cursor.setAttribute("visibility", "hidden");
    tip.hidden = true;
  }

  plot.tabIndex = 0;
  const role = { role: "slider", "aria-label": `${label}; arrow keys move the cursor`, "aria-valuemin": 0, "aria-valuemax": rows.length - 1, "aria-valuenow": at, "aria-valuetext": rows[at].join(" ") };
  for (const [name, value] of Object.entries(role)) plot.setAttribute(name, value);
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    show(Math.round(((event.clientX - box.left) / box.width) * (rows.length - 1)));
  });
  plot.addEventListener("pointerleave", () => document.activeElement === plot || hide());
  plot.addEventListener("focus", () => plot.matches(":focus-visible") && show(at));
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const page = Math.max(Math.round(rows.length / 10), 1);
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: rows.length - 1, PageUp: at + page, PageDown: at - page }[event.key];
    if (event.key === "Escape") hide();
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
}

/** The cumulative counter: asks again and again, and shows what was counted, nothing in between. */
function counter(element) {
  const [data, live, time] = [element.querySelector("data"), document.querySelector("[data-live]"), element.parentElement.querySelector("time")];
  let tag = null;

  async function ask() {
    if (document.hidden) return;
    try {
      const answer = await fetch(element.dataset.counter, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(answer.statusText);
        tag = answer.headers.get("ETag");
        const { downloads, as_of: asOf } = await answer.json();
        if (String(downloads) !== data.value) {
          data.value = downloads;
          data.textContent = grouped.format(downloads);
          data.classList.remove("fresh");
          void data.offsetWidth;
          data.classList.add("fresh");
        }
        time.dateTime = asOf;
        time.textContent = `${asOf.slice(0, 10)} ${asOf.slice(11, 19)} UTC`;
      }
      live.dataset.live = "on";
      live.textContent = "live";
    } catch {
      live.dataset.live = "off";
      live.textContent = "not updating";
    }
    live.hidden = false;
  }

  ask();
  setInterval(ask, 2000);
  document.addEventListener("visibilitychange", ask);
}

/** A table of repos: searches while one types, sorts and turns pages in place; the address follows. */
function table(section) {
  const form = section.querySelector("form");
  let asked = 0;
  let timer = 0;

  async function show(address, keep) {
    const turn = ++asked;
    const results = section.querySelector("[data-results]");
    results.setAttribute("aria-busy", "true");
    const part = new URL(address, location.href);
    part.hash = "";
    const shown = part.href;
    part.searchParams.set("part", "repos");
    try {
      const answer = await fetch(part);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (turn !== asked) return;
      const fresh = page.querySelector("[data-results]");
      if (!answer.ok || !fresh) throw new Error(answer.statusText);
      // Where the reader was in the table: the same head, after it was made anew.
      const heads = [...results.querySelectorAll("thead a")];
      const focused = heads.indexOf(document.activeElement);
      results.replaceWith(fresh);
      fresh.querySelectorAll("thead a")[focused]?.focus();
      if (!keep) section.scrollIntoView({ block: "start" });
      history.replaceState(null, "", shown);
    } catch {
      // What the script cannot show, the page itself can, or says why not.
      if (turn === asked) location.href = shown;
    }
  }

  function search() {
    clearTimeout(timer);
    const state = new URLSearchParams(location.search);
    const sought = form.elements.q.value.trim();
    state.delete("after");
    if (sought) state.set("q", sought);
    else state.delete("q");
    show(`${location.pathname}?${state}`, true);
  }

  section.querySelector("[data-submit]").hidden = true;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 60);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  section.addEventListener("click", (event) => {
    const link = event.target.closest("thead a, .foot a[href$='#repos']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    show(link.href, link.closest("thead") !== null);
  });
}

/** A part that takes longer to make than its page: asked for when the page is there. */
async function later(section) {
  try {
    const answer = await fetch(section.dataset.later);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("section");
    if (answer.ok && fresh) section.replaceWith(fresh);
  } catch {
    // Its link still leads there, and says what is wrong.
  }
}

const countries = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
for (const element of document.querySelectorAll("[data-country]")) {
  const code = element.dataset.country;
  if (/^[A-Z]{2}$/i.test(code)) element.textContent = countries.of(code);
}
document.querySelectorAll("[data-later]").forEach(later);
document.querySelectorAll("[data-table]").forEach(table);
document.querySelectorAll("[data-chart]").forEach(chart);
document.querySelectorAll("[data-counter]").forEach(counter);
