// "What would this policy have saved?": a dry run over the rows that were logged, as marks on the curves.
import { useEffect, useState } from "preact/hooks";
import { bytes } from "./numbers";
import type { DryRun, Failure, Run, Source } from "./source";
import type { Shown } from "./app";
import type { View } from "./view";

export type Trials = Map<string, { would?: DryRun; failure?: Failure }>;
/** Of so many runs at a time. */
const most_runs = 10;
const none: Trials = new Map();

/** Asked a moment after the last change: a slider changes often. */
export function use_tried(source: Source, view: View, visible: Run[]): Trials {
  const [tried, set_tried] = useState<Trials>(none);
  const runs = visible.slice(0, most_runs);
  useEffect(() => {
    if (!view.policy || !source.live) return set_tried(none);
    let is_old = false;
    const timer = setTimeout(async () => {
      const all = await Promise.all(
        runs.map(async (run) => {
          try {
            return [run.key, { would: await source.ask("simulate", [["run", run.key], ["policy", view.policy], ["keep", view.keep]]) }] as const;
          } catch (failure) {
            return [run.key, { failure: failure as Failure }] as const;
          }
        }),
      );
      if (!is_old) set_tried(new Map<string, { would?: DryRun; failure?: Failure }>(all));
    }, 200);
    return () => ((is_old = true), clearTimeout(timer));
  }, [view.policy, view.keep, runs.map((run) => `${run.key} ${run.seen}`).join(" ")]);
  return tried;
}

/** The whole numbers of a policy, where they are: those can be slid. */
function numbers_in(policy: string): { at: number; text: string }[] {
  return [...policy.matchAll(/(?<![\w."])\d+(?![\w."])/g)].map((found) => ({ at: found.index, text: found[0] }));
}

export function Tried({ shown }: { shown: Shown }) {
  const { view, tried, change } = shown;
  const numbers = numbers_in(view.policy);
  const slide = (at: number, old: string, now: string) => change({ policy: view.policy.slice(0, at) + now + view.policy.slice(at + old.length) });
  const failures = [...new Set([...tried.values()].flatMap(({ failure }) => (failure ? [`${failure.message}; ${failure.advice}`] : [])))];
  return (
    <details class="tried" open={view.policy !== ""}>
      <summary class="dim">Try a saving policy</summary>
      <form class="tools" onSubmit={(e) => e.preventDefault()}>
        <input class="policy" aria-label="policy" placeholder="best(val/loss, min) | every(500)" spellcheck={false} value={view.policy} onInput={(e) => change({ policy: e.currentTarget.value })} />
        <input aria-label="keep" placeholder="keep: last(3)" spellcheck={false} value={view.keep} onInput={(e) => change({ keep: e.currentTarget.value })} />
        {numbers.map(({ at, text }, i) => (
          <label key={i}>
            <input type="range" aria-label={`number ${i + 1} of the policy`} min="0" max="100" value={20 * Math.log10(Number(text) || 1)} onInput={(e) => slide(at, text, String(Math.round(10 ** (Number(e.currentTarget.value) / 20))))} />
            <output>{text}</output>
          </label>
        ))}
      </form>
      {failures.map((text) => <p class="bad" role="status" key={text}>{text}</p>)}
      <ul class="trials">
        {shown.visible.flatMap((run) => {
          const would = tried.get(run.key)?.would;
          if (!would) return [];
          const kept = would.versions.filter((version) => version.kept).length;
          return (
            <li key={run.key}>
              <i class="dot" style={{ background: shown.colour(run.key) }} /> {run.name}{" "}
              <b>{would.versions.length} saved, {kept} kept</b>
              {would.bytes_kept > 0 && ` · ${bytes(would.bytes_kept)}`}
              <span class="dim"> · at most {would.most_rows_lost} rows between two</span>
            </li>
          );
        })}
      </ul>
    </details>
  );
}
