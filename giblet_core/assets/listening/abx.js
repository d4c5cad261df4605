/* ABX: X is A or B; say which. Forced choice, no feedback before the end, p from the binomial
   law. */
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

class Abx extends Giblet.Page {
  constructor() {
    const device = "headphones";
    super("abx", { listener: Giblet.code(), device, started: null, pairs: {} });
    if (this.open === null) this.choose();
    else this.trial();
  }

  /* Number of the pair that is being compared. */
  get open() {
    return this.state.open ?? null;
  }

  trials(number) {
    return this.state.pairs[number]?.trials ?? [];
  }

  isDone(number) {
    return this.trials(number).length >= this.config.n_trials;
  }

  /* ---- Choosing a comparison ---- */

  choose() {
    const { pairs } = this.config;
    const entries = pairs.map((pair, number) => this.entry(pair, number));
    const list = el("ol", { class: "pairs" }, ...entries);
    const isFinished = pairs.some((_, number) => this.isDone(number));
    const title = isFinished ? "Choose the next comparison, or finish" : "Choose a comparison";
    this.screen(title, Giblet.introduction(this.state.listener), list);
    $("device").value = this.state.device;
    if (isFinished) this.main.append(...this.outcome());
  }

  entry(pair, number) {
    const attributes = {
      type: "button",
      id: `pair-${number}`,
      onclick: () => this.begin(number),
      disabled: this.isDone(number),
    };
    const button = el("button", attributes, `Comparison ${number + 1}`);
    return el("li", {}, button, ` ${pair.item}: ${this.progress(number)}`);
  }

  progress(number) {
    const nDone = this.trials(number).length;
    const nAll = this.config.n_trials;
    if (this.isDone(number)) return "done";
    return nDone ? `${nDone} of ${nAll} done` : `${nAll} trials`;
  }

  begin(number) {
    const box = $("listener");
    if (!box.reportValidity() || !box.value) return;
    this.state.listener = box.value;
    this.state.device = $("device").value;
    this.state.started ??= new Date().toISOString();
    this.state.open = number;
    this.state.pairs[number] ??= { trials: [] };
    this.deal();
    this.trial();
  }

  /* ---- A trial ---- */

  /* Which of the two is A, and which X is: two fair coins a trial. Kept, so that a reload does not
     deal again. */
  deal() {
    this.state.deal = { swap: Giblet.random(2), x: Giblet.random(2) };
    this.save();
  }

  trial() {
    const pair = this.config.pairs[this.open];
    const nDone = this.trials(this.open).length;
    const nAll = this.config.n_trials;
    const { swap, x } = this.state.deal;
    this.plays = { A: 0, B: 0, X: 0 };
    const task = "Listen to A, B and X. Then say which of the two X is; guess if you cannot tell.";
    const sounds = [..."ABX"].map((name, i) => this.soundButton(name, i));
    const answers = [..."AB"].map((name) => this.answerButton(name));
    this.screen(
      `Trial ${nDone + 1} of ${nAll}`,
      el("progress", { max: nAll, value: nDone, "aria-label": "Trials done" }),
      Giblet.transport(this),
      el("div", { class: "row sounds", role: "group", "aria-label": "Sounds" }, ...sounds),
      el("div", { class: "row", role: "group", "aria-label": "Answer" }, ...answers),
      el("p", { id: "say", role: "status" }, task),
      el("p", { class: "row" }, this.stopButton()),
    );
    const ids = swap ? [pair.b, pair.a] : [pair.a, pair.b];
    this.ready(ids, ([a, b]) => [a, b, x === 0 ? a : b], "This comparison");
  }

  soundButton(name, i) {
    const attributes = {
      type: "button",
      class: "sound",
      id: name,
      "aria-pressed": "false",
      onclick: () => this.select(i),
    };
    return el("button", attributes, name);
  }

  answerButton(name) {
    const attributes = {
      type: "button",
      class: "answer",
      id: `is-${name}`,
      disabled: true,
      onclick: () => this.answer(name),
    };
    return el("button", attributes, `X is ${name}`);
  }

  stopButton() {
    const stop = () => {
      this.state.open = null;
      this.save();
      this.choose();
    };
    return el("button", { type: "button", onclick: stop }, "Stop here for now");
  }

  /* Count what was heard; one may answer when all three were. */
  heard() {
    const selected = "ABX"[this.engine.selected];
    this.plays[selected] += 1;
    for (const name of "ABX") $(name).setAttribute("aria-pressed", name === selected);
    const isReady = this.plays.A && this.plays.B && this.plays.X;
    for (const name of "AB") $(`is-${name}`).disabled = !isReady;
  }

  answer(name) {
    const { names } = this.config.pairs[this.open];
    const { swap, x } = this.state.deal;
    const [a, b] = swap ? [names[1], names[0]] : names;
    const truth = "AB"[x];
    this.trials(this.open).push({
      a,
      b,
      x: truth,
      answer: name,
      correct: name === truth,
      seconds: Math.round((performance.now() - this.since) / 100) / 10,
      switches: this.plays.A + this.plays.B + this.plays.X,
    });
    if (this.isDone(this.open)) {
      this.state.open = null;
      this.state.finished = new Date().toISOString();
      this.save();
      this.choose();
    } else {
      this.deal();
      this.trial();
    }
  }

  /* Act on a key and say whether it meant something here. */
  keyIsTaken(key, target) {
    if (this.open === null) return false;
    const name = key.toUpperCase();
    const isSlider = target.type === "range";
    if (key === " " && target.tagName !== "BUTTON") this.toggle();
    else if (["A", "B", "X"].includes(name)) this.select("ABX".indexOf(name));
    else if (["1", "2"].includes(key) && !$("is-A").disabled) this.answer("AB"[key - 1]);
    else if (key === "ArrowLeft" && !isSlider) this.seekBy(-1);
    else if (key === "ArrowRight" && !isSlider) this.seekBy(1);
    else return false;
    return true;
  }

  seekBy(seconds) {
    this.engine?.seek(this.engine.position() + seconds);
  }

  /* ---- The outcome ---- */

  result() {
    const pairs = this.config.pairs
      .map((pair, number) => this.pairResult(pair, this.trials(number)))
      .filter((_, number) => this.isDone(number));
    const { listener, device, started, finished } = this.state;
    const { test } = this.config;
    return { format: "giblet-abx", version: 1, test, listener, device, started, finished, pairs };
  }

  pairResult({ item, names }, trials) {
    const [reference, condition] = names;
    const n = trials.length;
    const correct = trials.filter((trial) => trial.correct).length;
    return { item, reference, condition, n, correct, p: binomialP(correct, n), trials };
  }

  outcome() {
    const result = this.result();
    const { test, listener, device } = result;
    const caption = "Your results (p: chance of at least so many right answers by guessing)";
    const lines = result.pairs.map((pair) => this.outcomeLine(pair));
    const table = Giblet.tableOf(caption, ["comparison", "sound", "right", "p"], lines);
    const rows = () =>
      result.pairs.flatMap(({ item, reference, condition, trials }) =>
        trials.map((trial, i) => {
          const what = { test, listener, device, item, reference, condition };
          return { ...what, trial: i + 1, ...trial };
        }),
      );
    return this.ending(`abx-${listener}`, result, rows, table);
  }

  outcomeLine({ reference, condition, item, correct, n, p }) {
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, `${reference} against ${condition}`),
      el("td", {}, item),
      el("td", {}, `${correct} of ${n}`),
      el("td", {}, p < 0.001 ? p.toExponential(1) : p.toFixed(3)),
    );
  }
}

window.page = new Abx();
