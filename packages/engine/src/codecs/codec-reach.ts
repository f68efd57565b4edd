/** What of EnCodec's config decides how far its convolutions hear; the names are those of config.json. */
export interface ConvolutionSizes {
  readonly kernel_size: number;
  readonly last_kernel_size: number;
  readonly residual_kernel_size: number;
  readonly dilation_growth_rate: number;
  readonly num_residual_layers: number;
  readonly upsampling_ratios: readonly number[];
}

/** How many frames to either side the convolutions of EnCodec's decoder hear. */
export interface CodecReach {
  /** The one before the LSTM, of codes. */
  readonly codes: number;
  /** Those after the LSTM, of what it has made. */
  readonly states: number;
}

/**
 * Counted back from the sound: a convolution hears half its kernel to either side, a transposed one of kernel 2 · ratio
 * the input under it and one more.
 */
export function codecReach(sizes: ConvolutionSizes): CodecReach {
  let reach = half(sizes.last_kernel_size - 1);
  for (const ratio of sizes.upsampling_ratios.toReversed()) {
    for (let unit = 0; unit < sizes.num_residual_layers; unit++) {
      reach += half((sizes.residual_kernel_size - 1) * sizes.dilation_growth_rate ** unit);
    }
    reach = Math.ceil(reach / ratio) + 1;
  }
  return { codes: half(sizes.kernel_size - 1), states: reach };
}

function half(width: number): number {
  return Math.ceil(width / 2);
}
