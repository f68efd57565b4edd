import { type Rendition, renditionRevision } from '@musicgen/audio';

/** The strong ETag of what is made from an original: encoders make the same bytes of it until their revision changes. */
export function renditionTag(sha256: string, what: Rendition | `${Rendition}-${number}`): string {
  return `"${sha256}-${what}-${renditionRevision}"`;
}
