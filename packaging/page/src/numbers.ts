// Numbers as the answers have them, and as people read them.
import type { Num } from "./source";

/** A number that can be drawn; null for the others. */
export const finite = (value: Num | undefined): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** In at most about nine characters. */
export function short(value: unknown): string {
  if (typeof value !== "number") return value == null ? "–" : String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toString();
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
}

/** An axis's ticks, in one unit where few digits tell them apart: 5k, 10k, 15k. */
export function ticks(all: (number | null)[]): string[] {
  const known = all.filter((v) => v !== null);
  const most = Math.max(...known.map(Math.abs));
  const gap = Math.min(...known.slice(1).map((v, i) => Math.abs(v - known[i]!)).filter((d) => d > 0));
  const [unit, name] = units.find(([unit]) => most >= (unit > 1e3 ? unit : 10 * unit)) ?? [1, ""];
  const write = (as: (v: number) => string) => all.map((v) => (v === null ? "" : as(v)));
  const most_digits = 4;
  for (const [of, end] of [[unit, name], [1, ""]] as const) {
    const digits = Math.max(0, Math.ceil(Math.log10(of / gap) - 1e-6)); // that far apart ticks differ
    const is_fit = digits <= most_digits && most / of < 1e7 && known.every((v) => Math.abs(Number((v / of).toFixed(digits)) * of - v) < gap * 1e-3);
    if (is_fit) return write((v) => (v === 0 ? "0" : `${Number((v / of).toFixed(digits))}${end}`));
  }
  const plain = write(short);
  return new Set(plain).size === plain.length ? plain : write((v) => String(Number(v.toPrecision(15))));
}

/** Where a logarithmic axis has ticks: at powers of ten, or closer where those are fewer than three. */
export function log_ticks(least: number, most: number): number[] {
  const [first, last] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  const inside = (all: number[]) => all.filter((v) => v >= least && v <= most);
  const every = Math.ceil((last - first) / 7);
  for (const digits of [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const all: number[] = [];
    for (let power = first; power <= last; power += digits.length === 1 ? every : 1)
      for (const digit of digits) all.push(Number(`${digit}e${power}`));
    if (inside(all).length >= 3) return inside(all);
  }
  const power = Math.floor(Math.log10((most - least) / 3));
  const step = [5, 2, 1].map((digit) => Number(`${digit}e${power}`)).find((step) => (most - least) / step >= 3)!;
  return inside(Array.from({ length: 25 }, (_, i) => Number(((Math.ceil(least / step) + i) * step).toPrecision(12))));
}

const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const;

/** 2100000 as "2.1 M". */
export function count(value: number): string {
  for (const [unit, name] of units)
    if (value >= unit) return `${Number((value / unit).toPrecision(3))} ${name}`;
  return String(value);
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit + 1 < units.length) (value /= 1024), unit++;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function duration(ms: number): string {
  const s = Math.max(0, ms / 1000);
  if (s < 100) return `${s.toFixed(1)} s`;
  const pad = (n: number) => String(Math.floor(n)).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${pad((s / 60) % 60)}:${pad(s % 60)}`;
}

export const time = (ms: number | null): string =>
  ms == null ? "–" : new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
