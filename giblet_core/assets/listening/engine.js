/* What the blind tests share: sound, elements, chance, keeping and handing over answers.
   Every sound of a screen runs on one AudioContext clock; switching moves gains only, so the
   position is the same to the sample. Sounds come as base64 in scripts added when they are needed:
   fetch() is blocked on file://. */
"use strict";
const Giblet = (() => {
  const FADE_S = 0.005; // long enough not to click, short enough not to be heard as a fade

  /* ---- Elements ---- */

  const $ = (id) => document.getElementById(id);

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

  const config = () => JSON.parse($("config").textContent);

  /* ---- Sound ---- */

  const receivers = {}; // id: what takes the base64 that the script of a sound brings
  const loaded = {}; // id: promise of its AudioBuffer
  window.gibletSound = (id, text) => receivers[id](text);

  const fetchSound = (context, id) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      receivers[id] = (text) => {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        script.remove();
        delete receivers[id];
        context.decodeAudioData(bytes.buffer).then(resolve, reject);
      };
      script.onerror = () => {
        delete loaded[id];
        reject(new Error(`the sound media/${id}.js cannot be read`));
      };
      script.src = `media/${id}.js`;
      document.head.append(script);
    });

  /* Return the AudioBuffer of a sound, decoded at the context's own rate. */
  const load = (context, id) => {
    loaded[id] ??= fetchSound(context, id);
    return loaded[id];
  };

  /* Sounds that play side by side, of which one is heard. */
  class Engine {
    constructor(context, buffers) {
      this.context = context;
      this.buffers = buffers;
      this.selected = 0;
      this.offset = 0; // s, where playing begins
      this.started = null; // context time of the start
    }

    get duration() {
      return this.buffers[0].duration;
    }

    get playing() {
      return this.started !== null;
    }

    position(now = this.context.currentTime) {
      if (!this.playing) return this.offset;
      const sinceStart = Math.max(0, now - this.started);
      return (this.offset + sinceStart) % this.duration;
    }

    start(when = this.context.currentTime) {
      this.stop();
      if (this.offset >= this.duration) this.offset = 0;
      this.gains = this.buffers.map((buffer, i) => {
        const gain = new GainNode(this.context, { gain: i === this.selected ? 1 : 0 });
        const loop = { loop: true, loopStart: 0, loopEnd: this.duration };
        const source = new AudioBufferSourceNode(this.context, { buffer, ...loop });
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
      this.gains.forEach((gain) => {
        gain.source.stop();
        gain.disconnect();
      });
      this.started = null;
    }

    /* Change over at context time `when`: before it the old sound alone, after it and the fade the
       new one alone. */
    select(i, when = this.context.currentTime) {
      const before = this.selected;
      this.selected = i;
      if (!this.playing || before === i) return;
      this.gains.forEach((gain, k) => {
        gain.gain.cancelScheduledValues(when);
        gain.gain.setValueAtTime(k === before ? 1 : 0, when);
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

  /* ---- Chance ---- */

  /* Uniform in 0..n-1, without the bias of a remainder. */
  const random = (n) => {
    const limit = Math.floor(2 ** 32 / n) * n;
    let draw;
    do {
      [draw] = crypto.getRandomValues(new Uint32Array(1));
    } while (draw >= limit);
    return draw % n;
  };

  const shuffled = (list) => {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i -= 1) {
      const j = random(i + 1);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  };

  /* A code for a listener who gives none. */
  const code = () => {
    const bytes = [...crypto.getRandomValues(new Uint8Array(3))];
    const digits = bytes.map((byte) => byte.toString(16).padStart(2, "0"));
    return `L-${digits.join("").toUpperCase()}`;
  };

  /* ---- Answers ---- */

  /* What was answered so far lives in this browser, so that a reload goes on where it stopped. It
     is sent nowhere. */
  class Store {
    constructor(key) {
      this.key = key;
    }

    read() {
      try {
        return JSON.parse(localStorage.getItem(this.key));
      } catch {
        return null;
      }
    }

    /* Say whether the browser keeps it. */
    write(state) {
      try {
        localStorage.setItem(this.key, JSON.stringify(state));
        return true;
      } catch {
        return false;
      }
    }

    clear() {
      try {
        localStorage.removeItem(this.key);
      } catch {
        /* nothing was kept */
      }
    }
  }

  const download = (name, text, type) => {
    const href = URL.createObjectURL(new Blob([text], { type }));
    const link = el("a", { href, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  };

  const csvCell = (value) => {
    const text = String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  const csv = (rows) => {
    const names = Object.keys(rows[0]);
    const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
    return lines.map((line) => line.map(csvCell).join(",")).join("\n") + "\n";
  };

  /* Buttons that hand the results to the listener, in three ways. `rows` makes the table. */
  const handOver = (name, result, rows) => {
    const json = () => JSON.stringify(result, null, 1);
    const said = el("span", { role: "status" });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(json());
        said.textContent = "Copied.";
      } catch {
        const attributes = { rows: 4, readonly: true, "aria-label": "Results as JSON" };
        said.replaceChildren("Copy from here: ", el("textarea", attributes, json()));
      }
    };
    const button = (id, text, onclick, style = null) =>
      el("button", { type: "button", class: style, id, onclick }, text);
    const saveJson = () => download(`${name}.json`, json(), "application/json");
    const saveCsv = () => download(`${name}.csv`, csv(rows()), "text/csv");
    return el(
      "p",
      { class: "row" },
      button("json", "Download JSON", saveJson, "main"),
      button("csv", "Download CSV", saveCsv),
      button("copy", "Copy to the clipboard", copy),
      said,
    );
  };

  /* ---- Parts of a screen ---- */

  /* Play button, position slider and time of the page's engine; gives the page `draw`. */
  const transport = (page) => {
    const onplay = { type: "button", class: "main", id: "play", onclick: () => page.toggle() };
    const play = el("button", onplay, "▶ Play");
    const seek = el("input", {
      type: "range",
      id: "seek",
      min: 0,
      max: 1,
      step: 0.001,
      value: 0,
      "aria-label": "Position in seconds",
      oninput: () => page.engine?.seek(Number(seek.value)),
    });
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

  /* Who listens, and with what. */
  const introduction = (listener) => {
    const name = el("input", {
      id: "listener",
      value: listener,
      pattern: "[A-Za-z0-9_\\-]{1,24}",
      size: 12,
      autocomplete: "off",
    });
    const devices = ["headphones", "loudspeakers"].map((device) => el("option", {}, device));
    const device = el("select", { id: "device" }, ...devices);
    return el(
      "div",
      { class: "row" },
      el("label", {}, "Your code ", name),
      el("label", {}, "You listen with ", device),
    );
  };

  /* A button that forgets all answers, after asking. */
  const eraseButton = (store) => {
    const erase = () => {
      if (!confirm("Erase all answers kept in this browser?")) return;
      store.clear();
      location.reload();
    };
    return el("button", { type: "button", onclick: erase }, "Erase and begin again");
  };

  const tableOf = (caption, names, rows) => {
    const heads = names.map((name) => el("th", { scope: "col" }, name));
    return el(
      "table",
      {},
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, ...heads)),
      el("tbody", {}, ...rows),
    );
  };

  /* What both pages are: a state kept in the browser, and screens with sounds to choose from. */
  class Page {
    constructor(test, empty) {
      this.config = config();
      this.store = new Store(`giblet-${test}-${this.config.test}`);
      this.state = this.store.read() ?? empty;
      this.main = $("test");
      document.addEventListener("keydown", (event) => this.key(event));
    }

    save() {
      this.kept = this.store.write(this.state);
    }

    screen(title, ...children) {
      this.engine?.stop();
      this.engine = null;
      const heading = el("h2", { tabindex: -1 }, title);
      this.main.replaceChildren(heading, ...children);
      if (this.shown) {
        heading.focus();
        document.querySelector("header details").open = false;
      }
      this.shown = true;
      scrollTo(0, 0);
    }

    /* Load the sounds of a screen; `arrange` makes of their buffers those that play. */
    async ready(ids, arrange, complaint) {
      this.context ??= new AudioContext({ sampleRate: this.config.sample_rate });
      const mine = performance.now();
      this.since = mine;
      try {
        const buffers = await Promise.all(ids.map((id) => load(this.context, id)));
        if (mine !== this.since) return; // another screen has been shown since
        this.engine = new Engine(this.context, arrange(buffers));
        this.draw();
      } catch (error) {
        $("say").textContent = `${complaint} cannot be heard: ${error.message}.`;
      }
    }

    toggle() {
      if (!this.engine) return;
      this.context.resume();
      if (this.engine.playing) {
        this.engine.stop();
      } else {
        this.engine.start();
        this.heard();
      }
      this.draw();
    }

    select(i) {
      if (!this.engine) return;
      this.engine.select(i);
      if (this.engine.playing) this.heard();
      else this.toggle();
      this.draw();
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (!this.keyIsTaken(event.key, event.target)) return;
      this.draw?.();
      event.preventDefault();
    }

    /* What stands at the end of a test. */
    ending(name, result, rows, table) {
      const thanks =
        "Nothing was uploaded. If you wish to contribute, send the downloaded file to whoever " +
        "asked you.";
      const parts = [
        el("section", { id: "outcome" }, table),
        el("p", {}, thanks),
        handOver(name, result, rows),
        el("p", {}, eraseButton(this.store)),
      ];
      if (this.kept === false) {
        const warning = "This browser keeps nothing: download before you leave.";
        parts.push(el("p", { role: "alert" }, warning));
      }
      return parts;
    }
  }

  return {
    load,
    Engine,
    Page,
    FADE_S,
    $,
    el,
    random,
    shuffled,
    code,
    transport,
    introduction,
    tableOf,
  };
})();
