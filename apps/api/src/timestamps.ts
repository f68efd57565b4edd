/** Unix milliseconds as the API shows times: RFC 3339 in UTC. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}

export function timestampOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : timestamp(ms);
}
