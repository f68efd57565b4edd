import { findPeaks, withFewerPoints } from './peaks.ts';

const points = 400;
const pointWidth = 2;
const channelHeight = 100;

/**
 * The waveform as an SVG that needs nothing else: one band a channel, in the text colour of wherever it is shown, scaled
 * by its `viewBox`.
 */
export function drawWaveform(channels: readonly Float32Array[], sampleRate: number): string {
  const { peaks, duration } = withFewerPoints(findPeaks(channels, sampleRate), points);
  const height = channels.length * channelHeight;
  const bands = peaks.map((channel, index) => bandOf(channel, (index + 0.5) * channelHeight));
  const width = points * pointWidth;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img">`,
    `<title>Waveform of ${Number(duration.toFixed(1))} seconds of audio</title>`,
    `<path fill="currentColor" d="${bands.join('')}"/>`,
    '</svg>\n',
  ].join('');
}

/** A closed outline: along the highest samples and back along the lowest, with a hair's width where it is silent. */
function bandOf(channel: readonly number[], middle: number): string {
  const y = (sample: number) => Number((middle - (sample * channelHeight) / 2).toFixed(1));
  const columns = Array.from({ length: channel.length / 2 }, (_, point) => ({
    x: point * pointWidth,
    low: y(Math.min(channel[2 * point] as number, -hair)),
    high: y(Math.max(channel[2 * point + 1] as number, hair)),
  }));
  const along = columns.map(({ x, high }) => `${x} ${high}`);
  const back = columns.toReversed().map(({ x, low }) => `${x} ${low}`);
  return `M${[...along, ...back].join('L')}Z`;
}

const hair = 0.005;
