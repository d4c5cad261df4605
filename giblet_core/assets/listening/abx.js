/* ABX: X is A or B; say which. Forced choice, no feedback before the end, p from the binomial law. */
"use strict";
const { $, el } = Giblet;

/* Probability of at least `correct` right answers in `n` by guessing. */
const binomialP = (correct, n) => {
  let term = 0.5 ** n;
  let sum = 0;
  for (let k = 0; k <= n; k += 1) {
    if (k >= correct) sum += term;
    term *= (n - k) / (k + 1);
  }
  return Math.min(1, sum);
};

class Abx {
  constructor() {
    this.config = Giblet.config();
    this.store = new Giblet.Store(`giblet-abx-${this.config.test}`);
    this.state = this.store.read() ?? { listener: Giblet.code(), device: "headphones", started: null, pairs: {} };
    this.main = $("test");
    document.addEventListener("keydown", (event) => this.key(event));
    this.open == null ? this.choose() : this.trial();
  }

  get open() { return this.state.open ?? null; }
  save() { this.kept = this.store.write(this.state); }
  results(p) { return this.state.pairs[p]?.trials ?? []; }
  done(p) { return this.results(p).length >= this.config.n_trials; }

  screen(title, ...children) {
    this.engine?.stop();
    this.engine = null;
    const heading = el("h2", { tabindex: -1 }, title);
    this.main.replaceChildren(heading, ...children);
    if (this.shown) { heading.focus(); document.querySelector("header details").open = false; }
    this.shown = true;
    scrollTo(0, 0);
  }

  choose() {
    const { pairs, n_trials: n } = this.config;
    const list = el("ol", { class: "pairs" }, ...pairs.map((pair, p) => el("li", {},
      el("button", { type: "button", id: `pair-${p}`, onclick: () => this.begin(p), disabled: this.done(p) },
        `Comparison ${p + 1}`), ` ${pair.item}: ` + (this.done(p) ? "done" : this.results(p).length ? `${this.results(p).length} of ${n} done` : `${n} trials`))));
    const finished = pairs.map((_, p) => p).filter((p) => this.done(p));
    const parts = [Giblet.introduction(this.state.listener), list];
    this.screen(finished.length ? "Choose the next comparison, or finish" : "Choose a comparison", ...parts);
    $("device").value = this.state.device;
    if (finished.length) this.main.append(...this.outcome(finished));
  }

  begin(p) {
    const box = $("listener");
    if (!box.reportValidity() || !box.value) return;
    Object.assign(this.state, { listener: box.value, device: $("device").value, started: this.state.started ?? new Date().toISOString(), open: p });
    this.state.pairs[p] ??= { trials: [] };
    this.deal();
    this.trial();
  }

  /* Which of the two is A, and which X is: two fair coins a trial. Kept, so that a reload does not deal again. */
  deal() {
    this.state.deal = { swap: Giblet.random(2), x: Giblet.random(2) };
    this.save();
  }

  async trial() {
    const pair = this.config.pairs[this.open];
    const n = this.results(this.open).length;
    const { swap, x } = this.state.deal;
    const [a, b] = swap ? [pair.b, pair.a] : [pair.a, pair.b];
    this.plays = { A: 0, B: 0, X: 0 };
    this.since = performance.now();
    const pick = (name, i) => el("button", { type: "button", class: "sound", id: name, "aria-pressed": "false", onclick: () => this.select(i) }, name);
    const answer = (name) => el("button", { type: "button", class: "answer", id: `is-${name}`, disabled: true, onclick: () => this.answer(name) }, `X is ${name}`);
    this.screen(`Trial ${n + 1} of ${this.config.n_trials}`,
      el("progress", { max: this.config.n_trials, value: n, "aria-label": "Trials done" }),
      Giblet.transport(this),
      el("div", { class: "row sounds", role: "group", "aria-label": "Sounds" }, pick("A", 0), pick("B", 1), pick("X", 2)),
      el("div", { class: "row", role: "group", "aria-label": "Answer" }, answer("A"), answer("B")),
      el("p", { id: "say", role: "status" }, "Listen to A, B and X. Then say which of the two X is; guess if you cannot tell."),
      el("p", { class: "row" }, el("button", { type: "button", onclick: () => { this.state.open = null; this.save(); this.choose(); } }, "Stop here for now")));
    this.context ??= new AudioContext({ sampleRate: this.config.sample_rate });
    const mine = this.since;
    try {
      const [one, two] = await Promise.all([a, b].map((id) => Giblet.load(this.context, id)));
      if (mine !== this.since) return;
      this.engine = new Giblet.Engine(this.context, [one, two, x === 0 ? one : two]);
      this.draw();
    } catch (error) { $("say").textContent = `This comparison cannot be heard: ${error.message}.`; }
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
    const name = "ABX"[this.engine.selected];
    this.plays[name] += 1;
    for (const other of "ABX") $(other).setAttribute("aria-pressed", other === name);
    const ready = this.plays.A && this.plays.B && this.plays.X;
    for (const id of ["is-A", "is-B"]) $(id).disabled = !ready;
  }

