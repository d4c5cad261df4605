/* Players of the giblet book: one transport for several sounds, switched at the same position.
   Without this script each sound keeps its own plain player. Nothing is fetched before a sound is
   played. */
(() => {
  "use strict";

  const SEEK_S = 1; // that the arrow keys move
  const MOST_DOWN_DB = 12; // that other sounds are lowered so that quiet ones can rise
  const LEAST_DB = 0.05; // a smaller difference is none
  const LEAST_LOOP_S = 0.05;
  const LEAST_DRAG = 0.03; // of the picture's width; less is a click
  const LONGEST_LEAD_S = 0.3;
  const SAME_POSITION_S = 0.03;

  const HINT =
    "With the focus here: <kbd>space</kbd> play or pause, <kbd>1</kbd>–<kbd>9</kbd> or " +
    "<kbd>↑</kbd> <kbd>↓</kbd> choose a sound, <kbd>←</kbd> <kbd>→</kbd> move a second. Drag " +
    "over a picture to loop a part, click to go there.";
  const HIDDEN = "position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden";

  const players = [];

  /* Make an element; a name like onclick adds a listener, false or null leaves one out. */
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) {
        node.setAttribute(name, value === true ? "" : value);
      }
    }
    node.append(...children);
    return node;
  };

  const clamped = (value, least, most) => Math.min(most, Math.max(least, value));

  /* ---- Waiting for sounds ------------------------------------------------------------------ */

  /* Wait for an event, at most `limit` ms. */
  const once = (node, name, limit) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, limit);
      const stop = () => {
        clearTimeout(timer);
        resolve();
      };
      node.addEventListener(name, stop, { once: true });
    });

  /* Wait until the clock of a sound has moved, at most `limit` ms: then, not before, its position
     can be compared. */
  const running = (audio, limit) =>
    new Promise((resolve) => {
      const from = audio.currentTime;
      const end = performance.now() + limit;
      const look = () => {
        if (audio.currentTime !== from || performance.now() > end) resolve();
        else setTimeout(look, 5);
      };
      look();
    });

  /* Make a sound ready to play. Over http the whole sound is fetched first: plain servers
     (python -m http.server) know no ranges, and without them a browser cannot move in a sound. Over
     file:// fetching is forbidden and moving works. */
  const load = async (audio) => {
    const source = audio.currentSrc || audio.src || audio.querySelector("source").src;
    if (/^https?:/.test(source)) {
      const answer = await fetch(source).catch(() => null);
      if (answer && answer.ok) audio.src = URL.createObjectURL(await answer.blob());
    }
    if (audio.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) {
      audio.preload = "auto";
      audio.load();
      await once(audio, "canplay", 5000);
    }
  };

  const ready = async (audio) => {
    audio.gibletLoading ??= load(audio);
    return audio.gibletLoading;
  };

  /* ---- A player ------------------------------------------------------------------------------ */

  class Player {
    constructor(figure) {
      this.figure = figure;
      this.rows = [...figure.querySelectorAll("tr[data-label]")];
      this.audios = this.rows.map((row) => row.querySelector("audio"));
      this.current = 0;
      this.playing = false;
      this.wanted = null; // s: the position while nothing plays
      this.lead = 0.03; // s: what starting a sound costs, learnt at each switch
      this.loop = null; // [from, to] in s
      this.ticket = 0; // the latest switch; older ones that are still loading give way
      this.nameCells();
      this.buildBar();
      this.rows.forEach((row, i) => this.buildRow(row, i));
      figure.classList.add("gp-on");
      figure.addEventListener("keydown", (event) => this.key(event));
      this.audios.forEach((audio, i) => this.listen(audio, i));
      this.level(false);
      this.show();
    }

    /* ---- Levels ---- */

    /* The other way of levelling, by the players' volume. Volume only lowers: where one would go up
       the others go down, as far as one still hears them, and what is then left is said. */
    level(on) {
      const other = this.rows.map((row) => Number(row.dataset.other)); // dB
      const down = clamped(Math.max(...other), 0, MOST_DOWN_DB);
      this.levelled = on;
      this.audios.forEach((audio, i) => {
        const db = Math.min(0, other[i] - down);
        audio.volume = on ? 10 ** (db / 20) : 1;
        const small = this.rows[i].querySelector("th small");
        small.dataset.says ??= small.textContent;
        small.textContent = small.dataset.says + (on ? `, now ${db.toFixed(1)} dB` : "");
      });
      const note = this.figure.querySelector(".giblet-level");
      this.ownNote ??= note.textContent;
      const isMatched = this.ownNote.startsWith("Level: all at");
      note.textContent = on ? this.levelNote(isMatched, other, down) : this.ownNote;
      this.levels.setAttribute("aria-pressed", on !== isMatched);
      this.levels.hidden = other.every((db) => Math.abs(db) < LEAST_DB);
    }

    levelNote(isMatched, other, down) {
      const goal = isMatched ? "own levels" : "all at the loudness of the first (ITU-R BS.1770)";
      const tooQuiet = this.rows.flatMap((row, i) => {
        const missing = other[i] - down;
        return missing > LEAST_DB ? [`${row.dataset.label} (${missing.toFixed(1)} dB)`] : [];
      });
      let note = `Level: ${goal}, by the players' volume`;
      if (down > LEAST_DB) note += `, all ${down.toFixed(1)} dB lower so that quiet ones can rise`;
      if (tooQuiet.length) note += `; still too quiet: ${tooQuiet.join(", ")}`;
      return `${note}.`;
    }

    /* ---- Building ---- */

    /* On a phone each cell shows the name of its column. */
    nameCells() {
      const heads = [...this.figure.querySelectorAll("thead th")];
      if (heads[1]) heads[1].classList.add("giblet-audio");
      for (const row of this.figure.querySelectorAll("tbody tr")) {
        if (row.children.length !== heads.length) continue;
        [...row.children].forEach((cell, i) => {
          cell.dataset.name = heads[i].textContent;
        });
      }
    }

    button(text, label, onclick) {
      return el("button", { type: "button", "aria-label": label, onclick }, text);
    }

    buildBar() {
      const onplay = { type: "button", class: "gp-play", onclick: () => this.toggle() };
      this.playButton = el("button", onplay, "▶ Play");
      this.seek = el("input", {
        type: "range",
        min: 0,
        max: 1,
        step: 0.001,
        value: 0,
        "aria-label": "Position in seconds",
        oninput: () => this.go(Number(this.seek.value)),
      });
      this.time = el("span", { class: "gp-time" });
      this.clear = this.button("No loop", "Clear the loop", () => this.setLoop(null));
      this.native = this.nativeButton();
      const onlevel = { type: "button", onclick: () => this.level(!this.levelled) };
      this.levels = el("button", onlevel, "One loudness");
      const bar = el(
        "div",
        { class: "gp-bar", role: "group", "aria-label": "Transport" },
        this.playButton,
        this.seek,
        this.time,
        ...this.loopButtons(),
        this.clear,
        this.levels,
        this.native,
      );
      const hidden = { class: "visually-hidden sr-only", role: "status", style: HIDDEN };
      this.status = el("span", hidden);
      const hint = el("p", { class: "gp-hint" });
      hint.innerHTML = HINT;
      this.figure.querySelector(".giblet-scroll").before(bar, hint, this.status);
    }

    nativeButton() {
      const label = "Show each sound's own player";
      const button = this.button("Single players", label, () => {
        const on = this.figure.classList.toggle("gp-native");
        button.setAttribute("aria-pressed", on);
        this.pause();
      });
      button.setAttribute("aria-pressed", "false");
      return button;
    }

    loopButtons() {
      const begin = () => {
        const to = this.loop ? this.loop[1] : this.duration();
        this.setLoop(this.position(), to);
      };
      const end = () => {
        const from = this.loop ? this.loop[0] : 0;
        this.setLoop(from, this.position());
      };
      return [
        this.button("Loop from", "Begin the loop at this position", begin),
        this.button("to", "End the loop at this position", end),
      ];
    }

    buildRow(row, i) {
      const head = row.querySelector("th");
      const small = head.querySelector("small");
      const attributes = {
        type: "button",
        class: "gp-pick",
        "aria-pressed": "false",
        onclick: () => this.select(i, true),
      };
      const digit = el("b", {}, i < 9 ? String(i + 1) : " ");
      const pick = el("button", attributes, digit, ` ${row.dataset.label}`);
      head.replaceChildren(pick, ...(small ? [small] : []));
      const images = row.querySelectorAll("img");
      const stage = el("div", { class: "gp-stage" });
      images[0].before(stage);
      const region = el("i", { class: "gp-region", hidden: true });
      const playhead = el("i", { class: "gp-head", style: "left:0" });
      stage.append(...images, region, playhead);
      this.drag(stage, i);
    }

    /* Take in a row that came later, made like the others; return its number. */
    add(row) {
      const i = this.rows.push(row) - 1;
      this.audios.push(row.querySelector("audio"));
      this.figure.querySelector("tbody").append(row);
      this.nameCells();
      this.buildRow(row, i);
      this.listen(this.audios[i], i);
      this.level(this.levelled);
      this.draw();
      return i;
    }

    /* A drag over a picture loops that part; a click goes there. */
    drag(stage, i) {
      let from = null;
      const secondsAt = (event) => {
        const box = stage.getBoundingClientRect();
        return clamped((event.clientX - box.left) / box.width, 0, 1) * this.duration();
      };
      const isClick = (to) => Math.abs(to - from) <= LEAST_DRAG * this.duration();
      stage.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        from = secondsAt(event);
        stage.setPointerCapture(event.pointerId);
      });
      stage.addEventListener("pointermove", (event) => {
        if (from === null) return;
        const to = secondsAt(event);
        if (!isClick(to)) this.setLoop(Math.min(from, to), Math.max(from, to));
      });
      stage.addEventListener("pointercancel", () => {
        from = null;
      });
      stage.addEventListener("pointerup", (event) => {
        if (from === null) return;
        const to = secondsAt(event);
        if (isClick(to)) {
          this.select(i);
          this.go(to);
        } else {
          this.go(Math.min(from, to));
        }
        from = null;
      });
    }

    listen(audio, i) {
      audio.addEventListener("ended", () => {
        if (i !== this.current || !this.playing) return;
        if (this.loop) this.restart();
        else this.pause();
      });
      audio.addEventListener("loadedmetadata", () => this.draw());
      audio.addEventListener("play", () => this.pauseOthers());
      const unreadable = () =>
        this.say(`${this.rows[i].dataset.label}: the sound file cannot be read`);
      audio.addEventListener("error", unreadable, true); // of its source, which does not bubble
    }

    pauseOthers() {
      for (const other of players) if (other !== this) other.pause();
    }

    /* ---- State ---- */

    audio() {
      return this.audios[this.current];
    }

    position() {
      return this.playing || this.wanted == null ? this.audio().currentTime : this.wanted;
    }

    duration() {
      const known = this.audio().duration;
      if (Number.isFinite(known) && known > 0) return known;
      return Number(this.figure.dataset.duration) || 1;
    }

    say(text) {
      this.status.textContent = text;
    }

    /* ---- Transport ---- */

    toggle() {
      return this.playing ? this.pause() : this.play();
    }

    async play() {
      this.pauseOthers();
      const audio = this.audio();
      this.playing = true;
      this.show();
      const isAtEnd = this.position() >= this.duration() - 0.01;
      if (isAtEnd) this.wanted = this.loop ? this.loop[0] : 0;
      await ready(audio);
      if (!this.playing || audio !== this.audio()) return;
      if (this.wanted != null) {
        audio.currentTime = this.wanted;
        this.wanted = null;
      }
      audio.muted = false;
      try {
        await audio.play();
      } catch (error) {
        if (error.name !== "AbortError") this.stopWith(error);
      }
      this.tick();
      this.audios.forEach(ready); // so that switching is at once
    }

    stopWith(error) {
      this.playing = false;
      this.show();
      this.say(String(error.message));
    }

    pause() {
      if (this.playing) this.wanted = this.audio().currentTime;
      this.playing = false;
      this.ticket += 1;
      this.audios.forEach((audio) => audio.pause());
      this.show();
    }

    go(seconds) {
      const to = clamped(seconds, 0, this.duration());
      if (this.playing) this.audio().currentTime = to;
      else this.wanted = to;
      this.draw();
    }

    restart() {
      this.go(this.loop ? this.loop[0] : 0);
      if (this.audio().paused) this.audio().play();
    }

    setLoop(from, to) {
      const isLoop = from !== null && to > from + LEAST_LOOP_S;
      this.loop = isLoop ? [from, to] : null;
      if (isLoop && (this.position() < from || this.position() > to)) this.go(from);
      this.say(isLoop ? `Loop from ${from.toFixed(1)} to ${to.toFixed(1)} s` : "No loop");
      this.draw();
    }

    /* ---- Switching ---- */

    async select(i, start = false) {
      if (i < 0 || i >= this.audios.length) return;
      if (i === this.current) {
        if (start && !this.playing) this.play();
        return;
      }
      const before = this.audio();
      this.ticket += 1;
      if (!this.playing) this.wanted = this.position();
      this.current = i; // what is asked for is shown at once
      this.show();
      if (this.playing) await this.changeOver(before, this.audios[i], this.ticket);
      else if (start) this.play();
    }

    /* Start the other sound muted a little ahead, and change over once it runs: no gap, and the
       same position. */
    async changeOver(before, after, ticket) {
      await ready(after);
      for (let attempt = 0; attempt < 3 && ticket === this.ticket; attempt += 1) {
        after.muted = true;
        after.currentTime = before.currentTime + this.lead;
        await after.play().catch(() => {});
        await running(after, 250);
        const behind = before.currentTime - after.currentTime;
        this.lead = clamped(this.lead + behind, 0, LONGEST_LEAD_S);
        if (Math.abs(behind) < SAME_POSITION_S) break;
      }
      if (ticket !== this.ticket) {
        if (after !== this.audio()) after.pause();
        before.pause();
        return;
      }
      after.muted = false;
      this.audios.forEach((audio) => {
        if (audio !== after) audio.pause();
      });
    }

    /* ---- Keys ---- */

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (!this.keyIsTaken(event.key, event.target)) return;
      event.preventDefault();
      event.stopPropagation();
    }

    /* Act on a key and say whether it meant something here. */
    keyIsTaken(key, target) {
      const tag = target.tagName;
      if (key === " " && !["BUTTON", "SUMMARY", "SELECT"].includes(tag)) {
        this.toggle();
        return true;
      }
      if (/^[1-9]$/.test(key)) {
        this.pickByNumber(Number(key) - 1);
        return true;
      }
      // a slider, a box and a browser's own player move by arrows themselves
      if (target === this.seek || tag === "SELECT" || tag === "AUDIO") return false;
      const count = this.audios.length;
      const actions = {
        ArrowLeft: () => this.go(this.position() - SEEK_S),
        ArrowRight: () => this.go(this.position() + SEEK_S),
        ArrowDown: () => this.select((this.current + 1) % count),
        ArrowUp: () => this.select((this.current + count - 1) % count),
      };
      if (!(key in actions)) return false;
      actions[key]();
      return true;
    }

    pickByNumber(i) {
      this.select(i);
    }

    /* ---- Showing ---- */

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
      const position = this.position();
      const length = this.duration();
      this.seek.max = length;
      this.seek.value = position;
      this.time.textContent = `${position.toFixed(1)} / ${length.toFixed(1)} s`;
      this.clear.textContent = this.loopText();
      this.clear.disabled = !this.loop;
      this.rows.forEach((row, i) => {
        const playhead = row.querySelector(".gp-head");
        playhead.style.left = `${100 * Math.min(1, position / length)}%`;
        playhead.hidden = i !== this.current;
        this.drawLoop(row.querySelector(".gp-region"), length);
      });
    }

    loopText() {
      if (!this.loop) return "No loop";
      const [from, to] = this.loop;
      return `Loop ${from.toFixed(1)}–${to.toFixed(1)} s ×`;
    }

    drawLoop(region, length) {
      region.hidden = !this.loop;
      if (!this.loop) return;
      const [from, to] = this.loop;
      region.style.left = `${(100 * from) / length}%`;
      region.style.width = `${(100 * (to - from)) / length}%`;
    }
  }

  const start = () => {
    for (const figure of document.querySelectorAll("figure.giblet-player:not(.gp-on)")) {
      const player = new Player(figure);
      figure.giblet = player;
      players.push(player);
      const event = new CustomEvent("giblet-ready", { bubbles: true, detail: player });
      figure.dispatchEvent(event);
    }
  };
  window.giblet = { players, el };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
