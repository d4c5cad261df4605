/* Players of the giblet book: one transport for several sounds, switched at the same position.
   Without this script each sound keeps its own plain player. Nothing is fetched before a sound is played. */
(() => {
  "use strict";
  const SEEK_S = 1;
  const MOST_DOWN_DB = 12;
  const all = [];
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  };

  class Player {
    constructor(figure) {
      this.figure = figure;
      this.rows = [...figure.querySelectorAll("tr[data-label]")];
      this.audios = this.rows.map((row) => row.querySelector("audio"));
      this.current = 0;
      this.playing = false;
      this.lead = 0.03; // s: what starting a sound costs, learnt at each switch
      this.loop = null;
      this.ticket = 0; // the latest switch; older ones that are still loading give way
      this.names();
      this.bar();
      this.rows.forEach((row, i) => this.row(row, i));
      figure.classList.add("gp-on");
      figure.addEventListener("keydown", (event) => this.key(event));
      this.audios.forEach((audio, i) => this.listen(audio, i));
      this.level(false);
      this.show();
    }

    /* The other way of levelling, by the players' volume. Volume only lowers: where one would go up the others go down, as far as one
       still hears them, and what is then left is said. */
    level(on) {
      const other = this.rows.map((row) => Number(row.dataset.other));
      const down = Math.min(MOST_DOWN_DB, Math.max(0, ...other));
      const quiet = other.flatMap((db, i) => (db - down > 0.05 ? [`${this.rows[i].dataset.label} (${(db - down).toFixed(1)} dB)`] : []));
      const note = this.figure.querySelector(".giblet-level");
      this.said ??= note.textContent;
      const matched = this.said.startsWith("Level: all at");
      this.levelled = on;
      this.audios.forEach((audio, i) => {
        const db = Math.min(0, other[i] - down);
        audio.volume = on ? 10 ** (db / 20) : 1;
        const small = this.rows[i].querySelector("th small");
        small.dataset.says ??= small.textContent;
        small.textContent = small.dataset.says + (on ? `, now ${db.toFixed(1)} dB` : "");
      });
      this.levels.setAttribute("aria-pressed", on !== matched);
      this.levels.hidden = other.every((db) => Math.abs(db) < 0.05);
      note.textContent = on ? `Level: ${matched ? "own levels" : "all at the loudness of the first (ITU-R BS.1770)"}, by the players' volume${down > 0.05 ? `, all ${down.toFixed(1)} dB lower so that quiet ones can rise` : ""}${quiet.length ? `; still too quiet: ${quiet.join(", ")}` : ""}.` : this.said;
    }

    names() {
      const heads = [...this.figure.querySelectorAll("thead th")].map((th) => th.textContent);
      const audio = this.figure.querySelectorAll("thead th")[1];
      if (audio) audio.classList.add("giblet-audio");
      for (const row of this.figure.querySelectorAll("tbody tr")) {
        if (row.children.length === heads.length) [...row.children].forEach((cell, i) => { cell.dataset.name = heads[i]; });
      }
    }

    bar() {
      const button = (text, label, act) => el("button", { type: "button", "aria-label": label, onclick: act }, text);
      this.playButton = el("button", { type: "button", class: "gp-play", onclick: () => this.toggle() }, "▶ Play");
      this.seek = el("input", { type: "range", min: 0, max: 1, step: 0.001, value: 0, "aria-label": "Position in seconds",
        oninput: () => this.go(Number(this.seek.value)) });
      this.time = el("span", { class: "gp-time" });
      this.clear = button("No loop", "Clear the loop", () => this.setLoop(null));
      this.native = button("Single players", "Show each sound's own player", () => {
        const on = this.figure.classList.toggle("gp-native");
        this.native.setAttribute("aria-pressed", on);
        this.pause();
      });
      this.native.setAttribute("aria-pressed", "false");
      this.levels = el("button", { type: "button", onclick: () => this.level(!this.levelled) }, "One loudness");
      const bar = el("div", { class: "gp-bar", role: "group", "aria-label": "Transport" }, this.playButton, this.seek, this.time,
        button("Loop from", "Begin the loop at this position", () => this.setLoop(this.position(), this.loop ? this.loop[1] : this.duration())),
        button("to", "End the loop at this position", () => this.setLoop(this.loop ? this.loop[0] : 0, this.position())), this.clear, this.levels, this.native);
      this.status = el("span", { class: "visually-hidden sr-only", role: "status", style: "position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden" });
      const hint = el("p", { class: "gp-hint" });
      hint.innerHTML = "With the focus here: <kbd>space</kbd> play or pause, <kbd>1</kbd>–<kbd>9</kbd> or <kbd>↑</kbd> <kbd>↓</kbd> choose a sound, <kbd>←</kbd> <kbd>→</kbd> move a second. Drag over a picture to loop a part, click to go there.";
      this.figure.querySelector(".giblet-scroll").before(bar, hint, this.status);
    }

    row(row, i) {
      const head = row.querySelector("th");
      const small = head.querySelector("small");
      const pick = el("button", { type: "button", class: "gp-pick", "aria-pressed": "false", onclick: () => this.select(i, true) },
        el("b", {}, i < 9 ? String(i + 1) : " "), " " + row.dataset.label);
      head.replaceChildren(pick, ...(small ? [small] : []));
      const images = row.querySelectorAll("img");
      const stage = el("div", { class: "gp-stage" });
      images[0].before(stage);
      stage.append(...images, el("i", { class: "gp-region", hidden: true }), el("i", { class: "gp-head", style: "left:0" }));
      this.drag(stage, i);
    }

    /* Take in a row that came later, made like the others; return its number. */
    add(row) {
      const i = this.rows.push(row) - 1;
      this.audios.push(row.querySelector("audio"));
      this.figure.querySelector("tbody").append(row);
      this.names();
      this.row(row, i);
      this.listen(this.audios[i], i);
      this.level(this.levelled);
      this.draw();
      return i;
    }

    drag(stage, i) {
      let from = null;
      const at = (event) => {
        const box = stage.getBoundingClientRect();
        return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.duration();
      };
      stage.addEventListener("pointerdown", (event) => { if (event.button === 0) { from = at(event); stage.setPointerCapture(event.pointerId); } });
      stage.addEventListener("pointermove", (event) => {
        if (from !== null && Math.abs(at(event) - from) > 0.03 * this.duration()) this.setLoop(Math.min(from, at(event)), Math.max(from, at(event)));
      });
      stage.addEventListener("pointercancel", () => { from = null; });
      stage.addEventListener("pointerup", (event) => {
        if (from === null) return;
        const to = at(event);
        if (Math.abs(to - from) <= 0.03 * this.duration()) { this.select(i); this.go(to); } else this.go(Math.min(from, to));
        from = null;
      });
    }

    listen(audio, i) {
      audio.addEventListener("ended", () => { if (i === this.current && this.playing) { this.loop ? this.restart() : this.pause(); } });
      audio.addEventListener("loadedmetadata", () => this.draw());
      audio.addEventListener("play", () => all.forEach((other) => { if (other !== this) other.pause(); }));
      audio.addEventListener("error", () => this.say(`${this.rows[i].dataset.label}: the sound file cannot be read`), true);
    }

    audio() { return this.audios[this.current]; }
    position() { return this.playing || this.wanted == null ? this.audio().currentTime : this.wanted; }
    duration() { const d = this.audio().duration; return Number.isFinite(d) && d > 0 ? d : Number(this.figure.dataset.duration) || 1; }
    say(text) { this.status.textContent = text; }

    toggle() { return this.playing ? this.pause() : this.play(); }

    async play() {
      all.forEach((other) => { if (other !== this) other.pause(); });
      const audio = this.audio();
      this.playing = true;
      this.show();
      if (this.position() >= this.duration() - 0.01) this.wanted = this.loop ? this.loop[0] : 0;
      await ready(audio);
      if (!this.playing || audio !== this.audio()) return;
      if (this.wanted != null) { audio.currentTime = this.wanted; this.wanted = null; }
      audio.muted = false;
      try { await audio.play(); } catch (error) { if (error.name !== "AbortError") { this.playing = false; this.show(); this.say(String(error.message)); } }
      this.tick();
      this.audios.forEach(ready); // so that switching is at once
    }

    pause() {
      if (this.playing) this.wanted = this.audio().currentTime;
      this.playing = false;
      this.ticket += 1;
      this.audios.forEach((audio) => audio.pause());
      this.show();
    }

    go(seconds) {
      const to = Math.min(Math.max(0, seconds), this.duration());
      if (this.playing) this.audio().currentTime = to;
      else this.wanted = to;
      this.draw();
    }

    restart() { this.go(this.loop ? this.loop[0] : 0); if (this.audio().paused) this.audio().play(); }

    setLoop(from, to) {
      this.loop = from === null || !(to > from + 0.05) ? null : [from, to];
      if (this.loop && (this.position() < from || this.position() > to)) this.go(from);
      this.say(this.loop ? `Loop from ${from.toFixed(1)} to ${to.toFixed(1)} s` : "No loop");
      this.draw();
    }

    /* Start the other sound muted a little ahead, and change over once it runs: no gap, and the same position. */
    async select(i, start = false) {
      if (i < 0 || i >= this.audios.length) return;
      if (i === this.current) { if (start && !this.playing) this.play(); return; }
      const before = this.audio();
      const after = this.audios[i];
      const ticket = ++this.ticket;
      if (!this.playing) {
        this.wanted = this.position();
        this.current = i;
        this.show();
        if (start) this.play();
        return;
      }
      this.current = i; // what is asked for is shown at once
      this.show();
      await ready(after);
      for (let attempt = 0; attempt < 3 && ticket === this.ticket; attempt += 1) {
        after.muted = true;
        after.currentTime = before.currentTime + this.lead;
        await after.play().catch(() => {});
        await running(after, 250);
        const behind = before.currentTime - after.currentTime;
        this.lead = Math.min(0.3, Math.max(0, this.lead + behind));
        if (Math.abs(behind) < 0.03) break;
      }
      if (ticket !== this.ticket) { if (after !== this.audio()) after.pause(); before.pause(); return; }
      after.muted = false;
      this.audios.forEach((audio) => { if (audio !== after) audio.pause(); });
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const inSlider = event.target === this.seek || event.target.tagName === "SELECT" || event.target.tagName === "AUDIO";
      const onButton = event.target.tagName === "BUTTON";
      if (event.key === " " && !onButton && event.target.tagName !== "SUMMARY" && event.target.tagName !== "SELECT") this.toggle();
      else if (/^[1-9]$/.test(event.key)) this.pickByNumber(Number(event.key) - 1);
      else if (inSlider) return;
      else if (event.key === "ArrowLeft") this.go(this.position() - SEEK_S);
      else if (event.key === "ArrowRight") this.go(this.position() + SEEK_S);
      else if (event.key === "ArrowDown") this.select((this.current + 1) % this.audios.length);
      else if (event.key === "ArrowUp") this.select((this.current + this.audios.length - 1) % this.audios.length);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    pickByNumber(i) { this.select(i); }

    tick() {
      if (!this.playing) return;
      if (this.loop && this.audio().currentTime >= this.loop[1]) this.restart();
      this.draw();
      requestAnimationFrame(() => this.tick());
    }

    show() {
      this.playButton.textContent = this.playing ? "❚❚ Pause" : "▶ Play";
      this.rows.forEach((row, i) => {
        row.classList.toggle("gp-now", i === this.current);
        row.querySelector(".gp-pick").setAttribute("aria-pressed", i === this.current);
      });
      this.figure.dispatchEvent(new CustomEvent("giblet-select", { detail: this.current }));
      this.draw();
    }

    draw() {
      const at = this.position();
      const length = this.duration();
      this.seek.max = length;
      this.seek.value = at;
      this.time.textContent = `${at.toFixed(1)} / ${length.toFixed(1)} s`;
      this.clear.textContent = this.loop ? `Loop ${this.loop[0].toFixed(1)}–${this.loop[1].toFixed(1)} s ×` : "No loop";
      this.clear.disabled = !this.loop;
      this.rows.forEach((row, i) => {
        row.querySelector(".gp-head").style.left = `${100 * Math.min(1, at / length)}%`;
        row.querySelector(".gp-head").hidden = i !== this.current;
        const region = row.querySelector(".gp-region");
        region.hidden = !this.loop;
        if (this.loop) { region.style.left = `${100 * this.loop[0] / length}%`; region.style.width = `${100 * (this.loop[1] - this.loop[0]) / length}%`; }
      });
    }
  }

  const once = (node, name, limit) => new Promise((done) => {
    const timer = setTimeout(done, limit);
    node.addEventListener(name, () => { clearTimeout(timer); done(); }, { once: true });
  });
  /* Wait until the clock of a sound has moved: then, not before, its position can be compared. */
  const running = (audio, limit) => new Promise((done) => {
    const from = audio.currentTime;
    const end = performance.now() + limit;
    const look = () => (audio.currentTime !== from || performance.now() > end ? done() : setTimeout(look, 5));
    look();
  });
  /* Over http the whole sound is fetched first: plain servers (python -m http.server) know no ranges, and without them a browser
     cannot move in a sound. Over file:// fetching is forbidden and moving works. */
  const ready = async (audio) => {
    if (!audio.gibletLoading) {
      audio.gibletLoading = (async () => {
        const source = audio.currentSrc || audio.src || audio.querySelector("source").src;
        if (/^https?:/.test(source)) {
          const answer = await fetch(source).catch(() => null);
          if (answer && answer.ok) audio.src = URL.createObjectURL(await answer.blob());
        }
        if (audio.readyState < 3) {
          audio.preload = "auto";
          audio.load();
          await once(audio, "canplay", 5000);
        }
      })();
    }
    return audio.gibletLoading;
  };

  const start = () => document.querySelectorAll("figure.giblet-player:not(.gp-on)").forEach((figure) => {
    const player = new Player(figure);
    figure.giblet = player;
    all.push(player);
    figure.dispatchEvent(new CustomEvent("giblet-ready", { bubbles: true, detail: player }));
  });
  window.giblet = { players: all, el };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
