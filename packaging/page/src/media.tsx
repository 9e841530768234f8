// Images, tables, histograms and the like of a run: a card for each metric, with a slider over the steps.
import { useEffect, useRef, useState } from "preact/hooks";
import { bytes, count, short } from "./numbers";
import { download } from "./picture";
import type { Curve, Failure, Grid, Histogram, Matrix, Media, MediaMetric, Source, TableValue } from "./source";

/** So many steps a slider has, and a heat map columns. */
const most_steps = 1000;
const most_columns = 150;

export function MediaCards({ source, run, seen }: { source: Source; run: string; seen: number }) {
  const [metrics, set_metrics] = useState<Record<string, MediaMetric>>({});
  const [left_out, leave_out] = useState(0);
  const [failure, fail] = useState<Failure | null>(null);
  useEffect(() => {
    let is_old = false;
    source.ask("media", [["run", run]]).then(
      (answer) => is_old || (fail(null), set_metrics(answer.media ?? {}), leave_out(answer.left_out ?? 0)),
      (why: Failure) => is_old || fail(why),
    );
    return () => void (is_old = true);
  }, [run, seen]);
  if (failure) return <p class="bad">{failure.message}; {failure.advice}</p>;
  const all = Object.entries(metrics);
  if (!all.length && !left_out) return null;
  return (
    <section class="part">
      <h3>Images, tables, histograms</h3>
      {left_out > 0 && <p class="dim">and {left_out} more, which had no room in this report</p>}
      <div class="cards">
        {all.map(([metric, about]) => (
          <MediaCard key={metric} source={source} run={run} metric={metric} about={about} />
        ))}
      </div>
    </section>
  );
}

function MediaCard({ source, run, metric, about }: { source: Source; run: string; metric: string; about: MediaMetric }) {
  const [entries, set_entries] = useState<Media[]>([]);
  const [place, move] = useState<number | null>(null); // nothing: the last one, also of those that come
  const [value, set_value] = useState<Media | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  useEffect(() => {
    let is_old = false;
    source.ask("media", [["run", run], ["metric", metric], ["most", most_steps]]).then(
      (answer) => is_old || set_entries(answer.entries ?? []),
      (why: Failure) => is_old || fail(why),
    );
    return () => void (is_old = true);
  }, [run, metric, about.count]);
  const shown = entries[place === null ? entries.length - 1 : Math.min(place, entries.length - 1)];
  useEffect(() => {
    if (!shown) return;
    let is_old = false;
    const timer = setTimeout(() => {
      source.ask("media", [["run", run], ["metric", metric], ["at", shown.at], ["values", "yes"]]).then(
        (answer) => is_old || (fail(null), set_value(answer.entries?.[0] ?? null)),
        (why: Failure) => is_old || fail(why),
      );
    }, 60);
    return () => ((is_old = true), clearTimeout(timer));
  }, [run, metric, shown?.at]);
  return (
    <article class="card media" data-media={metric}>
      <header>
        <h3 title={metric}>{metric}</h3>
        {value && <button class="quiet" onClick={() => save(value)}>save</button>}
      </header>
      {failure ? <p class="bad">{failure.message}; {failure.advice}</p> : value ? <Shown value={value} /> : <p class="dim">…</p>}
      {about.kind === "histogram" && about.count > 1 && <HeatMap source={source} run={run} metric={metric} count={about.count} />}
      <footer class="dim">
        {entries.length > 1 && (
          <input type="range" aria-label={`step of ${metric}`} min="0" max={entries.length - 1} value={place ?? entries.length - 1}
            onInput={(e) => { const at = Number(e.currentTarget.value); move(at === entries.length - 1 ? null : at); }} />
        )}
        <span>{shown ? `step ${shown.step}` : ""}{about.count > 1 ? `, ${count(about.count)} of steps ${about.first_step} to ${about.last_step}` : ""}</span>
      </footer>
    </article>
  );
}

