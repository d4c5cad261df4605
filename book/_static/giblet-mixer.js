/* The codebook mixer of the static book: buttons over precomputed clips, switched at the same position by giblet-player.js.
   Where the page brings codes and a decoder, any other choice of codebooks is decoded here when asked for (giblet-decoder.js). */
(() => {
  "use strict";
  const build = (player) => {
    const { el } = window.giblet;
    const rows = player.rows.map((row) => ({ codebooks: row.dataset.codebooks.split(" ").filter(Boolean).map(Number), mode: row.dataset.mode, about: row.dataset.about }));
    const K = Math.max(...rows.map((row) => Math.max(-1, ...row.codebooks))) + 1;
    const key = (codebooks, mode) => `${[...codebooks].sort((a, b) => a - b).join(" ")}|${mode}`;
    const index = new Map(rows.map((row, i) => [key(row.codebooks, row.mode), i]));
    const all = [...Array(K).keys()];
    const said = el("output", {});
    const state = () => rows[player.current];
    const list = (codebooks) => (codebooks.length ? [...codebooks].sort((a, b) => a - b).join(", ") : "none");
    const go = (codebooks, mode) => {
      const i = index.get(key(codebooks, mode));
      if (i !== undefined) { asked = null; player.select(i); show(); }
      else if (live.on) mix(codebooks);
      else said.textContent = `This combination was not computed beforehand. ${live.why} Here: first codebooks, one codebook alone, all but one. (Asked for: ${list(codebooks)}.)`;
    };
    const toggles = all.map((k) => el("button", { type: "button", "aria-label": `Codebook ${k}`, onclick: () => {
      const codebooks = asked ?? state().codebooks;
      go(codebooks.includes(k) ? codebooks.filter((b) => b !== k) : [...codebooks, k], "");
    } }, String(k)));
    const select = (name, of) => {
      const box = el("select", { "aria-label": `Kept: ${name} …` }, el("option", { value: "" }, `${name} …`),
        ...of.map(([text, codebooks]) => el("option", { value: codebooks.join(" ") }, text)));
      box.addEventListener("change", () => { if (box.value !== "") go(box.value.split(" ").map(Number), ""); box.value = ""; });
      return box;
    };
    const have = (list) => list.filter(([, codebooks]) => index.has(key(codebooks, "")));
    const presets = [
      el("button", { type: "button", onclick: () => go(all, "") }, "All"),
      select("First", have(all.map((k) => [k ? `codebooks 0 to ${k}` : "codebook 0", all.slice(0, k + 1)]))),
      select("Only", have(all.map((k) => [`codebook ${k}`, [k]]))),
      select("All but", have(all.map((k) => [`codebook ${k}`, all.filter((b) => b !== k)]))),
    ];
    const modes = rows.filter((row) => row.mode).map((row) => row.mode);
    const kinds = el("select", { "aria-label": "Kind of lesion of codebook 0" }, el("option", { value: "" }, "intact or omitted"),
      ...modes.map((mode) => el("option", { value: mode }, mode)));
    kinds.addEventListener("change", () => go(all, kinds.value));

    /* Live: the codebooks asked for last are decoded, and become one more row of the player. */
    const first = player.rows[0].dataset;
    const live = { on: false, why: first.live ? "Switch on “Decode live” to hear it." : first.live === "" ? "This book was made with a codec whose weights are too large to be decoded in a page; a live notebook plays it." : "A live notebook plays it." };
    let asked = null; // the codebooks of a sound that is still being made
    let before = 0; // what was chosen when it was asked for
    let working = false;
    const liveButton = el("button", { type: "button", "aria-pressed": "false", onclick: async () => {
      if (!live.decoder) {
        liveButton.disabled = true;
        said.textContent = "Loading the decoder (5 MB) …";
        try {
          live.decoder = await window.giblet.openDecoder(first.live);
          live.codes = new Uint16Array(Uint8Array.from(atob(first.codes), (c) => c.charCodeAt(0)).buffer);
        } catch (error) {
          live.why = `The decoder does not run here: ${error.message}.`;
          said.textContent = `${live.why} The clips computed beforehand still play.`;
          return;
        }
        liveButton.disabled = false;
      }
      live.on = !live.on;
      liveButton.setAttribute("aria-pressed", live.on);
      said.textContent = live.on ? "The decoder is ready: any choice of codebooks is decoded here, in your browser." : "Only the clips computed beforehand are played.";
    } }, "Decode live");
    const mix = async (codebooks) => {
      asked = codebooks;
      before = player.current;
      press(codebooks);
      said.textContent = `Decoding codebooks: ${list(codebooks)} …`;
      if (working) return; // what is asked for last is taken up when the one before is done
      working = true;
      try {
        while (asked) {
          const kept = asked;
          const began = performance.now();
          if (!index.has(key(kept, ""))) take(kept, await live.decoder.mix({ codes: live.codes, kept, nSamples: Number(first.samples), width: 320 }), began);
          if (asked === kept) go(kept, "");
        }
      } catch (error) {
        asked = null;
        show();
        said.textContent = `Codebooks ${list(codebooks)} could not be decoded: ${error.message}.`;
      } finally { working = false; }
    };
    const take = (codebooks, made, began) => {
      const peak = made.wave.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const gain = Math.min(Number(first.gain), peak > 0 ? -20 * Math.log10(peak) : 0);
      const lufs = made.lufs + gain;
      const label = `live: ${codebooks.length ? `codebooks ${list(codebooks)}` : "no codebook"}`;
      const about = `${codebooks.length} of ${K} codebooks are in the sum, decoded in ${((performance.now() - began) / 1000).toFixed(1)} s here${gain < Number(first.gain) ? `, lowered by ${(-gain).toFixed(1)} dB so that it does not clip` : ""}`;
      const says = Number.isFinite(lufs) ? `${lufs.toFixed(1)} LUFS` : "silent";
      const row = el("tr", { "data-label": label, "data-other": (Number.isFinite(lufs) ? Number(first.lufs) - lufs : 0).toFixed(2), "data-codebooks": codebooks.join(" "), "data-mode": "", "data-about": about },
        el("th", { scope: "row" }, el("small", {}, says)),
        el("td", { class: "giblet-audio" }, el("audio", { controls: true, preload: "none", "aria-label": label, style: "width:14em", src: wav(made.wave, 10 ** (gain / 20), live.decoder.sampleRate) })),
        el("td", { class: "giblet-picture" },
          el("img", { width: 320, height: 72, alt: `Waveform and spectrogram of ${label}, ${says}`, src: picture(made, gain, player.figure.dataset.top.split(" ").map(Number), live.decoder.palette) }),
          el("img", { width: 320, alt: `Codes of ${label}: a row a codebook from 0 at the top, a shade an entry; pale where the codebook is not intact`, src: raster(live.codes, K, codebooks) })));
      rows.push({ codebooks, mode: "", about });
      index.set(key(codebooks, ""), player.add(row));
    };
    const group = (name, ...children) => el("fieldset", {}, el("legend", {}, name), ...children);
    const table = el("button", { type: "button", class: "gp-more", "aria-pressed": "false", onclick: () => {
      table.setAttribute("aria-pressed", player.figure.classList.toggle("gp-table"));
    } }, "Show all as a table");
    player.figure.querySelector(".gp-bar").before(el("div", { class: "gp-mixer", role: "group", "aria-label": "Codebooks" },
      group("Codebooks in the sum", ...toggles), group("Choose", ...presets), modes.length ? group("Lesion of codebook 0", kinds) : "",
        first.live ? group("Any choice", liveButton, el("small", {}, "decodes in your browser, offline; loads 5 MB once")) : "", said, table));
    const press = (codebooks) => toggles.forEach((button, k) => button.setAttribute("aria-pressed", codebooks.includes(k)));
    const show = () => {
      if (asked && player.current === before) return; // shown again while another is being made
      asked = null;
      const { codebooks, mode, about } = state();
      press(codebooks);
      kinds.value = mode;
      said.textContent = `${player.rows[player.current].dataset.label}: ${about}.`;
    };
    player.figure.addEventListener("giblet-select", show);
    /* Digits toggle codebooks, which count from 0. */
    player.pickByNumber = (i) => { if (i + 1 < K) toggles[i + 1].click(); };
    player.figure.addEventListener("keydown", (event) => { if (event.key === "0" && event.target.tagName !== "SELECT") toggles[0].click(); });
    player.figure.querySelector(".gp-hint").innerHTML = "With the focus here: <kbd>space</kbd> play or pause, <kbd>0</kbd>–<kbd>9</kbd> take a codebook out or put it back, <kbd>↑</kbd> <kbd>↓</kbd> the next clip, <kbd>←</kbd> <kbd>→</kbd> move a second.";
    show();
  };

  /* A 16-bit WAV file, as an address. */
  const wav = (wave, factor, rate) => {
    const view = new DataView(new ArrayBuffer(44 + 2 * wave.length));
    const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
    text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
    for (const [at, value] of [[4, 36 + 2 * wave.length], [16, 16], [24, rate], [28, 2 * rate], [40, 2 * wave.length]]) view.setUint32(at, value, true);
    for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) view.setUint16(at, value, true);
    wave.forEach((v, i) => view.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, Math.round(32768 * factor * v))), true));
    return URL.createObjectURL(new Blob([view], { type: "audio/wav" }));
  };

  /* Paint a picture of 320 columns, a colour (red, green, blue, opacity) for each pixel; its address. */
  const paint = (height, colour) => {
    const canvas = window.giblet.el("canvas", { width: 320, height });
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(320, height);
    for (let y = 0; y < height; y += 1) for (let x = 0; x < 320; x += 1) image.data.set(colour(x, y), 4 * (320 * y + x));
    pen.putImageData(image, 0, 0);
    return canvas.toDataURL();
  };
  /* As giblet_core.listening.picture: the waveform above, the spectrogram below, on the scale of the other sounds of the table. */
  const picture = ({ db, peaks, bands }, gain, [topDb, topPeak], palette) => paint(20 + bands, (x, y) => {
    const high = Math.max(0.5, 9 * peaks[x] * 10 ** (gain / 20) / topPeak);
    if (y < 20) return Math.abs(y - 9.5) <= high ? [...palette[30], 255] : [0, 0, 0, 0];
    const shade = (db[x * bands + bands - 1 - (y - 20)] + gain - topDb + 70) / 70;
    return [...palette[Math.round(29 * Math.min(1, Math.max(0, shade)))], 255];
  });
  /* As giblet_core.listening.raster: labels have no order, so a scrambled shade tells entries apart. */
  const raster = (codes, K, kept) => paint(8 * K, (x, y) => {
    const k = Math.floor(y / 8);
    const n = codes.length / K;
    const shade = Math.floor((Math.imul(codes[k * n + Math.round(x * (n - 1) / 319)], 2654435761) >>> 0) * 200 / 2 ** 32) + 28;
    const grey = y % 8 === 0 ? 255 : kept.includes(k) ? shade : 225;
    return [grey, grey, grey, 255];
  });

  const start = () => window.giblet?.players.filter((p) => p.figure.dataset.giblet === "mixer" && !p.mixer).forEach((p) => { p.mixer = true; build(p); });
  document.addEventListener("giblet-ready", start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
