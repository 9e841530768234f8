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

/** An axis's ticks, in one unit and with no more digits than tell them apart: 5k, 10k, 15k. */
export function ticks(all: (number | null)[]): string[] {
  const known = all.filter((v) => v !== null);
  const [unit, name] = units.find(([unit]) => known.some((v) => Math.abs(v) >= 10 * unit || (unit > 1e3 && Math.abs(v) >= unit))) ?? [1, ""];
  const most_digits = 4;
  const exact = (v: number) => Math.abs(Number((v / unit).toFixed(most_digits)) * unit - v) <= Math.abs(v) * 1e-9;
  const is_short = name && known.every((v) => v === 0 || exact(v));
  return all.map((v) => (v === null ? "" : !is_short || v === 0 ? plain(v) : `${Number((v / unit).toFixed(most_digits))}${name}`));
}

const plain = (v: number): string => (Number.isSafeInteger(v) ? String(v) : short(v));
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
