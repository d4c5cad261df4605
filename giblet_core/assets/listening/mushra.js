/* Rating with a hidden reference and anchors, after ITU-R BS.1534-3: training, then one screen a sound, order drawn anew. */
"use strict";
const { $, el } = Giblet;
const WORDS = ["bad", "poor", "fair", "good", "excellent"];

class Mushra {
  constructor() {
    this.config = Giblet.config();
    this.store = new Giblet.Store(`giblet-mushra-${this.config.test}`);
    this.state = this.store.read() ?? { listener: Giblet.code(), device: "headphones", started: null, step: "start", order: null, answers: [] };
    this.main = $("test");
    document.addEventListener("keydown", (event) => this.key(event));
    this.show();
  }

  save() { this.kept = this.store.write(this.state); }
  show() { ({ start: () => this.intro(), training: () => this.training(), rating: () => this.rating(), done: () => this.finish() })[this.state.step](); }
  go(step) { this.state.step = step; this.save(); this.show(); }

  screen(title, ...children) {
    this.engine?.stop();
    this.engine = null;
    const heading = el("h2", { tabindex: -1 }, title);
    this.main.replaceChildren(heading, ...children);
    if (this.shown) { heading.focus(); document.querySelector("header details").open = false; }
    this.shown = true;
    scrollTo(0, 0);
  }

  async ready(ids) {
    this.context ??= new AudioContext({ sampleRate: this.config.sample_rate });
    this.plays = ids.map(() => 0);
    const mine = (this.since = performance.now());
    try {
      const buffers = await Promise.all(ids.map((id) => Giblet.load(this.context, id)));
      if (mine !== this.since) return;
      this.engine = new Giblet.Engine(this.context, buffers);
      this.draw();
    } catch (error) { $("say").textContent = `This screen cannot be heard: ${error.message}.`; }
  }

  intro() {
    this.screen("Before you begin", Giblet.introduction(this.state.listener),
      el("p", { class: "row" }, el("button", { type: "button", class: "main", id: "begin", onclick: () => {
        const box = $("listener");
        if (!box.reportValidity() || !box.value) return;
        Object.assign(this.state, { listener: box.value, device: $("device").value, started: new Date().toISOString() });
        this.state.order = Giblet.shuffled(this.config.items.map((_, i) => i)).map((item) => ({ item,
          sounds: Giblet.shuffled(this.config.items[item].sounds.map((_, i) => i)) }));
        this.go("training");
      } }, "To the training")));
  }

  training() {
    const item = this.config.items[this.state.trained ?? 0];
    const sounds = item.sounds;
    this.screen("Training: hear the whole range", el("p", {}, "These are the sounds to come, here with their names. Nothing is recorded. Set a comfortable level now and leave it."),
      Giblet.transport(this),
      el("div", { class: "list", role: "group", "aria-label": "Sounds" }, ...sounds.map((sound, i) => this.pick(sound.name, i))),
      el("p", { id: "say", role: "status" }),
      el("p", { class: "row" }, this.config.items.length > 1 ? el("button", { type: "button", onclick: () => {
        this.state.trained = ((this.state.trained ?? 0) + 1) % this.config.items.length;
        this.save();
        this.training();
      } }, `Another sound (now: ${item.item})`) : "",
      el("button", { type: "button", class: "main", id: "rate", onclick: () => this.go("rating") }, "Begin rating")));
    this.ready(sounds.map((sound) => sound.id));
  }

  pick(name, i) { return el("button", { type: "button", class: "sound", id: `sound-${i}`, "aria-pressed": "false", onclick: () => this.select(i) }, name); }

  rating() {
    const n = this.state.answers.length;
    const { item, sounds } = this.state.order[n];
    const { item: name, sounds: all } = this.config.items[item];
    const reference = all.find((sound) => sound.role === "reference");
    this.order = sounds.map((i) => all[i]);
    this.state.draft ??= this.order.map(() => null);
    this.screen(`${name}: ${n + 1} of ${this.config.items.length}`,
      el("p", {}, "Rate how close each sound is to the reference. One of them is the reference itself: give it 100. Compare as often as you like."),
      Giblet.transport(this),
      this.pick("Reference", 0),
      el("div", { class: "scale", "aria-hidden": "true" }, ...WORDS.map((word) => el("span", {}, word))),
      el("div", { class: "ratings" }, ...this.order.map((_, i) => this.line(i))),
      el("p", { id: "say", role: "status" }),
      el("p", { class: "row" }, el("button", { type: "button", class: "main", id: "next", onclick: () => this.next() }, "Next")));
    this.ready([reference.id, ...this.order.map((sound) => sound.id)]);
  }

