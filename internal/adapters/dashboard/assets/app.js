// What the pages cannot do by themselves: live updates, dialogs, ages that grow, copying, shortcuts. Every page works
// without it. Nothing here makes HTML of text: what is put into a page was rendered and escaped by the server.
(() => {
  "use strict";
  const body = document.body;
  const $ = (id) => document.getElementById(id);
  const store = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, value); } catch { /* none */ } },
  };

  // ---- ages, as format.Ago writes them ----
  const unit = (s) => {
    if (s < 60) return Math.floor(s) + " s";
    if (s < 3600) return Math.floor(s / 60) + " min";
    if (s < 86400) return Math.floor(s / 3600) + " h";
    if (s < 31536000) return Math.floor(s / 86400) + " d";
    return Math.floor(s / 31536000) + " y";
  };
  const ago = (then, now) => {
    const s = (now - then) / 1000;
    if (s > -1 && s < 2) return "just now";
    return s < 0 ? "in " + unit(-s) : unit(s) + " ago";
  };
  const lasting = (s) => {
    if (s < 10) return s.toFixed(1).replace(/\.0$/, "") + " s";
    if (s < 60) return Math.floor(s) + " s";
    const two = (big, name, small, other) => {
      const rest = Math.floor((s % big) / small);
      return Math.floor(s / big) + " " + name + (rest ? " " + rest + " " + other : "");
    };
    if (s < 3600) return two(60, "min", 1, "s");
    if (s < 86400) return two(3600, "h", 60, "min");
    return two(86400, "d", 3600, "h");
  };
  // The server's clock, not this one's, wrote the times: the page carries when it was rendered.
  const skew = Date.parse(body.dataset.now || "") - Date.now() || 0;
  const age = () => {
    const now = Date.now() + skew;
    for (const e of document.querySelectorAll("time[data-ago]")) {
      const text = ago(Date.parse(e.dateTime), now);
      if (e.textContent !== text) e.textContent = text;
    }
    for (const e of document.querySelectorAll("[data-since]")) {
      const text = lasting(Math.max(0, (now - Date.parse(e.dataset.since)) / 1000));
      if (e.textContent !== text) e.textContent = text;
    }
  };
  setInterval(age, 1000);

  // ---- messages ----
  let saidTimer;
  const say = (text) => {
    $("said").textContent = text;
    clearTimeout(saidTimer);
    saidTimer = setTimeout(() => { $("said").textContent = ""; }, 2500);
  };
  if (document.querySelector("[data-notice]")) {
    const url = new URL(location.href); // not again when the page is loaded again
    url.searchParams.delete("notice");
    history.replaceState(history.state, "", url);
  }

  // ---- changing a part of the page without disturbing who reads it ----
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && (node.localName === "details" || node.localName === "dialog"));
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE || fresh.nodeType !== Node.ELEMENT_NODE) return true;
    if (old.type === "checkbox" && fresh.type === "checkbox") {
      fresh.checked = old.checked;
      fresh.toggleAttribute("checked", old.checked);
      fresh.indeterminate = old.indeterminate;
    }
    if (old.dataset.filled && fresh.dataset.lazy) { // the details of a step that were fetched already
      if (old.dataset.filled !== fresh.dataset.lazy) {
        old.dataset.lazy = fresh.dataset.lazy;
        old.dataset.src = fresh.dataset.src;
        if (old.parentElement.open) fill(old);
      }
      return false;
    }
    return true;
  };
  const morph = (target, html) => {
    Idiomorph.morph(target, html, { morphStyle: "innerHTML" });
    htmx.process(target);
    age();
  };

  const request = (url, target) => fetch(url, {
    headers: { "HX-Request": "true", "HX-Target": target, "X-Dashboard-Root": body.dataset.root },
    credentials: "same-origin", redirect: "follow",
  });

  // fill fetches the details of a step into its row.
  const fill = async (box) => {
    const version = box.dataset.lazy;
    box.dataset.filled = version;
    box.setAttribute("aria-busy", "true");
    try {
      const answer = await request(box.dataset.src, box.id);
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      if (box.dataset.filled === version) morph(box, html);
    } catch {
      delete box.dataset.filled;
      box.dataset.lazy = version;
    }
    box.removeAttribute("aria-busy");
  };
  document.addEventListener("toggle", (e) => {
    const box = e.target.open && e.target.querySelector(":scope > [data-lazy]");
    if (box && !box.dataset.filled) fill(box);
  }, true);

  // ---- live updates ----
  const live = { url: "", source: null, timer: 0, failures: 0 };
  const states = { live: "Live", wait: "Waiting", off: "Paused", done: "Ended", poll: "Live" };
  const show = (state) => {
    $("live").hidden = false;
    $("live").dataset.state = state === "poll" ? "live" : state;
    $("live-text").textContent = states[state];
    $("live").title = { live: "Changes are shown as they happen", wait: "The connection or the database does not answer; trying again", off: "Nobody looks at this page", done: "Nothing will change any more", poll: "Looks for changes now and then" }[state];
  };
  const apply = (parts) => {
    for (const [name, html] of Object.entries(parts)) {
      const target = $(name);
      if (target) morph(target, html);
    }
    document.dispatchEvent(new CustomEvent("dashboard:updated"));
  };
  const stop = () => {
    if (live.source) live.source.close();
    clearTimeout(live.timer);
    live.source = null;
  };
  const poll = async () => {
    const url = live.url;
    try {
      const answer = await fetch(url + (url.includes("?") ? "&" : "?") + "once=1", { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      if (url !== live.url) return;
      live.failures = 0;
      show("poll");
      apply(news.parts);
      if (news.final) { show("done"); return; }
    } catch {
      live.failures++;
      show("wait");
    }
    if (url === live.url && !document.hidden) live.timer = setTimeout(poll, Math.min(60000, 5000 * (1 + live.failures)));
  };
  const listen = () => {
    stop();
    if (!live.url || document.hidden) return;
    if (!window.EventSource) { poll(); return; }
    const source = new EventSource(live.url);
    live.source = source;
    source.addEventListener("parts", (e) => { live.failures = 0; show("live"); apply(JSON.parse(e.data)); });
    source.addEventListener("same", () => show("live"));
    source.addEventListener("trouble", () => show("wait"));
    source.addEventListener("final", () => { stop(); live.url = ""; show("done"); });
    source.onerror = () => {
      show("wait");
      if (source.readyState === EventSource.CLOSED) { // refused: too many, or something in between that cannot stream
        stop();
        live.timer = setTimeout(poll, 5000);
      }
    };
  };
  const connect = () => {
    const page = document.querySelector("[data-live-page]");
    const url = page ? (page.dataset.livePage ? body.dataset.root + page.dataset.livePage : "") : body.dataset.live || "";
    if (url === live.url) return;
    live.url = url;
    listen();
  };
  document.addEventListener("visibilitychange", () => { // a page that nobody sees holds no connection
    if (!live.url) return;
    if (document.hidden) { stop(); show("off"); } else { listen(); }
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (e) => { if (e.persisted) listen(); });
  connect();

  // ---- htmx: filters and forms ----
  document.addEventListener("htmx:configRequest", (e) => {
    e.detail.headers["X-Dashboard-Root"] = body.dataset.root;
    if (e.detail.verb !== "get") return;
    for (const [name, value] of [...e.detail.parameters.entries()]) { // addresses without what is empty
      if (value === "") e.detail.parameters.delete(name);
    }
  });
  document.addEventListener("htmx:afterSettle", () => { connect(); age(); });
  document.addEventListener("htmx:sendError", () => say("The dashboard does not answer"));

  // ---- dialogs ----
  const sheet = $("sheet");
  const ask = async (url) => {
    let answer;
    try {
      answer = await request(url, "sheet-body");
    } catch {
      say("The dashboard does not answer");
      return;
    }
    $("sheet-body").innerHTML = await answer.text(); // rendered by the server, see above
    htmx.process($("sheet-body"));
    const heading = sheet.querySelector("h1");
    sheet.setAttribute("aria-label", heading ? heading.textContent : "Action");
    if (!sheet.open) sheet.showModal();
    const field = sheet.querySelector("[aria-invalid], [autofocus], input:not([type=hidden]), select, textarea, button");
    if (field) field.focus();
  };
  const submitted = (form, button) => {
    const url = new URL((button && button.getAttribute("formaction")) || form.getAttribute("action"), location.href);
    for (const [name, value] of new FormData(form)) if (value !== "") url.searchParams.append(name, value);
    return url.href;
  };
  document.addEventListener("submit", (e) => {
    if (e.target.getAttribute("id") !== "list-form") return; // it has fields of the name "id"
    e.preventDefault();
    ask(submitted(e.target, e.submitter));
  });

  // ---- clicks ----
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
    } catch {
      const area = document.createElement("textarea"); // pages without TLS have no clipboard
      area.value = text;
      (sheet.open ? sheet : body).append(area);
      area.select();
      say(document.execCommand("copy") ? "Copied" : "It could not be copied");
      area.remove();
    }
  };
  document.addEventListener("click", (e) => {
    const el = e.target.closest("[data-sheet], [data-close], [data-copy], [data-morph], [data-format], [data-fill-workflow]");
    if (!el || e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
    if (el.dataset.copy !== undefined) {
      copy($(el.dataset.copy).textContent);
    } else if (el.dataset.close !== undefined) {
      if (!sheet.open) return;
      e.preventDefault();
      sheet.close();
    } else if (el.dataset.sheet !== undefined) {
      e.preventDefault();
      ask(el.href);
    } else if (el.dataset.morph !== undefined) {
      e.preventDefault();
      rescale(el.href, el.dataset.morph);
    } else if (el.dataset.fillWorkflow !== undefined) {
      e.preventDefault();
      $("n-workflow").value = el.dataset.fillWorkflow;
      $("n-version").value = el.dataset.fillVersion || "";
      $("n-input").focus();
    } else if (el.dataset.format !== undefined) {
      tidy($(el.dataset.format));
    }
  });
  // tidy indents JSON, unless that would change more than its spaces: script has no exact large numbers.
  const tidy = (area) => {
    if (!check(area) || area.value.trim() === "") return;
    const value = JSON.parse(area.value);
    if (JSON.stringify(value) === area.value.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1")) area.value = JSON.stringify(value, null, 2);
    else say("Left as it is: indenting would change a number or an escape");
  };
  const rescale = async (url, selector) => {
    const answer = await fetch(url, { credentials: "same-origin" });
    if (!answer.ok) { location.href = url; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    morph(document.querySelector(selector), page.querySelector(selector).innerHTML);
    history.replaceState(history.state, "", url);
    body.dataset.live = page.body.dataset.live || "";
    if (live.url) connect();
  };

  // ---- JSON is checked while it is written ----
  const check = (area) => {
    let text = "";
    if (area.value.trim() !== "") {
      try { JSON.parse(area.value); } catch (err) { text = "This is not JSON: " + err.message; }
    }
    area.setCustomValidity(text);
    area.toggleAttribute("aria-invalid", text !== "");
    let note = $(area.id + "-note") || $(area.id + "-problem");
    if (!note) {
      note = document.createElement("p");
      note.id = area.id + "-note";
      note.className = "problem";
      area.after(note);
    }
    note.textContent = text;
    if (text) area.setAttribute("aria-describedby", note.id);
    return text === "";
  };
  document.addEventListener("change", (e) => { if (e.target.dataset.json !== undefined) check(e.target); });
  // While it is written, so that nothing moves when the field is left: the click that leaves it would miss its button.
  document.addEventListener("input", (e) => {
    if (e.target.dataset.json !== undefined && e.target.hasAttribute("aria-invalid")) check(e.target);
  });

  // ---- ticking runs ----
  const ticks = () => [...document.querySelectorAll("#list input[name=id]")];
  const counted = () => {
    const all = ticks(), n = all.filter((t) => t.checked).length;
    if ($("bulk-text")) $("bulk-text").textContent = n === 1 ? "1 run is ticked:" : n + " runs are ticked:";
    if ($("tick-all")) {
      $("tick-all").checked = n > 0 && n === all.length;
      $("tick-all").indeterminate = n > 0 && n < all.length;
    }
  };
  document.addEventListener("change", (e) => {
    if (e.target.id === "tick-all") for (const t of ticks()) t.checked = e.target.checked;
    if (e.target.id === "tick-all" || e.target.name === "id") counted();
  });
  document.addEventListener("dashboard:updated", () => { if ($("bulk-text")) counted(); });

  // ---- light and dark ----
  const themes = ["auto", "light", "dark"];
  const named = () => document.documentElement.dataset.theme || "auto";
  const label = () => $("theme").setAttribute("aria-label", "Colours: " + { auto: "as the system has them", light: "light", dark: "dark" }[named()]);
  const turn = () => {
    const next = themes[(themes.indexOf(named()) + 1) % themes.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    store.set("ow-theme", next === "auto" ? null : next);
    label();
    say({ auto: "Colours as the system has them", light: "Light", dark: "Dark" }[next]);
  };
  $("theme").addEventListener("click", turn);
  label();

  // ---- shortcuts ----
  const help = $("help");
  $("help-button").addEventListener("click", () => help.showModal());
  $("keys-on").checked = store.get("ow-keys") !== "off";
  $("keys-on").addEventListener("change", (e) => store.set("ow-keys", e.target.checked ? null : "off"));
  const go = (path) => { location.href = body.dataset.root + path; };
  const step = (by) => {
    const rows = [...document.querySelectorAll(".row-link, .tl-step > summary")];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
  };
  let led = 0;
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || store.get("ow-keys") === "off") return;
    if (e.target.closest("input, textarea, select, dialog[open]")) return;
    const after = led && Date.now() - led < 1200;
    led = 0;
    const act = after
      ? { r: () => go(""), w: () => go("workflows"), k: () => go("workers") }[e.key]
      : {
        "/": () => $("q").focus(), "?": () => help.showModal(), g: () => { led = Date.now(); }, t: turn,
        j: () => step(1), k: () => step(-1), n: () => { if (document.querySelector(".nav-start")) go("start"); },
      }[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  });
})();
