// Colours of runs. Ten that stay apart for people who see few colours, on light and on dark ground: found by a
// search for the greatest least distance, in Oklab, over usual sight and the three kinds of dichromacy as Machado,
// Oliveira and Fernandes simulate them (2009). The first four are the furthest apart.
export const palette = [
  { name: "blue", light: "#3465a4", dark: "#6ea6e8" },
  { name: "red", light: "#c8443c", dark: "#dc5f38" },
  { name: "teal", light: "#12a892", dark: "#2ce6c4" },
  { name: "amber", light: "#ca8b12", dark: "#ebbb22" },
  { name: "violet", light: "#aa82ee", dark: "#9a74b6" },
  { name: "steel", light: "#5f8199", dark: "#86cbf0" },
  { name: "rose", light: "#983668", dark: "#c99ab0" },
  { name: "copper", light: "#6f3d22", dark: "#ee8f52" },
  { name: "indigo", light: "#41319a", dark: "#5583ea" },
  { name: "olive", light: "#939065", dark: "#bac396" },
] as const;

export const colour = (place: number, is_dark: boolean): string => palette[place % palette.length]![is_dark ? "dark" : "light"];

/** The same for the same run in every session: by its place among all, oldest first. */
export function places(keys: string[]): Map<string, number> {
  return new Map([...keys].reverse().map((key, place) => [key, place]));
}
