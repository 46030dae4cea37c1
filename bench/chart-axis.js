/** Where values lie on an axis of a chart: linear from zero, or logarithmic where they differ too much to be seen otherwise. */

/**
 * @param {number[]} values
 * @param {{ from: number, to: number }} pixels
 * @param {{ log?: boolean }} [options] `log`: demanded or refused; without it, where values differ by more than 20 times
 */
export function axisOf(values, { from, to }, { log } = {}) {
  const greatest = Math.max(...values);
  const positive = values.filter((value) => value > 0);
  const least = Math.min(...positive);
  const isLog = positive.length > 0 && (log ?? greatest / least > 20);
  const round = (pixel) => Math.round(pixel * 10) / 10;
  if (isLog) {
    const [low, high] = [Math.floor(Math.log10(least)), Math.max(Math.ceil(Math.log10(greatest)), Math.floor(Math.log10(least)) + 1)];
    const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
    // What is zero lies at the edge.
    const at = (value) => round(from + ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (to - from));
    return { isLog, ticks, at };
  }
  const step = niceStep(greatest / 4);
  const top = Math.max(Math.ceil(greatest / step) * step, step);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { isLog, ticks, at: (value) => round(from + (value / top) * (to - from)) };
}

/** Where each tick is, and what is written at it. */
export function lineTicks({ ticks, at }) {
  return ticks.map((tick) => [at(tick), Number(tick.toPrecision(6)).toLocaleString('en', { maximumFractionDigits: 6 })]);
}

/** 1, 2 or 5 with zeros. */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  return power * ([1, 2, 5].find((digit) => digit * power >= rough) ?? 10);
}
