/* Sound for the blind tests. Every sound of a screen runs on one AudioContext clock; switching moves gains only, so the position is
   the same to the sample. Sounds come as base64 in scripts added when they are needed: fetch() is blocked on file://. */
"use strict";
const Giblet = (() => {
  const FADE_S = 0.005; // long enough not to click, short enough not to be heard as a fade
  const waiting = {};
  const loaded = {};
  window.gibletSound = (id, text) => waiting[id](text);

  /* Return the AudioBuffer of a sound, decoded at the context's own rate. */
  const load = (context, id) => {
    loaded[id] ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      waiting[id] = (text) => {
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        script.remove();
        delete waiting[id];
        context.decodeAudioData(bytes.buffer).then(resolve, reject);
      };
      script.onerror = () => { delete loaded[id]; reject(new Error(`the sound media/${id}.js cannot be read`)); };
      script.src = `media/${id}.js`;
      document.head.append(script);
    });
    return loaded[id];
  };

  class Engine {
    constructor(context, buffers) {
      this.context = context;
      this.buffers = buffers;
      this.selected = 0;
      this.offset = 0; // s, where playing begins
      this.started = null; // context time of the start
      this.region = null;
    }

    get duration() { return this.buffers[0].duration; }
    get playing() { return this.started !== null; }

    position(now = this.context.currentTime) {
      if (!this.playing) return this.offset;
      const [from, to] = this.region ?? [0, this.duration];
      const at = this.offset + Math.max(0, now - this.started);
      return at < to ? at : from + ((at - from) % (to - from));
    }

    start(when = this.context.currentTime) {
      this.stop();
      const [from, to] = this.region ?? [0, this.duration];
      if (this.offset < from || this.offset >= to) this.offset = from;
      this.gains = this.buffers.map((buffer, i) => {
        const gain = new GainNode(this.context, { gain: i === this.selected ? 1 : 0 });
        const source = new AudioBufferSourceNode(this.context, { buffer, loop: true, loopStart: from, loopEnd: to });
        source.connect(gain).connect(this.context.destination);
        source.start(when, this.offset);
        gain.source = source;
        return gain;
      });
      this.started = when;
    }

    stop() {
      if (!this.playing) return;
      this.offset = this.position();
      this.gains.forEach((gain) => { gain.source.stop(); gain.disconnect(); });
      this.started = null;
    }

    /* Change over at context time `when`: before it the old sound alone, after it and the fade the new one alone. */
    select(i, when = this.context.currentTime) {
      const before = this.selected;
      this.selected = i;
      if (!this.playing || before === i) return;
      this.gains.forEach((gain, k) => {
        const value = k === before ? 1 : 0;
        gain.gain.cancelScheduledValues(when);
        gain.gain.setValueAtTime(value, when);
        gain.gain.linearRampToValueAtTime(k === i ? 1 : 0, when + FADE_S);
      });
    }

    seek(seconds) {
      const playing = this.playing;
      this.stop();
      this.offset = Math.min(Math.max(0, seconds), this.duration - 0.001);
      if (playing) this.start();
    }
  }

  const $ = (id) => document.getElementById(id);
  const config = () => JSON.parse($("config").textContent);
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  };

  const random = (n) => { // uniform in 0..n-1 without the bias of a remainder
    const limit = Math.floor(2 ** 32 / n) * n;
    let draw;
    do { [draw] = crypto.getRandomValues(new Uint32Array(1)); } while (draw >= limit);
    return draw % n;
  };
  const shuffled = (list) => {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i -= 1) { const j = random(i + 1); [out[i], out[j]] = [out[j], out[i]]; }
    return out;
  };

  /* What was answered so far lives in this browser, so that a reload goes on where it stopped. It is sent nowhere. */
  class Store {
    constructor(key) { this.key = key; }
    read() { try { return JSON.parse(localStorage.getItem(this.key)); } catch { return null; } }
    write(state) { try { localStorage.setItem(this.key, JSON.stringify(state)); return true; } catch { return false; } }
    clear() { try { localStorage.removeItem(this.key); } catch { /* nothing was kept */ } }
  }

  const download = (name, text, type) => {
    const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const csv = (rows) => {
    const names = Object.keys(rows[0]);
    const cell = (value) => /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
    return [names, ...rows.map((row) => names.map((name) => row[name]))].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  };

  /* Buttons that hand the results to the listener, in three ways. */
  const handOver = (name, result, rows) => {
    const json = () => JSON.stringify(result, null, 1);
    const said = el("span", { role: "status" });
    const copy = async () => {
      try { await navigator.clipboard.writeText(json()); said.textContent = "Copied."; }
      catch { said.replaceChildren("Copy from here: ", el("textarea", { rows: 4, readonly: true, "aria-label": "Results as JSON" }, json())); }
    };
    return el("p", { class: "row" },
      el("button", { type: "button", class: "main", id: "json", onclick: () => download(`${name}.json`, json(), "application/json") }, "Download JSON"),
      el("button", { type: "button", id: "csv", onclick: () => download(`${name}.csv`, csv(rows()), "text/csv") }, "Download CSV"),
      el("button", { type: "button", id: "copy", onclick: copy }, "Copy to the clipboard"), said);
  };

  /* Play button, position slider and time of an engine that the page sets. */
  const transport = (page) => {
    const play = el("button", { type: "button", class: "main", id: "play", onclick: () => page.toggle() }, "▶ Play");
    const seek = el("input", { type: "range", id: "seek", min: 0, max: 1, step: 0.001, value: 0, "aria-label": "Position in seconds",
      oninput: () => page.engine?.seek(Number(seek.value)) });
    const time = el("span", { class: "time" });
    const draw = () => {
      const { engine } = page;
      play.textContent = engine?.playing ? "❚❚ Pause" : "▶ Play";
      if (engine) {
        seek.max = engine.duration;
        seek.value = engine.position();
        time.textContent = `${engine.position().toFixed(1)} / ${engine.duration.toFixed(1)} s`;
      }
      if (play.isConnected && engine?.playing) requestAnimationFrame(draw);
    };
    page.draw = draw;
    return el("div", { class: "row bar" }, play, seek, time);
  };

  const introduction = (listener) => el("div", { class: "row" },
    el("label", {}, "Your code ", el("input", { id: "listener", value: listener, pattern: "[A-Za-z0-9_\\-]{1,24}", size: 12, autocomplete: "off" })),
    el("label", {}, "You listen with ", el("select", { id: "device" }, el("option", {}, "headphones"), el("option", {}, "loudspeakers"))));
  const code = () => "L-" + Array.from(crypto.getRandomValues(new Uint8Array(3)), (b) => b.toString(16).padStart(2, "0")).join("").toUpperCase();

  return { load, Engine, Store, random, shuffled, download, csv, handOver, transport, introduction, code, $, el, config, FADE_S };
})();
