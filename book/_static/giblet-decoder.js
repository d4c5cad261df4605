/* The demo codec's decoder in the reader's browser: any choice of codebooks, offline, from file:// too.
   Weights come by a script of their own (live/decoder-*.js, written by giblet_core/listening/live_decoder.py) when the reader asks for them. */
(() => {
  "use strict";
  /* All of the arithmetic. It refers to nothing outside itself: its own text is what runs in the worker.
     Sound is stored frame by frame, x[t * channels + c], so that a causal convolution is a matrix on a window of consecutive numbers. */
  const engine = () => {
    let arrays; // name: { shape, data }, as PyTorch names and lays them out
    let layers;
    let weighting; // the two filters of ITU-R BS.1770
    let fourier;

    const load = async ({ header, packed }) => {
      const text = atob(packed);
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const numbers = new Float32Array(await new Response(stream).arrayBuffer());
      let at = 0;
      arrays = {};
      for (const [name, shape] of Object.entries(header.shapes)) {
        arrays[name] = { shape, data: numbers.subarray(at, at += shape.reduce((a, b) => a * b)) };
      }
      layers = layersOf();
      weighting = header.weighting;
    };

    /* EnCodec's decoder: a convolution, an LSTM, then for each ratio ELU, a transposed convolution and a residual block; ELU and a
       convolution. What has no weights is an ELU. */
    const layersOf = () => {
      const names = Object.keys(arrays).filter((name) => name.startsWith("layers."));
      const last = Math.max(...names.map((name) => Number(name.split(".")[1])));
      return [...Array(last + 1).keys()].flatMap((i) => {
        const has = (part) => names.some((name) => name.startsWith(`layers.${i}.${part}`));
        if (has("lstm")) return recurrent(`layers.${i}.lstm`);
        if (has("block")) return [{ kind: "keep" }, { kind: "elu" }, conv(`layers.${i}.block.1.conv`), { kind: "elu" }, conv(`layers.${i}.block.3.conv`), { kind: "add" }];
        if (has("conv")) return i === 0 || i === last ? conv(`layers.${i}.conv`) : transposed(`layers.${i}.conv`);
        return { kind: "elu" };
      });
    };
    const conv = (name) => {
      const { shape: [rows, inputs, taps], data } = arrays[`${name}.weight`];
      const weight = new Float32Array(data.length); // (rows, taps, inputs)
      data.forEach((w, i) => {
        const [r, c, k] = [Math.floor(i / taps / inputs), Math.floor(i / taps) % inputs, i % taps];
        weight[(r * taps + k) * inputs + c] = w;
      });
      return { kind: "linear", taps, pad: "reflect", frames: 1, apply: matrix(weight, arrays[`${name}.bias`].data) };
    };
    /* The kernel is two strides long, so each of the `frames` that come out is a matrix on the frame before and the present one. */
    const transposed = (name) => {
      const { shape: [inputs, rows, kernel], data } = arrays[`${name}.weight`];
      const frames = kernel / 2;
      const weight = new Float32Array(data.length); // (frames, rows, before or present, inputs)
      data.forEach((w, i) => {
        const [c, r, k] = [Math.floor(i / kernel / rows), Math.floor(i / kernel) % rows, i % kernel];
        weight[(((k % frames) * rows + r) * 2 + (k < frames ? 1 : 0)) * inputs + c] = w;
      });
      const bias = Float32Array.from({ length: frames * rows }, (_, i) => arrays[`${name}.bias`].data[i % rows]);
      return { kind: "linear", taps: 2, pad: "zero", frames, apply: matrix(weight, bias) };
    };
    const recurrent = (name) => {
      const of = (part) => matrix(arrays[`${name}.weight_${part}_l0`].data, arrays[`${name}.bias_${part}_l0`].data);
      return { kind: "lstm", apply: of("ih"), recur: of("hh"), size: arrays[`${name}.weight_hh_l0`].shape[1] };
    };

    /* y[t] = W x[t * inputs ... t * inputs + columns] + b for n frames. Rows outside, frames inside: four rows of weights stay near. */
    const matrix = (weight, bias) => {
      const rows = bias.length;
      const columns = weight.length / rows;
      const kept = Array.from(bias, (_, r) => Int32Array.from(Array(columns).keys()).filter((c) => weight[r * columns + c] !== 0));
      const sparse = kept.reduce((sum, row) => sum + row.length, 0) < weight.length / 4;
      return (x, inputs, n) => {
        const y = new Float64Array(n * rows);
        for (let r = 0; r < rows;) {
          if (sparse || r + 4 > rows) {
            oneRow(weight, r * columns, kept[r], bias[r], x, inputs, n, y, r, rows);
            r += 1;
          } else {
            fourRows(weight, r * columns, columns, bias, x, inputs, n, y, r, rows);
            r += 4;
          }
        }
        return y;
      };
    };
    const oneRow = (weight, w, kept, b, x, inputs, n, y, r, rows) => {
      for (let t = 0; t < n; t += 1) {
        let sum = b;
        for (let j = 0; j < kept.length; j += 1) sum += weight[w + kept[j]] * x[t * inputs + kept[j]];
        y[t * rows + r] = sum;
      }
    };
    const fourRows = (weight, w, columns, bias, x, inputs, n, y, r, rows) => {
      const [v, u, q] = [w + columns, w + 2 * columns, w + 3 * columns];
      for (let t = 0; t < n; t += 1) {
        const from = t * inputs;
        let s0 = bias[r], s1 = bias[r + 1], s2 = bias[r + 2], s3 = bias[r + 3];
        for (let j = 0; j < columns; j += 1) {
          const at = x[from + j];
          s0 += weight[w + j] * at;
          s1 += weight[v + j] * at;
          s2 += weight[u + j] * at;
          s3 += weight[q + j] * at;
        }
        const to = t * rows + r;
        y[to] = s0; y[to + 1] = s1; y[to + 2] = s2; y[to + 3] = s3;
      }
    };

    /* The frames before the first: its mirror image, or nothing. */
    const padded = (x, inputs, taps, pad) => {
      const before = taps - 1;
      const out = new Float64Array(before * inputs + x.length);
      out.set(x, before * inputs);
      for (let t = 1; t <= before && pad === "reflect"; t += 1) out.set(x.subarray(t * inputs, (t + 1) * inputs), (before - t) * inputs);
      return out;
    };

    const lstm = ({ apply, recur, size }, x, n) => {
      const gates = apply(x, size, n); // what the input adds to the gates i, f, g, o
      const cell = new Float64Array(size);
      const out = new Float64Array(x);
      const sigmoid = (v) => 1 / (1 + Math.exp(-v));
      let hidden = new Float64Array(size);
      for (let t = 0; t < n; t += 1) {
        const back = recur(hidden, size, 1);
        const gate = (k, j) => gates[(4 * t + k) * size + j] + back[k * size + j];
        hidden = hidden.map((_, j) => {
          cell[j] = sigmoid(gate(1, j)) * cell[j] + sigmoid(gate(0, j)) * Math.tanh(gate(2, j));
          return sigmoid(gate(3, j)) * Math.tanh(cell[j]);
        });
        for (let j = 0; j < size; j += 1) out[t * size + j] += hidden[j];
      }
      return out;
    };

    /* codes: (K, n) row by row. A codebook that is not kept is left out of the sum, as gc.lesion's "omit" does. */
    const decode = ({ codes, kept, nSamples }) => {
      const { data: vectors, shape: [K, cardinality, D] } = arrays.codebooks;
      let n = codes.length / K;
      let inputs = D;
      let x = new Float64Array(n * D);
      for (const k of kept) {
        for (let t = 0; t < n; t += 1) {
          const from = (k * cardinality + codes[k * n + t]) * D;
          for (let c = 0; c < D; c += 1) x[t * D + c] += vectors[from + c];
        }
      }
      const shortcuts = [];
      for (const step of layers) {
        if (step.kind === "linear") {
          x = step.apply(padded(x, inputs, step.taps, step.pad), inputs, n);
          n *= step.frames;
          inputs = x.length / n;
        } else if (step.kind === "lstm") x = lstm(step, x, n);
        else if (step.kind === "elu") { for (let i = 0; i < x.length; i += 1) if (x[i] < 0) x[i] = Math.expm1(x[i]); }
        else if (step.kind === "keep") shortcuts.push(x.slice());
        else { const shortcut = shortcuts.pop(); for (let i = 0; i < x.length; i += 1) x[i] += shortcut[i]; }
      }
      return Float32Array.from(x.subarray(0, nSamples));
    };

    /* What giblet_core.listening.picture draws: the highest |sample| and the mel spectrum (dB) of each of `width` columns. */
    const look = ({ wave, width }) => {
      const { data: filters, shape: [bands, bins] } = arrays.mel;
      const size = 2 * (bins - 1);
      fourier ??= matrix(Float64Array.from({ length: 2 * bins * size }, (_, i) => {
        const [f, t] = [Math.floor(i / size), i % size];
        const window = 0.5 - 0.5 * Math.cos(2 * Math.PI * t / size);
        return window * (f < bins ? Math.cos(2 * Math.PI * f * t / size) : Math.sin(2 * Math.PI * (f - bins) * t / size));
      }), new Float64Array(2 * bins));
      const mel = matrix(filters, new Float64Array(bands));
      const hop = Math.max(1, Math.floor(wave.length / width));
      const frames = 1 + Math.floor(wave.length / hop);
      const around = new Float64Array(wave.length + size);
      around.set(wave, size / 2);
      const db = new Float32Array(width * bands);
      const peaks = new Float32Array(width);
      for (let column = 0; column < width; column += 1) {
        const from = Math.round(column * (frames - 1) / (width - 1)) * hop;
        const parts = fourier(around.subarray(from, from + size), size, 1);
        const power = parts.slice(0, bins).map((v, f) => v * v + parts[bins + f] ** 2);
        db.set(mel(power, bins, 1).map((v) => 10 * Math.log10(Math.max(v, 1e-10))), column * bands);
        const [a, b] = [column, column + 1].map((c) => Math.floor(c * wave.length / width));
        peaks[column] = wave.subarray(a, b).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      }
      return { db, peaks, bands };
    };

    /* Integrated loudness after ITU-R BS.1770 in LUFS: mean square of blocks of 0.4 s, gated. Minus infinity for silence. */
    const loudness = ({ wave, sampleRate }) => {
      let x = Float64Array.from(wave);
      for (const [b, a] of weighting) {
        const y = new Float64Array(x.length);
        for (let i = 0; i < x.length; i += 1) {
          y[i] = b[0] * x[i] + b[1] * (x[i - 1] ?? 0) + b[2] * (x[i - 2] ?? 0) - a[1] * (y[i - 1] ?? 0) - a[2] * (y[i - 2] ?? 0);
        }
        x = y;
      }
      const block = 0.4 * sampleRate;
      const n = Math.round((x.length - block) / (block / 4)) + 1;
      const powers = Array.from({ length: n }, (_, i) => x.subarray(i * block / 4, i * block / 4 + block).reduce((sum, v) => sum + v * v, 0) / block);
      const level = (list) => -0.691 + 10 * Math.log10(list.reduce((sum, v) => sum + v, 0) / list.length);
      const loud = powers.filter((power) => level([power]) >= -70);
      const gate = level(loud) - 10;
      const gated = loud.filter((power) => level([power]) > gate);
      return gated.length ? level(gated) : -Infinity;
    };

    const mix = (asked) => {
      const began = performance.now();
      const wave = decode(asked);
      const seconds = (performance.now() - began) / 1000;
      return { wave, seconds, lufs: loudness({ wave, ...asked }), ...look({ wave, ...asked }) };
    };
    return { load, mix };
  };

  /* Run the engine beside the page. Where a browser forbids a worker from a blob it runs in the page, which then stands still. */
  const start = () => {
    const here = engine();
    let worker;
    try {
      const source = `const it = (${engine})(); onmessage = async ({ data: [name, message] }) => {
        try { postMessage([await it[name](message)]); } catch (error) { postMessage([null, String(error)]); } };`;
      worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    } catch { return async (name, message) => here[name](message); }
    return (name, message) => new Promise((done, fail) => {
      worker.onmessage = ({ data: [result, error] }) => (error ? fail(new Error(error)) : done(result));
      worker.onerror = (event) => fail(new Error(event.message || "the worker stopped"));
      worker.postMessage([name, message]);
    });
  };

  /* Load the weights and give a function that mixes; one question at a time. */
  let waiting;
  window.giblet.decoder = (header, packed) => waiting({ header, packed });
  window.giblet.openDecoder = async (url) => {
    const weights = await new Promise((done, fail) => {
      waiting = done;
      document.head.append(window.giblet.el("script", { src: url, onerror: () => fail(new Error("its weights cannot be read")) }));
    });
    const ask = start();
    await ask("load", weights);
    return { mix: (asked) => ask("mix", { ...asked, sampleRate: weights.header.sampleRate }), ...weights.header };
  };
})();