const pictures = ["image/png", "image/jpeg", "image/gif", "image/webp"];

function Shown({ value }: { value: Media }) {
  if (value.error) return <p class="bad">{value.error.message}; {value.error.advice}</p>;
  const caption = typeof value.about.caption === "string" ? value.about.caption : "";
  const said = caption ? <p class="dim">{caption}</p> : null;
  switch (value.kind) {
    case "image":
      if (value.base64 !== undefined && pictures.includes(value.type))
        return <figure><img alt={caption || `${value.metric} of step ${value.step}`} src={`data:${value.type};base64,${value.base64}`} />{said}</figure>;
      break;
    case "audio":
      if (value.base64 !== undefined && value.type === "audio/wav") return <figure><audio controls src={`data:audio/wav;base64,${value.base64}`} />{said}</figure>;
      break;
    case "text":
      if (value.text !== undefined) return <pre class="console" tabIndex={0}>{value.text}</pre>;
      break;
    case "field":
      if (value.base64 !== undefined) return <figure><FieldValue value={value} />{said}</figure>;
      break;
    case "histogram":
      if (is_histogram(value.json)) return <Bars of={value.json} />;
      break;
    case "table":
      if (is_table(value.json)) return <Cells of={value.json} />;
      break;
    case "confusion_matrix":
      if (is_matrix(value.json)) return <Confusion of={value.json} />;
      break;
    case "curve":
      if (is_curve(value.json)) return <Line of={value.json} />;
      break;
  }
  return <p class="dim">{value.type}, {bytes(value.bytes)}</p>;
}

// What a file holds may be anything: it is looked at before it is drawn.
type Loose = Record<string, unknown>;
const is_object = (value: unknown): value is Loose => typeof value === "object" && value !== null && !Array.isArray(value);
const are = (value: unknown, kind: "number" | "string"): boolean => Array.isArray(value) && value.every((one) => typeof one === kind);
const is_histogram = (v: unknown): v is Histogram => is_object(v) && are(v.edges, "number") && are(v.counts, "number") && (v.edges as number[]).length === (v.counts as number[]).length + 1;
const is_table = (v: unknown): v is TableValue => is_object(v) && are(v.columns, "string") && Array.isArray(v.data) && v.data.every(Array.isArray);
const is_matrix = (v: unknown): v is Matrix => is_object(v) && are(v.labels, "string") && Array.isArray(v.counts) && v.counts.every((row) => are(row, "number"));
const is_curve = (v: unknown): v is Curve => is_object(v) && are(v.x, "number") && are(v.y, "number") && (v.x as number[]).length === (v.y as number[]).length && (v.x as number[]).length > 0;

function Bars({ of }: { of: Histogram }) {
  const most = Math.max(1, ...of.counts);
  const low = of.edges[0]!, width = of.edges[of.edges.length - 1]! - low || 1;
  const not_finite = of.nan + of.positive_infinity + of.negative_infinity;
  return (
    <figure>
      <svg class="drawn" viewBox="0 0 300 120" preserveAspectRatio="none" role="img" aria-label={`${count(of.finite)} values from ${short(of.min)} to ${short(of.max)}`}>
        {of.counts.map((n, i) => n > 0 && (
          <rect key={i} x={((of.edges[i]! - low) / width) * 300} y={120 - (n / most) * 118} width={Math.max(((of.edges[i + 1]! - of.edges[i]!) / width) * 300 - 0.6, 0.6)} height={(n / most) * 118} />
        ))}
      </svg>
      <figcaption class="dim ends">
        <span>{short(of.edges[0])}</span>
        <span>{count(of.finite)} values{of.mean === undefined ? "" : `, mean ${short(of.mean)}`}{not_finite ? <b class="bad">, {count(not_finite)} not finite</b> : ""}</span>
        <span>{short(of.edges[of.edges.length - 1])}</span>
      </figcaption>
    </figure>
  );
}

