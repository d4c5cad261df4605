/* The codebook mixer of the static book: buttons over precomputed clips, switched at the same
   position by giblet-player.js. Where the page brings codes and a decoder, any other choice of
   codebooks is decoded here when asked for (giblet-decoder.js). */
(() => {
  "use strict";

  /* As in giblet_core/listening/media.py. */
  const WIDTH = 320;
  const WAVEFORM_HEIGHT = 20;
  const RANGE_DB = 70;
  const BLUE = 30; // of the palette
  const ROW_HEIGHT = 8; // of a codebook in the raster
  const PALE = 225; // a codebook that is not intact

  const LIVE_OFF = "Switch on “Decode live” to hear it.";
  const LIVE_TOO_LARGE =
    "This book was made with a codec whose weights are too large to be decoded in a page; " +
    "a live notebook plays it.";
  const LIVE_NOWHERE = "A live notebook plays it.";
  const HINT =
    "With the focus here: <kbd>space</kbd> play or pause, <kbd>0</kbd>–<kbd>9</kbd> take a " +
    "codebook out or put it back, <kbd>↑</kbd> <kbd>↓</kbd> the next clip, <kbd>←</kbd> " +
    "<kbd>→</kbd> move a second.";

  const rising = (codebooks) => [...codebooks].sort((a, b) => a - b);
  const keyOf = (codebooks, mode) => `${rising(codebooks).join(" ")}|${mode}`;
  const listed = (codebooks) => rising(codebooks).join(", ") || "none";
  const numbersIn = (text) => text.split(" ").filter(Boolean).map(Number);

  /* What the row of a clip says: the codebooks in the sum, the kind of lesion, a sentence. */
  const clipOf = ({ dataset }) => ({
    codebooks: numbersIn(dataset.codebooks),
    mode: dataset.mode,
    about: dataset.about,
  });

  class Mixer {
    constructor(player) {
      this.player = player;
      this.clips = player.rows.map(clipOf);
      const highest = Math.max(-1, ...this.clips.flatMap((clip) => clip.codebooks));
      this.all = [...Array(highest + 1).keys()];
      this.numbers = new Map(this.clips.map((clip, i) => [keyOf(clip.codebooks, clip.mode), i]));
      this.asked = null; // the codebooks of a sound that is still being made
      this.before = 0; // what was chosen when it was asked for
      this.isWorking = false;
      this.data = player.rows[0].dataset; // the codes, and where their decoder lies
      this.live = { on: false, decoder: null, codes: null, why: this.whyNotLive() };
      this.said = window.giblet.el("output", {});
      this.toggles = this.all.map((k) => this.toggle(k));
      this.kinds = this.kindsBox();
      this.build();
      player.figure.addEventListener("giblet-select", () => this.show());
      this.listenToKeys();
      this.show();
    }

    whyNotLive() {
      if (this.data.live) return LIVE_OFF;
      return this.data.live === "" ? LIVE_TOO_LARGE : LIVE_NOWHERE;
    }

    /* ---- Controls ---- */

    toggle(k) {
      const onclick = () => {
        const codebooks = this.asked ?? this.clip().codebooks;
        const others = codebooks.filter((codebook) => codebook !== k);
        this.go(codebooks.includes(k) ? others : [...codebooks, k], "");
      };
      const attributes = { type: "button", "aria-label": `Codebook ${k}`, onclick };
      return window.giblet.el("button", attributes, String(k));
    }

    /* A box of choices that were computed beforehand. */
    presetBox(name, choices) {
      const { el } = window.giblet;
      const computed = choices.filter(({ codebooks }) => this.numbers.has(keyOf(codebooks, "")));
      const options = computed.map(({ text, codebooks }) =>
        el("option", { value: codebooks.join(" ") }, text),
      );
      const title = `${name} …`;
      const first = el("option", { value: "" }, title);
      const box = el("select", { "aria-label": `Kept: ${title}` }, first, ...options);
      box.addEventListener("change", () => {
        if (box.value !== "") this.go(numbersIn(box.value), "");
        box.value = "";
      });
      return box;
    }

    presets() {
      const firsts = this.all.map((k) => ({
        text: k ? `codebooks 0 to ${k}` : "codebook 0",
        codebooks: this.all.slice(0, k + 1),
      }));
      const singles = this.all.map((k) => ({ text: `codebook ${k}`, codebooks: [k] }));
      const others = this.all.map((k) => ({
        text: `codebook ${k}`,
        codebooks: this.all.filter((codebook) => codebook !== k),
      }));
      const onclick = () => this.go(this.all, "");
      return [
        window.giblet.el("button", { type: "button", onclick }, "All"),
        this.presetBox("First", firsts),
        this.presetBox("Only", singles),
        this.presetBox("All but", others),
      ];
    }

    modes() {
      return this.clips.map((clip) => clip.mode).filter(Boolean);
    }

    kindsBox() {
      const { el } = window.giblet;
      const options = this.modes().map((mode) => el("option", { value: mode }, mode));
      const first = el("option", { value: "" }, "intact or omitted");
      const box = el("select", { "aria-label": "Kind of lesion of codebook 0" }, first, ...options);
      box.addEventListener("change", () => this.go(this.all, box.value));
      return box;
    }

    tableButton() {
      const button = window.giblet.el(
        "button",
        {
          type: "button",
          class: "gp-more",
          "aria-pressed": "false",
          onclick: () => {
            const isTable = this.player.figure.classList.toggle("gp-table");
            button.setAttribute("aria-pressed", isTable);
          },
        },
        "Show all as a table",
      );
      return button;
    }

    build() {
      const { el } = window.giblet;
      const group = (name, ...children) => el("fieldset", {}, el("legend", {}, name), ...children);
      const groups = [
        group("Codebooks in the sum", ...this.toggles),
        group("Choose", ...this.presets()),
      ];
      if (this.modes().length) groups.push(group("Lesion of codebook 0", this.kinds));
      if (this.data.live) {
        const note = "decodes in your browser, offline; loads 5 MB once";
        groups.push(group("Any choice", this.liveButton(), el("small", {}, note)));
      }
      const attributes = { class: "gp-mixer", role: "group", "aria-label": "Codebooks" };
      const panel = el("div", attributes, ...groups, this.said, this.tableButton());
      this.player.figure.querySelector(".gp-bar").before(panel);
      this.player.figure.querySelector(".gp-hint").innerHTML = HINT;
    }

    /* Digits toggle codebooks, which count from 0; the player's own digits count sounds from 1. */
    listenToKeys() {
      this.player.pickByNumber = (i) => {
        if (i + 1 < this.all.length) this.toggles[i + 1].click();
      };
      this.player.figure.addEventListener("keydown", (event) => {
        if (event.key === "0" && event.target.tagName !== "SELECT") this.toggles[0].click();
      });
    }

    /* ---- Choices ---- */

    clip() {
      return this.clips[this.player.current];
    }

    go(codebooks, mode) {
      const number = this.numbers.get(keyOf(codebooks, mode));
      if (number !== undefined) {
        this.asked = null;
        this.player.select(number);
        this.show();
      } else if (this.live.on) {
        this.mix(codebooks);
      } else {
        this.said.textContent =
          `This combination was not computed beforehand. ${this.live.why} ` +
          "Here: first codebooks, one codebook alone, all but one. " +
          `(Asked for: ${listed(codebooks)}.)`;
      }
    }

    press(codebooks) {
      this.toggles.forEach((button, k) => {
        button.setAttribute("aria-pressed", codebooks.includes(k));
      });
    }

    show() {
      // shown again while another is being made
      if (this.asked && this.player.current === this.before) return;
      this.asked = null;
      const { codebooks, mode, about } = this.clip();
      this.press(codebooks);
      this.kinds.value = mode;
      const { label } = this.player.rows[this.player.current].dataset;
      this.said.textContent = `${label}: ${about}.`;
    }

    /* ---- Live: what is asked for last is decoded, and becomes one more row of the player ---- */

    liveButton() {
      const button = window.giblet.el(
        "button",
        { type: "button", "aria-pressed": "false", onclick: () => this.switchLive(button) },
        "Decode live",
      );
      return button;
    }

    async switchLive(button) {
      if (!this.live.decoder) {
        button.disabled = true;
        this.said.textContent = "Loading the decoder (5 MB) …";
        try {
          await this.openDecoder();
        } catch (error) {
          this.live.why = `The decoder does not run here: ${error.message}.`;
          this.said.textContent = `${this.live.why} The clips computed beforehand still play.`;
          return;
        }
        button.disabled = false;
      }
      this.live.on = !this.live.on;
      button.setAttribute("aria-pressed", this.live.on);
      this.said.textContent = this.live.on
        ? "The decoder is ready: any choice of codebooks is decoded here, in your browser."
        : "Only the clips computed beforehand are played.";
    }

    async openDecoder() {
      this.live.decoder = await window.giblet.openDecoder(this.data.live);
      const bytes = Uint8Array.from(atob(this.data.codes), (letter) => letter.charCodeAt(0));
      this.live.codes = new Uint16Array(bytes.buffer);
    }

    async mix(codebooks) {
      this.asked = codebooks;
      this.before = this.player.current;
      this.press(codebooks);
      this.said.textContent = `Decoding codebooks: ${listed(codebooks)} …`;
      if (this.isWorking) return; // what is asked for last is taken up when the one before is done
      this.isWorking = true;
      try {
        while (this.asked) await this.mixAsked();
      } catch (error) {
        this.asked = null;
        this.show();
        const what = `Codebooks ${listed(codebooks)} could not be decoded`;
        this.said.textContent = `${what}: ${error.message}.`;
      } finally {
        this.isWorking = false;
      }
    }

    async mixAsked() {
      const kept = this.asked;
      if (!this.numbers.has(keyOf(kept, ""))) {
        const began = performance.now();
        const made = await this.live.decoder.mix({
          codes: this.live.codes,
          kept,
          nSamples: Number(this.data.samples),
          width: WIDTH,
        });
        this.take(kept, made, (performance.now() - began) / 1000);
      }
      if (this.asked === kept) this.go(kept, "");
    }

    /* Make a row of a decoded sound and hand it to the player. */
    take(codebooks, made, seconds) {
      const ownGain = Number(this.data.gain);
      const peak = made.wave.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const gain = Math.min(ownGain, peak > 0 ? -20 * Math.log10(peak) : 0);
      const lowered =
        gain < ownGain ? `, lowered by ${(-gain).toFixed(1)} dB so that it does not clip` : "";
      const about =
        `${codebooks.length} of ${this.all.length} codebooks are in the sum, ` +
        `decoded in ${seconds.toFixed(1)} s here${lowered}`;
      const row = this.liveRow(codebooks, made, gain, about);
      this.clips.push({ codebooks, mode: "", about });
      this.numbers.set(keyOf(codebooks, ""), this.player.add(row));
    }

    liveRow(codebooks, made, gain, about) {
      const { el } = window.giblet;
      const label = `live: ${codebooks.length ? `codebooks ${listed(codebooks)}` : "no codebook"}`;
      const lufs = made.lufs + gain;
      const isSound = Number.isFinite(lufs);
      const level = isSound ? `${lufs.toFixed(1)} LUFS` : "silent";
      const toMatch = isSound ? Number(this.data.lufs) - lufs : 0;
      const attributes = {
        "data-label": label,
        "data-other": toMatch.toFixed(2),
        "data-codebooks": codebooks.join(" "),
        "data-mode": "",
        "data-about": about,
      };
      const sound = { label, level, codebooks, made, gain };
      const head = el("th", { scope: "row" }, el("small", {}, level));
      return el("tr", attributes, head, this.audioCell(sound), this.pictureCell(sound));
    }

    audioCell({ label, made, gain }) {
      const audio = window.giblet.el("audio", {
        controls: true,
        preload: "none",
        "aria-label": label,
        style: "width:14em",
        src: wavAddress(made.wave, 10 ** (gain / 20), this.live.decoder.sampleRate),
      });
      return window.giblet.el("td", { class: "giblet-audio" }, audio);
    }

    pictureCell({ label, level, codebooks, made, gain }) {
      const { el } = window.giblet;
      const [topDb, topPeak] = this.player.figure.dataset.top.split(" ").map(Number);
      const picture = el("img", {
        width: WIDTH,
        height: WAVEFORM_HEIGHT + made.bands,
        alt: `Waveform and spectrogram of ${label}, ${level}`,
        src: pictureAddress(made, gain, { topDb, topPeak }, this.live.decoder.palette),
      });
      const raster = el("img", {
        width: WIDTH,
        alt:
          `Codes of ${label}: a row a codebook from 0 at the top, a shade an entry; ` +
          "pale where the codebook is not intact",
        src: rasterAddress(this.live.codes, this.all.length, codebooks),
      });
      return el("td", { class: "giblet-picture" }, picture, raster);
    }
  }

  /* ---- Sounds and pictures ---------------------------------------------------------------- */

  /* A 16-bit WAV file of one channel, as an address. */
  const wavAddress = (wave, factor, sampleRate) => {
    const nBytes = 2 * wave.length;
    const view = new DataView(new ArrayBuffer(44 + nBytes));
    const writeText = (offset, letters) =>
      [...letters].forEach((letter, i) => view.setUint8(offset + i, letter.charCodeAt(0)));
    writeText(0, "RIFF");
    view.setUint32(4, 36 + nBytes, true);
    writeText(8, "WAVEfmt ");
    view.setUint32(16, 16, true); // bytes of the format
    view.setUint16(20, 1, true); // PCM
    view.setUint16(22, 1, true); // channels
    view.setUint32(24, sampleRate, true);
    view.setUint32(28, 2 * sampleRate, true); // bytes a second
    view.setUint16(32, 2, true); // bytes a sample
    view.setUint16(34, 16, true); // bits a sample
    writeText(36, "data");
    view.setUint32(40, nBytes, true);
    wave.forEach((value, i) => {
      const sample = Math.round(32768 * factor * value);
      view.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, sample)), true);
    });
    return URL.createObjectURL(new Blob([view], { type: "audio/wav" }));
  };

  /* Paint a picture, a colour (red, green, blue, opacity) for each pixel; its address. */
  const painted = (height, colourOf) => {
    const canvas = window.giblet.el("canvas", { width: WIDTH, height });
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(WIDTH, height);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < WIDTH; x += 1) image.data.set(colourOf(x, y), 4 * (WIDTH * y + x));
    }
    pen.putImageData(image, 0, 0);
    return canvas.toDataURL();
  };

  /* As giblet_core.listening.picture: the waveform above, the spectrogram below, on the scale of
     the other sounds of the table. */
  const pictureAddress = ({ db, peaks, bands }, gain, { topDb, topPeak }, palette) => {
    const middle = (WAVEFORM_HEIGHT - 1) / 2;
    const factor = 10 ** (gain / 20) / topPeak;
    const waveformColour = (x, y) => {
      const reach = Math.max(0.5, (WAVEFORM_HEIGHT / 2 - 1) * peaks[x] * factor);
      return Math.abs(y - middle) <= reach ? [...palette[BLUE], 255] : [0, 0, 0, 0];
    };
    const spectrogramColour = (x, y) => {
      const band = bands - 1 - y;
      const shade = (db[x * bands + band] + gain - topDb + RANGE_DB) / RANGE_DB;
      const number = Math.round((BLUE - 1) * Math.min(1, Math.max(0, shade)));
      return [...palette[number], 255];
    };
    return painted(WAVEFORM_HEIGHT + bands, (x, y) =>
      y < WAVEFORM_HEIGHT ? waveformColour(x, y) : spectrogramColour(x, y - WAVEFORM_HEIGHT),
    );
  };

  /* As giblet_core.listening.raster: labels have no order, so a scrambled shade (Knuth's
     multiplicative hash) tells entries apart. */
  const rasterAddress = (codes, numCodebooks, kept) => {
    const nFrames = codes.length / numCodebooks;
    const shadeOf = (entry) => {
      const scrambled = Math.imul(entry, 2654435761) >>> 0;
      return Math.floor((scrambled * 200) / 2 ** 32) + 28;
    };
    const greyOf = (x, y) => {
      const k = Math.floor(y / ROW_HEIGHT);
      if (y % ROW_HEIGHT === 0) return 255;
      if (!kept.includes(k)) return PALE;
      const frame = Math.round((x * (nFrames - 1)) / (WIDTH - 1));
      return shadeOf(codes[k * nFrames + frame]);
    };
    return painted(ROW_HEIGHT * numCodebooks, (x, y) => {
      const grey = greyOf(x, y);
      return [grey, grey, grey, 255];
    });
  };

  const start = () => {
    for (const player of window.giblet?.players ?? []) {
      if (player.figure.dataset.giblet === "mixer" && !player.mixer) {
        player.mixer = true; // before it is built: building selects a sound, which starts again
        player.mixer = new Mixer(player);
      }
    }
  };
  document.addEventListener("giblet-ready", start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
