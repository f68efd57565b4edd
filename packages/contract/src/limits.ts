/** What pages and forms must know without the schemas that say so. */

/** The longest prompt, in characters after trimming. */
export const maxPromptLength = 2000;

/** How many variations of one request may be asked for at once. */
export const maxVariations = 8;

/** How many requests a batch may hold. */
export const maxBatchLength = 100;
