/** The largest absolute sample over all channels; 1 is full scale. */
export function peakOf(channels: Float32Array[]): number {
  let peak = 0;
  for (const channel of channels) {
    for (let index = 0; index < channel.length; index++) {
      const level = Math.abs(channel[index] as number);
      if (level > peak) peak = level;
    }
  }
  return peak;
}

/** An amplitude relative to full scale in dBFS; null for silence, which has none. */
export function toDecibels(amplitude: number): number | null {
  return amplitude > 0 ? 20 * Math.log10(amplitude) : null;
}
