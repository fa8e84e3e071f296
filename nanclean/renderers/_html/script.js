"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  const THEMES = ["auto", "light", "dark"];
  const NAMES = { auto: "Auto", light: "Light", dark: "Dark" };
  const MOST = 200; // rows of one card that are shown at a time while somebody searches

  // A page that was opened from a file, or in a frame without an origin, may have no storage.
  const stored = (theme) => {
    try {
      if (theme === undefined) return localStorage.getItem("nanclean-theme");
      localStorage.setItem("nanclean-theme", theme);
    } catch (error) { /* then the choice lasts as long as the page */ }
    return null;
  };
  let theme = THEMES.includes(stored()) ? stored() : "auto";
  const paint = () => {
    if (theme === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", theme);
  };
  paint();

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const number = (n) => n.toLocaleString("en-US");
  const fold = (text) => text.toLowerCase().normalize("NFC");

  document.addEventListener("DOMContentLoaded", () => {
    themes();
    all("[data-findings]").forEach(findings);
    all("[data-columns]").forEach(columns);
    copies();
    pointers();
    printing();
  });

  function themes() {
    const button = document.querySelector("[data-theme-switch]");
    const show = () => {
      button.querySelector("[data-theme-name]").textContent = NAMES[theme];
      button.setAttribute("aria-label", "Colours: " + (theme === "auto" ? "as the system" : theme));
    };
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      stored(theme);
      paint();
      show();
    });
    show();
  }

  function findings(section) {
    const list = section.querySelector("[data-list]");
    const items = all(".finding", list).map((element) => ({
      element,
      severity: element.dataset.severity,
      kind: element.dataset.severity + " " + element.dataset.rule,
      order: Number(element.dataset.order),
      count: Number(element.dataset.count),
      extra: "extra" in element.dataset,
      column: fold(element.querySelector("[data-column]").textContent),
      text: fold(element.textContent),
    }));
    const search = section.querySelector("[data-search]");
    const sort = section.querySelector("[data-sort]");
    const chips = all("[data-severity][aria-pressed]", section);
    const shown = section.querySelector("[data-shown]");
    const opened = new Set();
    const more = new Map();

    const draw = () => {
      const words = search ? fold(search.value).split(/\s+/).filter(Boolean) : [];
      const off = new Set(chips.filter((c) => c.getAttribute("aria-pressed") === "false").map((c) => c.dataset.severity));
      const grouped = !words.length && (!sort || sort.value === "severity");
      const waiting = new Map();
      let seen = 0, folded = 0;
      for (const item of items) {
        const wanted = !off.has(item.severity) && words.every((word) => item.text.includes(word));
        const later = wanted && grouped && item.extra && !opened.has(item.kind);
        item.element.hidden = !wanted || later;
        item.element.toggleAttribute("data-off", !wanted);
        seen += wanted;
        if (later) { waiting.set(item.kind, (waiting.get(item.kind) || 0) + 1); folded += 1; }
      }
      for (const [kind, button] of more) {
        const count = waiting.get(kind) || 0;
        button.parentElement.hidden = !count;
        button.textContent = "Show " + number(count) + " more: " + kind.slice(kind.indexOf(" ") + 1);
      }
      if (shown) shown.textContent = seen === items.length && !folded ? "" :
        number(seen - folded) + " of " + number(items.length) + " findings shown" + (folded ? ", " + number(folded) + " folded" : "");
    };

    const last = new Map(); // the last finding of each rule that has more than a few
    for (const item of items) if (item.extra) last.set(item.kind, item);
    for (const [kind, item] of last) {
      const line = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "more js";
      button.addEventListener("click", () => {
        opened.add(kind);
        draw();
        const first = items.find((other) => other.kind === kind && other.extra);
        first.element.tabIndex = -1;
        first.element.focus({ preventScroll: true });
      });
      line.append(button);
      item.element.after(line);
      more.set(kind, button);
      item.line = line;
    }

    const reorder = () => {
      const by = sort.value;
      items.sort((a, b) =>
        by === "column" ? a.column.localeCompare(b.column, "en", { numeric: true }) || a.order - b.order
        : by === "count" ? b.count - a.count || a.order - b.order
        : a.order - b.order);
      const piece = document.createDocumentFragment();
      for (const item of items) {
        piece.append(item.element);
        if (item.line) piece.append(item.line);
      }
      list.append(piece);
      draw();
    };

    if (search) search.addEventListener("input", soon(draw));
    if (sort) sort.addEventListener("change", reorder);
    for (const chip of chips) chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") === "false"));
      draw();
    });
    section.addEventListener("reveal", (event) => {
      const item = items.find((other) => other.element === event.target);
      if (!item) return;
      opened.add(item.kind);
      if (search) search.value = "";
      for (const chip of chips) if (chip.dataset.severity === item.severity) chip.setAttribute("aria-pressed", "true");
      draw();
    });
    draw();
  }

  function columns(section) {
    const list = section.querySelector("[data-list]");
    const cards = all("[data-card]", list).map((element) => {
      const set = element.dataset;
      const card = { element, order: Number(set.order), rank: Number(set.rank), missing: Number(set.missing),
        name: fold(set.name), text: fold(set.name + " " + set.type + " " + marks(element)), rows: null };
      if ("fold" in set) folding(card);
      return card;
    });
    const search = section.querySelector("[data-search]");
    const sort = section.querySelector("[data-sort]");
    const wrong = section.querySelector("[data-wrong]");
    const shown = section.querySelector("[data-shown]");

    const draw = () => {
      const words = fold(search.value).split(/\s+/).filter(Boolean);
      const only = wrong.getAttribute("aria-pressed") === "true";
      let seen = 0, total = 0;
      for (const card of cards) {
        const fits = !only || card.rank < 3;
        if (!card.rows) {
          const hit = fits && words.every((word) => card.text.includes(word));
          card.element.hidden = !hit;
          total += 1;
          seen += hit;
          continue;
        }
        total += card.rows.size();
        const count = card.rows.filter(words, only);
        card.element.hidden = !count;
        seen += count;
      }
      shown.textContent = words.length || only ? number(seen) + " of " + number(total) + " columns" : "";
    };
    const reorder = () => {
      const by = sort.value;
      cards.sort((a, b) =>
        by === "name" ? a.name.localeCompare(b.name, "en", { numeric: true })
        : by === "rank" ? a.rank - b.rank || a.order - b.order
        : by === "missing" ? b.missing - a.missing || a.order - b.order
        : a.order - b.order);
      const piece = document.createDocumentFragment();
      for (const card of cards) piece.append(card.element);
      list.append(piece);
    };
    search.addEventListener("input", soon(draw));
    sort.addEventListener("change", reorder);
    wrong.addEventListener("click", () => {
      wrong.setAttribute("aria-pressed", String(wrong.getAttribute("aria-pressed") === "false"));
      draw();
    });
    section.addEventListener("reveal", (event) => {
      const card = cards.find((other) => other.element.contains(event.target));
      if (!card) return;
      if (card.element.hidden || search.value) {
        search.value = "";
        wrong.setAttribute("aria-pressed", "false");
        draw();
      }
      if (card.rows && event.target !== card.element) card.rows.open(event.target);
    });
  }

  const marks = (element) => all(".mark, .role", element).map((mark) => mark.textContent).join(" ");

  // Columns that are alike on one card: closed until asked for. While searching, only those that fit, a few at a time.
  function folding(card) {
    const members = card.element.querySelector("[data-members]");
    const button = card.element.querySelector("[data-unfold]");
    const label = button.firstElementChild;
    const asked = label.textContent;
    const further = card.element.querySelector("[data-further]");
    const pieces = [...members.querySelector("table").tBodies];
    const size = pieces.reduce((sum, piece) => sum + piece.rows.length, 0);
    const findable = "onbeforematch" in document.body ? "until-found" : "";
    const shared = fold(card.element.dataset.type + " " + marks(card.element));
    let rows = null, open = false, filtered = false; // filtered: some lines are hidden by a search

    const look = () => rows || (rows = pieces.flatMap((piece) => [...piece.rows]).map((element) => ({
      element,
      wrong: element.cells[element.cells.length - 1].textContent.trim() !== "",
      text: fold(element.cells[0].textContent + " " + element.cells[element.cells.length - 1].textContent + " " + shared),
    })));
    const set = (now) => {
      open = now;
      if (now) members.removeAttribute("hidden");
      else members.setAttribute("hidden", findable);
      button.setAttribute("aria-expanded", String(now));
      label.textContent = now ? "Show fewer" : asked;
      waiting();
    };
    const waiting = () => { // a browser takes seconds to lay out ten thousand lines of a table at once
      const next = filtered ? undefined : pieces.find((piece) => piece.hidden);
      further.hidden = !open || !next;
      if (next) further.textContent = "Show " + number(next.rows.length) + " more";
    };
    for (const piece of pieces.slice(1)) piece.hidden = true;
    set(false);
    further.addEventListener("click", () => {
      const next = pieces.find((piece) => piece.hidden);
      next.hidden = false;
      next.rows[0].tabIndex = -1;
      next.rows[0].focus();
      waiting();
    });
    members.setAttribute("data-ready", "");
    members.addEventListener("beforematch", () => set(true));
    button.addEventListener("click", () => set(!open));
    card.rows = {
      size: () => size,
      open(row) {
        row.parentElement.hidden = false;
        set(true);
      },
      filter(words, only) {
        if (!words.length && !only) {
          if (filtered) {
            filtered = false;
            for (const row of look()) row.element.hidden = false;
            pieces.forEach((piece, n) => { piece.hidden = n > 0; });
            set(false);
          }
          return size;
        }
        let count = 0;
        for (const row of look()) {
          const hit = (!only || row.wrong) && words.every((word) => row.text.includes(word));
          count += hit;
          const hide = !hit || count > MOST;
          if (row.element.hidden !== hide) row.element.hidden = hide;
        }
        filtered = true;
        for (const piece of pieces) piece.hidden = false;
        if (count) set(true);
        if (count > MOST) label.textContent = "Show fewer (the first " + MOST + " of " + number(count) + " are shown)";
        return count;
      },
    };
  }

  function soon(work) {
    let waiting = 0;
    return () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(work);
    };
  }

  function copies() {
    const status = document.querySelector("[data-status]");
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-copy]");
      if (!button) return;
      const from = button.dataset.copyFrom ? document.getElementById(button.dataset.copyFrom) : button.parentElement.querySelector("code");
      copied(from.textContent).then((done) => {
        status.textContent = "";
        status.textContent = done ? "Copied" : "Select the text and copy it: the browser does not allow it here";
        if (!done) { getSelection().selectAllChildren(from); return; }
        button.setAttribute("data-done", "");
        setTimeout(() => button.removeAttribute("data-done"), 1200);
      });
    });
  }

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (error) { // no permission, or an old browser: the old way
      const area = document.createElement("textarea");
      const focused = document.activeElement;
      area.value = text;
      area.className = "vh";
      area.setAttribute("aria-hidden", "true");
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (focused) focused.focus({ preventScroll: true });
      return done;
    }
  }

  // In a frame that has no address of its own "#c3" would load another page, so that pointing is done by hand.
  function pointers() {
    const show = (id, moved) => {
      const target = id && document.getElementById(id);
      if (!target) return false;
      target.dispatchEvent(new CustomEvent("reveal", { bubbles: true }));
      if (moved) {
        target.scrollIntoView({ block: id === "main" || target.matches("section, .sheet") ? "start" : "center" });
        if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
        target.focus({ preventScroll: true });
      }
      return true;
    };
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#"]');
      if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const id = link.getAttribute("href").slice(1);
      if (!show(id, true)) return;
      event.preventDefault();
      try { history.pushState(null, "", "#" + id); } catch (error) { /* a frame without an address */ }
    });
    addEventListener("popstate", () => show(location.hash.slice(1), true));
    show(location.hash.slice(1), Boolean(location.hash));
  }

  // On paper everything is there but what is far too long for it.
  function printing() {
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = all(".unfold:not(.long) [data-members][hidden]");
      for (const members of closed) members.removeAttribute("hidden");
    });
    addEventListener("afterprint", () => {
      for (const members of closed) members.setAttribute("hidden", "");
    });
  }
})();