function Cells({ of }: { of: TableValue }) {
  const most = 100;
  return (
    <div class="scroll" tabIndex={0}>
      <table>
        <thead><tr>{of.columns.map((name, i) => <th key={i}>{name}</th>)}</tr></thead>
        <tbody>
          {of.data.slice(0, most).map((row, i) => (
            <tr key={i}>{row.map((cell, k) => <td key={k} class={typeof cell === "number" ? "number" : ""}>{typeof cell === "object" && cell !== null ? JSON.stringify(cell) : cell === null ? "" : short(cell)}</td>)}</tr>
          ))}
        </tbody>
      </table>
      {of.data.length > most && <p class="dim">and {count(of.data.length - most)} more rows</p>}
    </div>
  );
}

function Confusion({ of }: { of: Matrix }) {
  const most = 40;
  const labels = of.labels.slice(0, most);
  return (
    <div class="scroll" tabIndex={0}>
      <table class="matrix">
        <thead><tr><th class="dim">true, predicted</th>{labels.map((name) => <th key={name}>{name}</th>)}</tr></thead>
        <tbody>
          {labels.map((name, i) => {
            const row = of.counts[i] ?? [];
            const all = row.reduce((sum, n) => sum + n, 0) || 1;
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                {labels.map((other, k) => (
                  <td key={other} class={`number${i === k ? " hit" : ""}`} style={{ "--share": String(Math.round((100 * (row[k] ?? 0)) / all)) }} title={`${name} taken for ${other}: ${row[k] ?? 0} of ${all}`}>{row[k] ?? 0}</td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      {of.labels.length > most && <p class="dim">and {of.labels.length - most} more classes</p>}
    </div>
  );
}

function Line({ of }: { of: Curve }) {
  const [x0, x1] = [Math.min(...of.x), Math.max(...of.x)], [y0, y1] = [Math.min(0, ...of.y), Math.max(...of.y)];
  const points = of.x.map((x, i) => `${(((x - x0) / (x1 - x0 || 1)) * 300).toFixed(1)},${(120 - ((of.y[i]! - y0) / (y1 - y0 || 1)) * 118).toFixed(1)}`);
  return (
    <figure>
      <svg class="drawn" viewBox="0 0 300 120" preserveAspectRatio="none" role="img" aria-label={`${of.y_name} over ${of.x_name}`}>
        <polyline points={points.join(" ")} />
      </svg>
      <figcaption class="dim ends">
        <span>{short(x0)}</span>
        <span>{of.y_name} over {of.x_name}{of.area === undefined ? "" : <b>, area {short(of.area)}</b>}</span>
        <span>{short(x1)}</span>
      </figcaption>
    </figure>
  );
}

/** Colours that are even to the eye, also to a colour-blind one: matplotlib's viridis (CC0) at ten places. */
const viridis = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
function paint(pixels: Uint8ClampedArray, at: number, place: number): void {
  const scaled = Math.min(Math.max(place, 0), 1) * (viridis.length - 1);
  const i = Math.min(Math.floor(scaled), viridis.length - 2), part = scaled - i;
  for (let c = 0; c < 3; ++c) pixels[at + c] = viridis[i]![c]! * (1 - part) + viridis[i + 1]![c]! * part;
  pixels[at + 3] = 255;
}

function grid_of(value: Media): Grid | null {
  const { width, height } = value.about;
  if (typeof width !== "number" || typeof height !== "number" || !(width > 0 && height > 0 && width * height * 4 === value.bytes)) return null;
  const text = atob(value.base64!);
  const view = new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer);
  return { width, height, at: (i) => view.getFloat32(4 * i, true) };
}

function FieldValue({ value }: { value: Media }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const grid = grid_of(value);
  let low = Infinity, high = -Infinity;
  for (let i = 0; grid && i < grid.width * grid.height; ++i) {
    const x = grid.at(i);
    if (Number.isFinite(x)) (low = Math.min(low, x)), (high = Math.max(high, x));
  }
  useEffect(() => {
    if (!grid) return;
    const image = new ImageData(grid.width, grid.height);
    for (let i = 0; i < grid.width * grid.height; ++i) {
      const x = grid.at(i);
      if (Number.isFinite(x)) paint(image.data, 4 * i, high > low ? (x - low) / (high - low) : 0.5);
    }
    canvas.current?.getContext("2d")?.putImageData(image, 0, 0);
  }, [value]);
  if (!grid) return <p class="bad">The field is not of the size that it tells.</p>;
  const unit = typeof value.about.unit === "string" ? ` ${value.about.unit}` : "";
  return (
    <>
      <canvas class="field" ref={canvas} width={grid.width} height={grid.height} role="img" aria-label={`a field of ${grid.width} × ${grid.height}, from ${short(low)} to ${short(high)}`} />
      <figcaption class="dim ends"><span>{short(low)}{unit}</span><i class="viridis" /><span>{short(high)}{unit}</span></figcaption>
    </>
  );
}

/** How a histogram changes over the steps: a column for each, a row for each stretch of values. */
function HeatMap({ source, run, metric, count: total }: { source: Source; run: string; metric: string; count: number }) {
  const rows = 64;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [columns, set_columns] = useState<{ step: number; of: Histogram }[]>([]);
  useEffect(() => {
    let is_old = false;
    source.ask("media", [["run", run], ["metric", metric], ["most", most_columns], ["values", "yes"]]).then(
      (answer) => is_old || set_columns((answer.entries ?? []).flatMap((one) => (is_histogram(one.json) && one.json.finite > 0 ? [{ step: one.step, of: one.json }] : []))),
      () => {},
    );
    return () => void (is_old = true);
  }, [run, metric, total]);
  const low = Math.min(...columns.map(({ of }) => of.edges[0]!)), high = Math.max(...columns.map(({ of }) => of.edges[of.edges.length - 1]!));
  useEffect(() => {
    if (columns.length < 2) return;
    const image = new ImageData(columns.length, rows);
    columns.forEach(({ of }, column) => {
      const density = new Float64Array(rows);
      of.counts.forEach((n, i) => {
        if (!n) return;
        const from = ((of.edges[i]! - low) / (high - low)) * rows, to = ((of.edges[i + 1]! - low) / (high - low)) * rows;
        for (let r = Math.floor(from); r < Math.min(Math.ceil(to), rows); ++r)
          density[r]! += (n * (Math.min(to, r + 1) - Math.max(from, r))) / Math.max(to - from, 1e-9);
      });
      const most = Math.max(...density, 1e-9);
      for (let r = 0; r < rows; ++r) if (density[r]! > 0) paint(image.data, 4 * ((rows - 1 - r) * columns.length + column), Math.sqrt(density[r]! / most));
    });
    canvas.current?.getContext("2d")?.putImageData(image, 0, 0);
  }, [columns]);
  if (columns.length < 2 || !(high > low)) return null;
  return (
    <figure>
      <canvas class="heat" ref={canvas} width={columns.length} height={rows} role="img" aria-label={`${metric} over the steps, values from ${short(low)} to ${short(high)}`} />
      <figcaption class="dim ends"><span>step {columns[0]!.step}</span><span>{short(low)} to {short(high)}, upwards</span><span>{columns[columns.length - 1]!.step}</span></figcaption>
    </figure>
  );
}

const endings: Record<string, string> = { "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "audio/wav": "wav", "application/json": "json" };
function save(value: Media): void {
  const name = `${value.metric.replaceAll("/", "_")}-${value.step}.${endings[value.type] ?? (value.type.startsWith("text/") ? "txt" : "bin")}`;
  if (value.json !== undefined) download(name, JSON.stringify(value.json), value.type);
  else if (value.text !== undefined) download(name, value.text, "text/plain");
  else if (value.base64 !== undefined) download(name, new Blob([Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0))], { type: "application/octet-stream" }));
}
