import { growthOf, inMegabytes } from './judge.ts';
import { parts, type SoakResult } from './run.ts';

export interface ReportOptions {
  result: SoakResult;
  complaints: string[];
  /** How the run is repeated. */
  command: string;
  date: string;
}

/** The report of a run as a page of documentation. */
export function renderReport({ result, complaints, command, date }: ReportOptions): string {
  const { load, samples, restarts } = result;
  const minutes = Math.round((samples.at(-1)?.atSeconds ?? 0) / 60);
  const growth = growthOf(samples).map(
    ({ part, early, late }) => `| ${part} | ${inMegabytes(early)} | ${inMegabytes(late)} |`,
  );
  return `# A soak of ${minutes} minutes

\`${command}\`, ${date}: one API, three workers with the embedded model, all four priorities at random. One worker and the API ran
through; of the other two one was stopped or killed every 10 to 40 seconds.

| | |
|---|---|
| tasks acknowledged | ${load.acknowledged} |
| ended | ${Object.entries(load.ended)
    .map(([status, count]) => `${count} ${status}`)
    .join(', ')} |
| music made | ${Math.round(load.audioSeconds)} s |
| downloads whose sha256 was compared | ${load.downloads} |
| workers stopped with SIGTERM / killed | ${restarts.terminated} / ${restarts.killed} |
| complaints | ${complaints.length === 0 ? 'none' : complaints.join('; ')} |

Resident memory, medians:

| | second quarter | last quarter |
|---|---|---|
${growth.join('\n')}

![Resident memory over the run](soak.svg)
`;
}

const size = { width: 800, height: 240, margin: 40 };
const colours = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0'];

/** The samples as a picture, one line a part. */
export function renderPicture({ samples }: SoakResult): string {
  const lastSecond = samples.at(-1)?.atSeconds ?? 1;
  const top = Math.max(...samples.flatMap(({ bytes }) => Object.values(bytes))) * 1.1;
  const x = (second: number) => size.margin + (second / lastSecond) * (size.width - 2 * size.margin);
  const y = (bytes: number) => size.height - size.margin - (bytes / top) * (size.height - 2 * size.margin);
  const lines = parts.map((part, index) => {
    const points = samples.map(
      ({ atSeconds, bytes }) => `${x(atSeconds).toFixed(1)},${y(bytes[part]).toFixed(1)}`,
    );
    const label = `<text x="${size.margin + index * 90}" y="20" fill="${colours[index]}">${part}</text>`;
    return `<polyline fill="none" stroke="${colours[index]}" points="${points.join(' ')}"/>${label}`;
  });
  const axis = `<text x="${size.margin}" y="${size.height - 12}">0</text><text x="${size.width - 2 * size.margin}" y="${size.height - 12}">${Math.round(lastSecond / 60)} min</text><text x="2" y="${y(top / 1.1)}">${inMegabytes(top / 1.1)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12"><title>Resident memory</title>${axis}${lines.join('')}</svg>\n`;
}
