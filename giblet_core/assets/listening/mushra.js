/* Rating with a hidden reference and anchors, after ITU-R BS.1534-3: training, then one screen a
   sound, order drawn anew. */
"use strict";
const { $, el } = Giblet;
const WORDS = ["bad", "poor", "fair", "good", "excellent"];

class Mushra extends Giblet.Page {
  constructor() {
    super("mushra", {
      listener: Giblet.code(),
      device: "headphones",
      started: null,
      step: "start",
      order: null,
      answers: [],
    });
    this.show();
  }

  show() {
    const steps = {
      start: () => this.introduction(),
      training: () => this.training(),
      rating: () => this.rating(),
      done: () => this.finish(),
    };
    steps[this.state.step]();
  }

  go(step) {
    this.state.step = step;
    this.save();
    this.show();
  }

  load(ids) {
    this.plays = ids.map(() => 0);
    this.ready(ids, (buffers) => buffers, "This screen");
  }

  /* ---- Before ---- */

  introduction() {
    const attributes = {
      type: "button",
      class: "main",
      id: "begin",
      onclick: () => this.begin(),
    };
    const begin = el("button", attributes, "To the training");
    const who = Giblet.introduction(this.state.listener);
    this.screen("Before you begin", who, el("p", { class: "row" }, begin));
  }

  begin() {
    const box = $("listener");
    if (!box.reportValidity() || !box.value) return;
    this.state.listener = box.value;
    this.state.device = $("device").value;
    this.state.started = new Date().toISOString();
    const { items } = this.config;
    this.state.order = Giblet.shuffled([...items.keys()]).map((item) => ({
      item,
      sounds: Giblet.shuffled([...items[item].sounds.keys()]),
    }));
    this.go("training");
  }

  training() {
    const { items } = this.config;
    const item = items[this.state.trained ?? 0];
    const what =
      "These are the sounds to come, here with their names. Nothing is recorded. Set a " +
      "comfortable level now and leave it.";
    const picks = item.sounds.map((sound, i) => this.pick(sound.name, i));
    const rate = {
      type: "button",
      class: "main",
      id: "rate",
      onclick: () => this.go("rating"),
    };
    const buttons = [el("button", rate, "Begin rating")];
    if (items.length > 1) buttons.unshift(this.otherSoundButton(item.item));
    this.screen(
      "Training: hear the whole range",
      el("p", {}, what),
      Giblet.transport(this),
      el("div", { class: "list", role: "group", "aria-label": "Sounds" }, ...picks),
      el("p", { id: "say", role: "status" }),
      el("p", { class: "row" }, ...buttons),
    );
    this.load(item.sounds.map((sound) => sound.id));
  }

  otherSoundButton(now) {
    const onclick = () => {
      this.state.trained = ((this.state.trained ?? 0) + 1) % this.config.items.length;
      this.save();
      this.training();
    };
    return el("button", { type: "button", onclick }, `Another sound (now: ${now})`);
  }

  pick(name, i) {
    const attributes = {
      type: "button",
      class: "sound",
      id: `sound-${i}`,
      "aria-pressed": "false",
      onclick: () => this.select(i),
    };
    return el("button", attributes, name);
  }

  /* ---- Rating ---- */

  /* The passage that is rated now. */
  item() {
    const { item } = this.state.order[this.state.answers.length];
    return this.config.items[item];
  }

  rating() {
    const number = this.state.answers.length;
    const { item: name, sounds } = this.item();
    const reference = sounds.find((sound) => sound.role === "reference");
    this.order = this.state.order[number].sounds.map((i) => sounds[i]);
    this.state.draft ??= this.order.map(() => null);
    const task =
      "Rate how close each sound is to the reference. One of them is the reference itself: give " +
      "it 100. Compare as often as you like.";
    const words = WORDS.map((word) => el("span", {}, word));
    const lines = this.order.map((_, i) => this.line(i));
    const next = { type: "button", class: "main", id: "next", onclick: () => this.next() };
    this.screen(
      `${name}: ${number + 1} of ${this.config.items.length}`,
      el("p", {}, task),
      Giblet.transport(this),
      this.pick("Reference", 0),
      el("div", { class: "scale", "aria-hidden": "true" }, ...words),
      el("div", { class: "ratings" }, ...lines),
      el("p", { id: "say", role: "status" }),
      el("p", { class: "row" }, el("button", next, "Next")),
    );
    this.load([reference.id, ...this.order.map((sound) => sound.id)]);
  }

