/* The codebook mixer of the static book: buttons over precomputed clips, switched at the same position by giblet-player.js. */
(() => {
  "use strict";
  const build = (player) => {
    const { el } = window.giblet;
    const rows = player.rows.map((row) => ({ books: row.dataset.books.split(" ").filter(Boolean).map(Number), mode: row.dataset.mode, about: row.dataset.about }));
    const K = Math.max(...rows.map((row) => Math.max(-1, ...row.books))) + 1;
    const key = (books, mode) => `${[...books].sort((a, b) => a - b).join(" ")}|${mode}`;
    const index = new Map(rows.map((row, i) => [key(row.books, row.mode), i]));
    const all = [...Array(K).keys()];
    const said = el("output", {});
    const state = () => rows[player.current];
    const go = (books, mode) => {
      const i = index.get(key(books, mode));
      if (i === undefined) { said.textContent = "This combination was not computed beforehand; a live notebook plays it. " + near(books); return; }
      player.select(i);
    };
    const near = (books) => `Here: first books, one book alone, all but one. (Asked for: ${books.length ? books.join(", ") : "none"}.)`;
    const toggles = all.map((k) => el("button", { type: "button", "aria-label": `Codebook ${k}`, onclick: () => {
      const { books } = state();
      go(books.includes(k) ? books.filter((b) => b !== k) : [...books, k], "");
    } }, String(k)));
    const select = (name, of) => {
      const box = el("select", { "aria-label": `Kept: ${name} …` }, el("option", { value: "" }, `${name} …`),
        ...of.map(([text, books]) => el("option", { value: books.join(" ") }, text)));
      box.addEventListener("change", () => { if (box.value !== "") go(box.value.split(" ").map(Number), ""); box.value = ""; });
      return box;
    };
    const have = (list) => list.filter(([, books]) => index.has(key(books, "")));
    const presets = [
      el("button", { type: "button", onclick: () => go(all, "") }, "All"),
      select("First", have(all.map((k) => [k ? `books 0 to ${k}` : "book 0", all.slice(0, k + 1)]))),
      select("Only", have(all.map((k) => [`book ${k}`, [k]]))),
      select("All but", have(all.map((k) => [`book ${k}`, all.filter((b) => b !== k)]))),
    ];
    const modes = rows.filter((row) => row.mode).map((row) => row.mode);
    const kinds = el("select", { "aria-label": "Kind of lesion of book 0" }, el("option", { value: "" }, "intact or omitted"),
      ...modes.map((mode) => el("option", { value: mode }, mode)));
    kinds.addEventListener("change", () => go(all, kinds.value));
    const group = (name, ...children) => el("fieldset", {}, el("legend", {}, name), ...children);
    const table = el("button", { type: "button", class: "gp-more", "aria-pressed": "false", onclick: () => {
      table.setAttribute("aria-pressed", player.figure.classList.toggle("gp-table"));
    } }, "Show all as a table");
    player.figure.querySelector(".gp-bar").before(el("div", { class: "gp-mixer", role: "group", "aria-label": "Codebooks" },
      group("Books in the sum", ...toggles), group("Choose", ...presets), modes.length ? group("Lesion of book 0", kinds) : "", said, table));
    const show = () => {
      const { books, mode, about } = state();
      toggles.forEach((button, k) => button.setAttribute("aria-pressed", books.includes(k)));
      kinds.value = mode;
      said.textContent = `${player.rows[player.current].dataset.label}: ${about}.`;
    };
    player.figure.addEventListener("giblet-select", show);
    /* Digits toggle books, which count from 0. */
    player.pickByNumber = (i) => { if (i + 1 < K) toggles[i + 1].click(); };
    player.figure.addEventListener("keydown", (event) => { if (event.key === "0" && event.target.tagName !== "SELECT") toggles[0].click(); });
    player.figure.querySelector(".gp-hint").innerHTML = "With the focus here: <kbd>space</kbd> play or pause, <kbd>0</kbd>–<kbd>9</kbd> take a book out or put it back, <kbd>↑</kbd> <kbd>↓</kbd> the next clip, <kbd>←</kbd> <kbd>→</kbd> move a second.";
    show();
  };
  const start = () => window.giblet?.players.filter((p) => p.figure.dataset.giblet === "mixer" && !p.mixer).forEach((p) => { p.mixer = true; build(p); });
  document.addEventListener("giblet-ready", start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
