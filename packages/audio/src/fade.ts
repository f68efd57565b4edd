/**
 * Fades the end of a piece out to silence, in place: the gain follows a quarter of a cosine, under which the power falls
 * evenly to the ear, where a straight line seems to drop at its end.
 * @param channels `[channels][samples]`
 * @param samples how many at the end; a fade longer than the piece begins at its first sample.
 */
export function fadeOut(channels: readonly Float32Array[], samples: number): void {
  for (const channel of channels) {
    const length = Math.min(samples, channel.length);
    const start = channel.length - length;
    for (let index = 0; index < length; index++) {
      const gain = Math.cos(((index + 1) / length) * (Math.PI / 2));
      channel[start + index] = (channel[start + index] as number) * gain;
    }
  }
}