  /* A sound, its slider and its number. */
  line(i) {
    const value = this.state.draft[i];
    const shown = el("output", { id: `value-${i}`, for: `rating-${i}` }, value ?? "–");
    const slider = el("input", {
      type: "range",
      id: `rating-${i}`,
      min: 0,
      max: 100,
      step: 1,
      value: value ?? 50,
      "aria-label": `Rating of sound ${i + 1}`,
      class: value === null ? "untouched" : "",
    });
    const set = () => {
      const word = WORDS[Math.min(4, Math.floor(slider.value / 20))];
      this.state.draft[i] = Number(slider.value);
      slider.className = "";
      shown.textContent = slider.value;
      slider.setAttribute("aria-valuetext", `${slider.value}, ${word}`);
      this.save();
    };
    // a click counts too: it may leave the slider where it was
    for (const name of ["input", "change", "click"]) slider.addEventListener(name, set);
    return el("div", { class: "line" }, this.pick(`Sound ${i + 1}`, i + 1), slider, shown);
  }

  next() {
    const missing = this.missing();
    if (missing) {
      $("say").textContent = missing;
      return;
    }
    const { draft, answers } = this.state;
    const ratings = this.order.map((sound, i) => ({
      condition: sound.name,
      role: sound.role,
      rating: draft[i],
      plays: this.plays[i + 1],
      position: i + 1,
    }));
    const seconds = Math.round((performance.now() - this.since) / 1000);
    answers.push({ item: this.item().item, seconds, ratings });
    this.state.draft = null;
    if (answers.length === this.config.items.length) {
      this.state.finished = new Date().toISOString();
      this.go("done");
    } else {
      this.go("rating");
    }
  }

  /* Say what is still to be done on this screen, or nothing. */
  missing() {
    const { draft } = this.state;
    const numbers = draft.map((_, i) => i + 1);
    const unheard = numbers.filter((number) => !this.plays[number]);
    const unrated = numbers.filter((number) => draft[number - 1] === null);
    if (unheard.length) return `Not heard yet: sound ${unheard.join(", ")}.`;
    if (unrated.length) return `Not rated yet: sound ${unrated.join(", ")}.`;
    if (!draft.includes(100)) {
      return "One of them is the reference itself: find it and give it 100.";
    }
    return "";
  }

  heard() {
    const { selected } = this.engine;
    this.plays[selected] += 1;
    this.plays.forEach((_, i) => $(`sound-${i}`).setAttribute("aria-pressed", i === selected));
  }

  /* Act on a key and say whether it meant something here. */
  keyIsTaken(key, target) {
    if (!this.engine) return false;
    if (/^\d$/.test(key) && Number(key) < this.plays.length) this.select(Number(key));
    else if (key === " " && target.tagName !== "BUTTON") this.toggle();
    else return false;
    return true;
  }

  /* ---- The outcome ---- */

  finish() {
    const { listener, device, started, finished, answers: items } = this.state;
    const { test } = this.config;
    const who = { test, listener, device };
    const result = { format: "giblet-mushra", version: 1, ...who, started, finished, items };
    const rows = () =>
      items.flatMap(({ item, seconds, ratings }) =>
        ratings.map((rating) => ({ ...who, item, seconds, ...rating })),
      );
    const lines = rows().map(({ item, condition, rating }) =>
      el("tr", {}, el("td", {}, item), el("th", { scope: "row" }, condition), el("td", {}, rating)),
    );
    const table = Giblet.tableOf("Your ratings", ["sound", "condition", "rating"], lines);
    this.screen("Done: thank you", ...this.ending(`mushra-${listener}`, result, rows, table));
  }
}

window.page = new Mushra();
