// One metric of several runs, drawn by uPlot: a band from the least to the greatest value of each bucket, a line
// through the last ones or through the smoothed curve, marks for what is not finite and for saved versions.
import uPlot from "uplot";
import { finite, log_ticks, ticks } from "./numbers";
import type { Alert, Decision, DryRun, Series } from "./source";
import type { Axis } from "./view";

/** What is drawn over: an axis of the view, or another metric. */
export type Over = Axis | "metric";

export interface Curve {
  run: string;
  name: string;
  colour: string;
  series: Series;
  /** Of this run's checkpoints: what was saved, removed, failed. */
  decisions: Decision[];
  /** What the program said of itself. */
  alerts: Alert[];
  /** What a policy that is tried would have saved. */
  tried?: DryRun;
}

export interface Look {
  axis: Over;
  log_x: boolean;
  log_y: boolean;
  outliers: boolean;
  marks: boolean;
  zoom: [number, number] | null;
  ink: string;
  grid: string;
  width: number;
  height: number;
}

export interface Mark {
  at: number;
  kind: "kept" | "removed" | "failed" | "tried" | "tried and kept" | "restart" | "alert";
  colour: string;
  text: string;
}

/** In the axis's unit: steps, seconds since the run was made, seconds since the epoch. */
export function place(axis: Over, step: number, time_ms: number, origin_ms: number): number {
  return axis === "step" ? step : axis === "time" ? time_ms / 1000 : (time_ms - origin_ms) / 1000;
}
/** Of a bucket's end, which is in nanoseconds unless it is a step. */
const of_end = (axis: Over, end: number): number => (axis === "step" || axis === "metric" ? end : end / 1e9);

export interface Columns {
  x: number[];
  low: (number | null)[];
  high: (number | null)[];
  line: (number | null)[];
  bad: number[];
}

/** What is drawn of a curve, ordered by x. Where the step went back the later values are drawn over the earlier. */
export function columns(series: Series, axis: Over): Columns {
  const out: Columns = { x: [], low: [], high: [], line: [], bad: [] };
  const put = (x: number, low: number | null, high: number | null, line: number | null, is_bad: boolean) => {
    if (is_bad) out.bad.push(x);
    if (low === null) return;
    out.x.push(x), out.low.push(low), out.high.push(high), out.line.push(line);
  };
  const { points, buckets } = series;
  if (points) {
    points.value.forEach((value, i) => {
      const y = finite(value);
      put(place(axis, points.step[i]!, points.time_ms[i]!, series.origin_ms), y, y, y, y === null);
    });
  } else if (buckets) {
    buckets.to.forEach((to, i) => {
      put(of_end(axis, to), finite(buckets.min[i]), finite(buckets.max[i]), finite(buckets.last[i]), buckets.not_finite[i]! > 0);
    });
  }
  const order = out.x.map((_, i) => i).sort((a, b) => out.x[a]! - out.x[b]!);
  const sorted = <T,>(all: T[]) => order.map((i) => all[i]!);
  return { x: sorted(out.x), low: sorted(out.low), high: sorted(out.high), line: sorted(out.line), bad: out.bad };
}

/** What axes have a place for: a logarithm has none for 0 and below. A band goes down to the least that has one.
 * `left_out`: of how many points or buckets some of it has none. */
export function on_axes(c: Columns, look: Pick<Look, "log_x" | "log_y">): Columns & { left_out: number } {
  const least = look.log_y ? Math.min(...[...c.low, ...c.line, ...c.high].filter(is_above_0)) : 0;
  const out: Columns & { left_out: number } = { x: [], low: [], high: [], line: [], bad: c.bad, left_out: 0 };
  const or_none = (y: number | null) => (!look.log_y || is_above_0(y) ? y : null);
  c.x.forEach((x, i) => {
    const [low, high, line] = [c.low[i]!, c.high[i]!, c.line[i]!];
    const is_left_out = look.log_x && x <= 0;
    if (is_left_out || (look.log_y && low !== null && low <= 0)) ++out.left_out;
    if (is_left_out) return;
    out.x.push(x), out.high.push(or_none(high)), out.line.push(or_none(line));
    out.low.push(or_none(low) ?? (is_above_0(high) ? least : null));
  });
  return out;
}
const is_above_0 = (value: number | null): value is number => value !== null && value > 0;

