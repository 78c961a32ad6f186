/** A line, or the bars, of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

export interface BarChart {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly { readonly name: string; readonly value: number; readonly highlight?: boolean }[];
}

const WIDTH = 760;
const HEIGHT = 420;
const MARGIN = { top: 44, right: 24, bottom: 56, left: 76 };
const COLOURS = ["#1b6ca8", "#c8553d", "#3f7d20", "#7b4b94"];
const TICKS = 5;
const LEGEND_LEFT = WIDTH - 320;

/** Lines from the origin, with axes and a legend. The x axis goes as far as the longest line. */
export function lineChart({ title, xLabel, yLabel, series }: LineChart): string {
  const all = series.flatMap(({ points }) => points);
  const xs = ticksTo(Math.max(...all.map(({ x }) => x)));
  const ys = ticksTo(Math.max(...all.map(({ y }) => y)));
  const x = scale(xs.at(-1) ?? 1, MARGIN.left, WIDTH - MARGIN.right);
  const y = scale(ys.at(-1) ?? 1, HEIGHT - MARGIN.bottom, MARGIN.top);
  const lines = series.map(({ points }, n) => {
    const path = points.map((point) => `${x(point.x)},${y(point.y)}`).join(" ");
    return `<polyline fill="none" stroke="${colour(n)}" stroke-width="2" points="${path}"/>`;
  });
  const legend = series.map(({ name }, n) => {
    // Below the lines, which rise to the right.
    const top = HEIGHT - MARGIN.bottom - 18 * (series.length - n);
    return `<rect x="${LEGEND_LEFT}" y="${top}" width="12" height="4" fill="${colour(n)}"/>${text(LEGEND_LEFT + 18, top + 6, name)}`;
  });
  return svg(HEIGHT, title, [
    ...xs.map((value) => text(x(value), HEIGHT - MARGIN.bottom + 18, label(value), "middle")),
    ...ys.flatMap((value) => [
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>`,
      text(MARGIN.left - 8, y(value) + 4, label(value), "end"),
    ]),
    ...lines,
    ...legend,
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 14, xLabel, "middle"),
    `<g transform="rotate(-90 18 ${HEIGHT / 2})">${text(18, HEIGHT / 2, yLabel, "middle")}</g>`,
  ]);
}

/** Bars side by side, lying, each with its value. */
export function barChart({ title, unit, bars }: BarChart): string {
  const [row, left] = [34, 270];
  const height = MARGIN.top + bars.length * row + 16;
  const x = scale(Math.max(...bars.map(({ value }) => value)), left, WIDTH - 90);
  return svg(
    height,
    title,
    bars.flatMap(({ name, value, highlight = false }, n) => {
      const top = MARGIN.top + n * row;
      return [
        text(left - 10, top + 16, name, "end"),
        `<rect x="${left}" y="${top + 2}" width="${Math.max(1, round(x(value) - left))}" height="20" fill="${colour(highlight ? 0 : 1)}"/>`,
        text(x(value) + 8, top + 16, `${unit}${Math.round(value)}`),
      ];
    }),
  );
}

function svg(height: number, title: string, parts: readonly string[]): string {
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#222" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${WIDTH / 2}" y="24" font-size="15" text-anchor="middle">${escaped(title)}</text>`,
    ...parts,
    "</svg>",
  ].join("\n")}\n`;
}

const text = (x: number, y: number, content: string, anchor = "start"): string =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;

const escaped = (content: string): string =>
  content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const colour = (n: number): string => COLOURS[n % COLOURS.length] ?? "#000";
const round = (value: number): number => Math.round(value * 10) / 10;
const label = (value: number): string => value.toLocaleString("en-US");

const scale =
  (most: number, from: number, to: number) =>
  (value: number): number =>
    round(from + (value / most) * (to - from));

/** 0 and some round values, the last not below the largest. */
function ticksTo(largest: number): number[] {
  const rough = Math.max(largest, 1e-9) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(largest / step) + 1 }, (_, n) => Number((n * step).toPrecision(12)));
}
