/** Draws a figure as SVG: one line a variant with its median and spread, or curves. Readable on light and dark pages. */
import { short } from './measure.js';
import { axisOf, lineTicks } from './chart-axis.js';

const width = 840;
const left = 320;
const right = 90;
const rowHeight = 24;
const plot = { from: left, to: width - right };

const style = `<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d1d9e0 }
  .limit { fill: #1a7f37; stroke: #1a7f37 } .ours { fill: #0969da; stroke: #0969da } .peer { fill: #818b98; stroke: #818b98 }
  .strong { font-weight: 600 } .curve { fill: none; stroke-width: 2 }
  .c0 { stroke: #0969da } .c1 { stroke: #1a7f37 } .c2 { stroke: #9a6700 } .c3 { stroke: #8250df } .c4 { stroke: #cf222e } .c5 { stroke: #818b98 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .faint { fill: #9198a1 } .grid { stroke: #3d444d } .ours { fill: #4493f8; stroke: #4493f8 } .limit { fill: #3fb950; stroke: #3fb950 } }
</style>`;

/** @param {import('./report.js').Figure} figure */
export function drawFigure(figure) {
  return figure.rows === undefined ? drawCurves(figure) : drawRows(figure);
}

function drawRows({ rows, title, unit, better }) {
  const sorted = rows.toSorted((a, b) => (better === 'lower' ? a.median - b.median : b.median - a.median));
  const axis = axisOf(
    sorted.flatMap(({ low, high }) => [low, high]),
    plot,
  );
  const bottom = 30 + sorted.length * rowHeight;
  const lines = sorted.map(({ name, role, median, low, high }, index) => {
    const y = 42 + index * rowHeight;
    const strong = role === 'ours' ? ' class="strong"' : '';
    return [
      `<text x="${left - 12}" y="${y + 4}" text-anchor="end"${strong}>${escape(name)}</text>`,
      `<line class="${role}" x1="${axis.at(low)}" x2="${axis.at(high)}" y1="${y}" y2="${y}" stroke-width="3" stroke-opacity=".4"/>`,
      `<circle class="${role}" cx="${axis.at(median)}" cy="${y}" r="5"/>`,
      `<text x="${plot.to + 12}" y="${y + 4}"${strong}>${escape(short(median))}</text>`,
    ].join('');
  });
  const caption = `${unit}${axis.isLog ? ', logarithmic' : ''}; ${better} is better`;
  return frame({ title, height: bottom + 44, body: [grid(axis, { top: 30, bottom }), ...lines, captionAt(caption, bottom + 36)] });
}

function drawCurves({ lines, x, title, unit, better }) {
  const across = axisOf(
    lines.flatMap(({ points }) => points.map(([at]) => at)),
    { from: 60, to: width - 50 },
    { log: x.log === true },
  );
  const [top, bottom] = [30, 280];
  const up = axisOf(
    lines.flatMap(({ points }) => points.map(([, value]) => value)),
    { from: bottom, to: top },
  );
  const curves = lines.map(({ name, points }, index) => {
    const path = points.map(([at, value]) => `${across.at(at)},${up.at(value)}`);
    const y = bottom + 58 + index * 18;
    return [
      `<polyline class="curve c${index % 6}" points="${path.join(' ')}"/>`,
      ...path.map((point) => `<circle class="curve c${index % 6}" cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3"/>`),
      `<line class="curve c${index % 6}" x1="60" x2="84" y1="${y - 4}" y2="${y - 4}"/><text x="92" y="${y}">${escape(name)}</text>`,
    ].join('');
  });
  const levels = lineTicks(up).map(
    ([y, label]) =>
      `<line class="grid" x1="60" x2="${width - 50}" y1="${y}" y2="${y}"/><text class="faint" x="52" y="${y + 4}" text-anchor="end">${label}</text>`,
  );
  const caption = `across: ${x.label}${across.isLog ? ', logarithmic' : ''}; up: ${unit}${up.isLog ? ', logarithmic' : ''}, ${better} is better`;
  const body = [grid(across, { top, bottom }), ...levels, ...curves, captionAt(caption, bottom + 36, 60)];
  return frame({ title, height: bottom + 58 + lines.length * 18, body });
}

function grid(axis, { top, bottom }) {
  return lineTicks(axis)
    .map(
      ([x, label]) =>
        `<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/><text class="faint" x="${x}" y="${bottom + 16}" text-anchor="middle">${label}</text>`,
    )
    .join('');
}

const captionAt = (text, y, x = left) => `<text class="faint" x="${x}" y="${y}">${escape(text)}</text>`;

function frame({ title, height, body }) {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`;
  return [head, style, `<text class="strong" x="12" y="18">${escape(title)}</text>`, ...body, '</svg>', ''].join('\n');
}

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