/** A smoothed curve in the same way, and in the axis's unit. */
export function smooth_line(smooth: NonNullable<Series["smooth"]>, look: Pick<Look, "axis" | "log_x" | "log_y">): Columns {
  const x = smooth.at.map((end) => of_end(look.axis, end));
  return on_axes({ x, low: smooth.value, high: smooth.value, line: smooth.value, bad: [] }, look);
}

/** Where versions were saved, and what became of them; what would have been saved; where the step went back; where
 * the program raised an alert. */
export function marks(curve: Curve, axis: Over): Mark[] {
  if (axis === "metric") return []; // what was saved was saved at a step
  const removed = new Set(
    curve.decisions.filter((d) => d.kind === "removed" || d.kind === "lost").map((d) => `${d.checkpoint}:${d.version}`),
  );
  const out: Mark[] = [];
  const put = (step: number, time_ms: number | null, kind: Mark["kind"], text: string) =>
    out.push({ at: place(axis, step, time_ms ?? 0, curve.series.origin_ms), kind, colour: curve.colour, text });
  for (const a of curve.alerts)
    put(a.step, a.time_ms, "alert", `${a.title}${a.text && `: ${a.text}`} (${a.level}, ${curve.name}, step ${a.step})`);
  for (const d of curve.decisions) {
    if (d.kind !== "saved" && d.kind !== "failed") continue;
    const why = d.because.map((b) => `${b.policy}: ${b.reason}`).join("; ") || (d.by_hand ? "by hand" : d.text);
    const name = `${d.checkpoint}:${d.version ?? "–"}`;
    const kind = d.kind === "failed" ? "failed" : removed.has(name) ? "removed" : "kept";
    put(d.step, d.time_ms, kind, `${name} at step ${d.step}, ${kind}. ${why}`);
  }
  for (const v of curve.tried?.versions ?? [])
    put(v.step, v.time_ms, v.kept ? "tried and kept" : "tried", `would be saved at step ${v.step}, ${v.kept ? "and kept" : "and removed later"}`);
  const back = curve.series.restarts_at;
  back?.step.forEach((step, i) => put(step, back.time_ms[i]!, "restart", `${curve.name} went on from step ${step}`));
  return out;
}

/** From the 1st to the 99th percentile, a little wider: what stays when outliers are left out. */
export function without_outliers(values: number[], is_log = false): [number, number] | null {
  if (values.length < 10) return null;
  if (is_log) {
    const [low, high] = without_outliers(values.map(Math.log10))!;
    return [10 ** low, 10 ** high];
  }
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const [low, high] = [at(0.01), at(0.99)];
  const pad = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - pad, high + pad];
}

/** "2.1 M points in 1,000 buckets, exact least and greatest" */
export function fidelity(all: Series[], look: Pick<Look, "axis" | "log_x" | "log_y">): string {
  const shown = all.reduce((sum, s) => sum + s.in_window, 0);
  const drawn = all.reduce((sum, s) => sum + (s.points?.value.length ?? s.buckets?.to.length ?? 0), 0);
  const number = (n: number) => n.toLocaleString("en");
  const left_out = look.log_x || look.log_y ? all.reduce((sum, s) => sum + on_axes(columns(s, look.axis), look).left_out, 0) : 0;
  const told = all.some((s) => s.buckets)
    ? `${number(shown)} points → ${number(drawn)} buckets, exact min and max`
    : `${number(shown)} points, every one`;
  return left_out > 0 ? `${told} · ${number(left_out)} of them at or below 0, which no log axis shows` : told;
}

/** What a chart shows of its axes. */
export interface Frame {
  x: [number, number];
  y: [number, number];
  ticks_x: number[];
  ticks_y: number[];
}

/** Draws curves into an element until `destroy`. */
export class Chart {
  private readonly plot: uPlot;
  private readonly marks: Mark[];

