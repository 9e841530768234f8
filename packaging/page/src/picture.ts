// A chart as a file: what is drawn as numbers, and as a picture that can be scaled.
import { columns, on_axes, smooth_line, type Curve, type Frame, type Look } from "./chart";
import { ticks } from "./numbers";

const quoted = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Every point or bucket that is drawn: `run,id,x,min,max,last`, and `smooth` at its own places. */
export function to_csv(curves: Curve[], look: Look): string {
  const lines = [`run,id,${look.axis === "step" ? "step" : look.axis === "metric" ? "x" : "seconds"},min,max,last,smooth`];
  const number = (value: number | null) => (value === null ? "" : String(value));
  for (const curve of curves) {
    const c = columns(curve.series, look.axis);
    const who = `${quoted(curve.name)},${quoted(curve.run)}`;
    c.x.forEach((x, i) => lines.push(`${who},${x},${number(c.low[i]!)},${number(c.high[i]!)},${number(c.line[i]!)},`));
    curve.series.smooth?.at.forEach((at, i) =>
      lines.push(`${who},${look.axis === "step" || look.axis === "metric" ? at : at / 1e9},,,,${curve.series.smooth!.value[i]}`),
    );
  }
  return lines.join("\n") + "\n";
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** The same picture as lines and areas. */
export function to_svg(title: string, curves: Curve[], look: Look, frame: Frame, ground: string): string {
  const [left, top, right, legend] = [60, 30, 12, 22];
  const width = Math.max(480, look.width);
  const height = Math.max(260, look.height);
  const inner = { width: width - left - right, height: height - top - 28 - legend };
  const scale = (ends: [number, number], is_log: boolean) => {
    const of = (v: number) => (is_log ? Math.log10(v) : v);
    return (v: number) => (of(v) - of(ends[0])) / (of(ends[1]) - of(ends[0]) || 1);
  };
  const along = scale(frame.x, look.log_x);
  const up = scale(frame.y, look.log_y);
  const x = (v: number) => Number((left + along(v) * inner.width).toFixed(2));
  const y = (v: number) => Number((top + (1 - up(v)) * inner.height).toFixed(2));
  const along_x = frame.ticks_x.filter((v) => v >= frame.x[0] && v <= frame.x[1]);
  const along_y = frame.ticks_y.filter((v) => v >= frame.y[0] && v <= frame.y[1] && (!look.log_y || v > 0));
  const minute = (v: number) => new Date(v * 1000).toISOString().slice(0, 16).replace("T", " ");
  const [said_x, said_y] = [look.axis === "time" ? along_x.map(minute) : ticks(along_x), ticks(along_y)];
  const out: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="${ground}"/>`,
    `<text x="${left}" y="18" font-size="13" font-weight="600" fill="${look.ink}">${escaped(title)}</text>`,
    `<clipPath id="inside"><rect x="${left}" y="${top}" width="${inner.width}" height="${inner.height}"/></clipPath>`,
  ];
  along_y.forEach((v, i) =>
    out.push(`<path d="M${left} ${y(v)}h${inner.width}" stroke="${look.grid}"/><text x="${left - 6}" y="${y(v) + 4}" text-anchor="end" fill="${look.ink}">${escaped(said_y[i]!)}</text>`),
  );
  along_x.forEach((v, i) =>
    out.push(`<path d="M${x(v)} ${top}v${inner.height}" stroke="${look.grid}"/><text x="${x(v)}" y="${top + inner.height + 16}" text-anchor="middle" fill="${look.ink}">${escaped(said_x[i]!)}</text>`),
  );
  out.push('<g clip-path="url(#inside)">');
  for (const curve of curves) {
    const c = on_axes(columns(curve.series, look.axis), look);
    const known = c.x.map((_, i) => i).filter((i) => c.low[i] !== null && c.high[i] !== null);
    const smooth = curve.series.smooth && smooth_line(curve.series.smooth, look);
    if (known.length > 1 && (curve.series.buckets || smooth)) {
      const edge = (column: (number | null)[], order: number[]) => order.map((i) => `${x(c.x[i]!)} ${y(column[i]!)}`).join("L");
      out.push(`<path d="M${edge(c.high, known)}L${edge(c.low, [...known].reverse())}Z" fill="${curve.colour}" fill-opacity="0.25"/>`);
    }
    const line = smooth ?? c;
    const path = line.x.flatMap((at, i) => (line.line[i] === null ? [] : `${x(at)} ${y(line.line[i]!)}`));
    if (path.length) out.push(`<path d="M${path.join("L")}" fill="none" stroke="${curve.colour}" stroke-width="1.5" stroke-linejoin="round"/>`);
  }
  out.push("</g>");
  let at = left;
  for (const curve of curves.slice(0, 8)) {
    const name = curve.name.length > 24 ? `${curve.name.slice(0, 23)}…` : curve.name;
    out.push(`<path d="M${at} ${height - 12}h14" stroke="${curve.colour}" stroke-width="3"/><text x="${at + 18}" y="${height - 8}" fill="${look.ink}">${escaped(name)}</text>`);
    at += 30 + name.length * 6.5;
  }
  out.push("</svg>");
  return out.join("\n") + "\n";
}

/** Gives a file to the user. */
export function download(name: string, content: Blob | string, type = "text/plain"): void {
  const blob = typeof content === "string" ? new Blob([content], { type }) : content;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replaceAll(/[^\w.-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
