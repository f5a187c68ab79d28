// Draws candles on a canvas. Numbers here are places on the screen.

const AXIS_PX = 76;
const TIMES_PX = 22;
const STEP_PX = 7;
const VOLUME_PART = 0.16;
const FONT = '11px ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace';

// 1, 2, 2.5 or 5 times a power of ten, so that at most `lines` fit into `range`.
export function niceStep(range, lines) {
  const rough = range / Math.max(1, lines);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

// The lowest and highest price of the candles, with some air.
export function priceRange(candles) {
  const low = Math.min(...candles.map((candle) => candle.low));
  const high = Math.max(...candles.map((candle) => candle.high));
  const air = (high - low) * 0.08 || high * 0.0005 || 1;
  return { low: low - air, high: high + air };
}

export function createChart(canvas) {
  const context = canvas.getContext('2d');
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = Object.fromEntries(['up', 'down', 'grid', 'faint', 'text', 'accent', 'warn', 'panel', 'ink'].map((name) => [name, colour(name)]));
  let width = 0;
  let height = 0;
  let view = { candles: [], x: () => 0 };

  function resize() {
    const scale = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  function line(x1, y1, x2, y2, stroke, dash = []) {
    context.strokeStyle = stroke;
    context.lineWidth = 1;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    context.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
    context.stroke();
  }

  function write(text, x, y, fill, align = 'right') {
    context.fillStyle = fill;
    context.textAlign = align;
    context.fillText(text, x, y);
  }

  function drawGrid(frame, levels, priceText) {
    const taken = levels.map((level) => frame.y(level.price));
    const step = niceStep(frame.high - frame.low, frame.bottom / 42);
    for (let price = Math.ceil(frame.low / step) * step; price < frame.high; price += step) {
      const y = frame.y(price);
      line(0, y, frame.right, y, colours.grid);
      const isFree = y > 8 && y < frame.bottom - 4 && taken.every((other) => Math.abs(other - y) > 15);
      if (isFree) write(priceText(price), width - 8, y + 4, colours.faint);
    }
  }

  function drawTimes(frame, timeText) {
    const every = niceMinutes(90 / STEP_PX);
    for (const candle of frame.candles) {
      const minute = candle.start / 60000;
      const local = minute - new Date(candle.start).getTimezoneOffset();
      if (local % every !== 0) continue;
      const x = frame.x(candle) + STEP_PX / 2;
      line(x, 0, x, frame.bottom, colours.grid);
      if (x > 20 && x < frame.right - 20) write(timeText(candle.start), x, height - 7, colours.faint, 'center');
    }
  }

  function drawCandle(frame, candle, volumeMax) {
    const x = frame.x(candle);
    const tone = candle.close >= candle.open ? colours.up : colours.down;
    const top = frame.y(Math.max(candle.open, candle.close));
    const bottom = frame.y(Math.min(candle.open, candle.close));
    const tall = (frame.bottom * VOLUME_PART * candle.volume) / volumeMax || 0;
    context.fillStyle = tone;
    context.globalAlpha = 0.3;
    context.fillRect(x, frame.bottom - tall, STEP_PX - 2, tall);
    context.globalAlpha = 1;
    line(x + 2, frame.y(candle.high), x + 2, frame.y(candle.low), tone);
    context.fillRect(x, top, STEP_PX - 2, Math.max(1, bottom - top));
  }

  // A price of interest: its price on the axis, and what it is beside it.
  function drawTag(frame, level) {
    const y = frame.y(level.price);
    const back = colours[level.colour];
    context.fillStyle = back;
    context.fillRect(frame.right + 1, y - 8, AXIS_PX - 4, 16);
    write(level.text, width - 8, y + 4, colours.ink);
    if (!level.label) return;
    const wide = context.measureText(level.label).width + 10;
    context.fillStyle = back;
    context.fillRect(frame.right - wide - 1, y - 8, wide, 16);
    write(level.label, frame.right - 6, y + 4, colours.ink);
  }

  function layOut(candles) {
    const right = width - AXIS_PX;
    const bottom = height - TIMES_PX;
    const shown = candles.slice(-Math.max(1, Math.floor((right - 8) / STEP_PX)));
    const range = priceRange(shown);
    const first = right - 6 - shown.length * STEP_PX;
    const spots = new Map(shown.map((candle, index) => [candle, first + index * STEP_PX]));
    const usable = bottom * (1 - VOLUME_PART * 0.6);
    return { ...range, candles: shown, right, bottom, x: (candle) => spots.get(candle),
      y: (price) => ((range.high - price) / (range.high - range.low)) * usable };
  }

  // `levels`: [{ price, text, label, colour }]; `hovered`: a candle or null.
  function draw({ candles, levels, hovered, timeText, priceText }) {
    context.clearRect(0, 0, width, height);
    if (candles.length === 0 || width <= AXIS_PX) return;
    const frame = layOut(candles);
    const inside = levels.filter((level) => frame.y(level.price) >= 8 && frame.y(level.price) <= frame.bottom - 8);
    const volumeMax = Math.max(...frame.candles.map((candle) => candle.volume || 0)) || 1;
    context.font = FONT;
    view = frame;
    drawGrid(frame, inside, priceText);
    drawTimes(frame, timeText);
    line(0, frame.bottom, width, frame.bottom, colours.grid);
    for (const candle of frame.candles) drawCandle(frame, candle, volumeMax);
    if (hovered && frame.x(hovered) !== undefined) {
      const x = frame.x(hovered) + 2;
      line(x, 0, x, frame.bottom, colours.faint, [3, 3]);
    }
    for (const level of inside) line(0, frame.y(level.price), frame.right, frame.y(level.price), colours[level.colour], [2, 2]);
    for (const level of inside) drawTag(frame, level);
  }

  return {
    resize,
    draw,
    // The candle at `x` (CSS pixels from the left edge), or null.
    at: (x) => view.candles.find((candle) => x >= view.x(candle) && x < view.x(candle) + STEP_PX) ?? null,
    shown: () => view.candles,
  };
}

// A round number of minutes, at least `least`.
export function niceMinutes(least) {
  return [1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 360, 720].find((minutes) => minutes >= least) ?? 1440;
}
