// Colours of runs: ten that people who see few colours can tell apart, on light and on dark ground; then again.
// From Paul Tol's "bright" and "muted" schemes (https://sronpersonalpages.nl/~pault/), lightened for dark ground.
const light = ["#3465a4", "#c8443c", "#2b8a57", "#a8557f", "#b07d10", "#1f8a9e", "#6a51a3", "#8a6d3b", "#557a95", "#999933"];
const dark = ["#6ea6e8", "#f0837b", "#5fc98f", "#df8fb6", "#e0b04a", "#5ccadd", "#aa96e0", "#c9a36a", "#93b7cf", "#cccc66"];

export const colour = (place: number, isDark: boolean): string => (isDark ? dark : light)[place % light.length]!;

/** The same for the same run in every session: by its place among all, oldest first. */
export function places(keys: string[]): Map<string, number> {
  return new Map([...keys].reverse().map((key, place) => [key, place]));
}
