// A run's colour, and the choice of another one.
import { useEffect, useRef } from "preact/hooks";
import { colour, palette } from "./colours";
import type { Run } from "./source";
import type { Shown } from "./app";

export interface Painting {
  run: Run;
  /** Where the choice opens. */
  left: number;
  top: number;
}

/** Shows the colour, and asks for another when it is pressed. */
export function Paint({ shown, run }: { shown: Shown; run: Run }) {
  return (
    <button type="button" class="paint" aria-label={`colour of ${run.name}`} title="Colour" onClick={(e) => {
      const { left, bottom } = e.currentTarget.getBoundingClientRect();
      shown.paint({ run, left, top: bottom + 4 });
    }}>
      <i class="dot" style={{ background: shown.colour(run.key) }} />
    </button>
  );
}

export function Palette({ shown, painting }: { shown: Shown; painting: Painting | null }) {
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!painting) return;
    const { style, offsetWidth, offsetHeight } = (panel.current!.showPopover(), panel.current!);
    style.left = `${Math.max(8, Math.min(painting.left, innerWidth - offsetWidth - 8))}px`;
    style.top = `${Math.max(8, Math.min(painting.top, innerHeight - offsetHeight - 8))}px`;
    (panel.current!.querySelector<HTMLElement>("[aria-pressed=true]") ?? panel.current!.querySelector("button"))?.focus();
  }, [painting]);
  const key = painting?.run.key ?? "";
  const { colours } = shown.view;
  const choose = (place: number | null) => {
    const { [key]: _, ...others } = colours;
    shown.change({ colours: place === null ? others : { ...others, [key]: place } });
    panel.current!.hidePopover();
  };
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const all = [...panel.current!.querySelectorAll<HTMLElement>("button:enabled")];
    all[(all.indexOf(document.activeElement as HTMLElement) + by + all.length) % all.length]?.focus();
  };
  return (
    <div popover="auto" class="palette" role="dialog" aria-label={`colour of ${painting?.run.name ?? "a run"}`} ref={panel} onKeyDown={step} onToggle={(e) => e.newState === "closed" && shown.paint(null)}>
      {painting && (
        <>
          {palette.map(({ name }, place) => (
            <button type="button" key={name} class="swatch" aria-label={name} title={name} aria-pressed={colour(place, shown.is_dark) === shown.colour(key)} onClick={() => choose(place)}>
              <i style={{ background: colour(place, shown.is_dark) }} />
            </button>
          ))}
          <button type="button" class="quiet" disabled={colours[key] === undefined} onClick={() => choose(null)}>as given</button>
        </>
      )}
    </div>
  );
}
