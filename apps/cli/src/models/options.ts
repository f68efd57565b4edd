import type { ModelLayout } from '@musicgen/engine';
import { type Precision, precisions } from '@musicgen/models';
import { Option } from 'commander';

export interface GraphOptions {
  precision: Precision;
  layout: ModelLayout;
}

export function precisionOption(): Option {
  return new Option('-p, --precision <precision>', 'how weights are stored')
    .choices(precisions)
    .default('int8' satisfies Precision);
}

export function layoutOption(): Option {
  return new Option('--layout <layout>', 'our own graphs, or those that transformers.js reads')
    .choices(['fast', 'standard'] satisfies ModelLayout[])
    .default('fast' satisfies ModelLayout);
}