  line(i) {
    const value = this.state.draft[i];
    const shown = el("output", { id: `value-${i}`, for: `rating-${i}` }, value ?? "–");
    const slider = el("input", { type: "range", id: `rating-${i}`, min: 0, max: 100, step: 1, value: value ?? 50, "aria-label": `Rating of sound ${i + 1}`,
      class: value == null ? "untouched" : "" });
    const set = () => {
      this.state.draft[i] = Number(slider.value);
      slider.className = "";
      shown.textContent = slider.value;
      slider.setAttribute("aria-valuetext", `${slider.value}, ${WORDS[Math.min(4, Math.floor(slider.value / 20))]}`);
      this.save();
    };
    for (const name of ["input", "change", "click"]) slider.addEventListener(name, set);
    return el("div", { class: "line" }, this.pick(`Sound ${i + 1}`, i + 1), slider, shown);
  }

  next() {
    const { draft } = this.state;
    const unheard = this.plays.slice(1).map((count, i) => (count ? null : i + 1)).filter(Boolean);
    const unrated = draft.map((value, i) => (value === null ? i + 1 : null)).filter(Boolean);
    const say = (text) => { $("say").textContent = text; };
    if (unheard.length) return say(`Not heard yet: sound ${unheard.join(", ")}.`);
    if (unrated.length) return say(`Not rated yet: sound ${unrated.join(", ")}.`);
    if (!draft.includes(100)) return say("One of them is the reference itself: find it and give it 100.");
    this.state.answers.push({ item: this.config.items[this.state.order[this.state.answers.length].item].item,
      seconds: Math.round((performance.now() - this.since) / 1000),
      ratings: this.order.map((sound, i) => ({ condition: sound.name, role: sound.role, rating: draft[i], plays: this.plays[i + 1], position: i + 1 })) });
    this.state.draft = null;
    if (this.state.answers.length === this.config.items.length) { this.state.finished = new Date().toISOString(); return this.go("done"); }
    return this.go("rating");
  }

  finish() {
    const { listener, device, started, finished, answers } = this.state;
    const result = { format: "giblet-mushra", version: 1, test: this.config.test, listener, device, started, finished, items: answers };
    const rows = () => answers.flatMap(({ item, seconds, ratings }) => ratings.map((r) => ({ test: result.test, listener, device, item, seconds, ...r })));
    const table = el("table", {}, el("caption", {}, "Your ratings"),
      el("thead", {}, el("tr", {}, ...["sound", "condition", "rating"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...rows().map((r) => el("tr", {}, el("td", {}, r.item), el("th", { scope: "row" }, r.condition), el("td", {}, r.rating)))));
    this.screen("Done: thank you", el("p", {}, "Nothing was uploaded. If you wish to contribute, send the downloaded file to whoever asked you."),
      Giblet.handOver(`mushra-${listener}`, result, rows),
      el("section", { id: "outcome" }, table),
      el("p", {}, el("button", { type: "button", onclick: () => {
        if (confirm("Erase all answers kept in this browser?")) { this.store.clear(); location.reload(); }
      } }, "Erase and begin again")),
      this.kept === false ? el("p", { role: "alert" }, "This browser keeps nothing: download before you leave.") : "");
  }

  toggle() {
    if (!this.engine) return;
    this.context.resume();
    if (this.engine.playing) this.engine.stop();
    else { this.engine.start(); this.heard(); }
    this.draw();
  }

  select(i) {
    if (!this.engine) return;
    this.engine.select(i);
    if (this.engine.playing) this.heard(); else this.toggle();
    this.draw();
  }

  heard() {
    const now = this.engine.selected;
    this.plays[now] += 1;
    this.plays.forEach((_, i) => $(`sound-${i}`).setAttribute("aria-pressed", i === now));
  }

  key(event) {
    if (!this.engine || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (/^\d$/.test(event.key) && Number(event.key) < this.plays.length) this.select(Number(event.key));
    else if (event.key === " " && event.target.tagName !== "BUTTON") this.toggle();
    else return;
    this.draw?.();
    event.preventDefault();
  }
}
window.page = new Mushra();