  answer(name) {
    const pair = this.config.pairs[this.open];
    const { swap, x } = this.state.deal;
    const truth = "AB"[x];
    this.state.pairs[this.open].trials.push({ a: swap ? pair.names[1] : pair.names[0], b: swap ? pair.names[0] : pair.names[1], x: truth, answer: name,
      correct: name === truth, seconds: Math.round((performance.now() - this.since) / 100) / 10, switches: this.plays.A + this.plays.B + this.plays.X });
    if (this.done(this.open)) {
      Object.assign(this.state, { open: null, finished: new Date().toISOString() });
      this.save();
      this.choose();
    } else {
      this.deal();
      this.trial();
    }
  }

  result() {
    const pairs = this.config.pairs.map((pair, p) => ({ pair, p })).filter(({ p }) => this.done(p)).map(({ pair, p }) => {
      const trials = this.results(p);
      const correct = trials.filter((t) => t.correct).length;
      return { item: pair.item, reference: pair.names[0], condition: pair.names[1], n: trials.length, correct, p: binomialP(correct, trials.length), trials };
    });
    const { listener, device, started, finished } = this.state;
    return { format: "giblet-abx", version: 1, test: this.config.test, listener, device, started, finished, pairs };
  }

  outcome(finished) {
    const result = this.result();
    const table = el("table", {}, el("caption", {}, "Your results (p: chance of at least so many right answers by guessing)"),
      el("thead", {}, el("tr", {}, ...["comparison", "sound", "right", "p"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...result.pairs.map((r) => el("tr", {}, el("th", { scope: "row" }, `${r.reference} against ${r.condition}`), el("td", {}, r.item),
        el("td", {}, `${r.correct} of ${r.n}`), el("td", {}, r.p < 0.001 ? r.p.toExponential(1) : r.p.toFixed(3))))));
    const rows = () => result.pairs.flatMap(({ trials, ...rest }) => trials.map((t, i) => ({ test: result.test, listener: result.listener, device: result.device,
      item: rest.item, reference: rest.reference, condition: rest.condition, trial: i + 1, ...t })));
    const over = el("button", { type: "button", onclick: () => {
      if (confirm("Erase all answers kept in this browser?")) { this.store.clear(); location.reload(); }
    } }, "Erase and begin again");
    return [el("section", { id: "outcome" }, table,
      el("p", {}, "Nothing was uploaded. If you wish to contribute, send the downloaded file to whoever asked you."),
      Giblet.handOver(`abx-${result.listener}`, result, rows), el("p", {}, over), this.kept === false ? el("p", { role: "alert" }, "This browser keeps nothing: download before you leave.") : "")];
  }

  key(event) {
    if (this.open === null || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const name = event.key.toUpperCase();
    const button = event.target.tagName === "BUTTON";
    if (event.key === " " && !button) this.toggle();
    else if ("ABX".includes(name) && name.length === 1) this.select("ABX".indexOf(name));
    else if ((event.key === "1" || event.key === "2") && !$("is-A").disabled) this.answer("AB"[event.key - 1]);
    else if (event.target.type !== "range" && event.key === "ArrowLeft") this.engine?.seek(this.engine.position() - 1);
    else if (event.target.type !== "range" && event.key === "ArrowRight") this.engine?.seek(this.engine.position() + 1);
    else return;
    this.draw?.();
    event.preventDefault();
  }
}
window.page = new Abx();
