/* The demo codec's decoder in the reader's browser: any choice of codebooks, offline, also from
   file://. Weights come by a script of their own (live/decoder-*.js, written by
   giblet_core/listening/live_decoder.py) when the reader asks for them. */
(() => {
  "use strict";

  /* ---- Arithmetic -------------------------------------------------------------------------
     Everything down to `Decoder` refers to nothing else: its own text is what runs in the worker.
     Sound is stored frame by frame, x[t * channels + c], so that a causal convolution is a matrix
     on a window of consecutive numbers. */

  /* Return (x, inputs, n) => y with y[t] = W x[t * inputs ... t * inputs + columns] + b for n
     frames. Rows outside, frames inside: four rows of weights stay near. */
  function matrix(weight, bias) {
    const rows = bias.length;
    const columns = weight.length / rows;
    const linear = { weight, bias, rows, columns };
    const nonZero = Array.from({ length: rows }, (_, row) => nonZeroColumns(linear, row));
    const nNonZero = nonZero.reduce((sum, list) => sum + list.length, 0);
    const isSparse = nNonZero < weight.length / 4;
    return (x, inputs, n) => {
      const frames = { x, inputs, n };
      const y = new Float64Array(n * rows);
      let row = 0;
      while (row < rows) {
        if (isSparse || row + 4 > rows) {
          oneRow(linear, row, nonZero[row], frames, y);
          row += 1;
        } else {
          fourRows(linear, row, frames, y);
          row += 4;
        }
      }
      return y;
    };
  }

  function nonZeroColumns({ weight, columns }, row) {
    const list = [];
    for (let column = 0; column < columns; column += 1) {
      if (weight[row * columns + column] !== 0) list.push(column);
    }
    return Int32Array.from(list);
  }

  function oneRow({ weight, bias, rows, columns }, row, nonZero, { x, inputs, n }, y) {
    const first = row * columns;
    for (let t = 0; t < n; t += 1) {
      const from = t * inputs;
      let sum = bias[row];
      for (let j = 0; j < nonZero.length; j += 1) {
        sum += weight[first + nonZero[j]] * x[from + nonZero[j]];
      }
      y[t * rows + row] = sum;
    }
  }

  function fourRows({ weight, bias, rows, columns }, row, { x, inputs, n }, y) {
    const first = row * columns;
    const second = first + columns;
    const third = second + columns;
    const fourth = third + columns;
    for (let t = 0; t < n; t += 1) {
      const from = t * inputs;
      let sum0 = bias[row];
      let sum1 = bias[row + 1];
      let sum2 = bias[row + 2];
      let sum3 = bias[row + 3];
      for (let j = 0; j < columns; j += 1) {
        const value = x[from + j];
        sum0 += weight[first + j] * value;
        sum1 += weight[second + j] * value;
        sum2 += weight[third + j] * value;
        sum3 += weight[fourth + j] * value;
      }
      const to = t * rows + row;
      y[to] = sum0;
      y[to + 1] = sum1;
      y[to + 2] = sum2;
      y[to + 3] = sum3;
    }
  }

  /* EnCodec's decoder: a convolution, an LSTM, then for each ratio ELU, a transposed convolution
     and a residual block; ELU and a convolution. What has no weights is an ELU. */
  function layersOf(arrays) {
    const names = Object.keys(arrays).filter((name) => name.startsWith("layers."));
    const numbers = names.map((name) => Number(name.split(".")[1]));
    const last = Math.max(...numbers);
    const layers = [];
    for (let i = 0; i <= last; i += 1) {
      const layer = `layers.${i}`;
      const has = (part) => names.some((name) => name.startsWith(`${layer}.${part}`));
      if (has("lstm")) layers.push(recurrent(arrays, `${layer}.lstm`));
      else if (has("block")) layers.push(...residualBlock(arrays, `${layer}.block`));
      else if (!has("conv")) layers.push({ kind: "elu" });
      else if (i === 0 || i === last) layers.push(convolution(arrays, `${layer}.conv`));
      else layers.push(transposed(arrays, `${layer}.conv`));
    }
    return layers;
  }

  function residualBlock(arrays, name) {
    return [
      { kind: "keep" },
      { kind: "elu" },
      convolution(arrays, `${name}.1.conv`),
      { kind: "elu" },
      convolution(arrays, `${name}.3.conv`),
      { kind: "add" },
    ];
  }

  function convolution(arrays, name) {
    const { shape, data } = arrays[`${name}.weight`];
    const [, inputs, taps] = shape;
    const weight = new Float32Array(data.length); // (rows, taps, inputs)
    data.forEach((value, i) => {
      const row = Math.floor(i / taps / inputs);
      const input = Math.floor(i / taps) % inputs;
      const tap = i % taps;
      weight[(row * taps + tap) * inputs + input] = value;
    });
    const apply = matrix(weight, arrays[`${name}.bias`].data);
    return { kind: "linear", taps, pad: "reflect", frames: 1, apply };
  }

  /* The kernel is two strides long, so each of the `frames` that come out is a matrix on the frame
     before and the present one. */
  function transposed(arrays, name) {
    const { shape, data } = arrays[`${name}.weight`];
    const [inputs, rows, kernel] = shape;
    const frames = kernel / 2;
    const weight = new Float32Array(data.length); // (frames, rows, before or present, inputs)
    data.forEach((value, i) => {
      const input = Math.floor(i / kernel / rows);
      const row = Math.floor(i / kernel) % rows;
      const tap = i % kernel;
      const frame = tap % frames;
      const isPresent = tap < frames ? 1 : 0;
      weight[((frame * rows + row) * 2 + isPresent) * inputs + input] = value;
    });
    const rowBias = arrays[`${name}.bias`].data;
    const bias = Float32Array.from({ length: frames * rows }, (_, i) => rowBias[i % rows]);
    return { kind: "linear", taps: 2, pad: "zero", frames, apply: matrix(weight, bias) };
  }

  function recurrent(arrays, name) {
    const linear = (part) => {
      const weight = arrays[`${name}.weight_${part}_l0`].data;
      const bias = arrays[`${name}.bias_${part}_l0`].data;
      return matrix(weight, bias);
    };
    const size = arrays[`${name}.weight_hh_l0`].shape[1];
    return { kind: "lstm", apply: linear("ih"), recur: linear("hh"), size };
  }

  /* Put frames before the first: its mirror image, or nothing. */
  function padded(x, inputs, taps, pad) {
    const before = taps - 1;
    const out = new Float64Array(before * inputs + x.length);
    out.set(x, before * inputs);
    if (pad === "reflect") {
      for (let t = 1; t <= before; t += 1) {
        out.set(x.subarray(t * inputs, (t + 1) * inputs), (before - t) * inputs);
      }
    }
    return out;
  }

  function sigmoid(value) {
    return 1 / (1 + Math.exp(-value));
  }

  /* An LSTM and its shortcut. */
  function lstm({ apply, recur, size }, x, n) {
    const fromInput = apply(x, size, n); // what the input adds to the gates i, f, g, o
    const cell = new Float64Array(size);
    const out = new Float64Array(x);
    let hidden = new Float64Array(size);
    for (let t = 0; t < n; t += 1) {
      const fromHidden = recur(hidden, size, 1);
      const gate = (k, j) => fromInput[(4 * t + k) * size + j] + fromHidden[k * size + j];
      hidden = hidden.map((_, j) => {
        const input = sigmoid(gate(0, j)) * Math.tanh(gate(2, j));
        cell[j] = sigmoid(gate(1, j)) * cell[j] + input;
        return sigmoid(gate(3, j)) * Math.tanh(cell[j]);
      });
      for (let j = 0; j < size; j += 1) out[t * size + j] += hidden[j];
    }
    return out;
  }

  function elu(x) {
    for (let i = 0; i < x.length; i += 1) {
      if (x[i] < 0) x[i] = Math.expm1(x[i]);
    }
  }

  function add(x, other) {
    for (let i = 0; i < x.length; i += 1) x[i] += other[i];
  }

  /* Sum the vectors of the codebooks that are kept, (n, D). A codebook that is not kept is left out
     of the sum, as gc.lesion's "omit" does. codes: (K, n) row by row. */
  function summedLatents({ data: vectors, shape }, codes, kept) {
    const [K, cardinality, D] = shape;
    const n = codes.length / K;
    const latents = new Float64Array(n * D);
    for (const k of kept) {
      for (let t = 0; t < n; t += 1) {
        const from = (k * cardinality + codes[k * n + t]) * D;
        for (let c = 0; c < D; c += 1) latents[t * D + c] += vectors[from + c];
      }
    }
    return { latents, n, D };
  }

  /* Turn latents into sound, layer by layer. */
  function synthesise(layers, latents, n, D, nSamples) {
    const shortcuts = [];
    let x = latents;
    let inputs = D;
    let nFrames = n;
    for (const layer of layers) {
      if (layer.kind === "linear") {
        x = layer.apply(padded(x, inputs, layer.taps, layer.pad), inputs, nFrames);
        nFrames *= layer.frames;
        inputs = x.length / nFrames;
      } else if (layer.kind === "lstm") {
        x = lstm(layer, x, nFrames);
      } else if (layer.kind === "elu") {
        elu(x);
      } else if (layer.kind === "keep") {
        shortcuts.push(x.slice());
      } else {
        add(x, shortcuts.pop());
      }
    }
    return Float32Array.from(x.subarray(0, nSamples));
  }

  /* The discrete Fourier transform of `size` samples under a Hann window, as a matrix: the cosines
     of all bins, then their sines. */
  function fourierMatrix(size, bins) {
    const weight = Float64Array.from({ length: 2 * bins * size }, (_, i) => {
      const row = Math.floor(i / size);
      const t = i % size;
      const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * t) / size);
      if (row < bins) return hann * Math.cos((2 * Math.PI * row * t) / size);
      return hann * Math.sin((2 * Math.PI * (row - bins) * t) / size);
    });
    return matrix(weight, new Float64Array(2 * bins));
  }

  /* Integrated loudness after ITU-R BS.1770 in LUFS: mean square of blocks of 0.4 s, gated. Minus
     infinity for silence. */
  function loudness(wave, sampleRate, weighting) {
    let x = Float64Array.from(wave);
    for (const [b, a] of weighting) x = filtered(x, b, a);
    const block = 0.4 * sampleRate;
    const step = block / 4;
    const nBlocks = Math.round((x.length - block) / step) + 1;
    const powers = Array.from({ length: nBlocks }, (_, i) => {
      const samples = x.subarray(i * step, i * step + block);
      return samples.reduce((sum, value) => sum + value * value, 0) / block;
    });
    const loud = powers.filter((power) => levelOf([power]) >= -70);
    const gate = levelOf(loud) - 10;
    const gated = loud.filter((power) => levelOf([power]) > gate);
    return gated.length ? levelOf(gated) : -Infinity;
  }

  /* A filter of second order: b of the input, a of the output. */
  function filtered(x, b, a) {
    const y = new Float64Array(x.length);
    for (let i = 0; i < x.length; i += 1) {
      const fromInput = b[0] * x[i] + b[1] * (x[i - 1] ?? 0) + b[2] * (x[i - 2] ?? 0);
      y[i] = fromInput - a[1] * (y[i - 1] ?? 0) - a[2] * (y[i - 2] ?? 0);
    }
    return y;
  }

  function levelOf(powers) {
    const mean = powers.reduce((sum, power) => sum + power, 0) / powers.length;
    return -0.691 + 10 * Math.log10(mean);
  }

  async function unpacked(packed) {
    const text = atob(packed);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Float32Array(await new Response(stream).arrayBuffer());
  }

  /* The decoder of a page: `load` its weights, then `mix` any choice of codebooks. */
  class Decoder {
    async load({ header, packed }) {
      const numbers = await unpacked(packed);
      let first = 0;
      this.arrays = {}; // name: { shape, data }, as PyTorch names and lays them out
      for (const [name, shape] of Object.entries(header.shapes)) {
        const last = first + shape.reduce((product, length) => product * length);
        this.arrays[name] = { shape, data: numbers.subarray(first, last) };
        first = last;
      }
      this.layers = layersOf(this.arrays);
      this.weighting = header.weighting; // the two filters of ITU-R BS.1770
    }

    mix({ codes, kept, nSamples, width, sampleRate }) {
      const began = performance.now();
      const { latents, n, D } = summedLatents(this.arrays.codebooks, codes, kept);
      const wave = synthesise(this.layers, latents, n, D, nSamples);
      const seconds = (performance.now() - began) / 1000;
      const lufs = loudness(wave, sampleRate, this.weighting);
      return { wave, seconds, lufs, ...this.look(wave, width) };
    }

    /* What giblet_core.listening.picture draws: the highest |sample| and the mel spectrum (dB) of
       each of `width` columns. */
    look(wave, width) {
      const [bands, bins] = this.arrays.mel.shape;
      const size = 2 * (bins - 1);
      this.fourier ??= fourierMatrix(size, bins);
      this.mel ??= matrix(this.arrays.mel.data, new Float64Array(bands));
      const hop = Math.max(1, Math.floor(wave.length / width));
      const frames = 1 + Math.floor(wave.length / hop);
      const surrounded = new Float64Array(wave.length + size);
      surrounded.set(wave, size / 2);
      const db = new Float32Array(width * bands);
      const peaks = new Float32Array(width);
      for (let column = 0; column < width; column += 1) {
        const frame = Math.round((column * (frames - 1)) / (width - 1));
        const parts = this.fourier(surrounded.subarray(frame * hop, frame * hop + size), size, 1);
        const power = parts.slice(0, bins).map((real, f) => real * real + parts[bins + f] ** 2);
        const levels = this.mel(power, bins, 1);
        db.set(
          levels.map((level) => 10 * Math.log10(Math.max(level, 1e-10))),
          column * bands,
        );
        const first = Math.floor((column * wave.length) / width);
        const last = Math.floor(((column + 1) * wave.length) / width);
        const samples = wave.subarray(first, last);
        peaks[column] = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      }
      return { db, peaks, bands };
    }
  }

  const ARITHMETIC = [
    matrix,
    nonZeroColumns,
    oneRow,
    fourRows,
    layersOf,
    residualBlock,
    convolution,
    transposed,
    recurrent,
    padded,
    sigmoid,
    lstm,
    elu,
    add,
    summedLatents,
    synthesise,
    fourierMatrix,
    loudness,
    filtered,
    levelOf,
    unpacked,
    Decoder,
  ];

  /* ---- The page ------------------------------------------------------------------------- */

  const WORKER_MAIN = `
    const decoder = new Decoder();
    onmessage = async ({ data: [name, message] }) => {
      try {
        postMessage([await decoder[name](message)]);
      } catch (error) {
        postMessage([null, String(error)]);
      }
    };`;

  /* Return (name, message) => what that method of a decoder answers; one question at a time. It
     runs beside the page; where a browser forbids a worker from a blob it runs in the page, which
     then stands still. */
  const start = () => {
    let worker;
    try {
      const source = [...ARITHMETIC.map(String), WORKER_MAIN].join("\n");
      worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    } catch {
      const decoder = new Decoder();
      return async (name, message) => decoder[name](message);
    }
    return (name, message) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data: [result, error] }) => {
          if (error) reject(new Error(error));
          else resolve(result);
        };
        worker.onerror = (event) => reject(new Error(event.message || "the worker stopped"));
        worker.postMessage([name, message]);
      });
  };

  let receive; // takes the weights that the script brings
  window.giblet.decoder = (header, packed) => receive({ header, packed });

  const fetchWeights = (url) =>
    new Promise((resolve, reject) => {
      receive = resolve;
      const onerror = () => reject(new Error("its weights cannot be read"));
      document.head.append(window.giblet.el("script", { src: url, onerror }));
    });

  /* Load the weights and give a function that mixes. */
  window.giblet.openDecoder = async (url) => {
    const weights = await fetchWeights(url);
    const { header } = weights;
    const ask = start();
    await ask("load", weights);
    const mix = (asked) => ask("mix", { ...asked, sampleRate: header.sampleRate });
    return { mix, ...header };
  };
})();
