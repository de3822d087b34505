import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

export interface PlotLine {
  readonly label: string;
  /** A custom property of the styles, which has the colour of either theme. */
  readonly colour: string;
  readonly dash?: number[];
}

interface PlotProps {
  readonly title: string;
  /** Unix time in seconds. */
  readonly times: readonly number[];
  readonly lines: readonly PlotLine[];
  readonly values: readonly (readonly number[])[];
  readonly format: (value: number) => string;
}

const HEIGHT_PX = 170;

/** Values over time, drawn by uPlot. The numbers of the latest are in the legend beside it, for those who cannot see it. */
export function Plot({ title, times, lines, values, format }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const theme = useTheme();
  useEffect(() => {
    const element = box.current!;
    const colour = colours(element);
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { y: false },
        scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
        axes: [
          { ...axis, space: 70 },
          { ...axis, size: 58, values: (_plot, ticks) => ticks.map((tick) => (tick === 0 ? "0" : format(tick))) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.5,
            points: { show: false },
            ...(line.dash ? { dash: line.dash } : { fill: transparent(colour(line.colour)) }),
          })),
        ],
      },
      [[...times], ...values.map((of) => [...of])],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current?.setData([[...times], ...values.map((of) => [...of])]), [times.at(-1), times.length]);
  return <div ref={box} class="plot" role="img" aria-label={`${title} over the last minutes`} />;
}

/** Reads the styles' colours as a canvas takes them. */
export function colours(element: Element): (name: string) => string {
  const probe = document.createElement("span");
  element.append(probe);
  const styles = new Map<string, string>();
  return (name) => {
    let known = styles.get(name);
    if (known === undefined) {
      probe.style.color = `var(${name})`;
      known = getComputedStyle(probe).color;
      styles.set(name, known);
    }
    return known;
  };
}

function transparent(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)");
}

/** Changes when the colours do. */
export function useTheme(): string {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return document.documentElement.dataset["theme"] ?? (dark ? "dark" : "light");
}
