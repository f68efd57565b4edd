import type { JsonSection } from './json-file.ts';

/** A quantity that a prompt may name, and what the model can do of it. */
export interface PromptLimit {
  /** As it stands beside the number: "bpm". */
  unit: string;
  minimum: number;
  maximum: number;
}

/** Reads our own key `prompt_limits`, such as `{"bpm": {"minimum": 60, "maximum": 187}}`. */
export function readPromptLimits(config: JsonSection): PromptLimit[] {
  const limits = config.section('prompt_limits');
  return limits.keys().map((unit) => {
    const range = limits.section(unit);
    const minimum = range.number('minimum', Number.NEGATIVE_INFINITY);
    return { unit, minimum, maximum: range.number('maximum', Number.POSITIVE_INFINITY) };
  });
}

/** A sentence for every quantity in the prompt, before or after its unit, that the model cannot do. */
export function promptLimitWarnings(prompt: string, limits: PromptLimit[]): string[] {
  return limits.flatMap(({ unit, minimum, maximum }) =>
    quantities(prompt, unit)
      .filter((value) => value < minimum || value > maximum)
      .map((value) => {
        const nearest = value < minimum ? minimum : maximum;
        return `The model cannot do ${value} ${unit}; the nearest it can is ${nearest} ${unit}.`;
      }),
  );
}

function quantities(prompt: string, unit: string): number[] {
  const word = unit.replace(/\W/g, '\\$&');
  const number = '(\\d+(?:\\.\\d+)?)';
  const pattern = new RegExp(`${number}\\s*-?${word}\\b|\\b${word}\\s*[:=]?\\s*${number}`, 'gi');
  return Array.from(prompt.matchAll(pattern), ([, before, after]) => Number(before ?? after));
}
