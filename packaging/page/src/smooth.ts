// The smoothed curves of include/cairn/query/smooth.hpp, for a report: it has no server to ask, and so smooths
// what it has, the last values of its buckets.
import { finite } from "./numbers";
import type { Series } from "./source";
import type { Axis, Smoothing } from "./view";

export function smooth(series: Series, axis: Axis, kind: Smoothing, weight: number): { at: number[]; value: number[] } {
  const at: number[] = [];
  const y: number[] = [];
  const put = (place: number, value: number | null) => value !== null && (at.push(place), y.push(value));
  if (series.points) {
    const { step, time_ms, value } = series.points;
    const place = (i: number) => (axis === "step" ? step[i]! : (time_ms[i]! - (axis === "time" ? 0 : series.origin_ms)) * 1e6);
    value.forEach((one, i) => put(place(i), finite(one)));
  } else if (series.buckets) {
    series.buckets.to.forEach((to, i) => put(to, finite(series.buckets!.last[i])));
  }
  return { at, value: kind === "gaussian" ? gaussian(y, weight) : running(at, y, kind, weight) };
}

function running(x: number[], y: number[], kind: Smoothing, weight: number): number[] {
  const is_timed = kind === "time_weighted";
  const w = Math.min(is_timed ? Math.sqrt(weight) : weight, 0.999);
  const range = Math.max(...x.slice(-1)) - x[0]! || 1;
  let [sum, mass] = [0, 0];
  return y.map((value, i) => {
    const keep = is_timed && i > 0 ? w ** ((Math.max(0, x[i]! - x[i - 1]!) / range) * 1000) : w;
    const add = is_timed ? 1 : 1 - keep;
    sum = sum * keep + value * add;
    mass = mass * keep + add;
    return mass > 0 ? sum / mass : value;
  });
}

function gaussian(y: number[], sigma: number): number[] {
  const bell = Array.from({ length: Math.ceil(3 * sigma) + 1 }, (_, d) => (sigma > 0 ? Math.exp((-d * d) / (2 * sigma * sigma)) : 1));
  return y.map((_, i) => {
    let [sum, mass] = [0, 0];
    for (let d = 1 - bell.length; d < bell.length; d++) {
      if (y[i + d] === undefined) continue;
      sum += bell[Math.abs(d)]! * y[i + d]!;
      mass += bell[Math.abs(d)]!;
    }
    return sum / mass;
  });
}