  constructor(
    host: HTMLElement,
    curves: Curve[],
    look: Look,
    hear: { zoom: (range: [number, number] | null) => void; point: (x: number | null, values: (number | null)[], near: Mark[]) => void },
  ) {
    const drawn = curves.map((curve) => on_axes(columns(curve.series, look.axis), look));
    this.marks = look.marks ? curves.flatMap((curve) => marks(curve, look.axis)) : [];
    const bad = drawn.flatMap((c, i) => c.bad.map((x) => ({ x, colour: curves[i]!.colour })));

    const tables: uPlot.AlignedData[] = [];
    const series: uPlot.Series[] = [{}];
    const bands: uPlot.Band[] = [];
    const shown: number[] = []; // the index of each curve's line
    curves.forEach((curve, i) => {
      const c = drawn[i]!;
      const has_band = curve.series.buckets !== undefined || curve.series.smooth !== undefined;
      const smooth = curve.series.smooth && smooth_line(curve.series.smooth, look);
      const at = series.length;
      if (has_band) {
        tables.push([c.x, c.low, c.high]);
        const edge: uPlot.Series = { points: { show: false }, stroke: `${curve.colour}${smooth ? "30" : "a0"}`, width: 1, spanGaps: true };
        series.push(edge, { ...edge });
        bands.push({ series: [at + 1, at], fill: `${curve.colour}${smooth ? "2e" : "40"}` });
      }
      tables.push(smooth ? [smooth.x, smooth.line] : [c.x, c.line]);
      shown.push(series.length);
      const few = (smooth ?? c).x.length < 40;
      series.push({ stroke: curve.colour, width: 1.5, spanGaps: true, points: { show: few, size: 4, fill: curve.colour } });
    });
    const data = tables.length ? uPlot.join(tables) : ([[]] as unknown as uPlot.AlignedData);

    const y_range = (): [number, number] | null => {
      if (look.outliers) return null;
      return without_outliers(drawn.flatMap((c) => c.line.filter((y): y is number => y !== null)), look.log_y);
    };
    const kept = y_range();
    const least_x = () => Math.min(...drawn.flatMap((c) => c.x.slice(0, 1)));
    const zoom = look.zoom && look.log_x && look.zoom[0] <= 0 ? ([least_x(), look.zoom[1]] as [number, number]) : look.zoom;
    const text = { stroke: look.ink, font: "11px system-ui, sans-serif" };
    const lines = { stroke: look.grid, width: 1 };
    // The library's own choice begins where a zoom does, and has no tick between two powers of ten.
    const logarithmic: uPlot.Axis = { splits: (_u, _axis, least, most) => log_ticks(least, most), filter: (_, all) => all };
    const along = (is_log: boolean): uPlot.Axis => ({ grid: lines, ticks: lines, ...(is_log ? logarithmic : {}) });
    this.plot = new uPlot(
      {
        width: look.width,
        height: look.height,
        legend: { show: false },
        cursor: { sync: { key: "cairn", setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 5 } },
        scales: {
          x: {
            time: look.axis === "time",
            distr: look.log_x ? 3 : 1,
            ...(zoom ? { range: () => zoom as uPlot.Range.MinMax } : {}),
          },
          y: { distr: look.log_y ? 3 : 1, ...(kept ? { range: () => kept as uPlot.Range.MinMax } : {}) },
        },
        axes: [
          { ...text, ...along(look.log_x), size: 28, values: look.axis === "time" ? undefined : (_, all) => ticks(all) },
          { ...text, ...along(look.log_y), size: 54, values: (_, all) => ticks(all) },
        ],
        series,
        bands,
        hooks: {
          draw: [(u) => this.draw_marks(u, bad)],
          setSelect: [
            (u) => {
              if (u.select.width < 4) return;
              hear.zoom([u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]);
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
          setCursor: [
            (u) => {
              const i = u.cursor.idx;
              if (i == null || u.cursor.left == null || u.cursor.left < 0) return hear.point(null, [], []);
              const x = u.data[0]![i]!;
              const value = (column: number) => nearest(u.data[column] as (number | null)[], i);
              const near = this.marks.filter((mark) => Math.abs(u.valToPos(mark.at, "x") - u.cursor.left!) < 5);
              hear.point(x, shown.map(value), near);
            },
          ],
        },
      },
      data,
      host,
    );
    this.plot.over.addEventListener("dblclick", () => hear.zoom(null));
  }

  destroy(): void {
    this.plot.destroy();
  }

  /** What was drawn, as a picture. */
  png(ground: string): Promise<Blob | null> {
    const from = this.plot.ctx.canvas;
    const canvas = document.createElement("canvas");
    canvas.width = from.width;
    canvas.height = from.height;
    const ctx = canvas.getContext("2d")!;
    ctx.fillStyle = ground;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(from, 0, 0);
    return new Promise((give) => canvas.toBlob(give, "image/png"));
  }
  /** The ends of both axes and where their ticks are, as they are drawn. */
  frame(): Frame {
    const { x, y } = this.plot.scales as { x: uPlot.Scale; y: uPlot.Scale };
    const ticks = (at: number) => ((this.plot.axes[at] as unknown as { _splits?: number[] })._splits ?? []).filter((v) => v !== null);
    return { x: [x.min!, x.max!], y: [y.min!, y.max!], ticks_x: ticks(0), ticks_y: ticks(1) };
  }

  /** Versions as triangles on the axis: full for those that are kept, empty for those that are gone, a cross for
   * what could not be saved; what is tried as diamonds at the top, alerts as flags there. What is not finite as a
   * line there. */
  private draw_marks(u: uPlot, bad: { x: number; colour: string }[]): void {
    const { ctx } = u;
    const scale = devicePixelRatio;
    const { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    for (const mark of this.marks) {
      const x = u.valToPos(mark.at, "x", true);
      const y = top + height;
      const size = 4 * scale;
      if (mark.kind === "restart") {
        ctx.strokeStyle = `${mark.colour}90`;
        ctx.setLineDash([3 * scale, 3 * scale]);
        ctx.beginPath(), ctx.moveTo(x, top), ctx.lineTo(x, y), ctx.stroke();
        ctx.setLineDash([]);
        continue;
      }
      if (mark.kind === "alert") {
        ctx.fillStyle = mark.colour;
        ctx.fillRect(x - scale / 2, top, scale, 3.5 * size);
        const end = x + 2.2 * size * (x < left + width - 3 * size ? 1 : -1); // always inside
        ctx.beginPath(), ctx.moveTo(x, top), ctx.lineTo(end, top + size), ctx.lineTo(x, top + 2 * size), ctx.fill();
        continue;
      }
      ctx.strokeStyle = ctx.fillStyle = mark.kind === "removed" || mark.kind === "tried" ? `${mark.colour}70` : mark.colour;
      ctx.lineWidth = 1.25 * scale;
      ctx.beginPath();
      if (mark.kind === "tried" || mark.kind === "tried and kept") {
        ctx.moveTo(x, top + scale), ctx.lineTo(x + size, top + size), ctx.lineTo(x, top + 2 * size), ctx.lineTo(x - size, top + size), ctx.closePath();
        if (mark.kind === "tried and kept") ctx.fill();
      } else if (mark.kind === "failed") {
        ctx.moveTo(x - size, y - 2 * size), ctx.lineTo(x + size, y);
        ctx.moveTo(x + size, y - 2 * size), ctx.lineTo(x - size, y);
      } else {
        ctx.moveTo(x - size, y), ctx.lineTo(x, y - 2 * size), ctx.lineTo(x + size, y), ctx.closePath();
        if (mark.kind === "kept") ctx.fill();
      }
      ctx.stroke();
    }
    for (const { x, colour } of bad) {
      const at = u.valToPos(x, "x", true);
      ctx.fillStyle = colour;
      ctx.fillRect(at - scale, top, 2 * scale, 8 * scale);
    }
    ctx.restore();
  }
}

/** The value at an index, or the last one before it. */
function nearest(column: (number | null | undefined)[], i: number): number | null {
  for (let at = i; at >= 0 && at > i - 500; at--) if (column[at] != null) return column[at]!;
  return null;
}
